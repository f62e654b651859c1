# SPDX-License-Identifier: Apache-2.0
"""Goal: what a process keeps of a key beside values that it may return again (the bytes of a value,
where it lies, that it is absent) never outlives what is true, and costs what it may.

Method: a key is read until it is kept; each call that changes it, by the same handle, another one,
and another process; then it is read again. Failure means a value that was replaced, a key that is
missing though it is there, a pin that nobody has, or memory beyond the limit.
"""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True

AGAIN = 4  # reads after which a place or an absence is kept
OFTEN = 200  # ..., in all probability, bytes


def bytes_kept(store: tryget.Store) -> int:
    return store.statistics().kept_bytes


# ---- bytes, and places ---------------------------------------------------------------------------


def small(text: str) -> Any:
    return {"text": text, "parts": [1, 2.5]}


def text_of(value: Any) -> Any:
    """What `small` and `large` were made of."""
    if value is None:
        return None
    return value["text"] if isinstance(value, dict) else bytes(value).rstrip(b"\0").decode()


def large(text: str) -> Any:
    np = pytest.importorskip("numpy")
    return np.frombuffer(text.encode().ljust(20_000, b"\0"), dtype=np.uint8)


MAKERS = {"bytes": small, "place": large}
Make = Callable[[str], Any]

CHANGES: dict[str, tuple[Callable[[tryget.Store, Make], Any], str | None]] = {
    "set": (lambda store, make: store.set("a/b/k", make("new")), "new"),
    "equal": (lambda store, make: store.set("a/b/k", make("old")), "old"),
    "delete": (lambda store, make: store.delete("a/b/k"), None),
    "pop": (lambda store, make: store.pop("a/b/k"), None),
    "drop": (lambda store, make: store.drop("a/b/k"), None),
    "drop above": (lambda store, make: store.drop("a"), None),
    "clear": (lambda store, make: store.clear(), None),
    "rename": (lambda store, make: store.rename("a/b/k", "x"), None),
    "rename above": (lambda store, make: store.rename("a", "x"), None),
    "rename over": (lambda store, make: store.rename("other", "a/b/k", replace=True), "other"),
    "replace above": (lambda store, make: store.rename("z", "a", replace=True), "z"),
    "expire": (lambda store, make: store.touch("a/b/k", 0), None),
    "child": (lambda store, make: store.set("a/b/k/child", make("child")), "old"),
}

CODE = """
import sys, tryget
sys.path.insert(0, {here!r})
import test_kept
store = tryget.open({name!r})
for line in sys.stdin:
    kind, change = line.removesuffix("\\n").split(":")
    if kind == "made":
        test_kept.MADE[change][0](store)
    else:
        test_kept.CHANGES[change][0](store, test_kept.MAKERS[kind])
    print("done", flush=True)
"""


