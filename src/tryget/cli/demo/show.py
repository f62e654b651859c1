# SPDX-License-Identifier: Apache-2.0
"""What a person sees of the demo."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from tryget.cli.demo.load import File
from tryget.cli.trial import board
from tryget.cli.trial.show import Display

if TYPE_CHECKING:
    from tryget.cli.demo.supervisor import Supervisor

_MESSAGES_MAX = 20


class DemoDisplay(Display):
    """The table, and the figures at the end."""

    def loading(self, source: Path, found: list[File], chosen: list[File], size: int) -> None:
        """Before the load."""
        if not self.quiet:
            total = sum(file.size for file in chosen)
            self.console.print(
                f"{len(chosen)} of {len(found)} files of {source}, {total / 1e6:.0f} MB, "
                f"go into a store of {size >> 20} MiB"
            )

    def show(self, supervisor: "Supervisor", elapsed: float, seconds: float) -> None:
        """The state of affairs."""
        if not self.is_due():
            return
        rows, tally = supervisor.task.board, supervisor.tally
        reads, writes = rows.total(board.READS), rows.total(board.WRITES)
        self.draw(
            (
                ("seconds", f"{elapsed:.0f} of {seconds:.0f}"),
                ("reads", f"{reads}, {reads / max(elapsed, 0.1):.0f} a second"),
                ("writes", f"{writes}, {writes / max(elapsed, 0.1):.0f} a second"),
                ("killed, stopped", f"{tally.kills}, {tally.stops} times"),
                ("longest recovery", f"{max(tally.recoveries_ms, default=0):.1f} ms"),
                ("wrong, stuck", f"{tally.wrong + rows.total(board.WRONG)}, "
                                 f"{tally.stuck + rows.total(board.STUCK)}"),
            )
        )  # fmt: skip

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
        self.lines(
            (
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
                *supervisor.tally.messages[:_MESSAGES_MAX],
            )
        )
