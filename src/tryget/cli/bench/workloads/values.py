# SPDX-License-Identifier: Apache-2.0
"""Larger values: bytes of several sizes, arrays, and pins of them."""

import importlib
from typing import Any

from tryget.cli.bench.keys import Pick
from tryget.cli.bench.run import Case, Run
from tryget.cli.bench.worker import YARDSTICKS, Bench, Unsupported, bytes_of

NAME = "values"
TEXT = "bytes of 64 B to 64 MiB, arrays, pins"


def text_of(nbytes: int) -> str:
    """64 B, 1 KiB, 64 MiB."""
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes // size} {unit}"
    return f"{nbytes} B"


def put_bytes(bench: Bench, peer: str, key: str, nbytes: int) -> None:
    """One value."""
    bench.client(peer).fill([(key, bytes_of(nbytes))])


def put_array(bench: Bench, peer: str, key: str, nbytes: int) -> None:
    """One array."""
    numpy: Any = importlib.import_module("numpy")
    client = bench.client(peer)
    if client.set_array is None:
        raise Unsupported(f"{peer} keeps no arrays")
    client.set_array(key, numpy.arange(nbytes // 4, dtype="f4"))


def run(run: Run) -> None:
    """All sizes in turn."""
    cases = []
    for nbytes in run.plan.value_bytes:
        key = f"bytes-{nbytes}"
        peers = run.put(put_bytes, key, nbytes)
        pick = Pick("given", key=key)
        cases.append(Case(f"get, {text_of(nbytes)} of bytes", "get", pick, peers))
    try:
        importlib.import_module("numpy")
    except ImportError:
        run.note("NumPy is not installed: no arrays.")
        run.measure(NAME, cases)
        return
    for nbytes in run.plan.array_bytes:
        key, text = f"array-{nbytes}", text_of(nbytes)
        peers = run.put(put_array, key, nbytes)
        pick = Pick("given", key=key)
        cases.append(Case(f"array of {text}", "array", pick, peers))
        cases.append(Case(f"pin of {text}, bare", "pin", pick, peers))
    cases.append(Case("ndarray.view()", "view", Pick("hot"), (YARDSTICKS,)))
    run.measure(NAME, cases)
