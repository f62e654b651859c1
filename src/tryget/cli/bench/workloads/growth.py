# SPDX-License-Identifier: Apache-2.0
"""How costs grow: with the number of entries, with the number of processes (more than there are
cores), with the size of the store. Each point has a store of its own, or one that grows."""

import time

from tryget.cli.bench.crew import Crew
from tryget.cli.bench.keys import ABSENT, Pick, key_of
from tryget.cli.bench.peers.base import Peer
from tryget.cli.bench.peers.inprocess import Dict
from tryget.cli.bench.peers.ours import Tryget, TrygetDecoding, TrygetKeepingNothing
from tryget.cli.bench.run import VALUE_BYTES, Run
from tryget.cli.bench.worker import Bench, calibrate, fill, one_slice, prepare, rate
from tryget.cli.bench.workloads.attach import attach_ms, spare_bytes
from tryget.cli.bench.workloads.mixed import mixed_rates
from tryget.cli.bench.workloads.reads import read_once

NAME = "growth"
TEXT = "cost against entries, processes, and size of the store"

ENTRIES, PROCESSES, BYTES = "entries", "processes", "bytes"
_KIB = 1024
_ENTRY_BYTES = 1200  # of the store, for a value of 1 KiB
_COSTS = (
    ("get, random", "get", "random"),
    ("set, random", "set", "random"),
    ("get, absent", "get", "absent"),
)


def run(run: Run) -> None:
    """The three curves."""
    _entries(run)
    _processes(run)
    _bytes(run)


def _pick(kind: str, size: int) -> Pick:
    return Pick("given", key=ABSENT) if kind == "absent" else Pick(kind, size)


def _slices(run: Run, peer: str, prefix: str, x: int, size: int) -> None:
    seconds = run.plan.slice_seconds
    for name, operation, kind in _COSTS:
        pick = _pick(kind, size)
        number = run.measurer.ask(calibrate, peer, operation, pick, seconds)
        times = [
            run.measurer.ask(one_slice, peer, operation, pick, number)
            for _ in range(run.plan.rounds)
        ]
        run.add(NAME, f"{prefix}: {name}", peer, "ns", times, x=float(x))


def _entries(run: Run) -> None:
    peers: list[Peer] = [Dict(), Tryget(), TrygetDecoding(), TrygetKeepingNothing()]
    with run.apart(peers, 1) as own:
        have = 0
        for size in run.plan.growth_entries:
            for peer in own.peers:
                run.tell(f"{size} entries: {peer.name}")
                if not peer.shares_with:
                    took = own.measurer.ask(fill, peer.name, have, size, VALUE_BYTES)
                    each = took / (size - have) * 1e9
                    run.add(NAME, f"{ENTRIES}: insert", peer.name, "ns", [each], x=float(size))
            read_once(own, NAME, f"{ENTRIES}: get, each once", size, float(size))
            for peer in own.peers:
                run.tell(f"{size} entries: {peer.name}")
                _slices(own, peer.name, ENTRIES, size, size)
            have = size


def _processes(run: Run) -> None:
    size, seconds = run.plan.growth_entries[-2], run.plan.together_seconds
    most = max(run.plan.growth_processes)
    with run.apart([Tryget(), TrygetDecoding()], most) as own:
        own.measurer.ask(fill, Tryget.name, 0, size, VALUE_BYTES)
        name = TrygetDecoding.name
        random, hot, mine = Pick("random", size), Pick("hot"), Pick("own")
        for count in run.plan.growth_processes:
            run.tell(f"{count} processes")
            long = seconds * max(1, count // 2)  # each shall have its turns
            found: dict[str, list[float]] = {}
            for _ in range(max(2, run.plan.rounds // 3)):
                for case, operation, pick in (
                    ("get, one key", "get", hot),
                    ("get, random", "get", random),
                    ("set, own keys", "set", mine),
                    ("set, one key", "set", hot),
                ):
                    own.crew.all_ask(count, prepare, name, operation, pick)
                    done = own.crew.calm(count, long, rate, name, operation)
                    found.setdefault(case, []).append(done)
                done = mixed_rates(own, count, name, size, 95, long)
                found.setdefault("95/5, Zipf", []).append(done)
            for case, rates in found.items():
                run.add(NAME, f"{PROCESSES}: {case}", name, "1/s", rates, x=float(count))


def _bytes(run: Run) -> None:
    name = TrygetDecoding.name
    with run.apart([Tryget(), TrygetDecoding()], 1) as own:
        have = 0
        for nbytes in run.plan.growth_bytes:
            if nbytes - have * _ENTRY_BYTES > spare_bytes(own.place.folder):
                run.note(f"The curve of store sizes ends before {nbytes >> 20} MiB: no memory.")
                break
            run.tell(f"a store of {nbytes >> 20} MiB")
            size = nbytes // _ENTRY_BYTES
            took = own.measurer.ask(fill, Tryget.name, have, size, _KIB)
            each = took / (size - have) * 1e9
            run.add(NAME, f"{BYTES}: insert", name, "ns", [each], x=float(nbytes))
            times = own.measurer.ask(random_reads, name, size, run.plan.rounds)
            run.add(NAME, f"{BYTES}: get, random", name, "ns", times, x=float(nbytes))
            attached = [_attach(own) for _ in range(run.plan.rounds)]
            run.add(NAME, f"{BYTES}: attach and first get", name, "ms", attached, x=float(nbytes))
            have = size


def _attach(run: Run) -> float:
    with Crew(run.place.folder, 1) as crew:
        return float(crew.hands[0].ask(attach_ms, Tryget.name))


def random_reads(bench: Bench, peer: str, size: int, rounds: int) -> list[float]:
    """Nanoseconds a read. Only the keys that are asked for are made: all would fill the memory."""
    get = bench.client(peer).get
    found = []
    for _ in range(rounds):
        keys = [key_of(int(bench.deck.chance.random() * size)) for _ in range(20_000)]
        began = time.perf_counter_ns()
        for key in keys:
            get(key)
        found.append((time.perf_counter_ns() - began) / len(keys))
    return found
