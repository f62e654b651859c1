# SPDX-License-Identifier: Apache-2.0
"""Early refresh: a value is made anew while the old one is still good, by one caller at a time."""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tryget._core import BuildTicket
from tryget.store.absent import ABSENT
from tryget.store.builds import building, own_builds

if TYPE_CHECKING:
    from tryget.store.store import Store

log = logging.getLogger("tryget")


def claim_of(key: str) -> str:
    """The key whose build is the right to refresh another; nothing is ever stored there."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return f"\0tryget.refresh\0{digest}"


class Turn:
    """The right to refresh one value, which may have been replaced meanwhile."""

    __slots__ = ("_key", "_store", "_ticket", "_ttl", "_version")

    def __init__(
        self, store: "Store", key: str, version: int, ticket: BuildTicket, ttl: float | None
    ) -> None:
        self._store = store
        self._key = key
        self._version = version
        self._ticket = ticket
        self._ttl = ttl

    def run(self, old: Any, make: Callable[[], Any]) -> Any:
        """The new value; the old one, which is still good, when it can't be made."""
        try:
            with building(self._store, self._ticket):
                return self._replace(make())
        except Exception:
            return self._failed(old)

    async def run_later(self, old: Any, make: Callable[[], Awaitable[Any]]) -> Any:
        """The same for a coroutine function."""
        try:
            with building(self._store, self._ticket):
                return self._replace(await make())
        except Exception:
            return self._failed(old)

    def _replace(self, value: Any) -> Any:
        """Unless somebody set or removed the key: then that is what holds."""
        if value is ABSENT:
            self._store.compare_and_set(self._key, self._version, None, ttl=0)
        else:
            self._store.compare_and_set(self._key, self._version, value, ttl=self._ttl)
        self._store.raw_build_abort(self._ticket)
        return value

    def _failed(self, old: Any) -> Any:
        log.warning(
            "%r: %r was not refreshed, the value it has goes on",
            self._store,
            self._key,
            exc_info=True,
        )
        return old


class Refresh:
    """When the values of one function are made anew."""

    def __init__(self, store: "Store", ttl: float | None, early: float) -> None:
        self._store = store
        self._ttl = ttl
        self._early = early

    def turn(self, key: str) -> Turn | None:
        """The right to refresh a value that was just read, if it is time, and nobody has it."""
        found = self._store.raw_expires(key)
        if found is None or found[1] is None or found[1] > self._early:
            return None
        try:
            outcome, ticket = self._store.raw_build_begin(claim_of(key), own_builds.get())
        except RecursionError:  # from inside of the refresh itself
            return None
        if outcome != "mine":
            return None
        assert isinstance(ticket, BuildTicket)
        now = self._store.raw_expires(key)
        if now is None or now[0] != found[0]:  # somebody else's turn has just ended
            self._store.raw_build_abort(ticket)
            return None
        return Turn(self._store, key, found[0], ticket, self._ttl)
