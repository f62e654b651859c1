/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

static inline bool try_claim(struct tg_local *local, uint32_t number, uint64_t value,
                             struct tg_ledger_place *place) {
    *place = tg_ledger_find_place(local, local->process, number);
    if (place->chunk == NULL) return false;
    tg_a64 *entry = place->chunk + place->index;
    if (tg_load_relaxed64(entry) != TG_LEDGER_FREE) return false;
    uint64_t old = TG_LEDGER_FREE;
    /* PAIR pin: the entry is published before the object's state is read (Dekker with
     * tg_limbo_close and tg_ledger_find). Also lets two threads claim two entries. */
    if (!tg_cas_seqcst64(entry, &old, value)) return false;
    tg_fence_after_rmw();
    return true;
}

static uint32_t claim_any(struct tg_local *local, uint32_t first, uint64_t value,
                          struct tg_ledger_place *place) {
    uint32_t capacity = tg_ledger_capacity(local, local->process);
    if (first == 0 || first > capacity) first = 1;
    for (uint32_t i = 0; i < capacity; i++) {
        uint32_t number = first + i <= capacity ? first + i : first + i - capacity;
        if (try_claim(local, number, value, place)) {
            tg_store_relaxed64(&local->ledger_hint, number + 1);
            return number;
        }
    }
    return 0;
}

static inline uint32_t claim(struct tg_local *local, uint64_t value,
                             struct tg_ledger_place *place) {
    uint32_t number = (uint32_t)tg_load_relaxed64(&local->ledger_hint);
    if (TG_UNLIKELY(!try_claim(local, number, value, place)))
        return claim_any(local, number, value, place);
    tg_store_relaxed64(&local->ledger_hint, number + 1);
    return number;
}

uint32_t tg_ledger_claim_place(struct tg_local *local, uint64_t value,
                               struct tg_ledger_place *place) {
    return claim(local, value, place);
}

void tg_ledger_release(struct tg_local *local, uint32_t number) {
    tg_a64 *entry = tg_ledger_entry(local, local->process, number);
    if (entry != NULL) tg_ledger_release_at(local, entry, number);
}

tg_status tg_ledger_pin(struct tg_local *local, struct tg_object *object, uint64_t version,
                        uint32_t *number) {
    bool late = TG_MUTANT(pin_hint_late);
    if (TG_MUTANT(pin_checked_first) && tg_load_relaxed32(&object->state) != TG_OBJECT_LINKED)
        return TG_RETRY;
    if (tg_load_relaxed32(&object->pinned) == 0 && !late) tg_store_relaxed32(&object->pinned, 1);
    struct tg_ledger_place place;
    *number = claim(local, TG_ENTRY(TG_LEDGER_PIN, tg_ref_of(local, object)), &place);
    if (*number == 0) return TG_PINS_FULL;
    if (TG_MUTANT(pin_unchecked) || TG_MUTANT(pin_checked_first)) return TG_OK;
    /* PAIR publish: LINKED, then the fields that were filled before. */
    if (tg_load_acquire32(&object->state) == TG_OBJECT_LINKED &&
        (tg_load_relaxed64(&object->version) == version || TG_MUTANT(pin_version_ignored))) {
        if (late) tg_store_relaxed32(&object->pinned, 1);
        return TG_OK;
    }
    tg_ledger_release_at(local, place.chunk + place.index, *number);
    *number = 0;
    return TG_RETRY;
}

/* The block or run for chunk k, zeroed and private. */
static tg_status prepare_chunk(struct tg_call *call, uint32_t k, uint32_t *class, tg_ref *ref) {
    struct tg_local *local = call->local;
    uint64_t bytes = tg_ledger_chunk_bytes(k);
    *class = tg_class_for(local, bytes);
    if (*class != TG_CLASS_NONE) {
        tg_status status = tg_block_prepare(call, *class, 1);
        if (status != TG_OK) return status;
        *ref = tg_block_peek(call, *class, 0);
    } else {
        uint32_t first;
        tg_status status = tg_run_take(call, tg_pages_for(local, bytes), &first);
        if (status != TG_OK) return status;
        *ref = tg_run_ref(local, first);
    }
    tg_a64 *chunk = tg_at(local, *ref, bytes);
    if (chunk == NULL) return TG_CORRUPT;
    for (uint32_t i = 0; i < bytes / 8; i++) tg_store_relaxed64(&chunk[i], 0);
    return TG_OK;
}

