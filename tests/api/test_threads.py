# SPDX-License-Identifier: Apache-2.0
"""Goal: threads share a Store, its pins and its views without a lock of their own.

Method: each test is run by several threads at once (by itself, and by pytest-run-parallel), on
keys of the thread's own beside keys of all. Failure means that one thread's calls break another's.
"""

import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import tryget

THREADS_SHARE_THE_STORE = True
THREADS = 4


def at_once(work: Callable[[str], None]) -> None:
    """Runs `work` in threads, each with a prefix for its keys."""
    problems: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        try:
            start.wait()
            work(f"own/{threading.get_ident()}")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for problem in problems:
        raise problem


def test_values(store: tryget.Store) -> None:
    values: list[Any] = [1, "text", b"bytes" * 100, [1, (2,)], {"a": {3}}, bytes(100_000)]

    def work(own: str) -> None:
        for turn in range(60):
            for number, value in enumerate(values):
                key = f"{own}/{number}"
                store[key] = value
                assert store[key] == value
                assert key in store
                if turn % 3 == number % 3:
                    assert store.pop(key) == value
                    assert key not in store
        store.drop(own)

    at_once(work)


def test_trees(store: tryget.Store) -> None:
    def work(own: str) -> None:
        for turn in range(40):
            for number in range(10):
                store[f"{own}/a/{number}/x"] = turn
            store.rename(f"{own}/a", f"{own}/b")
            assert len(store.children(f"{own}/b")) == 10
            assert store[f"{own}/b/7/x"] == turn
            assert sorted(store.walk(own)) == sorted(f"{own}/b/{n}/x" for n in range(10))
            assert store.drop(f"{own}/b")
            assert list(store.keys(own)) == []

    at_once(work)


def test_pins_and_views(store: tryget.Store) -> None:
    np = pytest.importorskip("numpy")

    def work(own: str) -> None:
        seed = threading.get_ident() % 1000
        for turn in range(60):
            store[own] = np.full(3000, seed + turn)
            view = store[own]
            with store.pin(own) as pin:
                store[own] = np.zeros(10)
                assert (view == seed + turn).all()
                assert (pin.value == view).all()
            del pin
        store.delete(own)

    at_once(work)
    gc.collect()


def test_views_that_other_threads_drop(store: tryget.Store) -> None:
    np = pytest.importorskip("numpy")
    queue: list[Any] = []

    def work(own: str) -> None:
        for turn in range(100):
            store["shared"] = np.full(2000, turn)
            queue.append(store["shared"])
            view = queue.pop(0)
            assert (view == view[0]).all()

    at_once(work)
    queue.clear()


def test_counters(store: tryget.Store) -> None:
    before = store.get("counter", 0)

    def work(own: str) -> None:
        for _ in range(200):
            store.increment("counter", initial=0)

    at_once(work)
    assert store["counter"] >= before + 200 * THREADS


def test_listing_while_others_write(store: tryget.Store) -> None:
    def work(own: str) -> None:
        for number in range(100):
            store[f"{own}/stays/{number}"] = number
        for turn in range(20):
            store[f"{own}/comes/{turn}"] = turn
            found = list(store.keys(f"{own}/stays"))
            assert len(found) == len(set(found)) == 100
            assert len(store.children(f"{own}/stays")) == 100
            everything = list(store)
            assert len(everything) == len(set(everything))
        store.drop(own)

    at_once(work)


def test_handles_come_and_go(store: tryget.Store) -> None:
    def work(own: str) -> None:
        for turn in range(30):
            with tryget.open("test") as mine:
                mine[own] = turn
                assert store[own] == turn
                pin = mine.pin(own)
            assert pin.value == turn
        store.delete(own)

    at_once(work)
