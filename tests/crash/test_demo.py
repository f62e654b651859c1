# SPDX-License-Identifier: Apache-2.0
"""Goal: the demo, which is the whole at work on a real folder, finds nothing wrong.

Method: `tryget demo --json` on this repository's tests. Failure means that a value was lost or
torn, a process hung, or memory leaked, while processes were killed and stopped.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

KEYS = [
    "reads",
    "writes",
    "kills",
    "stops",
    "read_ns_p50",
    "read_ns_p99",
    "recovery_ms_max",
    "wrong",
    "stuck",
    "leaked_bytes",
    "verify_violations",
]


@pytest.mark.torture
def test_the_demo(folder: Path, torture_seconds: float) -> None:
    source = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "tryget", "demo", str(source), "--json"]
    done = subprocess.run(
        [*command, "--seconds", str(torture_seconds)],
        capture_output=True,
        text=True,
        timeout=torture_seconds * 4 + 100,
    )
    found = json.loads(done.stdout)
    assert list(found) == KEYS
    bad = {name: found[name] for name in ("wrong", "stuck", "leaked_bytes", "verify_violations")}
    assert (bad, done.stderr) == (dict.fromkeys(bad, 0), "")
    assert done.returncode == 0
    assert found["reads"] > 1000
    assert found["writes"] > 100
    assert found["kills"] >= torture_seconds
    assert list(folder.iterdir()) == []
