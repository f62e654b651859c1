# SPDX-License-Identifier: Apache-2.0
"""Goal: no read returns a value that had been replaced before the read began, whatever is killed.

Method: writers count each key up, and say in memory of their own what they have written: a reader
looks there first, then reads the key, often from its table. Half the writers move the whole tree
away and back, some are killed in the middle of a call. Failure means that a token held for a
value that was replaced.
"""

import itertools
import mmap
import os
import random
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import tryget

pytestmark = pytest.mark.torture

KEYS = 8
WRITERS = 2
THREADS = 3
_WORD = struct.Struct("<Q")


class Said:
    """What was written for certain, by key: each word has one writer at a time."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 8 * KEYS)

    def __getitem__(self, number: int) -> int:
        return int(_WORD.unpack_from(self.memory, 8 * number)[0])

    def __setitem__(self, number: int, value: int) -> None:
        _WORD.pack_into(self.memory, 8 * number, value)


def key_of(number: int) -> str:
    return f"tree/of/{number}"


def write(store: tryget.Store, said: Said, mine: range, seed: int) -> None:
    """Counts on from wherever the last writer was killed."""
    random.seed(seed)
    while True:
        number = random.choice(mine)
        found = store.get(key_of(number))
        value = max(said[number], found[0] if found else 0) + 1
        store[key_of(number)] = (value, "x" * (value % 50))
        said[number] = value


def move(store: tryget.Store, seed: int) -> None:
    """Moves what nobody reads over, beside and away from what is read."""
    random.seed(seed)
    while True:
        store[f"beside/of/{random.randrange(KEYS)}"] = "beside"
        store.rename("beside", "moved", replace=True)
        if random.random() < 0.3:
            store.drop("moved")


def read(store: tryget.Store, said: Said, end: float) -> int:
    """How many reads were right; the first wrong one raises."""
    reads = 0
    while time.monotonic() < end:
        for number in range(KEYS):
            for _ in range(20):
                least = said[number]
                value, text = store[key_of(number)]
                assert value >= least, f"{key_of(number)}: {value} after {least} had been written"
                assert len(text) == value % 50
                reads += 1
    return reads


def read_in_threads(store: tryget.Store, said: Said, end: float) -> None:
    """Raises what any of the threads met."""
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(read, store, said, end) for _ in range(THREADS)]
        assert sum(task.result() for task in tasks) > 1000


def start(work: Callable[[], None]) -> int:
    """Works in a child, which exits with 0 when the work ends by itself."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def test_no_read_is_older_than_what_was_written(
    store: tryget.Store, torture_seconds: float
) -> None:
    said = Said()
    for number in range(KEYS):
        store[key_of(number)] = (0, "")
    shares = [range(first, KEYS, WRITERS) for first in range(WRITERS)]
    seeds = itertools.count()
    works = [
        *(lambda mine=mine: write(store, said, mine, next(seeds)) for mine in shares),
        lambda: move(store, next(seeds)),
    ]
    end = time.monotonic() + min(torture_seconds, 20)
    reader = start(lambda: read_in_threads(store, said, end))
    children = [start(work) for work in works]
    status = None
    try:
        while status is None:
            time.sleep(0.05)
            victim = next(seeds) % len(children)
            os.kill(children[victim], signal.SIGKILL)
            os.waitpid(children[victim], 0)
            children[victim] = start(works[victim])
            pid, code = os.waitpid(reader, os.WNOHANG)
            status = os.waitstatus_to_exitcode(code) if pid else None
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert status == 0
