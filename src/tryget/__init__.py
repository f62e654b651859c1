# SPDX-License-Identifier: Apache-2.0
"""A shared-memory object cache for the Python processes of one Linux machine."""

from typing import TYPE_CHECKING

from tryget._core import LockRef
from tryget._errors import (
    CodecMissing,
    CountOverflow,
    Error,
    InvalidKey,
    KeyExists,
    LayoutMismatch,
    LockRefError,
    NotOwner,
    ReadOnly,
    SectionError,
    StoreClosed,
    StoreCorrupt,
    StoreExists,
    StoreFull,
    StoreNotFound,
    TooManyProcesses,
)
from tryget.parts import Epoch
from tryget.store import ABSENT, Pin, Store, open, stores, unlink

__all__ = [
    "ABSENT",
    "CodecMissing",
    "CountOverflow",
    "Epoch",
    "Error",
    "InvalidKey",
    "KeyExists",
    "LayoutMismatch",
    "LockRef",
    "LockRefError",
    "NotOwner",
    "Pin",
    "ReadOnly",
    "Report",
    "SectionError",
    "Stat",
    "Statistics",
    "Store",
    "StoreClosed",
    "StoreCorrupt",
    "StoreExists",
    "StoreFull",
    "StoreInfo",
    "StoreNotFound",
    "TooManyProcesses",
    "Usage",
    "Violation",
    "open",
    "stores",
    "unlink",
]

if TYPE_CHECKING:
    from tryget.store.records import Report, Stat, Statistics, StoreInfo, Usage, Violation

    __version__: str
else:

    def __getattr__(name):
        """What takes long to import or to look up, and few ask for: the records, as dataclasses are
        a fifth of what tryget takes to import, and `__version__`, as it was installed."""
        if name == "__version__":
            from importlib.metadata import version

            return version("tryget")
        if name not in __all__:
            raise AttributeError(f"module 'tryget' has no attribute {name!r}")
        from tryget.store import records

        return getattr(records, name)

    def __dir__():
        return sorted({*globals(), *__all__})
