# SPDX-License-Identifier: Apache-2.0
"""Goal: the benchmark measures everything it lists, and reports what it measured.

Method: tiny runs of every workload, no time is asserted; the report's forms are made from them and
from results that are made up. Failure means a row that is missing or says something else.
"""

import dataclasses
import io
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from rich.console import Console

from tiny import TINY, measured, nothing_said
from tryget.cli.bench import bench, targets, workloads
from tryget.cli.bench import plan as plans
from tryget.cli.bench.crew import Crew, Failed
from tryget.cli.bench.data import Results, Row
from tryget.cli.bench.keys import ABSENT, HOT, Deck, Pick, key_of
from tryget.cli.bench.peers import PEERS
from tryget.cli.bench.report import svg
from tryget.cli.bench.report.figures import ratio_to_dict, short
from tryget.cli.bench.report.page import page
from tryget.cli.bench.report.terminal import show
from tryget.cli.bench.run import Run, places
from tryget.cli.bench.worker import Bench, Unsupported

MACHINE = {
    "processor": "none",
    "machine": "x86_64",
    "cores": 2,
    "memory_gib": 1,
    "virtual": True,
    "kernel": "6.1",
    "python": "3.11.0",
    "load": 0.5,
    "versions": {"tryget": "1"},
}
EXPECTED = {  # a case of each workload that every peer of the tiny run has
    "reads": "get, one key",
    "writes": "set, one key",
    "values": "get, 1 KiB of bytes",
    "mixed": "95/5, 2 proc.",
    "together": "set, own keys, 2 proc.",
    "latency": "get, alone, p99",
    "memory": "beyond key and value",
    "attach": "attach and first get",
    "recovery": "victim of 1 MiB",
    "imports": "import",
    "growth": "entries: get, random",
}


def made_up(**figures: float) -> Results:
    """Rows of the reads, by peer."""
    results = Results(MACHINE, {}, dict.fromkeys(figures, ""), {"lmdb": "needs lmdb"})
    for name, ns in figures.items():
        peer = name.replace("_decoding", ", decoding")
        results.rows.append(Row("reads", "get, one key", peer, "ns", (ns, ns * 2, ns * 3)))
    return results


@pytest.mark.parametrize("workload", list(EXPECTED))
def test_every_workload_measures(workload: str) -> None:
    results = measured([workload], ["file", "sqlite"])
    assert results.failures == []
    assert results.workloads() == [workload]
    found = results.find(workload, EXPECTED[workload], "tryget")
    assert found is not None
    assert all(value > 0 for row in results.rows for value in row.values if row.unit != "B")
    if workload in ("reads", "writes", "values", "mixed", "together"):
        peers = {row.peer for row in results.rows if row.case == EXPECTED[workload]}
        assert {"dict", "tryget", "tryget, decoding", "file", "sqlite"} <= peers
    checks = targets.check(results)
    assert {check.verdict for check in checks} <= {"met", "not met", "not measured"}
    assert page(results, checks, []).count("<svg") == len(results.cases(workload))


def test_all_workloads_are_expected_here() -> None:
    assert [one.name for one in workloads.WORKLOADS] == list(EXPECTED)
    assert "growth" not in [one.name for one in workloads.choose([])]


def test_the_command_writes_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "QUICK", TINY)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    data, html = tmp_path / "bench.json", tmp_path / "bench.html"
    arguments = ["--quick", "--only", "reads", "--peers", "file"]
    done = CliRunner().invoke(bench, [*arguments, "--json", str(data), "--html", str(html)])
    assert done.exit_code == 0, done.output
    assert "targets" in done.output
    found = json.loads(data.read_text())
    assert found["schema"] == 1
    assert {"machine", "plan", "peers", "missing", "notes", "checks", "losses", "rows"} <= set(
        found
    )
    assert set(found["rows"][0]) == {
        *("workload", "case", "peer", "unit", "x", "median", "min", "max", "values")
    }
    assert all(len(row["values"]) == TINY.rounds for row in found["rows"])
    assert found["plan"] == json.loads(json.dumps(TINY.as_json()))
    assert str(Path.home()) not in data.read_text() + html.read_text()
    assert os.uname().nodename not in json.dumps(found["machine"])


