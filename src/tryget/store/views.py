# SPDX-License-Identifier: Apache-2.0
"""Keys, items and values of a store that others change meanwhile.

Iteration never raises because of them: what is gone when its turn comes is left out.
"""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tryget.store.store import Store

MISSING: Any = object()


class StoreKeys(KeysView[str]):
    """The keys of a node and all below it; of the whole store without one."""

    __slots__ = ("_prefix",)
    _mapping: "Store"

    def __init__(self, store: "Store", prefix: str | None) -> None:
        super().__init__(store)
        self._prefix = None if prefix is None else store.checked_key(prefix)

    def __iter__(self) -> Iterator[str]:
        return self._mapping.walk(self._prefix)

    def __len__(self) -> int:
        return self._mapping.usage(self._prefix).entries

    def __contains__(self, key: object) -> bool:
        if self._prefix is None or not isinstance(key, str):
            return key in self._mapping
        below = key == self._prefix or key.startswith(f"{self._prefix}/")
        return below and key in self._mapping

    def __repr__(self) -> str:
        return f"<keys of {self._mapping!r}{'' if self._prefix is None else f' {self._prefix!r}'}>"


class StoreItems(ItemsView[str, Any]):
    """The pairs of a store."""

    __slots__ = ()
    _mapping: "Store"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for key in self._mapping:
            value = self._mapping.get(key, MISSING)
            if value is not MISSING:
                yield key, value

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2 or not isinstance(item[0], str):
            return False
        value = self._mapping.get(item[0], MISSING)
        return value is not MISSING and (value is item[1] or bool(value == item[1]))

    def __repr__(self) -> str:
        return f"<items of {self._mapping!r}>"


class StoreValues(ValuesView[Any]):
    """The values of a store."""

    __slots__ = ()
    _mapping: "Store"

    def __iter__(self) -> Iterator[Any]:
        for _, value in StoreItems(self._mapping):
            yield value

    def __contains__(self, value: object) -> bool:
        return any(one is value or one == value for one in self)

    def __repr__(self) -> str:
        return f"<values of {self._mapping!r}>"
