# SPDX-License-Identifier: Apache-2.0
"""The codec `safe`: plain data, of exactly the types it names, and nothing that runs code.

Two forms. Trees of None, bool, int (64 bits), float, str, bytes, list and dict with str keys are
MessagePack as any other program reads it (PLAIN). Whatever holds another type is TAGGED:
MessagePack too, where

    a tuple, set, frozenset, or a dict with other keys is an array that begins with a mark,
    every other type is an extension (scalars.py, arrays.py, arrow.py),
    large buffers stand behind it, to be read where they are (frame.py).

No list that a user stored begins with a mark: marks are of no type that is accepted.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tryget._core import Data
from tryget.codecs import scalars
from tryget.codecs.frame import Buffer, frame, unframe
from tryget.codecs.scalars import Unstorable

DEPTH_MAX = 256
# Buffers from this size on stand outside the MessagePack body.
OUTSIDE_FROM = 256

Ext = msgspec.msgpack.Ext
encode_plain = msgspec.msgpack.Encoder().encode
decode_plain = msgspec.msgpack.Decoder().decode


class TooDeep(ValueError):
    """A value that contains itself, or is nested too deep to tell."""

    names_no_key = True


class Mark:
    """Stands first in the array of a container that MessagePack doesn't know."""

    def __init__(self, code: int, build: Callable[[list[Any]], Any]) -> None:
        self.ext = Ext(code, b"")
        self.build = build


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


TUPLE, SET, FROZENSET, DICT = (
    Mark(1, tuple),
    Mark(2, set),
    Mark(3, frozenset),
    Mark(4, _pairs),
)
_MARKS = {mark.ext.code: mark for mark in (TUPLE, SET, FROZENSET, DICT)}


class Writer:
    """One value on its way to TAGGED form: the tree, and the buffers that stand outside it."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self.depth = 0

    def tag(self, value: Any) -> Any:
        """The value as MessagePack with marks and extensions."""
        kind = type(value)
        if kind in _SAME:
            return value
        container = _CONTAINERS.get(kind)
        if container is not None:
            self.depth += 1
            if self.depth > DEPTH_MAX:
                raise TooDeep(f"the value contains itself, or is nested deeper than {DEPTH_MAX}")
            tree = container(self, value)
            self.depth -= 1
            return tree
        encoder = scalars.ENCODERS.get(kind) or scalars.find_encoder(value)
        if encoder is None:
            raise Unstorable(refusal(value))
        tagged = encoder(value, self)
        return value if tagged is None else Ext(*tagged)

    def outside(self, buffer: Buffer) -> int | bytes:
        """What the body holds of a buffer: its bytes, or the number of one that stands outside."""
        view = memoryview(buffer)
        if view.nbytes < OUTSIDE_FROM:
            return view.tobytes()
        self.buffers.append(view)
        return len(self.buffers) - 1

    def _list(self, value: list[Any]) -> list[Any]:
        return [self.tag(item) for item in value]

    def _tuple(self, value: tuple[Any, ...]) -> list[Any]:
        return [TUPLE.ext, *[self.tag(item) for item in value]]

    def _set(self, value: set[Any]) -> list[Any]:
        return [SET.ext, *[self.tag(item) for item in value]]

    def _frozenset(self, value: frozenset[Any]) -> list[Any]:
        return [FROZENSET.ext, *[self.tag(item) for item in value]]

    def _dict(self, value: dict[Any, Any]) -> Any:
        items = list(value.items())
        if all(type(key) is str and scalars.has_utf8(key) for key, _ in items):
            return {key: self.tag(item) for key, item in items}
        return [DICT.ext, *[self.tag(part) for item in items for part in item]]


# str and int are not here: some of them need an extension.
_SAME = {type(None), bool, float, bytes}
_CONTAINERS: dict[type, Callable[[Writer, Any], Any]] = {
    list: Writer._list,
    tuple: Writer._tuple,
    set: Writer._set,
    frozenset: Writer._frozenset,
    dict: Writer._dict,
}


def refusal(value: Any) -> str:
    """What to say of a value that the codec does not take."""
    kind = type(value)
    return (
        f"codec 'safe' does not store {kind.__module__}.{kind.__qualname__}: convert it to one of "
        "its types (exactly: no subclass), or open the store with codec='pickle', or with an "
        "object that has encode(value) and decode(parts)"
    )


def encode_tagged(value: Any) -> list[Buffer]:
    """The pieces of a TAGGED value."""
    writer = Writer()
    return frame(encode_plain(writer.tag(value)), writer.buffers)


def decode_tagged(data: Data) -> Any:
    """A TAGGED value; its arrays are views of `data`."""
    body, buffers = unframe(data)

    def extension(code: int, payload: memoryview) -> Any:
        mark = _MARKS.get(code)
        return mark if mark is not None else scalars.decode(code, payload, buffers)

    return _untag(msgspec.msgpack.Decoder(ext_hook=extension).decode(body))


def _untag(tree: Any) -> Any:
    """Builds the containers that were marked, from the leaves up."""
    if type(tree) is list:
        for index, item in enumerate(tree):
            if type(item) in (list, dict):
                tree[index] = _untag(item)
        if tree and type(tree[0]) is Mark:
            return tree[0].build(tree[1:])
    elif type(tree) is dict:
        for key, item in tree.items():
            if type(item) in (list, dict):
                tree[key] = _untag(item)
    return tree
