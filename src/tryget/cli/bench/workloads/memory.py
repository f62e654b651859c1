# SPDX-License-Identifier: Apache-2.0
"""Memory an entry, beyond its key (30 B) and value (100 B): of the process for the peers within
one, of the files or the server for the others."""

from tryget.cli.bench.keys import key_of
from tryget.cli.bench.peers.base import Peer
from tryget.cli.bench.peers.servers import resident
from tryget.cli.bench.run import Run
from tryget.cli.bench.worker import Bench

NAME = "memory"
TEXT = "bytes an entry, beyond key and value"

CASE = "beyond key and value"
_KEY, _VALUE = 30, 100
_STEP = 7_368_787  # a prime: each number comes once


def fill_values(bench: Bench, peer: str, count: int) -> None:
    """Keys and values are objects of their own, in no order: sorted keys would suit a B-tree."""
    numbers = (n * _STEP % count for n in range(count))
    bench.client(peer).fill((key_of(n), f"{n:0{_VALUE}d}".encode()) for n in numbers)


def resident_bytes(bench: Bench, peer: str) -> int:
    """Of this process, once the peer is attached."""
    import os

    bench.client(peer)
    return resident(os.getpid())


def run(run: Run) -> None:
    """Each with a process and a store of its own."""
    for peer in run.peers:
        if peer.shares_with:
            continue
        count = min(run.plan.memory_entries, peer.entries_max, run.plan.entries(peer) * 100)
        with run.attempt(f"memory of {count} entries", peer.name):
            with run.apart([peer], 1) as own:
                took = _took(own, own.peers[0], count)
            run.add(NAME, CASE, peer.name, "B", [took / count - _KEY - _VALUE], x=float(count))


def _took(run: Run, peer: Peer, count: int) -> int:
    def now() -> int:
        if peer.shared:
            return peer.footprint(run.place)
        return int(run.measurer.ask(resident_bytes, peer.name))

    before = now()
    run.measurer.ask(fill_values, peer.name, count)
    return now() - before