static bool any_free(struct tg_local *local) {
    uint32_t capacity = tg_ledger_capacity(local, local->process);
    for (uint32_t number = 1; number <= capacity; number++) {
        tg_a64 *entry = tg_ledger_entry(local, local->process, number);
        if (entry && tg_load_relaxed64(entry) == TG_LEDGER_FREE) return true;
    }
    return false;
}

uint32_t tg_ledger_process_high(const struct tg_local *local) {
    uint64_t high = tg_load_relaxed64(&local->hot->process_high);
    return high < local->header.process_count ? (uint32_t)high : local->header.process_count;
}

static void raise_process_high(struct tg_local *local) {
    tg_a64 *word = &local->hot->process_high;
    uint64_t high = tg_load_relaxed64(word);
    /* PAIR pin: our ledger is looked at by every scan that could miss a pin in it. */
    while (high <= local->process && !tg_cas_seqcst64(word, &high, local->process + 1ull)) {
    }
}

tg_status tg_ledger_grow(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_process *process = &local->processes[local->process];
    uint32_t k = tg_ledger_chunk_count(process), class;
    tg_ref ref;
    /* Another thread may have added the last chunk since our caller found none free. */
    if (k == TG_LEDGER_CHUNKS) return any_free(local) ? TG_OK : TG_PINS_FULL;
    raise_process_high(local);
    tg_status status = prepare_chunk(call, k, &class, &ref);
    if (status != TG_OK) return status;
    bool locked = !TG_MUTANT(ledger_grow_unlocked);
    status = locked ? tg_lock(call, &process->lock, 0) : TG_OK;
    if (status == TG_OK &&
        (tg_ledger_chunk_count(process) == k || TG_MUTANT(ledger_grow_unchecked))) {
        tg_log32(call, &process->ledger[k], ref);
        tg_log32(call, &process->ledger_count, k + 1);
        if (class != TG_CLASS_NONE)
            tg_block_take(call, class, 1);
        else
            tg_run_hand_over(call);
        tg_commit(call);
        if (locked) tg_unlock(call, &process->lock);
        tg_store_relaxed64(&local->ledger_hint, tg_ledger_below(k) + 1);
        return TG_OK;
    }
    if (status == TG_OK && locked) tg_unlock(call, &process->lock); /* another thread was first */
    tg_status settled = tg_arena_settle(call);
    return status != TG_OK ? status : settled;
}

/* What a scan asks or collects. */
struct scan {
    const tg_ref *refs; /* look for these, */
    uint32_t count;
    uint64_t found;
    struct tg_pin_filter *filter; /* or note all in here */
};

static void visit(struct scan *scan, tg_ref ref) {
    for (uint32_t i = 0; i < scan->count; i++)
        if (ref == scan->refs[i]) scan->found |= 1ull << i;
    if (scan->filter == NULL) return;
    uint32_t bit = tg_pin_filter_bit(scan->filter, ref);
    scan->filter->bits[bit / 64] |= 1ull << (bit % 64);
}

static void scan_process(struct tg_local *local, uint32_t process, struct scan *scan) {
    uint32_t chunks = tg_ledger_chunk_count(&local->processes[process]);
    for (uint32_t k = 0; k < chunks; k++) {
        tg_a64 *chunk = tg_ledger_chunk_at(local, process, k);
        if (chunk == NULL) continue;
        for (uint32_t i = 0; i < tg_ledger_chunk_size(k); i++) {
            /* PAIR unpin: an entry that reads FREE: its user's last read is over. */
            uint64_t entry = tg_load_acquire64(&chunk[i]);
            if (TG_ENTRY_STATE(entry) == TG_LEDGER_PIN) visit(scan, TG_ENTRY_REF(entry));
        }
    }
}

