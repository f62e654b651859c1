# SPDX-License-Identifier: Apache-2.0
"""The keeper, as the run talks to it: `keeper_main` is the process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tryget.cli.bench import keeper_main


class Keeper:
    """The run's end of the pipe."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, keeper_main.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _ask(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the keeper of the servers is gone")
        return json.loads(answer)

    def start(self, command: list[str]) -> int:
        """Starts a server: its process id."""
        answer = self._ask("start", command)
        if not isinstance(answer, int):
            raise RuntimeError(f"{command[0]} does not start: {answer}")
        return answer

    def stop(self, pid: int) -> None:
        """Stops one."""
        self._ask("stop", pid)

    def close(self) -> None:
        """Stops all, removes the folder; returns when that is done."""
        self._process.communicate()
