# SPDX-License-Identifier: Apache-2.0
"""Codecs that users bring: any object with `encode(value) -> parts` and `decode(parts) -> value`.

`encode` returns one bytes-like object or a sequence of them. `decode` is given the same: what was
`bytes` as bytes, any other buffer as a read-only memoryview of the store's memory. The codec's
name (its attribute `name`, else its class) is stored with each value: no other codec reads it.
"""

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from tryget._core import Data
from tryget._errors import CodecMissing
from tryget.codecs.frame import Buffer, frame, unframe
from tryget.codecs.scalars import Unstorable

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_ONE, _BYTES, _VIEW = "1", "b", "v"


class Codec(Protocol):
    """What `open(codec=...)` takes."""

    def encode(self, value: Any, /) -> Any:
        """The value as a bytes-like object, or a sequence of them."""

    def decode(self, parts: Any, /) -> Any:
        """The value that `encode` made these parts of."""


def name_of(codec: Codec) -> str:
    """What tells the values of this codec from those of another."""
    name = getattr(codec, "name", None)
    kind = codec if isinstance(codec, type) else type(codec)
    return name if isinstance(name, str) else f"{kind.__module__}.{kind.__qualname__}"


def _is_buffer(thing: Any) -> bool:
    try:
        memoryview(thing)
    except (TypeError, ValueError, BufferError):
        return False
    return True


def _parts(encoded: Any, name: str) -> tuple[bool, list[Buffer]]:
    """Whether `encode` returned one buffer, and what it returned as a list."""
    if _is_buffer(encoded):
        return True, [encoded]
    if isinstance(encoded, Iterable):
        parts = list(encoded)
        if all(_is_buffer(part) for part in parts):
            return False, parts
    raise Unstorable(
        f"codec {name!r}: encode returns a bytes-like object or a sequence of them, not what it "
        f"returned now, a {type(encoded).__name__}"
    )


class CustomCodec:
    """A user's codec, as the store calls it."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.name = name_of(codec)

    def encode(self, value: Any) -> list[Buffer]:
        """The pieces of a value of codec CUSTOM."""
        one, sequence = _parts(self.codec.encode(value), self.name)
        kinds = "".join(_BYTES if isinstance(part, bytes) else _VIEW for part in sequence)
        return frame(_pack([self.name, (_ONE if one else "") + kinds]), sequence)

    def decode(self, data: Data) -> Any:
        """The value of a frame that a codec of this name made."""
        body, buffers = unframe(data)
        name, kinds = _unpack(body)
        if name != self.name:
            raise CodecMissing(
                f"the value was stored with codec {name!r}, this store reads {self.name!r}: "
                "open it with that codec"
            )
        one = kinds.startswith(_ONE)
        parts: list[Buffer] = [
            bytes(buffer) if kind == _BYTES else buffer
            for kind, buffer in zip(kinds[one:], buffers, strict=True)
        ]
        return self.codec.decode(parts[0] if one else parts)
