# SPDX-License-Identifier: Apache-2.0
"""What the calls that ask about a store return: frozen records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stat:
    """What is known of one key (`Store.stat`)."""

    nbytes: int  # of the value as it is stored
    version: int  # unique per published value; 0 without one
    pins: int  # that hold the value now, in all processes
    expires: float | None  # seconds left
    kind: str  # "bytes", "str", "object", "array", "pickle", "custom"; "directory": no value
    has_value: bool
    children: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a node and all below it hold (`Store.usage`)."""

    entries: int
    bytes: int  # of the values as they are stored


@dataclass(frozen=True, slots=True)
class Statistics:
    """The whole store in numbers (`Store.statistics`)."""

    name: str
    path: str
    entries: int  # including what is dropped or expired, until it is swept
    bytes: int  # of the memory blocks of the entries
    limit: int  # the most that the store may take
    committed: int  # what it has taken from the file system
    processes: int
    pins: int
    kept: int  # decoded values that this process keeps, to return them again (`reuse`)
    kept_bytes: int  # about, of these and what else it knows of keys


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that the store's memory breaks."""

    rule: str
    where: int  # offset in the file
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `Store.verify` found."""

    exact: bool  # the store was quiet: counts and leaks were checked too
    violations: tuple[Violation, ...]  # the first of them
    violation_count: int
    leaked_bytes: int
    records: int
    objects: int
    directories: int
    blocks: int
    pages: int

    @property
    def ok(self) -> bool:
        """No violation, nothing leaked."""
        return self.violation_count == 0 and self.leaked_bytes == 0


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """A store that is not opened (`tryget.stores`)."""

    name: str
    path: str
    state: str  # "good"; "layout", "corrupt", "not ours": it can't be opened
    size: int  # the most it may grow to
    allocated: int  # bytes that its file takes now
    processes: int  # attached now
    uuid: str
