# SPDX-License-Identifier: Apache-2.0
"""Writes. Each is tried once without waiting; only then the interpreter lock is let go."""


cdef inline tg_status store_parts(tg_store *store, const tg_build *build, tg_key key,
                                  const tg_part *parts, size_t count,
                                  const tg_set_options *options, uint64_t *version) noexcept nogil:
    if build == NULL:
        return tg_set(store, &tg_hint, key, parts, count, options, version)
    return tg_build_publish(store, &tg_hint, build, key, parts, count, options, version)


cdef class Writer(Pinner):
    """The calls that change one key, or a node."""

    cdef tg_status put(self, object key, object value, tg_set_options *options,
                       uint64_t *version, const tg_build *build) except *:
        """Encodes and stores a value; with a build, as its end."""
        cdef tg_part part
        cdef Parts parts
        cdef Py_ssize_t size = 0
        if self.store == NULL:
            self.raise_closed()
        if self.native and type(value) is bytes:
            options.codec = CODEC_BYTES
            part.bytes = PyBytes_AS_STRING(value)
            part.size = <size_t>PyBytes_GET_SIZE(value)
            return self.put_parts(key, &part, 1, part.size, options, version, build)
        if self.native and type(value) is str:
            part.bytes = PyUnicode_AsUTF8AndSize(value, &size)
            part.size = <size_t>size
            if part.bytes != NULL:
                options.codec = CODEC_TEXT
                return self.put_parts(key, &part, 1, part.size, options, version, build)
            PyErr_Clear()  # lone surrogates: the codec has a form for them
        try:
            codec, pieces = self.encode(value)
        except (TypeError, ValueError) as problem:
            if getattr(problem, "names_no_key", False):
                problem.args = (f"{self.attachment}: {key!r}: {problem}",)
            raise
        options.codec = codec
        parts = Parts(pieces)
        return self.put_parts(key, parts.parts, <size_t>parts.count, parts.size, options, version,
                              build)

    cdef tg_status put_parts(self, object key, const tg_part *parts, size_t count, uint64_t size,
                             tg_set_options *options, uint64_t *version,
                             const tg_build *build) except *:
        cdef tg_key name
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        patience.work_ns = size  # a GB a second
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            options.deadline_ns = patience.until
            if patience.until == PASSED and size < NOGIL_BYTES:
                status = store_parts(self.store, build, name, parts, count, options, version)
            else:
                with nogil:
                    status = store_parts(attachment.store, build, name, parts, count, options,
                                         version)
            if status == TG_OK:
                return status
            if not self.again(status, &patience):
                return status

    cdef void store_value(self, object key, object value, object ttl) except *:
        """`set`: creates or replaces, or removes when the time to live is over already."""
        cdef tg_set_options options
        cdef uint64_t version = 0
        cdef tg_status status
        options.mode = TG_SET_ALWAYS
        options.if_version = 0
        options.expiry = 0
        if ttl is not None and not self.expiry_of(ttl, &options.expiry):
            self.remove(key)
            return
        status = self.put(key, value, &options, &version, NULL)
        if status != TG_OK:
            self.raise_status(status, key)

    cdef bint expiry_of(self, object ttl, uint32_t *expiry, str what="ttl") except *:
        """False: it is over already."""
        cdef double seconds
        expiry[0] = 0
        if ttl is None:
            return True
        seconds = seconds_of(ttl, what)
        if seconds != seconds:
            raise ValueError(f"{what} is not a number (NaN)")
        if seconds <= 0:
            return False
        if self.store == NULL:
            self.raise_closed()
        if seconds < TTL_MAX:
            expiry[0] = max(tg_expiry_after(self.store, seconds), <uint32_t>1)
        return True

    def __setitem__(self, key, value):
        self.store_value(key, value, None)

    def __delitem__(self, key):
        if not self.remove(key):
            raise KeyError(key)

    def set(self, key, value, *, ttl=None):
        """Creates or replaces a value, for `ttl` seconds; None is for ever. Others see the old
        value or the new one, whole. A `ttl` of 0 or less removes it."""
        self.store_value(key, value, ttl)

    def delete(self, key, /):
        """Removes a value; False when there is none. What is below the key stays."""
        return self.remove(key)

    def add(self, key, value, *, ttl=None):
        """Creates a value; False when there is one. Of any number of callers one creates it."""
        cdef tg_set_options options
        cdef uint64_t version = 0
        cdef tg_status status
        options.mode = TG_SET_IF_ABSENT
        options.if_version = 0
        if not self.expiry_of(ttl, &options.expiry):
            self.checked_key(key)
            return False
        status = self.put(key, value, &options, &version, NULL)
        if status == TG_EXISTS:
            return False
        if status != TG_OK:
            self.raise_status(status, key)
        return True

    def compare_and_set(self, key, version, value, *, ttl=None):
        """Replaces a value if its version, of `stat` or a pin, is still that, else False. 0:
        creates one if there is none."""
        cdef tg_set_options options
        cdef uint64_t published = 0
        cdef tg_status status
        if isinstance(version, bool) or not isinstance(version, int):
            raise TypeError(f"a version is an int, not {type(version).__name__}")
        if not 0 <= version < 1 << 64:
            self.checked_key(key)
            return False
        options.mode = TG_SET_IF_VERSION
        options.if_version = version
        if not self.expiry_of(ttl, &options.expiry):
            options.expiry = 1  # over since the first tenth of a second of the store
        status = self.put(key, value, &options, &published, NULL)
        if status in (TG_EXISTS, TG_MISMATCH, TG_ABSENT):
            return False
        if status != TG_OK:
            self.raise_status(status, key)
        return True

    def raw_replace(self, key, version, expiry, value):
        """Stores a value if the version is still there (0: if absent), with a raw expiry."""
        cdef tg_set_options options
        cdef uint64_t published = 0
        cdef tg_status status
        options.mode = TG_SET_IF_VERSION
        options.if_version = version
        options.expiry = expiry
        status = self.put(key, value, &options, &published, NULL)
        if status in (TG_EXISTS, TG_MISMATCH, TG_ABSENT):
            return False
        if status != TG_OK:
            self.raise_status(status, key)
        return True

    def raw_item(self, key):
        """(value, version, raw expiry); KeyError."""
        cdef tg_info info
        data = self.copied(key, &info)
        return self.decoded(info.codec, data, key), info.version, info.expiry

    cdef bint remove(self, object key) except *:
        """Removes a value; False when there is none."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            if patience.until == PASSED:
                status = tg_delete(self.store, &tg_hint, name, NULL, NULL, &info, PASSED)
            else:
                with nogil:
                    status = tg_delete(attachment.store, &tg_hint, name, NULL, NULL, &info,
                                       patience.until)
            if status == TG_OK:
                return True
            if status == TG_ABSENT:
                return False
            if not self.again(status, &patience):
                self.raise_status(status, key)

    def raw_take(self, key):
        """Removes a value and returns it decoded, in one step; KeyError."""
        cdef tg_key name
        cdef tg_info info
        cdef tg_status status
        cdef tg_taking taking
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        key_of(key, &name)
        taking.bytes = NULL
        taking.size = 0
        taking.known = self.known
        taking.always = CODEC_PLAIN
        taking.tried = 0
        tried = None
        try:
            while True:
                if self.store == NULL:
                    self.raise_closed()
                taking.refused = TG_READ_FINE
                with nogil:
                    status = tg_delete(attachment.store, &tg_hint, name, tg_take_raw, &taking,
                                       &info, patience.until)
                if status == TG_OK:
                    if taking.codec > taking.always:
                        return tried
                    return self.decoded(taking.codec, taking.bytes[:taking.size], key)
                if status == TG_ABSENT:
                    raise KeyError(key)
                if taking.refused == TG_READ_NO_CODEC:
                    self.decoded(taking.codec, b"", key)
                if taking.refused == TG_READ_UNTRIED:
                    tried, taking.tried, _ = self.raw_item(key)
                    PyErr_CheckSignals()  # others may replace it each time
                    continue
                if taking.refused == TG_READ_NO_MEMORY:
                    raise MemoryError(f"no memory for a copy of {key!r}")
                if not self.again(status, &patience):
                    self.raise_status(status, key)
        finally:
            PyMem_RawFree(taking.bytes)

    def drop(self, key, /):
        """Removes a node with all below it; None is all below the root."""
        cdef tg_key name
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        node_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            with nogil:
                status = tg_drop(attachment.store, &tg_hint, name, patience.until)
            if status == TG_OK:
                return True
            if status == TG_ABSENT:
                return False
            if not self.again(status, &patience):
                self.raise_status(status, key)

    def raw_rename(self, source, target, replace):
        """Moves a node: the core's status, TG_OK, TG_ABSENT, TG_EXISTS or TG_INVALID, by name."""
        cdef tg_key old
        cdef tg_key new
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef bint over = replace
        cdef Patience patience = no_wait()
        key_of(source, &old)
        key_of(target, &new)
        while True:
            if self.store == NULL:
                self.raise_closed()
            with nogil:
                status = tg_rename(attachment.store, &tg_hint, old, new, over, patience.until)
            if status in (TG_OK, TG_ABSENT, TG_EXISTS):
                return tg_status_name(status).decode()
            if status == TG_INVALID and not why_invalid(source) and not why_invalid(target):
                return "TG_INVALID"
            if not self.again(status, &patience):
                self.raise_status(status, target if why_invalid(target) else source)

    def touch(self, key, ttl):
        """Sets the time to live of a value; False when there is none."""
        cdef tg_key name
        cdef tg_status status
        cdef uint32_t expiry = 0
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        if not self.expiry_of(ttl, &expiry):
            return self.remove(key)
        key_of(key, &name)
        while True:
            if self.store == NULL:
                self.raise_closed()
            with nogil:
                status = tg_touch(attachment.store, &tg_hint, name, expiry, patience.until)
            if status == TG_OK:
                return True
            if status == TG_ABSENT:
                return False
            if not self.again(status, &patience):
                self.raise_status(status, key)