static void scan_all(struct tg_local *local, struct scan *scan) {
    /* PAIR pin.adopt: what was adopted before is in the entries that we look at. */
    uint64_t before, after = tg_load_seqcst64(&local->hot->adoptions);
    do {
        before = after;
        /* PAIR pin: UNLINKED was published before; this fence, then the entries. */
        tg_fence_full();
        for (uint32_t p = 0, high = tg_ledger_process_high(local); p < high; p++)
            if (tg_load_relaxed32(&local->processes[p].state) != TG_PROCESS_FREE)
                scan_process(local, p, scan);
        /* PAIR pin.adopt: a pin that moved behind us from a parent, which let go then. */
        after = tg_load_seqcst64(&local->hot->adoptions);
    } while (after != before && !TG_MUTANT(pin_scan_once));
}

uint64_t tg_ledger_find(struct tg_local *local, const tg_ref *refs, uint32_t count) {
    struct scan scan = {.refs = refs, .count = count};
    TG_ASSERT(count <= 64);
    if (TG_MUTANT(pin_scan_skipped)) return 0;
    scan_all(local, &scan);
    return scan.found;
}

void tg_ledger_filter(struct tg_local *local, struct tg_pin_filter *filter, uint32_t seed) {
    struct scan scan = {.filter = filter};
    memset(filter->bits, 0, sizeof filter->bits);
    filter->seed = seed;
    scan_all(local, &scan);
}

uint32_t tg_ledger_count(struct tg_local *local, tg_ref object) {
    uint32_t count = 0;
    for (uint32_t p = 0, high = tg_ledger_process_high(local); p < high; p++) {
        if (tg_load_relaxed32(&local->processes[p].state) == TG_PROCESS_FREE) continue;
        uint32_t capacity = tg_ledger_capacity(local, p);
        for (uint32_t number = 1; number <= capacity; number++) {
            tg_a64 *entry = tg_ledger_entry(local, p, number);
            uint64_t value = entry ? tg_load_relaxed64(entry) : 0;
            if (TG_ENTRY_STATE(value) != TG_LEDGER_PIN) continue;
            if (object == 0 || TG_ENTRY_REF(value) == object) count++;
        }
    }
    return count;
}

uint64_t tg_ledger_least_stamp(struct tg_local *local, uint32_t process) {
    uint64_t least = UINT64_MAX;
    uint32_t chunks = tg_ledger_chunk_count(&local->processes[process]);
    for (uint32_t k = 0; k < chunks; k++) {
        tg_a64 *chunk = tg_ledger_chunk_at(local, process, k);
        for (uint32_t i = 0; chunk && i < tg_ledger_chunk_size(k); i++) {
            /* PAIR unpin: an entry that is free: the last read of its section is over. */
            uint64_t entry = tg_load_acquire64(&chunk[i]);
            if (TG_ENTRY_STATE(entry) != TG_LEDGER_SECTION) continue;
            if (TG_ENTRY_STAMP(entry) < least) least = TG_ENTRY_STAMP(entry);
        }
    }
    return least;
}

void tg_ledger_clear_pins(struct tg_local *local, uint32_t process) {
    uint32_t capacity = tg_ledger_capacity(local, process);
    for (uint32_t number = 1; number <= capacity; number++) {
        tg_a64 *entry = tg_ledger_entry(local, process, number);
        if (entry == NULL) continue;
        enum tg_ledger_state state = TG_ENTRY_STATE(tg_load_relaxed64(entry));
        /* PAIR unpin: the dead user's reads are over (the life token says so). */
        bool private = state == TG_LEDGER_PRIVATE && TG_MUTANT(clear_forgets_private);
        bool section = state == TG_LEDGER_SECTION && !TG_MUTANT(section_outlives);
        if (state == TG_LEDGER_PIN || state == TG_LEDGER_CLAIMED || section || private)
            tg_store_release64(entry, TG_LEDGER_FREE);
    }
}
