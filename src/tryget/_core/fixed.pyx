# SPDX-License-Identifier: Apache-2.0
"""Which values can't be changed, and about how large they are."""

from cpython.set cimport PyFrozenSet_CheckExact
from cpython.tuple cimport PyTuple_CheckExact
from libc.stdint cimport int64_t

# Types whose objects can't be changed, beside those that are tested for below. Modules that bring
# some add them.
FIXED = set()
# The same, where their attribute `tzinfo` is None or one of FIXED.
FIXED_IN_ZONE = set()

cdef enum:
    CHANGEABLE = -1
    FIXED_DEPTH_MAX = 64
    # Larger ones are not kept anyway. A bound on the walk too: parts may be shared.
    FIXED_BYTES_MAX = 4 << 20


cdef int64_t fixed_at(object value, int64_t sum, int depth) except -2:
    """`sum` and the bytes of the value, or CHANGEABLE."""
    if value is None or value is True or value is False:
        return sum
    if PyBytes_CheckExact(value):
        return sum + 40 + len(<bytes>value)
    if PyUnicode_CheckExact(value):
        return sum + 60 + 4 * len(<str>value)
    if PyDict_CheckExact(value) or PyList_CheckExact(value):
        return CHANGEABLE
    if PyLong_CheckExact(value) or PyFloat_CheckExact(value):
        return sum + <Py_ssize_t>value.__sizeof__()
    if PyTuple_CheckExact(value) or PyFrozenSet_CheckExact(value):
        sum += <Py_ssize_t>value.__sizeof__()
        if depth > FIXED_DEPTH_MAX:
            return CHANGEABLE
        for part in value:
            sum = fixed_at(part, sum, depth + 1)
            if sum == CHANGEABLE or sum > FIXED_BYTES_MAX:
                return CHANGEABLE
        return sum
    if type(value) in FIXED:
        return sum + <Py_ssize_t>value.__sizeof__()
    if type(value) in FIXED_IN_ZONE and (value.tzinfo is None or type(value.tzinfo) in FIXED):
        return sum + <Py_ssize_t>value.__sizeof__()
    return CHANGEABLE


cdef inline int64_t fixed_bytes(object value) except -2:
    """About how many bytes a value has that can't be changed; of others CHANGEABLE."""
    return fixed_at(value, 0, 0)
