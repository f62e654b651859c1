# SPDX-License-Identifier: Apache-2.0
"""How long `import` takes in a fresh interpreter."""

import subprocess
import sys

from tryget.cli.bench.run import Run

NAME = "imports"
TEXT = "import time, in a fresh interpreter"

CASE = "import"
_CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def run(run: Run) -> None:
    """Modules in turn, a process each."""
    modules = {"tryget": "tryget"}
    for peer in run.peers:
        if peer.modules:
            modules[peer.name] = peer.modules[0]
    found: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(run.plan.rounds):
        for name, module in modules.items():
            run.tell(f"import {module}")
            found[name].append(_seconds(module) * 1e3)
    for name, times in found.items():
        run.add(NAME, CASE, name, "ms", times)


def _seconds(module: str) -> float:
    command = [sys.executable, "-c", _CODE.format(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)
