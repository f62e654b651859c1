# SPDX-License-Identifier: Apache-2.0
"""Builds: the one caller who makes a missing value, and those who wait for it."""

cdef extern from *:
    """
    /* Is the builder this very thread? Then nobody would make the value while it sleeps. */
    static int tg_wait_is_here(const struct tg_store *store, const struct tg_awaited *wait) {
        const struct tg_local *local = &store->local;
        return wait->process == local->process && wait->generation == local->process_generation &&
               wait->thread == local->os->ops->thread_id(local->os);
    }
    """
    int tg_wait_is_here(const tg_store *store, const tg_awaited *wait)

cdef enum:
    FEW_BUILDS = 8

cdef object NO_VALUE = object()


@cython.final
@cython.no_gc
cdef class BuildTicket:
    """The right to make the value of a key. One that is lost is given up."""

    cdef Attachment attachment
    cdef tg_build build

    def __cinit__(self):
        self.build.token = 0

    def __dealloc__(self):
        # Without a wait: a thread that is collecting garbage may be anywhere.
        if self.build.token != 0 and self.attachment is not None:
            if tg_build_abort(self.attachment.store, &tg_hint, &self.build, PASSED) != TG_OK:
                tg_build_leave(self.attachment.store, &self.build)

    @property
    def is_open(self):
        """Whether it was neither published nor given up."""
        return self.build.token != 0


@cython.final
@cython.no_gc
cdef class BuildWait:
    """Somebody else is making the value."""

    cdef tg_awaited wait
    cdef readonly bint is_here  # by this thread


cdef class Builds:
    """The tickets that a caller is in the middle of, as the core takes them."""

    cdef tg_build few[FEW_BUILDS]
    cdef tg_build *all
    cdef size_t count

    def __cinit__(self, tickets, Attachment attachment not None):
        cdef BuildTicket ticket
        cdef size_t room = len(tickets)
        self.all = self.few
        if room > FEW_BUILDS:
            self.all = <tg_build *>calloc(room, sizeof(tg_build))
            if self.all == NULL:
                raise MemoryError()
        for ticket in tickets:
            if ticket.attachment.store == attachment.store and ticket.build.token != 0:
                self.all[self.count] = ticket.build
                self.count += 1

    def __dealloc__(self):
        if self.all != self.few:
            free(self.all)


