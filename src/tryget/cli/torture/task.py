# SPDX-License-Identifier: Apache-2.0
"""What all workers of a round know, and the words of the board that torture adds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tryget.cli.torture.plan import Profile
from tryget.cli.trial.board import Board

if TYPE_CHECKING:
    from tryget.store import Store

# In the rows of the workers, behind those of the demo.
FORKS, EXECS, TIMEOUTS, COUNTING, SWAPPING, SWAPS, THREADS, STORES, LOST = range(16, 25)
# In the row behind those of all workers: who holds which token, as process id.
TOKENS = 8
_TOKENS_AT = 32
COUNTERS = 4
FIXED = 40
SHELVES = 6
SIDES = 3  # stores beside the main one
BOX = ("a", "b", "c", "d/e", "d/f")  # what a whole box holds


@dataclass(frozen=True)
class Task:
    """The round, as its workers see it."""

    store: "Store"
    directory: str
    profile: Profile
    workers: int
    forks: float  # a second and worker
    board: Board
    errors: int  # descriptor for texts
    supervisor: int  # process id

    def key(self, number: int) -> str:
        """The shared key of a number."""
        return f"val/{number % 7}/{number}"

    def side(self, number: int) -> str:
        """The name of a store beside the main one."""
        return f"{self.store.name}-side-{number}"

    @property
    def tokens(self) -> memoryview:
        """Who holds which token."""
        return self.board.row(self.workers * 2)[_TOKENS_AT : _TOKENS_AT + TOKENS]
