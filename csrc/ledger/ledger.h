/* SPDX-License-Identifier: Apache-2.0 */
/* The pin ledger: who uses which object, in memory that only the user writes.
 *
 * What
 *   Each process has an array of entries. A pin *is* an entry that names an object:
 *   there is no count to keep in step with it. Who wants to free an object looks
 *   through the ledgers (as with hazard pointers, Michael 2004); only objects that were ever
 *   pinned are looked for. A hot object that many processes pin bounces no line.
 *   docs/adr/0003 says why not a counted reference.
 *
 * Bits and states
 *   entry = state:3 | kind:5 | aux:24 | ref:32.
 *   FREE; CLAIMED: reserved by a call, says nothing; PIN: keeps the object; PRIVATE: owns an
 *   object that is not published yet. The kind and aux of a PIN matter to forks only
 *   (ledger/adopt.h): whoever looks for pins ignores them. SECTION: of parts/section.h, which
 *   keeps here what a process owns until it ends; whoever looks for pins ignores it.
 *
 * Invariants
 *   G1  An object that is UNLINKED is freed only after a scan, begun after the unlink was
 *       visible and a grace period over, found no PIN of it.
 *   G2  A pin counts only after its check: object LINKED with the version that was looked
 *       up, read after the entry was published and a full fence. A failed check frees the
 *       entry; until then it delays a free, nothing else. In a section, which the scan's
 *       grace period waits for, the entry alone would do; by handle later it does not.
 *   G3  An entry is changed by its process (its thread's call), or by the recoverer.
 *   G4  A PRIVATE object has exactly one PRIVATE entry; both change in one transaction.
 *   G5  A pin that moves between processes (fork) is in the new entry, and hot.adoptions has
 *       moved, before the old one goes, or it doesn't count (H1). A scan during which it
 *       moved is repeated.
 *
 * Ordering
 *   PAIR pin: entry, full fence, object.state  |  object.state = UNLINKED, full fence
 *   (tg_limbo_close), entries (Dekker: one of the two sees the other).
 *   PAIR unpin: the user's last read, then FREE (release); the scan's acquire.
 *
 * Death: PIN entries of the dead are cleared, one store each: exact at once. PRIVATE
 *   ones are freed with their object in one transaction. Entries live in the process's
 *   record, which nobody reuses before that (store/recover.c).
 * Progress: pin and unpin: no loops, no shared write but `object.pinned`, once. A scan
 *   is as long as the ledgers are; parked objects are looked at again when a pin of an
 *   unlinked object went.
 *
 * API: tg_ledger_claim, tg_ledger_claim_place, tg_ledger_release, tg_ledger_pin,
 *   tg_ledger_find, tg_ledger_filter, tg_ledger_count, tg_ledger_least_stamp, tg_ledger_grow,
 *   tg_ledger_clear_pins.
 */
#ifndef TG_LEDGER_LEDGER_H
#define TG_LEDGER_LEDGER_H

#include "../arena/arena.h"
#include "../epoch/epoch.h"

#define TG_ENTRY(state, ref) ((uint64_t)(state) | (uint64_t)(ref) << 32)
#define TG_ENTRY_STATE(entry) ((enum tg_ledger_state)((entry) & 7))
#define TG_ENTRY_KIND(entry) ((enum tg_pin_kind)((entry) >> 3 & 31))
#define TG_ENTRY_REF(entry) ((tg_ref)((entry) >> 32))

/* Entries of chunk k, and of all before it: TG_LEDGER_FIRST * (2^k - 1). */
static inline uint32_t tg_ledger_chunk_size(uint32_t k) { return (uint32_t)TG_LEDGER_FIRST << k; }
static inline uint64_t tg_ledger_chunk_bytes(uint32_t k) {
    return tg_ledger_chunk_size(k) * (sizeof(tg_a64) + sizeof(struct tg_pin_info));
}
static inline uint32_t tg_ledger_below(uint32_t k) { return TG_LEDGER_FIRST * ((1u << k) - 1); }

static inline uint32_t tg_ledger_chunk_count(const struct tg_process *process) {
    /* PAIR publish: a chunk is zeroed before it is counted. Other end: the journal's apply. */
    uint32_t count = tg_load_acquire32(&process->ledger_count);
    return TG_LIKELY(count <= TG_LEDGER_CHUNKS) ? count : TG_LEDGER_CHUNKS;
}

static inline tg_a64 *tg_ledger_chunk_at(const struct tg_local *local, uint32_t process,
                                         uint32_t k) {
    tg_ref ref = tg_load_relaxed32(&local->processes[process].ledger[k]);
    return tg_at(local, ref, tg_ledger_chunk_bytes(k));
}

static inline uint32_t tg_ledger_capacity(const struct tg_local *local, uint32_t process) {
    return tg_ledger_below(tg_ledger_chunk_count(&local->processes[process]));
}

