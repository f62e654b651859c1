# SPDX-License-Identifier: Apache-2.0
"""The codec numbers: one is stored with each value. They are part of the file's layout."""

from tryget._core import BYTES, PLAIN, TEXT

TAGGED = 4  # a frame: msgpack with marks and extensions, and buffers
ARRAY = 5  # one NumPy array
PICKLE = 6  # a frame: a pickle, and buffers
CUSTOM = 64  # a frame: the name of a codec object, and its parts

NAMES = {
    BYTES: "bytes",
    TEXT: "str",
    PLAIN: "object",
    TAGGED: "object",
    ARRAY: "array",
    PICKLE: "pickle",
    CUSTOM: "custom",
}

# Values that a reader may be given as they lie in the store: from this size on their decoder
# gets a pin, below it a copy. The smaller ones can't be pinned where they are.
VIEW_FROM = {ARRAY: 1025, TAGGED: 1025, PICKLE: 1025, CUSTOM: 1025, PLAIN: 65537}
