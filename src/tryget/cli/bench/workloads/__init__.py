# SPDX-License-Identifier: Apache-2.0
"""All workloads, in the order in which they run. Another one is a module and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from tryget.cli.bench.run import Run
from tryget.cli.bench.workloads import (
    attach,
    growth,
    imports,
    latency,
    memory,
    mixed,
    reads,
    recovery,
    together,
    values,
    writes,
)


@dataclass(frozen=True)
class Workload:
    """A group of cases."""

    name: str
    text: str
    run: Callable[[Run], None]
    usual: bool = True  # runs when nothing is chosen


WORKLOADS = tuple(
    Workload(module.NAME, module.TEXT, module.run, usual=module is not growth)
    for module in (
        *(reads, writes, values, mixed, together, latency),
        *(memory, attach, recovery, imports, growth),
    )
)


def choose(wanted: list[str]) -> list[Workload]:
    """Those of the names, or the usual ones."""
    return [one for one in WORKLOADS if (one.name in wanted if wanted else one.usual)]
