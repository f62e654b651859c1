# SPDX-License-Identifier: Apache-2.0
"""The codec `pickle`: protocol 5, its buffers outside the stream, so that arrays are read in place.

Reading runs whatever code the writer chose. Only a store opened with codec="pickle" does it.
"""

import pickle
from typing import Any

from tryget._core import Data
from tryget.codecs.frame import Buffer, frame, unframe
from tryget.codecs.safe import OUTSIDE_FROM


def encode(value: Any) -> list[Buffer]:
    """The pieces of a pickled value."""
    buffers: list[memoryview] = []

    def outside(buffer: pickle.PickleBuffer) -> bool:
        """True keeps the buffer inside the stream."""
        try:
            view = buffer.raw()
        except BufferError:  # it lies in several pieces
            return True
        if view.nbytes >= OUTSIDE_FROM:
            buffers.append(view)
            return False
        return True

    return frame(pickle.dumps(value, protocol=5, buffer_callback=outside), buffers)


def decode(data: Data) -> Any:
    """The value; its large buffers are read-only views of `data`."""
    body, buffers = unframe(data)
    return pickle.loads(body, buffers=buffers)
