# SPDX-License-Identifier: Apache-2.0
"""Goal: a forked child uses the store at once, and parent and child let go of their own only.

Method: forks with pins, views and threads alive; either side exits, drops or replaces first.
Failure means foreign bytes under a view, a pin released for somebody else, or a hang.
"""

import gc
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tryget

np = pytest.importorskip("numpy")


def in_child(work: Callable[[], None]) -> int:
    """Forks, and runs `work` there; the child's process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(60)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait(pid: int) -> int:
    """The exit status of a child."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_child_uses_the_store_at_once(store: tryget.Store) -> None:
    store["a"] = 1

    def work() -> None:
        assert store["a"] == 1
        store["b"] = 2
        assert len(store) == 2
        assert store.statistics().processes == 2
        with store.pin("b") as pin:
            assert pin.value == 2

    assert wait(in_child(work)) == 0
    assert store["b"] == 2
    store["c"] = 3
    store.raw_tidy()
    assert store.statistics().processes == 1


@pytest.mark.parametrize("first", ["get", "set", "in", "pin", "list", "delete", "stat", "verify"])
def test_any_call_may_be_the_first_of_a_child(store: tryget.Store, first: str) -> None:
    store["a"] = np.arange(1000)
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: store["a"],
        "set": lambda: store.set("b", 1),
        "in": lambda: "a" in store,
        "pin": lambda: store.pin("a"),
        "list": lambda: list(store),
        "delete": lambda: store.delete("a"),
        "stat": lambda: store.stat("a"),
        "verify": lambda: store.verify(),
    }

    def work() -> None:
        calls[first]()
        store["done"] = first

    assert wait(in_child(work)) == 0
    assert store["done"] == first


def test_a_child_may_open_close_and_drop(store: tryget.Store) -> None:
    store["a"] = 1

    def work() -> None:
        with tryget.open("test") as again:
            assert again["a"] == 1
        store["b"] = 2
        store.close()
        with pytest.raises(tryget.StoreClosed):
            store["a"]

    assert wait(in_child(work)) == 0
    assert store["b"] == 2


def test_a_view_lives_in_the_child_whatever_the_parent_does(store: tryget.Store) -> None:
    wanted = np.arange(100_000)
    store["a"] = wanted
    held = [store["a"]]
    ready, go = os.pipe()

    def work() -> None:
        os.close(go)
        assert os.read(ready, 1) == b""  # the parent has done its worst
        assert (held[0] == wanted).all()
        assert store.statistics().pins >= 1

    pid = in_child(work)
    held.clear()
    gc.collect()
    store["a"] = np.zeros(100_000)
    store.clear()
    for number in range(40):
        store[f"fill/{number}"] = np.full(100_000, number)
    os.close(go)
    assert wait(pid) == 0
    os.close(ready)
    store.clear()
    store.raw_tidy()
    assert store.statistics().pins == 0


def test_a_view_lives_in_the_parent_whatever_the_child_does(store: tryget.Store) -> None:
    wanted = np.arange(100_000)
    store["a"] = wanted
    held = [store["a"], store.pin("a")]

    def work() -> None:
        held.clear()
        gc.collect()
        store["a"] = 0
        for number in range(40):
            store[f"fill/{number}"] = np.full(100_000, number)

    assert wait(in_child(work)) == 0
    assert (held[0] == wanted).all()
    assert (held[1].value == wanted).all()
    held[1].release()
    held.clear()
    gc.collect()
    store.raw_tidy()
    assert store.statistics().pins == 0


def test_a_view_outlives_a_parent_that_exits_first(store: tryget.Store) -> None:
    """As with preloading servers and daemons: the grandchild keeps what the middle one read."""
    wanted = np.arange(100_000)
    store["a"] = wanted
    answer, tell = os.pipe()

    def middle() -> None:
        view = store["a"]

        def last() -> None:
            while os.getppid() != 1 and os.getppid() != reaper:
                pass
            for number in range(40):
                store[f"fill/{number}"] = np.full(100_000, number)
            os.write(tell, b"good" if (view == wanted).all() else b"bad")

        in_child(last)
        os._exit(0)

    reaper = os.getpid()
    assert wait(in_child(middle)) == 0
    os.close(tell)
    store["a"] = 0
    # The grandchild belongs to whoever adopts orphans; it says when it is done.
    assert os.read(answer, 10) == b"good"
    os.close(answer)


def test_forks_of_forks(store: tryget.Store) -> None:
    store["n"] = 0

    def work(depth: int) -> None:
        store.increment("n")
        if depth:
            assert wait(in_child(lambda: work(depth - 1))) == 0
        store.increment("n")

    work(6)
    assert store["n"] == 14


def test_forks_while_threads_write(store: tryget.Store) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            while not stop.is_set():
                store[f"t/{number}"] = os.urandom(500)
                store[f"t/{number}"] = bytes(100_000)
                store.get(f"t/{1 - number}")
        except BaseException as problem:
            errors.append(problem)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()

    def work() -> None:
        store["child"] = os.getpid()
        store.increment("children", initial=0)

    for _ in range(40):
        assert wait(in_child(work)) == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store["children"] == 40
    assert store.verify().violations == ()


def test_a_store_opened_before_forks_serves_many_children(folder: Path) -> None:
    opened = tryget.open("many", size="16MiB")
    opened["a"] = np.arange(10_000)

    def work() -> None:
        for _ in range(50):
            view = opened["a"]
            assert view.sum() == 49_995_000
            opened.increment("n", initial=0)

    pids = [in_child(work) for _ in range(16)]
    assert [wait(pid) for pid in pids] == [0] * 16
    assert opened["n"] == 800
    opened.raw_tidy()
    found = opened.statistics()
    assert found.processes == 1
    assert found.pins == 0
    report = opened.verify()
    assert report.ok
    assert report.exact
    opened.close()


def test_a_child_without_its_parents_pins_says_so(folder: Path) -> None:
    with tryget.open("test", size="64MiB", max_processes=1) as store:
        store["bytes"], store["array"] = bytes(5000), np.arange(5000)
        # In a list, so that the parent can let go of them and give up its process entry.
        held: list[Any] = [store.pin("bytes"), store.pin("array"), store["array"]]
        assert len(held[0].value) == len(held[1].value) == 5000
        wake, say = os.pipe()
        heard, tell = os.pipe()

        def work() -> None:
            assert [warning.category for warning in caught] == [RuntimeWarning]
            assert "test.tryget" in str(caught[0].message)
            *pins, array = held
            for stale in pins:
                with pytest.raises(tryget.Error, match="before a fork"):
                    _ = stale.value
            with pytest.raises(tryget.Error, match="before a fork"):
                memoryview(array.base)
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
            with pytest.raises(tryget.TooManyProcesses):
                store.get("array")
            os.write(tell, b"x")
            os.read(wake, 1)
            assert store["array"][7] == 7  # the parent has left
            with store.pin("array") as own:
                assert own.value[8] == 8
            with pytest.raises(tryget.Error, match="before a fork"):
                _ = pins[0].value
            for stale in pins:
                stale.release()
            assert store.statistics().pins == 0

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pid = in_child(work)
        os.close(tell)
        os.read(heard, 1)
        held.clear()
    os.write(say, b"x")
    assert wait(pid) == 0
    for descriptor in (wake, say, heard):
        os.close(descriptor)


def test_a_child_with_its_parents_pins_says_nothing(store: tryget.Store) -> None:
    store["bytes"] = bytes(5000)
    pin = store.pin("bytes")

    def work() -> None:
        assert caught == []
        assert bytes(pin.value) == bytes(5000)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pid = in_child(work)
    assert wait(pid) == 0
