# SPDX-License-Identifier: Apache-2.0
"""Values that can be judged by whoever reads them: digest | length of the tag | tag | content.

The tag is the path that the value was stored under first. A renamed path has tildes, which don't
count. So a value that is torn, mixed, stale memory or another key's is told from a good one.
"""

import hashlib

_DIGEST = 16
Content = bytes | memoryview


def digest(content: Content) -> bytes:
    """What is recorded of a content."""
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()


def pack(key: str, content: bytes) -> bytes:
    """A value for a key."""
    tag = key.replace("~", "").encode()
    rest = len(tag).to_bytes(2, "little") + tag + content
    return digest(rest) + rest


def is_good(key: str, value: object) -> bool:
    """Whether somebody stored exactly this value under this key."""
    if not isinstance(value, bytes | memoryview):
        return False
    view = memoryview(value)
    rest = view[_DIGEST:]
    if len(rest) < 2 or digest(rest) != view[:_DIGEST]:
        return False
    size = int.from_bytes(rest[:2], "little")
    return rest[2 : 2 + size] == key.replace("~", "").encode()


def content_of(value: bytes) -> bytes:
    """The content of a good value."""
    start = _DIGEST + 2
    return value[start + int.from_bytes(value[_DIGEST:start], "little") :]


def tag_of(value: Content) -> str:
    """What a good value was stored for."""
    start = _DIGEST + 2
    size = int.from_bytes(value[_DIGEST:start], "little")
    return bytes(value[start : start + size]).decode()
