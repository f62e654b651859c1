# SPDX-License-Identifier: Apache-2.0
"""Keys as the core takes them: the UTF-8 form of a str."""

from cpython.unicode cimport PyUnicode_Check

from tryget._errors import InvalidKey

KEY_MAX = 4096
NAME_MAX = 255


cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030C0000
    #define TG_IS_COMPACT_ASCII(text) (PyUnicode_IS_READY(text) && PyUnicode_IS_COMPACT_ASCII(text))
    #else
    #define TG_IS_COMPACT_ASCII(text) PyUnicode_IS_COMPACT_ASCII(text)
    #endif
    """
    bint TG_IS_COMPACT_ASCII(object text)
    const char *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)


cdef inline int key_of(object key, tg_key *out) except -1:
    """Points into the str, which must live as long."""
    cdef Py_ssize_t size = 0
    if not PyUnicode_Check(key):
        raise TypeError(f"a key is a str, not {type(key).__name__}")
    if TG_IS_COMPACT_ASCII(key):
        out.bytes = PyUnicode_DATA(key)
        out.size = <size_t>PyUnicode_GET_LENGTH(key)
        return 0
    out.bytes = PyUnicode_AsUTF8AndSize(key, &size)
    if out.bytes == NULL:
        raise_no_utf8(key)
    out.size = <size_t>size
    return 0


cdef inline int node_of(object key, tg_key *out) except -1:
    """As `key_of`; None is the root."""
    if key is None:
        out.bytes = NULL
        out.size = 0
        return 0
    return key_of(key, out)


cdef int raise_no_utf8(object key) except -1:
    PyErr_Clear()
    try:
        str.encode(key)
    except UnicodeEncodeError:
        raise InvalidKey(f"the key {key!a} has no UTF-8 form: it holds a lone surrogate") from None
    raise MemoryError()


cdef str exact(object key):
    """The text of a str, or of an object of a subclass, which may show itself otherwise."""
    return key if type(key) is str else str.__str__(key)


cdef str why_invalid(object key):
    """What is wrong with a key that the core refused, or an empty text."""
    if not isinstance(key, str):
        return ""
    key = exact(key)
    size = len(key.encode())
    if size > KEY_MAX:
        return f"the key {key[:40]!r}... has {size} bytes of UTF-8: {KEY_MAX} are allowed"
    for name in key.split("/"):
        size = len(name.encode())
        if size > NAME_MAX:
            return (f"the name {name[:40]!r}... in a key has {size} bytes of UTF-8: "
                    f"{NAME_MAX} are allowed")
    return ""
