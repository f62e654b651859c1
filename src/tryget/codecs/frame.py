# SPDX-License-Identifier: Apache-2.0
"""A body and any number of buffers in one value, each buffer where a machine likes to read it.

u32 count of buffers | u32 bytes of the body | u64 bytes of each buffer | the body | the buffers,
each at the next multiple of 64 from the start of the value. Little-endian.
"""

import struct
from collections.abc import Sequence

from tryget._core import Data

ALIGNMENT = 64
_HEAD = struct.Struct("<II")

Buffer = bytes | bytearray | memoryview


def flat(buffer: Buffer) -> memoryview:
    """The bytes of a buffer, copied only when they don't lie in one piece."""
    view = memoryview(buffer)
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")


def frame(body: Buffer, buffers: Sequence[Buffer] = ()) -> list[Buffer]:
    """The pieces of the value, in order."""
    views = [flat(buffer) for buffer in buffers]
    head = _HEAD.pack(len(views), len(body))
    head += struct.pack(f"<{len(views)}Q", *(len(view) for view in views))
    parts: list[Buffer] = [head, body]
    size = len(head) + len(body)
    for view in views:
        gap = -size % ALIGNMENT
        parts += [bytes(gap), view]
        size += gap + len(view)
    return parts


def unframe(data: Data) -> tuple[memoryview, list[memoryview]]:
    """The body and the buffers: read-only views, which keep `data` alive."""
    view = memoryview(data)
    count, body_size = _HEAD.unpack_from(view)
    sizes = struct.unpack_from(f"<{count}Q", view, _HEAD.size)
    start = _HEAD.size + 8 * count
    end = start + body_size
    body = view[start:end]
    buffers = []
    for size in sizes:
        end += -end % ALIGNMENT
        buffers.append(view[end : end + size])
        end += size
    if end != len(view):
        raise ValueError(f"a frame of {end} bytes in a value of {len(view)}")
    return body, buffers
