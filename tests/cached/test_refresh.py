# SPDX-License-Identifier: Apache-2.0
"""Goal: a result in demand is made anew before it expires, by one caller, while the others go on
with the old one. Method: a time to live of some tenths of a second. Failure means: a caller that
waits for a refresh, two that make one, or a value that comes back after it was removed."""

import asyncio
import logging
import threading
import time

import pytest

import tryget


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def nearly_over(store, key, early):
    found = store.raw_expires(key)
    return found is not None and found[1] <= early


def test_one_caller_refreshes_and_the_others_go_on(store):
    calls, waiting, go = [], threading.Event(), threading.Event()

    @store.cached(ttl=3600, refresh_before=3599.5)
    def slow():
        calls.append(1)
        if len(calls) == 2:
            waiting.set()
            go.wait(20)
        return len(calls)

    assert slow() == 1
    until(lambda: nearly_over(store, slow.cache_key(), 3599.5))
    first = threading.Thread(target=slow)
    first.start()
    assert waiting.wait(20)
    assert [slow() for _ in range(5)] == [1] * 5
    go.set()
    first.join()
    assert (slow(), len(calls)) == (2, 2)
    assert store.stat(slow.cache_key()).expires > 3598


def test_a_fresh_result_is_not_refreshed(store):
    calls = []

    @store.cached(ttl=100, refresh_before=1)
    def quick():
        calls.append(1)
        return 1

    assert [quick() for _ in range(100)] == [1] * 100
    assert calls == [1]


def test_a_value_in_demand_never_expires(store):
    calls = []

    @store.cached(ttl=1.0, refresh_before=0.7)
    def quick():
        calls.append(1)
        return len(calls)

    quick()
    end = time.monotonic() + 3
    key = quick.cache_key()
    gaps = 0
    while time.monotonic() < end:
        gaps += key not in store
        quick()
    assert len(calls) > 1
    assert gaps == 0 or len(calls) > gaps  # only a machine that slept for 0.7 s made one


def test_a_refresh_that_fails_keeps_the_old_one(store, caplog):
    calls = []

    @store.cached(ttl=3600, refresh_before=3599.9)
    def fails_later():
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the source is down")
        return len(calls)

    assert fails_later() == 1
    until(lambda: nearly_over(store, fails_later.cache_key(), 3599.9))
    with caplog.at_level(logging.WARNING, "tryget"):
        assert fails_later() == 1
    assert "was not refreshed" in caplog.text
    assert "the source is down" in caplog.text
    assert fails_later() == 3


def test_what_was_removed_meanwhile_stays_removed(store):
    calls = []

    @store.cached(ttl=3600, refresh_before=3599.9)
    def removed():
        calls.append(1)
        if len(calls) == 2:
            del store[removed.cache_key()]
        return len(calls)

    assert removed() == 1
    until(lambda: nearly_over(store, removed.cache_key(), 3599.9))
    assert removed() == 2
    assert removed.cache_key() not in store


def test_a_result_that_is_gone_at_its_source_goes(store):
    calls = []

    @store.cached(ttl=3600, refresh_before=3599.9)
    def gone():
        calls.append(1)
        return 1 if len(calls) == 1 else tryget.ABSENT

    assert gone() == 1
    until(lambda: nearly_over(store, gone.cache_key(), 3599.9))
    assert gone() is tryget.ABSENT
    assert gone.cache_key() not in store


def test_an_interrupt_ends_a_refresh_and_the_next_caller_has_its_turn(store):
    calls = []

    @store.cached(ttl=3600, refresh_before=3599.9)
    def interrupted():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return len(calls)

    assert interrupted() == 1
    until(lambda: nearly_over(store, interrupted.cache_key(), 3599.9))
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert interrupted() == 3


def test_a_coroutine_function_is_refreshed_alike(store):
    calls = []

    @store.cached(ttl=3600, refresh_before=3599.9)
    async def later():
        calls.append(1)
        await asyncio.sleep(0.02)
        return len(calls)

    async def main():
        assert await later() == 1
        while not nearly_over(store, later.cache_key(), 3599.9):
            await asyncio.sleep(0.01)
        return sorted(await asyncio.gather(*(later() for _ in range(5))))

    assert asyncio.run(main()) == [1, 1, 1, 1, 2]
    assert len(calls) == 2
