# SPDX-License-Identifier: Apache-2.0
"""Workers that are killed, stopped and replaced.

Recovery is the time from a kill until a write to the key that the victim was using succeeds. It is
taken while no worker is stopped: who waits for a stopped process waits for it, not for a recovery.
"""

import os
import random
import signal
import time
from abc import ABC, abstractmethod

from tryget._errors import StoreFull
from tryget.cli.trial import board
from tryget.cli.trial.board import Board
from tryget.cli.trial.pace import Pace
from tryget.cli.trial.tally import Tally
from tryget.cli.trial.values import pack
from tryget.store import Store

STUCK_SECONDS = 20.0


class Team(ABC):
    """The workers of a trial, one a row of the board."""

    def __init__(self, store: Store, rows: Board, workers: int, seed: int) -> None:
        self.store = store
        self.board = rows
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.pids = [0] * workers
        self.stopped: dict[int, float] = {}  # worker: until when
        self.kill_pace = Pace(0, self.chance)
        self.stop_pace = Pace(0, self.chance)
        self.stop_seconds = (0.03, 0.25)

    @abstractmethod
    def start(self, index: int, seed: int) -> int:
        """Forks a worker: its process id."""

    @abstractmethod
    def key(self, number: int) -> str:
        """The key that a worker announced."""

    def has_died(self, index: int, pid: int) -> None:  # noqa: B027 - may be left as it is
        """After a worker was killed, before another takes its place."""

    def begin(self, kills: float, stops: float) -> None:
        """Starts all workers; the rates are those of events a second."""
        self.kill_pace = Pace(kills, self.chance)
        self.stop_pace = Pace(stops, self.chance)
        for index in range(len(self.pids)):
            self._start(index)

    def _start(self, index: int) -> None:
        self.board.row(index)[board.STARTED_NS] = 0
        self.pids[index] = self.start(index, self.chance.getrandbits(63))

    def step(self) -> None:
        """What is due now: a kill, a stop, the end of a stop."""
        self._look_for_stuck()
        self._look_for_ended()
        now = time.monotonic()
        for index in [index for index, until in self.stopped.items() if now >= until]:
            self._end_stop(index)
        if self.kill_pace.is_due():
            self._kill(self.chance.randrange(len(self.pids)))
        if self.stop_pace.is_due():
            self._stop(self.chance.randrange(len(self.pids)))

    def _stop(self, index: int) -> None:
        if index in self.stopped:
            return
        os.kill(self.pids[index], signal.SIGSTOP)
        self.stopped[index] = time.monotonic() + self.chance.uniform(*self.stop_seconds)
        self.tally.stops += 1

    def _end_stop(self, index: int) -> None:
        """It goes on, or is killed as it stands."""
        if self.chance.random() < 0.5:
            self._kill(index)
            return
        del self.stopped[index]
        # The time that it stood still is not its own.
        row = self.board.row(index)
        if row[board.STARTED_NS]:
            row[board.STARTED_NS] = time.monotonic_ns()
        os.kill(self.pids[index], signal.SIGCONT)

    def _kill(self, index: int) -> None:
        pid = self.pids[index]
        os.kill(pid, signal.SIGKILL)
        self.stopped.pop(index, None)
        self.tally.kills += 1
        if not self.stopped:
            began = time.perf_counter()
            self._probe(self.key(self.board.row(index)[board.KEY]))
            self.tally.recoveries_ms.append((time.perf_counter() - began) * 1e3)
        os.waitpid(pid, 0)
        self.has_died(index, pid)
        self._start(index)

    def _probe(self, key: str) -> None:
        try:
            self.store[key] = pack(key, b"written by the supervisor")
        except StoreFull:
            pass
        except TimeoutError as problem:
            self.tally.is_stuck(str(problem))

    def _look_for_stuck(self) -> None:
        now = time.monotonic_ns()
        for index, pid in enumerate(self.pids):
            began = self.board.row(index)[board.STARTED_NS]
            if index not in self.stopped and began and now - began > STUCK_SECONDS * 1e9:
                self.tally.is_stuck(f"worker {pid} was in one step for {STUCK_SECONDS} s")
                self._kill(index)

    def _look_for_ended(self) -> None:
        """No worker ends by itself."""
        for index, pid in enumerate(self.pids):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                ended = os.waitstatus_to_exitcode(status)
                self.tally.is_wrong(f"worker {pid} ended: {ended}")
                self.stopped.pop(index, None)
                self.has_died(index, pid)
                self._start(index)

    def end(self) -> None:
        """Kills all workers at once."""
        for pid in self.pids:
            if pid:
                os.kill(pid, signal.SIGKILL)
                self.tally.kills += 1
        for index, pid in enumerate(self.pids):
            if pid:
                os.waitpid(pid, 0)
                self.has_died(index, pid)
        self.pids = []
        self.stopped.clear()
