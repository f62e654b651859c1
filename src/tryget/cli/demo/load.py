# SPDX-License-Identifier: Apache-2.0
"""The input: every regular file of a folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class File(NamedTuple):
    """A file to load: its path in the folder, and its size."""

    path: str
    size: int


def files_of(folder: Path) -> Iterator[File]:
    """All regular files whose paths can be keys, without packages that were installed."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "site-packages")
        for name in sorted(names):
            full = os.path.join(top, name)
            path = os.path.relpath(full, folder)
            try:
                status = os.lstat(full)
                size = len(path.encode())
            except (OSError, UnicodeEncodeError):
                continue
            if stat.S_ISREG(status.st_mode) and size < 4000 and os.access(full, os.R_OK):
                yield File(path, status.st_size)


def within(files: list[File], budget: int) -> list[File]:
    """As many of them as may be loaded, evenly from the whole list."""
    total = sum(file.size for file in files)
    if total <= budget:
        return files
    step = -(-total // max(budget, 1))
    chosen = []
    for file in files[::step]:
        if file.size <= budget:
            budget -= file.size
            chosen.append(file)
    return chosen
