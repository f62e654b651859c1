# SPDX-License-Identifier: Apache-2.0
"""How long a process that has imported a peer takes to attach to a filled store and read a key."""

import importlib
import os
import time
from pathlib import Path

from tryget.cli.bench.crew import Crew
from tryget.cli.bench.keys import key_of
from tryget.cli.bench.peers import PEERS
from tryget.cli.bench.peers.ours import Tryget
from tryget.cli.bench.run import Run
from tryget.cli.bench.worker import Bench, bytes_of
from tryget.cli.bench.workloads.values import text_of

NAME = "attach"
TEXT = "attach to a filled store and read a key, in a fresh process"

CASE = "attach and first get"
LARGE = "attach to a large store"
_MIB = 1 << 20


def attach_ms(bench: Bench, peer: str) -> float:
    """The imports are over when the clock starts."""
    kind = next(kind for kind in PEERS if kind.name == peer)()
    for module in kind.modules:
        importlib.import_module(module)
    key = key_of(7)
    began = time.perf_counter_ns()
    client = kind.attach(bench.folder)
    found = client.get(key)
    took = time.perf_counter_ns() - began
    assert found is not None
    client.close()
    return took / 1e6


def fill_large(bench: Bench, peer: str, nbytes: int) -> int:
    """Values of 1 MiB: how many bytes of them."""
    value = bytes_of(_MIB - 4096)
    client = bench.client(peer)
    client.fill((f"large/{n}", value) for n in range(nbytes // _MIB))
    client.fill([(key_of(7), bytes_of(64))])
    return nbytes


def spare_bytes(folder: Path) -> int:
    """What a store may take here without hurting anybody."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            memory = int(line.split()[1]) * 1024
            break
    else:
        memory = 0
    room = os.statvfs(folder)
    return max(0, min(memory * 2 // 3 - (1 << 30), room.f_bavail * room.f_frsize * 3 // 4))


def run(run: Run) -> None:
    """A fresh process a round."""
    run.need(run.plan.sizes[0])
    peers = run.names(lambda peer: peer.shared and not peer.shares_with)
    found: dict[str, list[float]] = {peer: [] for peer in peers}
    for _ in range(run.plan.rounds):
        with Crew(run.place.folder, 1) as crew:
            for peer in peers:
                with run.attempt(CASE, peer):
                    found[peer].append(crew.hands[0].ask(attach_ms, peer))
    for peer, times in found.items():
        if times:
            run.add(NAME, CASE, peer, "ms", times)
    _large(run)


def _large(run: Run) -> None:
    wanted = run.plan.attach_bytes
    nbytes = min(wanted, spare_bytes(run.place.folder))
    if nbytes < wanted:
        run.note(f"The large store had {text_of(nbytes)} instead of {text_of(wanted)}: no memory.")
    run.tell(f"a store of {text_of(nbytes)}")
    with run.apart([Tryget()], 1) as own:
        own.measurer.ask(fill_large, Tryget.name, nbytes)
        times = []
        for _ in range(run.plan.rounds):
            with Crew(own.place.folder, 1) as crew:
                times.append(crew.hands[0].ask(attach_ms, Tryget.name))
    run.add(NAME, LARGE, Tryget.name, "ms", times, x=float(nbytes))