def test_what_was_measured_before_an_interrupt_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(run: Run) -> None:
        run.add("first", "a case", "dict", "ns", [1.0])

    def interrupted(run: Run) -> None:
        run.add("second", "a case", "dict", "ns", [2.0])
        raise KeyboardInterrupt

    chosen = [
        workloads.Workload("first", "", some),
        workloads.Workload("second", "", interrupted),
        workloads.Workload("third", "", interrupted),
    ]
    monkeypatch.setattr(workloads, "choose", lambda wanted: chosen)
    data = tmp_path / "bench.json"
    done = CliRunner().invoke(bench, ["--peers", "file", "--json", str(data)])
    assert done.exit_code == 130
    found = json.loads(data.read_text())
    assert [row["median"] for row in found["rows"]] == [1.0, 2.0]
    assert found["notes"] == ["Interrupted during second: the rest is missing."]


def test_the_command_lists() -> None:
    said = CliRunner().invoke(bench, ["--list"]).output
    assert all(one.name in said for one in workloads.WORKLOADS)
    assert all(kind.name in said for kind in PEERS)


@pytest.mark.parametrize("option", ["--only", "--peers"])
def test_an_unknown_name_is_refused(option: str) -> None:
    done = CliRunner().invoke(bench, [option, "nonsense"])
    assert done.exit_code == 2
    assert "reads" in done.output or "lmdb" in done.output


def test_the_quick_plan_is_smaller() -> None:
    for field in dataclasses.fields(plans.Plan):
        quick, full = getattr(plans.QUICK, field.name), getattr(plans.FULL, field.name)
        assert quick <= full if isinstance(quick, int | float) else max(quick) <= max(full)


# ---- targets --------------------------------------------------------------------------------


def verdict(results: Results, target: str) -> str:
    """Of one line."""
    (found,) = [check for check in targets.check(results) if check.target == target]
    return found.verdict


def test_a_target_is_met_or_not() -> None:
    decoded = "get, decoded, to lru_cache"
    assert verdict(made_up(lru_cache=30, tryget_decoding=33), decoded) == "met"
    assert verdict(made_up(lru_cache=30, tryget_decoding=34), decoded) == "not met"
    assert verdict(made_up(tryget_decoding=33), decoded) == "not measured"


def test_a_limit_counts_at_its_size_only() -> None:
    results = made_up()
    target = "memory an entry, 10^6 of 100 B"
    results.rows = [Row("memory", "beyond key and value", "tryget", "B", (50.0,), 1e5)]
    assert verdict(results, target) == "not measured"
    results.rows = [Row("memory", "beyond key and value", "tryget", "B", (50.0,), 1e6)]
    assert verdict(results, target) == "met"
    results.rows = [Row("memory", "beyond key and value", "tryget", "B", (65.0,), 1e6)]
    assert verdict(results, target) == "not met"


def test_a_busy_machine_is_no_verdict() -> None:
    results = made_up()

    def rates(peer: str, one: float, two: float) -> list[Row]:
        case = "get, one key, "
        return [
            Row("together", case + "1 proc.", peer, "1/s", (one,)),
            Row("together", case + "2 proc.", peer, "1/s", (two,)),
        ]

    target = "2 processes reading one key, to 1"
    results.rows = rates("dict", 10, 13) + rates("tryget, decoding", 10, 12)
    assert verdict(results, target) == "not measured"
    results.rows = rates("dict", 10, 20) + rates("tryget, decoding", 10, 12)
    assert verdict(results, target) == "not met"
    results.rows = rates("dict", 10, 13) + rates("tryget, decoding", 10, 19)
    assert verdict(results, target) == "met"


def test_ratios_are_those_of_the_rounds() -> None:
    above = Row("reads", "a", "x", "ns", (10.0, 100.0, 40.0))
    below = Row("reads", "b", "y", "ns", (10.0, 50.0, 10.0))
    assert targets.ratio_of(above, below) == 2
    assert targets.ratio_of(above, dataclasses.replace(below, workload="writes")) == 4
    assert targets.ratio_of(above, dataclasses.replace(below, values=(20.0,))) == 2


def test_losses_are_told() -> None:
    results = made_up(dict=1, tryget=50, tryget_decoding=60, redis=100, lmdb=55)
    assert targets.losses(results) == ["reads: get, one key: lmdb 110 ns, tryget 120 ns"]
    assert verdict(results, "faster than every shared peer") == "not met"
    assert targets.losses(made_up(dict=1, tryget=50, redis=100)) == []
    faster = Row("mixed", "x", "tryget", "1/s", (100.0,)), Row("mixed", "x", "redis", "1/s", (9.0,))
    results.rows = list(faster)
    assert targets.losses(results) == []


# ---- the report -----------------------------------------------------------------------------


