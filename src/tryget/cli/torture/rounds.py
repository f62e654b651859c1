# SPDX-License-Identifier: Apache-2.0
"""Rounds: a store each, workers that are killed, and the judgement."""

import contextlib
import os
import time
from dataclasses import dataclass, field

from tryget._errors import StoreNotFound
from tryget._path import resolve_directory
from tryget.cli.torture.crew import Crew
from tryget.cli.torture.judge import Judge
from tryget.cli.torture.plan import Round
from tryget.cli.torture.show import TortureDisplay
from tryget.cli.torture.task import EXECS, FORKS, SIDES, THREADS, TIMEOUTS, Task
from tryget.cli.trial import board
from tryget.cli.trial.board import Board
from tryget.cli.trial.worker import Texts
from tryget.store import open, unlink

_TICK_SECONDS = 0.005
_SIZE_MIN = 4 << 20


@dataclass
class Sum:
    """All rounds together."""

    seed: int
    rounds: int = 0
    steps: int = 0
    kills: int = 0
    stops: int = 0
    forks: int = 0
    execs: int = 0
    threads: int = 0
    full: int = 0
    timeouts: int = 0
    recoveries_ms: list[float] = field(default_factory=list)
    wrong: int = 0
    stuck: int = 0
    leaked_bytes: int = 0
    violations: int = 0
    messages: list[str] = field(default_factory=list)
    kept: str | None = None

    @property
    def is_good(self) -> bool:
        """Nothing was wrong."""
        return not (self.wrong or self.stuck or self.leaked_bytes or self.violations)

    def add(self, crew: Crew) -> None:
        """The end of a round."""
        rows, tally = crew.board, crew.tally
        self.rounds += 1
        self.steps += rows.total(board.BEATS)
        self.kills += tally.kills
        self.stops += tally.stops
        self.forks += rows.total(FORKS)
        self.execs += rows.total(EXECS)
        self.threads += rows.total(THREADS)
        self.full += rows.total(board.FULL)
        self.timeouts += rows.total(TIMEOUTS)
        self.recoveries_ms += tally.recoveries_ms
        self.wrong += tally.wrong + rows.total(board.WRONG)
        self.stuck += tally.stuck + rows.total(board.STUCK)
        self.leaked_bytes += tally.leaked_bytes
        self.violations += tally.violations
        self.messages += tally.messages

    def figures(self) -> dict[str, int | float]:
        """For --json."""
        return {
            "seed": self.seed,
            "rounds": self.rounds,
            "steps": self.steps,
            "kills": self.kills,
            "stops": self.stops,
            "forks": self.forks,
            "execs": self.execs,
            "threads": self.threads,
            "full": self.full,
            "timeouts": self.timeouts,
            "recovery_ms_max": round(max(self.recoveries_ms, default=0.0), 3),
            "wrong": self.wrong,
            "stuck": self.stuck,
            "leaked_bytes": self.leaked_bytes,
            "verify_violations": self.violations,
        }


@dataclass(frozen=True)
class Rates:
    """Events a second."""

    kills: float
    stops: float
    forks: float


class Torture:
    """Runs one round after the other, until one is bad or time is over."""

    def __init__(
        self, rounds: list[Round], workers: int, rates: Rates, display: TortureDisplay, seed: int
    ) -> None:
        self.rounds = rounds
        self.workers = workers
        self.rates = rates
        self.display = display
        self.directory = resolve_directory(None, make=True)
        self.sum = Sum(seed)
        self.began = time.monotonic()

    def run(self, keep: bool) -> Sum:
        """All rounds; a bad one is the last, and its store is kept if that is wanted."""
        for one in self.rounds:
            name = f"torture-{os.getpid()}-{one.number}"
            try:
                go_on = self._round(one, name)
            except BaseException:
                self._remove(name)
                raise
            if keep and not self.sum.is_good:
                self.sum.kept = f"{self.directory}/{name}.tryget"
            else:
                self._remove(name)
            if not go_on:
                break
        return self.sum

    def _round(self, one: Round, name: str) -> bool:
        status = os.statvfs(self.directory)
        size = max(min(one.size, status.f_bavail * status.f_frsize * 3 // 4), _SIZE_MIN)
        store = open(name, size=size, directory=self.directory, create="exclusive")
        texts = Texts()
        # Two rows a worker, the second for those it forks, and one for the tokens.
        task = Task(
            store=store,
            directory=self.directory,
            profile=one.profile,
            workers=self.workers,
            forks=self.rates.forks * one.profile.forks,
            board=Board(self.workers * 2 + 1),
            errors=texts.writer,
            supervisor=os.getpid(),
        )
        crew = Crew(task, one.seed)
        go_on = self._work(crew, one, texts)
        self.display.judging()
        if not (crew.tally.wrong or crew.board.total(board.WRONG)):
            Judge(crew).judge()
        for text in texts.collect():
            crew.tally.tell(text)
        self.sum.add(crew)
        if not self.sum.is_good:
            self.sum.messages.insert(0, f"round {one.number + 1}: {one}")
        texts.close()
        store.close()
        return go_on and self.sum.is_good

    def _work(self, crew: Crew, one: Round, texts: Texts) -> bool:
        began = time.monotonic()
        try:
            crew.prepare()
            crew.begin(self.rates.kills, self.rates.stops)
            while time.monotonic() - began < one.seconds:
                crew.step()
                self.display.show(
                    crew, one, time.monotonic() - self.began, one.seconds * len(self.rounds)
                )
                if crew.tally.wrong or crew.board.total(board.WRONG):
                    return False
                time.sleep(_TICK_SECONDS)
        except KeyboardInterrupt:
            return False
        finally:
            crew.finish(one.ending)
        return True

    def _remove(self, name: str) -> None:
        # Also what is not listed: a process killed between the two files of a store leaves one.
        for one in (name, *(f"{name}-side-{number}" for number in range(SIDES))):
            with contextlib.suppress(StoreNotFound):
                unlink(one, directory=self.directory)
