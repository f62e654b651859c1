# SPDX-License-Identifier: Apache-2.0
"""Arrow data as an IPC stream, read where it lies. pyarrow is imported by whoever has such data."""

import importlib
from typing import TYPE_CHECKING, Any

import msgspec

from tryget.codecs import scalars
from tryget.codecs.scalars import Buffers, Encoder

if TYPE_CHECKING:
    from tryget.codecs.safe import Writer

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode
_COLUMN = "value"


def _stream(data: Any) -> memoryview:
    """A table or batch as an IPC stream."""
    pa = importlib.import_module("pyarrow")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as stream:
        stream.write(data)
    return memoryview(sink.getvalue())


def _encode(value: Any, writer: "Writer") -> tuple[int, bytes]:
    pa = importlib.import_module("pyarrow")
    if isinstance(value, pa.Table):
        kind, data = "table", value
    elif isinstance(value, pa.RecordBatch):
        kind, data = "batch", value
    elif isinstance(value, pa.ChunkedArray):
        kind, data = "chunked", pa.table({_COLUMN: value})
    elif isinstance(value, pa.Array):
        kind, data = "array", pa.record_batch([value], names=[_COLUMN])
    else:
        column = pa.array([value.as_py()], type=value.type)
        kind, data = "scalar", pa.record_batch([column], names=[_COLUMN])
    return scalars.ARROW, _pack([kind, writer.outside(_stream(data))])


def read(payload: memoryview, buffers: Buffers) -> Any:
    """Arrow data whose buffers are views of the value."""
    pa = importlib.import_module("pyarrow")
    kind, reference = _unpack(payload)
    stream = pa.ipc.open_stream(pa.py_buffer(scalars.inside(reference, buffers)))
    if kind in ("table", "chunked"):
        table = stream.read_all()
        return table if kind == "table" else table.column(0)
    batch = stream.read_next_batch()
    if kind == "batch":
        return batch
    return batch.column(0) if kind == "array" else batch.column(0)[0]


def find_encoder(value: Any) -> Encoder | None:
    """Tables, batches, arrays and scalars."""
    pa = importlib.import_module("pyarrow")
    known = (pa.Table, pa.RecordBatch, pa.ChunkedArray, pa.Array, pa.Scalar)
    return _encode if isinstance(value, known) else None
