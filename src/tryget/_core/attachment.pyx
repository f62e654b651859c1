# SPDX-License-Identifier: Apache-2.0
"""The mapped store, and what the core's answers mean in Python."""

import os
import warnings

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY

from tryget._errors import (
    Error,
    KeyExists,
    LayoutMismatch,
    NotOwner,
    ReadOnly,
    StoreClosed,
    StoreCorrupt,
    StoreExists,
    StoreFull,
    StoreNotFound,
    TooManyProcesses,
)

cdef extern from *:
    """
    #include "store/store.h"
    static const unsigned char *tg_store_uuid(const struct tg_store *store) {
        return store->local.header.uuid;
    }
    struct tg_visitor {
        int (*visit)(void *argument, const struct tg_store_info *info);
        void *argument;
    };
    static bool tg_visit(void *argument, const struct tg_store_info *info) {
        struct tg_visitor *visitor = argument;
        return visitor->visit(visitor->argument, info) != 0;
    }
    #ifdef Py_GIL_DISABLED
    enum { TG_THREADS_RUN_FREELY = 1 };
    #else
    enum { TG_THREADS_RUN_FREELY = 0 };
    #endif
    """
    const unsigned char *tg_store_uuid(const tg_store *store)

    struct tg_visitor:
        int (*visit)(void *argument, const tg_store_info *info) noexcept
        void *argument

    bool_t tg_visit(void *argument, const tg_store_info *info) noexcept

    enum:
        TG_THREADS_RUN_FREELY

cdef uint64_t FOREVER = 0xffffffffffffffff
cdef double TTL_MAX = 400e6  # seconds; tenths of them have 32 bits


@cython.final
@cython.no_gc
cdef class Attachment:
    """One `tg_store_open`, undone when the last Store and pin that refer to it are gone."""

    cdef tg_store *store
    cdef readonly str path
    cdef readonly bytes uuid
    cdef readonly bint readonly

    def __dealloc__(self):
        if self.store != NULL:
            tg_store_close(self.store)

    def __str__(self):
        return f"store {self.path}"


cdef double seconds_of(object number, str what) except *:
    """A real number; an int too large for a float is infinite."""
    try:
        if not isinstance(number, (str, bytes, bool)):
            return number
    except OverflowError:
        return INFINITY if number > 0 else -INFINITY
    except TypeError:
        pass
    raise TypeError(f"{what} is a number of seconds or None, not {type(number).__name__}")


def time_limit(timeout):
    """Seconds; infinite for None."""
    cdef double seconds
    if timeout is None:
        return INFINITY
    seconds = seconds_of(timeout, "timeout")
    if not seconds >= 0:
        raise ValueError(f"timeout is at least 0, not {timeout!r}")
    return seconds


cdef uint64_t nanoseconds(object timeout) except *:
    """Of a time limit in seconds; None is for ever."""
    cdef double seconds = time_limit(timeout)
    return <uint64_t>(seconds * 1e9) if seconds < 1e9 else FOREVER


def attach(str directory not None, str name not None, str path not None, size, create, mode,
           max_processes, new_on_mismatch, timeout, uuid, readonly):
    """Opens a store: an Attachment."""
    cdef bytes folder = os.fsencode(directory)
    cdef bytes file = os.fsencode(name)
    cdef bytes only = b"" if uuid is None else uuid
    cdef tg_open_options options
    cdef tg_error error
    cdef tg_status status
    cdef Attachment self = Attachment.__new__(Attachment)
    self.path = path
    self.readonly = readonly
    options.directory = folder
    options.name = file
    options.size = size
    options.create = create
    options.mode = mode
    options.max_processes = max_processes
    options.new_on_mismatch = new_on_mismatch
    options.readonly = readonly
    options.timeout_ns = min(max(nanoseconds(timeout), <uint64_t>1), <uint64_t>1 << 60)
    options.uuid = <const unsigned char *><const char *>only if uuid is not None else NULL
    options.layout = NULL
    while True:
        error.step = NULL
        error.code = 0
        with nogil:
            status = tg_store_open(&options, &self.store, &error)
        if status == TG_OK:
            self.uuid = (<const char *>tg_store_uuid(self.store))[:16]
            watch_forks()
            return self
        self.store = NULL
        if status != TG_INTERRUPTED:
            absent = "open it with create=True"
            if uuid is not None:
                absent = "it was unlinked, and is another one by now if there is one of that name"
            elif readonly:
                absent = "its owner makes it, without readonly"
            raise_opening(status, path, &error, self.readonly, absent)
        PyErr_CheckSignals()


