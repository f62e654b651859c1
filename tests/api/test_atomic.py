# SPDX-License-Identifier: Apache-2.0
"""Goal: one winner among many, and values that end in time.

Method: add, compare_and_set, increment from threads and processes; times to live with real
clocks. Failure means a lost update, two winners, or a value past its time.
"""

import math
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True


def test_add_creates_only(store: tryget.Store) -> None:
    assert store.add("a", 1) is True
    assert store.add("a", 2) is False
    assert store["a"] == 1
    del store["a"]
    assert store.add("a", 3)


def test_add_beside_children(store: tryget.Store) -> None:
    store["a/b"] = 1
    assert store.add("a", 2)
    assert not store.add("a", 3)
    assert dict(store) == {"a": 2, "a/b": 1}


def test_compare_and_set(store: tryget.Store) -> None:
    assert store.compare_and_set("a", 0, "first")
    assert not store.compare_and_set("a", 0, "again")
    version = store.stat("a").version
    assert version != 0
    assert store.compare_and_set("a", version, "second")
    assert not store.compare_and_set("a", version, "third")
    assert store["a"] == "second"
    assert store.stat("a").version != version
    assert not store.compare_and_set("b", version, 1)
    assert "b" not in store


def test_compare_and_set_sees_a_value_that_came_back(store: tryget.Store) -> None:
    store["a"] = 1
    version = store.stat("a").version
    store["a"] = 2
    store["a"] = 1
    assert not store.compare_and_set("a", version, 3)
    del store["a"]
    assert not store.compare_and_set("a", version, 3)
    store["a"] = 1
    assert not store.compare_and_set("a", version, 3)


@pytest.mark.parametrize("version", [-1, 1 << 64, 12345])
def test_a_version_that_never_was(store: tryget.Store, version: int) -> None:
    store["a"] = 1
    assert store.compare_and_set("a", version, 2) is False


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_a_version_of_another_type(store: tryget.Store, version: Any) -> None:
    with pytest.raises(TypeError):
        store.compare_and_set("a", version, 2)


def test_versions_are_unique(store: tryget.Store) -> None:
    seen = set()
    for number in range(2000):
        store[f"k/{number % 10}"] = number
        seen.add(store.stat(f"k/{number % 10}").version)
    assert len(seen) == 2000
    assert 0 not in seen


def test_increment(store: tryget.Store) -> None:
    with pytest.raises(KeyError):
        store.increment("a")
    assert "a" not in store
    assert store.increment("a", initial=10) == 11
    assert store.increment("a") == 12
    assert store.increment("a", -20) == -8
    assert store.increment("a", 0) == -8
    assert store.increment("a", 2**64) == 2**64 - 8
    assert store["a"] == 2**64 - 8
    assert store.increment("b", 5, initial=-1) == 4


@pytest.mark.parametrize("value", ["1", 1.0, True, None, [1], b"1"])
def test_increment_of_no_int_is_a_type_error(store: tryget.Store, value: Any) -> None:
    store["a"] = value
    with pytest.raises(TypeError):
        store.increment("a")
    with pytest.raises(TypeError):
        store.increment("a", initial=1)
    assert store["a"] == value
    if value is not None:
        with pytest.raises(TypeError):
            store.increment("b", initial=value)
    with pytest.raises(TypeError):
        store.increment("b", value, initial=1)


def test_increment_keeps_the_time_to_live(store: tryget.Store) -> None:
    store.set("a", 1, ttl=100)
    store.increment("a")
    expires = store.stat("a").expires
    assert expires is not None
    assert 95 < expires <= 100.2


