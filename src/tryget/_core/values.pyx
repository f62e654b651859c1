# SPDX-License-Identifier: Apache-2.0
"""Which values are MessagePack as they stand."""

from cpython.bytes cimport PyBytes_CheckExact
from cpython.dict cimport PyDict_CheckExact
from cpython.float cimport PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size)
    void PyErr_Clear()

# Codec numbers; the others are in codecs/numbers.py.
BYTES = 1
TEXT = 2
PLAIN = 3
cdef enum:
    CODEC_BYTES = 1
    CODEC_TEXT = 2
    CODEC_PLAIN = 3
    CODEC_ARRAY = 5

cdef enum:
    PLAIN_DEPTH_MAX = 256  # as DEPTH_MAX of codecs/safe.py


cdef inline bint has_utf8(object text) noexcept:
    """Whether an exact str has a UTF-8 form, which it then keeps."""
    cdef Py_ssize_t size = 0
    if PyUnicode_AsUTF8AndSize(text, &size) == NULL:
        PyErr_Clear()
        return False
    return True


cdef bint is_plain_int(object number) except -1:
    cdef int overflow = 0
    PyLong_AsLongLongAndOverflow(number, &overflow)
    return overflow == 0 or (overflow > 0 and number <= 0xffffffffffffffff)


cdef bint is_plain_at(object value, int depth) except -1:
    if PyUnicode_CheckExact(value):
        return has_utf8(value)
    if PyLong_CheckExact(value):
        return is_plain_int(value)
    if value is None or value is True or value is False:
        return True
    if PyFloat_CheckExact(value) or PyBytes_CheckExact(value):
        return True
    if depth > PLAIN_DEPTH_MAX:
        return False  # whoever walks it for the other form says so
    if PyList_CheckExact(value):
        for part in <list>value:
            if not is_plain_at(part, depth + 1):
                return False
        return True
    if PyDict_CheckExact(value):
        for name, part in (<dict>value).items():
            if not PyUnicode_CheckExact(name) or not has_utf8(name):
                return False
            if not is_plain_at(part, depth + 1):
                return False
        return True
    return False


def is_plain(value):
    """Whether any MessagePack reader gives an equal value of the same types back."""
    return is_plain_at(value, 0)
