# SPDX-License-Identifier: Apache-2.0
"""Goal: the threads of a process share a LockRef.

Method: real threads that count, lock, wait, starve, end with the lock, and get signals. Failure
means two holders, a count that is wrong, or a wait that does not end.
"""

import os
import signal
import threading
import time
from typing import Any

import pytest

import tryget
from tryget import LockRef

THREADS_SHARE_THE_STORE = True  # nothing here is shared that must not be


def run(threads: int, work: Any) -> None:
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    started = [threading.Thread(target=guarded) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert not errors, errors


def test_threads_exclude_each_other_and_counts_add_up() -> None:
    ref, total = LockRef(), [0]
    ref.get()

    def work() -> None:
        for number in range(300):
            ref.get()
            if number % 3 == 0:
                with ref:
                    before = total[0]
                    count = ref.count
                    time.sleep(0)
                    assert ref.count == count, "a holder sees a count that stands still"
                    total[0] = before + 1
            ref.put()

    run(4, work)
    assert total == [400]
    assert (ref.count, ref.is_locked) == (1, False)


def test_the_last_put_is_the_last_once() -> None:
    for _ in range(50):
        ref, ended = LockRef(), []
        for _ in range(4):
            ref.get()

        def work(ref: LockRef = ref, ended: list[int] = ended) -> None:
            if not ref.put_or_lock():
                ended.append(ref.put())
                ref.mark_dead()
                ref.unlock()

        run(4, work)
        assert ended == [0]
        assert ref.is_dead


def test_only_the_holder_unlocks() -> None:
    ref = LockRef()
    ref.lock()

    def other() -> None:
        for call in (ref.unlock, ref.mark_dead):
            with pytest.raises(tryget.LockRefError):
                call()
        with pytest.raises(TimeoutError):
            ref.lock(timeout=0.01)
        with pytest.raises(TimeoutError):
            ref.get(timeout=0.01)

    run(2, other)
    assert ref.is_locked
    ref.unlock()


@pytest.mark.thread_unsafe(reason="it measures the time of the process")
def test_waiters_sleep_and_all_get_their_turn() -> None:
    ref, turns = LockRef(), []
    ref.lock()
    threads = []
    for number in range(6):

        def wait(number: int = number) -> None:
            with ref:
                turns.append(number)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
    time.sleep(0.1)
    cpu = time.process_time()
    time.sleep(0.3)
    assert turns == []
    assert time.process_time() - cpu < 0.15, "six waiters, and none of them spins"
    ref.unlock()
    for thread in threads:
        thread.join(10)
    assert sorted(turns) == list(range(6))


def test_a_starving_waiter_is_served() -> None:
    """Somebody takes the lock again at once, always."""
    ref, stop = LockRef(), threading.Event()

    def greedy() -> None:
        while not stop.is_set():
            with ref:
                pass

    threads = [threading.Thread(target=greedy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            ref.lock(timeout=10)
            ref.unlock()
            ref.get(timeout=10)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert ref.count == 50


def test_close_while_others_wait() -> None:
    memory = bytearray(8)
    ref = LockRef(memory)
    holder = LockRef(memory)
    holder.lock()
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            ref.lock()
        except ValueError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    ref.close()
    thread.join(10)
    assert "closed" in str(caught[0])
    holder.unlock()
    holder.close()
    memory.append(0)


def test_a_thread_that_ended_with_a_private_lock() -> None:
    ref = LockRef()
    run(1, ref.lock)
    assert ref.is_locked
    ref.lock(timeout=5)
    assert ref.is_orphaned
    ref.unlock()
    assert not ref.is_orphaned


@pytest.mark.thread_unsafe(reason="signals are for the main thread")
def test_a_signal_ends_the_wait() -> None:
    ref = LockRef(bytearray([77, 0, 0, 0, 0, 0, 0, 0]))  # somebody holds it
    previous = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        for call in (ref.lock, ref.get, ref.put, ref.put_or_lock):
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                call()
            assert time.monotonic() - began < 0.1 + 0.25
            timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert ref.count == 0
