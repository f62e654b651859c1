# SPDX-License-Identifier: Apache-2.0
"""`Store`: a mapping of paths to values that processes share.

The calls that only convert are inherited from the extension: `get`, `[]`, `in`, `set`, `add`,
`delete`, `drop`, `touch`, `compare_and_set`, `children`, `pin`, `try_get`.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from tryget._core import Attachment, RawStore, own_methods
from tryget._errors import Error, KeyExists, StoreClosed
from tryget.codecs import numbers
from tryget.codecs.registry import Coding
from tryget.parts.epoch import Epoch
from tryget.store.builds import create
from tryget.store.records import Report, Stat, Statistics, Usage, Violation
from tryget.store.views import MISSING, StoreItems, StoreKeys, StoreValues

if TYPE_CHECKING:
    from tryget.store.cached.decorate import CachedFunction

P = ParamSpec("P")
R = TypeVar("R")

_VERIFY_SECONDS = 0.5  # that it waits for others


class Store(RawStore, MutableMapping[str, Any]):
    """A store that this process has open. `tryget.open` makes these.

    >>> import tryget
    >>> with tryget.open("doc-store", size="4MiB") as store:
    ...     store["users/42/name"] = "Ada"
    ...     store["users/42/name"], store.children("users"), "users" in store
    ('Ada', ['42'], False)
    >>> tryget.unlink("doc-store")

    Any number of threads and processes may use a store at once. Reads take no lock. A process
    that is killed, stopped or forked in the middle of a call harms nobody.
    """

    __slots__ = ("_coding", "_epoch", "_mode", "_reuse", "_timeout", "directory", "name")

    def __init__(
        self,
        attachment: Attachment,
        coding: Coding,
        *,
        name: str,
        directory: str,
        timeout: float | None,
        mode: int,
        reuse: str,
        kept: int | None,
    ) -> None:
        super().__init__(attachment, timeout, coding, reuse, kept)
        self.name = name
        self.directory = directory
        self._coding = coding
        self._epoch: Epoch | None = None
        self._timeout = timeout
        self._mode = mode
        self._reuse = reuse

    # ---- the store itself --------------------------------------------------------------------

    def close(self) -> None:
        """Ends the use of this object. Values and pins that were read stay valid."""
        self._epoch = None
        self.raw_close()

    @property
    def epoch(self) -> Epoch:
        """Read sections and grace periods for all who have this store open."""
        if self._epoch is None or self.closed:
            self._epoch = Epoch(self)
        return self._epoch

    def __enter__(self) -> "Store":
        if self.closed:
            raise StoreClosed(f"{self!r}: open it again")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., "Store"], tuple[Any, ...]]:
        from tryget.store.opening import reopen

        return reopen, (
            self.directory,
            self.name,
            self.uuid,
            self._mode,
            self._reuse,
            self.readonly,
            self._timeout,
        )

    def __repr__(self) -> str:
        return f"<tryget.Store {self.path}{' (closed)' if self.closed else ''}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Store) and other.uuid == self.uuid:
            return True
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    # ---- as a dict ---------------------------------------------------------------------------

    def __iter__(self) -> Iterator[str]:
        return self.raw_walk(None)

    def __len__(self) -> int:
        return self.raw_count(None)[0]

    def __bool__(self) -> bool:
        return next(self.raw_walk(None), None) is not None

    def keys(self, prefix: str | None = None) -> StoreKeys:
        """A view of all keys; with `prefix`, of that node and all below it."""
        return StoreKeys(self, prefix)

    def items(self) -> StoreItems:
        """A view of the pairs."""
        return StoreItems(self)

    def values(self) -> StoreValues:
        """A view of the values."""
        return StoreValues(self)

    def pop(self, key: str, default: Any = MISSING) -> Any:
        """Removes a key and returns its value, in one step."""
        try:
            return self.raw_take(key)
        except KeyError:
            if default is MISSING:
                raise
            return default

    def popitem(self) -> tuple[str, Any]:
        """Removes some key and returns it with its value, in one step."""
        while True:
            key = next(iter(self), None)
            if key is None:
                raise KeyError(f"{self!r} is empty")
            value = self.pop(key, MISSING)
            if value is not MISSING:
                return key, value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key; when it is absent, `default` is stored first."""
        while True:
            value = self.get(key, MISSING)
            if value is not MISSING:
                return value
            if self.add(key, default):
                return default

    def raw_create(
        self,
        key: str,
        factory: Callable[[], Any],
        ttl: float | None,
        timeout: float | None,
        lease: float | None,
        absent_ttl: float | None,
    ) -> Any:
        """`get_or_create`, when the key is missing."""
        return create(self, key, factory, ttl, timeout, lease, absent_ttl)

    def clear(self) -> None:
        """Removes everything, in one step."""
        self.drop(None)

    # ---- many at once ------------------------------------------------------------------------

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of the keys that are there."""
        found = {}
        for key in _several(keys):
            value = self.get(key, MISSING)
            if value is not MISSING:
                found[key] = value
        return found

    def set_many(self, mapping: Mapping[str, Any], *, ttl: float | None = None) -> None:
        """Stores each pair; each by itself is atomic."""
        if not isinstance(mapping, Mapping):
            raise TypeError(f"set_many takes a mapping, not {type(mapping).__name__}")
        for key, value in mapping.items():
            self.set(key, value, ttl=ttl)

    def delete_many(self, keys: Iterable[str]) -> int:
        """Removes the keys; how many were there."""
        return sum(self.delete(key) for key in _several(keys))

    # ---- numbers ----------------------------------------------------------------------------

    def increment(self, key: str, delta: int = 1, *, initial: int | None = None) -> int:
        """Adds to an int, atomically; an absent key is `initial` first, or a KeyError."""
        for number in (delta, 0 if initial is None else initial):
            if type(number) is not int:
                raise TypeError(f"increment adds ints, not {type(number).__name__}")
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                value, version, expiry = self.raw_item(key)
            except KeyError:
                if initial is None:
                    raise
                value, version, expiry = initial, 0, 0
            if type(value) is not int:
                raise TypeError(f"{self!r}: {key!r} holds {type(value).__name__}, not an int")
            if self.raw_replace(key, version, expiry, value + delta):
                return value + delta
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self!r}: others changed {key!r} all the time: try again")

    # ---- functions ---------------------------------------------------------------------------

    @overload
    def cached(
        self,
        fn: None = None,
        *,
        ttl: float | None = None,
        key: Callable[..., str] | None = None,
        node: str | None = None,
        refresh_before: float | None = None,
        absent_ttl: float = 60.0,
        lease: float | None = None,
        timeout: float | None = None,
    ) -> "Callable[[Callable[P, R]], CachedFunction[P, R]]": ...

    @overload
    def cached(
        self,
        fn: Callable[P, R],
        *,
        ttl: float | None = None,
        key: Callable[..., str] | None = None,
        node: str | None = None,
        refresh_before: float | None = None,
        absent_ttl: float = 60.0,
        lease: float | None = None,
        timeout: float | None = None,
    ) -> "CachedFunction[P, R]": ...

    def cached(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        ttl: float | None = None,
        key: Callable[..., str] | None = None,
        node: str | None = None,
        refresh_before: float | None = None,
        absent_ttl: float = 60.0,
        lease: float | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Decorates a function, or a coroutine function: each call with equal arguments is made
        once, by one of all processes, and its result kept.

        >>> import tryget
        >>> store = tryget.open("doc-cached", size="4MiB")
        >>> @store.cached(ttl=300)
        ... def area(width, height=1):
        ...     print("measuring")
        ...     return width * height
        >>> area(3, 4)
        measuring
        12
        >>> area(3, height=4), area.cache_info().hits
        (12, 1)
        >>> store.close()
        >>> tryget.unlink("doc-cached")

        ttl             seconds that a result is kept, or None: for ever
        key             a function of the same arguments that returns the key of a call; else it
                        is the function's name and the arguments' values, in their order
        node            the node that the results stand below, instead of the function's name
        refresh_before  seconds before a result expires from which one caller makes it anew, while
                        the others go on with the old one: what is in demand never expires
        absent_ttl      seconds that it is remembered that the function returned ABSENT
        lease, timeout  as of get_or_create

        A list, an object without a value of its own, or whatever else can't be part of a key is a
        TypeError. The result has `cache_info()`, `cache_clear()`, `cache_parameters()`,
        `cache_key(...)` and `__wrapped__`.
        """
        # Half of what tryget takes to import, asyncio above all, is for this call only.
        from tryget.store.cached.decorate import Options, check_options, decorate

        options = Options(ttl, key, node, refresh_before, absent_ttl, lease, timeout)
        check_options(self, options)
        if fn is None:
            return lambda function: decorate(self, function, options)
        return decorate(self, fn, options)

    # ---- the tree ----------------------------------------------------------------------------

    def walk(self, key: str | None = None) -> Iterator[str]:
        """The keys of a node and all below it."""
        if key is None:
            return self.raw_walk(None)
        key = self.checked_key(key)
        own = (key,) if key in self else ()
        return itertools.chain(own, self.raw_walk(key))

    def rename(self, old: str, new: str, *, replace: bool = False) -> None:
        """Moves a node with all below it, in one step."""
        if old == new:
            self._rename_onto_itself(old, replace)
            return
        answer = self.raw_rename(old, new, replace)
        if answer == "TG_ABSENT":
            raise KeyError(old)
        if answer == "TG_EXISTS":
            raise KeyExists(f"{self!r}: {new!r} is there already: rename with replace=True")
        if answer == "TG_INVALID":
            raise ValueError(f"{self!r}: {old!r} can't be moved to {new!r}, below or above itself")

    def _rename_onto_itself(self, key: str, replace: bool) -> None:
        if self.raw_stat(key) is None:
            raise KeyError(key)
        if not replace:
            raise KeyExists(f"{self!r}: {key!r} is there already: rename with replace=True")

    def stat(self, key: str) -> Stat:
        """What is known of a key; KeyError."""
        found = self.raw_stat(key)
        if found is not None and found[2] != 0:  # pins, perhaps of a process that is dead
            self._settle(0)
            found = self.raw_stat(key)
        if found is None:
            raise KeyError(key)
        nbytes, version, pins, expires, codec, has_value, children = found
        if not has_value and not any(next(self.raw_walk(key), None) for _ in range(2)):
            raise KeyError(key)  # all below it has expired
        kind = numbers.NAMES.get(codec, "unknown") if has_value else "directory"
        return Stat(nbytes, version, pins, expires, kind, has_value, children)

    def usage(self, key: str | None = None) -> Usage:
        """How much a node and all below it hold: zeros when it is absent."""
        entries, nbytes = self.raw_count(key)
        own = None if key is None else self.raw_stat(key)
        if own is not None and own[5]:
            entries, nbytes = entries + 1, nbytes + own[0]
        return Usage(entries, nbytes)

    def _settle(self, seconds: float) -> None:
        """Finishes what the dead left, whom perhaps nobody has met yet, if that can be."""
        with contextlib.suppress(Error, TimeoutError):
            self.raw_tidy(seconds)

    # ---- the whole ---------------------------------------------------------------------------

    def statistics(self) -> Statistics:
        """The store in numbers."""
        self._settle(0)
        return Statistics(self.name, self.path, *self.raw_usage(), *self.raw_kept())

    def verify(self, deep: bool = False) -> Report:
        """Checks the store's memory; `deep` reads the checksum of every value too.

        While others change the store it is not exact: it checks structure, not counts and leaks."""
        exact, counts, leaked, count, violations = self.raw_verify(deep)
        if not exact and not count:  # perhaps nobody does, and somebody was killed
            self._settle(_VERIFY_SECONDS)
            exact, counts, leaked, count, violations = self.raw_verify(deep)
        return Report(
            exact=exact,
            violations=tuple(Violation(*violation) for violation in violations),
            violation_count=count,
            leaked_bytes=leaked,
            records=counts["records"],
            objects=counts["objects"],
            directories=counts["dirs"],
            blocks=counts["blocks"],
            pages=counts["pages"],
        )


own_methods(Store)


def _several(keys: Iterable[str]) -> Iterable[str]:
    if isinstance(keys, str):
        raise TypeError("keys is an iterable of keys, not one key")
    return keys
