# SPDX-License-Identifier: Apache-2.0
"""Writes: set, get-or-create, delete, and what a prefix drop takes."""

import time

from tryget.cli.bench.keys import Pick, below
from tryget.cli.bench.peers.ours import Tryget
from tryget.cli.bench.run import Case, Run
from tryget.cli.bench.timing import VALUE, preemptions
from tryget.cli.bench.worker import Bench, Unsupported

NAME = "writes"
TEXT = "set of 64 bytes, get-or-create, delete, drop of a prefix"

_DROPPED = 1000
_CALM_TRIES = 3


def drop_ns(bench: Bench, peer: str, count: int) -> float:
    """Stores keys below a prefix; how long the drop of all of them takes. Again, a few times, when
    we lost the core to somebody meanwhile."""
    client = bench.client(peer)
    if client.drop is None:
        raise Unsupported(f"{peer} can't drop a prefix")
    took = 0
    for _ in range(1 if client.has_server else _CALM_TRIES):
        client.fill((key, VALUE) for key in below("dropped", count))
        before, began = preemptions(), time.perf_counter_ns()
        client.drop("dropped")
        took = time.perf_counter_ns() - began
        if preemptions() == before:
            break
    return float(took)


def run(run: Run) -> None:
    """Sets first: create and delete need what is there."""
    size = run.plan.sizes[0]
    peers = run.need(size)
    run.measure(
        NAME,
        [
            Case("set, one key", "set", Pick("hot"), peers),
            Case(f"set, random of {size}", "set", Pick("random", size), peers),
            Case("get_or_create, hit", "create", Pick("hot"), peers),
            Case("get, one key", "get", Pick("hot"), peers),
            Case("delete", "delete", Pick("fresh"), peers),
        ],
    )
    _drops(run, f"drop of {_DROPPED} keys", _DROPPED, peers)
    large = run.plan.drop_entries
    _drops(run, f"drop of {large} keys", large, tuple(p for p in peers if p == Tryget.name))


def _drops(run: Run, case: str, count: int, peers: tuple[str, ...]) -> None:
    values: dict[str, list[float]] = {}
    for _ in range(run.plan.rounds):
        for peer in peers:
            with run.attempt(case, peer):
                values.setdefault(peer, []).append(run.measurer.ask(drop_ns, peer, count))
    for peer, found in values.items():
        if found:
            run.add(NAME, case, peer, "ns", found)
