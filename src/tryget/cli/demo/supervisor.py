# SPDX-License-Identifier: Apache-2.0
"""The demo's workers, and the judgement of what they leave."""

from tryget.cli.demo.worker import COUNTERS, Task, Worker
from tryget.cli.trial import board
from tryget.cli.trial.tally import quiet_report
from tryget.cli.trial.team import Team
from tryget.cli.trial.values import is_good
from tryget.cli.trial.worker import forked


class Supervisor(Team):
    """The workers of a demo."""

    def __init__(self, task: Task, workers: int, seed: int) -> None:
        super().__init__(task.store, task.board, workers, seed)
        self.task = task

    def start(self, index: int, seed: int) -> int:
        """Forks a worker."""
        return forked(Worker(self.task, index, seed).run)

    def key(self, number: int) -> str:
        """The key that a worker announced."""
        return self.task.key(number)

    def judge(self) -> None:
        """Every file is there and good, every acknowledged step was counted, nothing leaked."""
        for path in self.task.paths:
            key = f"files/{path}"
            if not is_good(key, self.store.get(key)):
                self.tally.is_wrong(f"{key} is missing or bad at the end")
        for key in self.store.keys("churn"):
            value = self.store.get(key)
            if value is not None and not is_good(key, value):
                self.tally.is_wrong(f"{key} is bad at the end")
        counted = sum(self.store.get(f"count/{number}", 0) for number in range(COUNTERS))
        known = self.task.board.total(board.INCREMENTS)
        if not known <= counted <= known + self.tally.kills:
            self.tally.is_wrong(f"{counted} increments are there, {known} were acknowledged")
        self.tally.add_report(quiet_report(self.store))
