# SPDX-License-Identifier: Apache-2.0
"""The workers of one round, and what becomes of them."""

import os
import select
import signal
import time

from tryget.cli.torture.task import COUNTERS, COUNTING, FIXED, SWAPPING, TOKENS, Task
from tryget.cli.torture.worker import Worker
from tryget.cli.trial.team import Team
from tryget.cli.trial.values import pack
from tryget.cli.trial.worker import forked

_ORPHANS_SECONDS = 60


class Crew(Team):
    """A team whose workers fork, too."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(task.store, task.board, task.workers, seed)
        self.task = task
        self.counting = 0  # steps that a kill may have cut before they were acknowledged
        self.swapping = 0
        # Everybody who is forked inherits its end: the pipe is closed when the last is gone.
        self.alive, self.living = os.pipe()

    def prepare(self) -> None:
        """What is there from the first moment on."""
        for number in range(FIXED):
            self.store[f"fixed/{number}"] = pack(f"fixed/{number}", b"first")
        for number in range(COUNTERS):
            self.store[f"count/{number}"] = 0
            self.store[f"swap/{number}"] = 0

    def start(self, index: int, seed: int) -> int:
        """Forks a worker."""
        return forked(lambda: Worker(self.task, index, seed).run())

    def key(self, number: int) -> str:
        """The key that a worker announced."""
        return self.task.key(number)

    def has_died(self, index: int, pid: int) -> None:
        """What it had not told is in doubt; its token is taken from it."""
        row = self.board.row(index)
        self.counting += row[COUNTING]
        self.swapping += row[SWAPPING]
        row[COUNTING] = row[SWAPPING] = 0
        if self.store.closed:
            return
        for number in range(TOKENS):
            key = f"token/{number}"
            if self.store.get(key) == f"{index}.{pid}":
                self.task.tokens[number] = 0
                self.store.delete(key)

    def finish(self, ending: str) -> None:
        """All workers end, and whoever they forked."""
        if ending == "stopped first":
            for pid in self.pids:
                os.kill(pid, signal.SIGSTOP)
        elif ending == "store closed first":
            self.store.close()
        self.end()
        os.close(self.living)
        self._wait_for_orphans()
        os.close(self.alive)

    def _wait_for_orphans(self) -> None:
        poll = select.poll()
        poll.register(self.alive, select.POLLIN)
        began = time.monotonic()
        if not poll.poll(_ORPHANS_SECONDS * 1000):
            self.tally.is_stuck(f"descendants were alive {time.monotonic() - began:.0f} s later")
