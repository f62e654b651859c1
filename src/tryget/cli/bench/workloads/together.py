# SPDX-License-Identifier: Apache-2.0
"""One process, two processes, two threads at the same work at the same time."""

import importlib

from tryget.cli.bench.keys import Pick
from tryget.cli.bench.run import Run
from tryget.cli.bench.worker import prepare, rate, rate_of_threads
from tryget.cli.bench.workloads import values

NAME = "together"
TEXT = "calls a second of one process, two processes, two threads"


def run(run: Run) -> None:
    """All peers that can do it."""
    size = run.plan.sizes[0]
    peers = run.need(size)
    work = [
        ("get, one key", "get", Pick("hot"), peers),
        (f"get, random of {size}", "get", Pick("random", size), peers),
        ("set, own keys", "set", Pick("own"), peers),
        ("set, one key", "set", Pick("hot"), peers),
    ]
    try:
        importlib.import_module("numpy")
    except ImportError:
        pass
    else:
        nbytes = run.plan.array_bytes[0]
        pick = Pick("given", key=f"array-{nbytes}")
        able = run.put(values.put_array, pick.key, nbytes)
        work.append((f"array of {values.text_of(nbytes)}, one key", "array", pick, able))
    for name, operation, pick, able in work:
        _case(run, name, operation, pick, able)


def _case(run: Run, name: str, operation: str, pick: Pick, peers: tuple[str, ...]) -> None:
    found: dict[tuple[str, str], list[float]] = {}
    seconds = run.plan.together_seconds
    for _ in range(max(3, run.plan.rounds // 2)):
        for peer in peers:
            work = (peer, operation)
            with run.attempt(name, peer):
                run.crew.all_ask(2, prepare, *work, pick)
                one = run.crew.calm(1, seconds, rate, *work)
                two = run.crew.calm(2, seconds, rate, *work)
                threads = _threads(run, peer, operation)
                for text, done in (("1 proc.", one), ("2 proc.", two), ("2 threads", threads)):
                    if done is not None:
                        found.setdefault((f"{name}, {text}", peer), []).append(done)
    for (case, peer), rates in found.items():
        run.add(NAME, case, peer, "1/s", rates)


def _threads(run: Run, peer: str, operation: str) -> float | None:
    """Of two; None when the peer's client is for one thread."""
    if not any(one.threads for one in run.peers if one.name == peer):
        return None
    return run.crew.calm(1, run.plan.together_seconds, rate_of_threads, peer, operation, 2)
