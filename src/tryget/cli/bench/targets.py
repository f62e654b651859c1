# SPDX-License-Identifier: Apache-2.0
"""The targets, and what this run says of each: met, not met, or not measured here."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from tryget.cli.bench.data import Check, Results, Row
from tryget.cli.bench.peers.inprocess import Dict, LruCache
from tryget.cli.bench.peers.ours import Tryget, TrygetDecoding, TrygetKeepingNothing
from tryget.cli.bench.worker import YARDSTICKS
from tryget.cli.bench.workloads import attach, growth, imports, memory, reads, recovery

_US, _DECODING, _NOTHING = Tryget.name, TrygetDecoding.name, TrygetKeepingNothing.name
_DICT, _LRU = Dict.name, LruCache.name
_MILLION = reads.random_case(10**6)
_ARRAY = "array of 1 MiB"


@dataclass(frozen=True)
class Figure:
    """One number of a run: a row's median, or None."""

    workload: str
    case: str
    peer: str

    def of(self, results: Results) -> Row | None:
        """The row."""
        return results.find(self.workload, self.case, self.peer)


def _read(case: str, peer: str) -> Figure:
    return Figure(reads.NAME, case, peer)


def _write(case: str, peer: str) -> Figure:
    return Figure("writes", case, peer)


def _rate(case: str, how: str, peer: str) -> Figure:
    return Figure("together", f"{case}, {how}", peer)


@dataclass(frozen=True)
class Ratio:
    """`above` / `below`, of two rows of the same run, is at most (or at least) a limit."""

    target: str
    above: Figure
    below: Figure
    limit: float
    least: bool = False
    control: tuple[Figure, Figure] | None = None  # the same of what shares nothing

    def check(self, results: Results) -> Check:
        """As measured."""
        sign = ">=" if self.least else "<="
        text = f"{sign} {self.limit:.3g} x"
        above, below = self.above.of(results), self.below.of(results)
        if above is None or below is None:
            lacking = self.above if above is None else self.below
            why = f"no figure for {lacking.peer}: {lacking.case}"
            return Check(self.target, text, "-", "not measured", why)
        ratio = ratio_of(above, below)
        good = ratio >= self.limit if self.least else ratio <= self.limit
        measured = f"{ratio:.2f} x ({_amount(above)} / {_amount(below)})"
        if good:
            return Check(self.target, text, measured, "met", _without_loop(results, above, below))
        why = self._held_back(results)
        if why:
            return Check(self.target, text, measured, "not measured", why)
        why = _without_loop(results, above, below)
        return Check(self.target, text, measured, "not met", why)

    def _held_back(self, results: Results) -> str:
        """Whether the machine let nobody reach the limit, as its text."""
        if self.control is None:
            return ""
        two, one = (figure.of(results) for figure in self.control)
        if two is None or one is None or ratio_of(two, one) >= self.limit:
            return ""
        return f"the machine was busy: two dicts, too, made only {ratio_of(two, one):.2f} x"


@dataclass(frozen=True)
class Most:
    """A row is at most a limit, in its unit."""

    target: str
    figure: Figure
    limit: float
    unit: str
    of: Callable[[Row], float] = lambda row: row.median
    scale: float = 1.0
    least_x: float = 0.0  # else it is not the target's case

    def check(self, results: Results) -> Check:
        """As measured."""
        text = f"<= {self.limit:g} {self.unit}"
        row = self.figure.of(results)
        if row is None:
            return Check(self.target, text, "-", "not measured", f"no figure: {self.figure.case}")
        value = self.of(row) * self.scale
        measured = f"{value:.3g} {self.unit}"
        if (row.x or 0.0) < self.least_x:
            why = f"measured at {row.x:.3g} instead of {self.least_x:.3g}"
            return Check(self.target, text, measured, "not measured", why)
        return Check(self.target, text, measured, "met" if value <= self.limit else "not met")


def ratio_of(above: Row, below: Row) -> float:
    """The median of the rounds' ratios when both were measured in the same rounds: what disturbs
    one then disturbs the other. Else the ratio of the medians."""
    same = above.workload == below.workload and len(above.values) == len(below.values)
    if not same:
        return above.median / below.median
    pairs = zip(above.values, below.values, strict=True)
    return statistics.median(mine / others for mine, others in pairs)


def _without_loop(results: Results, above: Row, below: Row) -> str:
    """What the ratio is when the loop round the calls is taken off both."""
    loop = results.find(reads.NAME, reads.LOOP, YARDSTICKS)
    if loop is None or above.unit != "ns" or below.median > 1000:
        return ""
    rest = below.median - loop.median
    return f"{(above.median - loop.median) / rest:.2f} x without the loop" if rest > 0 else ""


def _amount(row: Row) -> str:
    if row.unit == "1/s":
        return f"{row.median / 1e6:.3g} M/s"
    return f"{row.median:.3g} {row.unit}"


