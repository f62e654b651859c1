# SPDX-License-Identifier: Apache-2.0
"""What is counted while workers are killed, and what was wrong."""

import time
from dataclasses import dataclass, field

from tryget.store import Report, Store

MESSAGES_MAX = 200
_QUIET_SECONDS = 10.0


def quiet_report(store: Store) -> Report:
    """The check of a store that nobody else uses. What was dropped may still be taken apart, by
    a thread of this process: then again."""
    end = time.monotonic() + _QUIET_SECONDS
    while True:
        store.raw_tidy()
        report = store.verify(deep=True)
        if report.exact or time.monotonic() > end:
            return report
        time.sleep(0.001)


@dataclass
class Tally:
    """The supervisor's counts; those of the workers are on the board."""

    kills: int = 0
    stops: int = 0
    recoveries_ms: list[float] = field(default_factory=list)
    wrong: int = 0
    stuck: int = 0
    leaked_bytes: int = 0
    violations: int = 0
    exact: bool = False
    messages: list[str] = field(default_factory=list)

    def tell(self, message: str) -> None:
        """Keeps a text for the end."""
        if len(self.messages) < MESSAGES_MAX:
            self.messages.append(message)

    def is_wrong(self, message: str) -> None:
        """Counts something that must not be."""
        self.wrong += 1
        self.tell(message)

    def is_stuck(self, message: str) -> None:
        """Counts something that takes too long."""
        self.stuck += 1
        self.tell(message)

    def add_report(self, report: Report) -> None:
        """What a check of the quiet store says."""
        self.exact = report.exact
        self.leaked_bytes += report.leaked_bytes
        self.violations += report.violation_count
        for one in report.violations:
            self.tell(f"{one.rule} at {one.where:#x}: {one.text}")
