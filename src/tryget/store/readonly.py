# SPDX-License-Identifier: Apache-2.0
"""A store that was opened with `readonly=True`."""

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from tryget._core import own_methods
from tryget._errors import ReadOnly
from tryget.store.store import Store


class ReadOnlyStore(Store):
    """A store that this process can read and nothing else. `tryget.open(readonly=True)` makes it.

    >>> import tryget
    >>> store = tryget.open("doc-readonly", size="4MiB")
    >>> store["a"] = 1
    >>> reader = tryget.open("doc-readonly", readonly=True)
    >>> reader["a"]
    1
    >>> reader["a"] = 2
    Traceback (most recent call last):
    tryget.ReadOnly: ...
    >>> tryget.unlink("doc-readonly")

    It takes no lock, no process entry and no pin. Values are copied out, arrays too; each copy is
    validated before it is returned.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<tryget.Store {self.path} (read-only{', closed' if self.closed else ''})>"


# Whatever changes something, builds, or holds on to memory of the store, whether or not it
# would find anything to do. What is not here reads; some of it is still to come.
REFUSED = (
    "__delitem__",
    "__setitem__",
    "add",
    "cached",
    "clear",
    "compare_and_set",
    "delete",
    "delete_many",
    "drop",
    "epoch",
    "get_or_create",
    "increment",
    "pin",
    "pop",
    "popitem",
    "rename",
    "set",
    "set_many",
    "setdefault",
    "touch",
    "try_get",
    "update",
)


def _refusal(name: str) -> Callable[..., NoReturn] | property:
    @functools.wraps(getattr(Store, name))
    def refuse(self: ReadOnlyStore, *_: Any, **__: Any) -> NoReturn:
        self.raise_if_closed()
        raise ReadOnly(
            f"{self!r}: {name} is not for a store opened with readonly=True: open it without"
        )

    return property(refuse) if isinstance(getattr(Store, name), property) else refuse


for _name in REFUSED:
    setattr(ReadOnlyStore, _name, _refusal(_name))

own_methods(ReadOnlyStore)