def warn_of_lost_pins():
    """In a forked child, of each store whose pins it does not have."""
    cdef tg_store *store
    while True:
        store = tg_store_lost_pins()
        if store == NULL:
            return
        path = os.fsdecode(<bytes>tg_store_lock_path(store)).removesuffix("-lock")
        warnings.warn(
            f"the store {path}: this forked child could not take over what its parent had pinned "
            "(it was stopped, its parent killed, or max_processes or the descriptors are used up). "
            "Arrays and views read before the fork are void here: don't use them, read them again",
            RuntimeWarning,
            stacklevel=2,
        )


cdef bint watches_forks = False


cdef int watch_forks() except -1:
    global watches_forks
    if not watches_forks:
        watches_forks = True
        os.register_at_fork(after_in_child=warn_of_lost_pins)
    return 0


def unlink(str directory not None, str name not None, str path not None):
    """Removes the names of a store."""
    cdef bytes folder = os.fsencode(directory)
    cdef bytes file = os.fsencode(name)
    cdef const char *folder_text = folder
    cdef const char *file_text = file
    cdef tg_error error
    cdef tg_status status
    while True:
        error.step = NULL
        error.code = 0
        with nogil:
            status = tg_store_unlink(folder_text, file_text, &error)
        if status == TG_OK:
            return
        if status != TG_INTERRUPTED:
            raise_opening(status, path, &error, False, "tryget.stores() lists those that are")
        PyErr_CheckSignals()


cdef int visit_store(void *argument, const tg_store_info *info) noexcept:
    try:
        (<list>argument).append((
            os.fsdecode(<bytes>info.name), tg_status_name(info.status).decode(), info.layout,
            info.limit, info.allocated, info.processes, (<const char *>info.uuid)[:16],
        ))
        return 1
    except BaseException:
        return 0


def each(str directory not None):
    """(name, status, layout, limit, allocated, processes, uuid) of the stores in a folder."""
    cdef bytes folder = os.fsencode(directory)
    cdef list found = []
    cdef tg_visitor visitor
    cdef tg_error error
    cdef tg_status status
    error.step = NULL
    error.code = 0
    visitor.visit = visit_store
    visitor.argument = <void *>found
    status = tg_store_each(folder, tg_visit, &visitor, &error)
    if status == TG_ABSENT:
        return []
    if status != TG_OK:
        raise_opening(status, directory, &error, False, "name another folder")
    return found


cdef int raise_opening(tg_status status, str path, tg_error *error, bint readonly,
                       str absent) except -1:
    """The exception for a store that could not be opened or removed."""
    step = error.step.decode() if error.step != NULL else ""
    if error.code:
        step = f"{step}: {os.strerror(error.code)}" if step else os.strerror(error.code)
    why = f" ({step})" if step else ""
    if status == TG_ABSENT:
        raise StoreNotFound(f"there is no such store {path}: {absent}")
    if status == TG_EXISTS:
        raise StoreExists(f"the store {path} exists: open it without create='exclusive'")
    if status == TG_FULL:
        raise StoreFull(f"no room for the store {path}{why}: free some, or make it smaller")
    if status == TG_CORRUPT:
        raise StoreCorrupt(f"{path} is damaged, or no store{why}: tryget.unlink it")
    if status == TG_LAYOUT:
        raise LayoutMismatch(
            f"the store {path} was made by another version of tryget{why}: unlink it, or open it "
            "with on_mismatch='new'"
        )
    if status == TG_NOT_OURS and error.code == 40:  # ELOOP
        raise NotOwner(f"{path}: the name is a symbolic link: name the folder that it points into")
    if status in (TG_NOT_OURS, TG_SYSTEM) and error.code in (1, 13):  # EPERM, EACCES
        raise NotOwner(
            f"user {os.geteuid()} has no permission for {path}{why}: name another folder, or ask "
            "who owns it"
        )
    if status == TG_NOT_OURS:
        if readonly:
            raise NotOwner(
                f"{path} belongs to somebody else, or others may write to it{why}: say by mode= "
                "that this was meant, as mode=0o644 for a store that others let you read"
            )
        raise NotOwner(
            f"{path} belongs to somebody else, or others may write to it{why}: name another "
            "folder, or say by mode= that this was meant"
        )
    if status == TG_SYSTEM:
        raise Error(f"{path}: a system call failed{why}")
    if status == TG_UNSUPPORTED:
        raise Error(f"the file system of {path} is not fit for a store{why}: use /dev/shm")
    if status == TG_NO_PROCESS:
        raise TooManyProcesses(
            f"as many processes as max_processes says have {path} open: close one"
        )
    if status == TG_INVALID:
        raise ValueError(f"the store {path} can't be opened so{why}: see size, name and mode")
    if status == TG_TIMEOUT:
        raise TimeoutError(f"somebody else is making or removing {path}{why}: try again")
    raise Error(f"{path}: {tg_status_name(status).decode()}{why}")
