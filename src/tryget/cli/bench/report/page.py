# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML page that needs nothing else: targets, losses, plots, the method."""

from collections.abc import Iterator
from html import escape

from tryget.cli.bench import targets
from tryget.cli.bench.data import Check, Results, Row
from tryget.cli.bench.report import svg
from tryget.cli.bench.report.figures import METHOD, machine_line, ratio_to_dict, short

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 900px; margin: 2em auto;
       padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { margin-top: 2em; border-bottom: 1px solid #dde; }
h3 { margin-bottom: .2em; font-size: 1em; }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: 3px 10px; text-align: left;
       border-bottom: 1px solid #e4e7ea; vertical-align: top; }
th:nth-child(2), td:nth-child(2), th:nth-child(4), td:nth-child(4) { white-space: nowrap; }
.met { color: #2b7a3f; } .not-met { color: #b3261e; font-weight: 600; }
.not-measured { color: #8a6d00; } svg { max-width: 100%; height: auto; } .quiet { color: #666; }
"""


def page(results: Results, checks: list[Check], losses: list[str]) -> str:
    """The whole page."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'><title>tryget bench</title>",
        f"<style>{_STYLE}</style></head><body><h1>tryget bench</h1>",
        f"<p>{escape(machine_line(results))}; {results.seconds:.0f} seconds.</p>",
        *_checks(checks),
        *_losses(losses, targets.compared_rows(results)),
    ]
    for workload in results.workloads():
        parts += [f"<h2>{escape(workload)}</h2>", *_workload(results, workload)]
    parts += _method(results)
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _checks(checks: list[Check]) -> Iterator[str]:
    yield "<h2>Targets</h2><table><tr><th>target<th>limit<th>measured<th>verdict<th></tr>"
    for check in checks:
        cells = "".join(
            f"<td>{escape(cell)}" for cell in (check.target, check.limit, check.measured)
        )
        kind = check.verdict.replace(" ", "-")
        why = f"<td class='quiet'>{escape(check.why)}"
        yield f"<tr>{cells}<td class='{kind}'>{check.verdict}{why}</tr>"
    yield "</table>"


def _losses(losses: list[str], compared: int) -> Iterator[str]:
    yield "<h2>Where another that shares is faster</h2>"
    if not losses:
        yield f"<p>In none of the {compared} rows that compare.</p>"
        return
    yield "<ul>"
    yield from (f"<li>{escape(text)}</li>" for text in losses)
    yield "</ul>"


def _workload(results: Results, workload: str) -> Iterator[str]:
    rows = [row for row in results.rows if row.workload == workload]
    curved = {row.case for row in rows if len({o.x for o in rows if o.case == row.case}) > 1}
    for case in results.cases(workload):
        some = [row for row in rows if row.case == case]
        yield f"<h3>{escape(case)}</h3>"
        if case in curved and workload == "growth":
            yield _curve(some)
        else:
            yield _bars(results, some)


def _bars(results: Results, rows: list[Row]) -> str:
    entries = []
    for row in sorted(rows, key=lambda one: one.median, reverse=rows[0].unit == "1/s"):
        ratio = ratio_to_dict(results, row)
        text = short(row.median, row.unit)
        spread = f"{short(min(row.values), row.unit)} to {short(max(row.values), row.unit)}"
        note = f"  {ratio} x dict" if ratio and row.peer != "dict" else ""
        ours = row.peer.startswith("tryget")
        entries.append((row.peer, row.median, f"{text}{note}", spread, ours))
    return svg.bars(entries)


def _curve(rows: list[Row]) -> str:
    peers = list(dict.fromkeys(row.peer for row in rows))
    series = [
        (peer, [(row.x or 1.0, row.median) for row in rows if row.peer == peer]) for peer in peers
    ]
    unit = rows[0].unit
    ticks = [(x, _x_text(x)) for x in sorted({row.x or 1.0 for row in rows})]
    return svg.curves(series, ticks, lambda value: short(value, unit))


def _x_text(x: float) -> str:
    for power, unit in ((30, "GiB"), (20, "MiB")):
        if x >= 1 << power and x % (1 << 20) == 0:
            return f"{x / (1 << power):g} {unit}"
    return f"{x:g}" if x < 10**4 else f"10^{len(str(int(x))) - 1}"


def _method(results: Results) -> Iterator[str]:
    yield "<h2>Method</h2><ul>"
    yield from (f"<li>{escape(text)}</li>" for text in METHOD)
    yield from (f"<li>{escape(text)}</li>" for text in results.notes)
    yield "</ul><h3>Peers</h3><table>"
    for name, text in results.peers.items():
        yield f"<tr><td>{escape(name)}<td>{escape(text)}</tr>"
    for name, why in results.missing.items():
        yield f"<tr><td>{escape(name)}<td class='not-measured'>missing: {escape(why)}</tr>"
    yield "</table><h3>Versions</h3><p>"
    versions = results.machine["versions"]
    yield escape(", ".join(f"{name} {number}" for name, number in versions.items()))
    yield "</p>"
