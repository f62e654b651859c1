# SPDX-License-Identifier: Apache-2.0
"""What a person sees: a live table on a terminal, and nothing of it in a pipe."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

_REFRESH_SECONDS = 0.25


class Display:
    """Quiet in a pipe, until the end."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.console = Console(highlight=False)
        self.live = None if quiet else Live(console=self.console, auto_refresh=False)
        self.last = 0.0

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def judging(self) -> None:
        """After the last kill."""
        if self.live is not None:
            self.live.update("all workers are killed; checking every value", refresh=True)

    def is_due(self) -> bool:
        """Whether the table should be drawn again: some times a second."""
        now = time.monotonic()
        if self.live is None or now - self.last < _REFRESH_SECONDS:
            return False
        self.last = now
        return True

    def draw(self, rows: Iterable[tuple[str, str]]) -> None:
        """The table: names and figures."""
        table = Table.grid(padding=(0, 3))
        for name, text in rows:
            table.add_row(name, text)
        if self.live is not None:
            self.live.update(table, refresh=True)

    def lines(self, lines: Iterable[str]) -> None:
        """Plain text, as it is."""
        for line in lines:
            self.console.print(line, markup=False, soft_wrap=True)
