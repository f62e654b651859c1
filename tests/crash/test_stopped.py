# SPDX-License-Identifier: Apache-2.0
"""Goal: who waits for a stopped process waits no longer than he said, and reads never wait.

Method: a child that writes one key all the time is stopped until, by chance, it holds the lock of
that key; then every call is tried. Failure means a hang, or a wait that Ctrl-C does not end.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tryget


def write_for_ever(store: tryget.Store) -> int:
    """A child that replaces one key and moves another."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.alarm(120)
        while True:
            store["held"] = b"x" * 100
    finally:
        os._exit(1)


@pytest.fixture
def held(folder: Path) -> Iterator[tuple[tryget.Store, int]]:
    """A store, and a child that is stopped while it holds the lock of the key `held`."""
    store = tryget.open("stop", size="16MiB", timeout=0.03)
    store["held"] = b"y" * 100
    store["other"] = b"z" * 100
    pid = write_for_ever(store)
    try:
        if not stop_it_with_the_lock(store, pid):
            pytest.skip("the child was never stopped with the lock")
        yield store, pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        store.close()


def stop_it_with_the_lock(store: tryget.Store, pid: int) -> bool:
    """Stops the child at random until a write to the key times out."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(0.0003)
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED)
        try:
            store["held"] = b"y" * 100
        except TimeoutError:
            return True
        os.kill(pid, signal.SIGCONT)
    return False


def test_a_stopped_writer(held: tuple[tryget.Store, int]) -> None:
    store, pid = held
    reads_go_on(store)
    writes_time_out(store)
    reads_go_on(store)
    with tryget.open("stop", timeout=0) as impatient, pytest.raises(TimeoutError):
        impatient["held"] = 1
    with tryget.open("stop", timeout=None) as patient:
        signals_end_a_wait(patient)
        signals_that_are_handled_do_not()
        # Killed as it stands: the lock comes back.
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        patient["held"] = "free"
        assert time.monotonic() - began < 1
    assert store["held"] == "free"
    store.raw_tidy()
    assert store.verify().ok


def reads_go_on(store: tryget.Store) -> None:
    assert store["held"] in (b"x" * 100, b"y" * 100)
    assert "held" in store
    assert store.get("other") == b"z" * 100
    assert sorted(store) == ["held", "other"]
    assert store.stat("held").nbytes == 100
    assert store.try_get("other") is not None


def writes_time_out(store: tryget.Store) -> None:
    for call in (
        lambda: store.set("held", 1),
        lambda: store.delete("held"),
        lambda: store.pop("held"),
        lambda: store.touch("held", 5),
        lambda: store.rename("held", "new"),
        lambda: store.set("held", bytes(100_000)),
    ):
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="held") as caught:
            call()
        assert 0.02 < time.monotonic() - began < 1
        assert "stopped" in str(caught.value)


def signals_end_a_wait(patient: tryget.Store) -> None:
    """Ctrl-C, wherever in the wait it comes."""
    previous = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    for call in (lambda: patient.set("held", 1), lambda: patient.drop("held")):
        for _ in range(5):
            began = time.monotonic()
            timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                call()
            assert time.monotonic() - began < 0.1 + 0.25
            timer.join()
    signal.signal(signal.SIGUSR1, previous)


def signals_that_are_handled_do_not() -> None:
    seen: list[int] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    timers = [
        threading.Timer(0.05 * number, os.kill, (os.getpid(), signal.SIGUSR1))
        for number in range(1, 7)
    ]
    for timer in timers:
        timer.start()
    began = time.monotonic()
    with tryget.open("stop", timeout=0.5) as slow, pytest.raises(TimeoutError):
        slow["held"] = 1
    assert 0.45 < time.monotonic() - began < 1.5
    for timer in timers:
        timer.join()
    assert len(seen) == 6
    signal.signal(signal.SIGUSR1, previous)


def test_a_writer_that_goes_on(held: tuple[tryget.Store, int]) -> None:
    store, pid = held
    patient = tryget.open("stop", timeout=30)
    os.kill(pid, signal.SIGCONT)
    patient["held"] = b"y" * 100
    for _ in range(1000):
        assert store["held"] in (b"x" * 100, b"y" * 100)
    patient.close()
