# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever becomes of a run, its servers stop and its folder goes.

Method: a run that ends, is interrupted, terminated and killed while a server runs; the server is a
program of the test. Failure means that a benchmark leaves processes or gigabytes behind.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tryget.cli.bench.keeper import Keeper
from tryget.cli.bench.peers.servers import Redis
from tryget.cli.bench.run import places, stores

SERVER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"


def is_running(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def await_end(pid: int, folder: Path) -> None:
    """Until the server is gone and the folder too."""
    for _ in range(1000):
        if not is_running(pid) and not folder.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"server {pid} runs: {is_running(pid)}; folder: {folder.exists()}")


def test_the_end_of_a_run() -> None:
    with places(Path("/dev/shm")) as place:
        (place.folder / "file").write_bytes(b"x")
        pid = place.keeper.start(SERVER)
        assert is_running(pid)
    assert not is_running(pid)
    assert not place.folder.exists()


def test_one_server_is_stopped(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "folder")
    first, second = keeper.start(SERVER), keeper.start(SERVER)
    keeper.stop(first)
    assert not is_running(first)
    assert is_running(second)
    keeper.close()
    assert not is_running(second)


def test_a_server_that_will_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(tmp_path / "folder")
    pid = keeper.start([sys.executable, "-c", STUBBORN])
    time.sleep(0.3)  # until it ignores the signal; too short only makes the test easier
    keeper.close()
    assert not is_running(pid)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "folder")
    with pytest.raises(RuntimeError, match="no-such-program does not start"):
        keeper.start(["no-such-program"])
    keeper.close()


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: Redis, folder: Path) -> list[str]:
        return SERVER

    def refuse(self: Redis, folder: Path) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(Redis, "command", silent)
    monkeypatch.setattr(Redis, "ping", refuse)
    monkeypatch.setattr("tryget.cli.bench.peers.servers._START_SECONDS", 0.1)
    peer = Redis()
    with (
        pytest.raises(TimeoutError, match="redis"),
        places(Path("/dev/shm")) as place,
        stores([peer], place),
    ):
        pass
    assert not is_running(peer.pid)


RUN = f"""
import signal, sys, time
from pathlib import Path
from tryget.cli.bench import _ended_by_sigterm
from tryget.cli.bench.run import places
signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run in the background
with _ended_by_sigterm(), places(Path("/dev/shm")) as place:
    (place.folder / "file").write_bytes(b"x")
    print(place.keeper.start({SERVER!r}), place.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended(number: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    with run.stdout:
        pid, folder = run.stdout.readline().split()
    try:
        assert is_running(int(pid))
        os.killpg(run.pid, number)  # as a terminal does: the whole group
        run.wait(60)
    finally:
        run.kill()
        run.wait()
    await_end(int(pid), Path(folder))


WORKERS = """
import os, sys, time
from pathlib import Path
from tryget.cli.bench.crew import Crew
from tryget.cli.bench.keys import Pick
from tryget.cli.bench.worker import YARDSTICKS, calibrate, rate
if __name__ == "__main__":
    with Crew(Path(sys.argv[1]), 2) as crew:
        crew.all_ask(2, calibrate, YARDSTICKS, "nothing", Pick("hot"), 0.001)  # they are there
        for hand in crew.hands:
            hand.tell(rate, YARDSTICKS, "nothing", time.perf_counter() + 600, 1)
        print(*(hand.process.pid for hand in crew.hands), flush=True)
        time.sleep(600)
"""


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(WORKERS)
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pids = [int(word) for word in run.stdout.readline().split()]
        assert len(pids) == 2
        os.kill(pids[0], signal.SIGSTOP)
        run.kill()
    for pid in pids:
        await_end(pid, tmp_path / "no such folder")
