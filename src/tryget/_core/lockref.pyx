# SPDX-License-Identifier: Apache-2.0
"""LockRef: the lock and reference word, in private memory or in any buffer that processes share.

Each operation is tried once with the interpreter lock held and without waiting; only a lock that
somebody else holds leads to sleep, in slices, so that signals are seen.
"""

import mmap
import warnings

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdlib cimport calloc, free

from tryget._errors import CountOverflow, LockRefError

cdef extern from *:
    """
    #include "os/linux_fork.h"
    #include "parts/buffer_ref.h"

    /* Clocks, futexes and threads; it has no files. */
    static struct tg_os_linux tg_plain_os;

    static void tg_plain_os_init(void) { tg_linux_init(&tg_plain_os); }

    enum {
        TG_DO_GET,
        TG_DO_GET_NOT_ZERO,
        TG_DO_GET_NOT_DEAD,
        TG_DO_PUT,
        TG_DO_PUT_NOT_ZERO,
        TG_DO_PUT_OR_LOCK,
        TG_DO_LOCK
    };

    /* `number`: the count that a put left, or whether the lock is held. */
    static tg_status tg_lockref_do(struct tg_bufref *ref, int operation, uint64_t me,
                                   uint64_t deadline_ns, uint32_t *number) {
        bool locked = false;
        tg_status status = TG_INVALID;
        switch (operation) {
        case TG_DO_GET:
        case TG_DO_GET_NOT_DEAD: return tg_bufref_get(ref, me, deadline_ns);
        case TG_DO_GET_NOT_ZERO: return tg_bufref_get_not_zero(ref, me, deadline_ns);
        case TG_DO_PUT: return tg_bufref_put(ref, me, deadline_ns, number);
        case TG_DO_PUT_NOT_ZERO: return tg_bufref_put_not_last(ref, me, deadline_ns);
        case TG_DO_LOCK: return tg_bufref_lock(ref, me, deadline_ns);
        case TG_DO_PUT_OR_LOCK:
            status = tg_bufref_put_or_lock(ref, me, deadline_ns, &locked);
            *number = locked;
        }
        return status;
    }

    static uint32_t tg_lockref_holder_process(const struct tg_bufref *ref) {
        uint32_t process = tg_bufref_owner(tg_bufref_word(ref)) & 0xfff;
        if (ref->store == NULL || process >= ref->store->local.header.process_count) return 0;
        return tg_load_relaxed32(&ref->store->local.processes[process].pid);
    }
    """
    struct tg_os:
        pass
    struct tg_os_linux:
        tg_os os
    struct tg_bufref:
        pass
    ctypedef struct tg_a64:
        pass

    tg_os_linux tg_plain_os
    void tg_plain_os_init()
    uint64_t tg_linux_thread() nogil
    uint64_t tg_linux_monotonic_ns() nogil

    enum:
        TG_DO_GET
        TG_DO_GET_NOT_ZERO
        TG_DO_GET_NOT_DEAD
        TG_DO_PUT
        TG_DO_PUT_NOT_ZERO
        TG_DO_PUT_OR_LOCK
        TG_DO_LOCK
        TG_BUFREF_COUNT_MAX

    tg_status tg_lockref_do(tg_bufref *ref, int operation, uint64_t me, uint64_t deadline_ns,
                            uint32_t *number) nogil
    uint32_t tg_lockref_holder_process(const tg_bufref *ref)
    tg_status tg_bufref_init(tg_bufref *self, tg_a64 *word, tg_os *system, tg_store *store,
                             bool_t is_private)
    bool_t tg_bufref_abandon(tg_bufref *self, uint64_t me)
    tg_status tg_bufref_unlock(tg_bufref *self, uint64_t me)
    tg_status tg_bufref_mark_dead(tg_bufref *self, uint64_t me)
    uint64_t tg_bufref_word(const tg_bufref *self)
    uint32_t tg_bufref_count(uint64_t word)
    uint32_t tg_bufref_owner(uint64_t word)
    bool_t tg_bufref_orphaned(uint64_t word)
    bool_t tg_word_dead(uint64_t word)

