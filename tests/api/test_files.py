# SPDX-License-Identifier: Apache-2.0
"""Goal: files of another layout, of another boot, replaced or removed while in use, and small file
systems are told apart, and nobody who is attached notices.

Method: headers rewritten with their checksum, files moved over others, many openers at once, a file
system of 64 MiB. Failure means a lost store, two stores under one name, or a SIGBUS.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tryget

LAYOUT, BOOT_ID, UUID, HEADER_SIZE = 8, 192, 208, 12
OPENERS = 6


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def rewrite(path: Path, at: int, new: bytes) -> None:
    """Changes a part of a header as if its maker had written that."""
    with open(path, "r+b", buffering=0) as file:
        header = bytearray(os.pread(file.fileno(), 4096, 0))
        size = int.from_bytes(header[HEADER_SIZE : HEADER_SIZE + 4], "little")
        assert int.from_bytes(header[size - 8 : size - 4], "little") == crc32c(header[: size - 8])
        header[at : at + len(new)] = new
        header[size - 8 : size - 4] = crc32c(header[: size - 8]).to_bytes(4, "little")
        os.pwrite(file.fileno(), header, 0)


def make(name: str, value: object) -> bytes:
    with tryget.open(name, size="8MiB") as store:
        store["which"] = value
        return store.uuid


@pytest.mark.parametrize("layout", [0, 1, 1000])
def test_a_store_of_another_layout(folder: Path, layout: int) -> None:
    make("a", "old")
    rewrite(folder / "a.tryget", LAYOUT, layout.to_bytes(4, "little"))
    before = (folder / "a.tryget").read_bytes()
    for create in (True, False, "exclusive"):
        error = tryget.StoreExists if create == "exclusive" else tryget.LayoutMismatch
        with pytest.raises(error, match=r"a\.tryget"):
            tryget.open("a", create=create)
    (found,) = tryget.stores()
    assert (found.name, found.state) == ("a", "layout")
    assert (folder / "a.tryget").read_bytes() == before
    with tryget.open("a", size="4MiB", on_mismatch="new") as store:
        assert "which" not in store
        store["which"] = "new"
    with tryget.open("a") as store:
        assert store["which"] == "new"


def test_who_is_attached_keeps_a_store_that_another_version_replaces(folder: Path) -> None:
    with tryget.open("a", size="8MiB") as old:
        old["which"] = "old"
        rewrite(folder / "a.tryget", LAYOUT, (7).to_bytes(4, "little"))
        with tryget.open("a", size="4MiB", on_mismatch="new") as new:
            assert new.uuid != old.uuid
            new["which"] = "new"
            old["more"] = 1
            assert (old["which"], new["which"]) == ("old", "new")
            assert "more" not in new


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default folder is one that outlives a boot: in memory there is no other boot's store."""
    monkeypatch.setenv("TRYGET_DIR", str(tmp_path))
    try:
        tryget.open("try", size="4MiB").close()
    except tryget.Error as problem:
        pytest.skip(f"needs a temporary folder in ext4 or xfs: {problem}")
    tryget.unlink("try")
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", str(tmp_path)], capture_output=True, text=True, check=True
    )
    if kind.stdout.strip() == "tmpfs":
        pytest.skip("needs a temporary folder that is not in memory")
    return tmp_path


def test_a_store_of_another_boot_starts_empty(disk: Path) -> None:
    old = make("a", "before the reboot")
    rewrite(disk / "a.tryget", BOOT_ID, os.urandom(16))
    with pytest.raises(tryget.StoreNotFound):
        tryget.open("a", create=False)
    with tryget.open("a", size="8MiB") as store:
        assert store.uuid != old
        assert dict(store) == {}
        store["which"] = "after"
    with tryget.open("a", create=False) as store:
        assert store["which"] == "after"


