# SPDX-License-Identifier: Apache-2.0
"""The store, and what its calls return."""

from tryget._core import Pin
from tryget.store.absent import ABSENT, Absent
from tryget.store.opening import open, stores, unlink
from tryget.store.records import Report, Stat, Statistics, StoreInfo, Usage, Violation
from tryget.store.store import Store

__all__ = [
    "ABSENT",
    "Absent",
    "Pin",
    "Report",
    "Stat",
    "Statistics",
    "Store",
    "StoreInfo",
    "Usage",
    "Violation",
    "open",
    "stores",
    "unlink",
]
