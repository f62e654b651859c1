# SPDX-License-Identifier: Apache-2.0
"""Arguments of `open` that are text: sizes, names of stores, folders. Without pathlib, which is a
tenth of the time that it takes to import us."""

import os
import re
import stat

from tryget._errors import Error, NotOwner, StoreNotFound

SUFFIX = ".tryget"
SIZE_MIN, SIZE_MAX = 4 << 20, 1 << 40
_NAME_MAX = 200

_UNITS: dict[str, int] = {"": 1, "B": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("KMGT", 1)
    for suffix, base in (("IB", 1024), ("B", 1000))
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse_size(size: int | str) -> int:
    """Bytes of `512 << 20`, "512MiB" or "2GB"."""
    if isinstance(size, str):
        size = _bytes_of(size)
    elif isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"size is an int or text such as '512MiB', not {type(size).__name__}")
    if size < SIZE_MIN:
        raise ValueError(f"size {size} is too small: a store needs at least 4 MiB")
    if size > SIZE_MAX:
        raise ValueError(f"size {size} is too large: a store has at most 1 TiB")
    return size


def kept_max() -> int | None:
    """`$TRYGET_KEPT_MAX`: the most bytes that a process keeps of what it read of one store, 0 for
    nothing; None: as usual."""
    text = os.environ.get("TRYGET_KEPT_MAX")
    if not text:
        return None
    try:
        return min(_bytes_of(text), SIZE_MAX)
    except ValueError as problem:
        raise ValueError(f"$TRYGET_KEPT_MAX: {problem}") from None


def _bytes_of(text: str) -> int:
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError(
            f"size {text!r} is not understood: a number with B, KiB, MiB, GiB, TiB, "
            "KB, MB, GB or TB, as in '512MiB'"
        )
    whole, _, fraction = match[1].partition(".")
    return int(whole + fraction) * unit // int("1" + "0" * len(fraction))


def check_name(name: str) -> str:
    """A store's name: what may stand before `.tryget` in a file name."""
    if not isinstance(name, str):
        raise TypeError(f"a store's name is a str, not {type(name).__name__}")
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _NAME_MAX or "/" in name or "\0" in name:
        raise ValueError(
            f"{name!r} can't be the name of a store: use 1 to {_NAME_MAX} bytes without / and NUL"
        )
    return name


def default_directory() -> str:
    """`$TRYGET_DIR`, or a folder of this user in /dev/shm."""
    return os.environ.get("TRYGET_DIR") or f"/dev/shm/tryget-{os.geteuid()}"


def resolve_directory(directory: str | os.PathLike[str] | None, *, make: bool) -> str:
    """The folder of a store as an absolute path; the default one is made when missing."""
    if directory is not None:
        if not os.fspath(directory):
            raise ValueError("directory is empty: leave it out for the default one")
        path = os.path.abspath(os.fsdecode(directory))
        try:
            if _is_folder(path):
                return path
        except PermissionError:
            raise NotOwner(
                f"user {os.geteuid()} may not look into the folders above {path}: ask who owns them"
            ) from None
        raise StoreNotFound(f"there is no folder {path}: make it, or name another")
    path = os.path.abspath(default_directory())
    if make:
        _make(path)
    _check_owner(path, missing_is_fine=not make)
    return path


def _is_folder(path: str) -> bool:
    """PermissionError where nobody may look."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False


def _make(path: str) -> None:
    try:
        os.mkdir(path, mode=0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotOwner(f"{path} is in the way: it is not a folder; set TRYGET_DIR") from None
    except OSError as problem:
        raise Error(f"{path} can't be made ({problem.strerror}): set TRYGET_DIR") from problem


def _check_owner(path: str, *, missing_is_fine: bool) -> None:
    """Refuses a default folder that somebody else made, or may write to."""
    try:
        # A folder that the user named may be a link; nobody names the default one.
        status = os.stat(path) if os.environ.get("TRYGET_DIR") else os.lstat(path)
    except FileNotFoundError:
        if missing_is_fine:
            return
        raise StoreNotFound(f"there is no folder {path}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise NotOwner(f"{path} is not a folder: remove it, or set TRYGET_DIR")
    if os.environ.get("TRYGET_DIR"):
        return  # named by the user, who may mean a shared one
    if status.st_uid != os.geteuid():
        raise NotOwner(
            f"{path} belongs to user {status.st_uid}, not to {os.geteuid()}: set TRYGET_DIR"
        )
    if status.st_mode & 0o022:
        raise NotOwner(f"{path} can be written by others: chmod 700 it, or set TRYGET_DIR")


def store_path(directory: str, name: str) -> str:
    """The file of a store."""
    return os.path.join(directory, f"{name}{SUFFIX}")
