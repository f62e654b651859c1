# SPDX-License-Identifier: Apache-2.0
"""Goal: another user may read a store while it is written, and can neither harm nor be harmed.

Method: a child that became another user reads what others write who are killed and stopped at
random. A name that is there all the time is never missing, a value is whole, nobody waits for a
reader, and the store's own check is clean. Needs root, to become somebody else.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tryget

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

STRANGER = 54321
STEADY = 200  # names that are there all the time
SIZES = [1, 40, 200, 400, 5000, 60_000]  # times four


@pytest.fixture
def shared(folder: Path) -> Iterator[tryget.Store]:
    """A store that others may read, in a folder that they may look into."""
    folder.chmod(0o755)  # who may not look into a folder can't open what is in it
    with tryget.open("shared", size="64MiB", mode=0o644) as store:
        for number in range(STEADY):
            store[f"steady/{number}"] = value(number)
        store["array"] = np.zeros(50_000)
        yield store
        settle(store)
        report = store.verify(deep=True)
        assert report.exact
        assert report.ok


def settle(store: tryget.Store) -> None:
    """Also what is expelled or dead by now is finished."""
    for _ in range(3):
        store.raw_tidy()


def value(number: int) -> bytes:
    """One that shows when it is torn."""
    return number.to_bytes(4, "little") * SIZES[number % len(SIZES)]


def is_whole(found: bytes) -> bool:
    number = int.from_bytes(found[:4], "little")
    return found == value(number)


def child(work: Callable[[], None], *, stranger: bool = False) -> int:
    """Forks one that works; its status is 0 when the work came to its end."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(180)
        if stranger:
            os.setgroups([])
            os.setgid(STRANGER)
            os.setuid(STRANGER)
        work()
        status = 0
    except BaseException as problem:
        os.write(2, f"child: {problem!r}\n".encode())
    finally:
        os._exit(status)


def write_for_ever(store: tryget.Store, seed: int) -> None:
    """Replaces what is steady; what is not comes, goes and moves."""
    chance = random.Random(seed)
    while True:
        number = chance.randrange(1 << 24)
        store[f"steady/{number % STEADY}"] = value(number)
        place = f"loose/{chance.randrange(8)}/{chance.randrange(8)}"
        match chance.randrange(6):
            case 0:
                store.delete(place)
            case 1:
                store.drop("loose")
            case 2:
                store["moving"] = value(number)
                with contextlib.suppress(KeyError):  # another writer has moved it
                    store.rename("moving", "moved", replace=True)
            case 3:
                store["array"] = np.full(50_000, float(number))
            case _:
                store[place] = value(number)


def read_until(end: float, folder: Path) -> int:
    """As another user. How much was read."""
    reads = 0
    with tryget.open("shared", readonly=True, mode=0o644, directory=folder) as reader:
        while time.monotonic() < end or reads == 0:
            for number in range(STEADY):
                assert is_whole(reader[f"steady/{number}"]), number
            for key in reader.walk():
                found = reader.get(key)
                assert found is None or not isinstance(found, bytes) or is_whole(found), key
            names = reader.children("steady")
            assert sorted(names, key=int) == [str(number) for number in range(STEADY)]
            array = reader["array"]
            assert (array == array[0]).all()
            assert reader.stat("steady/0").has_value
            assert len(reader.get_many(f"steady/{number}" for number in range(20))) == 20
            reads += 1
    return reads


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_reads_while_writers_are_harmed(
    shared: tryget.Store, folder: Path, torture_seconds: float, harm: signal.Signals
) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    end = time.monotonic() + torture_seconds
    readers = [child(lambda: print(read_until(end, folder)), stranger=True) for _ in range(2)]
    while time.monotonic() < end:
        writers = [
            child(lambda: write_for_ever(shared, chance.randrange(1 << 30))) for _ in range(2)
        ]
        time.sleep(chance.uniform(0.01, 0.3))
        for pid in writers:
            os.kill(pid, harm)
        time.sleep(chance.uniform(0, 0.1))
        for pid in writers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    for pid in readers:
        assert os.waitpid(pid, 0)[1] == 0
    assert all(f"steady/{number}" in shared for number in range(STEADY))


