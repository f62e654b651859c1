# SPDX-License-Identifier: Apache-2.0
"""What a handle looks up in the table of what is known, and what it has kept there. A slot is used
before any Python code can run: that may change the table."""

cdef enum:
    CODEC_OWN_MAX = 5  # up to here all decode alike; what can't be decoded is damaged
    OBJECT_BYTES = 4  # a guess: of a decoded object, for each stored byte
    BYTES_MAX = 1024  # of a value whose bytes are kept; more take longer to decode than to find
    HEAD_BYTES = 40  # of a bytes object
    NBYTES_MAX = 0x7fffffff


cdef inline const tg_known *place_of(const Slot *slot) noexcept:
    """Of KIND_PLACE."""
    return <const tg_known *>PyBytes_AS_STRING(<object>slot.value)


cdef inline tg_content content_of(const tg_info *info) noexcept:
    cdef tg_content content
    content.size = info.size
    content.version = info.version
    content.expiry = info.expiry
    content.codec = info.codec
    return content


cdef class Knower(Handle):
    """A handle with what is known of its store's keys."""

    cdef inline Slot *slot_by(self, object key) noexcept:
        """What is known of a key, until Python code runs; NULL: nothing."""
        if TG_THREADS_RUN_FREELY or self.table == NULL or not PyUnicode_CheckExact(key):
            return NULL
        return find_kept(self.table, self.store, <PyObject *>key, self.reader)

    cdef inline PyObject *reusable(self, object key, Slot **known) noexcept:
        """A value that was read before and still is the one, for `taken`; NULL: not known, but
        perhaps something else is."""
        known[0] = NULL
        if TG_THREADS_RUN_FREELY:
            if self.table == NULL or not PyUnicode_CheckExact(key):
                return NULL
            return self.kept.find(key, self.reader)
        known[0] = self.slot_by(key)
        if known[0] != NULL and known[0].kind == KIND_VALUE:
            return known[0].value
        return NULL

    # Who could read is not to fail for want of memory to remember it.

    cdef int keep(self, object key, tg_key name, object value, object data,
                  tg_content info) except -1:
        """Keeps a value for the next read, if what it is and our `reuse` allow; or its bytes
        (`data`, or None), if they are few."""
        try:
            self.try_keep(key, name, value, data, info)
        except MemoryError:
            pass
        return 0

    cdef int keep_place(self, object key, tg_key name, const tg_pin *pin) except -1:
        """Keeps where a value that was pinned lies, if its key is pinned again."""
        try:
            self.try_keep_place(key, name, pin)
        except MemoryError:
            pass
        return 0

    cdef int keep_absence(self, object key, tg_key name) except -1:
        """Keeps that a key has no value, if it is asked for again."""
        try:
            self.try_keep_absence(key, name)
        except MemoryError:
            pass
        return 0

    cdef bint token_of(self, tg_key name, uint64_t version, Slot *fresh):
        """The token for a version of a key; False: it has another one by now, or none."""
        cdef tg_info now
        cdef tg_store *store = self.store
        if store == NULL:  # closed by a decoder, a finalizer, another thread
            return False
        return (tg_get_with_token(store, &tg_held_hint, name, NULL, NULL, &now, &fresh.token)
                == TG_OK and fresh.token.lock != NULL and now.version == version)

    cdef int try_keep(self, object key, tg_key name, object value, object data,
                      tg_content info) except -1:
        cdef Kept kept = self.kept
        cdef Slot fresh
        cdef int64_t nbytes = CHANGEABLE
        fresh.kind = KIND_VALUE
        fresh.reader = EVERY_READER if info.codec <= CODEC_OWN_MAX else self.reader
        if not self.anew:
            nbytes = fixed_bytes(value)
            if nbytes == CHANGEABLE and self.reuses_all:
                fresh.reader = self.reader
                nbytes = <int64_t>info.size * OBJECT_BYTES
        if (nbytes == CHANGEABLE and not TG_THREADS_RUN_FREELY and data is not None
                and info.size <= BYTES_MAX and (self.anew or is_lucky(&kept.table))):
            fresh.kind = KIND_BYTES
            fresh.codec = <uint16_t>info.codec
            nbytes = <int64_t>info.size + HEAD_BYTES
            value = data
        if nbytes == CHANGEABLE:
            if kept.table.stale:
                kept.drop(exact(key))
            return 0
        if fresh.kind == KIND_BYTES and not self.anew and kept.has_value(exact(key)):
            return 0
        if not kept.admits(exact(key), DOOR_SOON if fresh.kind == KIND_BYTES else DOOR_OPEN):
            return 0
        if self.token_of(name, info.version, &fresh):
            fresh.nbytes = <uint32_t>min(nbytes, <int64_t>NBYTES_MAX)
            kept.keep(exact(key), value, &fresh)
        return 0

    cdef int try_keep_place(self, object key, tg_key name, const tg_pin *pin) except -1:
        cdef Kept kept = self.kept
        cdef Slot fresh
        cdef tg_known known
        if TG_THREADS_RUN_FREELY:
            return 0
        if kept.has_value(exact(key)):
            return 0
        if not kept.admits(exact(key), DOOR_LATER):
            return 0
        if self.token_of(name, pin.info.version, &fresh):
            known.bytes = pin.bytes
            known.info = pin.info
            known.object = pin.object
            fresh.kind = KIND_PLACE
            fresh.codec = <uint16_t>pin.info.codec
            fresh.reader = EVERY_READER
            fresh.nbytes = sizeof(known) + HEAD_BYTES
            kept.keep(exact(key), PyBytes_FromStringAndSize(<char *>&known, sizeof(known)), &fresh)
        return 0

    cdef int try_keep_absence(self, object key, tg_key name) except -1:
        cdef Kept kept = self.kept
        cdef Slot fresh
        cdef tg_absence absence
        cdef object above = None
        cdef tg_store *store
        if kept.table.stale:
            kept.drop(exact(key))
        if TG_THREADS_RUN_FREELY or not kept.admits(exact(key), DOOR_LATER):
            return 0
        store = self.store
        if store == NULL:  # closed by the finalizer of what was dropped
            return 0
        if tg_absence_find(store, &tg_held_hint, name, &absence) == TG_OK:
            if absence.above != NULL:
                above = PyBytes_FromStringAndSize(<char *>&absence, sizeof(absence))
            fresh.kind = KIND_ABSENT
            fresh.codec = 0
            fresh.reader = EVERY_READER
            fresh.token = absence.token
            fresh.nbytes = sizeof(absence) + HEAD_BYTES
            kept.keep(exact(key), above, &fresh)
        return 0
