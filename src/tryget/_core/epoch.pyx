# SPDX-License-Identifier: Apache-2.0
"""Read sections: what a store's entries, or a table of one process, know of them; and whether the
running code is in one.

A section belongs to the thread that entered it and, under asyncio, to its task: another task of
the same thread is in no section because of it, nor is one that inherited its context.
"""

import contextvars
import sys

from cpython.contextvars cimport PyContextVar_Set, get_value_no_default

from tryget._errors import SectionError

cdef extern from *:
    """
    #include "parts/section.h"

    /* How many sections this thread has open, at most: whoever leaves one elsewhere can't say so
     * here. `me` tells a forked child from its parent. */
    static _Thread_local struct {
        uint64_t me;
        uint64_t count;
    } tg_here;

    static uint64_t tg_sections_here(uint64_t me) { return tg_here.me == me ? tg_here.count : 0; }

    static void tg_section_counted(uint64_t me, int step) {
        if (tg_here.me != me) tg_here.count = 0;
        tg_here.me = me;
        if (step > 0 || tg_here.count > 0) tg_here.count += (uint64_t)(int64_t)step;
    }

    static uint64_t tg_epoch_snapshot(struct tg_store *store) {
        return tg_section_snapshot(&store->local);
    }

    static tg_status tg_epoch_elapsed(struct tg_store *store, uint64_t cookie, uint32_t *pid) {
        uint32_t process = 0;
        if (!tg_store_usable(store)) return TG_CLOSED;
        tg_status status = tg_section_elapsed(&store->local, cookie, &process);
        *pid = tg_load_relaxed32(&store->local.processes[process].pid);
        return status;
    }
    """
    struct tg_section:
        uint32_t entry

    uint64_t tg_sections_here(uint64_t me)
    void tg_section_counted(uint64_t me, int step)
    uint64_t tg_epoch_snapshot(tg_store *store) nogil
    tg_status tg_epoch_elapsed(tg_store *store, uint64_t cookie, uint32_t *pid) nogil
    tg_status tg_section_enter(tg_store *store, uint32_t *hint, uint64_t deadline_ns,
                               tg_section *section) nogil
    bint tg_section_is_ours(const tg_store *store, const tg_section *section)
    void tg_section_leave(tg_store *store, tg_section *section)

cdef object current_section = contextvars.ContextVar("tryget.section", default=None)
cdef dict modules = sys.modules
cdef dict strays = {}  # thread: sections that others left for it
PROCESS_ONLY = 0x7fffffff  # the pid that a private epoch names


cdef object running_task():
    """The asyncio task that runs here, or None."""
    if "asyncio" not in modules:
        return None
    asyncio = modules["asyncio"]
    loop = asyncio._get_running_loop()
    return None if loop is None else asyncio.current_task(loop)


cdef uint64_t open_here(uint64_t me) except? 0xffffffff:
    """How many sections this thread has open, in all its tasks and generators."""
    cdef uint64_t count = tg_sections_here(me)
    if count != 0 and strays:
        count -= min(count, <uint64_t>strays.get(me, 0))
    return count


cdef bint in_section() except *:
    """Whether the running code, here and now, is in a section of any epoch."""
    cdef uint64_t me = tg_linux_thread()
    cdef Section section
    if tg_sections_here(me) == 0:
        return False
    section = get_value_no_default(current_section, None)
    while section is not None:
        if section.is_here(me):
            return True
        section = section.outer
    return False


cdef int refuse_in_section(str what) except -1:
    if in_section():
        raise SectionError(
            f"{what} inside a read section: it might wait for this very section; leave it first"
        )


def refuse_to_wait(str what not None, bint for_ever):
    """SectionError where `what` would wait for its own thread."""
    refuse_in_section(what)
    if for_ever and open_here(tg_linux_thread()) != 0:
        raise SectionError(
            f"{what} would wait for ever: another task of this thread is in a read section, and "
            "can't leave it meanwhile. Call it in another thread (asyncio.to_thread), or with a "
            "timeout"
        )