/* Where an entry is; `chunk` is NULL when there is none of that number. */
struct tg_ledger_place {
    tg_a64 *chunk;
    uint32_t index, size; /* in the chunk, of the chunk */
};

static inline struct tg_ledger_place tg_ledger_find_place(const struct tg_local *local,
                                                          uint32_t process, uint32_t number) {
    struct tg_ledger_place place = {NULL, 0, 0};
    /* The k-th chunk begins where index / first + 1 reaches 2^k. */
    uint32_t index = number - 1, kth = index / TG_LEDGER_FIRST + 1;
    if (TG_UNLIKELY(number == 0)) return place;
    uint32_t k = 31 - (uint32_t)__builtin_clz(kth);
    if (TG_UNLIKELY(k >= tg_ledger_chunk_count(&local->processes[process]))) return place;
    place.chunk = tg_ledger_chunk_at(local, process, k);
    place.index = index - tg_ledger_below(k);
    place.size = tg_ledger_chunk_size(k);
    return place;
}

/* Entries are numbered from 1 within a process. NULL when the number is beyond the ledger. */
static inline tg_a64 *tg_ledger_entry(const struct tg_local *local, uint32_t process,
                                      uint32_t number) {
    struct tg_ledger_place place = tg_ledger_find_place(local, process, number);
    return place.chunk ? place.chunk + place.index : NULL;
}

static inline struct tg_pin_info *tg_ledger_info_at(const struct tg_ledger_place *place) {
    return (struct tg_pin_info *)(place->chunk + place->size) + place->index;
}

static inline struct tg_pin_info *tg_ledger_info(const struct tg_local *local, uint32_t process,
                                                 uint32_t number) {
    struct tg_ledger_place place = tg_ledger_find_place(local, process, number);
    return place.chunk ? tg_ledger_info_at(&place) : NULL;
}

/* Turns a FREE entry of our process into `value`: its number; 0 when tg_ledger_grow is due. The
 * swap is a full fence. */
uint32_t tg_ledger_claim_place(struct tg_local *local, uint64_t value,
                               struct tg_ledger_place *place);
static inline uint32_t tg_ledger_claim(struct tg_local *local, uint64_t value) {
    struct tg_ledger_place place;
    return tg_ledger_claim_place(local, value, &place);
}
/* Never waits. */
static inline void tg_ledger_release_at(struct tg_local *local, tg_a64 *entry, uint32_t number) {
    /* PAIR unpin: our last read of the object before the scan finds us gone. */
    tg_store_release64(entry, TG_LEDGER_FREE);
    tg_store_relaxed64(&local->ledger_hint, number);
}
void tg_ledger_release(struct tg_local *local, uint32_t number);
/* A HELD call without locks. TG_PINS_FULL, TG_FULL, ... */
TG_MUST_CHECK tg_status tg_ledger_grow(struct tg_call *call);

/* Publishes a pin and checks it (G2): TG_OK; TG_RETRY: look up anew; TG_PINS_FULL: grow. */
TG_MUST_CHECK tg_status tg_ledger_pin(struct tg_local *local, struct tg_object *object,
                                      uint64_t version, uint32_t *number);

/* Sets bit i of the result when refs[i] is pinned by any process. count <= 64. */
uint64_t tg_ledger_find(struct tg_local *local, const tg_ref *refs, uint32_t count);

/* All pinned refs at once, as a filter: "no" is certain, "yes" is probable. */
struct tg_pin_filter {
    uint64_t bits[1024];
    uint32_t seed;
};
void tg_ledger_filter(struct tg_local *local, struct tg_pin_filter *filter, uint32_t seed);
static inline uint32_t tg_pin_filter_bit(const struct tg_pin_filter *filter, tg_ref ref) {
    return (uint32_t)(((uint64_t)(ref ^ filter->seed) * 0x9e3779b97f4a7c15ull) >> 48);
}
static inline bool tg_pin_filter_has(const struct tg_pin_filter *filter, tg_ref ref) {
    uint32_t bit = tg_pin_filter_bit(filter, ref);
    return filter->bits[bit / 64] >> (bit % 64) & 1;
}

uint32_t tg_ledger_count(struct tg_local *local, tg_ref object); /* 0: all pins */

/* Processes below it may have a ledger: scans are as long as were ever attached at once. */
uint32_t tg_ledger_process_high(const struct tg_local *local);
#define TG_ENTRY_SECTION(stamp) ((uint64_t)TG_LEDGER_SECTION | (uint64_t)(stamp) << 8)
#define TG_ENTRY_STAMP(entry) ((uint64_t)(entry) >> 8)
/* The least stamp of a SECTION of this process; UINT64_MAX when there is none. */
uint64_t tg_ledger_least_stamp(struct tg_local *local, uint32_t process);

/* For recovery: clears the pins and sections of `process`. PRIVATE entries are the object
 * layer's. */
void tg_ledger_clear_pins(struct tg_local *local, uint32_t process);

#endif