tg_plain_os_init()


cdef int attach_after_fork(Attachment attachment) except -1:
    cdef tg_status status
    with nogil:
        status = tg_store_after_fork(attachment.store)
    if status != TG_OK:
        raise Error(f"{attachment}: this forked child can't attach to it: "
                    f"{tg_status_name(status).decode()}")


cdef class LockRef:
    """LockRef(buffer=None, offset=0, *, store=None)
--

    A lock and a reference count in one 8-byte word.

    >>> import tryget
    >>> ref = tryget.LockRef()
    >>> ref.get()
    >>> ref.get_not_zero(), ref.count
    (True, 2)
    >>> ref.put()
    1
    >>> ref.put_or_lock()              # the last one: unchanged, and the lock is ours
    False
    >>> ref.put(), ref.mark_dead(), ref.unlock()
    (0, None, None)
    >>> ref.get_not_dead(), ref.is_dead
    (False, True)

    buffer  any writable buffer; the word is its 8 bytes from `offset` on, aligned to 8. None: a
            word of this object's own
    store   holders are named by their processes in this store, so that a dead one is noticed.
            All users of the word name the same store. Without a buffer the word is shared with
            forked children
    """

    cdef tg_bufref ref
    cdef Py_buffer view
    cdef void *own
    cdef Attachment attachment  # keeps the store mapped, and this process alive in it
    cdef Py_ssize_t waiters
    cdef bint ready
    cdef bint closed
    cdef object __weakref__

    def __init__(self, buffer=None, offset=0, *, store=None):
        if self.ready or self.closed:
            raise LockRefError("a LockRef is initialised once: make another one")
        cdef Py_ssize_t place = offset
        if buffer is None and place != 0:
            raise ValueError("an offset needs a buffer")
        if store is not None:
            self.take_store(store)
            if buffer is None:
                buffer = mmap.mmap(-1, mmap.PAGESIZE)
        if buffer is None:
            self.own = calloc(1, 8)
            if self.own == NULL:
                raise MemoryError()
            self.take_word(self.own)
            return
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if place < 0 or place > self.view.len - 8:
                raise ValueError(
                    f"8 bytes from offset {place} on are not within a buffer of {self.view.len}"
                )
            self.take_word(<char *>self.view.buf + place)
        except BaseException:
            PyBuffer_Release(&self.view)
            raise

    cdef int take_store(self, store) except -1:
        if not isinstance(store, Handle):
            raise TypeError(f"store is a tryget.Store, not {type(store).__name__}")
        if (<Handle>store).store == NULL:
            (<Handle>store).raise_closed()
        if (<Handle>store).attachment.readonly:
            raise ReadOnly(f"{store!r} has no process entry, by which others notice a death: open "
                           "it without readonly=True")
        self.attachment = (<Handle>store).attachment

    cdef int take_word(self, void *word) except -1:
        cdef tg_store *store = NULL if self.attachment is None else self.attachment.store
        cdef bint private = self.own != NULL
        cdef tg_status status = tg_bufref_init(&self.ref, <tg_a64 *>word, &tg_plain_os.os, store,
                                               private)
        if status == TG_INVALID:
            raise ValueError("the word's address is not a multiple of 8: choose another offset")
        if status == TG_BUSY:
            raise LockRefError(
                "the word is locked by a user without a store: all users must name the same one"
            )
        if status == TG_MISMATCH:
            self.raise_mismatch()
        self.ready = True

    def __dealloc__(self):
        # Nobody waits: a waiter holds a reference.
        if self.ready:
            tg_bufref_abandon(&self.ref, tg_linux_thread())
            self.let_go()

    def __del__(self):
        if self.ready and tg_bufref_owner(tg_bufref_word(&self.ref)) and self.abandon():
            warnings.warn(
                "a LockRef was dropped with its lock held: unlock it", ResourceWarning, source=self
            )

    cdef bint abandon(self):
        return tg_bufref_abandon(&self.ref, tg_linux_thread())

    cdef void let_go(self) noexcept:
        self.ready = False
        if self.own != NULL:
            free(self.own)
            self.own = NULL
        else:
            PyBuffer_Release(&self.view)

    def close(self):
        """Lets go of the buffer, when no thread waits any more. Again: nothing happens."""
        with cython.critical_section(self):
            self.closed = True
            if self.ready and self.abandon():
                warnings.warn(
                    "a LockRef was closed with its lock held: unlock it", ResourceWarning,
                    source=self, stacklevel=1,
                )
            if self.ready and self.waiters == 0:
                self.let_go()

    cdef int check_open(self) except -1:
        if self.closed or not self.ready:
            raise ValueError("the LockRef was closed")

    # ---- references --------------------------------------------------------------------------

    def get(self, *, timeout=None):
        """One reference more; LockRefError when the word is dead."""
        if self.perform(TG_DO_GET, timeout, NULL) == TG_DEAD:
            raise LockRefError("the word is dead: no new reference")

    def get_not_zero(self, *, timeout=None):
        """One reference more, if there is one and the word is not dead."""
        return self.perform(TG_DO_GET_NOT_ZERO, timeout, NULL) == TG_OK

    def get_not_dead(self, *, timeout=None):
        """One reference more, if the word is not dead."""
        return self.perform(TG_DO_GET_NOT_DEAD, timeout, NULL) == TG_OK

    def put(self, *, timeout=None):
        """One reference less; how many are left. LockRefError when there was none."""
        cdef uint32_t left = 0
        if self.perform(TG_DO_PUT, timeout, &left) == TG_INVALID:
            raise LockRefError("there is no reference to put: one was put twice")
        return left

    def put_or_lock(self, *, timeout=None):
        """One reference less: True; or, if it is the last: False, unchanged, with the lock held."""
        cdef uint32_t locked = 0
        if self.perform(TG_DO_PUT_OR_LOCK, timeout, &locked) == TG_EXISTS:
            self.raise_held()
        return locked == 0

    def put_not_zero(self, *, timeout=None):
        """One reference less, if it is not the last."""
        return self.perform(TG_DO_PUT_NOT_ZERO, timeout, NULL) == TG_OK

    # ---- the lock ----------------------------------------------------------------------------

    def lock(self, timeout=None):
        """Takes the lock; TimeoutError. See `is_orphaned` about holders that died."""
        if self.perform(TG_DO_LOCK, timeout, NULL) == TG_EXISTS:
            self.raise_held()

    def unlock(self):
        """Gives the lock back; LockRefError when this thread does not hold it."""
        cdef tg_status status
        with cython.critical_section(self):
            self.check_open()
            status = tg_bufref_unlock(&self.ref, tg_linux_thread())
        if status != TG_OK:
            raise LockRefError("this thread does not hold the lock through this LockRef")

    def __enter__(self):
        self.lock()
        return self

    def __exit__(self, kind, error, traceback):
        self.unlock()

    def mark_dead(self):
        """No new reference, ever; by the holder of the lock."""
        cdef tg_status status
        with cython.critical_section(self):
            self.check_open()
            status = tg_bufref_mark_dead(&self.ref, tg_linux_thread())
        if status != TG_OK:
            raise LockRefError("mark_dead is for the holder of the lock: lock() first")

    # ---- as it is now ------------------------------------------------------------------------

    cdef uint64_t word(self) except? 0:
        cdef uint64_t word
        with cython.critical_section(self):
            self.check_open()
            word = tg_bufref_word(&self.ref)
        return word

    @property
    def count(self):
        """How many references there are."""
        return tg_bufref_count(self.word())

    @property
    def is_locked(self):
        """Whether somebody holds the lock, dead or alive."""
        return tg_bufref_owner(self.word()) != 0

    @property
    def is_dead(self):
        """Whether `mark_dead` was called."""
        return bool(tg_word_dead(self.word()))

    @property
    def is_orphaned(self):
        """Whether a holder died, and nobody who locked since has unlocked: what the lock guards
        may be half done."""
        return bool(tg_bufref_orphaned(self.word()))

    def __repr__(self):
        if self.closed or not self.ready:
            return "<tryget.LockRef (closed)>"
        cdef uint64_t word = self.word()
        said = [f"count={tg_bufref_count(word)}"]
        if tg_bufref_owner(word):
            said.append("locked")
        if tg_word_dead(word):
            said.append("dead")
        if tg_bufref_orphaned(word):
            said.append("orphaned")
        return f"<tryget.LockRef {' '.join(said)}>"

    def __reduce__(self):
        raise TypeError("a LockRef is not pickled: send the name of its memory, and make one there")

    # ---- how it is done ------------------------------------------------------------------------

    cdef tg_status perform(self, int operation, timeout, uint32_t *number) except *:
        """TG_OK, or why the word refuses; raises what ends a wait."""
        cdef uint64_t me = tg_linux_thread()
        cdef uint64_t patience = FOREVER if timeout is None else nanoseconds(timeout)
        cdef tg_status status
        cdef bint reading = tg_sections_here(me) != 0 and in_section()
        if reading and operation in (TG_DO_LOCK, TG_DO_PUT, TG_DO_PUT_OR_LOCK):
            # Always, also where it would not wait, or not be the last: else nobody finds out.
            refuse_in_section("a LockRef is locked or put")
        with cython.critical_section(self):
            self.check_open()
            status = tg_lockref_do(&self.ref, operation, me, PASSED, number)
            if status in (TG_TIMEOUT, TG_INTERRUPTED, TG_CLOSED):
                if reading:
                    refuse_in_section("a LockRef that somebody has locked is waited for")
                status = self.wait(operation, me, patience, number)
        if status == TG_OVERFLOW:
            raise CountOverflow(f"a LockRef counts to {TG_BUFREF_COUNT_MAX}: is a put missing?")
        if status == TG_MISMATCH:
            self.raise_mismatch()
        return status

    cdef tg_status wait(self, int operation, uint64_t me, uint64_t patience,
                        uint32_t *number) except *:
        cdef tg_status status
        cdef uint64_t until, now = tg_linux_monotonic_ns()
        cdef uint64_t end = now + patience if patience < FOREVER - now else FOREVER
        self.waiters += 1
        try:
            while True:
                until = min(end, now + SLICE_NS)
                with nogil:
                    status = tg_lockref_do(&self.ref, operation, me, until, number)
                if status == TG_CLOSED:  # in a forked child
                    attach_after_fork(self.attachment)
                elif status not in (TG_TIMEOUT, TG_INTERRUPTED):
                    return status
                PyErr_CheckSignals()
                self.check_open()
                now = tg_linux_monotonic_ns()
                if now >= end:
                    self.raise_timeout(patience)
        finally:
            self.waiters -= 1
            if self.closed and self.waiters == 0 and self.ready:
                self.let_go()

    cdef int raise_held(self) except -1:
        raise LockRefError("this thread holds the lock already: it would wait for itself")

    cdef int raise_mismatch(self) except -1:
        raise LockRefError("the word's holders are processes of a store: all users of the word "
                           "must name that store")

    cdef int raise_timeout(self, uint64_t patience) except -1:
        cdef uint32_t owner = tg_bufref_owner(tg_bufref_word(&self.ref))
        if self.attachment is not None:
            who = f"process {tg_lockref_holder_process(&self.ref)}, which lives: is it stopped?"
        elif owner and not os.path.exists(f"/proc/{owner}"):
            who = (f"thread {owner}, which is not to be seen here: if it died, the lock stays "
                   "held; LockRef(store=...) takes it over")
        else:
            who = f"thread {owner}: is it stopped?"
        raise TimeoutError(f"the lock was held for {patience / 1e9:g} s, now by {who}")
