# SPDX-License-Identifier: Apache-2.0
"""The extension module's names."""

from tryget._core._core import (
    BYTES,
    FIXED,
    FIXED_IN_ZONE,
    PLAIN,
    PROCESS_ONLY,
    TEXT,
    Attachment,
    BuildTicket,
    BuildWait,
    LockRef,
    Pin,
    RawEpoch,
    RawPin,
    RawStore,
    Tally,
    attach,
    each,
    is_plain,
    own_methods,
    refuse_to_wait,
    time_limit,
    unlink,
    use_numpy,
)

# What a decoder is given: a copy of the value's bytes, or the value where it lies.
Data = bytes | RawPin

__all__ = [
    "BYTES",
    "FIXED",
    "FIXED_IN_ZONE",
    "PLAIN",
    "PROCESS_ONLY",
    "TEXT",
    "Attachment",
    "BuildTicket",
    "BuildWait",
    "Data",
    "LockRef",
    "Pin",
    "RawEpoch",
    "RawPin",
    "RawStore",
    "Tally",
    "attach",
    "each",
    "is_plain",
    "own_methods",
    "refuse_to_wait",
    "time_limit",
    "unlink",
    "use_numpy",
]
