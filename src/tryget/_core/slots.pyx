# SPDX-License-Identifier: Apache-2.0
"""What this process knows of keys that it has read, each with the token that tells whether it still
is true (store/reuse.h): a decoded value, the bytes of one that has to be decoded anew, where a
large one lies, or that there is none.

The table is sets of eight slots, a cache line each. A text belongs to one set, by its hash; the
search begins at a slot that the hash chooses and ends at the first free one. Three eighths of the
slots are in use, as long as its budget of bytes has room for that, by linear hashing (Litwin 1980):
additions split one set after the other, so that none has to wait for a copy of the whole. Then the
clock's hand decides who goes. For a text whose set is full earlier, one in forty, another goes.

Decoded values come in at once as long as there is room. All else has to be read again within some
reads of others, and so have values when the table is full: reads of more keys than fit would drive
each other out, and each would pay for that (after the doorkeeper of TinyLFU, Einziger, Friedman and
Manes 2017).

What is kept owns its references. No Python code runs while a table is being changed: what is thrown
out is let go of afterwards. A build with the interpreter lock relies on it; a free-threaded one
takes the table's critical section for every look, and keeps decoded values only.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint16_t

cdef extern from "store/reuse.h":
    struct tg_token:
        const void *lock

    struct tg_absence:
        tg_token token
        const void *above

    struct tg_known:
        const void *bytes
        tg_content info
        uint32_t object

    tg_status tg_get_with_token(tg_store *store, uint32_t *hint, tg_key key, tg_sink sink,
                                void *argument, tg_info *info, tg_token *token) nogil
    bint tg_token_holds(tg_store *store, const tg_token *token) nogil
    tg_status tg_absence_find(tg_store *store, uint32_t *hint, tg_key key,
                              tg_absence *absence) nogil
    bint tg_absence_above_holds(const tg_absence *absence) nogil
    tg_status tg_pin_known(tg_store *store, const tg_known *known, const tg_token *token,
                           tg_pin *pin) nogil
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

    /* Eight bytes at a time, the last ones perhaps twice: for a key it is quicker than a call. */
    static inline int tg_same_bytes(const char *a, const char *b, size_t size) {
        uint64_t x, y;
        if (size < 8) {
            for (size_t i = 0; i < size; i++)
                if (a[i] != b[i]) return 0;
            return 1;
        }
        for (size_t i = 0;; i = i + 16 > size ? size - 8 : i + 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (x != y) return 0;
            if (i + 8 == size) return 1;
        }
    }

    static inline int tg_same_text(PyObject *a, PyObject *b) {
        if (a == b) return 1;
        Py_ssize_t length = PyUnicode_GET_LENGTH(a);
        unsigned kind = PyUnicode_KIND(a);
        return length == PyUnicode_GET_LENGTH(b) && kind == PyUnicode_KIND(b) &&
               tg_same_bytes(PyUnicode_DATA(a), PyUnicode_DATA(b), (size_t)length * kind);
    }

    #include <sys/mman.h>

    enum { TG_HUGE_PAGE = 2 << 20 };

    /* Zeroed, and taken from the system as it is touched; it may be read at random. */
    static void *tg_slots_take(size_t size) {
        char *all = mmap(NULL, size + TG_HUGE_PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED) return NULL;
        size_t before = -(uintptr_t)all & (TG_HUGE_PAGE - 1);
        if (before != 0) munmap(all, before);
        if (before != TG_HUGE_PAGE) munmap(all + before + size, TG_HUGE_PAGE - before);
        return all + before;
    }

    /* With small pages a look would be a walk of the page table, too. A wish. */
    static void tg_slots_widen(void *memory, size_t size) {
        madvise(memory, size, MADV_HUGEPAGE);
    }

    static void tg_slots_drop(void *memory, size_t size) { munmap(memory, size); }
    """
    enum:
        TG_HUGE_PAGE
    Py_hash_t tg_text_hash(PyObject *text)
    bint tg_same_text(PyObject *a, PyObject *b)
    void *tg_slots_take(size_t size)
    void tg_slots_widen(void *memory, size_t size) noexcept
    void tg_slots_drop(void *memory, size_t size)

cdef extern from "Python.h":
    bint PyObject_IS_GC(PyObject *object)

cdef enum:
    WAYS = 8
    SLOTS_FIRST = 64
    SLOTS_MAX = 1 << 23
    SLOTS_WIDE = 1 << 16  # from here on in huge pages
    VALUE_SHARE = 16  # of the budget, for one value
    ENTRY_BYTES = 64  # an empty str, and what malloc adds
    SCRUB = 2  # slots that every addition looks at, for values that are no more
    GUESTS = 1 << 14  # texts that were read lately, and have no slot


cdef enum Door:  # within how many reads a text must be read again, to have a slot
    DOOR_OPEN = 0  # while there is room, it need not
    DOOR_SOON = 1 << 10  # of those that may knock: see `is_lucky`
    DOOR_LATER = GUESTS


