/* SPDX-License-Identifier: Apache-2.0 */
/* Magazines: refilled from slabs, flushed to them, and collected from idle contexts. */
#include "arena.h"
#include "slab.h"

/* The count of the call's magazine; TG_CORRUPT when it is more than fits. */
static tg_status magazine_count(struct tg_call *call, uint32_t class, uint32_t *count) {
    *count = tg_load_relaxed32(tg_magazine(call->local, call->context, class));
    return *count <= tg_magazine_capacity(call->local, class) ? TG_OK : TG_CORRUPT;
}

/* ---- refill -------------------------------------------------------------------------- */

/* Class lock held: one transaction after the other, until `count` blocks are there. */
static tg_status refill_locked(struct tg_call *call, uint32_t class, uint32_t count) {
    uint32_t half = tg_magazine_capacity(call->local, class) / 2;
    uint32_t target = count > half ? count : half;
    uint32_t have;
    tg_status status = magazine_count(call, class, &have);
    while (status == TG_OK && have < count) {
        status = tg_slab_take_bits(call, class, target - have);
        if (status == TG_OK) status = magazine_count(call, class, &have);
    }
    return status;
}

/* No slab has room: makes one of pages of our own, then refills. */
static tg_status refill_from_new(struct tg_call *call, uint32_t class, uint32_t count) {
    tg_a64 *lock = &call->local->classes[class].lock;
    uint32_t page;
    tg_status status = tg_run_take_aligned(call, tg_slab_pages(call->local), &page);
    if (status != TG_OK) return status;
    status = tg_slab_prepare(call, class, page);
    if (status != TG_OK) return status;
    status = tg_lock(call, lock, 0);
    if (status != TG_OK) return status;
    status = tg_slab_make(call, class, page);
    if (status == TG_OK) status = refill_locked(call, class, count);
    tg_unlock(call, lock);
    return status;
}

tg_status tg_magazine_refill(struct tg_call *call, uint32_t class, uint32_t count) {
    if (class >= TG_CLASS_TOTAL(call->local)) return TG_INVALID;
    if (count > tg_magazine_capacity(call->local, class)) return TG_INVALID;
    tg_a64 *lock = &call->local->classes[class].lock;
    tg_status status = TG_MUTANT(arena_refill_unlocked) ? TG_OK : tg_lock(call, lock, 0);
    if (status != TG_OK) return status;
    status = refill_locked(call, class, count);
    if (!TG_MUTANT(arena_refill_unlocked)) tg_unlock(call, lock);
    /* A new slab may have fewer blocks than wanted; each round adds one. */
    for (uint32_t round = 0; status == TG_ABSENT && round < count; round++)
        status = refill_from_new(call, class, count);
    return status == TG_ABSENT ? TG_FULL : status;
}

/* ---- flush --------------------------------------------------------------------------- */

enum { FLUSH_ROOM = 12 }; /* entries for one block, an empty slab, and the count */

/* Class lock held: one transaction. Ends early when a slab became context.run. */
static tg_status flush_locked(struct tg_call *call, uint32_t class, uint32_t keep, bool *done,
                              bool *released) {
    tg_a32 *magazine = tg_magazine(call->local, call->context, class);
    struct tg_edit edit;
    uint32_t count;
    tg_status status = magazine_count(call, class, &count);
    *released = false;
    *done = true;
    if (status != TG_OK || count <= keep) return status;
    tg_edit_begin(&edit, call);
    while (count > keep && !*released && tg_edit_room(&edit) >= FLUSH_ROOM) {
        uint32_t page;
        bool empty;
        tg_ref ref = tg_load_relaxed32(&magazine[count]);
        status = tg_slab_clear_bit(&edit, class, ref, &page, &empty);
        if (status == TG_OK && empty) {
            status = tg_slab_release(&edit, class, page);
            *released = status == TG_OK;
            if (status == TG_ABSENT) status = TG_OK;
        }
        if (status != TG_OK) return status;
        count--;
    }
    tg_edit_set32(&edit, magazine, count);
    tg_edit_log(&edit);
    tg_commit(call);
    *done = count <= keep;
    return TG_OK;
}

