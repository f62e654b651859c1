# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays over the bytes of a value, made by NumPy's own C functions.

`numpy.ndarray(shape, dtype, buffer)` takes ten times as long as to find and pin the value. The
functions come from the table that NumPy exports to every extension (`_ARRAY_API`; their numbers
never change), when the program has imported it: nothing of NumPy is needed to build. What the
head of an array says is worked out in Python (codecs/arrays.py), once for each head.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.ref cimport PyTypeObject
from libc.string cimport memcmp

cdef extern from *:
    """
    /* The first bytes tell the types, the last the shapes. `size` is at least 8. */
    static inline unsigned tg_head_number(const unsigned char *head, size_t size) {
        uint64_t first, last;
        memcpy(&first, head, 8);
        memcpy(&last, head + size - 8, 8);
        first = (first + size) * 0x9e3779b97f4a7c15u;
        return (unsigned)((first ^ last * 0xc2b2ae3d27d4eb4fu) >> 57);
    }
    """
    unsigned tg_head_number(const unsigned char *head, size_t size)

# PyArray_Type, PyArray_NewFromDescr, PyArray_SetBaseObject
cdef enum:
    NUMPY_TYPE = 2
    NUMPY_NEW = 94
    NUMPY_SET_BASE = 282
    NUMPY_FORTRAN = 2  # NPY_ARRAY_F_CONTIGUOUS
    HEADS = 128
    HEAD_MIN = 8
    HEAD_MAX = 512
    AXES_MAX = 16
    ARRAY_ALIGNMENT = 64  # as ALIGNMENT of codecs/frame.py

# The two functions take over a reference: to the type's description, to the base.
ctypedef object (*numpy_new_t)(PyTypeObject *kind, PyObject *dtype, int axes,
                               const Py_ssize_t *shape, const Py_ssize_t *strides, void *data,
                               int flags, PyObject *instance)
ctypedef int (*numpy_set_base_t)(object array, PyObject *base) except -1

cdef numpy_new_t numpy_new = NULL
cdef numpy_set_base_t numpy_set_base = NULL
cdef PyTypeObject *numpy_type = NULL
cdef object read_head = None


cdef class Head:
    """What one head says; never changed."""

    cdef bytes text
    cdef object dtype
    cdef int axes
    cdef int flags
    cdef Py_ssize_t shape[AXES_MAX]
    cdef uint64_t start
    cdef uint64_t end


# By `tg_head_number`; None, or whichever came last.
cdef list heads = [None] * HEADS


def use_numpy(api, reader):
    """Takes NumPy's `_ARRAY_API`, and what reads a head: bytes to (shape, dtype, order, nbytes)."""
    global numpy_new, numpy_set_base, numpy_type, read_head
    cdef void **table = <void **>PyCapsule_GetPointer(api, NULL)
    read_head = reader
    numpy_type = <PyTypeObject *>table[NUMPY_TYPE]
    numpy_set_base = <numpy_set_base_t>table[NUMPY_SET_BASE]
    numpy_new = <numpy_new_t>table[NUMPY_NEW]


cdef Head new_head(const unsigned char *head, size_t size):
    """None: the slow way will do, or say what is wrong."""
    cdef Head new = Head.__new__(Head)
    cdef int axis
    new.text = (<const char *>head)[:size]
    try:
        shape, new.dtype, order, nbytes = read_head(new.text)
    except Exception:
        return None
    new.axes = len(shape)
    if new.axes > AXES_MAX or nbytes > 1 << 48:
        return None
    for axis in range(new.axes):
        new.shape[axis] = shape[axis]
    new.flags = NUMPY_FORTRAN if order == "F" else 0
    new.start = (2 + size + ARRAY_ALIGNMENT - 1) // ARRAY_ALIGNMENT * ARRAY_ALIGNMENT
    new.end = new.start + <uint64_t>nbytes
    return new


cdef object array_over(object base, const unsigned char *data, uint64_t size):
    """A read-only array of a value of codec ARRAY, which keeps `base` alive; None: can't tell."""
    cdef size_t head_size
    cdef unsigned number
    cdef Head head
    if numpy_new == NULL or size < 2:
        return None
    head_size = data[0] | <size_t>data[1] << 8
    if head_size < HEAD_MIN or head_size > HEAD_MAX or head_size + 2 > size:
        return None
    number = tg_head_number(data + 2, head_size)
    head = <Head>heads[number]
    if (head is None or <size_t>len(head.text) != head_size
            or memcmp(PyBytes_AS_STRING(head.text), data + 2, head_size) != 0):
        head = new_head(data + 2, head_size)
        if head is None:
            return None
        heads[number] = head
    if head.end > size:
        return None
    Py_INCREF(head.dtype)
    array = numpy_new(numpy_type, <PyObject *>head.dtype, head.axes, head.shape, NULL,
                      <void *>(data + head.start), head.flags, NULL)
    Py_INCREF(base)
    numpy_set_base(array, <PyObject *>base)
    return array
