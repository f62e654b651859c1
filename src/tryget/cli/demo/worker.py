# SPDX-License-Identifier: Apache-2.0
"""A worker: reads and checks, writes what can be checked, until it is killed.

Keys: files/PATH are replaced, never removed: to miss one is wrong. churn/N/PATH are removed,
renamed, dropped and stored again. count/N are incremented: each acknowledged step must be there.
"""

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tryget.cli.trial import board
from tryget.cli.trial.board import Board, bucket_of
from tryget.cli.trial.values import is_good, pack
from tryget.cli.trial.worker import TrialWorker

if TYPE_CHECKING:
    from tryget.store import Store

COUNTERS = 4
CHURN_FOLDERS = 12
_CLOCK = time.perf_counter_ns


@dataclass(frozen=True)
class Task:
    """What all workers know."""

    store: "Store"
    folder: Path
    paths: list[str]  # of the files, relative
    churn: list[tuple[str, str]]  # (key, path) of copies
    board: Board
    errors: int  # descriptor for texts

    def key(self, number: int) -> str:
        """The key that a worker announced."""
        if number < len(self.paths):
            return f"files/{self.paths[number]}"
        return self.churn[number - len(self.paths)][0]

    def fresh(self, key: str, path: str, chance: random.Random) -> bytes:
        """A new value for a key: the file, and something that differs each time."""
        content = (self.folder / path).read_bytes()
        return pack(key, content + chance.randbytes(chance.randrange(64)))


class Worker(TrialWorker):
    """One process: half of them write, all read."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task.board, index, seed, task.errors)
        self.task = task
        self.store = task.store
        self.writes = index % 2 == 1
        self.serial = 0
        self.parent = os.getpid()  # who makes this object forks

    def run(self) -> None:
        """For ever; an orphan ends."""
        while os.getppid() == self.parent:
            for _ in range(64):
                self.attempt(
                    self._write if self.writes and self.chance.random() < 0.5 else self._read
                )

    # ---- reads -----------------------------------------------------------------------------

    def _read(self) -> None:
        if self.chance.random() < 0.2 and self.task.churn:
            number = self.chance.randrange(len(self.task.churn))
            key, optional = self.task.churn[number][0], True
            self.row[board.KEY] = len(self.task.paths) + number
        else:
            number = self.chance.randrange(len(self.task.paths))
            key, optional = f"files/{self.task.paths[number]}", False
            self.row[board.KEY] = number
        if self.chance.random() < 0.2:
            self._read_pinned(key, optional)
            return
        began = _CLOCK()
        value = self.store.get(key)
        self.latencies[bucket_of(_CLOCK() - began)] += 1
        self.row[board.READS] += 1
        self._judge(key, value, optional)

    def _read_pinned(self, key: str, optional: bool) -> None:
        pin = self.store.try_get(key)
        self.row[board.READS] += 1
        if pin is None:
            self._judge(key, None, optional)
            return
        with pin:
            self._judge(key, pin.value, optional)

    def _judge(self, key: str, value: Any, optional: bool) -> None:
        if value is None:
            if not optional:
                self.is_wrong(key, "it is missing")
        elif not is_good(key, value):
            self.is_wrong(key, f"{len(value)} bytes that nobody stored")

    # ---- writes ----------------------------------------------------------------------------

    def _write(self) -> None:
        roll = self.chance.random()
        if roll < 0.5:
            self._replace()
        elif roll < 0.65:
            self._count()
        elif roll < 0.75:
            self._add()
        elif self.task.churn:
            self._churn(self.chance.random())
        self.row[board.WRITES] += 1

    def _replace(self) -> None:
        number = self.chance.randrange(len(self.task.paths))
        key, path = f"files/{self.task.paths[number]}", self.task.paths[number]
        self.row[board.KEY] = number
        self.store[key] = self.task.fresh(key, path, self.chance)

    def _count(self) -> None:
        self.store.increment(f"count/{self.chance.randrange(COUNTERS)}", initial=0)
        self.row[board.INCREMENTS] += 1

    def _add(self) -> None:
        """Keys of its own, with a time to live or removed again."""
        self.serial += 1
        key = f"own/{self.index}/{os.getpid()}/{self.serial}"
        value = pack(key, self.chance.randbytes(self.chance.randrange(3000)))
        if not self.store.add(key, value, ttl=self.chance.choice([None, 0.5, 5])):
            self.is_wrong(key, "somebody else has it")
        if self.serial > 8:
            self.store.delete(f"own/{self.index}/{os.getpid()}/{self.serial - 8}")

    def _churn(self, roll: float) -> None:
        number = self.chance.randrange(len(self.task.churn))
        key, path = self.task.churn[number]
        self.row[board.KEY] = len(self.task.paths) + number
        top = "/".join(key.split("/")[:2])
        try:
            if roll < 0.5:
                self.store[key] = self.task.fresh(key, path, self.chance)
            elif roll < 0.65:
                self.store.delete(key)
            elif roll < 0.75:
                self.store.rename(key, f"{key}~", replace=True)
            elif roll < 0.85:
                self.store.rename(f"{key}~", key, replace=True)
            elif roll < 0.9:
                self.store.rename(top, f"{top}~", replace=True)
            elif roll < 0.95:
                self.store.rename(f"{top}~", top, replace=True)
            elif roll < 0.97:
                self.store.drop(top)
            else:
                self._judge(key, self.store.pop(key, None), True)
        except KeyError:
            pass  # somebody removed or moved it first
