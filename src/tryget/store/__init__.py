# SPDX-License-Identifier: Apache-2.0
"""The store."""

from tryget._core import Pin
from tryget.store.absent import ABSENT, Absent
from tryget.store.opening import open, stores, unlink
from tryget.store.store import Store

__all__ = [
    "ABSENT",
    "Absent",
    "Pin",
    "Store",
    "open",
    "stores",
    "unlink",
]
