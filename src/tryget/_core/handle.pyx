# SPDX-License-Identifier: Apache-2.0
"""What every call needs: the attachment, the caller's choices, how waits and answers are dealt
with."""

cdef enum:
    # Copies of this size take as long as two hand-overs of the interpreter lock (90 ns), times 50.
    NOGIL_BYTES = 65536
    PASSED = 1  # a deadline in the past
    # A signal that comes between two sleeps of the core ends no sleep: waits are taken in slices.
    SLICE_NS = 25_000_000


cdef struct Patience:
    uint64_t until  # what the core is told
    uint64_t end  # the caller's own limit; 0 before the first wait
    uint64_t work_ns  # what an attempt takes by itself
    bint tidied  # and so a full store is full


cdef inline Patience no_wait() noexcept:
    """For the first attempt: the core does not wait at all."""
    cdef Patience patience
    patience.until = PASSED
    patience.end = 0
    patience.work_ns = 0
    patience.tidied = False
    return patience


# The collector would take its parts away one by one; `__dealloc__` needs them. Cycles through
# a handle are broken at the table of values, or at the codec's own objects.
@cython.no_gc_clear
cdef class Handle:
    """An attachment with the caller's choices; what all calls need."""

    cdef Attachment attachment
    cdef tg_store *store  # NULL once closed
    cdef Table *table  # of `kept`; NULL: nothing is kept, now. Another thread may close us
    cdef Kept kept  # so look at its table where that may be; once there, it stays
    cdef bint anew  # no object is returned again
    cdef uint64_t reader  # what others that decode as we do have too
    cdef bint reuses_all
    cdef uint64_t timeout_ns
    cdef bint native
    cdef object encode
    cdef object missing
    cdef tuple decoders
    cdef uint32_t view_from[256]
    cdef unsigned char known[256]
    cdef object __weakref__

    def __init__(self, Attachment attachment not None, timeout, coding, reuse, budget=None):
        cdef int i
        self.leave()
        self.timeout_ns = nanoseconds(timeout)
        self.native = coding.native
        self.encode = coding.encode
        self.missing = coding.missing
        self.decoders = coding.decoders
        for i in range(256):
            self.known[i] = self.decoders[i] is not None
            # Without pins: large values are copied without the interpreter lock.
            self.view_from[i] = NOGIL_BYTES if attachment.readonly else coding.view_from[i]
        self.attachment = attachment
        self.store = attachment.store
        self.reuses_all = reuse == "always"
        self.reader = 2 * <uint64_t>coding.serial + self.reuses_all
        self.anew = reuse == "never"
        if budget != 0 and not (self.anew and TG_THREADS_RUN_FREELY):
            self.kept = join_table(self.store, self.anew,
                                   FREE_BUDGET if budget is None else <uint64_t>budget)
            self.table = &self.kept.table

    def __dealloc__(self):
        self.leave()

    cdef int leave(self) except -1:
        """Lets go of the table of values."""
        cdef Kept kept = None
        with cython.critical_section(self):
            if self.table != NULL:
                kept = self.kept
                self.table = NULL
        if kept is not None:
            leave_table(kept)
        return 0

    @property
    def closed(self):
        """Whether `close` was called."""
        return self.store == NULL

    @property
    def path(self):
        """The file of the store."""
        return self.attachment.path

    @property
    def readonly(self):
        """Whether it was opened with `readonly=True`."""
        return bool(self.attachment.readonly)

    def raise_if_closed(self):
        """StoreClosed after `close`."""
        if self.store == NULL:
            self.raise_closed()

    @property
    def uuid(self):
        """What tells this store from an earlier one of the same name."""
        return self.attachment.uuid

    def raw_close(self):
        """Lets go of the attachment; pins keep it."""
        cdef Attachment label
        self.store = NULL
        self.leave()
        if not TG_THREADS_RUN_FREELY:  # else a thread might be in a call: the last one lets go
            label = Attachment.__new__(Attachment)
            label.path = self.attachment.path
            label.uuid = self.attachment.uuid
            label.readonly = self.attachment.readonly
            self.attachment = label

    cdef int raise_closed(self) except -1:
        raise StoreClosed(f"{self.attachment} was closed: open it again")

    def checked_key(self, key):
        """The key as a plain str, or what a call with it would raise."""
        cdef tg_key name
        key_of(key, &name)
        problem = why_invalid(key)
        if problem:
            raise InvalidKey(f"{self.attachment}: {problem}")
        return exact(key)

    cdef bint awake(self, tg_status status) except *:
        """Whether a call without a deadline should be made again."""
        if status == TG_INTERRUPTED:
            PyErr_CheckSignals()
            return True
        if status == TG_CLOSED and self.store != NULL:  # in a forked child
            status = tg_store_after_fork(self.store)
            if status == TG_OK:
                return True
            self.raise_status(status, None)
        return False

    cdef bint again(self, tg_status status, Patience *patience) except *:
        """Whether a call should be made again, and until when it may wait then."""
        cdef uint64_t now
        if status == TG_FULL and not patience.tidied:
            patience.tidied = True  # what the dead have left may be enough
            return self.tidied()
        if status not in (TG_TIMEOUT, TG_BUSY, TG_NO_CONTEXT):
            return self.awake(status)
        if self.store == NULL:
            self.raise_closed()
        now = tg_monotonic_ns(self.store)
        if patience.end == 0:
            patience.end = now + self.timeout_ns if self.timeout_ns < FOREVER - now else FOREVER
        else:
            PyErr_CheckSignals()
            if now >= patience.end:
                return False
        patience.until = min(patience.end, now + SLICE_NS + patience.work_ns)
        return True

    cdef bint tidied(self) except *:
        try:
            self.raw_tidy()
        except TimeoutError:
            return False
        return True

    cdef int raise_status(self, tg_status status, object key) except -1:
        """The exception for an answer of the core."""
        where = f"{self.attachment}" if key is None else f"{self.attachment}: {key!r}"
        problem = why_invalid(key) if status == TG_INVALID else ""
        if problem:
            raise InvalidKey(f"{self.attachment}: {problem}")
        if status == TG_CLOSED:
            self.raise_closed()
        if status == TG_READ_ONLY:
            raise ReadOnly(f"{where}: it was opened with readonly=True: open it without, for that")
        if status in (TG_TIMEOUT, TG_BUSY, TG_NO_CONTEXT):
            raise TimeoutError(
                f"{where}: another process held what this call needs for "
                f"{self.timeout_ns / 1e9:g} s; nothing was changed: is it stopped? Try again"
            )
        if status == TG_FULL:
            raise StoreFull(f"{where}: no room is left{self.taken()}: delete something, use a "
                            "larger store, or free space in its file system")
        if status == TG_PINS_FULL:
            raise StoreFull(f"{where}: this process holds as many pins as it may: release some")
        if status == TG_NO_PROCESS:
            raise TooManyProcesses(f"{where}: max_processes are attached already: close one")
        if status == TG_CORRUPT:
            raise StoreCorrupt(f"{where}: the store is damaged: see verify(), then unlink it")
        if status == TG_EXISTS:
            raise KeyExists(f"{where}: the key is taken: use replace=True")
        if status == TG_SYSTEM:
            code = tg_store_last_error(self.store) if self.store != NULL else 0
            raise Error(f"{where}: a system call failed: {os.strerror(code)}")
        raise Error(f"{where}: {tg_status_name(status).decode()}")

    cdef str taken(self):
        """How much of its limit the store has: what is less may be all that there is."""
        cdef usage_t usage
        if self.store == NULL or tg_usage_of(self.store, &tg_hint, &usage) != TG_OK:
            return ""
        taken = usage.committed_bytes / (1 << 20)
        return f" ({taken:.1f} of {usage.limit / (1 << 20):.1f} MiB are taken)"

    def raw_tidy(self, seconds=None):
        """Finishes what is pending: deaths, dropped subtrees, memory on its way back. Waits for
        others as any call, or so many seconds; TimeoutError."""
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Patience patience = no_wait()
        patience.tidied = True
        if seconds is not None:
            self.raise_if_closed()
            patience.end = tg_monotonic_ns(self.store) + nanoseconds(seconds)
        while True:
            if self.store == NULL:
                self.raise_closed()
            with nogil:
                status = tg_tidy(attachment.store, &tg_hint, patience.until)
            if status == TG_OK:
                return
            if not self.again(status, &patience):
                self.raise_status(status, None)