tg_status tg_magazine_flush(struct tg_call *call, uint32_t class, uint32_t keep) {
    if (class >= TG_CLASS_TOTAL(call->local)) return TG_INVALID;
    tg_a64 *lock = &call->local->classes[class].lock;
    bool done = false;
    while (!done) {
        bool released;
        tg_status status = tg_lock(call, lock, 0);
        if (status != TG_OK) return status;
        do status = flush_locked(call, class, keep, &done, &released);
        while (status == TG_OK && !done && !released);
        tg_unlock(call, lock);
        if (status == TG_OK && released) status = tg_run_return(call);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

void tg_block_give(struct tg_call *call, uint32_t class, tg_ref ref) {
    struct tg_context *context = call->context;
    tg_a32 *magazine = tg_magazine(call->local, context, class);
    uint64_t where = tg_offset_of(call->local, magazine);
    uint32_t have = tg_load_relaxed32(magazine);
    /* This transaction may have given some already: its entry is brought up to date. */
    for (uint32_t i = 0; i < call->log_count; i++) {
        if (tg_load_relaxed64(&context->log[i].where) != where) continue;
        uint32_t planned = (uint32_t)tg_load_relaxed64(&context->log[i].value);
        TG_CHECK(planned >= have && planned < tg_magazine_capacity(call->local, class));
        tg_store_relaxed32(&magazine[1 + planned], ref);
        tg_store_relaxed64(&context->log[i].value, planned + 1);
        return;
    }
    TG_CHECK(have < tg_magazine_capacity(call->local, class));
    /* Beyond the count: it is nobody's until the commit. */
    tg_store_relaxed32(&magazine[1 + have], ref);
    tg_log32(call, magazine, have + 1);
}

/* ---- reclaim ------------------------------------------------------------------------- */

/* Class lock held: one empty slab, not the last with room, becomes context.run. The walk
 * is short: an empty slab stays in the list only for want of a free context.run, or as
 * the last one. */
static tg_status release_one_locked(struct tg_call *call, uint32_t class) {
    enum { WALK = 64 };
    struct tg_local *local = call->local;
    uint32_t blocks = tg_class_shape(local, class)->blocks;
    uint32_t link = tg_load_relaxed32(&local->classes[class].partial);
    for (uint32_t step = 0; link != 0 && step < WALK; step++) {
        struct tg_edit edit;
        uint32_t page;
        tg_status status = tg_slab_of_link(local, class, link, &page);
        if (status != TG_OK) return status;
        if (tg_load_relaxed32(&local->pages[page].free) == blocks) {
            tg_edit_begin(&edit, call);
            status = tg_slab_release(&edit, class, page);
            if (status != TG_OK) return status;
            tg_edit_log(&edit);
            tg_commit(call);
            return TG_OK;
        }
        link = tg_load_relaxed32(&local->pages[page].next);
    }
    return TG_ABSENT;
}

static tg_status release_empty_slabs(struct tg_call *call, uint32_t class) {
    tg_a64 *lock = &call->local->classes[class].lock;
    for (uint32_t round = 0; round < call->local->header.page_count; round++) {
        tg_status status = tg_lock(call, lock, 0);
        if (status != TG_OK) return status;
        status = release_one_locked(call, class);
        tg_unlock(call, lock);
        if (status == TG_ABSENT) return TG_OK;
        if (status == TG_OK) status = tg_run_return(call);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

/* Flushes and settles the context that the call has. */
static tg_status drain_context(struct tg_call *call) {
    tg_status status = tg_arena_settle(call);
    for (uint32_t class = 0; status == TG_OK && class < TG_CLASS_TOTAL(call->local); class++) {
        uint32_t count = tg_load_relaxed32(tg_magazine(call->local, call->context, class));
        if (count != 0) status = tg_magazine_flush(call, class, 0);
    }
    return status;
}

tg_status tg_arena_reclaim(struct tg_call *call) {
    struct tg_local *local = call->local;
    tg_status status = drain_context(call);
    for (uint32_t id = 1, high = tg_context_high(local); status == TG_OK && id <= high; id++) {
        struct tg_call other;
        tg_call_begin(&other, local, id, call->deadline_ns);
        if (!tg_borrow_one(&other, id)) continue; /* in use, or our own */
        status = drain_context(&other);
        tg_return(&other);
    }
    for (uint32_t class = 0; status == TG_OK && class < local->header.class_count; class++)
        status = release_empty_slabs(call, class);
    return status;
}
