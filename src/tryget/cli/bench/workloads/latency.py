# SPDX-License-Identifier: Apache-2.0
"""Percentiles of single calls, alone and beside a process that writes the same keys."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

from tryget.cli.bench.keys import Pick
from tryget.cli.bench.run import Run
from tryget.cli.bench.timing import VALUE
from tryget.cli.bench.worker import Bench, prepare, rate, wait_for

NAME = "latency"
TEXT = "percentiles of single calls, alone and beside a writer"

_CLOCK = time.perf_counter_ns
_CHUNK = 1000
PERCENTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))


def percentiles(
    bench: Bench, peer: str, operation: str, size: int, begin: float, seconds: float
) -> dict[str, float]:
    """Nanoseconds of calls with random keys; the clock is read between any two, and in them."""
    client = bench.able(peer, operation)
    keys = bench.deck.pick(Pick("random", size), _CHUNK * 20)
    times: list[int] = []
    wait_for(begin)
    gc.disable()
    try:
        for first in range(0, 1 << 40, _CHUNK):
            some = keys[first % len(keys) : first % len(keys) + _CHUNK]
            if client.set is not None and operation == "set":
                times += _timed_sets(client.set, some)
            else:
                times += _timed(client.get, some)
            if time.perf_counter() > begin + seconds:
                break
    finally:
        gc.enable()
    times.sort()
    last = len(times) - 1
    return {name: float(times[int(last * share)]) for name, share in PERCENTILES}


def _timed(call: Callable[[str], Any], keys: Sequence[str]) -> list[int]:
    times = []
    before = _CLOCK()
    for key in keys:
        call(key)
        after = _CLOCK()
        times.append(after - before)
        before = _CLOCK()
    return times


def _timed_sets(call: Callable[[str, Any], Any], keys: Sequence[str]) -> list[int]:
    times, value = [], VALUE
    before = _CLOCK()
    for key in keys:
        call(key, value)
        after = _CLOCK()
        times.append(after - before)
        before = _CLOCK()
    return times


def run(run: Run) -> None:
    """Once a peer: a second has enough calls."""
    size = run.plan.sizes[0]
    seconds = run.plan.latency_seconds
    for operation in ("get", "set"):
        for peer in run.need(size):
            work = (peer, operation, size)
            with run.attempt(f"latency of {operation}", peer):
                _add(
                    run, operation, "alone", peer, run.crew.together(1, seconds, percentiles, *work)
                )
                if not run.is_shared(peer):
                    continue
                run.filler.ask(prepare, peer, "set", Pick("random", size))
                run.filler.tell(rate, peer, "set", 0.0, seconds * 1.5)
                beside = run.crew.together(1, seconds, percentiles, *work)
                run.filler.hear()
                _add(run, operation, "beside a writer", peer, beside)


def _add(run: Run, operation: str, how: str, peer: str, found: list[dict[str, float]]) -> None:
    for name, ns in found[0].items():
        run.add(NAME, f"{operation}, {how}, {name}", peer, "ns", [ns])
