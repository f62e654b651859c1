# SPDX-License-Identifier: Apache-2.0
"""Goal: an increment happens once or not at all, whatever instruction a kill hits. Method: eight
processes count on two keys, and say in memory of their own what they began and what returned; they
are killed at random and replaced. Failure means: a count that was lost, or made twice."""

import mmap
import os
import random
import signal
import time
import traceback
from pathlib import Path

import pytest

import tryget

WORKERS = 8
KEYS = ("n", "a/b/n")

pytestmark = pytest.mark.thread_unsafe(reason="forks, and kills its children")


class Diary:
    """How many increments of each key every worker began, and how many returned. A worker that is
    killed leaves at most one between the two; its successor has lines of its own."""

    def __init__(self, lines: int) -> None:
        # One store an entry: `struct.pack_into` would clear it first, and a kill might hit there.
        self._entries = memoryview(mmap.mmap(-1, lines * 16 * len(KEYS))).cast("q")

    def begin(self, line: int, key: int) -> None:
        self._entries[(line * len(KEYS) + key) * 2] += 1

    def end(self, line: int, key: int) -> None:
        self._entries[(line * len(KEYS) + key) * 2 + 1] += 1

    def totals(self, key: int) -> tuple[int, int]:
        step = 2 * len(KEYS)
        return sum(self._entries[2 * key :: step]), sum(self._entries[2 * key + 1 :: step])


def count(store: tryget.Store, diary: Diary, line: int) -> None:
    chance = random.Random(line)
    while True:
        key = chance.randrange(len(KEYS))
        diary.begin(line, key)
        store.increment(KEYS[key], initial=0)
        diary.end(line, key)


def start(store: tryget.Store, diary: Diary, line: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            count(store, diary, line)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def test_each_increment_happens_once_or_not_at_all(folder: Path, torture_seconds: float) -> None:
    kills_max = 400
    diary = Diary(WORKERS + kills_max)
    chance = random.Random(7)
    with tryget.open("count", size="4MiB", timeout=60) as store:
        workers = [start(store, diary, line) for line in range(WORKERS)]
        kills = 0
        end = time.monotonic() + min(torture_seconds, 10)
        while time.monotonic() < end and kills < kills_max:
            time.sleep(chance.uniform(0, 0.03))
            victim = chance.randrange(WORKERS)
            os.kill(workers[victim], signal.SIGKILL)
            assert os.waitpid(workers[victim], 0)[1] == signal.SIGKILL
            workers[victim] = start(store, diary, WORKERS + kills)
            kills += 1
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        for number, key in enumerate(KEYS):
            begun, returned = diary.totals(number)
            assert returned > 0
            assert returned <= store[key] <= begun <= returned + WORKERS + kills
        assert kills > 10
        store.raw_tidy()
        assert store.verify(deep=True).violations == ()
