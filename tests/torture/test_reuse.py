# SPDX-License-Identifier: Apache-2.0
"""Goal: no read returns a value that had been replaced before the read began, nor misses one that
was there all the time, whatever is killed.

Method: writers count each key up, and say in memory of their own what they have written: a reader
looks there first, then reads the key, often from its table. Another process moves and drops
directories beside it; some are killed in the middle of a call. The kinds of values are those that
are kept in different ways: as objects, as bytes, as places of pins. Keys that come and go, the only
ones of their directories, are kept as absences. Failure means that a token held for what was not
true any more.
"""

import array
import itertools
import mmap
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import tryget

pytestmark = pytest.mark.torture

KEYS = 8
WRITERS = 2
THREADS = 3


class Said:
    """What was written for certain, by key: each word has one writer at a time."""

    def __init__(self) -> None:
        # A word at a time: `struct` would clear one before it writes it.
        self.memory = memoryview(mmap.mmap(-1, 8 * KEYS)).cast("Q")

    def __getitem__(self, number: int) -> int:
        return self.memory[number]

    def __setitem__(self, number: int, value: int) -> None:
        self.memory[number] = value


def key_of(number: int) -> str:
    return f"tree/of/{number}"


def value_of(kind: str, number: int) -> Any:
    """What stands for a number."""
    text = "x" * (number % 50)
    if kind == "object":
        return (number, text)
    if kind == "bytes":
        return {"number": number, "text": text}
    return array.array("q", [number] * 400).tobytes()


def number_of(value: Any) -> int:
    """Of a value that is whole."""
    if isinstance(value, tuple):
        number, text = value
        assert len(text) == number % 50
    elif isinstance(value, dict):
        number = value["number"]
        assert len(value["text"]) == number % 50
    else:
        numbers = array.array("q", bytes(value))
        number = numbers[0]
        assert numbers.count(number) == len(numbers) == 400
    return int(number)


def write(store: tryget.Store, said: Said, kind: str, mine: range, seed: int) -> None:
    """Counts on from wherever the last writer was killed."""
    random.seed(seed)
    while True:
        number = random.choice(mine)
        found = store.get(key_of(number))
        value = max(said[number], number_of(found) if found is not None else 0) + 1
        store[key_of(number)] = value_of(kind, value)
        said[number] = value


def move(store: tryget.Store, seed: int) -> None:
    """Moves what nobody reads over, beside and away from what is read."""
    random.seed(seed)
    while True:
        store[f"beside/of/{random.randrange(KEYS)}"] = "beside"
        store.rename("beside", "moved", replace=True)
        if random.random() < 0.3:
            store.drop("moved")


def read_one(store: tryget.Store, kind: str, key: str) -> int:
    if kind != "place":
        return number_of(store[key])
    with store.pin(key) as pin:
        number = number_of(pin.value)
        assert number_of(pin.value) == number
        return number


def read(store: tryget.Store, said: Said, kind: str, end: float) -> int:
    """How many reads were right; the first wrong one raises."""
    reads = 0
    while time.monotonic() < end:
        for number in range(KEYS):
            for _ in range(20):
                least = said[number]
                value = read_one(store, kind, key_of(number))
                assert value >= least, f"{key_of(number)}: {value} after {least} had been written"
                reads += 1
    return reads


def in_threads(read: Callable[[], int]) -> None:
    """Raises what any of the threads met."""
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(read) for _ in range(THREADS)]
        assert sum(task.result() for task in tasks) > 1000


# ---- keys that come and go -----------------------------------------------------------------------


def gone_key(number: int) -> str:
    return f"gone/{number}/only/child"


def come_and_go(store: tryget.Store, said: Said, going: Said, mine: range, seed: int) -> None:
    """A key is there at odd numbers. `going`: the number that it may have already."""
    random.seed(seed)
    while True:
        number = random.choice(mine)
        value = going[number] + 1
        going[number] = value
        if value % 2:
            store[gone_key(number)] = value
        elif value % 4:
            store.delete(gone_key(number))
        else:
            store.drop(f"gone/{number}")
        said[number] = value
        time.sleep(random.choice((0, 0.0001)))


def look_for(store: tryget.Store, said: Said, going: Said, end: float) -> int:
    """As `read`, of keys that come and go."""
    reads = 0
    while time.monotonic() < end:
        for number in range(KEYS):
            for _ in range(50):
                before = said[number]
                value = store.get(gone_key(number))
                after = going[number]
                key = f"{gone_key(number)} between {before} and {after}"
                if value is None:
                    assert before % 2 == 0 or after > before, f"{key} is missing"
                else:
                    assert before <= value <= after, f"{key} is {value}"
                reads += 1
    return reads


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


SHARES = [range(first, KEYS, WRITERS) for first in range(WRITERS)]


@pytest.mark.parametrize("kind", ["object", "bytes", "place"])
def test_no_read_is_older_than_what_was_written(
    store: tryget.Store, torture_seconds: float, kind: str
) -> None:
    said = Said()
    for number in range(KEYS):
        store[key_of(number)] = value_of(kind, 0)
    seeds = itertools.count()
    end = time.monotonic() + min(torture_seconds, 20)
    torture(
        lambda: in_threads(lambda: read(store, said, kind, end)),
        [
            *(lambda mine=mine: write(store, said, kind, mine, next(seeds)) for mine in SHARES),
            lambda: move(store, next(seeds)),
        ],
    )


def test_no_key_is_missing_that_is_there(store: tryget.Store, torture_seconds: float) -> None:
    said, going = Said(), Said()
    seeds = itertools.count()
    end = time.monotonic() + min(torture_seconds, 20)
    torture(
        lambda: in_threads(lambda: look_for(store, said, going, end)),
        [
            *(
                lambda mine=mine: come_and_go(store, said, going, mine, next(seeds))
                for mine in SHARES
            ),
            lambda: move(store, next(seeds)),
        ],
    )


def torture(read: Callable[[], None], works: list[Callable[[], None]]) -> None:
    """Reads while others work, who are killed one after the other, and begin again."""
    seeds = itertools.count()
    reader = start(read)
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
