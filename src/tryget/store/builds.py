# SPDX-License-Identifier: Apache-2.0
"""A missing value is made by one caller; the others wait for it.

The calls below are made of five steps of the extension, which a coroutine can make as well:
`raw_build_begin`, `raw_build_wait`, `raw_build_publish`, `raw_build_abort`, `raw_build_absent`.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tryget._core import BuildTicket, refuse_to_wait, time_limit
from tryget.store.absent import ABSENT
from tryget.store.views import MISSING

if TYPE_CHECKING:
    from tryget.store.store import Store

# The builds that this caller is inside of, outermost first; a task has its own.
own_builds: ContextVar[tuple[BuildTicket, ...]] = ContextVar("own_builds", default=())


class Limit:
    """Until when a caller waits for others."""

    __slots__ = ("end", "seconds")

    def __init__(self, seconds: float | None) -> None:
        self.seconds = time_limit(seconds)
        self.end = time.monotonic() + self.seconds

    def left(self, store: "Store", key: str) -> float:
        """Seconds; TimeoutError when they are over."""
        left = self.end - time.monotonic()
        if left > 0:
            return left
        raise TimeoutError(
            f"{store!r}: {key!r}: somebody else has been making the value for longer than "
            f"{self.seconds:g} s: wait longer, or give the builds a lease"
        )


def refuse_in_section(store: "Store", key: str) -> None:
    """SectionError inside a read section, also when nobody else makes the value: who does may be
    waiting for the end of this very section, and a factory takes its time in it."""
    refuse_to_wait(f"{store!r}: {key!r}: to get or create what is missing", False)


def create(
    store: "Store",
    key: str,
    factory: Callable[[], Any],
    ttl: float | None,
    timeout: float | None,
    lease: float | None,
    absent_ttl: float | None,
) -> Any:
    """The value of a key that a read has missed."""
    if not callable(factory):
        raise TypeError(f"factory is called without arguments; {factory!r} can't be")
    store.raw_check_ttl("ttl", ttl)
    store.raw_check_ttl("absent_ttl", absent_ttl)
    refuse_in_section(store, key)
    limit = Limit(timeout)
    own = own_builds.get()
    while True:
        outcome, found = store.raw_build_begin(key, own, lease)
        if isinstance(found, BuildTicket):
            return build(store, found, key, factory, ttl, absent_ttl)
        if outcome == "absent":
            return ABSENT
        if found is not None:
            if found.is_here:
                raise RecursionError(
                    f"{store!r}: {key!r}: this thread is making the value already: waiting for "
                    "it here would never end"
                )
            store.raw_build_wait(found, own, limit.left(store, key), key)
        value = store.get(key, MISSING)
        if value is not MISSING:
            return value


@contextlib.contextmanager
def building(store: "Store", ticket: BuildTicket) -> Iterator[None]:
    """While a value is made: the caller is inside of that build, and gives it up on failure."""
    inside = own_builds.set((*own_builds.get(), ticket))
    try:
        yield
    except BaseException:
        store.raw_build_abort(ticket)  # whoever waits builds next
        raise
    finally:
        own_builds.reset(inside)


def build(
    store: "Store",
    ticket: BuildTicket,
    key: str,
    factory: Callable[[], Any],
    ttl: float | None,
    absent_ttl: float | None,
) -> Any:
    """Makes the value, with the right to do so, and stores it."""
    with building(store, ticket):
        value = factory()
        finish(store, ticket, key, value, ttl, absent_ttl)
    return value


def finish(
    store: "Store",
    ticket: BuildTicket,
    key: str,
    value: Any,
    ttl: float | None,
    absent_ttl: float | None,
) -> None:
    """Stores what a factory returned, or notes that there is nothing."""
    if value is ABSENT:
        store.raw_build_absent(ticket, absent_ttl)
    else:
        store.raw_build_publish(ticket, key, value, ttl)