def test_a_writer_stands_still_for_ever(shared: tryget.Store, folder: Path) -> None:
    """Wherever it is stopped, also in the middle of a rename: reads are not held up."""
    slowest = 0.0
    for turn in range(15):
        writer = child(lambda turn=turn: write_for_ever(shared, turn))  # type: ignore[misc]
        time.sleep(0.02 + 0.003 * turn)
        os.kill(writer, signal.SIGSTOP)
        os.waitid(os.P_PID, writer, os.WSTOPPED)
        began = time.monotonic()
        reader = child(lambda: print(read_until(0, folder)), stranger=True)
        assert os.waitpid(reader, 0)[1] == 0
        slowest = max(slowest, time.monotonic() - began)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert slowest < 20


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_nobody_waits_for_a_reader(
    shared: tryget.Store, folder: Path, harm: signal.Signals
) -> None:
    """Readers harmed in the middle of large copies: memory comes back, and writers go on."""
    for number in range(20):
        shared[f"large/{number}"] = bytes(1_000_000)
    shared.clear()
    settle(shared)
    empty = shared.statistics().committed
    for number in range(30):
        shared[f"large/{number}"] = bytes(1_000_000)

    def read() -> None:
        with tryget.open("shared", readonly=True, mode=0o644, directory=folder) as reader:
            while True:
                for number in range(30):
                    reader.get(f"large/{number}")

    readers = [child(read, stranger=True) for _ in range(4)]
    time.sleep(0.2)
    for pid in readers:
        os.kill(pid, harm)
    began = time.monotonic()
    for turn in range(200):  # more than fits, were anything kept for the readers
        shared[f"large/{turn % 30}"] = bytes(1_000_000)
    shared.clear()
    settle(shared)
    assert time.monotonic() - began < 20
    assert shared.statistics().committed <= empty
    for pid in readers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


STRANGE = """
import ctypes, os, sys, tryget
folder, file = sys.argv[1], os.path.join(sys.argv[1], "shared.tryget")
os.setgroups([])
os.setgid(54321)
os.setuid(54321)

def refused(call, kind=PermissionError):
    try:
        call()
    except kind:
        return
    raise AssertionError(call)

refused(lambda: tryget.open("shared", directory=folder, mode=0o666), tryget.NotOwner)
refused(lambda: tryget.open("shared", directory=folder, readonly=True), tryget.NotOwner)
refused(lambda: tryget.unlink("shared", directory=folder), tryget.Error)
closed = os.path.join(folder, "closed", "none")
refused(lambda: tryget.open("x", directory=closed, readonly=True), tryget.NotOwner)
refused(lambda: open(file, "r+b"))
refused(lambda: open(file + "-lock", "rb"))
reader = tryget.open("shared", directory=folder, readonly=True, mode=0o644)
found = 0
for name in os.listdir("/proc/self/fd"):
    target = f"/proc/self/fd/{name}"
    if os.path.exists(target) and os.path.samefile(target, file):
        found += 1
        refused(lambda: open(target, "r+b"))
        refused(lambda: os.write(int(name), b"x"), OSError)
        refused(lambda: os.ftruncate(int(name), 0), OSError)
        refused(lambda: os.posix_fallocate(int(name), 0, 4096), OSError)
assert found == 1
mapped = [line.split() for line in open("/proc/self/maps") if file in line]
assert [line[1] for line in mapped] == ["r--s"], mapped
start = int(mapped[0][0].split("-")[0], 16)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mprotect(ctypes.c_void_p(start), 4096, 3) == -1
assert ctypes.get_errno() == 13
assert libc.prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE: its own memory is its own again
with open("/proc/self/mem", "r+b", buffering=0) as memory:
    memory.seek(start)
    refused(lambda: memory.write(b"x"), OSError)
print(len(reader))
"""


def test_what_a_stranger_can_not_do(shared: tryget.Store, folder: Path) -> None:
    files = [folder / "shared.tryget", folder / "shared.tryget-lock"]
    before = [file.read_bytes() for file in files]
    (folder / "closed").mkdir(mode=0o700)
    command = [sys.executable, "-c", STRANGE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(shared)
    assert [file.read_bytes() for file in files] == before


# ---- a file system without room ----------------------------------------------------------------

FULL = """
import os, subprocess, sys, tryget
folder = sys.argv[1]
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]).returncode:
    sys.exit(77)
store = tryget.open("full", size="256MiB", directory=folder, mode=0o644)
number = 0
try:
    while True:
        store[f"k/{number}"] = bytes(50_000)
        number += 1
except tryget.StoreFull:
    pass
fill = open(os.path.join(folder, "fill"), "wb", buffering=0)
try:
    while True:
        fill.write(bytes(4096))
except OSError:
    pass
for other in range(0, number, 2):  # memory goes back, and somebody else takes it
    store.delete(f"k/{other}")
store.raw_tidy()
try:
    while True:
        fill.write(bytes(4096))
except OSError:
    pass
room = os.statvfs(folder).f_bfree
os.setgid(54321)
os.setuid(54321)
with tryget.open("full", readonly=True, mode=0o644, directory=folder) as reader:
    assert len(reader) == number // 2, (len(reader), number)
    for other in range(number):
        assert reader.get(f"k/{other}") == (bytes(50_000) if other % 2 else None)
    assert reader.statistics().entries == number // 2
    assert reader.usage().bytes == number // 2 * 50_000
assert os.statvfs(folder).f_bfree == room
print("read", number)
"""


def test_reads_from_a_full_file_system(folder: Path) -> None:
    """Where a load from a hole would be SIGBUS. In a mount namespace of its own."""
    folder.chmod(0o755)
    command = ["unshare", "-m", "--propagation", "private", sys.executable, "-c", FULL]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=120)
    if done.returncode == 77:
        pytest.skip("needs permission to mount")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("read ")
