# SPDX-License-Identifier: Apache-2.0
"""What a person sees: a live table on a terminal, the figures at the end."""

import statistics
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tryget.cli.demo import board
from tryget.cli.demo.load import File

if TYPE_CHECKING:
    from tryget.cli.demo.supervisor import Supervisor

_REFRESH_SECONDS = 0.25
_MESSAGES_MAX = 20


class Display:
    """Quiet in a pipe, until the end."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.console = Console(highlight=False)
        self.live = None if quiet else Live(console=self.console, auto_refresh=False)
        self.last = 0.0

    def __enter__(self) -> "Display":
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

    def loading(self, source: Path, found: list[File], chosen: list[File], size: int) -> None:
        """Before the load."""
        if not self.quiet:
            total = sum(file.size for file in chosen)
            self.console.print(
                f"{len(chosen)} of {len(found)} files of {source}, {total / 1e6:.0f} MB, "
                f"go into a store of {size >> 20} MiB"
            )

    def judging(self) -> None:
        """After the last kill."""
        if self.live is not None:
            self.live.update("all workers are killed; checking every value", refresh=True)

    def show(self, supervisor: "Supervisor", elapsed: float, seconds: float) -> None:
        """The state of affairs, some times a second."""
        now = time.monotonic()
        if self.live is None or now - self.last < _REFRESH_SECONDS:
            return
        self.last = now
        rows, tally = supervisor.task.board, supervisor.tally
        table = Table.grid(padding=(0, 3))
        reads, writes = rows.total(board.READS), rows.total(board.WRITES)
        for name, text in (
            ("seconds", f"{elapsed:.0f} of {seconds:.0f}"),
            ("reads", f"{reads}, {reads / max(elapsed, 0.1):.0f} a second"),
            ("writes", f"{writes}, {writes / max(elapsed, 0.1):.0f} a second"),
            ("killed, stopped", f"{tally.kills}, {tally.stops} times"),
            ("longest recovery", f"{max(tally.recoveries_ms, default=0):.1f} ms"),
            ("wrong, stuck", f"{tally.wrong + rows.total(board.WRONG)}, "
                             f"{tally.stuck + rows.total(board.STUCK)}"),
        ):  # fmt: skip
            table.add_row(name, text)
        self.live.update(table, refresh=True)

    def verdict(
        self,
        supervisor: "Supervisor",
        figures: dict[str, int | float],
        seconds: float,
        seed: int,
        ours: float,
        dicts: float,
    ) -> None:
        """The figures, for people."""
        times = supervisor.tally.recoveries_ms or [0.0]
        exact = "exact" if supervisor.tally.exact else "NOT EXACT: the store was not quiet"
        for line in (
            f"reads          {figures['reads']}, {figures['reads'] / seconds:.0f} a second; "
            f"{figures['read_ns_p50'] / 1e3:.1f} µs at half, "
            f"{figures['read_ns_p99'] / 1e3:.1f} µs at 99 %",
            f"writes         {figures['writes']}, {figures['writes'] / seconds:.0f} a second",
            f"killed         {figures['kills']} times, stopped {figures['stops']} times",
            f"recovery       {statistics.median(times):.1f} ms at half, "
            f"{figures['recovery_ms_max']:.1f} ms at most",
            f"wrong values   {figures['wrong']}",
            f"stuck calls    {figures['stuck']}",
            f"leaked bytes   {figures['leaked_bytes']}",
            f"verify         {figures['verify_violations']} violations, {exact}",
            f"get, 64 bytes  {ours:.0f} ns, {ours / dicts:.2f} times dict.get ({dicts:.0f} ns)",
            f"seed           {seed}",
        ):
            self.console.print(line)
        for message in supervisor.tally.messages[:_MESSAGES_MAX]:
            self.console.print(message, markup=False)
