# SPDX-License-Identifier: Apache-2.0
"""Which codec writes, and which numbers a reader understands."""

import functools
import importlib
import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tryget._core import BYTES, PLAIN, TEXT, Data, is_plain
from tryget._errors import CodecMissing
from tryget.codecs import numbers, safe
from tryget.codecs.custom import Codec, CustomCodec
from tryget.codecs.frame import Buffer
from tryget.codecs.scalars import Unstorable

Encoded = tuple[int, bytes | list[Buffer]]
Encode = Callable[[Any], Encoded]
Decode = Callable[[Data], Any]


def encode_safe(value: Any) -> Encoded:
    """The number and the pieces of a value of the types that `safe` names."""
    if is_plain(value):
        return PLAIN, safe.encode_plain(value)
    kind = type(value)
    if kind.__name__ == "ndarray" and kind.__module__ == "numpy":
        from tryget.codecs import arrays

        return numbers.ARRAY, arrays.encode(value)
    return numbers.TAGGED, safe.encode_tagged(value)


_arrays: ModuleType | None = None  # tryget.codecs.arrays, once an array was met


def _decode_array(data: Data) -> Any:
    global _arrays
    if _arrays is None:
        try:
            _arrays = importlib.import_module("tryget.codecs.arrays")
        except ModuleNotFoundError as problem:
            raise CodecMissing("reading this array needs numpy: install it") from problem
    return _arrays.decode(data)


_serials = itertools.count(1)


class Coding:
    """One choice of codec: how a store writes, and what it reads."""

    def __init__(self, name: str, encode: Encode, readers: dict[int, Decode]) -> None:
        self.name = name
        self.serial = next(_serials)  # stores with the same one may share what they decoded
        self.encode = encode
        # bytes and str are written as they are, unless every value goes to a user's codec.
        self.native = numbers.CUSTOM not in readers
        known: dict[int, Decode] = {
            BYTES: bytes,
            TEXT: lambda data: str(data, "utf-8"),
            PLAIN: safe.decode_plain,
            numbers.TAGGED: safe.decode_tagged,
            numbers.ARRAY: _decode_array,
        }
        known |= readers
        self.decoders = tuple(known.get(number) for number in range(256))
        self.view_from = tuple(numbers.VIEW_FROM.get(number, 0) for number in range(256))

    def missing(self, number: int) -> str:
        """Which codec this reader lacks for a value of that number."""
        if number == numbers.PICKLE:
            return f"it is pickled, this store reads {self.name!r}: open it with codec='pickle'"
        if number == numbers.CUSTOM:
            return f"it was stored with a codec object, and this store reads {self.name!r}"
        return f"it has codec number {number}, which this version of tryget does not know"


SAFE = Coding("safe", encode_safe, {})


@functools.cache
def _pickling() -> Coding:
    """Who does not ask for it never imports pickle."""
    from tryget.codecs import pickled

    def encode_any(value: Any) -> Encoded:
        """As `encode_safe`; what that refuses is pickled."""
        try:
            return encode_safe(value)
        except (Unstorable, safe.TooDeep):
            return numbers.PICKLE, pickled.encode(value)

    return Coding("pickle", encode_any, {numbers.PICKLE: pickled.decode})


def coding(codec: str | Codec) -> Coding:
    """The coding for the `codec` argument of `open`."""
    if isinstance(codec, str):
        if codec == "safe":
            return SAFE
        if codec == "pickle":
            return _pickling()
        raise ValueError(f"there is no codec {codec!r}: 'safe', 'pickle', or an object")
    if not callable(getattr(codec, "encode", None)) or not callable(getattr(codec, "decode", None)):
        raise TypeError(
            f"a codec is 'safe', 'pickle', or an object with encode(value) and decode(parts); "
            f"{type(codec).__qualname__} has not both"
        )
    custom = CustomCodec(codec)
    return Coding(
        custom.name,
        lambda value: (numbers.CUSTOM, custom.encode(value)),
        {numbers.CUSTOM: custom.decode},
    )
