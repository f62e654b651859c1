# SPDX-License-Identifier: Apache-2.0
"""The base of all groups of steps: what a worker has, and how it judges."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tryget.cli.torture.task import Task
from tryget.cli.trial.values import is_good, pack
from tryget.cli.trial.worker import TrialWorker

if TYPE_CHECKING:
    from tryget.store import Store

Step = Callable[[], None]


class Steps(TrialWorker):
    """A worker of a torture, without any step yet."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task.board, index, seed, task.errors)
        self.task = task
        self.store: Store = task.store
        self.groups: dict[str, list[Step]] = {}

    def value(self, name: str) -> bytes:
        """A new value that `is_good` knows to be of `name`."""
        size = self.chance.choice(self.task.profile.value_bytes)
        return pack(name, self.chance.randbytes(self.chance.randrange(size // 2, size + 1)))

    def judge(self, name: str, value: Any, *, optional: bool = True) -> None:
        """Whether somebody stored exactly this for `name`."""
        if value is None:
            if not optional:
                self.is_wrong(name, "it is missing")
            return
        if hasattr(value, "tobytes") and not isinstance(value, memoryview):
            value = memoryview(value)  # an array
        if not is_good(name, value):
            self.is_wrong(name, f"a value that nobody stored: {bytes(value[:64])!r}")

    def expect(self, condition: bool, key: str, what: str) -> None:
        """Counts what must not be."""
        if not condition:
            self.is_wrong(key, what)

    def is_orphan(self) -> bool:
        """Whether the supervisor is gone."""
        return os.getppid() != self.task.supervisor
