# SPDX-License-Identifier: Apache-2.0
"""Decoded values that this process has read, each with the token that tells whether it still is
the value of its key (store/reuse.h). One table a store and process, shared by all its handles.

The table is sets of eight slots, a cache line each. A text belongs to one set, by its hash; the
search begins at a slot that the hash chooses and ends at the first free one. It doubles when half
full, up to `ENTRIES_MAX` values or its budget of bytes; then the clock's hand decides who goes,
and only who is read a second time comes in: reads of more keys than fit would drive each other out,
and each would pay for that (after the doorkeeper of TinyLFU, Einziger, Friedman and Manes 2017).

What is kept owns its references; the table shows them to the garbage collector. No Python code
runs while a table is being changed: what is thrown out is let go of afterwards. A build with the
interpreter lock relies on it; a free-threaded one takes the table's critical section for every
look. A forked child inherits table and tokens: they are loads from the memory that it shares.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint16_t

cdef extern from "<stdlib.h>":
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef extern from "store/reuse.h":
    struct tg_token:
        const void *lock

    tg_status tg_get_with_token(tg_store *store, uint32_t *hint, tg_key key, tg_sink sink,
                                void *argument, tg_info *info, tg_token *token) nogil
    bint tg_token_holds(tg_store *store, const tg_token *token) nogil
    bint tg_store_readable(const tg_store *store) nogil

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define tg_text_hash(text) PyObject_Hash(text)
    #else
    /* Of an exact str. Kept in it; an object whose hash is known is ready to be compared. */
    static inline Py_hash_t tg_text_hash(PyObject *text) {
        Py_hash_t hash = ((PyASCIIObject *)text)->hash;
        return hash != -1 ? hash : PyObject_Hash(text);
    }
    #endif

    static inline int tg_same_text(PyObject *a, PyObject *b) {
        if (a == b) return 1;
        Py_ssize_t length = PyUnicode_GET_LENGTH(a);
        unsigned kind = PyUnicode_KIND(a);
        return length == PyUnicode_GET_LENGTH(b) && kind == PyUnicode_KIND(b) &&
               memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)length * kind) == 0;
    }

    static uint64_t tg_limit_of(const struct tg_store *store) {
        return store->local.header.limit;
    }
    """
    Py_hash_t tg_text_hash(PyObject *text)
    bint tg_same_text(PyObject *a, PyObject *b)
    uint64_t tg_limit_of(const tg_store *store)

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
    WAYS = 8
    SLOTS_FIRST = 64
    ENTRIES_MAX = 1 << 17
    BUDGET_MAX = 64 << 20
    BUDGET_MIN = 1 << 20
    BUDGET_SHARE = 16  # of a store's limit, for all; and of that, for one value
    ENTRY_BYTES = 192  # two slots, and an empty str
    SCRUB = 2  # slots that every addition looks at, for values that are no more
    GUESTS = 1 << 14  # texts that were read lately while the table was full


cdef struct Slot:
    PyObject *key  # an exact str; NULL: free
    PyObject *value
    Py_hash_t hash
    tg_token token
    uint64_t reader  # which handles may have it: `Handle.reader`, or EVERY_READER
    uint32_t nbytes  # about
    uint32_t seen  # since the hand was here


cdef enum:
    EVERY_READER = 0


cdef struct Table:
    Slot *slots
    size_t mask
    size_t count
    size_t hand
    uint64_t nbytes
    uint64_t budget
    size_t stale  # finds since the last drop that met a value that is no more; a hint
    uint16_t *guests  # by hash; NULL: never yet full


cdef inline Slot *slot_of(Table *table, PyObject *key, Py_hash_t hash) noexcept:
    """The slot of a text, or NULL."""
    cdef size_t home = <size_t>hash & table.mask
    cdef Slot *first
    cdef Slot *slot
    cdef size_t i
    if table.slots == NULL:
        return NULL
    first = &table.slots[home & ~<size_t>(WAYS - 1)]
    for i in range(<size_t>WAYS):
        slot = &first[(home + i) & (WAYS - 1)]
        if slot.key == NULL:
            return NULL
        if slot.hash == hash and tg_same_text(slot.key, key):
            return slot
    return NULL


cdef inline PyObject *find_kept(Table *table, tg_store *store, PyObject *key,
                                uint64_t reader) noexcept:
    """The value of a key at this moment, borrowed; NULL: not known."""
    cdef Slot *slot = slot_of(table, key, tg_text_hash(key))
    if slot == NULL or not tg_store_readable(store):
        return NULL
    if not tg_token_holds(store, &slot.token):
        table.stale += 1
        return NULL
    if slot.reader != EVERY_READER and slot.reader != reader:
        return NULL
    if not slot.seen:  # a line that is read only, for most hits
        slot.seen = 1
    return slot.value


