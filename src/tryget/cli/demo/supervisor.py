# SPDX-License-Identifier: Apache-2.0
"""Kills, stops and replaces workers, and judges what is left.

Recovery is the time from a kill until a write to the key that the victim was using succeeds. No
worker is stopped meanwhile: who waits for a stopped process waits for it, not for a recovery.
"""

import os
import random
import signal
import time
from dataclasses import dataclass, field

from tryget._errors import StoreFull
from tryget.cli.demo import board
from tryget.cli.demo.values import is_good, pack
from tryget.cli.demo.worker import COUNTERS, Task, start

STUCK_SECONDS = 20.0


@dataclass
class Tally:
    """What the supervisor counts."""

    kills: int = 0
    stops: int = 0
    recoveries_ms: list[float] = field(default_factory=list)
    wrong: int = 0
    stuck: int = 0
    leaked_bytes: int = 0
    violations: int = 0
    exact: bool = False
    messages: list[str] = field(default_factory=list)


class Supervisor:
    """The workers of a demo."""

    def __init__(self, task: Task, workers: int, seed: int) -> None:
        self.task = task
        self.store = task.store
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.pids = [0] * workers
        self.stopped: int | None = None  # the worker that is stopped, and until when
        self.stopped_until = 0.0
        self.next_act = 0.0

    def begin(self) -> None:
        """Starts all workers."""
        for index in range(len(self.pids)):
            self._start(index)

    def _start(self, index: int) -> None:
        self.task.board.row(index)[board.STARTED_NS] = 0
        self.pids[index] = start(self.task, index, self.chance.getrandbits(63))

    def step(self) -> None:
        """What is due now: a kill, a stop, the end of a stop."""
        now = time.monotonic()
        self._look_for_stuck()
        self._look_for_ended()
        if self.stopped is not None:
            if now >= self.stopped_until:
                self._end_stop()
        elif now >= self.next_act:
            if self.chance.random() < 0.2:
                self._stop()
            else:
                self._kill(self.chance.randrange(len(self.pids)))
            self.next_act = time.monotonic() + self.chance.uniform(0.04, 0.2)

    def _stop(self) -> None:
        self.stopped = self.chance.randrange(len(self.pids))
        os.kill(self.pids[self.stopped], signal.SIGSTOP)
        self.stopped_until = time.monotonic() + self.chance.uniform(0.03, 0.25)
        self.tally.stops += 1

    def _end_stop(self) -> None:
        """It goes on, or is killed as it stands."""
        index, self.stopped = self.stopped, None
        assert index is not None
        if self.chance.random() < 0.5:
            self._kill(index)
        else:
            os.kill(self.pids[index], signal.SIGCONT)

    def _kill(self, index: int) -> None:
        pid = self.pids[index]
        os.kill(pid, signal.SIGKILL)
        began = time.perf_counter()
        key = self.task.key(self.task.board.row(index)[board.KEY])
        self._probe(key)
        self.tally.recoveries_ms.append((time.perf_counter() - began) * 1e3)
        self.tally.kills += 1
        os.waitpid(pid, 0)
        self._start(index)

    def _probe(self, key: str) -> None:
        try:
            self.store[key] = pack(key, b"written by the supervisor")
        except StoreFull:
            pass
        except TimeoutError as problem:
            self.tally.stuck += 1
            self.tally.messages.append(str(problem))

    def _look_for_stuck(self) -> None:
        now = time.monotonic_ns()
        for index, pid in enumerate(self.pids):
            began = self.task.board.row(index)[board.STARTED_NS]
            if index != self.stopped and began and now - began > STUCK_SECONDS * 1e9:
                self.tally.stuck += 1
                self.tally.messages.append(f"worker {pid} was in one step for {STUCK_SECONDS} s")
                self._kill(index)

    def _look_for_ended(self) -> None:
        """No worker ends by itself."""
        for index, pid in enumerate(self.pids):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.tally.wrong += 1
                self.tally.messages.append(
                    f"worker {pid} ended: {os.waitstatus_to_exitcode(status)}"
                )
                self._start(index)

    def end(self) -> None:
        """Kills all workers at once."""
        for pid in self.pids:
            if pid:
                os.kill(pid, signal.SIGKILL)
                self.tally.kills += 1
        for pid in self.pids:
            if pid:
                os.waitpid(pid, 0)
        self.pids = []

    def judge(self) -> None:
        """Every file is there and good, every acknowledged step was counted, nothing leaked."""
        for path in self.task.paths:
            key = f"files/{path}"
            if not is_good(key, self.store.get(key)):
                self._wrong(f"{key} is missing or bad at the end")
        for key in self.store.keys("churn"):
            value = self.store.get(key)
            if value is not None and not is_good(key, value):
                self._wrong(f"{key} is bad at the end")
        counted = sum(self.store.get(f"count/{number}", 0) for number in range(COUNTERS))
        known = self.task.board.total(board.INCREMENTS)
        if not known <= counted <= known + self.tally.kills:
            self._wrong(f"{counted} increments are there, {known} were acknowledged")
        self.store.raw_tidy()
        report = self.store.verify(deep=True)
        self.tally.exact = report.exact
        self.tally.leaked_bytes = report.leaked_bytes
        self.tally.violations = report.violation_count
        self.tally.messages += [
            f"{one.rule} at {one.where}: {one.text}" for one in report.violations
        ]

    def _wrong(self, message: str) -> None:
        self.tally.wrong += 1
        self.tally.messages.append(message)
