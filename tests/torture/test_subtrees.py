# SPDX-License-Identifier: Apache-2.0
"""Goal: a rename or a drop costs the same whatever is below, and what a drop leaves is gone within
a second, without another call. Method: medians of a large subtree beside those of a small one, in
one run; entries counted from outside. Failure means: a step that grows with the subtree, or memory
that waits for somebody."""

import statistics
import time
from pathlib import Path

import tryget

LARGE, SMALL, ROUNDS, DROPS = 100_000, 10, 41, 5


def fill(store: tryget.Store, top: str, count: int) -> None:
    store.set_many({f"{top}/{number // 1000}/{number}": number for number in range(count)})


def renames(store: tryget.Store, top: str) -> float:
    """The median of there and back."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        store.rename(top, "elsewhere/there")
        store.rename("elsewhere/there", top)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def drop(store: tryget.Store, top: str) -> tuple[float, float]:
    """Seconds until it returned, and until all of it was gone."""
    left = SMALL + 1
    began = time.monotonic()
    store.drop(top)
    took = time.monotonic() - began
    assert top not in store
    while store.statistics().entries > left:
        assert time.monotonic() - began < 1.0, "a dropped subtree is still there"
        time.sleep(0.001)
    return took, time.monotonic() - began


def test_what_is_below_costs_nothing_and_goes_by_itself(folder: Path) -> None:
    with tryget.open("subtrees", size="256MiB", directory=folder) as store:
        store["other"] = "stays"
        fill(store, "large", LARGE)
        fill(store, "small", SMALL)
        assert renames(store, "large") < 5 * renames(store, "small")
        drops = [drop(store, "large")]
        while len(drops) < DROPS:
            fill(store, "large", LARGE)
            drops.append(drop(store, "large"))
        took, gone = zip(*drops, strict=True)
        assert min(took) < statistics.median(gone) / 3, "the drop took the subtree apart itself"
        assert store["other"] == "stays"
        assert store.verify().violations == ()