@cython.final
@cython.freelist(16)
cdef class Section:
    """A read section, from `with` to its end."""

    cdef RawEpoch epoch
    cdef tg_section section
    cdef uint64_t own  # the key in a private epoch
    cdef uint64_t me
    cdef object task
    cdef Section outer
    cdef bint began
    cdef bint ended

    def __init__(self):
        raise TypeError("a section is made by epoch.reading()")

    cdef bint is_here(self, uint64_t me) except *:
        if not self.began or self.ended or self.me != me:
            return False
        return self.task is running_task()

    def __enter__(self):
        cdef Section outer
        if self.began:
            raise SectionError("a section is entered once: call reading() again")
        self.epoch.begin(self)
        self.began = True
        self.me = tg_linux_thread()
        tg_section_counted(self.me, 1)
        self.task = running_task()
        outer = get_value_no_default(current_section, None)
        while outer is not None and (outer.ended or outer.me != self.me):
            outer = outer.outer
        self.outer = outer
        PyContextVar_Set(current_section, self)

    def __exit__(self, kind, error, traceback):
        if self.began and not self.ended:
            self.leave()

    cdef int leave(self) except -1:
        self.ended = True
        self.epoch.end(self)
        cdef uint64_t me = tg_linux_thread()
        if me == self.me:
            tg_section_counted(me, -1)
        elif me >> 32 == self.me >> 32:
            with cython.critical_section(strays):
                strays[self.me] = strays.get(self.me, 0) + 1
        if get_value_no_default(current_section, None) is self:
            PyContextVar_Set(current_section, self.outer)
        self.outer = None

    def __del__(self):
        # A section that is dropped, with its context for example, is over.
        if self.began and not self.ended:
            self.leave()

    def __repr__(self):
        state = "ended" if self.ended else "open" if self.began else "not begun"
        return f"<tryget read section, {state}>"


cdef class RawEpoch:
    """Sections and cookies of a store; without one, of this process."""

    cdef Attachment attachment
    cdef tg_store *store  # NULL: private
    cdef uint64_t timeout_ns
    cdef object table  # of a private epoch
    cdef object __weakref__

    def __init__(self, store, table):
        if store is None:
            self.table = table
            return
        if not isinstance(store, Handle):
            raise TypeError(f"store is a tryget.Store, not {type(store).__name__}")
        if (<Handle>store).store == NULL:
            (<Handle>store).raise_closed()
        if (<Handle>store).attachment.readonly:
            raise ReadOnly(f"{store!r} has no process entry, by which others know of a section: "
                           "open it without readonly=True")
        self.attachment = (<Handle>store).attachment
        self.store = self.attachment.store
        self.timeout_ns = (<Handle>store).timeout_ns

    def reading(self):
        """A read section, as a context manager; it may be nested, and may last."""
        cdef Section section = Section.__new__(Section)
        section.epoch = self
        return section

    def snapshot(self):
        """A cookie for all sections that may have begun by now."""
        if self.store == NULL:
            return self.table.snapshot()
        return tg_epoch_snapshot(self.store)

    def elapsed(self, cookie):
        """Whether all sections of the cookie's time are over; never waits."""
        return self.blocker(cookie) == 0

    cpdef uint32_t blocker(self, cookie) except? 0:
        """0, or the pid of a process in whose section a cookie's time lasts."""
        cdef uint32_t pid = 0
        cdef tg_status status
        if type(cookie) is not int:
            raise TypeError(f"a cookie is an int of snapshot(), not {type(cookie).__name__}")
        if not 0 < cookie < 2 ** 63:
            raise ValueError(f"{cookie} is no cookie of this epoch")
        if self.store == NULL:
            status = TG_OK if self.table.elapsed(cookie) else TG_BUSY
            pid = PROCESS_ONLY
        else:
            status = tg_epoch_elapsed(self.store, cookie, &pid)
            if status == TG_CLOSED:
                self.attach_child()
                status = tg_epoch_elapsed(self.store, cookie, &pid)
        if status == TG_INVALID:
            raise ValueError(f"{cookie} is no cookie of this epoch: was the store made anew?")
        return 0 if status == TG_OK else max(pid, <uint32_t>1)

    cdef int begin(self, Section section) except -1:
        cdef tg_status status
        cdef uint64_t now, end
        if self.store == NULL:
            section.own = self.table.enter()
            return 0
        status = tg_section_enter(self.store, &tg_hint, PASSED, &section.section)
        if status == TG_OK:
            return 0
        now = tg_linux_monotonic_ns()
        end = now + self.timeout_ns if self.timeout_ns < FOREVER - now else FOREVER
        while status != TG_OK:
            if status == TG_CLOSED:
                self.attach_child()
            elif status in (TG_TIMEOUT, TG_BUSY, TG_NO_CONTEXT, TG_INTERRUPTED):
                PyErr_CheckSignals()
                if now >= end:
                    raise TimeoutError(f"{self.attachment}: no room for one more section was made "
                                       "in time: is another process stopped?")
            elif status in (TG_PINS_FULL, TG_FULL):
                raise StoreFull(f"{self.attachment}: no room for one more section")
            else:
                raise Error(f"{self.attachment}: {tg_status_name(status).decode()}")
            now = tg_linux_monotonic_ns()
            with nogil:
                status = tg_section_enter(self.store, &tg_hint, min(end, now + SLICE_NS),
                                          &section.section)
        return 0

    cdef int end(self, Section section) except -1:
        if self.store == NULL:
            self.table.leave(section.own)
        else:
            tg_section_leave(self.store, &section.section)
        return 0

    cdef int attach_child(self) except -1:
        attach_after_fork(self.attachment)