cdef inline bint is_full(const Table *table) noexcept:
    return table.count >= ENTRIES_MAX // 8 * 7 or table.nbytes >= table.budget // 8 * 7


cdef bint admits(Table *table, PyObject *key) noexcept:
    """Whether a text is to have a slot: while there is room, or when it was refused lately."""
    cdef Py_hash_t hash = tg_text_hash(key)
    cdef size_t place = <size_t>hash & (GUESTS - 1)
    cdef uint16_t mark = <uint16_t>(<size_t>hash >> 20) | 1
    if not is_full(table) or slot_of(table, key, hash) != NULL:
        return True
    if table.guests == NULL:
        table.guests = <uint16_t *>calloc(GUESTS, sizeof(uint16_t))
        if table.guests == NULL:
            return True
    if table.guests[place] == mark:
        return True
    table.guests[place] = mark
    return False


cdef Slot *free_slot_of(Table *table, Py_hash_t hash) noexcept:
    cdef size_t home = <size_t>hash & table.mask
    cdef Slot *first = &table.slots[home & ~<size_t>(WAYS - 1)]
    cdef Slot *slot
    cdef size_t i
    for i in range(<size_t>WAYS):
        slot = &first[(home + i) & (WAYS - 1)]
        if slot.key == NULL:
            return slot
    return NULL


cdef int take_out(Table *table, Slot *gone, list dropped) except -1:
    """Empties a slot; those of its set that were found behind it move up."""
    cdef Slot *first = &table.slots[<size_t>gone.hash & table.mask & ~<size_t>(WAYS - 1)]
    cdef Slot others[WAYS]
    cdef size_t count = 0
    cdef size_t i
    let_go(gone, dropped)
    table.count -= 1
    table.nbytes -= gone.nbytes
    gone.key = NULL
    for i in range(<size_t>WAYS):
        if first[i].key != NULL:
            others[count] = first[i]
            first[i].key = NULL
            count += 1
    for i in range(count):
        free_slot_of(table, others[i].hash)[0] = others[i]
    return 0


cdef int let_go(Slot *slot, list dropped) except -1:
    """Hands the slot's references over."""
    dropped.append(<object>slot.value)
    Py_DECREF(<object>slot.value)
    Py_DECREF(<object>slot.key)  # a str: no code runs
    return 0


cdef bint grow(Table *table) noexcept:
    """Twice as many slots; False: it stays as it is."""
    cdef Table larger = table[0]
    cdef size_t slots = SLOTS_FIRST if table.slots == NULL else 2 * (table.mask + 1)
    cdef void *memory = NULL
    cdef size_t i
    if slots > 2 * ENTRIES_MAX or posix_memalign(&memory, sizeof(Slot), slots * sizeof(Slot)):
        return False
    memset(memory, 0, slots * sizeof(Slot))
    larger.slots = <Slot *>memory
    larger.mask = slots - 1
    if table.slots != NULL:
        for i in range(table.mask + 1):  # a set becomes two: each has room
            if table.slots[i].key != NULL:
                free_slot_of(&larger, table.slots[i].hash)[0] = table.slots[i]
        free(table.slots)
    table[0] = larger
    return True


cdef int turn_hand(Table *table, tg_store *store, size_t limit, list dropped) except -1:
    """Looks at `limit` slots: throws out what is no more, and, over the budget, what nobody has
    seen since the hand was here."""
    cdef Slot *slot
    for _ in range(limit):
        table.hand = (table.hand + 1) & table.mask
        slot = &table.slots[table.hand]
        if slot.key == NULL:
            continue
        if not tg_token_holds(store, &slot.token):
            take_out(table, slot, dropped)
        elif table.nbytes > table.budget or table.count > ENTRIES_MAX:
            if slot.seen:
                slot.seen = 0
            else:
                take_out(table, slot, dropped)
    return 0


cdef int make_room(Table *table, tg_store *store, Py_hash_t hash, list dropped) except -1:
    """A free slot in the set of a text, unless memory is short."""
    cdef Slot *slot
    cdef size_t i
    if table.slots == NULL or (table.count + 1) * 2 > table.mask + 1:
        grow(table)
    while table.slots != NULL and free_slot_of(table, hash) == NULL:
        if table.count * 8 > table.mask + 1 and grow(table):
            continue
        for i in range(<size_t>(2 * WAYS)):  # the second time none is marked
            slot = &table.slots[(<size_t>hash & table.mask & ~<size_t>(WAYS - 1)) +
                                (table.hand + i) % WAYS]
            if slot.seen and tg_token_holds(store, &slot.token):
                slot.seen = 0
            else:
                take_out(table, slot, dropped)
                break
    return 0


