# SPDX-License-Identifier: Apache-2.0
"""The report on a terminal: a table a workload, peers across or down as they fit."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from tryget.cli.bench.data import Check, Results, Row
from tryget.cli.bench.report.figures import machine_line, ratio_to_dict, short

_PEER_WIDTH, _CASE_WIDTH = 20, 18
_STYLES = {"met": "green", "not met": "red", "not measured": "yellow"}


def show(console: Console, results: Results, checks: list[Check], losses: list[str]) -> None:
    """All of it."""
    console.print(f"\n{machine_line(results)}")
    for name, why in results.missing.items():
        console.print(f"missing: {name}: {why}", style="yellow", markup=False)
    for workload in results.workloads():
        if any(row.x is not None and workload == "growth" for row in results.rows):
            console.print(_curves(results, workload))
        else:
            for table in _tables(console, results, workload):
                console.print(table)
    console.print(_checks(checks))
    for text in losses:
        console.print(f"behind: {text}", markup=False)
    for text in results.failures:
        console.print(f"failed: {text}", style="red", markup=False)
    for text in results.notes:
        console.print(f"note: {text}", markup=False)
    console.print(f"{results.seconds:.0f} seconds; medians; in brackets multiples of dict")


def _tables(console: Console, results: Results, workload: str) -> Iterator[Table]:
    """Peers down, as many cases across as there is room for."""
    rows = [row for row in results.rows if row.workload == workload]
    peers = list(dict.fromkeys(row.peer for row in rows))
    fit = max(1, (console.width - _PEER_WIDTH) // _CASE_WIDTH)
    cases = results.cases(workload)
    for first in range(0, len(cases), fit):
        some = cases[first : first + fit]
        table = Table(title=workload, title_justify="left")
        table.add_column("", no_wrap=True)
        for case in some:
            table.add_column(case.replace("[", r"\["), justify="right")
        for peer in peers:
            found = [results.find(workload, case, peer) for case in some]
            if any(found):
                table.add_row(peer, *(_cell(results, row) for row in found))
        yield table


def _cell(results: Results, row: Row | None) -> str:
    if row is None:
        return "-"
    ratio = ratio_to_dict(results, row)
    text = short(row.median, row.unit)
    return f"{text} ({ratio})" if ratio and row.peer != "dict" else text


def _curves(results: Results, workload: str) -> Table:
    """A line a curve, x across."""
    rows = [row for row in results.rows if row.workload == workload]
    table = Table(title=workload, title_justify="left")
    for column in ("", "peer", "x", "median"):
        table.add_column(column, justify="left" if column in ("", "peer") else "right")
    for row in rows:
        x = "" if row.x is None else f"{row.x:.3g}"
        table.add_row(row.case, row.peer, x, _cell(results, row))
    return table


def _checks(checks: list[Check]) -> Table:
    table = Table(title="targets", title_justify="left")
    for column in ("target", "limit", "measured", "verdict", ""):
        table.add_column(column)
    for check in checks:
        style = _STYLES[check.verdict]
        verdict = f"[{style}]{check.verdict}[/{style}]"
        table.add_row(
            check.target.replace("[", r"\["), check.limit, check.measured, verdict, check.why
        )
    return table