def test_the_terminal_names_what_is_missing() -> None:
    console = Console(record=True, width=140, file=io.StringIO())
    results = made_up(dict=10, tryget=20)
    results.failures.append("redis broke")
    show(console, results, targets.check(results), ["behind at x"])
    said = console.export_text()
    for text in ("lmdb: needs lmdb", "40.0 ns (2.00)", "behind at x", "redis broke"):
        assert text in said


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    results = made_up(dict=10, tryget=20)
    results.missing["<b>"] = "&"
    text = page(results, targets.check(results), ["a < b"])
    assert "http" not in text.replace("http-equiv", "")
    assert "&lt;b&gt;" in text
    assert "a &lt; b" in text
    for plot in text.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + plot.split("</svg>")[0] + "</svg>")


def test_plots_keep_their_frame() -> None:
    line = [(10.0, 5.0), (1e7, 4e6)]
    text = svg.curves([("a", line), ("b", line)], [(10.0, "10")], lambda value: f"{value:g}")
    root = ElementTree.fromstring(text)
    circles = [node for node in root if node.tag == "circle"]
    assert len(circles) == 4
    assert all(0 <= float(node.attrib["cy"]) <= 300 for node in circles)
    labels = [float(node.attrib["y"]) for node in root if node.text in ("a", "b")]
    assert abs(labels[0] - labels[1]) >= 14
    bars = ElementTree.fromstring(
        svg.bars([("x", 1.0, "1", "", False), ("y", 1000.0, "1000", "", True)])
    )
    short_bar, long_bar = (float(n.attrib["width"]) for n in bars if n.tag == "rect")
    assert 0 < short_bar < long_bar


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        *((14.23, "ns", "14.2 ns"), (1350, "ns", "1.35 us"), (6.4e7, "ns", "64.0 ms")),
        *((0.25, "ms", "250 us"), (12e6, "1/s", "12.0 M/s"), (3, "1/s", "3.00 /s")),
        *((48.3, "B", "48.3 B"), (4000, "B", "4000 B")),
    ],
)
def test_numbers_for_people(value: float, unit: str, text: str) -> None:
    assert short(value, unit) == text


def test_ratios_to_dict() -> None:
    results = made_up(dict=10, tryget=25)
    assert ratio_to_dict(results, results.rows[1]) == "2.50"
    assert ratio_to_dict(made_up(tryget=25), results.rows[1]) == ""


# ---- keys and workers -----------------------------------------------------------------------


def test_keys() -> None:
    deck = Deck(0)
    assert len({key_of(number) for number in range(1000)}) == 1000
    assert {len(key_of(number)) for number in (0, 99, 10**7)} | {len(HOT), len(ABSENT)} == {30}
    assert all(key is HOT for key in deck.pick(Pick("hot"), 5))
    assert set(deck.pick(Pick("random", 10), 1000)) == {key_of(number) for number in range(10)}
    zipf = deck.pick(Pick("zipf", 100), 10_000)
    assert zipf.count(key_of(0)) > 5 * zipf.count(key_of(50))
    assert set(deck.pick(Pick("fresh"), 3)).isdisjoint(deck.pick(Pick("fresh"), 3))
    assert deck.pick(Pick("own"), 1) != Deck(1).pick(Pick("own"), 1)


def refuse(bench: Bench, how: str) -> None:
    """A job that does not."""
    if how == "exit":
        os._exit(3)
    raise Unsupported("no") if how == "unsupported" else ValueError("broken")


def test_workers_that_fail_are_told_of(tmp_path: Path) -> None:
    with Crew(tmp_path, 1) as crew:
        (hand,) = crew.hands
        with pytest.raises(Unsupported, match="no"):
            hand.ask(refuse, "unsupported")
        with pytest.raises(Failed, match="ValueError: broken"):
            hand.ask(refuse, "raise")
        with pytest.raises(Failed, match="status 3"):
            hand.ask(refuse, "exit")
        with pytest.raises(Failed):
            hand.ask(refuse, "raise")


def test_a_peer_that_fails_stops_nobody() -> None:
    results = made_up()
    with places(Path("/dev/shm")) as place, Crew(place.folder, 2) as crew:
        run = Run(TINY, [], place, crew, results, nothing_said)
        with run.attempt("get", "lmdb"):
            run.measurer.ask(refuse, "raise")
        with run.attempt("get", "redis"):
            run.measurer.ask(refuse, "unsupported")
    assert results.failures == ["get: lmdb: ValueError: broken"]
