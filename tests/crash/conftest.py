# SPDX-License-Identifier: Apache-2.0
"""A test that fails leaves no process behind: its forked children would count, spin and fill memory
beside all other tests."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


def forked_children() -> set[int]:
    """Processes that this one forked, and that run its program still."""
    me = Path("/proc/self/cmdline").read_bytes()
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):
            for pid in (task / "children").read_text().split():
                if Path(f"/proc/{pid}/cmdline").read_bytes() == me:
                    found.add(int(pid))
    return found


@pytest.fixture(autouse=True)
def no_child_outlives_its_test() -> Iterator[None]:
    before = forked_children()
    yield
    for pid in forked_children() - before:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
