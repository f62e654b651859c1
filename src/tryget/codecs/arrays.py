# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays and scalars: a description of the type, then the bytes as they are.

One array by itself is a value of codec ARRAY: u16 bytes of the head | the head | its elements, at
a multiple of 64. Inside other values an array is an extension.
"""

import ast
import importlib
import math
import struct
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tryget._core import FIXED, Data, use_numpy
from tryget.codecs import scalars
from tryget.codecs.frame import ALIGNMENT, Buffer
from tryget.codecs.scalars import Buffers, Encoder, Unstorable

if TYPE_CHECKING:
    from tryget.codecs.safe import Writer

Array = np.ndarray[Any, Any]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_SIZE = struct.Struct("<H")
# Descriptions are few and come often; more of them are worked out each time.
_CACHE_MAX = 512
_texts: dict[np.dtype[Any], str] = {}
_heads: dict[bytes, tuple[Any, np.dtype[Any], Any]] = {}

FIXED.update(kind for kind in np.sctypeDict.values() if not issubclass(kind, (np.void, np.object_)))


def _describe(dtype: np.dtype[Any]) -> str:
    """The text from which `_dtype` makes this very type again."""
    text = _texts.get(dtype)
    if text is not None:
        return text
    try:
        plain = dtype.names is None and dtype.subdtype is None
        text = dtype.str if plain else repr(np.lib.format.dtype_to_descr(dtype))
        same = _dtype(text)
    except (ValueError, TypeError, SyntaxError, UserWarning):
        same = None
    if text is None or same is None or same != dtype or same.type is not dtype.type:
        raise Unstorable(
            f"codec 'safe' does not store arrays of {dtype!r}: convert them to a type of fixed "
            "size without Python objects, or open the store with codec='pickle'"
        )
    if len(_texts) < _CACHE_MAX:
        _texts[dtype] = text
    return text


def _dtype(text: str) -> np.dtype[Any]:
    dtype: np.dtype[Any]
    if text.startswith(("[", "(")):
        dtype = np.lib.format.descr_to_dtype(ast.literal_eval(text))
    else:
        dtype = np.dtype(text)
    if dtype.hasobject:
        raise ValueError(f"arrays of {text} hold addresses of objects")
    return dtype


def _pieces(array: Array) -> tuple[str, memoryview]:
    """Its order, and its elements in that order (copied only when they have gaps)."""
    order = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
    if array.nbytes == 0:
        return order, memoryview(b"")
    line = np.ascontiguousarray((array if order == "C" else array.T).reshape(-1))
    return order, memoryview(line.view(np.uint8))  # type: ignore[arg-type]


def encode(array: Array) -> list[Buffer]:
    """The pieces of a value of codec ARRAY."""
    text = _describe(array.dtype)
    order, elements = _pieces(array)
    head = _pack([text, order, array.shape])
    gap = -(_SIZE.size + len(head)) % ALIGNMENT
    return [_SIZE.pack(len(head)) + head + bytes(gap), elements]


def decode(data: Data) -> Array:
    """A read-only view of `data`, which it keeps alive."""
    view = memoryview(data)
    start = _SIZE.size + (view[0] | view[1] << 8)
    key = view[_SIZE.size : start].tobytes()
    head = _heads.get(key) or _read_head(key)
    shape, dtype, order = head
    return np.ndarray(shape, dtype, view, start + -start % ALIGNMENT, None, order)


def _read_head(key: bytes) -> tuple[Any, np.dtype[Any], Any]:
    text, order, shape = _unpack(key)
    head = tuple(shape), _dtype(text), order
    if len(_heads) < _CACHE_MAX:
        _heads[key] = head
    return head


def _read_layout(key: bytes) -> tuple[tuple[int, ...], np.dtype[Any], str, int]:
    """What the extension asks of a head, once for each."""
    shape, dtype, order = _read_head(key)
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of shape {shape}")
    return shape, dtype, order, math.prod(shape) * dtype.itemsize


use_numpy(importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API, _read_layout)


# ---- inside other values -----------------------------------------------------------------------


def _array(value: Array, writer: "Writer") -> tuple[int, bytes]:
    text = _describe(value.dtype)
    order, elements = _pieces(value)
    return scalars.ARRAY, _pack([text, order, value.shape, writer.outside(elements)])


def read_array(payload: memoryview, buffers: Buffers) -> Array:
    """An array that is a part of a value."""
    text, order, shape, reference = _unpack(payload)
    view = scalars.inside(reference, buffers)
    return np.ndarray(tuple(shape), _dtype(text), view, order=order)


def _scalar(value: np.generic, _: "Writer") -> tuple[int, bytes]:
    text = _describe(value.dtype)
    if value.dtype.type is not type(value):
        raise Unstorable(f"codec 'safe' does not store {type(value).__qualname__}")
    return scalars.SCALAR, _pack([text, value.tobytes()])


def read_scalar(payload: memoryview, _: Buffers) -> Any:
    """A NumPy scalar."""
    text, content = _unpack(payload)
    dtype = _dtype(text)
    if dtype.itemsize == 0:
        return dtype.type()
    return np.ndarray((), dtype, content)[()]


def find_encoder(value: Any) -> Encoder | None:
    """Arrays and scalars of exactly NumPy's own types."""
    if type(value) is np.ndarray:
        return _array
    return _scalar if isinstance(value, np.generic) else None
