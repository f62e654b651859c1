# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a torture."""

import statistics
from typing import TYPE_CHECKING

from tryget.cli.torture.plan import Round
from tryget.cli.torture.task import EXECS, FORKS, THREADS, TIMEOUTS
from tryget.cli.trial import board
from tryget.cli.trial.show import Display

if TYPE_CHECKING:
    from tryget.cli.torture.crew import Crew
    from tryget.cli.torture.rounds import Sum

_MESSAGES_MAX = 40


class TortureDisplay(Display):
    """The table of the round that runs, and the figures at the end."""

    def show(self, crew: "Crew", one: Round, elapsed: float, seconds: float) -> None:
        """The state of affairs."""
        if not self.is_due():
            return
        rows, tally = crew.board, crew.tally
        beats = rows.total(board.BEATS)
        self.draw(
            (
                ("seconds", f"{elapsed:.0f} of {seconds:.0f}"),
                ("round", f"{one.number + 1}, {one.profile.name}, {one.size >> 20} MiB"),
                ("steps", f"{beats} in this round"),
                ("killed, stopped", f"{tally.kills}, {tally.stops} times"),
                ("forks, execs, threads", f"{rows.total(FORKS)}, {rows.total(EXECS)}, "
                                          f"{rows.total(THREADS)}"),
                ("full, timed out", f"{rows.total(board.FULL)}, {rows.total(TIMEOUTS)}"),
                ("longest recovery", f"{max(tally.recoveries_ms, default=0):.1f} ms"),
                ("wrong, stuck", f"{tally.wrong + rows.total(board.WRONG)}, "
                                 f"{tally.stuck + rows.total(board.STUCK)}"),
            )
        )  # fmt: skip

    def verdict(self, found: "Sum") -> None:
        """The figures, for people."""
        times = found.recoveries_ms or [0.0]
        self.lines(
            (
                f"rounds         {found.rounds}",
                f"steps          {found.steps}",
                f"killed         {found.kills} times, stopped {found.stops} times",
                f"forks          {found.forks}, {found.execs} with exec; {found.threads} threads",
                f"full           {found.full} times; {found.timeouts} time limits of next to "
                "nothing passed",
                f"recovery       {statistics.median(times):.1f} ms at half, "
                f"{max(times):.1f} ms at most",
                f"wrong          {found.wrong}",
                f"stuck          {found.stuck}",
                f"leaked bytes   {found.leaked_bytes}",
                f"verify         {found.violations} violations",
                f"seed           {found.seed}",
            )
        )

    def failure(self, messages: list[str], replay: str, kept: str | None) -> None:
        """What went wrong, and how to see it again; on standard error in a pipe too."""
        self.console.stderr = True
        self.lines(messages[:_MESSAGES_MAX])
        if kept:
            self.lines([f"kept           {kept}"])
        self.lines([f"replay         {replay}"])
