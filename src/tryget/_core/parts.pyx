# SPDX-License-Identifier: Apache-2.0
"""The pieces of a value that is being stored."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree
from libc.stdlib cimport calloc, free

cdef enum:
    FEW_PARTS = 8


cdef class Parts:
    """The pieces of one value while they are being copied into the store."""

    cdef tg_part few[FEW_PARTS]
    cdef tg_part *parts
    cdef Py_buffer *buffers
    cdef Py_ssize_t count
    cdef Py_ssize_t held
    cdef uint64_t size
    cdef object pieces

    def __cinit__(self, pieces):
        cdef Py_ssize_t i
        self.pieces = pieces
        self.parts = self.few
        self.size = 0
        if type(pieces) is bytes:
            self.count = 1
            self.few[0].bytes = PyBytes_AS_STRING(pieces)
            self.few[0].size = <size_t>PyBytes_GET_SIZE(pieces)
            self.size = self.few[0].size
            return
        self.count = len(pieces)
        if self.count > FEW_PARTS:
            self.parts = <tg_part *>calloc(self.count, sizeof(tg_part))
        self.buffers = <Py_buffer *>calloc(self.count + 1, sizeof(Py_buffer))
        if self.parts == NULL or self.buffers == NULL:
            raise MemoryError()
        for i in range(self.count):
            PyObject_GetBuffer(pieces[i], &self.buffers[i], PyBUF_SIMPLE)
            self.held = i + 1
            self.parts[i].bytes = self.buffers[i].buf
            self.parts[i].size = <size_t>self.buffers[i].len
            self.size += <uint64_t>self.buffers[i].len

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.held):
            PyBuffer_Release(&self.buffers[i])
        free(self.buffers)
        if self.parts != self.few:
            free(self.parts)