@cython.final
cdef class Kept:
    """The table, as an object that the garbage collector knows."""

    cdef object unused  # None; the collector is told only of classes that hold objects
    cdef Table table
    cdef tg_store *store
    cdef size_t users  # handles; at 0 nothing is kept
    cdef PyObject *next  # in the list of all tables

    def __dealloc__(self):
        forget_all(<PyObject *>self)

    cdef int keep(self, str key, object value, uint64_t reader, uint64_t nbytes,
                  const tg_token *token) except -1:
        """Keeps a value in place of an earlier one of the key."""
        cdef list dropped = []  # made first: to make one may run the collector
        cdef Py_hash_t hash = tg_text_hash(<PyObject *>key)
        cdef Table *table = &self.table
        cdef Slot *slot
        nbytes += ENTRY_BYTES + <uint64_t>len(key)
        with cython.critical_section(self):
            if self.users == 0 or nbytes > table.budget // BUDGET_SHARE:
                drop_stale(table, self.store, key, dropped)
                return 0
            slot = slot_of(table, <PyObject *>key, hash)
            if slot != NULL:
                take_out(table, slot, dropped)
            make_room(table, self.store, hash, dropped)
            slot = free_slot_of(table, hash) if table.slots != NULL else NULL
            if slot == NULL:
                return 0
            Py_INCREF(key)
            Py_INCREF(value)
            slot.key = <PyObject *>key
            slot.value = <PyObject *>value
            slot.hash = hash
            slot.token = token[0]
            slot.reader = reader
            slot.nbytes = <uint32_t>nbytes
            slot.seen = 0
            table.count += 1
            table.nbytes += nbytes
            turn_hand(table, self.store, SCRUB, dropped)
            while table.nbytes > table.budget or table.count > ENTRIES_MAX:
                turn_hand(table, self.store, WAYS, dropped)
        return 0

    cdef bint admits(self, str key) noexcept:
        cdef bint answer
        with cython.critical_section(self):
            answer = admits(&self.table, <PyObject *>key)
        return answer

    cdef int drop(self, str key) except -1:
        """Forgets a value that is no more."""
        cdef list dropped = []
        with cython.critical_section(self):
            self.table.stale = 0
            drop_stale(&self.table, self.store, key, dropped)
        return 0

    cdef PyObject *find(self, object key, uint64_t reader) noexcept:
        """As `find_kept`, for a free-threaded build: a new reference."""
        cdef PyObject *found
        with cython.critical_section(self):
            found = find_kept(&self.table, self.store, <PyObject *>key, reader)
            if found != NULL:
                Py_INCREF(<object>found)
        return found


cdef int drop_stale(Table *table, tg_store *store, str key, list dropped) except -1:
    cdef Slot *slot = slot_of(table, <PyObject *>key, tg_text_hash(<PyObject *>key))
    if slot != NULL and not tg_token_holds(store, &slot.token):
        take_out(table, slot, dropped)
    return 0


# ---- for the collector: no reference is made here ------------------------------------------------

cdef int forget_all(PyObject *self) noexcept:
    cdef Table gone = (<Kept>self).table
    cdef size_t i
    (<Kept>self).table.slots = NULL  # first: what follows runs the code of values
    (<Kept>self).table.guests = NULL
    (<Kept>self).table.count = 0
    (<Kept>self).table.nbytes = 0
    free(gone.guests)
    if gone.slots == NULL:
        return 0
    for i in range(gone.mask + 1):
        if gone.slots[i].key != NULL:
            Py_XDECREF(gone.slots[i].key)
            Py_XDECREF(gone.slots[i].value)
    free(gone.slots)
    return 0


cdef int visit_all(PyObject *self, visit_t visit, void *argument) noexcept:
    cdef Table *table = &(<Kept>self).table
    cdef size_t i
    cdef int answer
    if table.slots == NULL:
        return 0
    for i in range(table.mask + 1):
        if table.slots[i].key != NULL:
            answer = visit(table.slots[i].value, argument)
            if answer != 0:
                return answer
    return 0


(<type_t *>Kept).tp_traverse = visit_all
(<type_t *>Kept).tp_clear = forget_all


# ---- one table a store ---------------------------------------------------------------------------

# A handle counts as a user before it holds the table and until it holds it no longer, and its
# attachment outlives that: so an address is never that of an earlier store.
cdef PyObject *tables = NULL
cdef object tables_lock = object()


cdef Kept join_table(tg_store *store):
    """The table of a store, with one more user."""
    cdef Kept found = None
    cdef Kept fresh = Kept.__new__(Kept)
    cdef PyObject *at
    with cython.critical_section(tables_lock):
        at = tables
        while at != NULL and (<Kept>at).store != store:
            at = (<Kept>at).next
        found = fresh if at == NULL else <Kept>at
        if at == NULL:
            fresh.store = store
            fresh.table.budget = min(max(tg_limit_of(store) // BUDGET_SHARE, <uint64_t>BUDGET_MIN),
                                     <uint64_t>BUDGET_MAX)
            add_table(fresh)
        found.users += 1
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
