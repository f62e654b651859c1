# SPDX-License-Identifier: Apache-2.0
"""Goal: processes share a LockRef, whatever happens to some of them.

Method: forked and spawned children that are killed, stopped or fork themselves while they hold
the lock or count. Failure means a lock that is lost, robbed from the living, or a silent takeover.
"""

import mmap
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import shared_memory
from pathlib import Path

import pytest

import tryget
from tryget import LockRef


def child(work: Callable[[], object]) -> int:
    """A forked process that does the work, then waits to be killed."""
    ready, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(120)
            work()
            os.write(said, b"!")
            while True:
                time.sleep(1)
        finally:
            os._exit(1)
    os.close(said)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    return pid


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.fixture
def memory() -> Iterator[mmap.mmap]:
    shared = mmap.mmap(-1, 4096)
    yield shared
    shared.close()


def test_a_killed_holder_over_a_buffer_is_a_timeout(memory: mmap.mmap) -> None:
    ref = LockRef(memory)
    pid = child(ref.lock)
    with pytest.raises(TimeoutError, match="held"):
        ref.lock(timeout=0.05)
    end(pid)
    before = memory[:8]
    for call in (
        lambda: ref.lock(timeout=0.05),
        lambda: ref.get(timeout=0.05),
        lambda: ref.put_or_lock(timeout=0.05),
    ):
        with pytest.raises(TimeoutError, match="store="):
            call()
        # What sleepers leave: the waiters' bit, for whoever will release.
        assert memory[:3] + memory[4:8] == before[:3] + before[4:8]
    ref.close()


def test_a_killed_holder_of_a_store_is_followed(store: tryget.Store, memory: mmap.mmap) -> None:
    for ref in (LockRef(memory, store=store), LockRef(store=store)):
        ref.get()

        def work(ref: LockRef = ref) -> None:
            ref.get()
            ref.lock()

        pid = child(work)
        assert ref.is_locked
        with pytest.raises(TimeoutError, match=f"process {pid}"):
            ref.lock(timeout=0.1)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError, match="stopped"):
            ref.lock(timeout=0.1)
        end(pid)
        began = time.monotonic()
        ref.lock(timeout=5)
        assert time.monotonic() - began < 1
        assert ref.is_orphaned, "what the lock guards may be half done"
        assert ref.count == 2, "nobody can say whose references are whose"
        ref.unlock()
        assert not ref.is_orphaned
        ref.close()


def test_a_count_passes_by_a_dead_holder(store: tryget.Store, memory: mmap.mmap) -> None:
    ref = LockRef(memory, store=store)
    end(child(ref.lock))
    ref.get()
    assert not ref.is_locked
    assert ref.is_orphaned, "a count does not take the notice away"
    with ref:
        assert ref.is_orphaned
    assert not ref.is_orphaned
    ref.close()


def test_a_process_entry_that_is_given_anew(folder: Path, memory: mmap.mmap) -> None:
    """The holder's entry is another's by the time anybody looks."""
    with tryget.open("few", size="4MiB", max_processes=2) as store:
        ref = LockRef(memory, store=store)
        end(child(ref.lock))
        heir = child(lambda: store.get("x"))  # there is one entry for it
        assert store.statistics().processes == 2
        ref.lock(timeout=5)
        assert ref.is_orphaned
        ref.unlock()
        end(heir)
        ref.close()


def test_a_stopped_holder_goes_on(store: tryget.Store, memory: mmap.mmap) -> None:
    ref = LockRef(memory, store=store)
    go = LockRef(memory, 8)

    def work() -> None:
        ref.lock()
        if os.fork() == 0:  # lets go for us when told: it has no right to
            while go.count == 0:
                time.sleep(0.01)
            try:
                ref.unlock()
            except tryget.LockRefError:
                go.get()
            os._exit(0)

    pid = child(work)
    go.get()
    while go.count == 1:
        time.sleep(0.01)
    assert ref.is_locked, "a child of the holder is not the holder"
    end(pid)
    ref.lock(timeout=5)
    ref.unlock()
    ref.close()
    go.close()


def test_fork_with_the_lock_held(memory: mmap.mmap) -> None:
    for ref in (LockRef(memory), LockRef()):
        with ref:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    try:
                        ref.unlock()
                    except tryget.LockRefError:
                        code = 0
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert ref.is_locked
        assert not ref.is_locked
        assert not ref.is_orphaned
        ref.close()


def test_a_private_lock_that_another_thread_held_at_the_fork() -> None:
    ref, held, go = LockRef(), threading.Event(), threading.Event()

    def hold() -> None:
        with ref:
            held.set()
            go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: it is the point
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            ref.lock(timeout=5)
            code = 0 if ref.is_orphaned else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    go.set()
    thread.join()
    assert not ref.is_locked


def count_and_lock(name: str, rounds: int) -> None:
    shared = shared_memory.SharedMemory(name)
    ref = LockRef(shared.buf)
    total = shared.buf[8:16].cast("Q")
    for _ in range(rounds):
        ref.get()
        with ref:
            total[0] += 1
        ref.put()
    total.release()
    ref.close()
    shared.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_add_up(method: str) -> None:
    shared = shared_memory.SharedMemory(create=True, size=64)
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=count_and_lock, args=(shared.name, 2000)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    ref = LockRef(shared.buf)
    total = shared.buf[8:16].cast("Q")
    assert (total[0], ref.count, ref.is_locked) == (6000, 0, False)
    total.release()
    ref.close()
    shared.close()
    shared.unlink()


@pytest.mark.torture
def test_killed_at_random(store: tryget.Store, memory: mmap.mmap, torture_seconds: float) -> None:
    """Children add to two numbers under the lock, and are killed: a difference is always told."""
    ref = LockRef(memory, store=store)
    pair = memoryview(memory)[64:80].cast("Q")

    def add() -> None:
        while True:
            ref.get()
            with ref:
                if pair[0] != pair[1]:
                    assert ref.is_orphaned
                    pair[0] = pair[1] = max(pair)
                pair[0] += 1
                pair[1] += 1
            ref.put()

    stop = time.monotonic() + torture_seconds
    kills = 0
    while time.monotonic() < stop:
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                try:
                    add()
                finally:
                    os._exit(3)
            pids.append(pid)
        time.sleep(0.02 + 0.01 * (kills % 5))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL, "a child found what it was not told of"
        kills += 2
        ref.lock(timeout=10)
        assert pair[0] == pair[1] or ref.is_orphaned
        ref.unlock()
        pair[0] = pair[1] = max(pair)
    assert pair[0] > 0
    assert ref.count <= kills, "at most one reference a kill"
    pair.release()
    ref.close()