class Other:
    """Another process, which changes things when it is told to."""

    def __init__(self, name: str) -> None:
        code = CODE.format(here=os.path.dirname(__file__), name=name)
        self.child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Other":
        return self

    def __exit__(self, *reason: object) -> None:
        self.child.communicate()

    def change(self, kind: str, change: str) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(f"{kind}:{change}\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "done\n", change


def fill(store: tryget.Store, make: Make) -> None:
    store["a/b/k"], store["other"], store["z/b/k"] = make("old"), make("other"), make("z")


def read_until_kept(store: tryget.Store, by: str) -> None:
    for _ in range(AGAIN if by == "pin" else OFTEN):
        if by == "pin":
            with store.pin("a/b/k") as pin:
                assert text_of(pin.value) == "old"
        else:
            assert text_of(store["a/b/k"]) == "old"
            assert "a/b/k" in store


def read_now(store: tryget.Store, by: str, expected: str | None) -> None:
    for _ in range(AGAIN):
        assert text_of(store.get("a/b/k")) == expected
        assert ("a/b/k" in store) == (expected is not None)
        pin = store.try_get("a/b/k")
        assert text_of(pin and pin.value) == expected
    del pin


@pytest.mark.parametrize("reuse", ["never", "immutable"])
@pytest.mark.parametrize("by", ["get", "pin"])
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_at_once(
    store: tryget.Store, change: str, kind: str, by: str, reuse: Any
) -> None:
    work, expected = CHANGES[change]
    fill(store, MAKERS[kind])
    with tryget.open(store.name, directory=store.directory, reuse=reuse) as mine:
        read_until_kept(mine, by)
        work(store, MAKERS[kind])
        read_now(mine, by, expected)
        gc.collect()
        if expected is not None:
            assert mine.stat("a/b/k").pins == 0


@pytest.mark.parametrize("kind", MAKERS)
def test_a_change_by_another_process_is_seen_at_once(store: tryget.Store, kind: str) -> None:
    with Other(store.name) as other:
        for change, (_, expected) in CHANGES.items():
            for by in ("get", "pin"):
                store.clear()
                fill(store, MAKERS[kind])
                read_until_kept(store, by)
                other.change(kind, change)
                read_now(store, by, expected)


@pytest.mark.parametrize("reuse", ["never", "immutable"])
def test_what_is_decoded_again_is_another_object(folder: Path, reuse: Any) -> None:
    with tryget.open("test", size="64MiB", reuse=reuse) as store:
        store["k"] = {"a": [1]}
        before = bytes_kept(store)
        for _ in range(OFTEN):
            value = store["k"]
            assert value == {"a": [1]}
            value["a"].append(2)
            value["b"] = 3
        assert bytes_kept(store) > before


def test_never_is_another_object_of_any_type(folder: Path) -> None:
    values = (10**30, "text" * 5, b"bytes" * 3, (1.5, "a"), frozenset({1.5}))
    with tryget.open("test", size="64MiB", reuse="never") as store:
        for value in values:
            store["k"] = value
            found = [store["k"] for _ in range(OFTEN)]
            assert found == [value] * OFTEN
            assert len({id(one) for one in found}) == OFTEN


def test_the_version_and_the_size_of_a_known_pin_are_those_of_the_value(
    store: tryget.Store,
) -> None:
    for size in (2000, 70_000):
        store["k"] = bytes(size)
        for _ in range(AGAIN):
            with store.pin("k") as pin:
                stat = store.stat("k")
                assert (pin.version, pin.nbytes, pin.key) == (stat.version, stat.nbytes, "k")
                assert stat.pins == 1
            assert store.stat("k").pins == 0


def test_a_known_pin_keeps_its_value(store: tryget.Store) -> None:
    store["k"] = b"old" * 1000
    for _ in range(AGAIN):
        store.pin("k").release()
    pin = store.pin("k")
    before = store.statistics().committed
    for number in range(50):
        store["k"] = bytes([number]) * 3000
    assert pin.value == b"old" * 1000
    pin.release()
    store.raw_tidy()
    assert store.statistics().committed <= before + (1 << 20)
    assert store["k"] == bytes([49]) * 3000


def test_known_pins_end_where_the_pins_of_a_process_end(store: tryget.Store) -> None:
    store["k"] = bytes(2000)
    pins: list[tryget.Pin] = []
    with contextlib.suppress(tryget.StoreFull):
        while len(pins) < 300_000:
            pins.append(store.pin("k"))
    with pytest.raises(tryget.StoreFull):
        store.pin("k")
    assert len(pins) > 1000
    assert store.stat("k").pins == len(pins)
    assert store.get("k") == bytes(2000)
    del pins
    assert store.stat("k").pins == 0


def test_known_pins_of_a_forked_child_are_its_own(store: tryget.Store) -> None:
    store["k"] = bytes(2000)
    for _ in range(AGAIN):
        store.pin("k").release()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with store.pin("k") as pin:
                assert store.stat("k").pins == 1
                assert len(pin.value) == 2000
            assert store.stat("k").pins == 0
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.stat("k").pins == 0


# ---- absences ------------------------------------------------------------------------------------

KEYS = ("k", "d/k", "d/e/f/k", "v/k", "")
MADE: dict[str, tuple[Callable[[tryget.Store], Any], str]] = {
    **{f"set {key}": (lambda store, key=key: store.set(key, 1), key) for key in KEYS},
    "add": (lambda store: store.add("d/k", 1), "d/k"),
    "setdefault": (lambda store: store.setdefault("d/k", 1), "d/k"),
    "update": (lambda store: store.update({"d/k": 1}), "d/k"),
    "set_many": (lambda store: store.set_many({"d/k": 1}), "d/k"),
    "increment": (lambda store: store.increment("d/k", initial=0), "d/k"),
    "compare": (lambda store: store.compare_and_set("d/k", 0, 1), "d/k"),
    "build": (lambda store: store.get_or_create("d/k", lambda: 1), "d/k"),
    "rename": (lambda store: store.rename("other", "d/k"), "d/k"),
    "rename above": (lambda store: store.rename("z", "d", replace=True), "d/k"),
    "deep above": (lambda store: store.rename("z", "d/e/f", replace=True), "d/e/f/k"),
    "vanished": (lambda store: (store.delete("d/x"), store.set("d/k", 1)), "d/k"),
    "dropped": (lambda store: (store.drop("d"), store.set("d/k", 1)), "d/k"),
    "cleared": (lambda store: (store.clear(), store.set("d/k", 1)), "d/k"),
    "cleared, at the root": (lambda store: (store.clear(), store.set("k", 1)), "k"),
    "a directory": (lambda store: store.set("d", 1), "d"),
}


def fill_beside(store: tryget.Store) -> None:
    store.clear()
    store["d/x"], store["v"], store["other"], store["z/k"] = 0, 0, 1, 1


def miss_until_kept(store: tryget.Store, key: str) -> None:
    for _ in range(AGAIN):
        assert store.get(key) is None
        assert store.get(key, "none") == "none"
        assert key not in store
        assert store.try_get(key) is None
        with pytest.raises(KeyError):
            store[key]
        with pytest.raises(KeyError):
            store.pin(key)


@pytest.mark.parametrize("made", MADE)
def test_a_key_that_is_made_is_there_at_once(store: tryget.Store, made: str) -> None:
    work, key = MADE[made]
    reuses: tuple[Any, ...] = ("never", "immutable")
    for reuse in reuses:
        fill_beside(store)
        with tryget.open(store.name, directory=store.directory, reuse=reuse) as mine:
            miss_until_kept(mine, key)
            work(store)
            assert mine.get(key) == 1
            assert key in mine
            assert mine[key] == 1
            store.delete(key)
            miss_until_kept(mine, key)


def test_a_key_that_another_process_makes_is_there_at_once(store: tryget.Store) -> None:
    with Other(store.name) as other:
        for made, (_, key) in MADE.items():
            fill_beside(store)
            miss_until_kept(store, key)
            other.change("made", made)
            assert key in store, made
            assert store.get(key) == 1, made


def test_what_has_expired_is_absent_until_it_is_set(store: tryget.Store) -> None:
    store.set("k", 1, ttl=0.1)
    while "k" in store:
        pass
    miss_until_kept(store, "k")
    store["k"] = 2
    assert store["k"] == 2


def test_a_factory_is_called_where_the_absence_is_known(store: tryget.Store) -> None:
    miss_until_kept(store, "k")
    assert store.get_or_create("k", lambda: 5) == 5
    assert store["k"] == 5


def test_many_keys_that_are_missing_cost_nothing_until_they_are_asked_for_again(
    store: tryget.Store,
) -> None:
    before = bytes_kept(store)
    for number in range(5000):
        assert store.get(f"missing/{number}") is None
    # Two texts may have one mark (15 bits of a hash): now and then one comes in at once.
    assert bytes_kept(store) - before < 8192
    for _ in range(2):
        assert store.get("missing/0") is None
    assert bytes_kept(store) > before


# ---- limits --------------------------------------------------------------------------------------


def read_many(store: tryget.Store, count: int) -> None:
    for number in range(count):
        store[f"n/{number}"] = {"number": number}
    for number in range(count):
        for _ in range(30):
            assert store[f"n/{number}"] == {"number": number}
        for _ in range(3):
            assert store.get(f"missing/{number}") is None


@pytest.mark.parametrize("reuse", ["never", "immutable"])
def test_it_is_bounded(folder: Path, reuse: Any) -> None:
    with tryget.open("test", size="4MiB", reuse=reuse) as store:  # at most 1 MiB is kept
        read_many(store, 6000)
        assert 1 << 19 < bytes_kept(store) <= 1 << 20


def test_processes_share_what_they_may_keep(folder: Path) -> None:
    with tryget.open("test", size="64MiB") as store:
        keys = [f"n/{number}" for number in range(30_000)]
        for key in keys:
            store[key] = 5 * key
        for key in keys:
            store[key]
        alone = bytes_kept(store)
        assert 8 << 20 < alone <= 16 << 20
        code = "import sys, tryget; s = tryget.open(sys.argv[1]); print(1, flush=True); input()"
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code, store.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(7)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "1\n"
        for round in range(3):
            for number, key in enumerate(keys):
                store[key] = f"{round} {number}"
                store[key]
        for child in children:
            child.communicate("")
        assert bytes_kept(store) <= 2 << 20


def set_kept_max(text: str | None) -> None:
    if text is None:
        os.environ.pop("TRYGET_KEPT_MAX", None)
    else:
        os.environ["TRYGET_KEPT_MAX"] = text


@pytest.mark.parametrize(("text", "most"), [("0", 0), ("100KB", 100_000), ("3 MiB", 3 << 20)])
def test_the_environment_says_how_much_is_kept(folder: Path, text: str, most: int) -> None:
    np = pytest.importorskip("numpy")
    set_kept_max(text)
    try:
        with tryget.open("test", size="16MiB") as store:
            read_many(store, 500)
            store["array"], store["text"] = np.zeros(5000), "text"
            for _ in range(AGAIN):
                assert store["array"].sum() == 0
                assert store["text"] == "text"
                assert store.get("absent") is None
            assert bytes_kept(store) <= most
            assert (bytes_kept(store) > 0) == (most > 0)
            assert (store["text"] is store["text"]) == (most > 0)
    finally:
        set_kept_max(None)


@pytest.mark.parametrize("text", ["much", "-1", "1 XB", "nan"])
def test_the_environment_must_be_understood(folder: Path, text: str) -> None:
    set_kept_max(text)
    try:
        with pytest.raises(ValueError, match="TRYGET_KEPT_MAX"):
            tryget.open("test", size="16MiB")
    finally:
        set_kept_max(None)


def test_a_closed_store_knows_nothing(folder: Path) -> None:
    store = tryget.open("test", size="16MiB")
    store["k"] = {"a": 1}
    for _ in range(OFTEN):
        assert store["k"] == {"a": 1}
        assert store.get("absent") is None
    with tryget.open("test"):
        store.close()
        for key in ("k", "absent"):
            with pytest.raises(tryget.StoreClosed):
                store.get(key)
            with pytest.raises(tryget.StoreClosed):
                store.try_get(key)


def test_who_may_only_read_keeps_bytes_too(store: tryget.Store) -> None:
    with tryget.open(store.name, directory=store.directory, readonly=True) as reader:
        store["a/k"] = {"a": 1}
        for _ in range(OFTEN):
            assert reader["a/k"] == {"a": 1}
            assert reader.get("a/absent") is None
        assert bytes_kept(reader) > 0
        store["a/k"], store["a/absent"] = {"a": 2}, 1
        assert reader["a/k"] == {"a": 2}
        assert reader["a/absent"] == 1
        store.rename("a", "b")
        assert reader.get("a/k") is None
        assert reader["b/k"] == {"a": 2}
