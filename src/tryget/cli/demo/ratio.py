# SPDX-License-Identifier: Apache-2.0
"""One figure for the road: a small read, as a multiple of the same read of a dict."""

import timeit
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tryget.store import Store

_LOOPS = 100_000
_REPEATS = 7


def _best(statement: str, names: dict[str, object]) -> float:
    """Nanoseconds of the fastest repeat, without the loop's own."""
    empty = min(timeit.repeat("pass", number=_LOOPS, repeat=_REPEATS))
    found = min(timeit.repeat(statement, globals=names, number=_LOOPS, repeat=_REPEATS))
    return (found - empty) / _LOOPS * 1e9


def of_get(store: "Store") -> tuple[float, float]:
    """(ns of a get of 64 bytes, ns of dict.get)."""
    value = bytes(range(64))
    store["ratio"] = value
    ours = _best("get(key)", {"get": store.get, "key": "ratio"})
    dicts = _best("get(key)", {"get": {"ratio": value}.get, "key": "ratio"})
    del store["ratio"]
    return ours, dicts
