# SPDX-License-Identifier: Apache-2.0
"""Reads. Small values are copied inside the read section; large ones are pinned and decoded in
place, or copied without the interpreter lock."""

from cpython.unicode cimport PyUnicode_DecodeUTF8

from tryget._errors import CodecMissing, StoreCorrupt

cdef enum:
    CODEC_OWN_MAX = 5  # up to here a value that can't be decoded is a damaged one
    OBJECT_BYTES = 4  # a guess: of a decoded object, for each stored byte


cdef inline object taken(PyObject *found):
    """What `Reader.reusable` found."""
    value = <object>found
    if TG_THREADS_RUN_FREELY:
        Py_DECREF(value)
    return value


cdef class Reader(Handle):
    """The calls that change nothing."""

    cdef inline PyObject *reusable(self, object key) noexcept:
        """A value that was read before and still is the one, for `taken`; NULL: not known."""
        if self.table == NULL or not PyUnicode_CheckExact(key):
            return NULL
        if TG_THREADS_RUN_FREELY:
            return self.kept.find(key, self.reader)
        return find_kept(self.table, self.store, <PyObject *>key, self.reader)

    cdef object read(self, object key, bint required, object default):
        """The decoded value; KeyError or the default when there is none."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_reading reading
        cdef tg_token token
        cdef tg_status status
        key_of(key, &name)
        if self.store == NULL:
            self.raise_closed()
        reading.bytes = NULL
        reading.view_from = self.view_from
        reading.refused = TG_READ_FINE
        token.lock = NULL
        if self.table == NULL:
            status = tg_get(self.store, &tg_hint, name, tg_read_bytes, &reading, &info)
        else:
            status = tg_get_with_token(self.store, &tg_hint, name, tg_read_bytes, &reading, &info,
                                       &token)
        if status == TG_OK:
            value = tg_take_bytes(&reading)
            if info.codec != CODEC_BYTES:
                value = self.decoded(info.codec, value, key)
            if token.lock != NULL:
                self.keep(key, value, info.codec, info.size, &token)
            return value
        tg_drop_bytes(&reading)
        if status == TG_ABSENT:
            if self.table != NULL and self.table.stale:
                self.kept.drop(exact(key))
            if required:
                raise KeyError(key)
            return default
        if reading.refused == TG_READ_WANTS_PIN:
            return self.read_pinned(key, required, default, info.version, &token)
        if status != TG_INVALID and not self.awake(status):
            self.raise_status(status, key)
        return self.read_copied(key, required, default)

    cdef object read_pinned(self, object key, bint required, object default, uint64_t version,
                            const tg_token *token):
        """The value decoded where it lies. The token is that of a version."""
        cdef RawPin pin = self.pinned(key, False)
        cdef uint32_t codec
        if pin is None:
            return self.read_copied(key, required, default)
        codec = pin.pin.info.codec
        value = pin.copied() if codec == CODEC_BYTES else self.decoded(codec, pin, key)
        # A value that is a view would keep its memory for as long as we keep it.
        if token.lock != NULL and pin.pin.info.version == version and pin.exports == 0:
            self.keep(key, value, codec, pin.pin.info.size, token)
        return value

    cdef int keep(self, object key, object value, uint32_t codec, uint64_t size,
                  const tg_token *token) except -1:
        """Keeps a value for the next read, if what it is and our `reuse` allow."""
        cdef Kept kept = self.kept
        cdef uint64_t reader = EVERY_READER if codec <= CODEC_OWN_MAX else self.reader
        cdef int64_t nbytes
        if self.table == NULL:  # closed by the decoder
            return 0
        nbytes = fixed_bytes(value)
        if nbytes == CHANGEABLE and self.reuses_all:
            reader = self.reader
            nbytes = <int64_t>size * OBJECT_BYTES
        if nbytes != CHANGEABLE:
            kept.keep(exact(key), value, reader, <uint64_t>nbytes, token)
        elif self.table.stale:
            kept.drop(exact(key))
        return 0

    cdef object read_copied(self, object key, bint required, object default):
        cdef uint64_t version = 0
        cdef uint32_t expiry = 0
        try:
            codec, value = self.copied(key, &version, &expiry)
        except KeyError:
            if required:
                raise
            return default
        return self.decoded(codec, value, key)

    cdef tuple copied(self, object key, uint64_t *version, uint32_t *expiry):
        """(codec number, bytes): a copy whatever the size; KeyError."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_reading reading
        cdef tg_status status
        key_of(key, &name)
        reading.bytes = NULL
        reading.view_from = NULL
        while True:
            if self.store == NULL:
                self.raise_closed()
            reading.refused = TG_READ_FINE
            status = tg_get(self.store, &tg_hint, name, tg_read_bytes, &reading, &info)
            if status == TG_OK:
                version[0] = info.version
                expiry[0] = info.expiry
                return info.codec, tg_take_bytes(&reading)
            tg_drop_bytes(&reading)
            if status == TG_ABSENT:
                raise KeyError(key)
            if status == TG_INVALID and reading.refused == TG_READ_NO_MEMORY:
                raise MemoryError(f"no memory for a copy of {key!r}")
            if not self.awake(status):
                self.raise_status(status, key)

    cdef object decoded(self, uint32_t codec, object data, object key):
        """The value that bytes, or a pin, hold."""
        if codec == CODEC_BYTES:
            return data if isinstance(data, bytes) else (<RawPin>data).copied()
        decoder = self.decoders[codec & 255]
        if decoder is None or codec > 255:
            raise CodecMissing(f"{self.attachment}: {key!r}: {self.missing(codec)}")
        if codec > CODEC_OWN_MAX:
            return decoder(data)
        try:
            if codec == CODEC_TEXT and isinstance(data, bytes):
                return (<bytes>data).decode("utf-8")
            return decoder(data)
        except (CodecMissing, MemoryError, RecursionError):
            raise
        except Exception as problem:
            raise StoreCorrupt(
                f"{self.attachment}: the value of {key!r} can't be decoded ({problem}): run "
                "verify(deep=True), and set the key anew"
            ) from problem

    def decode(self, codec, data, key):
        return self.decoded(codec, data, key)

    cdef RawPin pinned(self, object key, bint required):
        """A pin; when none can be had, None, or with `required` an exception."""
        cdef tg_key name
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef RawPin pin = RawPin.__new__(RawPin)
        cdef Patience patience = no_wait()
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            if patience.until == PASSED:
                status = tg_pin_value(self.store, &tg_hint, name, &pin.pin, PASSED)
            else:
                with nogil:
                    status = tg_pin_value(attachment.store, &tg_hint, name, &pin.pin,
                                          patience.until)
            if status == TG_OK:
                pin.attachment = attachment
                return pin
            pin.pin.entry = 0
            if status == TG_ABSENT:
                if required:
                    raise KeyError(key)
                return None
            if not required and status not in (TG_INTERRUPTED, TG_CLOSED):
                return None
            if not self.again(status, &patience):
                self.raise_status(status, key)

    def raw_pin(self, key):
        """The pin of a value; KeyError, StoreFull."""
        return self.pinned(key, True)

    # A hit of the table is written out in each: a call of its own costs a quarter of it.

    def get(self, key, default=None):
        cdef PyObject *found = self.reusable(key)
        if found != NULL:
            return taken(found)
        return self.read(key, False, default)

    def __getitem__(self, key):
        cdef PyObject *found = self.reusable(key)
        if found != NULL:
            return taken(found)
        return self.read(key, True, None)

    def __contains__(self, key):
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef PyObject *found = self.reusable(key)
        if found != NULL:
            taken(found)
            return True
        if not PyUnicode_Check(key):
            return False  # as of any mapping: the question is fair, the answer is known
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            status = tg_contains(self.store, &tg_hint, name, &info)
            if status == TG_OK:
                return info.has_value
            if status == TG_ABSENT:
                return False
            if not self.awake(status):
                self.raise_status(status, key)

    def raw_kept(self):
        """(values, their bytes) that this process may return again."""
        cdef Kept kept = self.kept
        if self.table == NULL:
            return 0, 0
        return kept.table.count, kept.table.nbytes

    def raw_get(self, key):
        """(codec number, bytes, version): the value as it is stored; KeyError."""
        cdef uint64_t version = 0
        cdef uint32_t expiry = 0
        codec, value = self.copied(key, &version, &expiry)
        return codec, value, version

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
