# SPDX-License-Identifier: Apache-2.0
"""Reads. Small values are copied inside the read section; large ones are pinned and decoded in
place, or copied without the interpreter lock."""

from tryget._errors import CodecMissing, StoreCorrupt

cdef extern from *:
    """
    /* Answers of C functions that may be NULL, with an exception pending, and stay so: to handle
     * it at once would cost as much as to decode a small value. */
    static inline PyObject *tg_owned(PyObject *answer) { return answer; }
    static int tg_py_pending(void) { return PyErr_Occurred() ? -1 : 0; }
    """
    PyObject *call_one "PyObject_CallOneArg"(object function, object argument)
    PyObject *text_of "PyUnicode_DecodeUTF8"(const char *text, Py_ssize_t size, const char *errors)
    object owned "tg_owned"(PyObject *answer)
    int raise_pending "tg_py_pending"() except -1
    Py_ssize_t Py_REFCNT(object value)

cdef inline object taken(PyObject *found):
    """What `Reader.reusable` found."""
    value = <object>found
    if TG_THREADS_RUN_FREELY:
        Py_DECREF(value)
    return value


cdef class Reader(Knower):
    """The calls that change nothing."""

    cdef object read_by(self, Slot *slot, object key, bint required, object default):
        """As `read`, by what is known."""
        cdef object data
        cdef uint32_t codec
        if slot != NULL and slot.kind == KIND_BYTES and not self.reuses_all:
            codec = slot.codec
            data = <object>slot.value
            if codec == CODEC_BYTES:
                return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return self.decoded(codec, data, key)
        if slot != NULL and slot.kind == KIND_ABSENT and absence_holds(self.table, slot):
            if required:
                raise KeyError(key)
            return default
        if slot != NULL and slot.kind == KIND_PLACE and (self.anew or slot.codec == CODEC_ARRAY):
            return self.read_there(slot, key, required, default)
        return self.read(key, required, default)

    cdef object read_there(self, Slot *slot, object key, bint required, object default):
        """As `read`, of a value whose place is known."""
        cdef tg_pin pin
        if tg_pin_known(self.store, place_of(slot), &slot.token, &pin) == TG_OK:
            return self.value_of(key, new_pin(self.attachment, &pin))
        return self.read(key, required, default)

    cdef object read(self, object key, bint required, object default):
        """The decoded value; KeyError or the default when there is none."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_pin pin
        cdef tg_reading reading
        cdef tg_status status
        cdef tg_store *store
        key_of(key, &name)
        store = self.store  # once: another thread may close us
        if store == NULL:
            self.raise_closed()
        reading.bytes = NULL
        reading.view_from = self.view_from
        reading.most = 0
        reading.refused = TG_READ_FINE
        status = tg_get_or_pin(store, &tg_held_hint, name, tg_read_bytes, &reading,
                               self.view_from, &info, &pin)
        if status == TG_OK:
            if pin.entry != 0:
                return self.read_pinned(key, name, new_pin(self.attachment, &pin))
            data = value = tg_take_bytes(&reading)
            if info.codec != CODEC_BYTES:
                value = self.decoded(info.codec, data, key)
            if self.table != NULL and (not self.anew or is_lucky(self.table)):
                self.keep(key, name, value, data, content_of(&info))
            return value
        tg_drop_bytes(&reading)
        if status == TG_ABSENT:
            if self.table != NULL:
                self.keep_absence(key, name)
            if required:
                raise KeyError(key)
            return default
        if status != TG_INVALID and not self.awake(status):
            self.raise_status(status, key)
        return self.read_copied(key, name, required, default)

    cdef object read_pinned(self, object key, tg_key name, RawPin pin):
        """The value decoded where it lies."""
        cdef tg_pin taken = pin.pin
        cdef Py_ssize_t references = Py_REFCNT(pin)
        value = self.value_of(key, pin)
        if self.table == NULL:
            return value
        if self.anew or taken.info.codec == CODEC_ARRAY:
            self.keep_place(key, name, &taken)
        # A value that is a view would keep its memory for as long as we keep it. NumPy holds on to
        # what has a buffer, not to the buffer.
        elif pin.exports == 0 and Py_REFCNT(pin) == references:
            self.keep(key, name, value, None, taken.info)
        return value

    cdef object value_of(self, object key, RawPin pin):
        """The value that a pin holds."""
        cdef uint32_t codec = pin.pin.info.codec
        if codec == CODEC_ARRAY:
            pin.lent = True
            value = array_over(pin, <const unsigned char *>pin.pin.bytes, pin.pin.info.size)
            if value is not None:
                return value
            pin.lent = False
        return pin.copied() if codec == CODEC_BYTES else self.decoded(codec, pin, key)

    cdef object read_copied(self, object key, tg_key name, bint required, object default):
        """The value decoded out of a copy."""
        cdef tg_info info
        try:
            data = self.copied(key, &info)
        except KeyError:
            if required:
                raise
            return default
        value = self.decoded(info.codec, data, key)
        if self.table != NULL:
            self.keep(key, name, value, data, content_of(&info))
        return value

    cdef bytes copied(self, object key, tg_info *info):
        """A copy of the bytes, whatever the size; KeyError."""
        cdef tg_key name
        cdef tg_reading reading
        cdef tg_status status
        key_of(key, &name)
        reading.bytes = NULL
        reading.view_from = NULL
        reading.most = NOGIL_BYTES
        while True:
            if self.store == NULL:
                self.raise_closed()
            reading.refused = TG_READ_FINE
            status = tg_get(self.store, &tg_hint, name, tg_read_bytes, &reading, info)
            if status == TG_OK:
                return tg_take_bytes(&reading)
            tg_drop_bytes(&reading)
            if reading.refused == TG_READ_IS_LARGE:
                value = self.copied_freely(name, info, &status)
                if status == TG_OK:
                    return value
            if status == TG_ABSENT:
                raise KeyError(key)
            if status == TG_INVALID and reading.refused == TG_READ_NO_MEMORY:
                raise MemoryError(f"no memory for a copy of {key!r}")
            if not self.awake(status):
                self.raise_status(status, key)

    cdef object copied_freely(self, tg_key name, tg_info *info, tg_status *status):
        """A large value, copied without the interpreter lock; its size is known. Its text must
        live as long."""
        cdef Attachment attachment = self.attachment
        cdef tg_filling filling
        filling.wanted = info.size
        while True:
            filling.size = filling.wanted
            if filling.size > <uint64_t>1 << 60:
                raise MemoryError()
            value = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>filling.size)
            filling.bytes = PyBytes_AS_STRING(value)
            with nogil:
                status[0] = tg_get(attachment.store, &tg_hint, name, tg_fill_bytes, &filling, info)
            if status[0] == TG_OK:
                return value
            if status[0] == TG_ABSENT or (status[0] == TG_INVALID and
                                          filling.wanted == filling.size):
                return None
            if status[0] != TG_INVALID and not self.awake(status[0]):
                return None

    cdef object decoded(self, uint32_t codec, object data, object key):
        """The value that bytes, or a pin, hold."""
        cdef PyObject *value
        if codec == CODEC_BYTES:
            return data if isinstance(data, bytes) else (<RawPin>data).copied()
        if codec == CODEC_TEXT and type(data) is bytes:
            value = text_of(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), NULL)
        elif codec == CODEC_ARRAY and type(data) is bytes:
            array = array_over(data, <const unsigned char *>PyBytes_AS_STRING(data),
                               <uint64_t>PyBytes_GET_SIZE(data))
            if array is not None:
                return array
            value = call_one(self.decoders[CODEC_ARRAY], data)
        else:
            decoder = self.decoders[codec & 255]
            if decoder is None or codec > 255:
                raise CodecMissing(f"{self.attachment}: {key!r}: {self.missing(codec)}")
            value = call_one(decoder, data)
        if value == NULL:
            self.raise_undecoded(codec, key)
        return owned(value)

    cdef int raise_undecoded(self, uint32_t codec, object key) except -1:
        """What a decoder raised; of our own codecs most of it means that the value is damaged."""
        try:
            raise_pending()
        except CodecMissing as problem:
            raise CodecMissing(f"{self.attachment}: {key!r}: {problem}") from problem
        except (MemoryError, RecursionError):
            raise
        except Exception as problem:
            if codec > CODEC_OWN_MAX:
                raise
            raise StoreCorrupt(
                f"{self.attachment}: the value of {key!r} can't be decoded ({problem}): run "
                "verify(deep=True), and set the key anew"
            ) from problem

    def decode(self, codec, data, key):
        """The value of bytes that were stored under a key; `codec` is the number beside them."""
        return self.decoded(codec, data, key)

    # A hit of the table is written out in each: a call of its own costs a quarter of it.

    def get(self, key, default=None):
        """The value of a key, or the default when it is absent. Takes no lock, never waits."""
        cdef Slot *slot = NULL
        cdef PyObject *found = self.reusable(key, &slot)
        if found != NULL:
            return taken(found)
        # As `read_by` does it, without that call.
        if slot != NULL and slot.kind == KIND_ABSENT and absence_holds(self.table, slot):
            return default
        return self.read_by(slot, key, False, default)

    def __getitem__(self, key):
        cdef Slot *slot = NULL
        cdef PyObject *found = self.reusable(key, &slot)
        if found != NULL:
            return taken(found)
        return self.read_by(slot, key, True, None)

    def __contains__(self, key):
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef Slot *slot = NULL
        cdef PyObject *found = self.reusable(key, &slot)
        if found != NULL:
            taken(found)
            return True
        if slot != NULL and slot.kind != KIND_ABSENT:
            return True
        if slot != NULL and absence_holds(self.table, slot):
            return False
        if not PyUnicode_Check(key):
            return False  # as of any mapping: the question is fair, the answer is known
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            status = tg_contains(self.store, &tg_held_hint, name, &info)
            if status == TG_OK:
                return info.has_value
            if status == TG_ABSENT:
                return False
            if not self.awake(status):
                self.raise_status(status, key)

    def raw_kept(self):
        """(decoded values in this handle's table, about the bytes of all that is in it)."""
        cdef Kept kept = self.kept
        if self.table == NULL:
            return 0, 0
        return kept.table.values, kept.table.nbytes + slot_bytes(&kept.table)

    def raw_get(self, key):
        """(codec number, bytes, version): the value as it is stored; KeyError."""
        cdef tg_info info
        value = self.copied(key, &info)
        return info.codec, value, info.version

    def raw_expires(self, key):
        """(version, seconds left or None) of a value, or None."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef double left
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            status = tg_contains(self.store, &tg_held_hint, name, &info)
            if status == TG_OK and info.has_value:
                left = tg_expiry_left(self.store, info.expiry)
                return info.version, left if left >= 0 else None
            if status in (TG_OK, TG_ABSENT):
                return None
            if not self.awake(status):
                self.raise_status(status, key)

    def raw_stat(self, key):
        """(bytes, version, pins, seconds left or None, codec, has a value, children), or None."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef double left
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            status = tg_stat(self.store, &tg_hint, name, &info)
            if status == TG_OK:
                break
            if status == TG_ABSENT:
                return None
            if not self.awake(status):
                self.raise_status(status, key)
        if not info.has_value:
            return 0, 0, 0, None, 0, False, info.children
        left = tg_expiry_left(self.store, info.expiry)
        return (info.size, info.version, info.pins, left if left >= 0 else None, info.codec, True,
                info.children)
