# SPDX-License-Identifier: Apache-2.0
"""The run's side of its workers."""

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tryget.cli.bench.worker import CALM_TRIES, Rate, Unsupported, main

_START_SECONDS = 0.015  # until workers that start together begin
_END_SECONDS = 10.0
_CALM_MAX = 2  # workers: more than these lose their cores to each other


class Failed(Exception):
    """A job raised: the text is the worker's traceback."""


class Hand:
    """One worker: a fresh interpreter, which shares nothing but the stores."""

    def __init__(self, folder: Path, number: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        ours = (theirs, str(folder), number, os.getpid())
        self.process = spawn.Process(target=main, args=ours, daemon=True)
        self.process.start()
        theirs.close()

    def tell(self, job: Callable[..., Any], *arguments: Any) -> None:
        """Sends a job."""
        try:
            self._pipe.send((job, arguments))
        except BrokenPipeError:
            raise Failed("its worker is gone") from None

    def hear(self) -> Any:
        """Its result: Unsupported, Failed."""
        try:
            verdict, result = self._pipe.recv()
        except EOFError:
            self.process.join()
            raise Failed(f"a worker ended with status {self.process.exitcode}") from None
        if verdict == "unsupported":
            raise Unsupported(result)
        if verdict == "failed":
            raise Failed(result)
        return result

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """Both."""
        self.tell(job, *arguments)
        return self.hear()

    def dismiss(self) -> None:
        """Closes its pipe, at which it ends."""
        self._pipe.close()

    def bury(self) -> None:
        """Waits for its end, not for ever."""
        self.process.join(_END_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Crew:
    """Several workers."""

    def __init__(self, folder: Path, count: int) -> None:
        self.hands: list[Hand] = []
        try:
            for number in range(count):
                self.hands.append(Hand(folder, number))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all."""
        for hand in self.hands:
            hand.dismiss()
        for hand in self.hands:
            hand.bury()

    def all_ask(self, count: int, job: Callable[..., Any], *arguments: Any) -> list[Any]:
        """The first `count` workers do a job, each in its own time."""
        for hand in self.hands[:count]:
            hand.tell(job, *arguments)
        answers: list[Any] = []
        problem: Exception | None = None
        for hand in self.hands[:count]:
            try:
                answers.append(hand.hear())
            except (Unsupported, Failed) as raised:
                problem = raised
        if problem is not None:
            raise problem
        return answers

    def together(
        self, count: int, seconds: float, job: Callable[..., Any], *arguments: Any
    ) -> list[Any]:
        """A job that begins at one instant: that and the seconds are its last arguments."""
        at = time.perf_counter() + _START_SECONDS
        return self.all_ask(count, job, *arguments, at, seconds)

    def calm(self, count: int, seconds: float, job: Callable[..., Any], *arguments: Any) -> float:
        """Calls a second of all workers, in a job whose answer is a Rate: of the first time that
        none of them lost its core, or of the last one."""
        rates: list[Rate] = []
        for _ in range(CALM_TRIES if count <= _CALM_MAX else 1):
            rates = self.together(count, seconds, job, *arguments)
            if all(rate.calm for rate in rates):
                break
        return sum(rate.per_second for rate in rates)
