# SPDX-License-Identifier: Apache-2.0
"""Small figures, as ratios within one run: the core's operations in multiples of an uncontended
compare-and-swap pair, the wait after a SIGKILL, and single calls of Python beside what they are
compared with. Medians of several rounds; nothing is subtracted. Whole loads beside other caches:
`tryget bench`."""

import glob
import os
import subprocess
import tempfile
from pathlib import Path

import python_costs
import subtrees

ROOT = Path(__file__).resolve().parent.parent
LAYERS = (ROOT / "csrc/LAYERS").read_text().split()


def build(source: str, folder: str) -> str:
    """Compiles one C program of micro/ with the whole core, as a release is."""
    program = os.path.join(folder, Path(source).stem)
    core = [file for layer in LAYERS for file in sorted(glob.glob(f"csrc/{layer}/*.c"))]
    command = [
        "cc",
        "-std=c11",
        "-D_GNU_SOURCE=",
        "-O3",
        "-fno-strict-aliasing",
        "-Icsrc",
        "-Itests/core",
    ]
    subprocess.run(
        [*command, "-o", program, f"benchmarks/micro/{source}", *core, "-lpthread"],
        cwd=ROOT,
        check=True,
    )
    return program


def core_figures() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for source, arguments in (
            ("core_costs.c", []),
            ("recovery.c", ["1000", "0", "64", "1024x20", "1024sx20"]),
            ("lockref.c", []),
        ):
            print(f"\n{source}", flush=True)
            subprocess.run([build(source, folder), *arguments], check=True)


if __name__ == "__main__":
    core_figures()
    python_costs.main()
    subtrees.main()
