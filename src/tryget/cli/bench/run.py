# SPDX-License-Identifier: Apache-2.0
"""A run: the peers it measures, the workers that measure them, the rows so far."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tryget.cli.bench import worker
from tryget.cli.bench.crew import Crew, Failed, Hand
from tryget.cli.bench.data import Results, Row
from tryget.cli.bench.keeper import Keeper
from tryget.cli.bench.keys import Pick
from tryget.cli.bench.peers.base import Peer, Place
from tryget.cli.bench.plan import Plan
from tryget.cli.bench.worker import Unsupported

MEMORY = "/dev/shm"
VALUE_BYTES = 64
_SLOW_ROUNDS = 3  # of calls that take longer than a slice


@dataclass(frozen=True)
class Case:
    """The same call for several peers."""

    name: str
    operation: str
    pick: Pick
    peers: tuple[str, ...]


class Run:
    """What the workloads work with."""

    def __init__(
        self,
        plan: Plan,
        peers: list[Peer],
        place: Place,
        crew: Crew,
        results: Results,
        tell: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.peers = peers
        self.place = place
        self.crew = crew
        self.results = results
        self.tell = tell
        self._filled: dict[str, int] = {}

    @property
    def measurer(self) -> Hand:
        """Who measures what one process does."""
        return self.crew.hands[0]

    @property
    def filler(self) -> Hand:
        """Who fills: another process than the one that reads."""
        return self.crew.hands[1]

    def names(self, condition: Callable[[Peer], bool] = lambda peer: True) -> tuple[str, ...]:
        """Of the peers that keep a condition."""
        return tuple(peer.name for peer in self.peers if condition(peer))

    def is_shared(self, name: str) -> bool:
        """By processes."""
        return any(peer.shared for peer in self.peers if peer.name == name)

    def add(
        self,
        workload: str,
        case: str,
        peer: str,
        unit: str,
        values: list[float],
        x: float | None = None,
    ) -> None:
        """A row."""
        self.results.rows.append(Row(workload, case, peer, unit, tuple(values), x))

    def note(self, text: str) -> None:
        """For the reader of the report."""
        self.results.notes.append(text)

    @contextmanager
    def attempt(self, what: str, peer: str) -> Iterator[None]:
        """One peer can't do it, or fails at it: the others go on."""
        self.tell(f"{what}: {peer}")
        try:
            yield
        except Unsupported:
            pass
        except Failed as problem:
            last = str(problem).strip().splitlines()[-1]
            self.results.failures.append(f"{what}: {peer}: {last}")

    # ---- values that are there -----------------------------------------------------------------

    def need(self, size: int) -> tuple[str, ...]:
        """Fills the peers that can take so many: their names."""
        ready = []
        for peer in self.peers:
            if self.plan.entries(peer) < size:
                continue
            with self.attempt(f"{size} entries", peer.name):
                self._fill(peer, size)
                ready.append(peer.name)
        return tuple(ready)

    def _fill(self, peer: Peer, size: int) -> None:
        have = self._filled.get(peer.name, 0)
        if have >= size:
            return
        self._filled[peer.name] = size
        if peer.shares_with:
            return
        hands = self.crew.hands[:2] if not peer.shared else [self.filler]
        for hand in hands:
            hand.tell(worker.fill, peer.name, have, size, VALUE_BYTES)
        for hand in hands:
            hand.hear()

    def put(self, job: Callable[..., Any], *arguments: Any) -> tuple[str, ...]:
        """A job that stores something, for each peer, where its readers find it: `job(bench,
        peer, ...)`. The peers that could."""
        able = []
        for peer in self.peers:
            hands = self.crew.hands[:2] if not peer.shared else [self.filler]
            with self.attempt(f"{job.__name__} {arguments}", peer.name):
                for hand in hands:
                    hand.ask(job, peer.name, *arguments)
                able.append(peer.name)
        return tuple(able)

    # ---- measuring -----------------------------------------------------------------------------

    def measure(self, workload: str, cases: list[Case]) -> None:
        """All cases and peers, round by round, each for a slice of time."""
        seconds = self.plan.slice_seconds
        numbers: dict[tuple[Case, str], int] = {}
        for case in cases:
            for peer in case.peers:
                with self.attempt(case.name, peer):
                    numbers[case, peer] = self.measurer.ask(
                        worker.calibrate, peer, case.operation, case.pick, seconds
                    )
        values: dict[tuple[Case, str], list[float]] = {key: [] for key in numbers}
        for number in range(self.plan.rounds):
            for key, count in numbers.items():
                case, peer = key
                if count == 1 and number >= _SLOW_ROUNDS:
                    continue
                with self.attempt(f"{case.name}, round {number + 1}", peer):
                    values[key].append(
                        self.measurer.ask(worker.one_slice, peer, case.operation, case.pick, count)
                    )
        for (case, peer), found in values.items():
            if found:
                self.add(workload, case.name, peer, "ns", found)

    @contextmanager
    def apart(self, peers: list[Peer], workers: int) -> Iterator["Run"]:
        """A run within this one, with stores of its own that are gone afterwards. Its rows are
        ours."""
        ours = [type(peer)() for peer in peers]
        with (
            places(Path(MEMORY)) as place,
            stores(ours, place),
            Crew(place.folder, workers) as crew,
        ):
            yield Run(self.plan, ours, place, crew, self.results, self.tell)


@contextmanager
def places(memory: Path) -> Iterator[Place]:
    """A folder in memory, and the keeper that removes it."""
    folder = Path(tempfile.mkdtemp(prefix="tryget-bench-", dir=memory))
    keeper = Keeper(folder)
    try:
        yield Place(folder, keeper)
    finally:
        keeper.close()


@contextmanager
def stores(peers: list[Peer], place: Place) -> Iterator[None]:
    """The peers' servers and files, for a while."""
    made: list[Peer] = []
    try:
        for peer in peers:
            peer.make(place)
            made.append(peer)
        yield
    finally:
        for peer in reversed(made):
            peer.remove(place)
