# SPDX-License-Identifier: Apache-2.0
"""A pinned value: read-only memory for whoever asks for the buffer.

It refers to the attachment, never to a Store, so there is no cycle and the memory stays mapped
for as long as a pin lives. The core knows pins taken before a fork: the child's are its own.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    object PyBytes_FromStringAndSize(const char *text, Py_ssize_t size)

cdef extern from *:
    """
    /* Word by word, as it was written just now: a wider load would wait for all of the writes. */
    static inline void tg_move_pin(struct tg_pin *to, const volatile struct tg_pin *from) {
        to->bytes = from->bytes;
        to->info.size = from->info.size;
        to->info.version = from->info.version;
        to->info.codec = from->info.codec;
        to->entry = from->entry;
        to->object = from->object;
        to->ledger = from->ledger;
        to->at = from->at;
    }
    """
    void tg_move_pin(tg_pin *to, const tg_pin *source)

cdef Py_ssize_t one = 1  # the stride of every view
cdef char *byte_format = b"B"


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class RawPin:
    """Memory of a store that does not change while this object or a view of it lives."""

    cdef Attachment attachment
    cdef tg_store *core  # the attachment's
    cdef tg_pin pin
    cdef Py_ssize_t size  # what the views' shape points to
    cdef Py_ssize_t exports
    cdef bint released
    cdef bint lent  # to an array that is no export: it holds a reference instead

    cdef void _unpin(self) noexcept:
        if self.pin.entry != 0:
            tg_unpin(self.core, &self.pin)

    def __len__(self):
        return <Py_ssize_t>self.pin.info.size

    cdef int check_held(self) except -1:
        """Raises in a forked child that could not take the pin over."""
        if self.pin.entry != 0 and not tg_pin_holds(self.core, &self.pin):
            raise Error(
                f"{self.attachment}: this value was pinned before a fork, and the child could not "
                "take the pin over: the memory may hold another value by now. Read the key again"
            )
        return 0

    def release(self):
        """Lets go as soon as no view is left; never waits. Again: nothing happens."""
        self.let_go()

    cdef int let_go(self) except -1:
        with cython.critical_section(self):
            if self.lent:
                return 0
            self.released = True
            if self.exports == 0:
                self._unpin()
        return 0

    def __getbuffer__(self, Py_buffer *view, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("values of a store are read-only: set the key to a new one")
        self.check_held()
        with cython.critical_section(self):
            if self.released:
                raise ValueError("the pin was released")
            self.exports += 1
        self.size = <Py_ssize_t>self.pin.info.size
        view.obj = self
        view.buf = <void *>self.pin.bytes
        view.len = self.size
        view.readonly = 1
        view.itemsize = 1
        view.format = byte_format if flags & PyBUF_FORMAT else <char *>NULL
        view.ndim = 1
        view.shape = &self.size if flags & PyBUF_ND else NULL
        view.strides = &one if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        view.suboffsets = NULL
        view.internal = NULL

    def __releasebuffer__(self, Py_buffer *view):
        with cython.critical_section(self):
            self.exports -= 1
            if self.exports == 0 and self.released:
                self._unpin()

    cdef bytes copied(self):
        """The value as bytes."""
        cdef size_t size = <size_t>self.pin.info.size
        cdef const void *source = self.pin.bytes
        cdef object copy = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>size)
        cdef void *target = PyBytes_AS_STRING(copy)
        if size < NOGIL_BYTES:
            memcpy(target, source, size)
        else:
            with nogil:
                memcpy(target, source, size)
        return copy


# `__dealloc__` would be called with care for what Python code might do there: a tenth of a pin.
cdef dealloc_t free_raw_pin = (<type_t *>RawPin).tp_dealloc


cdef void end_raw_pin(PyObject *self) noexcept:
    # Every view holds a reference: none is left.
    if (<RawPin>self).pin.entry != 0:
        tg_unpin((<RawPin>self).core, &(<RawPin>self).pin)
    free_raw_pin(self)


(<type_t *>RawPin).tp_dealloc = end_raw_pin


cdef RawPin new_pin(Attachment attachment, tg_pin *taken):
    """A pin that the core gave, as an object."""
    cdef RawPin pin = None
    try:
        pin = RawPin.__new__(RawPin)
    finally:
        if pin is None:  # no memory
            tg_unpin(attachment.store, taken)
    tg_move_pin(&pin.pin, taken)
    pin.attachment = attachment
    pin.core = attachment.store
    return pin
