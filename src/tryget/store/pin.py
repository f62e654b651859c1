# SPDX-License-Identifier: Apache-2.0
"""A pinned value, as users hold it."""

from typing import TYPE_CHECKING, Any, NoReturn

from tryget._core import BYTES, RawPin

if TYPE_CHECKING:
    from tryget.store.store import Store


class Pin:
    """A value that stays as it is, whatever happens to its key, while this object lives.

    >>> import tryget
    >>> store = tryget.open("doc-pin", size="4MiB")
    >>> store["a"] = bytes(2000)
    >>> with store.pin("a") as pin:
    ...     store["a"] = b"another"
    ...     len(pin.value)
    2000
    >>> store.close()
    >>> tryget.unlink("doc-pin")

    It lets go when it is released, left as a context manager, or collected. Arrays made of its
    value keep the memory while they live themselves; a `memoryview` of it is invalid afterwards.
    """

    __slots__ = ("__weakref__", "_raw", "_store", "_value", "key")

    def __init__(self, store: "Store", key: str, raw: RawPin) -> None:
        self.key = key
        self._store: Store | None = store
        self._raw = raw
        self._value: Any = None

    @property
    def value(self) -> Any:
        """The value: `bytes` as a read-only memoryview, arrays as read-only arrays, both in place.

        Every time the same object."""
        if self._raw.is_released or self._store is None:
            raise ValueError(f"the pin of {self.key!r} was released")
        self._raw.check_held()
        if self._value is None:
            if self._raw.codec == BYTES:
                self._value = memoryview(self._raw)
            else:
                self._value = self._store.decode(self._raw.codec, self._raw, self.key)
        return self._value

    @property
    def nbytes(self) -> int:
        """The size of the value as it is stored."""
        return self._raw.nbytes

    @property
    def version(self) -> int:
        """The version of the value."""
        return self._raw.version

    def release(self) -> None:
        """Lets go of the value; never waits. Again: nothing happens."""
        value, self._value, self._store = self._value, None, None
        if self._raw.codec == BYTES and value is not None:
            try:
                value.release()
            except BufferError:
                pass  # a view of the view lives: it holds the memory until it goes
        self._raw.release()

    def __enter__(self) -> "Pin":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a pin is of its process: pickle its value, or pin the key again there")

    def __repr__(self) -> str:
        state = "released" if self._raw.is_released else f"{self.nbytes} bytes"
        return f"<tryget.Pin {self.key!r}, {state}>"
