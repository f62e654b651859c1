# SPDX-License-Identifier: Apache-2.0
"""Goal: a store is never opened in the wrong place, and a full file system costs nothing.

Method: folders and files of other users, of every wrong mode; a small file system of its own.
Failure means that a stranger's file is trusted, or a SIGBUS.
"""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tryget
from tryget import _path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be several users")
STRANGER = 54321


@pytest.fixture
def default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default folder is one in the test's folder, which does not exist yet."""
    monkeypatch.delenv("TRYGET_DIR")
    path = folder / "default"
    monkeypatch.setattr(_path, "default_directory", lambda: str(path))
    return path


def test_the_default_folder_is_of_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRYGET_DIR", raising=False)
    assert _path.default_directory() == f"/dev/shm/tryget-{os.geteuid()}"
    monkeypatch.setenv("TRYGET_DIR", "/some/where")
    assert _path.default_directory() == "/some/where"
    monkeypatch.setenv("TRYGET_DIR", "")
    assert _path.default_directory() == f"/dev/shm/tryget-{os.geteuid()}"


def test_the_default_folder_is_made_for_this_user_only(default: Path) -> None:
    with pytest.raises(tryget.StoreNotFound):
        tryget.open("a", create=False)
    assert tryget.stores() == []
    assert not default.exists(), "looking makes no folder"
    tryget.open("a", size="4MiB").close()
    assert stat.S_IMODE(default.stat().st_mode) == 0o700
    tryget.open("a").close()
    assert [info.name for info in tryget.stores()] == ["a"]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_default_folder_that_others_may_write_is_refused(default: Path, mode: int) -> None:
    default.mkdir()
    default.chmod(mode)
    with pytest.raises(tryget.NotOwner, match="chmod"):
        tryget.open("a")
    assert list(default.iterdir()) == []


def test_something_else_of_that_name_is_refused(default: Path, folder: Path) -> None:
    default.write_bytes(b"")
    with pytest.raises(tryget.NotOwner):
        tryget.open("a")
    default.unlink()
    (folder / "elsewhere").mkdir(mode=0o700)
    default.symlink_to(folder / "elsewhere")
    with pytest.raises(tryget.NotOwner):
        tryget.open("a")
    assert list((folder / "elsewhere").iterdir()) == []


@as_root
def test_somebody_elses_folder_is_refused(default: Path) -> None:
    default.mkdir(mode=0o700)
    os.chown(default, STRANGER, STRANGER)
    for call in (lambda: tryget.open("a"), tryget.stores, lambda: tryget.unlink("a")):
        with pytest.raises(tryget.NotOwner, match=str(STRANGER)) as caught:
            call()
        assert isinstance(caught.value, PermissionError)


@as_root
@pytest.mark.parametrize("suffix", ["", "-lock"])
def test_somebody_elses_store_is_refused(folder: Path, suffix: str) -> None:
    tryget.open("a", size="4MiB").close()
    os.chown(folder / f"a.tryget{suffix}", STRANGER, STRANGER)
    with pytest.raises(tryget.NotOwner):
        tryget.open("a")


@as_root
def test_a_user_without_permission_is_told_so(folder: Path) -> None:
    tryget.open("a", size="4MiB").close()
    folder.chmod(0o755)
    code = (
        f"import os, sys, tryget; os.setgid({STRANGER}); os.setuid({STRANGER})\n"
        "for name in ('a', 'new'):\n"
        "    try:\n"
        f"        tryget.open(name, directory={str(folder)!r})\n"
        "    except tryget.NotOwner as problem:\n"
        "        assert isinstance(problem, PermissionError)\n"
        "        print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    path = folder / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs permission to mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_file_system_is_a_full_store(small_disk: Path) -> None:
    with tryget.open("a", directory=small_disk, size="32MiB") as opened:
        stored = 0
        with contextlib.suppress(tryget.StoreFull):
            for stored in range(1000):
                opened[str(stored)] = bytes([stored % 256]) * 50_000
        assert 20 < stored < 999
        assert len(opened) == stored
        assert all(opened[str(n)] == bytes([n % 256]) * 50_000 for n in range(stored))
        for number in range(0, stored, 2):
            del opened[str(number)]
        opened.raw_tidy()
        opened["again"] = bytes(50_000)
        assert opened["again"] == bytes(50_000)
        assert opened.verify().ok


def test_no_room_for_a_store_at_all(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(5_900_000))
    with pytest.raises(tryget.StoreFull):
        tryget.open("a", directory=small_disk, size="256MiB")
    (small_disk / "ballast").unlink()
    tryget.open("a", directory=small_disk, size="4MiB").close()


def test_a_file_system_that_is_not_fit_is_refused() -> None:
    for place in ("/proc/self", "/sys/kernel"):
        with pytest.raises((tryget.Error, OSError)) as caught:
            tryget.open("a", directory=place, size="4MiB")
        assert isinstance(caught.value, tryget.Error)
