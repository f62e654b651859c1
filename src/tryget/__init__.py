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
from tryget.store import (
    ABSENT,
    Pin,
    Report,
    Stat,
    Statistics,
    Store,
    StoreInfo,
    Usage,
    Violation,
    open,
    stores,
    unlink,
)

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
    __version__: str
else:

    def __getattr__(name):
        """`__version__`, as it was installed: to look it up takes longer than to import us."""
        if name != "__version__":
            raise AttributeError(f"module 'tryget' has no attribute {name!r}")
        from importlib.metadata import version

        return version("tryget")
