# SPDX-License-Identifier: Apache-2.0
"""Tables that others published, and what the model makes of them.

Fitted are a curve's first and last point (two unknowns: the private and the serial part of an
operation); all points between are predicted. A single pair of figures can't be predicted without
knowing what is done under the lock: of these the model says what serial time they imply, and
whether that is a line's handover or a lock's work."""

from collections.abc import Sequence
from dataclasses import dataclass

import mechanisms


@dataclass(frozen=True)
class Curve:
    """Operations a second by cores."""

    name: str
    points: tuple[tuple[int, float], ...]


# Page faults a second by threads, in the discussion of a lock per memory area inside the area's
# record (Linux memory management list, 2023): without the change, with the new lock apart from
# the record, with the lock in the record.
FAULTS = (
    Curve(
        "page faults, lock apart, before",
        (
            *((1, 469201.7), (4, 1754465.6), (7, 2808141.7), (12, 3750307.8)),
            *((21, 4145672.5), (30, 3775722.6), (48, 4152563.6), (56, 4163868.7)),
        ),
    ),
    Curve(
        "page faults, small lock apart",
        (
            *((1, 464453.4), (4, 1660688.0), (7, 2688910.6), (12, 3863490.2)),
            *((21, 3904532.7), (30, 3923225.4), (48, 4783720.7), (56, 4851473.7)),
        ),
    ),
    Curve(
        "page faults, small lock inside",
        (
            *((1, 465268.1), (4, 1658538.0), (7, 2645016.2), (12, 3664676.7)),
            *((21, 3722203.8), (30, 3821025.7), (48, 4561016.2), (56, 4528123.4)),
        ),
    ),
)


@dataclass(frozen=True)
class Pair:
    """Before and after a change, at a number of cores."""

    name: str
    cores: int
    before: float
    after: float
    visits: int  # to the contended line, an operation
    remark: str


PAIRS = (
    Pair(
        "fstat of one file, lockref with and without a pause in its loop (Linux 6.2)",
        96, 1269157, 6649326, 2,
        "both take a reference and give it back: two swaps of one line",
    ),
    Pair(
        "open with create of one directory's files, parent referenced and not (Linux 6.12)",
        70, 754565, 25747851, 2,
        "before, all cores also wait for the directory's lock; after, no shared line is written",
    ),
)  # fmt: skip


def fit(curve: Curve) -> tuple[float, float]:
    """(private, serial) nanoseconds that give the first and the last point."""
    (first_cores, first), (last_cores, last) = curve.points[0], curve.points[-1]
    assert first_cores == 1
    whole = 1e9 / first
    low, high = 0.0, whole
    for _ in range(100):
        serial = (low + high) / 2
        rate = mechanisms.throughput(last_cores, whole - serial, [serial]) * 1e9
        low, high = (serial, high) if rate > last else (low, serial)
    return whole - serial, serial


@dataclass(frozen=True)
class Prediction:
    """At one number of cores."""

    cores: int
    predicted: float
    published: float

    @property
    def error(self) -> float:
        """0.1: predicted 10 % too much."""
        return self.predicted / self.published - 1


def between(curve: Curve) -> Sequence[Prediction]:
    """The points that were not fitted."""
    private, serial = fit(curve)
    return [
        Prediction(cores, mechanisms.throughput(cores, private, [serial]) * 1e9, rate)
        for cores, rate in curve.points[1:-1]
    ]


def implied(rate: float, visits: int) -> float:
    """Nanoseconds that each visit keeps the line, if the line is the bottleneck."""
    return 1e9 / rate / visits
