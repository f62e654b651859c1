# SPDX-License-Identifier: Apache-2.0
"""Goal: coroutine functions are cached as plain ones are, and who waits lets its event loop run.
Method: tasks of one loop, of several threads' loops. Failure means: a loop that stands still, a
result made twice, or a build that nobody ends."""

import asyncio
import threading
import time

import pytest

import tryget


def test_two_tasks_of_one_thread_get_one_result(store):
    calls = []

    @store.cached(ttl=60)
    async def slow(x):
        calls.append(x)
        await asyncio.sleep(0.05)
        return x * 2

    async def main():
        ticks = 0
        asked = asyncio.gather(*(slow(4) for _ in range(20)))
        while not asked.done():
            ticks += 1
            await asyncio.sleep(0.005)
        return await asked, ticks

    results, ticks = asyncio.run(main())
    assert (results, calls) == ([8] * 20, [4])
    assert ticks > 2
    assert (slow.cache_info().hits, slow.cache_info().misses) == (19, 1)
    assert asyncio.run(slow(4)) == 8
    assert asyncio.iscoroutinefunction(slow)
    assert asyncio.iscoroutinefunction(slow.__wrapped__)


def test_an_object_that_is_called_like_a_coroutine_function(store):
    class Client:
        async def __call__(self, x):
            return x + 1

    assert asyncio.run(store.cached(Client(), node="client")(1)) == 2
    assert store["client/1"] == 2


def test_a_cancelled_build_is_the_next_ones(store):
    calls = []

    @store.cached
    async def slow():
        calls.append(1)
        if len(calls) == 1:
            await asyncio.sleep(60)
        return "done"

    async def main():
        first = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        second = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await asyncio.wait_for(second, 10)

    assert asyncio.run(main()) == "done"
    assert calls == [1, 1]


def test_a_waiter_may_be_cancelled(store):
    release = threading.Event()

    @store.cached
    async def slow():
        while not release.is_set():
            await asyncio.sleep(0.005)
        return 1

    async def main():
        builder = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        waiter = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        release.set()
        return await builder

    assert asyncio.run(main()) == 1


def test_an_exception_is_its_callers(store):
    calls = []

    @store.cached
    async def fails_once(x):
        calls.append(x)
        await asyncio.sleep(0.01)
        if len(calls) == 1:
            raise OSError("not yet")
        return x

    async def main():
        return await asyncio.gather(fails_once(1), fails_once(1), return_exceptions=True)

    first, second = asyncio.run(main())
    assert sorted([repr(first), repr(second)]) == ["1", "OSError('not yet')"]


def test_a_time_limit(store):
    @store.cached(timeout=0.05)
    async def slow():
        await asyncio.sleep(0.5)
        return 1

    async def main():
        builder = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError, match="somebody else"):
            await slow()
        return await builder

    assert asyncio.run(main()) == 1


def test_itself_is_a_recursion_and_a_circle_is_too(store):
    @store.cached
    async def itself():
        return await itself()

    with pytest.raises(RecursionError):
        asyncio.run(itself())

    both = [asyncio.Event(), asyncio.Event()]

    @store.cached
    async def left():
        both[0].set()
        await both[1].wait()
        return await right()

    @store.cached
    async def right():
        both[1].set()
        await both[0].wait()
        return await left()

    async def main():
        tasks = asyncio.gather(left(), right(), return_exceptions=True)
        return await asyncio.wait_for(tasks, 20)

    results = asyncio.run(main())
    assert any(isinstance(result, RecursionError) for result in results)


def test_loops_of_several_threads_get_one_result(store):
    calls, results = [], []

    @store.cached
    async def slow(x):
        calls.append(x)
        await asyncio.sleep(0.05)
        return x

    threads = [
        threading.Thread(target=lambda: results.append(asyncio.run(slow(3)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, results) == ([3], [3] * 8)


def test_absence_is_remembered(store):
    calls = []

    @store.cached
    async def find(x):
        calls.append(x)
        return tryget.ABSENT

    assert asyncio.run(find(1)) is tryget.ABSENT
    assert asyncio.run(find(1)) is tryget.ABSENT
    assert calls == [1]


def test_waiting_costs_little(store):
    @store.cached
    async def slow():
        await asyncio.sleep(1)
        return 1

    async def main():
        builder = asyncio.create_task(slow())
        await asyncio.sleep(0.01)
        before = time.thread_time()
        assert await slow() == 1
        await builder
        return time.thread_time() - before

    assert asyncio.run(main()) < 0.5