cdef class Builder(Writer):
    """The calls round a missing value. `own`: tickets of builds that the caller is inside of."""

    def get_or_create(self, key, factory, *, ttl=None, timeout=None, lease=None, absent_ttl=60.0):
        """The value of a key. When it is absent, one caller of all processes calls `factory()` and
        stores for `ttl` seconds what that returns; the others wait for it.

        timeout     seconds to wait for the builder of another; then TimeoutError
        lease       seconds after which a builder that is not done has a successor
        absent_ttl  seconds that it is remembered that the factory returned ABSENT
        """
        cdef Slot *slot = NULL
        cdef PyObject *found = self.reusable(key, &slot)
        if found != NULL:
            return taken(found)
        value = self.read_by(slot, key, False, NO_VALUE)
        if value is not NO_VALUE:
            return value
        return self.raw_create(key, factory, ttl, timeout, lease, absent_ttl)

    def raw_check_ttl(self, what, seconds):
        """Whether a time to live is not over at once; TypeError, ValueError."""
        cdef uint32_t expiry = 0
        return self.expiry_of(seconds, &expiry, what)

    def raw_build_begin(self, key, own, lease=None):
        """("mine", ticket), ("wait", wait), ("there", None) or ("absent", None)."""
        cdef tg_key name
        cdef tg_build_options options
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef BuildTicket ticket = BuildTicket.__new__(BuildTicket)
        cdef BuildWait wait = BuildWait.__new__(BuildWait)
        cdef Patience patience = no_wait()
        cdef Builds builds
        key_of(key, &name)
        if not self.expiry_of(lease, &options.lease, "lease"):
            raise ValueError(f"lease is more than 0 seconds or None, not {lease!r}")
        while True:
            if self.store == NULL:
                self.raise_closed()
            builds = Builds(own, attachment)
            options.own = builds.all
            options.own_count = builds.count
            options.deadline_ns = patience.until
            ticket.attachment = attachment
            with nogil:
                status = tg_build_begin(attachment.store, &tg_hint, name, &options, &ticket.build,
                                        &wait.wait)
            if status == TG_OK:
                return "mine", ticket
            if status == TG_EXISTS:
                return "there", None
            if status == TG_ABSENT:
                return "absent", None
            if status == TG_BUSY:
                wait.is_here = tg_wait_is_here(attachment.store, &wait.wait)
                return "wait", wait
            if status == TG_RECURSION:
                self.raise_recursion(key)
            if not self.again(status, &patience):
                self.raise_status(status, key)

    cdef int raise_recursion(self, object key) except -1:
        raise RecursionError(
            f"{self.attachment}: the value of {key!r} is needed to make itself, perhaps by way of "
            "others: let a factory ask for other keys only"
        )

    def raw_build_wait(self, BuildWait wait not None, own, seconds, key=None):
        """Sleeps until that build may have ended: 40 ms at most, and not longer than that."""
        cdef tg_build_options options
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        cdef Builds builds
        cdef uint64_t limit = nanoseconds(seconds)
        cdef uint64_t now
        if self.store == NULL:
            self.raise_closed()
        builds = Builds(own, attachment)
        now = tg_monotonic_ns(attachment.store)
        options.lease = 0
        options.own = builds.all
        options.own_count = builds.count
        options.deadline_ns = now + limit if limit < FOREVER - now else FOREVER
        with nogil:
            status = tg_build_wait(attachment.store, &tg_hint, &wait.wait, &options)
        if status == TG_RECURSION:
            self.raise_recursion(key)
        if status not in (TG_OK, TG_TIMEOUT, TG_NO_CONTEXT, TG_CLOSED):
            if not self.awake(status):
                self.raise_status(status, key)
        PyErr_CheckSignals()  # one may have come before the sleep

    def raw_build_publish(self, BuildTicket ticket not None, key, value, ttl=None):
        """Stores the value; False when it is not stored: too late, or the ttl is over at once."""
        cdef tg_set_options options
        cdef uint64_t version = 0
        cdef tg_status status
        options.mode = TG_SET_IF_ABSENT
        options.if_version = 0
        if ticket.build.token == 0:
            return False
        if not self.expiry_of(ttl, &options.expiry):
            self.end_build(ticket, NULL)
            return False
        status = self.put(key, value, &options, &version, &ticket.build)
        if status not in (TG_OK, TG_ABSENT, TG_EXISTS):
            self.raise_status(status, key)
        ticket.build.token = 0
        return status == TG_OK

    def raw_build_abort(self, BuildTicket ticket not None):
        """Gives a build up; the next one who wants the value makes it."""
        self.end_build(ticket, NULL)

    def raw_build_absent(self, BuildTicket ticket not None, ttl):
        """Notes that there is no value."""
        cdef uint32_t expiry = 0
        if self.expiry_of(ttl, &expiry):
            self.end_build(ticket, &expiry)
        else:
            self.end_build(ticket, NULL)

    cdef int end_build(self, BuildTicket ticket, const uint32_t *expiry) except -1:
        """Also when the store was closed meanwhile: others wait."""
        cdef tg_status status
        cdef Attachment attachment = ticket.attachment
        cdef uint64_t end = 0
        cdef uint64_t until = PASSED
        cdef uint64_t now
        while ticket.build.token != 0:
            with nogil:
                if expiry != NULL:
                    status = tg_build_absent(attachment.store, &tg_hint, &ticket.build, expiry[0],
                                             until)
                else:
                    status = tg_build_abort(attachment.store, &tg_hint, &ticket.build, until)
            if status in (TG_OK, TG_ABSENT, TG_CLOSED, TG_CORRUPT):
                ticket.build.token = 0
                return 0
            PyErr_CheckSignals()  # what it raises leaves the ticket to its end
            now = tg_monotonic_ns(attachment.store)
            if end == 0:
                end = now + self.timeout_ns if self.timeout_ns < FOREVER - now else FOREVER
            elif now >= end:
                break
            until = min(end, now + SLICE_NS)
        if ticket.build.token != 0:
            tg_build_leave(attachment.store, &ticket.build)
            ticket.build.token = 0
        return 0
