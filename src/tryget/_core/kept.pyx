# SPDX-License-Identifier: Apache-2.0
"""The table of what is known of a store's keys (slots.pyx), as an object: one a store and process
for all handles that may return an object again, and one for those that never do. It shows what it
owns to the garbage collector. A forked child inherits tables and tokens: those are loads from the
memory that it shares.
"""

cdef extern from *:
    """
    static uint64_t tg_limit_of(const struct tg_store *store) {
        return store->local.header.limit;
    }

    /* How many have it open, about: at least the caller. */
    static uint64_t tg_processes_of(const struct tg_store *store) {
        const struct tg_local *local = &store->local;
        uint64_t count = store->readonly;
        for (uint32_t p = 0; p < local->header.process_count; p++)
            count += tg_load_relaxed32(&local->processes[p].state) != TG_PROCESS_FREE;
        return count ? count : 1;
    }
    """
    uint64_t tg_limit_of(const tg_store *store)
    uint64_t tg_processes_of(const tg_store *store)

cdef extern from "Python.h":
    void Py_XDECREF(PyObject *object)
    # Without exceptions: the collector calls these.
    ctypedef int (*visit_t "visitproc")(PyObject *, void *) noexcept
    ctypedef void (*dealloc_t "destructor")(PyObject *) noexcept
    struct type_t "_typeobject":
        int (*tp_traverse)(PyObject *, visit_t, void *) noexcept
        int (*tp_clear)(PyObject *) noexcept
        dealloc_t tp_dealloc

cdef enum:
    BUDGET_MAX = 1 << 30
    BUDGET_MIN = 1 << 20
    BUDGET_SHARE = 4  # of a store's limit, for all processes that are attached
    ADDITIONS = 4096  # after so many it is looked how many processes there are
    TURNS = 256  # at most, of an addition: who gave room to others gives it bit by bit

cdef uint64_t FREE_BUDGET = <uint64_t>-1  # as much as the store's limit says


@cython.final
cdef class Kept:
    """The table, as an object that the garbage collector knows."""

    cdef object unused  # None; the collector is told only of classes that hold objects
    cdef Table table
    cdef tg_store *store
    cdef bint anew  # for handles that never return an object again
    cdef bint usual  # its budget is a share of the store
    cdef size_t additions
    cdef size_t users  # handles; at 0 nothing is kept
    cdef PyObject *next  # in the list of all tables

    def __dealloc__(self):
        forget_all(<PyObject *>self)

    cdef int keep(self, str key, object value, const Slot *fresh) except -1:
        """Keeps what is known of a key, in place of what was: `value` (or None, for nothing) with
        the other fields of `fresh`."""
        cdef list dropped = []  # made first: to make one may run the collector
        cdef Py_hash_t hash = tg_text_hash(<PyObject *>key)
        cdef Table *table = &self.table
        cdef Slot *slot
        cdef uint64_t nbytes = fresh.nbytes + ENTRY_BYTES + <uint64_t>len(key)
        with cython.critical_section(self):
            if self.users == 0 or nbytes > table.budget // VALUE_SHARE:
                drop_stale(table, self.store, key, dropped)
                return 0
            self.additions += 1
            if self.usual and self.additions % ADDITIONS == 0:
                table.budget = usual_budget(self.store)
                if slot_bytes(table) > table.budget:  # others came: from the beginning
                    forget_all(<PyObject *>self)
                    return 0
            slot = slot_of(table, <PyObject *>key, hash)
            if slot != NULL:
                take_out(table, slot, dropped)
            make_room(table, self.store, hash, dropped)
            slot = free_slot_of(table, hash) if table.slots != NULL else NULL
            if slot == NULL:
                return 0
            slot[0] = fresh[0]
            Py_INCREF(key)
            slot.key = <PyObject *>key
            slot.value = NULL
            if value is not None or fresh.kind == KIND_VALUE:
                Py_INCREF(value)
                slot.value = <PyObject *>value
            slot.hash = hash
            slot.nbytes = <uint32_t>nbytes
            slot.seen = 0
            table.count += 1
            table.values += slot.kind == KIND_VALUE
            table.collectable += is_collectable(slot)
            table.nbytes += nbytes
            turn_hand(table, self.store, SCRUB, dropped)
            for _ in range(<int>TURNS):
                if not is_over(table):
                    break
                turn_hand(table, self.store, WAYS, dropped)
        return 0

    cdef bint admits(self, str key, Door door) noexcept:
        cdef bint answer
        with cython.critical_section(self):
            answer = admits(&self.table, <PyObject *>key, door)
        return answer

    cdef bint has_value(self, str key) noexcept:
        cdef bint answer
        with cython.critical_section(self):
            answer = has_value(&self.table, self.store, <PyObject *>key)
        return answer

    cdef int drop(self, str key) except -1:
        """Forgets a value that is no more."""
        cdef list dropped = []
        with cython.critical_section(self):
            self.table.stale = 0
            drop_stale(&self.table, self.store, key, dropped)
        return 0

    cdef PyObject *find(self, object key, uint64_t reader) noexcept:
        """A decoded value, for a free-threaded build: a new reference."""
        cdef Slot *slot
        cdef PyObject *found = NULL
        with cython.critical_section(self):
            slot = find_kept(&self.table, self.store, <PyObject *>key, reader)
            if slot != NULL and slot.kind == KIND_VALUE:
                found = slot.value
                Py_INCREF(<object>found)
        return found


