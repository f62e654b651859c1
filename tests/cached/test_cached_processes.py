# SPDX-License-Identifier: Apache-2.0
"""Goal: one of all processes makes a result; when it is killed another one does. Method: forked and
spawned processes, builds that are counted in the store. Failure means: a result that is made twice,
or never."""

import asyncio
import multiprocessing
import os
import signal
import time

import pytest

import tryget

fork = multiprocessing.get_context("fork")
spawn = multiprocessing.get_context("spawn")
pytestmark = pytest.mark.thread_unsafe(reason="forks")


def work(name):
    """What a worker calls: a module's function, decorated by each process for itself."""
    store = tryget.open(name)

    @store.cached(node="squares")
    def square(x):
        store.increment("made", initial=0)
        time.sleep(0.2)
        return x * x

    return square(7)


def work_later(name):
    store = tryget.open(name)

    @store.cached(node="squares")
    async def square(x):
        store.increment("made", initial=0)
        await asyncio.sleep(0.2)
        return x * x

    return asyncio.run(square(7))


@pytest.mark.parametrize("context", [fork, spawn], ids=["fork", "spawn"])
def test_one_of_many_processes_makes_it(store, context):
    with context.Pool(8) as pool:
        results = pool.map(work, [store.name] * 6 + [store.name] * 2, chunksize=1)
    assert results == [49] * 8
    assert store["made"] == 1


def test_plain_and_coroutine_functions_wait_for_each_other(store):
    with fork.Pool(4) as pool:
        plain = pool.map_async(work, [store.name] * 2, chunksize=1)
        later = pool.map_async(work_later, [store.name] * 2, chunksize=1)
        assert plain.get(30) + later.get(30) == [49] * 4
    assert store["made"] == 1


def test_when_the_builder_is_killed_another_one_makes_it(store):
    @store.cached
    def who(x):
        if store.increment("made", initial=0) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    first = fork.Process(target=who, args=(1,))
    first.start()
    first.join()
    assert first.exitcode == -signal.SIGKILL
    children = [fork.Process(target=who, args=(1,)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    assert store["made"] == 2
    assert who(1) in [child.pid for child in children]
