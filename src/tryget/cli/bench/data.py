# SPDX-License-Identifier: Apache-2.0
"""What a run yields: rows, and their form as JSON."""

import json
import statistics
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1


def _digits(value: float) -> float:
    """Five of them: the rest is noise."""
    return float(f"{value:.5g}")


@dataclass(frozen=True)
class Row:
    """One case of one peer: a value a round."""

    workload: str
    case: str
    peer: str
    unit: str  # "ns", "ms", "B", "1/s"
    values: tuple[float, ...]
    x: float | None = None  # where on a curve

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.values)

    @property
    def p99(self) -> float:
        """The value that 99 % of the rounds keep."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]

    def as_json(self) -> dict[str, Any]:
        """With what is derived."""
        return {
            "workload": self.workload,
            "case": self.case,
            "peer": self.peer,
            "unit": self.unit,
            "x": self.x,
            "median": _digits(self.median),
            "min": _digits(min(self.values)),
            "max": _digits(max(self.values)),
            "values": [_digits(value) for value in self.values],
        }


@dataclass(frozen=True)
class Check:
    """A target, and whether it holds."""

    target: str
    limit: str
    measured: str
    verdict: str  # "met", "not met", "not measured"
    why: str = ""


@dataclass
class Results:
    """Everything, in the order in which it was measured."""

    machine: dict[str, Any]
    plan: dict[str, Any]
    peers: dict[str, str]  # name: how it is driven
    missing: dict[str, str]  # name: why
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what a reader of the figures has to know
    failures: list[str] = field(default_factory=list)  # what raised: a defect, of us or a peer
    interrupted: bool = False
    seconds: float = 0.0
    seconds_of: dict[str, float] = field(default_factory=dict)  # each workload

    def find(self, workload: str, case: str, peer: str, x: float | None = None) -> Row | None:
        """A row, if it was measured; on a curve that of the largest `x`, or of the one given."""
        found = [
            row
            for row in self.rows
            if (row.workload, row.case, row.peer) == (workload, case, peer)
            and (x is None or row.x == x)
        ]
        return max(found, key=lambda row: row.x or 0.0) if found else None

    def cases(self, workload: str) -> list[str]:
        """In order."""
        return list(dict.fromkeys(row.case for row in self.rows if row.workload == workload))

    def workloads(self) -> list[str]:
        """In order."""
        return list(dict.fromkeys(row.workload for row in self.rows))

    def as_json(self, checks: list[Check], losses: list[str]) -> str:
        """One object, a line a row."""
        head = {
            "schema": SCHEMA,
            "machine": self.machine,
            "plan": self.plan,
            "peers": self.peers,
            "missing": self.missing,
            "notes": self.notes,
            "failures": self.failures,
            "seconds": _digits(self.seconds),
            "seconds_of": {name: _digits(took) for name, took in self.seconds_of.items()},
            "checks": [vars(check) for check in checks],
            "losses": losses,
        }
        rows = ",\n  ".join(json.dumps(row.as_json()) for row in self.rows)
        text = json.dumps(head, indent=1).removesuffix("\n}")
        return f'{text},\n "rows": [\n  {rows}\n ]\n}}\n'
