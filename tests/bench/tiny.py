# SPDX-License-Identifier: Apache-2.0
"""A plan that takes seconds, and what the tests of the benchmark share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tryget.cli.bench import machine, peers, workloads
from tryget.cli.bench.crew import Crew
from tryget.cli.bench.data import Results
from tryget.cli.bench.peers.base import Peer, Place
from tryget.cli.bench.plan import Plan
from tryget.cli.bench.run import Run, places, stores

TINY = Plan(
    rounds=2,
    slice_seconds=0.0005,
    sizes=(100, 300),
    entries_max=100,
    entries_max_always=300,
    together_seconds=0.01,
    latency_seconds=0.01,
    memory_entries=1000,
    value_bytes=(64, 1024),
    array_bytes=(4096,),
    drop_entries=1000,
    attach_bytes=1 << 22,
    victims_mib=(0, 1),
    kills=2,
    growth_entries=(100, 1000),
    growth_processes=(1, 3),
    growth_bytes=(1 << 20, 1 << 21),
)


def nothing_said(text: str) -> None:
    """No progress."""


def measured(wanted: list[str], some: list[str]) -> Results:
    """The results of a tiny run."""
    found, missing = peers.choose(some)
    results = Results(
        machine.describe(),
        TINY.as_json(),
        {peer.name: peer.text for peer in found},
        {lacking.peer: lacking.why for lacking in missing},
    )
    with (
        places(Path("/dev/shm")) as place,
        stores(found, place),
        Crew(place.folder, 2) as crew,
    ):
        run = Run(TINY, found, place, crew, results, nothing_said)
        for workload in workloads.choose(wanted):
            workload.run(run)
    return results


@contextmanager
def one(peer: Peer) -> Iterator[Place]:
    """A peer's server and files, for a while."""
    with places(Path("/dev/shm")) as place, stores([peer], place):
        yield place
