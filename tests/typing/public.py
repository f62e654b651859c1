# SPDX-License-Identifier: Apache-2.0
"""Goal: the public annotations say what the calls return. mypy reads this file, and pyright agrees
with it; nothing runs it.

Each use of the interface is followed by `assert_type`; what must be refused carries a
`# type: ignore[code]`, which mypy reports when it is not needed.
"""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, assert_type

import tryget

store = tryget.open("name", size="1GiB", directory=Path("/dev/shm"), create="exclusive")
reader: tryget.Store = tryget.open("name", readonly=True, mode=0o644)
assert_type(reader.readonly, bool)
assert_type(store, tryget.Store)
mapping: MutableMapping[str, Any] = store

tryget.open(size=1.5)  # type: ignore[arg-type]
tryget.open(codec="json")  # type: ignore[arg-type]
tryget.open(codec=object())  # type: ignore[arg-type]
tryget.open("name", "1GiB")  # type: ignore[call-arg]
tryget.open(reuse="sometimes")  # type: ignore[arg-type]
tryget.open(readonly="yes")  # type: ignore[arg-type]
tryget.open(on_mismatch="ignore")  # type: ignore[arg-type]


class Codec:
    """The least that a codec is."""

    def encode(self, value: Any) -> bytes:
        return bytes(value)

    def decode(self, parts: Any) -> Any:
        return parts


tryget.open(codec=Codec())

store[1]  # type: ignore[index]
store["key"] = 1
store.set("key", 1, ttl=2.5)
store.set("key", 1, 2.5)  # type: ignore[call-arg]
store.set("key", 1, ttl="5")  # type: ignore[arg-type]
assert_type("key" in store, bool)
assert_type(len(store), int)
assert_type(iter(store), Iterator[str])
assert_type(store.add("key", 1), bool)
assert_type(store.delete("key"), bool)
assert_type(store.drop("key"), bool)
assert_type(store.touch("key", None), bool)
assert_type(store.increment("key", 2, initial=0), int)
assert_type(store.compare_and_set("key", 0, 1), bool)
assert_type(store.get_or_create("key", lambda: 1), Any)
store.get_or_create("key", dict, ttl=2.5, timeout=1, lease=60, absent_ttl=None)
store.get_or_create("key", lambda: tryget.ABSENT)
store.get_or_create("key", 5)  # type: ignore[arg-type]
assert_type(bool(tryget.ABSENT), bool)
assert_type(store.children(), list[str])
assert_type(store.walk("key"), Iterator[str])
assert_type(list(store.keys("key")), list[str])
assert_type(store.get_many(["key"]), dict[str, Any])
assert_type(store.delete_many({"key"}), int)
assert_type(store.popitem(), tuple[str, Any])
assert_type(store.usage(), tryget.Usage)
assert_type(store.stat("key"), tryget.Stat)
assert_type(store.stat("key").expires, float | None)
assert_type(store.statistics(), tryget.Statistics)
assert_type(store.verify(deep=True), tryget.Report)
assert_type(store.verify().violations, tuple[tryget.Violation, ...])
assert_type(store.pin("key"), tryget.Pin)
assert_type(store.try_get("key"), tryget.Pin | None)
assert_type(tryget.stores(), list[tryget.StoreInfo])
tryget.unlink("name", directory="/dev/shm")
store.rename("old", "new", replace=True)
store.rename("old", None)  # type: ignore[arg-type]
store.stat("key").version = 1  # type: ignore[misc]

with store as same, store.pin("key") as pin:
    assert_type(same, tryget.Store)
    assert_type(pin, tryget.Pin)
    assert_type(pin.nbytes, int)

for error in (tryget.KeyExists, tryget.StoreFull, tryget.CodecMissing):
    assert issubclass(error, tryget.Error)


def references(memory: bytearray, store: tryget.Store) -> None:
    ref = tryget.LockRef(memory, 8, store=store)
    ref.get(timeout=1)
    assert_type(ref.get_not_dead(), bool)
    assert_type(ref.put(), int)
    assert_type(ref.put_or_lock(), bool)
    ref.lock(timeout=None)
    with tryget.LockRef() as held:
        assert_type(held, tryget.LockRef)
        assert_type(held.count, int)
        assert_type(held.is_orphaned, bool)


def sections(store: tryget.Store) -> None:
    epoch = store.epoch
    assert_type(epoch, tryget.Epoch)
    with epoch.reading():
        cookie = epoch.snapshot()
    assert_type(cookie, int)
    assert_type(epoch.elapsed(cookie), bool)
    epoch.synchronize(timeout=1.5)
    epoch.defer(lambda: print("ended"))
    epoch.defer("ended")  # type: ignore[arg-type]
    tryget.Epoch().barrier()


@store.cached
def area(width: int, height: int = 1) -> int:
    return width * height


@store.cached(ttl=5, refresh_before=1, node="names", key=lambda number: f"{number}")
async def name_of(number: int) -> str:
    return str(number)


assert_type(area(1, height=2), int)
area("1")  # type: ignore[arg-type]
area(1, depth=2)  # type: ignore[call-arg]
assert_type(area.__wrapped__(1), int)
assert_type(area.cache_info().hits, int)
assert_type(area.cache_key(1), str)
assert_type(area.cache_parameters(), dict[str, Any])
area.cache_clear()


async def use() -> None:
    assert_type(await name_of(1), str)


store.cached(ttl="5")  # type: ignore[call-overload]
store.cached(key="users")  # type: ignore[call-overload]
