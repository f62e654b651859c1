# SPDX-License-Identifier: Apache-2.0
"""Every exception of tryget, each also of the built-in kind that fits it.

Missing keys are plain `KeyError`, time limits plain `TimeoutError`.
"""


class Error(Exception):
    """The base of all errors of tryget."""


class StoreNotFound(Error, FileNotFoundError):
    """There is no such store, or it is another one by now."""


class StoreExists(Error, FileExistsError):
    """`create="exclusive"`, and the store is there already."""


class StoreFull(Error, MemoryError):
    """No room is left: of the store, of the file system, or for pins. Nothing was lost."""


class StoreCorrupt(Error):
    """The store holds what no run of tryget writes."""


class LayoutMismatch(Error):
    """The store was made by a version of tryget with another layout."""


class StoreClosed(Error, ValueError):
    """A call on a store after `close()`."""


class ReadOnly(Error, PermissionError):
    """A write to a store that was opened with `readonly=True`."""


class NotOwner(Error, PermissionError):
    """The folder or file belongs to another user, or others may write to it."""


class InvalidKey(Error, ValueError):
    """A key over the limits, or without UTF-8 form."""


class KeyExists(Error, KeyError):
    """`rename`: the new key is taken."""

    # KeyError shows its argument's repr; this one carries a sentence.
    __str__ = Exception.__str__


class CodecMissing(Error, TypeError):
    """The value was stored with a codec that this reader was not opened with."""


class TooManyProcesses(Error):
    """As many processes as `max_processes` says are attached already."""


class SectionError(Error, RuntimeError):
    """Something that may wait, or end what others read, was asked for inside a read section."""


class LockRefError(Error, RuntimeError):
    """A `LockRef` refuses: a lock that is not held, a reference that is not there, a dead word."""


class CountOverflow(Error, OverflowError):
    """A `LockRef` has as many references as it can count."""


for _kind in [Error, *Error.__subclasses__()]:
    _kind.__module__ = "tryget"  # where users know them from, also in tracebacks
