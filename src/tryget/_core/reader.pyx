# SPDX-License-Identifier: Apache-2.0
"""Reads. Small values are copied inside the read section; large ones are pinned and decoded in
place, or copied without the interpreter lock."""

from cpython.unicode cimport PyUnicode_DecodeUTF8

from tryget._errors import CodecMissing, StoreCorrupt

cdef enum:
    CODEC_OWN_MAX = 5  # up to here a value that can't be decoded is a damaged one


cdef class Reader(Handle):
    """The calls that change nothing."""

    cdef object read(self, object key, bint required, object default):
        """The decoded value; KeyError or the default when there is none."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_reading reading
        cdef tg_status status
        key_of(key, &name)
        if self.store == NULL:
            self.raise_closed()
        reading.bytes = NULL
        reading.view_from = self.view_from
        reading.refused = TG_READ_FINE
        status = tg_get(self.store, &tg_hint, name, tg_read_bytes, &reading, &info)
        if status == TG_OK:
            value = tg_take_bytes(&reading)
            if info.codec == CODEC_BYTES:
                return value
            return self.decoded(info.codec, value, key)
        tg_drop_bytes(&reading)
        if status == TG_ABSENT:
            if required:
                raise KeyError(key)
            return default
        return self.read_slowly(key, required, default, status, reading.refused)

    cdef object read_slowly(self, object key, bint required, object default, tg_status status,
                            int refused):
        cdef RawPin pin
        cdef uint64_t version = 0
        cdef uint32_t expiry = 0
        if status != TG_INVALID and not self.awake(status):
            self.raise_status(status, key)
        if refused == TG_READ_WANTS_PIN:
            pin = self.pinned(key, False)
            if pin is not None:
                if pin.pin.info.codec == CODEC_BYTES:
                    return pin.copied()
                return self.decoded(pin.pin.info.codec, pin, key)
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

    def get(self, key, default=None):
        return self.read(key, False, default)

    def __getitem__(self, key):
        return self.read(key, True, None)

    def __contains__(self, key):
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
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
