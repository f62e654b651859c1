# SPDX-License-Identifier: Apache-2.0
"""The keys: 30 characters each; which of them a pass uses."""

import bisect
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HOT = "profile:the-same:attributes-v1"
HOT_DEEP = "one/two/three/four/five"  # five components
ABSENT = "profile:absent:attributes-v01!"


def key_of(number: int) -> str:
    """30 characters, one component."""
    return f"profile:{number:08d}:attributes-v1"


def below(prefix: str, count: int) -> Iterator[str]:
    """Keys below a node."""
    return (f"{prefix}/{number:08d}" for number in range(count))


@dataclass(frozen=True)
class Pick:
    """Which keys. `hot`: the same one for all, and the same object; `own`: the same one, of this
    worker; `given`: the same one, by its name; `random`: evenly of the first `size`; `zipf`: of
    these the first most often; `fresh`: new ones."""

    kind: str
    size: int = 0
    key: str = ""


class Deck:
    """One worker's keys. Those it asks by are not the objects that a dict has stored."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.chance = random.Random(worker)
        self._keys: list[str] = []
        self._weights: dict[int, list[float]] = {}
        self._fresh = 0

    def first(self, size: int) -> list[str]:
        """At least `size` keys, the first ones first."""
        self._keys += [key_of(number) for number in range(len(self._keys), size)]
        return self._keys

    def pick(self, pick: Pick, number: int) -> Sequence[str]:
        """`number` keys."""
        if pick.kind == "given":
            return [pick.key] * number
        if pick.kind == "hot":
            return [HOT] * number
        if pick.kind == "own":
            return [f"profile:own-{self.worker:04d}:attributes-v1"] * number
        if pick.kind == "fresh":
            self._fresh += 1
            prefix = f"own-{self.worker}-{self._fresh}"
            return [f"{prefix}:{one:08d}" for one in range(number)]
        keys = self.first(pick.size)
        if pick.kind == "random":
            return [keys[one] for one in self._even(pick.size, number)]
        return [keys[one] for one in self.zipf(pick.size, number)]

    def _even(self, size: int, number: int) -> Iterator[int]:
        draw = self.chance.random
        return (int(draw() * size) for _ in range(number))

    def zipf(self, size: int, number: int) -> Iterator[int]:
        """Ranks, the n-th in proportion to n ** -0.99, as in YCSB."""
        weights = self._weights.get(size)
        if weights is None:
            weights = list(itertools.accumulate((n + 1) ** -0.99 for n in range(size)))
            self._weights[size] = weights
        draw, total, find = self.chance.random, weights[-1], bisect.bisect
        return (find(weights, draw() * total) for _ in range(number))