def work(store: tryget.Store, call: Any, count: int = 4) -> list[Any]:
    """Calls at once, from threads."""
    found: list[Any] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        found.append(call(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_one_winner_of_threads(store: tryget.Store) -> None:
    for turn in range(100):
        assert sum(work(store, lambda number, turn=turn: store.add(f"k/{turn}", number))) == 1


def test_no_lost_increment_of_threads(store: tryget.Store) -> None:
    store["n"] = 0
    work(store, lambda _: [store.increment("n") for _ in range(500)])
    assert store["n"] == 2000


SCRIPT = """
import sys, tryget
store = tryget.open(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
mine = 0
for turn in range(300):
    mine += store.add(f"won/{turn}", sys.argv[1])
    store.increment("n", initial=0)
    while True:
        version = store.stat("cas").version
        if store.compare_and_set("cas", version, store["cas"] + 1):
            break
print(mine)
"""


def test_processes_neither_win_twice_nor_lose_updates(store: tryget.Store) -> None:
    store["cas"] = 0
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                SCRIPT.replace('store["cas"] + 1', "0"),
                str(number),
                store.name,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    won = 0
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        won += int(worker.communicate()[0])
    assert won == 300
    assert store["n"] == 1200


# ---- times to live ---------------------------------------------------------------------------


def test_a_value_ends_in_time(store: tryget.Store) -> None:
    store.set("a", 1, ttl=0.3)
    store.set("b", 2)
    store.add("c/d", 3, ttl=0.3)
    expires = store.stat("a").expires
    assert expires is not None
    assert 0 < expires <= 0.45
    assert store["a"] == 1
    began = time.monotonic()
    while "a" in store and time.monotonic() - began < 2:
        time.sleep(0.01)
    assert 0.15 < time.monotonic() - began < 0.6
    time.sleep(0.15)
    for absent in ("a", "c/d"):
        assert absent not in store
        assert store.get(absent) is None
        assert store.try_get(absent) is None
        assert store.pop(absent, None) is None
        assert not store.delete(absent)
        assert not store.touch(absent, 5)
        assert not store.compare_and_set(absent, 5, 1)
        with pytest.raises(KeyError):
            store.stat(absent)
        with pytest.raises(KeyError):
            store.increment(absent)
    assert dict(store) == {"b": 2}
    assert len(store) == 1
    assert store.usage().entries == 1
    assert store.add("a", "new")
    assert store["a"] == "new"


def test_every_write_sets_it_anew(store: tryget.Store) -> None:
    store.set("a", 1, ttl=100)
    store["a"] = 2
    assert store.stat("a").expires is None
    store.set("a", 1, ttl=100)
    store.set("a", 1, ttl=None)
    assert store.stat("a").expires is None
    store.set_many({"a": 1, "b": 2}, ttl=50)
    assert store.stat("b").expires is not None
    assert store.compare_and_set("a", store.stat("a").version, 5, ttl=20)
    expires = store.stat("a").expires
    assert expires is not None
    assert expires <= 20.2


def test_a_time_that_is_over_removes(store: tryget.Store) -> None:
    for ttl in (0, -1, -math.inf, 0.0):
        store["a"] = 1
        store.set("a", 2, ttl=ttl)
        assert "a" not in store
        store.set("a", 2, ttl=ttl)
        assert store.add("a", 3, ttl=ttl) is False
        assert "a" not in store
        store["a"] = 1
        assert store.touch("a", ttl)
        assert "a" not in store


def test_touch_changes_nothing_else(store: tryget.Store) -> None:
    store["a"] = "value"
    version = store.stat("a").version
    assert store.touch("a", 100)
    found = store.stat("a")
    assert found.expires is not None
    assert 99 < found.expires <= 100.2
    assert found.version == version
    assert store["a"] == "value"
    assert store.touch("a", None)
    assert store.stat("a").expires is None
    assert not store.touch("nothing", 5)


def test_rename_keeps_it(store: tryget.Store) -> None:
    store.set("a", 1, ttl=100)
    store.rename("a", "b")
    assert store.stat("b").expires is not None


@pytest.mark.parametrize("ttl", [math.inf, 1e9, 1e300, 10**15])
def test_a_very_long_time_is_for_ever(store: tryget.Store, ttl: float) -> None:
    store.set("a", 1, ttl=ttl)
    assert store["a"] == 1
    assert store.stat("a").expires is None


def test_a_tiny_time_still_ends(store: tryget.Store) -> None:
    store.set("a", 1, ttl=1e-9)
    time.sleep(0.25)
    assert "a" not in store


@pytest.mark.parametrize("call", ["set", "add", "touch", "compare_and_set"])
def test_bad_times(store: tryget.Store, call: str) -> None:
    store["a"] = 1
    arguments = {"set": (2,), "add": (2,), "touch": (), "compare_and_set": (0, 2)}[call]

    def run(ttl: Any) -> None:
        if call == "touch":
            store.touch("a", ttl)
        else:
            getattr(store, call)("a", *arguments, ttl=ttl)

    with pytest.raises(ValueError, match="NaN"):
        run(math.nan)
    for ttl in ("5", b"5", [5], object(), True):
        with pytest.raises(TypeError):
            run(ttl)
    assert store["a"] == 1
