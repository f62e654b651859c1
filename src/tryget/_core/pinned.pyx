# SPDX-License-Identifier: Apache-2.0
"""Pins as users hold them.

A pin that nobody asks for its value is this one object. Its value is decoded out of a `RawPin`,
which takes the memory over: what a value refers to must not be what refers to the value.
"""


# The collector breaks cycles at what a value holds: `__dealloc__` needs the attachment.
@cython.final
@cython.no_gc_clear
@cython.freelist(64)
cdef class Pin:
    """A value that stays as it is, whatever happens to its key, while this object lives.

    >>> import tryget
    >>> store = tryget.open("doc-pin", size="4MiB")
    >>> store["a"] = bytes(2000)
    >>> with store.pin("a") as pin:
    ...     store["a"] = b"another"
    ...     len(pin.value)
    2000
    >>> store.close()
    >>> tryget.unlink("doc-pin")

    It lets go when it is released, left as a context manager, or collected. Arrays made of its
    value keep the memory while they live themselves; a `memoryview` of it is invalid afterwards.
    """

    cdef readonly object key
    cdef Reader store  # who decodes; None once released
    cdef Attachment attachment
    cdef tg_store *core  # the attachment's
    cdef tg_pin pin  # ours until `memory` has it
    cdef RawPin memory
    cdef object decoded
    cdef object __weakref__

    def __init__(self):
        raise TypeError("pins are made by pin and try_get of a store")

    @property
    def value(self):
        """The value: `bytes` as a read-only memoryview, arrays as read-only arrays, both in place.

        Every time the same object."""
        cdef RawPin memory
        cdef Reader store
        with cython.critical_section(self):
            store = self.store
            if store is None:
                raise ValueError(f"the pin of {self.key!r} was released")
            memory = self.memory
            if memory is None:
                memory = self.memory = self.handed_over()
            memory.check_held()
            if self.decoded is not None:
                return self.decoded
            if memory.pin.info.codec == CODEC_BYTES:
                value = memoryview(memory)
            else:
                value = store.decoded(memory.pin.info.codec, memory, self.key)
            if self.store is not None:  # a decoder may let other threads run
                self.decoded = value
        return value

    cdef RawPin handed_over(self):
        cdef RawPin memory = RawPin.__new__(RawPin)
        memory.attachment = self.attachment
        memory.core = self.core
        memory.pin = self.pin
        self.pin.entry = 0
        return memory

    @property
    def nbytes(self):
        """The size of the value as it is stored."""
        return self.pin.info.size

    @property
    def version(self):
        """The version of the value."""
        return self.pin.info.version

    cdef int let_go(self) except -1:
        with cython.critical_section(self):
            if self.memory is not None:
                self.let_go_of_memory()
            elif self.pin.entry != 0:
                tg_unpin(self.core, &self.pin)
            self.store = None
        return 0

    cdef int let_go_of_memory(self) except -1:
        cdef RawPin memory = self.memory
        value = self.decoded
        self.memory = self.decoded = None
        if memory.pin.info.codec == CODEC_BYTES and value is not None:
            try:
                value.release()
            except BufferError:
                pass  # a view of the view lives: it holds the memory until it goes
        return memory.let_go()

    def release(self):
        """Lets go of the value; never waits. Again: nothing happens."""
        self.let_go()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.let_go()

    def __reduce__(self):
        raise TypeError("a pin is of its process: pickle its value, or pin the key again there")

    def __repr__(self):
        state = "released" if self.store is None else f"{self.nbytes} bytes"
        return f"<tryget.Pin {self.key!r}, {state}>"


cdef dealloc_t free_pin = (<type_t *>Pin).tp_dealloc


cdef void end_pin(PyObject *self) noexcept:
    if (<Pin>self).pin.entry != 0:
        tg_unpin((<Pin>self).core, &(<Pin>self).pin)
    free_pin(self)


(<type_t *>Pin).tp_dealloc = end_pin


cdef class Pinner(Reader):
    """The calls that return pins."""

    def pin(self, key):
        """Keeps the value of a key where and as it is: KeyError, StoreFull."""
        return self.pinned(key, True)

    def try_get(self, key):
        """As `pin`; None when the key is absent."""
        return self.pinned(key, False)

    cdef inline Pin filled(self, Pin pin, object key, Attachment attachment):
        """`attachment`: ours when the call began; another thread may have closed us."""
        pin.key = key
        pin.store = self
        pin.attachment = attachment
        pin.core = attachment.store
        return pin

    cdef Pin pinned(self, object key, bint required):
        cdef tg_key name
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Patience patience
        cdef Pin pin = Pin.__new__(Pin)  # first: to make it may run the collector
        cdef Slot *slot = self.slot_by(key)
        if slot != NULL and slot.kind == KIND_PLACE:
            if tg_pin_known(self.store, place_of(slot), &slot.token, &pin.pin) == TG_OK:
                return self.filled(pin, key, attachment)
        elif slot != NULL and slot.kind == KIND_ABSENT and absence_holds(self.table, slot):
            if required:
                raise KeyError(key)
            return None
        patience = no_wait()
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            if patience.until == PASSED:
                status = tg_pin_value(self.store, &tg_held_hint, name, &pin.pin, PASSED)
            else:
                with nogil:
                    status = tg_pin_value(attachment.store, &tg_hint, name, &pin.pin,
                                          patience.until)
            if status == TG_OK:
                self.filled(pin, key, attachment)
                if self.table != NULL:
                    self.keep_place(key, name, &pin.pin)
                return pin
            pin.pin.entry = 0
            if status == TG_ABSENT:
                if required:
                    raise KeyError(key)
                return None
            if not self.again(status, &patience):
                self.raise_status(status, key)