cdef enum Kind:
    KIND_VALUE  # decoded, to be returned again
    KIND_BYTES  # of a value: to be decoded again, or copied
    KIND_PLACE  # where it lies apart: bytes that hold a tg_known
    KIND_ABSENT  # there is none: bytes that hold a tg_absence; NULL: it has nothing above


cdef struct Slot:
    PyObject *key  # an exact str; NULL: free
    PyObject *value  # as its kind says
    Py_hash_t hash
    tg_token token
    uint64_t reader  # which handles may have it: `Handle.reader`, or EVERY_READER
    uint32_t nbytes  # about
    unsigned char seen  # since the hand was here
    unsigned char kind
    uint16_t codec  # of KIND_BYTES and KIND_PLACE


cdef enum:
    EVERY_READER = 0


cdef struct Table:
    Slot *slots
    size_t mask  # of the slots at the last doubling
    size_t split  # slots below it are split by now: those moved lie behind the mask
    uint64_t reserved  # bytes, for slots
    size_t count
    size_t values  # of KIND_VALUE
    size_t collectable  # values that the garbage collector knows
    size_t hand
    uint64_t nbytes
    uint64_t budget
    size_t stale  # finds since the last drop that met a value that is no more; a hint
    uint16_t *guests  # by hash; NULL: nobody has knocked yet
    uint32_t dice


cdef inline size_t home_of(const Table *table, Py_hash_t hash) noexcept:
    """Where the search for a text begins, in its set."""
    cdef size_t home = <size_t>hash & table.mask
    return home if home >= table.split else <size_t>hash & (2 * table.mask + 1)


cdef inline size_t slot_count(const Table *table) noexcept:
    return table.mask + 1 + table.split if table.slots != NULL else 0


cdef inline Slot *slot_of(Table *table, PyObject *key, Py_hash_t hash) noexcept:
    """The slot of a text, or NULL."""
    cdef size_t home = home_of(table, hash)
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


cdef inline int take_key(Slot *slot, PyObject *key) noexcept:
    """Who asks again by the same object is spared the comparison of the texts."""
    Py_INCREF(<object>key)
    Py_DECREF(<object>slot.key)  # a str: no code runs
    slot.key = key
    return 0


cdef inline Slot *find_kept(Table *table, tg_store *store, PyObject *key,
                            uint64_t reader) noexcept:
    """What is known of a key at this moment; NULL: nothing. Of an absence half is asked."""
    cdef Slot *slot = slot_of(table, key, tg_text_hash(key))
    if slot == NULL or not tg_store_readable(store):
        return NULL
    if not tg_token_holds(store, &slot.token):
        table.stale += 1
        return NULL
    if slot.reader != EVERY_READER and slot.reader != reader:
        return NULL
    if slot.key != key:
        take_key(slot, key)
    if not slot.seen:  # a line that is read only, for most hits
        slot.seen = 1
    return slot


cdef inline bint absence_holds(Table *table, const Slot *slot) noexcept:
    """The other half, for a slot that was found."""
    if slot.value == NULL:
        return True
    if tg_absence_above_holds(<const tg_absence *>PyBytes_AS_STRING(<object>slot.value)):
        return True
    table.stale += 1
    return False


cdef bint is_true(Table *table, tg_store *store, const Slot *slot) noexcept:
    if not tg_token_holds(store, &slot.token):
        return False
    return slot.kind != KIND_ABSENT or absence_holds(table, slot)


cdef bint has_value(Table *table, tg_store *store, PyObject *key) noexcept:
    """Whether somebody has a decoded value of a key, which is not to be replaced by less."""
    cdef Slot *slot = slot_of(table, key, tg_text_hash(key))
    return slot != NULL and slot.kind == KIND_VALUE and is_true(table, store, slot)


cdef inline uint64_t slot_bytes(const Table *table) noexcept:
    return slot_count(table) * sizeof(Slot)


cdef inline bint is_over(const Table *table) noexcept:
    return table.nbytes + slot_bytes(table) > table.budget


cdef inline bint is_full(const Table *table) noexcept:
    return table.nbytes + slot_bytes(table) >= table.budget // 8 * 7 or not may_grow(table)


cdef inline bint is_crowded(const Table *table) noexcept:
    """With one more it would be fuller than it is to be: before their split sets are up to twice as
    full as the rest."""
    return (table.count + 1) * 8 > slot_count(table) * 3


cdef inline bint may_grow(const Table *table) noexcept:
    """Is there room for one more: a slot, or another set?"""
    cdef size_t slots = slot_count(table)
    cdef uint64_t nbytes = (slots + WAYS) * sizeof(Slot)
    if not is_crowded(table):
        return True
    return nbytes <= table.reserved and table.nbytes + nbytes <= table.budget


