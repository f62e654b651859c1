# SPDX-License-Identifier: Apache-2.0
"""How much is measured: for a reference, or in a minute."""

from dataclasses import asdict, dataclass
from typing import Any

from tryget.cli.bench.peers import ALWAYS
from tryget.cli.bench.peers.base import Peer

_MIB = 1 << 20
_GIB = 1 << 30


@dataclass(frozen=True)
class Plan:
    """All numbers of a run."""

    rounds: int
    slice_seconds: float  # of one measurement
    sizes: tuple[int, ...]  # of the working set of random reads
    entries_max: int  # of a peer, but for those that every ratio needs
    entries_max_always: int
    together_seconds: float
    latency_seconds: float
    memory_entries: int
    value_bytes: tuple[int, ...]
    array_bytes: tuple[int, ...]
    drop_entries: int  # of the large subtree
    attach_bytes: int  # of the large store
    victims_mib: tuple[int, ...]
    kills: int
    growth_entries: tuple[int, ...]
    growth_processes: tuple[int, ...]
    growth_bytes: tuple[int, ...]  # of stores of values of 1 KiB

    def entries(self, peer: Peer) -> int:
        """The most that a peer is filled with."""
        most = self.entries_max_always if peer.name in ALWAYS else self.entries_max
        return min(most, peer.entries_max)

    def as_json(self) -> dict[str, Any]:
        """As it is."""
        return asdict(self)


FULL = Plan(
    rounds=11,
    slice_seconds=0.01,
    sizes=(10**4, 10**5, 10**6),
    entries_max=10**6,
    entries_max_always=10**6,
    together_seconds=0.03,
    latency_seconds=1.0,
    memory_entries=10**6,
    value_bytes=(64, 1024, _MIB, 64 * _MIB),
    array_bytes=(_MIB, 64 * _MIB),
    drop_entries=10**6,
    attach_bytes=10 * _GIB,
    victims_mib=(0, 64, 1024, 8192),
    kills=200,
    growth_entries=(10**3, 10**4, 10**5, 10**6, 10**7),
    growth_processes=(1, 2, 4, 8, 16, 32, 64),
    growth_bytes=(4 * _MIB, 64 * _MIB, _GIB, 4 * _GIB, 10 * _GIB),
)

QUICK = Plan(
    rounds=5,
    slice_seconds=0.004,
    sizes=(10**4, 10**6),
    entries_max=10**4,
    entries_max_always=10**6,
    together_seconds=0.02,
    latency_seconds=0.1,
    memory_entries=5 * 10**4,
    value_bytes=(64, 1024, _MIB),
    array_bytes=(_MIB,),
    drop_entries=10**5,
    attach_bytes=256 * _MIB,
    victims_mib=(0, 64),
    kills=20,
    growth_entries=(10**3, 10**4, 10**5),
    growth_processes=(1, 2, 4, 8),
    growth_bytes=(4 * _MIB, 64 * _MIB),
)