# ---- for the collector: no reference is made here ------------------------------------------------

cdef int forget_all(PyObject *self) noexcept:
    cdef Table gone = (<Kept>self).table
    cdef size_t i
    (<Kept>self).table.slots = NULL  # first: what follows runs the code of values
    (<Kept>self).table.guests = NULL
    (<Kept>self).table.count = 0
    (<Kept>self).table.values = 0
    (<Kept>self).table.collectable = 0
    (<Kept>self).table.nbytes = 0
    free(gone.guests)
    if gone.slots == NULL:
        return 0
    for i in range(slot_count(&gone)):
        if gone.slots[i].key != NULL:
            Py_XDECREF(gone.slots[i].key)
            Py_XDECREF(gone.slots[i].value)
    tg_slots_drop(gone.slots, gone.reserved)
    return 0


cdef int visit_all(PyObject *self, visit_t visit, void *argument) noexcept:
    cdef Table *table = &(<Kept>self).table
    cdef size_t i
    cdef int answer
    if table.slots == NULL or table.collectable == 0:  # texts and numbers are no part of a cycle
        return 0
    for i in range(slot_count(table)):
        if table.slots[i].key != NULL and is_collectable(&table.slots[i]):
            answer = visit(table.slots[i].value, argument)
            if answer != 0:
                return answer
    return 0


(<type_t *>Kept).tp_traverse = visit_all
(<type_t *>Kept).tp_clear = forget_all


# ---- two tables a store --------------------------------------------------------------------------

# A handle counts as a user before it holds the table and until it holds it no longer, and its
# attachment outlives that: so an address is never that of an earlier store.
cdef PyObject *tables = NULL
cdef object tables_lock = object()


cdef uint64_t reserve_of(tg_store *store, uint64_t budget) noexcept:
    """Addresses for slots: as many as there may be if the other processes leave."""
    cdef uint64_t most = min(tg_limit_of(store) // BUDGET_SHARE, <uint64_t>BUDGET_MAX)
    most = min(max(most, budget, <uint64_t>BUDGET_MIN), <uint64_t>SLOTS_MAX * sizeof(Slot))
    return (most + TG_HUGE_PAGE - 1) // TG_HUGE_PAGE * TG_HUGE_PAGE


cdef uint64_t usual_budget(tg_store *store):
    """Of one table: a process may have two."""
    cdef uint64_t share = tg_limit_of(store) // BUDGET_SHARE // tg_processes_of(store)
    cdef PyObject *at
    cdef size_t count = 0
    with cython.critical_section(tables_lock):
        at = tables
        while at != NULL:
            count += (<Kept>at).store == store
            at = (<Kept>at).next
    share //= max(count, <size_t>1)
    return min(max(share, <uint64_t>BUDGET_MIN), <uint64_t>BUDGET_MAX)


cdef Kept join_table(tg_store *store, bint anew, uint64_t budget):
    """The table of a store, with one more user. Who comes first says how much it may keep."""
    cdef Kept found = None
    cdef Kept fresh = Kept.__new__(Kept)
    cdef PyObject *at
    with cython.critical_section(tables_lock):
        at = tables
        while at != NULL and ((<Kept>at).store != store or (<Kept>at).anew != anew):
            at = (<Kept>at).next
        found = fresh if at == NULL else <Kept>at
        if at == NULL:
            fresh.store = store
            fresh.anew = anew
            fresh.usual = budget == FREE_BUDGET
            fresh.table.budget = budget
            add_table(fresh)
        found.users += 1
    if found is fresh:
        if fresh.usual:
            fresh.table.budget = usual_budget(store)
        fresh.table.reserved = reserve_of(store, fresh.table.budget)
    return found


cdef int add_table(Kept kept) noexcept:
    global tables
    kept.next = tables
    tables = <PyObject *>kept
    return 0


cdef int leave_table(Kept kept) except -1:
    """One user less; after the last nothing is kept."""
    cdef Kept last = None
    with cython.critical_section(tables_lock):
        kept.users -= 1
        if kept.users == 0:
            remove_table(kept)
            last = kept
    if last is not None:
        with cython.critical_section(last):
            forget_all(<PyObject *>last)
    return 0


cdef int remove_table(Kept kept) noexcept:
    global tables
    cdef PyObject **at = &tables
    while at[0] != <PyObject *>kept:
        at = &(<Kept>at[0]).next
    at[0] = kept.next
    return 0
