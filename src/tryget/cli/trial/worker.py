# SPDX-License-Identifier: Apache-2.0
"""What all workers have: a row of the board, a seed, and a pipe for texts."""

import os
import random
import signal
import time
import traceback
from collections.abc import Callable

from tryget._errors import StoreFull
from tryget.cli.trial import board
from tryget.cli.trial.board import Board

_TEXT_MAX = 2000


class TrialWorker:
    """One process, one row of the board."""

    def __init__(self, rows: Board, index: int, seed: int, errors: int) -> None:
        self.board = rows
        self.index = index
        self.row = rows.row(index)
        self.latencies = rows.latencies(index)
        self.chance = random.Random(seed)
        self.errors = errors

    def attempt(self, action: Callable[[], None]) -> None:
        """One step: what it raises is counted, and how long it takes can be seen."""
        row = self.row
        outer = row[board.STARTED_NS]  # a step within a step
        row[board.STARTED_NS] = outer or time.monotonic_ns()
        try:
            action()
        except StoreFull:
            row[board.FULL] += 1
        except TimeoutError as problem:
            row[board.STUCK] += 1
            self.tell("stuck", problem)
        except Exception as problem:
            row[board.WRONG] += 1
            self.tell("wrong", problem)
        row[board.STARTED_NS] = outer
        row[board.BEATS] += 1

    def tell(self, what: str, problem: Exception) -> None:
        """Sends an exception to the supervisor."""
        lines = "".join(traceback.format_exception(problem))
        self._send(f"{what}: {lines[-_TEXT_MAX:]}")

    def is_wrong(self, key: str, what: str) -> None:
        """Counts a value, or an answer, that must not be."""
        self.row[board.WRONG] += 1
        self._send(f"wrong: {key}: {what}")

    def _send(self, text: str) -> None:
        try:
            os.write(self.errors, f"{text}\n".encode(errors="backslashreplace"))
        except BlockingIOError:
            pass  # the pipe is full of others' texts; the row has the count


class Texts:
    """The pipe from the workers: they write to `writer` and never wait for it."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)

    def collect(self) -> list[str]:
        """What they had to say since the last time, in lines."""
        text = b""
        try:
            while part := os.read(self.reader, 65536):
                text += part
        except BlockingIOError:
            pass
        return text.decode(errors="replace").splitlines()

    def close(self) -> None:
        """The end of it."""
        os.close(self.reader)
        os.close(self.writer)


def forked(work: Callable[[], None]) -> int:
    """Forks a process that works and never returns: its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        status = 0
    finally:
        os._exit(status)
