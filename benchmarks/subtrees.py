# SPDX-License-Identifier: Apache-2.0
"""A large subtree is renamed, and dropped: what the caller waits, when the memory is back, and what
readers elsewhere see of it.

    subtrees.py [KEYS [ROUNDS]]

Each round is a fresh process, so that its first rename and its first drop, which begins a thread,
are measured by themselves. After the drop nobody makes a call that changes anything; the entries
are counted from outside until they are gone. Meanwhile another process reads a key of another
directory all the time: its latencies are those of slices before the drop, and of the slices until
the memory was back. Printed are medians over the rounds, and the range.
"""

import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import tryget

KEYS, ROUNDS = 10**6, 5
RENAMES = 20
SLICE = 0.25  # seconds of reading, before


def fill(store: tryget.Store, keys: int) -> None:
    for first in range(0, keys, 1000):
        store.set_many({f"top/{first // 1000}/{n}": n for n in range(first, first + 1000)})


def timed(function: Any, *arguments: Any) -> float:
    began = time.perf_counter_ns()
    function(*arguments)
    return (time.perf_counter_ns() - began) / 1e3


def change(directory: str, pipe: Connection) -> None:
    """The process that renames and drops: its times in microseconds."""
    with tryget.open("subtrees", directory=directory, create=False) as store:
        first = timed(store.rename, "top", "moved/here")
        later = []
        for _ in range(RENAMES // 2):
            later.append(timed(store.rename, "moved/here", "top"))
            later.append(timed(store.rename, "top", "moved/here"))
        pipe.send(None)  # the reader's slice before the drop
        pipe.recv()
        drop = timed(store.drop, "moved")
        pipe.send((first, statistics.median(later), drop, time.monotonic()))
        pipe.recv()  # the memory is back: its helper is done


def read(directory: str, pipe: Connection) -> None:
    """Reads until it is told to send its latencies, in microseconds, since the last time."""
    with tryget.open("subtrees", directory=directory, create=False, reuse="never") as store:
        got: list[float] = []
        clock = time.perf_counter_ns
        while True:
            for _ in range(64):
                began = clock()
                store["elsewhere/key"]
                got.append((clock() - began) / 1e3)
            if pipe.poll():
                if pipe.recv() is None:
                    return
                pipe.send((statistics.median(got), percentile(got, 99), percentile(got, 99.9)))
                got = []


def percentile(values: list[float], percent: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


@contextlib.contextmanager
def process(target: Any, directory: str) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    started = multiprocessing.get_context("spawn").Process(target=target, args=(directory, theirs))
    started.start()
    theirs.close()
    try:
        yield ours
    finally:
        with contextlib.suppress(OSError):
            ours.send(None)
        started.join()


def latencies(reader: Connection) -> Any:
    reader.send(True)
    return reader.recv()


def one_round(store: tryget.Store, directory: str, keys: int) -> tuple[float, ...]:
    fill(store, keys)
    full = store.statistics().committed
    with process(read, directory) as reader, process(change, directory) as changer:
        changer.recv()
        latencies(reader)
        time.sleep(SLICE)
        before = latencies(reader)
        changer.send(True)
        first, later, drop, dropped = changer.recv()
        while store.statistics().entries > 1:
            time.sleep(0.002)
        gone = time.monotonic() - dropped
        during = latencies(reader)
        time.sleep(max(0.0, dropped + 1 - time.monotonic()))
        left = store.statistics().committed
    return (first, later, drop, gone * 1e3, full / 2**20, left / 2**20, *before, *during)


ROWS = (
    "first rename of a process, us",
    "later renames, us",
    "first drop of a process, us",
    "until all entries are gone, ms",
    "taken from the system before the drop, MiB",
    "  a second after it",
    "get elsewhere before: median, us",
    "  99 %",
    "  99.9 %",
    "get elsewhere until they are gone: median, us",
    "  99 %",
    "  99.9 %",
)


def main(keys: int = KEYS, rounds: int = ROUNDS) -> None:
    print(f"\nsubtrees.py, {keys} keys, {rounds} rounds")
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as directory,
        tryget.open("subtrees", directory=directory, size="1GiB") as store,
    ):
        store["elsewhere/key"] = b"x" * 64
        columns = zip(*(one_round(store, directory, keys) for _ in range(rounds)), strict=True)
        for name, values in zip(ROWS, columns, strict=True):
            middle = statistics.median(values)
            print(f"{name:48} {middle:9.2f}   ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
