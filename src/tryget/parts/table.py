# SPDX-License-Identifier: Apache-2.0
"""The sections of one process, for an epoch without a store.

The same rules as in the core (`csrc/parts/section.h`), under a lock: a stamp for each section, and
a cookie has elapsed when no open section has a lesser stamp.
"""

import itertools
import os
import threading
import weakref

_tables: "weakref.WeakSet[Table]" = weakref.WeakSet()


class Table:
    """Who reads, and since which cookie."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys = itertools.count(1)
        self._given = 0
        self._stamps: dict[int, int] = {}
        _tables.add(self)

    def enter(self) -> int:
        """Begins a section: its key."""
        with self._lock:
            key = next(self._keys)
            self._stamps[key] = self._given
            return key

    def leave(self, key: int) -> None:
        """Ends a section; nothing if it is unknown, as a parent's is in its child."""
        with self._lock:
            self._stamps.pop(key, None)

    def snapshot(self) -> int:
        """A cookie."""
        with self._lock:
            self._given += 1
            return self._given

    def elapsed(self, cookie: int) -> bool:
        """Whether all sections of the cookie's time are over."""
        with self._lock:
            if cookie > self._given:
                raise ValueError(f"{cookie} is no cookie of this epoch")
            return all(stamp >= cookie for stamp in self._stamps.values())

    def forked(self) -> None:
        """In a forked child: none of the sections is ours. Their keys are not given again."""
        self._lock = threading.Lock()
        self._stamps.clear()


def _after_fork() -> None:
    for table in list(_tables):
        table.forked()


os.register_at_fork(after_in_child=_after_fork)
