# SPDX-License-Identifier: Apache-2.0
"""The command line: `tryget`. A file a command; click and rich are needed for it only."""

import sys


def main() -> None:
    """The program `tryget`."""
    try:
        from tryget.cli.commands import tryget
    except ModuleNotFoundError as problem:
        if problem.name not in ("click", "rich"):
            raise
        sys.exit(f"tryget: this needs {problem.name}: pip install 'tryget[cli]'")
    tryget()
