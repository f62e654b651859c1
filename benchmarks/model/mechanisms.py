# SPDX-License-Identifier: Apache-2.0
"""The arithmetic: what N cores get done when some of what they need can be with one core only.

A cache line that is written is a server with a queue. An operation of a core is private work, which
any number of cores do at once, and visits to lines. A visit takes `own` when the core had the line
last, and `own + handover` when another had. Throughput of N such cores is that of a closed queueing
network, by exact mean value analysis (Reiser and Lavenberg, 1980).

How often another had the line: the share of visits that find it elsewhere is (N-1)/N when every
core is equally likely to have been the last. A core that hammers a line keeps it for some turns,
because it is the nearest to ask again; `stay`, fitted from two cores without private work, says
how much less often it goes.

Handovers cost more the further they go: `near` within a group of cores that share a cache, `far`
beyond. Groups are filled in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Machine:
    """Nanoseconds."""

    own: float  # a locked pair of swaps on a line that the core has
    near: float  # a handover within a group: a load that misses, and the swap that takes the line
    far: float  # between groups
    group: int  # cores that share a cache
    stay: float = 1.0  # share of handovers that are left when cores hammer one line

    def handover(self, cores: int) -> float:
        """The mean of one, among so many cores of which each is as likely as another."""
        if cores <= self.group:
            return self.near
        inside = (self.group - 1) / (cores - 1)
        return inside * self.near + (1 - inside) * self.far

    def visit(self, cores: int, busy: float = 0.0) -> float:
        """The mean time that a visit keeps the line. `busy` 1: nothing is done between visits."""
        if cores == 1:
            return self.own
        elsewhere = (cores - 1) / cores
        elsewhere *= 1 - busy * (1 - self.stay)
        return self.own + elsewhere * self.handover(cores)


def throughput(cores: int, private: float, servers: Sequence[float]) -> float:
    """Operations a nanosecond, of a closed network: `private` is done at once by all, each of
    `servers` (nanoseconds of service an operation) by one at a time."""
    queues = [0.0] * len(servers)
    rate = 0.0
    for population in range(1, cores + 1):
        times = [service * (1 + queue) for service, queue in zip(servers, queues, strict=True)]
        rate = population / (private + sum(times))
        queues = [rate * time for time in times]
    return rate


def lockref(machine: Machine, cores: int, private: float) -> float:
    """A counted reference of one object: all cores swap one line, twice an operation, in one
    visit."""
    busy = 1 / (1 + private / machine.own / 4)
    return throughput(cores, private, [machine.visit(cores, busy)])


def apart(_machine: Machine, cores: int, private: float, own: float) -> float:
    """Lines of one's own, and reads of lines that nobody writes: nothing is waited for."""
    return cores / (private + own)


def ranges(machine: Machine, cores: int, private: float, count: int) -> float:
    """A range lock's reader count: each operation visits one of `count` lines at random."""
    return throughput(cores, private, [machine.visit(cores) / count] * count)


def lock(machine: Machine, cores: int, private: float, held: float) -> float:
    """One lock, held for a while: the line goes over, the work is done, it comes free."""
    return throughput(cores, private, [machine.visit(cores) + held])


def epoch_with_scans(
    machine: Machine, cores: int, private: float, own: float, scans: float
) -> float:
    """Read sections while somebody scans all contexts `scans` times a nanosecond: each scan takes
    every reader's line away once, and the reader takes it back."""
    each = private + own
    lost = scans * machine.handover(cores)  # of a reader's time
    return cores / each * max(0.0, 1 - lost)


def fitted(machine: Machine, two_cores: float) -> Machine:
    """`stay` from the time of an operation of each of two cores that hammer one line."""
    visit = two_cores / 2
    alternating = 0.5 * machine.near
    stay = max(0.0, min(1.0, (visit - machine.own) / alternating)) if alternating else 1.0
    return replace(machine, stay=stay)
