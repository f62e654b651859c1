# SPDX-License-Identifier: Apache-2.0
"""Reads and writes mixed, keys by Zipf's law: 95 to 5, 50 to 50; one process and two."""

import gc
import itertools
import time

from tryget.cli.bench.keys import Pick
from tryget.cli.bench.peers.base import Client
from tryget.cli.bench.run import Run
from tryget.cli.bench.timing import VALUE, preemptions
from tryget.cli.bench.worker import Bench, Rate, Unsupported, Work, wait_for

NAME = "mixed"
TEXT = "95 % and 50 % reads of Zipf-distributed keys, by one and two processes"

_CHUNK = 256
_CHUNKS = 64


def _pass(client: Client, work: Work) -> None:
    get, put, value = client.get, client.set, VALUE
    assert put is not None
    for key, writes in work:
        if writes:
            put(key, value)
        else:
            get(key)


def prepare_mixed(bench: Bench, peer: str, size: int, read_percent: int) -> None:
    """Chooses what the `mixed_rate` that follows does."""
    client = bench.client(peer)
    if client.set is None:
        raise Unsupported(f"{peer} has no set")
    draw = bench.deck.chance.random
    bench.work = [
        [(key, draw() * 100 >= read_percent) for key in bench.deck.pick(Pick("zipf", size), _CHUNK)]
        for _ in range(_CHUNKS)
    ]
    _pass(client, bench.work[0])


def mixed_rate(bench: Bench, peer: str, begin: float, seconds: float) -> Rate:
    """Calls, from one point in time to another."""
    client = bench.client(peer)
    gc.disable()
    try:
        wait_for(begin)
        before, began, count = preemptions(), time.perf_counter(), 0
        for some in itertools.cycle(bench.work):
            _pass(client, some)
            count += _CHUNK
            if time.perf_counter() >= began + seconds:
                break
        took = time.perf_counter() - began
        return Rate(count / took, client.has_server or preemptions() == before)
    finally:
        gc.enable()


def mixed_rates(
    run: Run, processes: int, peer: str, size: int, read_percent: int, seconds: float
) -> float:
    """Calls a second of all processes."""
    run.crew.all_ask(processes, prepare_mixed, peer, size, read_percent)
    return run.crew.calm(processes, seconds, mixed_rate, peer)


def run(run: Run) -> None:
    """Rounds of all peers, with one process and with two."""
    size = run.plan.sizes[0]
    peers = run.need(size)
    seconds = run.plan.together_seconds
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(max(2, run.plan.rounds // 2)):
        for percent in (95, 50):
            for peer in peers:
                for processes in (1, 2):
                    case = f"{percent}/{100 - percent}, {processes} proc."
                    with run.attempt(case, peer):
                        rate = mixed_rates(run, processes, peer, size, percent, seconds)
                        found.setdefault((case, peer), []).append(rate)
    for (case, peer), rates in found.items():
        run.add(NAME, case, peer, "1/s", rates)
