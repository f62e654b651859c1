# SPDX-License-Identifier: Apache-2.0
"""Goal: sections are of processes: they end with them, are not inherited, and are waited for.

Method: children that are killed, stopped, forked and ended while they are in sections or have
deferred something. Failure means a wait for the dead, or a function that is lost or runs twice.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path

import pytest

import tryget


def child(work: Callable[[], object]) -> tuple[int, int]:
    """A forked process that does the work, then leaves `with` when told through a pipe."""
    ready, said = os.pipe()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(120)
            os.close(tell)
            with tryget.Epoch().reading():  # whatever: the end of this process ends it, too
                pass
            work()
            os.write(said, b"!")
            os.read(told, 1)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(said)
    os.close(told)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    return pid, tell


def end(pid: int, tell: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(tell)


def test_a_reader_that_is_killed_and_one_that_is_stopped(store: tryget.Store) -> None:
    section = store.epoch.reading()
    pid, tell = child(section.__enter__)
    cookie = store.epoch.snapshot()
    with pytest.raises(TimeoutError, match=f"process {pid}"):
        store.epoch.synchronize(timeout=0.05)
    os.kill(pid, signal.SIGSTOP)
    store["other"] = 1  # a stopped reader delays nobody else
    with pytest.raises(TimeoutError, match=f"process {pid}"):
        store.epoch.synchronize(timeout=0.1)
    assert not store.epoch.elapsed(cookie)
    end(pid, tell)
    began = time.monotonic()
    store.epoch.synchronize(timeout=10)
    assert time.monotonic() - began < 1
    assert store.epoch.elapsed(cookie)


def test_a_reader_that_ends_quietly(store: tryget.Store) -> None:
    pid, tell = child(store.epoch.reading().__enter__)
    cookie = store.epoch.snapshot()
    assert not store.epoch.elapsed(cookie)
    os.close(tell)
    os.waitpid(pid, 0)
    store.epoch.synchronize(timeout=10)


@pytest.mark.parametrize("private", [False, True])
def test_a_child_is_in_no_section_of_its_parent(store: tryget.Store, private: bool) -> None:
    epoch = tryget.Epoch() if private else store.epoch
    ref = tryget.LockRef()
    ref.get()
    with epoch.reading():
        cookie = epoch.snapshot()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                ref.put()  # not inside
                if private:
                    epoch.synchronize(timeout=5)
                with epoch.reading():
                    try:
                        epoch.synchronize(timeout=0)
                    except tryget.SectionError:
                        code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert not epoch.elapsed(cookie)
    assert epoch.elapsed(cookie)


def test_a_child_that_leaves_its_parents_section(store: tryget.Store) -> None:
    pid = -1
    with store.epoch.reading():
        cookie = store.epoch.snapshot()
        pid = os.fork()
        if pid:
            told = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert told == 0
            assert not store.epoch.elapsed(cookie), "the child ended its parent's section"
    if pid == 0:  # it left the block, and goes on without harm
        code = 1
        try:
            store["child"] = 1
            with store.epoch.reading():
                code = 0
        finally:
            os._exit(code)
    assert store.epoch.elapsed(cookie)
    assert store["child"] == 1


def test_deferred_functions_run_once_in_the_process_that_deferred_them(
    store: tryget.Store,
) -> None:
    counter = shared_memory.SharedMemory(create=True, size=64)
    ref = tryget.LockRef(counter.buf)
    pid, tell = child(store.epoch.reading().__enter__)
    for _ in range(3):
        store.epoch.defer(ref.get)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the thread is gone while we fork
        other = os.fork()
    if other == 0:
        code = 1
        try:
            tryget.Epoch(store).barrier(timeout=5)  # nothing of ours waits
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
    assert ref.count == 0
    end(pid, tell)
    store.epoch.barrier(timeout=10)
    assert ref.count == 3
    ref.close()
    counter.close()
    counter.unlink()


def test_a_fork_while_a_function_runs(store: tryget.Store) -> None:
    running, leave = threading.Event(), threading.Event()

    def function() -> None:
        running.set()
        leave.wait(30)

    store.epoch.defer(function)
    running.wait()
    threading.Timer(0.2, leave.set).start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that timer is a thread
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    store.epoch.barrier(timeout=10)
    store.epoch.defer(running.clear)
    store.epoch.barrier(timeout=10)
    assert not running.is_set()


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60
    )


def test_what_is_deferred_runs_before_the_process_ends(store: tryget.Store) -> None:
    for begin in ("tryget.Epoch()", "tryget.open('test').epoch"):
        done = python(f"import tryget\nepoch = {begin}\nepoch.defer(lambda: print('ran'))")
        assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_what_is_deferred_while_the_process_ends_runs(store: tryget.Store) -> None:
    code = (
        "import atexit\n"
        "def late():\n    epoch.defer(lambda: print('ran'))\n"
        "atexit.register(late)\n"
        "import tryget\n"
        "epoch = tryget.open('test').epoch\n"
        "epoch.defer(lambda: print('first'))\n"
    )
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "first\nran\n", "")


def test_what_can_not_run_before_the_end_is_told(store: tryget.Store) -> None:
    with store.epoch.reading():
        began = time.monotonic()
        done = python("import tryget\ntryget.open('test').epoch.defer(lambda: print('ran'))")
        assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 deferred functions did not run" in done.stderr


@pytest.mark.parametrize(
    "how",
    [
        "section = epoch.reading(); section.__enter__()",
        "def rows():\n    with epoch.reading():\n        yield 1\nrunning = rows(); next(running)",
        "with epoch.reading():\n    import sys; sys.exit(0)",
        "with epoch.reading():\n    import os; os._exit(0)",
    ],
)
def test_an_interpreter_may_end_inside(store: tryget.Store, how: str) -> None:
    done = python(f"import tryget\nepoch = tryget.open('test').epoch\n{how}")
    assert (done.returncode, done.stderr) == (0, "")
    store.epoch.synchronize(timeout=10)


@pytest.mark.torture
def test_models_are_swapped_under_readers_that_are_killed(
    store: tryget.Store, folder: Path, torture_seconds: float
) -> None:
    """Readers map the file that the store names; the old one is overwritten after the readers."""

    def file_of(number: int) -> Path:
        return folder / f"model-{number % 4}"

    file_of(0).write_bytes(b"good" * 100)
    store["current"] = 0

    def read() -> None:
        while True:
            with store.epoch.reading():
                data = file_of(store["current"]).read_bytes()
                if data != b"good" * 100:
                    os._exit(9)

    stop, number, kills = time.monotonic() + torture_seconds, 0, 0
    pids = []
    while time.monotonic() < stop:
        while len(pids) < 2:
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                try:
                    read()
                finally:
                    os._exit(1)
            pids.append(pid)
        for _ in range(5):
            old = number
            number += 1
            file_of(number).write_bytes(b"good" * 100)
            store["current"] = number
            store.epoch.synchronize(timeout=30)
            file_of(old).write_bytes(b"gone")
        kills += 1
        victim = pids.pop(kills % 2)
        os.kill(victim, signal.SIGKILL)
        assert os.waitpid(victim, 0)[1] == signal.SIGKILL, "a reader saw a file that was over"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    store.epoch.synchronize(timeout=10)
    assert number > 5
