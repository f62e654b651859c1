# SPDX-License-Identifier: Apache-2.0
"""Goal: the contention model computes what it says, so that its errors are those of its theory.

Method: cases whose answer is known: one core, no queue, a saturated queue, two servers that can be
computed by hand; the command on costs that are made up. Failure means that a prediction follows
from nothing.
"""

import json
from pathlib import Path

import pytest

import contention
import mechanisms
import published
from mechanisms import Machine, throughput

MACHINE = Machine(own=10, near=50, far=150, group=8)
COSTS = {
    "handover": {"2": 50.0},
    "lockref": {"1": 10.0, "2": 40.0},
    **{
        name: {"1": ns, "2": ns}
        for name, ns in (
            *(("lockref_own", 10.0), ("lockref_100", 150.0), ("lockref_400", 600.0)),
            *(("walk_100", 140.0), ("walk_400", 590.0), ("ranges_16", 36.0), ("ranges_64", 35.0)),
            *(("sticky", 1.0), ("ledger", 5.0), ("epoch", 5.0)),
        )
    },
}


def test_one_core_waits_for_nobody() -> None:
    assert throughput(1, 30, [10, 20]) == pytest.approx(1 / 60)
    assert MACHINE.visit(1) == 10
    assert mechanisms.lockref(MACHINE, 1, 30) == pytest.approx(1 / 40)


def test_without_servers_cores_add_up() -> None:
    assert throughput(64, 25, []) == pytest.approx(64 / 25)
    assert mechanisms.apart(MACHINE, 64, 20, 5) == pytest.approx(64 / 25)


def test_a_queue_of_two_by_hand() -> None:
    # One core: X1 = 1/(30+10), queue 10/40. Two: R = 10 * 1.25, X2 = 2/(30+12.5).
    assert throughput(2, 30, [10]) == pytest.approx(2 / 42.5)


def test_a_saturated_server_is_the_limit() -> None:
    rates = [throughput(cores, 100, [10]) for cores in range(1, 200)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(1 / 10, rel=0.01)
    assert all(rate <= 1 / 10 for rate in rates)


def test_two_equal_servers_by_the_closed_form() -> None:
    # With no private work N customers at M equal servers: X = N / (N + M - 1) / D.
    for cores in (1, 2, 5, 20):
        assert throughput(cores, 0, [7, 7, 7]) == pytest.approx(cores / (cores + 2) / 7)


def test_handovers_within_a_group_and_beyond() -> None:
    assert MACHINE.handover(2) == MACHINE.handover(8) == 50
    assert MACHINE.handover(16) == pytest.approx(7 / 15 * 50 + 8 / 15 * 150)
    assert 140 < MACHINE.handover(128) < 150


def test_a_visit_is_elsewhere_as_often_as_others_were_there() -> None:
    assert MACHINE.visit(2) == pytest.approx(10 + 25)
    assert MACHINE.visit(4) == pytest.approx(10 + 0.75 * 50)


def test_stay_is_what_two_cores_show() -> None:
    fitted = mechanisms.fitted(MACHINE, 40)
    assert fitted.stay == pytest.approx(0.4)
    assert mechanisms.lockref(fitted, 2, 0) == pytest.approx(1 / 20)  # 40 ns each of two
    assert mechanisms.fitted(MACHINE, 1000).stay == 1
    assert mechanisms.fitted(MACHINE, 5).stay == 0


def test_more_ranges_are_better_and_one_is_a_shared_line() -> None:
    rates = [mechanisms.ranges(MACHINE, 32, 20, count) for count in (1, 4, 16, 256)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(throughput(32, 20, [MACHINE.visit(32)]))


def test_scans_cost_readers_and_never_more_than_all() -> None:
    quiet = mechanisms.epoch_with_scans(MACHINE, 4, 20, 5, 0)
    assert quiet == mechanisms.apart(MACHINE, 4, 20, 5)
    assert mechanisms.epoch_with_scans(MACHINE, 4, 20, 5, 1e-3) == pytest.approx(quiet * 0.95)
    assert mechanisms.epoch_with_scans(MACHINE, 4, 20, 5, 1) == 0


def test_a_lock_adds_what_is_done_under_it() -> None:
    assert mechanisms.lock(MACHINE, 200, 0, 65) == pytest.approx(
        1 / (MACHINE.visit(200) + 65), rel=0.01
    )


@pytest.mark.parametrize("curve", published.FAULTS, ids=lambda curve: curve.name)
def test_a_fit_goes_through_its_ends(curve: published.Curve) -> None:
    private, serial = published.fit(curve)
    assert private > serial > 0
    (_, first), (cores, last) = curve.points[0], curve.points[-1]
    assert throughput(1, private, [serial]) * 1e9 == pytest.approx(first)
    assert throughput(cores, private, [serial]) * 1e9 == pytest.approx(last, rel=1e-3)
    assert len(published.between(curve)) == 6


def test_the_published_curves_are_met_within_a_quarter() -> None:
    """A claim of the results page: if the arithmetic changes, so does the page."""
    errors = [abs(one.error) for curve in published.FAULTS for one in published.between(curve)]
    assert 0.15 < max(errors) < 0.25


def test_a_handover_is_what_lines_at_random_show() -> None:
    machine = contention.machine_of(COSTS, 8, 3)
    assert (machine.own, machine.near, machine.far) == pytest.approx((10, 50, 150))
    assert machine.visit(2) == pytest.approx(35)  # what was measured
    names = [name for name, _, _ in contention.two_cores(COSTS, machine)]
    assert not {"ranges_64", "lockref", "handover"} & set(names)  # fitted: no predictions


def test_implied_times() -> None:
    assert published.implied(1e6, 2) == 500


@pytest.mark.parametrize("arguments", [["predict"], ["check"], ["predict", "--private", "5"]])
def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    costs = tmp_path / "costs.json"
    costs.write_text(json.dumps(COSTS))
    contention.main([*arguments, "--costs", str(costs)])
    said = capsys.readouterr().out
    assert "128" in said if arguments[0] == "predict" else "published curves" in said


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        contention.main(["--help"])
    assert ended.value.code == 0
    assert "measure" in capsys.readouterr().out


def test_the_costs_that_are_kept_are_whole() -> None:
    kept = json.loads(contention.REFERENCE.read_text())
    assert kept.keys() == COSTS.keys()
    machine = contention.machine_of(kept, 16, 3)
    assert 0 < machine.stay <= 1
    assert machine.own < machine.near