cdef inline bint is_lucky(Table *table) noexcept:
    """One read in eight, of those whose bytes might be kept: then it may knock at the door. Of more
    keys than are in the caches bytes take as long as the store, and each knock costs something."""
    table.dice = table.dice * <uint32_t>1664525 + <uint32_t>1013904223
    return table.dice >> 29 == 0


cdef bint admits(Table *table, PyObject *key, Door door) noexcept:
    """Whether a text is to have a slot: one that has one has; else as the door says."""
    cdef Py_hash_t hash = tg_text_hash(key)
    cdef size_t window = <size_t>door if door != DOOR_OPEN else <size_t>GUESTS
    cdef size_t place = <size_t>hash & (window - 1)
    cdef uint16_t mark = <uint16_t>(<size_t>hash >> 20) | 1
    if (door == DOOR_OPEN and not is_full(table)) or slot_of(table, key, hash) != NULL:
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
    cdef size_t home = home_of(table, hash)
    cdef Slot *first = &table.slots[home & ~<size_t>(WAYS - 1)]
    cdef Slot *slot
    cdef size_t i
    for i in range(<size_t>WAYS):
        slot = &first[(home + i) & (WAYS - 1)]
        if slot.key == NULL:
            return slot
    return NULL


cdef inline bint is_collectable(const Slot *slot) noexcept:
    return slot.kind == KIND_VALUE and PyObject_IS_GC(slot.value)


cdef int take_out(Table *table, Slot *gone, list dropped) except -1:
    """Empties a slot; those of its set that were found behind it move up."""
    cdef Slot *first = &table.slots[home_of(table, gone.hash) & ~<size_t>(WAYS - 1)]
    cdef bint collectable = is_collectable(gone)
    let_go(gone, dropped)  # first: it may fail
    table.count -= 1
    table.values -= gone.kind == KIND_VALUE
    table.collectable -= collectable
    table.nbytes -= gone.nbytes
    gone.key = NULL
    place_again(table, first)
    return 0


cdef int place_again(Table *table, Slot *first) noexcept:
    """All that is in a set, where it is to be found now."""
    cdef Slot others[WAYS]
    cdef size_t count = 0
    cdef size_t i
    for i in range(<size_t>WAYS):
        if first[i].key != NULL:
            others[count] = first[i]
            first[i].key = NULL
            count += 1
    for i in range(count):
        free_slot_of(table, others[i].hash)[0] = others[i]
    return 0


cdef int let_go(const Slot *slot, list dropped) except -1:
    """Hands the slot's references over."""
    if slot.value != NULL:
        dropped.append(<object>slot.value)
        Py_DECREF(<object>slot.value)
    Py_DECREF(<object>slot.key)  # a str: no code runs
    return 0


cdef bint grow(Table *table) noexcept:
    """The first slots, or a set becomes two; False: it stays as it is."""
    cdef Slot *first
    if table.slots == NULL:
        table.slots = <Slot *>tg_slots_take(table.reserved)
        table.mask = SLOTS_FIRST - 1
        table.split = table.hand = 0
        return table.slots != NULL
    first = &table.slots[table.split]
    table.split += WAYS
    if table.split > table.mask:
        table.mask = 2 * table.mask + 1
        table.split = 0
        if table.mask + 1 == SLOTS_WIDE:
            tg_slots_widen(table.slots, table.reserved)
    place_again(table, first)
    return True


cdef int turn_hand(Table *table, tg_store *store, size_t limit, list dropped) except -1:
    """Looks at `limit` slots: throws out what is no more, and, over the budget, what nobody has
    seen since the hand was here."""
    cdef Slot *slot
    for _ in range(limit):
        table.hand = table.hand + 1 if table.hand + 1 < slot_count(table) else 0
        slot = &table.slots[table.hand]
        if slot.key == NULL:
            continue
        if not is_true(table, store, slot):
            take_out(table, slot, dropped)
        elif is_over(table):
            if slot.seen:
                slot.seen = 0
            else:
                take_out(table, slot, dropped)
    return 0


cdef int make_room(Table *table, tg_store *store, Py_hash_t hash, list dropped) except -1:
    """A free slot in the set of a text, unless memory is short."""
    cdef Slot *slot
    cdef size_t i
    while is_crowded(table) and may_grow(table):
        if not grow(table):
            break
    while table.slots != NULL and free_slot_of(table, hash) == NULL:
        for i in range(<size_t>(2 * WAYS)):  # the second time none is marked
            slot = &table.slots[(home_of(table, hash) & ~<size_t>(WAYS - 1)) +
                                (table.hand + i) % WAYS]
            if slot.seen and is_true(table, store, slot):
                slot.seen = 0
            else:
                take_out(table, slot, dropped)
                break
    return 0


cdef int drop_stale(Table *table, tg_store *store, str key, list dropped) except -1:
    cdef Slot *slot = slot_of(table, <PyObject *>key, tg_text_hash(<PyObject *>key))
    if slot != NULL and not is_true(table, store, slot):
        take_out(table, slot, dropped)
    return 0
