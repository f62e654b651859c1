# SPDX-License-Identifier: Apache-2.0
"""`get_or_create` for coroutines: who waits lets the others of its event loop run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from tryget._core import BuildTicket, BuildWait
from tryget.store.absent import ABSENT
from tryget.store.builds import Limit, building, finish, own_builds, refuse_in_section
from tryget.store.views import MISSING

if TYPE_CHECKING:
    from tryget.store.store import Store

FIRST_LOOK, LAST_LOOK = 0.001, 0.025  # seconds between two looks


async def create_later(
    store: "Store",
    key: str,
    factory: Callable[[], Awaitable[Any]],
    ttl: float | None,
    timeout: float | None,
    lease: float | None,
    absent_ttl: float | None,
) -> tuple[Any, bool]:
    """The value of a key that a read has missed, and whether the factory made it here."""
    refuse_in_section(store, key)
    limit = Limit(timeout)
    pause = FIRST_LOOK
    while True:
        outcome, found = store.raw_build_begin(key, own_builds.get(), lease)
        if outcome == "mine":
            assert isinstance(found, BuildTicket)
            return await build_later(store, found, key, factory, ttl, absent_ttl), True
        if outcome == "absent":
            return ABSENT, False
        if outcome == "wait":
            assert isinstance(found, BuildWait)
            await look_again(store, found, key, limit.left(store, key), pause)
            pause = min(pause * 1.5, LAST_LOOK)
        value = store.get(key, MISSING)
        if value is not MISSING:
            return value, False


async def look_again(store: "Store", wait: BuildWait, key: str, left: float, pause: float) -> None:
    """Waits a little for another build."""
    own = own_builds.get()
    if own:
        # Only who builds can be part of a circle, and that shows while its members wait.
        await asyncio.to_thread(store.raw_build_wait, wait, own, left, key)
    else:
        await asyncio.sleep(min(pause, left))


async def build_later(
    store: "Store",
    ticket: BuildTicket,
    key: str,
    factory: Callable[[], Awaitable[Any]],
    ttl: float | None,
    absent_ttl: float | None,
) -> Any:
    """Makes the value, with the right to do so, and stores it."""
    with building(store, ticket):
        value = await factory()
        finish(store, ticket, key, value, ttl, absent_ttl)
    return value
