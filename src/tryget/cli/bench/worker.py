# SPDX-License-Identifier: Apache-2.0
"""A worker: a process that uses the peers, and does one job after the other for the run.

A job is a function whose first argument is the `Bench` of its process; functions and arguments
come through a pipe, answers and exceptions go back. When the pipe ends, so does the worker.
"""

import ctypes
import gc
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tryget.cli.bench.keys import HOT, Deck, Pick, key_of
from tryget.cli.bench.peers import PEERS
from tryget.cli.bench.peers.base import Client
from tryget.cli.bench.timing import OPERATIONS, Yardsticks, elapsed_ns, passes_until, preemptions

YARDSTICKS = "python"
Work = list[tuple[str, bool]]  # (key, whether to write)
CALM_TRIES = 10
_PR_SET_PDEATHSIG = 1
_PASS_MAX = 200_000  # keys
_CHUNK_SECONDS = 0.001  # between two looks at the clock
_CHUNKED_KEYS = 100_000


class Unsupported(Exception):
    """This peer can't do that."""


class Bench:
    """What a process has: its clients, its keys."""

    def __init__(self, folder: Path, worker: int) -> None:
        self.folder = folder
        self.worker = worker
        self.deck = Deck(worker)
        self.work: list[Work] = []
        self.chunks: list[Sequence[str]] = []  # of keys
        self._clients: dict[str, Client] = {}

    def client(self, name: str) -> Client:
        """Attached when it is first wanted."""
        if name not in self._clients:
            if name == YARDSTICKS:
                self._clients[name] = Yardsticks()
            else:
                kind = next(kind for kind in PEERS if kind.name == name)
                self._clients[name] = kind().attach(self.folder)
        return self._clients[name]

    def able(self, name: str, operation: str) -> Client:
        """A client that can do an operation; Unsupported."""
        client = self.client(name)
        if getattr(client, OPERATIONS[operation].needs, None) is None:
            raise Unsupported(f"{name} has no {operation}")
        return client

    def release(self) -> None:
        """Lets go of what reads may still hold."""
        for client in self._clients.values():
            client.release()

    def close(self) -> None:
        """Ends the use of all."""
        for client in self._clients.values():
            client.close()


def bytes_of(nbytes: int) -> bytes:
    """A value."""
    return (bytes(range(256)) * (nbytes // 256 + 1))[:nbytes]


# ---- jobs ------------------------------------------------------------------------------------


def fill(bench: Bench, peer: str, first: int, end: int, nbytes: int) -> float:
    """Stores keys `first` to `end`: seconds. The keys are new objects."""
    value = bytes_of(nbytes)
    if first == 0:
        bench.client(peer).fill([(HOT, value)])
    began = time.perf_counter()
    bench.client(peer).fill((key_of(number), value) for number in range(first, end))
    return time.perf_counter() - began


def read_each(bench: Bench, peer: str, size: int, passes: int) -> list[float]:
    """Reads each of the numbered keys, in random order: nanoseconds a read, of each part. Who keeps
    the key that he was asked by has another object than those who ask later."""
    get = bench.client(peer).get
    keys = [key_of(number) for number in range(size)]
    bench.deck.chance.shuffle(keys)
    part = -(-size // passes)
    found = []
    for first in range(0, size, part):
        some = keys[first : first + part]
        began = time.perf_counter_ns()
        for key in some:
            get(key)
        found.append((time.perf_counter_ns() - began) / len(some))
    return found


def calibrate(bench: Bench, peer: str, operation: str, pick: Pick, seconds: float) -> int:
    """How many calls take about that long; warms up."""
    client = bench.able(peer, operation)
    number = 1
    while True:
        took = elapsed_ns(OPERATIONS[operation], client, bench.deck.pick(pick, number)) / 1e9
        if took > seconds / 4 or number >= _PASS_MAX:
            return max(1, min(_PASS_MAX, int(number * seconds / took)))
        number = min(_PASS_MAX, number * 4)


def one_slice(bench: Bench, peer: str, operation: str, pick: Pick, number: int) -> float:
    """Nanoseconds a call. A slice during which we lost the core to somebody is measured again:
    that is no cost of the call. Peers with servers are spared this: they do lose it."""
    client = bench.able(peer, operation)
    gc.collect(0)
    gc.disable()
    try:
        took = 0.0
        for _ in range(1 if client.has_server else CALM_TRIES):
            keys = bench.deck.pick(pick, number)
            before = preemptions()
            took = elapsed_ns(OPERATIONS[operation], client, keys) / number
            if preemptions() == before:
                break
        return took
    finally:
        gc.enable()
        client.release()


def wait_for(begin: float) -> None:
    """Until an instant that all workers know."""
    while (now := time.perf_counter()) < begin:
        if begin - now > 0.002:
            time.sleep(0.001)


def prepare(bench: Bench, peer: str, operation: str, pick: Pick) -> None:
    """Warms up, and chooses the keys of the `rate` that follows."""
    number = calibrate(bench, peer, operation, pick, _CHUNK_SECONDS)
    count = max(1, _CHUNKED_KEYS // number)
    bench.chunks = [bench.deck.pick(pick, number) for _ in range(count)]


@dataclass(frozen=True)
class Rate:
    """What a process got done."""

    per_second: float
    calm: bool  # it had its core all the time, or has a server and never does


def rate(bench: Bench, peer: str, operation: str, begin: float, seconds: float) -> Rate:
    """Calls, from one point in time to another, of the keys prepared."""
    client = bench.able(peer, operation)
    gc.disable()
    try:
        wait_for(begin)
        before, began = preemptions(), time.perf_counter()
        count = passes_until(OPERATIONS[operation], client, bench.chunks, began + seconds)
        took = time.perf_counter() - began
        return Rate(count / took, client.has_server or preemptions() == before)
    finally:
        gc.enable()
        client.release()


def rate_of_threads(
    bench: Bench, peer: str, operation: str, threads: int, begin: float, seconds: float
) -> Rate:
    """The same by threads of this process, which share a client: all of them together."""
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(rate, bench, peer, operation, begin, seconds) for _ in range(threads)]
        return Rate(sum(job.result().per_second for job in jobs), calm=True)


# ---- the process -----------------------------------------------------------------------------


def die_with_parent(parent: int) -> None:
    """This process is killed when its parent ends, however that ends, stopped or not."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was quicker
        os._exit(1)


def main(pipe: Connection, folder: str, worker: int, parent: int) -> None:
    """Jobs until the pipe ends."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends us
    bench = Bench(Path(folder), worker)
    while True:
        try:
            job, arguments = pipe.recv()
        except EOFError:
            break
        pipe.send(_answer(job, bench, arguments))
    bench.close()


def _answer(job: Callable[..., Any], bench: Bench, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", job(bench, *arguments)
    except Unsupported as problem:
        return "unsupported", str(problem)
    except Exception:
        return "failed", traceback.format_exc()
