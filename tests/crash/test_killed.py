# SPDX-License-Identifier: Apache-2.0
"""Goal: processes may be killed at any instruction: nothing published is lost, nothing leaks.

Method: children that write, pin, rename and drop are killed at random; every acknowledged write is
looked up, and the store's own check must be clean. Failure prints the seed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import tryget

pytestmark = pytest.mark.torture


def child(work: Callable[[], None]) -> int:
    """Forks a child that works until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.alarm(120)
        work()
    except BaseException as problem:
        os.write(2, f"child: {problem!r}\n".encode())
    finally:
        os._exit(1)


def kill(pid: int) -> bool:
    """Whether the child was still at work."""
    os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_acknowledged_writes_are_there(store: tryget.Store, torture_seconds: float) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    end = time.monotonic() + torture_seconds
    turn = 0
    while time.monotonic() < end or turn < 20:
        turn += 1
        reader, writer = os.pipe()

        def work(turn: int = turn, writer: int = writer) -> None:
            number = 0
            while True:
                store[f"t{turn}/{number}"] = number.to_bytes(4, "little") * chance.choice(
                    [1, 100, 2000]
                )
                os.write(writer, number.to_bytes(4, "little"))
                number += 1

        pid = child(work)
        os.close(writer)
        time.sleep(chance.uniform(0.001, 0.03))
        assert kill(pid)
        told = b""
        while part := os.read(reader, 1 << 16):
            told += part
        os.close(reader)
        count = len(told) // 4
        for number in range(count):
            value = store[f"t{turn}/{number}"]
            assert value[:4] == number.to_bytes(4, "little")
        assert len(store.keys(f"t{turn}")) in (count, count + 1)
        store.drop(f"t{turn}")
    assert len(store) == 0


def test_killed_holders_of_pins_hold_nothing(store: tryget.Store, torture_seconds: float) -> None:
    chance = random.Random(5)
    store.update({f"k/{number}": bytes([number]) * 20_000 for number in range(8)})

    def work() -> None:
        pins: list[tryget.Pin] = []
        while True:
            key = f"k/{chance.randrange(8)}"
            pins.append(store.pin(key))
            if chance.random() < 0.3:
                store[key] = bytes([int(key[2:])]) * 20_000
            if len(pins) > 20 or chance.random() < 0.3:
                pins.pop(chance.randrange(len(pins))).release()

    end = time.monotonic() + torture_seconds
    while time.monotonic() < end:
        pids = [child(work) for _ in range(3)]
        time.sleep(chance.uniform(0.005, 0.05))
        for pid in pids:
            assert kill(pid)
        store.raw_tidy()
        assert store.statistics().pins == 0
        for number in range(8):
            assert store[f"k/{number}"] == bytes([number]) * 20_000
    store.raw_tidy()
    report = store.verify(deep=True)
    assert report.exact
    assert report.ok


def test_the_dead_are_not_counted(store: tryget.Store) -> None:
    store["large"] = bytes(20_000)

    def work() -> None:
        pin = store.pin("large")
        while True:
            store["small"] = pin.nbytes

    for _ in range(20):
        store.pop("small", None)
        pid = child(work)
        while "small" not in store:
            time.sleep(0.001)
        assert kill(pid)
        # Nobody has met it yet: no write of ours, and no call to tidy.
        assert store.stat("large").pins == 0
        figures = store.statistics()
        assert (figures.pins, figures.processes) == (0, 1)
        report = store.verify()
        assert report.exact
        assert report.ok


def test_all_killed_at_once_leaves_a_clean_store(folder: Path, torture_seconds: float) -> None:
    chance = random.Random(7)
    end = time.monotonic() + torture_seconds
    while time.monotonic() < end:
        store = tryget.open("a", size="16MiB")

        def work(store: tryget.Store = store) -> None:
            mine = random.Random(os.getpid())
            while True:
                key = f"{mine.randrange(4)}/{mine.randrange(40)}"
                roll = mine.random()
                try:
                    if roll < 0.5:
                        store[key] = bytes(mine.randrange(6000))
                    elif roll < 0.7:
                        store.delete(key)
                    elif roll < 0.9:
                        store.rename(key, f"{mine.randrange(4)}/{mine.randrange(40)}", replace=True)
                    elif roll < 0.95:
                        store.rename(key[0], f"m{mine.randrange(4)}", replace=True)
                    else:
                        store.drop(key[0])
                except (KeyError, ValueError, tryget.StoreFull):
                    pass

        pids = [child(work) for _ in range(4)]
        store.close()
        time.sleep(chance.uniform(0.01, 0.15))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
        with tryget.open("a", create=False) as again:
            again["new"] = 1
            for key, value in again.items():
                assert key == "new" or not value.strip(b"\0")
            again.raw_tidy()
            report = again.verify(deep=True)
            assert report.violations == ()
            assert report.leaked_bytes == 0
            assert report.exact
            assert again.statistics().processes == 1


def test_a_reader_never_sees_a_torn_value(store: tryget.Store, torture_seconds: float) -> None:
    sizes = [10, 900, 1100, 5000, 70_000, 300_000]
    store["v"] = b"a" * 10

    def work() -> None:
        mine = random.Random(os.getpid())
        while True:
            store["v"] = mine.choice([b"a", b"b", b"c"]) * mine.choice(sizes)

    pids = [child(work) for _ in range(2)]
    end = time.monotonic() + torture_seconds
    next_kill = time.monotonic()
    reads = 0
    while time.monotonic() < end:
        value = store["v"]
        assert len(value) in sizes
        assert value.count(value[:1]) == len(value)
        reads += 1
        if time.monotonic() > next_kill:
            next_kill = time.monotonic() + 0.02
            assert kill(pids.pop(0))
            pids.append(child(work))
    for pid in pids:
        assert kill(pid)
    assert reads > 10


CREATOR = """
import sys, tryget
while True:
    try:
        with tryget.open("c", size="4MiB", create=True) as store:
            store["a"] = 1
            assert store["a"] == 1
        tryget.unlink("c")
    except tryget.StoreNotFound:
        pass
"""


def test_killed_creators_leave_nothing_to_trip_over(folder: Path, torture_seconds: float) -> None:
    end = time.monotonic() + torture_seconds
    while time.monotonic() < end:
        makers = [
            subprocess.Popen([sys.executable, "-c", CREATOR], stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        time.sleep(0.4)
        for maker in makers:
            maker.kill()
        said = [maker.communicate()[1] for maker in makers]
        assert said == [""] * 3
        began = time.monotonic()
        with tryget.open("c", size="4MiB") as store:
            store["b"] = 2
            assert store["b"] == 2
        assert time.monotonic() - began < 5
        tryget.unlink("c")
        assert list(folder.iterdir()) == []