OPENER = """
import sys, tryget
sys.stdin.readline()
with tryget.open("a", size="8MiB") as store:
    store.increment("openers", initial=0)
    print(store.uuid.hex(), flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("state", ["none", "lock only"])
def test_many_openers_get_one_store(folder: Path, state: str) -> None:
    if state != "none":
        make("a", 1)
        (folder / "a.tryget").unlink()
    check_many_openers()


def test_many_openers_of_one_stale_file(disk: Path) -> None:
    make("a", 1)
    rewrite(disk / "a.tryget", BOOT_ID, os.urandom(16))
    check_many_openers()


def check_many_openers() -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(OPENERS)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    found = {opener.stdout.readline() for opener in openers if opener.stdout}
    with tryget.open("a", create=False) as store:
        assert found == {f"{store.uuid.hex()}\n"}
        assert store.statistics().processes == OPENERS + 1
        for opener in openers:
            opener.communicate("\n")
        assert store["openers"] == OPENERS
        assert dict(store) == {"openers": OPENERS}


def test_a_store_whose_files_are_moved_over(folder: Path) -> None:
    """Life and death are those of the old files, whatever has their names."""
    make("other", "other")
    with tryget.open("a", size="8MiB") as old:
        old["which"] = "old"
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            pin = old.pin("which")
            old["ready"] = pin.nbytes
            while True:
                signal.pause()
        while "ready" not in old:
            pass
        for suffix in ("", "-lock"):
            os.replace(folder / f"other.tryget{suffix}", folder / f"a.tryget{suffix}")
        old.raw_tidy()
        found = old.statistics()
        assert (found.processes, found.pins) == (2, 1), "the child is alive"
        with tryget.open("a") as new:
            assert new["which"] == "other"
            assert new.statistics().processes == 1
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        old.raw_tidy()
        found = old.statistics()
        assert (found.processes, found.pins) == (1, 0), "its death is noticed"
        old["which"] = "still"
        assert old.verify().ok


def test_only_one_of_the_files_is_removed(folder: Path) -> None:
    for suffix in ("", "-lock"):
        make("a", 1)
        with tryget.open("a") as attached:
            (folder / f"a.tryget{suffix}").unlink()
            attached["x"] = 2
            assert attached["x"] == 2
        with contextlib.suppress(tryget.Error):
            tryget.open("a", size="4MiB").close()
        with contextlib.suppress(tryget.StoreNotFound):
            tryget.unlink("a")
        assert list(folder.iterdir()) == []
        tryget.open("a", size="4MiB", create="exclusive").close()
        tryget.unlink("a")


@pytest.fixture
def shm(folder: Path) -> Iterator[Path]:
    """/dev/shm as containers have it: 64 MiB."""
    path = folder / "shm"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=1777", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs permission to mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_store_of_1_gib_where_64_mib_are_there(shm: Path) -> None:
    with tryget.open(directory=shm) as store:
        assert store.statistics().limit == 1 << 30
        stored = 0
        with contextlib.suppress(tryget.StoreFull):
            for stored in range(1000):
                store[f"{stored}"] = bytes([stored % 251]) * 500_000
        assert 60 < stored < 140
        assert all(store[f"{n}"] == bytes([n % 251]) * 500_000 for n in range(stored))
        view = store.pin("7")
        with contextlib.suppress(tryget.StoreFull):
            tryget.open("second", directory=shm, size="32MiB").close()
        store.clear()
        assert bytes(view.value) == bytes([7]) * 500_000
        view.release()
        store.raw_tidy()
        for number in range(stored):
            store[f"{number}"] = b"x" * 400_000
        assert store.verify().violations == ()


def test_the_demo_and_a_torture_in_64_mib(shm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("TRYGET_DIR", str(shm))
    for command in (["demo", "--seconds", "2"], ["torture", "--seconds", "3", "--size", "large"]):
        done = subprocess.run(
            [sys.executable, "-m", "tryget", *command, "--json"],
            capture_output=True,
            text=True,
            timeout=170,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["kills"] > 2
        assert list(shm.iterdir()) == []
