# SPDX-License-Identifier: Apache-2.0
"""How long a writer waits after a SIGKILL of a process that holds the lock it needs.

A victim sets one key over and over. It is stopped at a random instant; a set of that key with a
short timeout tells whether it stopped with the lock in its hands, and if not it goes on. A holder
is killed, and the next set of the key is timed. The kernel gives a dead process's life token back
after its memory, so victims come in several sizes.
"""

import mmap
import os
import random
import signal
import time

from tryget.cli.bench.peers.ours import NAME as STORE
from tryget.cli.bench.peers.ours import Tryget
from tryget.cli.bench.run import Run
from tryget.cli.bench.timing import VALUE
from tryget.cli.bench.worker import Bench, die_with_parent
from tryget.cli.bench.workloads.attach import spare_bytes
from tryget.store import Store, open

NAME = "recovery"
TEXT = "the wait of others after a SIGKILL of a lock's holder"

_KEY = "victim/key"
_PROBE_SECONDS = 0.002
_MIB = 1 << 20
_STOPS_MAX = 2000


def case_of(mib: int) -> str:
    """The name of a case."""
    return f"victim of {mib} MiB"


def _victim(store: Store, mib: int, ready: int, parent: int) -> None:
    die_with_parent(parent)
    memory = mmap.mmap(-1, mib * _MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) if mib else None
    if memory is not None:
        memory.madvise(15)  # MADV_NOHUGEPAGE: the slower case
        for at in range(0, len(memory), 4096):
            memory[at] = 1
    os.write(ready, b"x")
    while True:
        store.set(_KEY, VALUE)


def _fork(store: Store, mib: int) -> int:
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _victim(store, mib, writer, parent)
        finally:
            os._exit(1)
    os.close(writer)
    if os.read(reader, 1) != b"x":
        raise RuntimeError("a victim did not start")
    os.close(reader)
    return pid


def _stop_with_lock(pid: int, probe: Store) -> None:
    for _ in range(_STOPS_MAX):
        time.sleep(random.random() * 2e-4)
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        try:
            probe.set(_KEY, VALUE)
        except TimeoutError:
            return
        os.kill(pid, signal.SIGCONT)
    raise RuntimeError(f"a victim was stopped {_STOPS_MAX} times and never held the lock")


def waits_ms(bench: Bench, mib: int, kills: int) -> list[float]:
    """One wait a kill."""
    found = []
    with (
        open(STORE, directory=bench.folder, timeout=_PROBE_SECONDS) as probe,
        open(STORE, directory=bench.folder, timeout=60) as store,
    ):
        store.set(_KEY, VALUE)
        for _ in range(kills):
            pid = _fork(store, mib)
            try:
                _stop_with_lock(pid, probe)
                began = time.perf_counter_ns()
                os.kill(pid, signal.SIGKILL)
                store.set(_KEY, VALUE)
                found.append((time.perf_counter_ns() - began) / 1e6)
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    return found


def run(run: Run) -> None:
    """Fewer kills of the large ones: each has to take its memory first."""
    for mib in run.plan.victims_mib:
        if mib * _MIB > spare_bytes(run.place.folder):
            run.note(f"No memory for a victim of {mib} MiB.")
            continue
        kills = max(2, min(run.plan.kills, run.plan.kills * 64 // max(mib, 64)))
        run.tell(f"{kills} kills of victims of {mib} MiB")
        with run.attempt(case_of(mib), Tryget.name), run.apart([Tryget()], 1) as own:
            waits = own.measurer.ask(waits_ms, mib, kills)
            run.add(NAME, case_of(mib), Tryget.name, "ms", waits, x=float(mib))