def _ratios() -> list[Ratio]:
    hot, deep, fields = "get, one key", "[], 5 components", "get, dict of 5 fields"
    item = _read("[], one key", _US)
    decoded = _read(hot, _DECODING)
    lru = _read(hot, _LRU)
    sets = _write("set, one key", _US)
    alone = (_rate(hot, "2 proc.", _DICT), _rate(hot, "1 proc.", _DICT))
    return [
        Ratio("store[k], reused, to dict.get", item, _read(hot, _DICT), 1.05),
        Ratio("store[k], reused, to lru_cache", item, lru, 0.55),
        Ratio("store[k], reused, 5 names, to dict.get", _read(deep, _US), _read(hot, _DICT), 1.05),
        Ratio(
            "store[k], reused, 2 processes, to 1",
            _rate(hot, "2 proc.", _US), _rate(hot, "1 proc.", _US), 1.9, least=True, control=alone,
        ),
        Ratio("same, random of 10^6, to dict", _read(_MILLION, _US), _read(_MILLION, _DICT), 0.75),
        Ratio("get, decoded, to lru_cache", decoded, lru, 1.1),
        Ratio("get, decoded, 5 names, to lru_cache",
            _read("get, 5 components", _DECODING), lru, 2.2),
        Ratio(
            "same, random of 10^6, to dict",
            _read(_MILLION, _DECODING), _read(_MILLION, _DICT), 0.75,
        ),
        Ratio("get, nothing kept, to lru_cache", _read(hot, _NOTHING), lru, 1.1),
        Ratio("get, nothing kept, 5 names, to lru_cache",
            _read("get, 5 components", _NOTHING), lru, 2.2),
        Ratio(
            "same, random of 10^6, to dict",
            _read(_MILLION, _NOTHING), _read(_MILLION, _DICT), 0.75,
        ),
        Ratio("miss, to dict.get", _read("get, absent", _US), _read("get, absent", _DICT), 1.1),
        Ratio(
            "dict of 5 fields, decoded, to msgspec",
            _read(fields, _DECODING), _read("msgspec decodes 5 fields", YARDSTICKS), 1.2,
        ),
        Ratio(
            "pinned 1 MiB array, to ndarray.view()",
            Figure("values", _ARRAY, _DECODING),
            Figure("values", "ndarray.view()", YARDSTICKS), 2.5,
        ),
        Ratio(
            "same key by 2 processes, to 1",
            _rate(f"{_ARRAY}, one key", "2 proc.", _DECODING),
            _rate(f"{_ARRAY}, one key", "1 proc.", _DECODING), 1.9, least=True, control=alone,
        ),
        Ratio("set 64 B, to dict set", sets, _write("set, one key", _DICT), 3.5),
        Ratio(
            "set 64 B, 2 processes, own keys (each <= 1.2 x)",
            _rate("set, own keys", "2 proc.", _US), _rate("set, own keys", "1 proc.", _US),
            2 / 1.2, least=True, control=alone,
        ),
        Ratio(
            "get_or_create hit, to get",
            _write("get_or_create, hit", _DECODING), _write(hot, _DECODING), 1.3,
        ),
        Ratio(
            "2 processes reading one key, to 1",
            _rate(hot, "2 proc.", _DECODING), _rate(hot, "1 proc.", _DECODING),
            1.9, least=True, control=alone,
        ),
        Ratio(
            "2 processes reading random keys, to 1",
            _rate("get, random of 10000", "2 proc.", _DECODING),
            _rate("get, random of 10000", "1 proc.", _DECODING), 1.9, least=True, control=alone,
        ),
    ]  # fmt: skip


def _limits() -> list[Most]:
    large = Figure(attach.NAME, attach.LARGE, _US)
    victim = Figure(recovery.NAME, recovery.case_of(64), _US)
    return [
        Most("bare pin of 1 MiB", Figure("values", "pin of 1 MiB, bare", _US), 40, "ns"),
        Most(
            "memory an entry, 10^6 of 100 B",
            Figure(memory.NAME, memory.CASE, _US), 64, "B", least_x=1e6,
        ),
        Most("attach to 10 GiB, first get", large, 0.3, "ms", least_x=10 * 2.0**30),
        Most(
            "drop of 10^6 keys, visible",
            Figure("writes", "drop of 1000000 keys", _US), 50, "us", scale=1e-3,
        ),
        Most("after a SIGKILL, p99, victim of 64 MiB", victim, 20, "ms", of=lambda row: row.p99),
        Most("import", Figure(imports.NAME, imports.CASE, _US), 30, "ms"),
    ]  # fmt: skip


def check(results: Results) -> list[Check]:
    """Every target is a line, measured or not."""
    checks = [one.check(results) for one in _ratios()]
    checks += [one.check(results) for one in _limits()]
    behind, compared = losses(results), compared_rows(results)
    if compared:
        measured = f"{compared - len(behind)} of {compared} rows"
        verdict = "not met" if behind else "met"
        checks.append(Check("faster than every shared peer", "all rows", measured, verdict))
    else:
        checks.append(Check("faster than every shared peer", "all rows", "-", "not measured"))
    return checks


# ---- against the peers that share ----------------------------------------------------------

IN_PROCESS = ("dict", "lru_cache", "cachebox", "cachetools", YARDSTICKS)
_APART = (growth.NAME, imports.NAME)


def _pairs(results: Results) -> list[tuple[Row, Row]]:
    """(ours, theirs) of each case and each peer that processes share."""
    found = []
    for row in results.rows:
        ours = results.find(row.workload, row.case, _DECODING)
        ours = ours or results.find(row.workload, row.case, _US)
        if row.peer in IN_PROCESS or row.peer.startswith(_US) or row.workload in _APART:
            continue
        if ours is not None:
            found.append((ours, row))
    return found


def compared_rows(results: Results) -> int:
    """How many comparisons there are."""
    return len(_pairs(results))


def losses(results: Results) -> list[str]:
    """Where another that shares was better, in words."""
    found = []
    for ours, theirs in _pairs(results):
        more = ours.unit == "1/s"
        behind = ours.median < theirs.median if more else ours.median > theirs.median
        if behind:
            found.append(
                f"{ours.workload}: {ours.case}: {theirs.peer} {_amount(theirs)}, "
                f"tryget {_amount(ours)}"
            )
    return found
