# SPDX-License-Identifier: Apache-2.0
"""Goal: what a process keeps of decoded values is bounded, is let go of, and survives a fork.

Method: values that can be watched going away, and that use the store when they do; more than the
bounds; forks with a full table. Failure means memory that is never freed, or a crash.
"""

import gc
import os
import weakref
from pathlib import Path
from typing import Any

import pytest

import tryget


class Thing:
    """Something that can be watched going away, and does more then."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        if Thing.at_the_end:
            Thing.at_the_end(self)

    at_the_end: Any = None


@pytest.fixture
def things(folder: Path) -> Any:
    with tryget.open("test", size="64MiB", codec="pickle", reuse="always") as store:
        yield store
    Thing.at_the_end = None


def test_close_lets_go_of_what_is_kept(things: tryget.Store) -> None:
    things["k"] = Thing(1)
    other = tryget.open("test", codec="pickle", reuse="always")
    gone = weakref.ref(things["k"])
    assert gone() is not None
    other.close()
    assert things["k"] is gone()
    things.close()
    assert gone() is None
    with pytest.raises(tryget.StoreClosed):
        things["k"]
    with pytest.raises(tryget.StoreClosed):
        things.get("k")
    with pytest.raises(tryget.StoreClosed):
        "k" in things  # noqa: B015


def test_what_is_no_more_is_let_go(things: tryget.Store) -> None:
    things["k"] = Thing(1)
    gone = weakref.ref(things["k"])
    things["k"] = Thing(2)
    assert things["k"].number == 2
    assert gone() is None
    gone = weakref.ref(things["k"])
    del things["k"]
    assert things.get("k") is None
    assert gone() is None
    things["k"] = Thing(3)
    gone = weakref.ref(things["k"])
    del things["k"]
    for number in range(200):  # nobody asks for "k": the hand comes by
        things["other"] = number
        assert things["other"] == number
    assert gone() is None


def test_a_cycle_through_the_table_is_collected(folder: Path) -> None:
    store = tryget.open("test", size="64MiB", codec="pickle", reuse="always")
    store["k"] = Thing(1)
    store["k"].store = store
    gone = weakref.ref(store["k"]), weakref.ref(store)
    gc.collect()
    assert gone[0]() is store["k"]
    del store
    gc.collect()
    assert gone[0]() is None
    assert gone[1]() is None
    with tryget.open("test") as again:
        assert again.statistics().processes == 1


def test_finalizers_may_use_the_store(things: tryget.Store) -> None:
    seen = []

    def at_the_end(thing: Thing) -> None:
        seen.append(thing.number)
        things[f"end/{thing.number}"] = thing.number
        assert things[f"end/{thing.number}"] == thing.number
        things.get("k")

    Thing.at_the_end = at_the_end
    for number in range(300):
        things["k"] = Thing(number)
        assert things["k"].number == number
    Thing.at_the_end = None
    # Each original, and each object that was kept but the last; and those that were decoded anew
    # as another key of their bucket had been set.
    assert 599 <= len(seen) < 700
    things.close()


def test_a_finalizer_may_close_the_store_that_drops_its_value(folder: Path) -> None:
    """A miss throws out what was kept of the key, and goes on."""
    things = tryget.open("test", size="64MiB", codec="pickle", reuse="always")
    with tryget.open("test") as other:
        for _ in range(3):
            assert things.get("k") is None  # it may be kept that it is absent
        things["k"] = Thing(1)
        assert things["k"].number == 1
        Thing.at_the_end = lambda thing: things.close()
        other.delete("k")
        assert things.get("k") is None
        Thing.at_the_end = None
        assert things.closed


def test_it_is_bounded(folder: Path) -> None:
    with tryget.open("test", size="4MiB") as store:  # at most 1 MiB is kept
        store["k"] = bytes(200_000)  # too large to keep
        assert store["k"] is not store["k"]
        for number in range(2000):
            store[f"n/{number}"] = bytes(1000)
        for _ in range(2):
            for number in range(2000):
                assert len(store[f"n/{number}"]) == 1000
        statistics = store.statistics()
        assert 400 < statistics.kept < 1100
        assert statistics.kept_bytes <= 1 << 20


def test_what_is_read_often_stays(folder: Path) -> None:
    with tryget.open("test", size="16MiB") as store:
        store["often"] = "often"
        often = store["often"]
        same = 0
        for number in range(5000):
            store[f"n/{number}"] = bytes(500)
            store[f"n/{number}"]
            again = store["often"]
            same += again is often
            often = again
        assert same > 4900


def test_when_it_is_full_who_is_read_again_comes_in(folder: Path) -> None:
    with tryget.open("test", size="16MiB") as store:
        for number in range(3000):
            store[f"n/{number}"] = store[f"once/{number}"] = bytes(1000)
        store["again"] = "again"
        first = [store[f"n/{number}"] for number in range(800)]
        kept = {number for number in range(800) if store[f"n/{number}"] is first[number]}
        assert len(kept) > 500
        for number in range(3000):
            store[f"once/{number}"]
        stayed = sum(store[f"n/{number}"] is first[number] for number in kept)
        assert stayed > len(kept) * 0.9
        store["again"]
        assert store["again"] is store["again"]


def test_many_keys_are_kept(folder: Path) -> None:
    with tryget.open("test", size="256MiB") as store:
        keys = [f"key/{number}" for number in range(20_000)]
        for key in keys:
            store[key] = key
        first = [store[key] for key in keys]
        assert store.statistics().kept > 19_000
        assert sum(store[key] is value for key, value in zip(keys, first, strict=True)) > 19_000


# ---- forks ---------------------------------------------------------------------------------------


def test_a_forked_child_has_what_its_parent_read(store: tryget.Store) -> None:
    store["k"], store["other"] = ("k", 1.5), ("other", 1.5)
    first, other = store["k"], store["other"]
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert store["k"] == ("k", 1.5)  # attaches
            assert store["other"] is other
            store["k"] = "of the child"
            assert store["k"] == "of the child"
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store["k"] == "of the child"
    assert store["other"] is other
    assert first == ("k", 1.5)


def test_a_child_does_not_return_what_its_parent_replaced(store: tryget.Store) -> None:
    store["k"] = "old"
    assert store["k"] == "old"
    wake, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.read(wake, 1)
            assert store["k"] == "new"
            status = 0
        finally:
            os._exit(status)
    store["k"] = "new"
    os.write(say, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(wake)
    os.close(say)
