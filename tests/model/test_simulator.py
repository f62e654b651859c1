# SPDX-License-Identifier: Apache-2.0
"""Goal: each tool of the simulator finds its bug, and only its bug.

Method: the self-test scenarios, built without the core, in single modes; then random programs
with and without the reduction. Failure means that a green run of the simulator proves less
than docs/internals/simulator.md says.
"""

import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def program() -> pathlib.Path:
    given = os.environ.get("TRYGET_SIM")
    if given:
        return pathlib.Path(given)
    subprocess.run(["make", "-s", "-f", "sim/Makefile", "SELFTEST=1"], cwd=ROOT, check=True)
    return ROOT / "build-sim" / "selftest" / "tryget-sim"


def run(
    program: pathlib.Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def finds(program: pathlib.Path, scenario: str, mutant: str, *mode: str) -> bool:
    result = run(program, "--scenario", scenario, "--mutant", mutant, *mode)
    if result.returncode == 0:
        return False
    replay = re.search(r"--replay '([^']*)'", result.stdout)
    assert replay, result.stdout
    again = run(program, "--scenario", scenario, "--mutant", mutant, "--replay", replay[1])
    assert again.returncode == 1, again.stdout
    assert "VIOLATION" in again.stdout
    return True


EXHAUSTIVE = ("--mode", "exhaustive", "--no-reduce", "--bound")


@pytest.mark.parametrize(
    ("scenario", "mutant", "blind", "sees"),
    [
        ("self_lost_update", "self_plain_increment", ["0"], ["1"]),
        ("self_dekker", "self_no_full_fence", ["3"], ["1", "--delay", "tso"]),
        ("self_message", "self_relaxed_flag", ["3", "--delay", "tso"], ["1", "--delay", "pso"]),
        ("self_crash", "self_publish_first", ["3"], ["0", "--crash"]),
        ("self_recover", "self_recover_once", ["2", "--crash"], ["0", "--crash2"]),
        ("self_stopped_owner", "self_wait_forever", ["3"], ["0", "--stop"]),
        ("self_dead_owner", "self_spin_forever", ["3"], ["0", "--crash"]),
        ("self_deadlock", "self_lock_order", ["0"], ["1"]),
        ("self_token", "self_late_probe", ["0", "--crash"], ["1", "--crash"]),
    ],
)
def test_a_bug_is_seen_by_its_tool_only(
    program: pathlib.Path, scenario: str, mutant: str, blind: list[str], sees: list[str]
) -> None:
    assert not finds(program, scenario, mutant, *EXHAUSTIVE, *blind)
    assert finds(program, scenario, mutant, *EXHAUSTIVE, *sees)
    assert finds(program, scenario, mutant, "--mode", "exhaustive", "--bound", *sees)


@pytest.mark.parametrize("mode", ["pct", "random"])
@pytest.mark.parametrize(
    ("scenario", "mutant", "options"),
    [
        ("self_lost_update", "self_plain_increment", []),
        ("self_dekker", "self_no_full_fence", ["--delay", "tso"]),
        ("self_recover", "self_recover_once", ["--crash2"]),
        ("self_stopped_owner", "self_wait_forever", ["--stop"]),
    ],
)
def test_chance_finds_it_too(
    program: pathlib.Path, mode: str, scenario: str, mutant: str, options: list[str]
) -> None:
    assert finds(program, scenario, mutant, "--mode", mode, "--runs", "20000", *options)


def test_every_self_mutant_is_caught_and_the_correct_versions_pass(program: pathlib.Path) -> None:
    mutants = run(program, "--mutants", "--scenario", "self_*")
    assert mutants.returncode == 0, mutants.stdout
    plain = run(program, "--scenario", "self_*", "--json")
    assert plain.returncode == 0, plain.stdout
    last = json.loads(plain.stdout.splitlines()[-1])
    assert last["failed"] == 0
    assert last["passed"] >= 13


def ends(
    program: pathlib.Path, number: int, options: list[str], *how: str, **environment: str
) -> str:
    """How many states a random program can end in, and their sum."""
    result = run(
        program,
        *("--scenario", "self_random", "--states", *options, *how),
        SIM_PROGRAM=str(number),
        **environment,
    )
    assert result.returncode == 0, result.stdout
    found = re.search(r"complete .*?(\d+ states \w+)", result.stdout)
    assert found, result.stdout
    return found[1]


@pytest.mark.parametrize("number", range(1, 31))
@pytest.mark.parametrize(
    "options",
    [
        ["--bound", "3"],
        ["--bound", "1", "--crash"],
        ["--bound", "1", "--crash2"],
        ["--bound", "1", "--stop"],
        ["--bound", "1", "--delay", "tso"],
        ["--bound", "1", "--delay", "pso", "--crash"],
    ],
    ids=" ".join,
)
def test_the_reduction_loses_no_end_state(
    program: pathlib.Path, number: int, options: list[str]
) -> None:
    assert ends(program, number, options, "--no-reduce") == ends(program, number, options)


WITHOUT_DELAYS = [
    ["--bound", "2"],
    ["--bound", "3"],
    ["--bound", "1", "--crash"],
    ["--bound", "2", "--crash"],
    ["--bound", "1", "--crash2"],
    ["--bound", "1", "--stop"],
    ["--bound", "1", "--crash", "--stop"],
]
WITH_DELAYS = [
    ["--bound", "1", "--delay", "tso"],
    ["--bound", "1", "--delay", "pso", "--crash"],
]


@pytest.mark.parametrize("number", range(1, 31))
@pytest.mark.parametrize("options", WITHOUT_DELAYS + WITH_DELAYS, ids=" ".join)
def test_what_is_pruned_loses_no_end_state(
    program: pathlib.Path, number: int, options: list[str]
) -> None:
    assert ends(program, number, options, "--no-merge") == ends(program, number, options)


@pytest.mark.parametrize("number", range(1, 31))
@pytest.mark.parametrize("options", WITHOUT_DELAYS, ids=" ".join)
def test_plain_memory_is_seen_when_runs_are_pruned(
    program: pathlib.Path, number: int, options: list[str]
) -> None:
    environment = {"SIM_PROGRAM_PLAIN": "1"}
    assert ends(program, number, options, "--no-merge", **environment) == ends(
        program, number, options, **environment
    )
