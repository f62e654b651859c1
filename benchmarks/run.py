# SPDX-License-Identifier: Apache-2.0
"""Figures of the core, as ratios within one run: its operations in multiples of an uncontended
compare-and-swap pair, the wait after a SIGKILL, and the parts by themselves in multiples of
`dict.get`. Medians of several rounds; nothing is subtracted."""

import functools
import glob
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tryget

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (
    *("base", "region", "word", "journal", "owner", "epoch", "arena"),
    *("ledger", "object", "names", "os", "store", "parts"),
)
ROUNDS = 7


def build(source: str, folder: str) -> str:
    """Compiles one C program of micro/ with the whole core, as a release is."""
    program = os.path.join(folder, Path(source).stem)
    core = [file for layer in LAYERS for file in sorted(glob.glob(f"csrc/{layer}/*.c"))]
    command = ["cc", "-std=c11", "-D_GNU_SOURCE=", "-O3", "-flto", "-Icsrc", "-Itests/core"]
    subprocess.run(
        [*command, "-o", program, f"benchmarks/micro/{source}", *core, "-lpthread"],
        cwd=ROOT,
        check=True,
    )
    return program


def core_figures() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for source, arguments in (
            ("core_costs.c", []),
            ("recovery.c", ["200", "0", "64", "1024"]),
            ("lockref.c", []),
        ):
            print(f"\n{source}", flush=True)
            subprocess.run([build(source, folder), *arguments], check=True)


def nanoseconds(call: Callable[[], Any]) -> float:
    number = 20_000
    times = timeit.repeat(call, number=number, repeat=ROUNDS)
    return statistics.median(times) / number * 1e9


def both(first: Callable[[], Any], second: Callable[[], Any]) -> Callable[[], None]:
    def call() -> None:
        first()
        second()

    return call


def parts_figures() -> None:
    """The parts by themselves, beside what Python has. The store's calls: `tryget bench`."""
    ref, lock = tryget.LockRef(), threading.Lock()
    unit = nanoseconds(functools.partial({"key": 1}.get, "key"))
    rows = {
        "LockRef get + put": both(ref.get, ref.put),
        "LockRef lock + unlock": both(ref.lock, ref.unlock),
        "threading.Lock": both(lock.acquire, lock.release),
    }
    print(f"\nPython {sys.version.split()[0]}; dict.get {unit:.1f} ns")
    for name, call in rows.items():
        took = nanoseconds(call)
        print(f"{name:34} {took:8.1f} ns  {took / unit:6.2f} x")


if __name__ == "__main__":
    core_figures()
    parts_figures()
