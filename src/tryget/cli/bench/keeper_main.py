# SPDX-License-Identifier: Apache-2.0
"""The keeper: a process that outlives a run, to take away what it made.

It starts the servers, so that each is a child of it. When its standard input ends, because the run
is over, was interrupted or killed, it stops them and removes the folder of the run. It is in a
session of its own: Ctrl-C at the terminal reaches neither it nor the servers. It runs as a file
and imports nothing of the package.

Each line of its input is a command in JSON, answered by a line: `["start", ["program", ...]]` by
the process id or a text that says what is wrong, `["stop", pid]` by `null`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_STOP_SECONDS = 5.0


def _stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _obey(command: list[Any], servers: "dict[int, subprocess.Popen[bytes]]") -> Any:
    if command[0] == "start":
        quiet = subprocess.DEVNULL
        try:
            server = subprocess.Popen(command[1], stdin=quiet, stdout=quiet, stderr=quiet)
        except OSError as problem:
            return str(problem)
        servers[server.pid] = server
        return server.pid
    server = servers.pop(command[1])
    _stop(server)
    return None


def main(folder: Path) -> None:
    """Until the input ends."""
    servers: dict[int, subprocess.Popen[bytes]] = {}
    try:
        for line in sys.stdin:
            print(json.dumps(_obey(json.loads(line), servers)), flush=True)
    except BrokenPipeError:
        pass  # the run was killed while it waited for an answer
    finally:
        for server in servers.values():
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
