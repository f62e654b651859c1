# SPDX-License-Identifier: Apache-2.0
"""Goal: every operation at once, by processes that are killed, stopped and forked, breaks nothing.

Method: a bounded `tryget torture --json` of each profile; what it must notice is done to its store
on purpose. Failure prints the seed and the command that does the same again.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tryget

pytest.importorskip("click")
pytest.importorskip("rich")
pytestmark = pytest.mark.torture

KEYS = [
    *("seed", "rounds", "steps", "kills", "stops", "forks", "execs", "threads"),
    *("full", "timeouts", "recovery_ms_max"),
    *("wrong", "stuck", "leaked_bytes", "verify_violations"),
]
BAD = ("wrong", "stuck", "leaked_bytes", "verify_violations")
PROGRAM = [sys.executable, "-m", "tryget", "torture"]


def torture(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, "--json", "--seconds", str(seconds), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds * 5 + 150,
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("profile", ["mixed", "tiny", "full", "forks", "renames", "large"])
def test_nothing_is_wrong(folder: Path, torture_seconds: float, profile: str) -> None:
    seed = str(random.randrange(1 << 30))
    seconds = max(torture_seconds / 2, 2)
    done = torture("--profile", profile, "--seed", seed, seconds=seconds)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found) == KEYS
    assert [found[name] for name in BAD] == [0] * 4
    assert found["seed"] == int(seed)
    assert found["steps"] > 100
    assert found["kills"] > seconds
    if profile == "forks":
        assert found["forks"] > seconds
    if profile == "full":
        assert found["full"] > 10
    assert list(folder.iterdir()) == []


def test_the_same_seed_makes_the_same_rounds() -> None:
    from tryget.cli.torture.plan import CHOICES, rounds_of

    for profile in CHOICES:
        first = rounds_of(5, profile, None, 60, 6)
        assert first == rounds_of(5, profile, None, 60, 6)
        assert first != rounds_of(6, profile, None, 60, 6)
        assert sum(one.seconds for one in first) == pytest.approx(60)
    assert {one.size for one in rounds_of(1, "all", "tiny", 60, 6)} == {4 << 20}


def harm(store: tryget.Store, how: str) -> None:
    """What no run of tryget does."""
    if how == "value":
        store["fixed/7"] = b"x" * 100
    elif how == "missing":
        store.delete("fixed/7")
    elif how == "counter":
        store.increment("count/1", 1000)
    elif how == "box":
        store["shelf/0/e"] = 1


def spoil(folder: Path, how: str, spoilt: list[str]) -> None:
    """Waits for the store of the torture, and harms it all the time."""
    end = time.monotonic() + 60
    while time.monotonic() < end and len(spoilt) < 50:
        names = [info.name for info in tryget.stores(folder) if "-side-" not in info.name]
        for name in names:
            try:
                with tryget.open(name, create=False) as store:
                    if store.get("swap/3") is not None:
                        harm(store, how)
                        spoilt.append(name)
            except (tryget.StoreNotFound, tryget.StoreFull):
                pass
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["value", "missing", "counter", "box"])
def test_what_is_wrong_is_noticed(folder: Path, how: str) -> None:
    spoilt: list[str] = []
    thread = threading.Thread(target=spoil, args=(folder, how, spoilt))
    thread.start()
    options = ["--profile", "mixed", "--seed", "7", "--size", "small", "--forks", "0"]
    done = torture(*options, seconds=3)
    spoilt += ["end"] * 50
    thread.join()
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["wrong"] > 0
    assert "Traceback" not in done.stderr
    replay = [line for line in done.stderr.splitlines() if line.startswith("replay ")]
    assert len(replay) == 1
    assert "tryget torture --seed 7 --profile mixed --seconds 3" in replay[0]
    (kept,) = [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("kept ")]
    with tryget.open(Path(kept).stem, create=False) as store:
        assert store.verify().violations == ()
        assert "fixed/1" in store


def test_a_bad_store_may_be_thrown_away(folder: Path) -> None:
    spoilt: list[str] = []
    thread = threading.Thread(target=spoil, args=(folder, "value", spoilt))
    thread.start()
    done = torture("--profile", "tiny", "--no-keep", seconds=2)
    spoilt += ["end"] * 50
    thread.join()
    assert done.returncode == 1
    assert "kept " not in done.stderr
    assert list(folder.iterdir()) == []


def test_an_interrupt_ends_it_with_figures(folder: Path) -> None:
    interruptible = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    with subprocess.Popen(  # the tests may run in the background, where interrupts are ignored
        [
            *(sys.executable, "-c", interruptible + "from tryget.cli import main; main()"),
            *("torture", "--json", "--seconds", "300", "--profile", "mixed"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 60
        while time.monotonic() < end and not any("torture" in i.name for i in tryget.stores()):
            time.sleep(0.05)
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=100)
    found: dict[str, Any] = json.loads(output)
    assert (process.returncode, errors) == (0, "")
    assert found["rounds"] == 1
    assert [found[name] for name in BAD] == [0] * 4
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--profile", "gentle"],
        ["--size", "17MiB"],
        ["--workers", "1"],
        ["--kill-rate", "-1"],
        ["--seconds", "0"],
        ["--forks", "-0.5"],
    ],
)
def test_bad_options_are_refused(folder: Path, arguments: list[str]) -> None:
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
    assert list(folder.iterdir()) == []
