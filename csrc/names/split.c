/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of the table: one bucket split, in one transaction (table.h, T3). */
#include "table.h"

enum { MOVED_MAX = 40, OVERFLOW_MAX = 4 };

/* The records that move from the old bucket, and where they stood. */
struct move {
    uint32_t count;
    tg_a32 *slot[MOVED_MAX];
    tg_ref ref[MOVED_MAX];
};

static uint64_t bucket_in(uint32_t hash, uint64_t count) {
    uint64_t mask = ~0ull >> __builtin_clzll(count - 1);
    uint64_t bucket = hash & mask;
    return bucket < count ? bucket : bucket & (mask >> 1);
}

static bool collect(struct tg_call *call, struct tg_line *line, uint64_t fresh, struct move *move) {
    for (uint32_t steps = 0; line != NULL; steps++) {
        if (steps > 1024) return false;
        for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
            tg_ref ref = tg_load_relaxed32(&line->slot[i]);
            if (ref == 0) continue;
            struct tg_record *record = tg_record_at(call->local, ref);
            if (record == NULL) return false;
            if (bucket_in(tg_load_relaxed32(&record->hash), fresh + 1) != fresh) continue;
            if (move->count == MOVED_MAX) return false;
            move->slot[move->count] = &line->slot[i];
            move->ref[move->count++] = ref;
        }
        tg_ref next = tg_load_relaxed32(&line->next);
        line = next ? tg_at(call->local, next, sizeof *line) : NULL;
    }
    return true;
}

/* A private line of up to TG_LINE_SLOTS of the moved records, from `from` on. */
static void fill(struct tg_call *call, struct tg_line *line, const struct move *move, uint32_t from,
                 tg_ref next) {
    uint64_t tags = 0;
    for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
        tg_ref ref = from + i < move->count ? move->ref[from + i] : 0;
        if (ref != 0) {
            struct tg_record *record = tg_record_at(call->local, ref);
            struct tg_component name = {(const char *)tg_record_name(record),
                                        tg_record_name_size(record)};
            uint64_t hash =
                tg_component_hash(call->local, tg_load_relaxed32(&record->parent), &name);
            tags |= (hash >> 58) << (6 * i);
        }
        tg_store_relaxed32(&line->slot[i], ref);
    }
    tg_store_relaxed64(&line->tags, tags);
    tg_store_relaxed32(&line->marks, 0);
    tg_store_relaxed32(&line->next, next);
}

static uint32_t overflow_lines(const struct move *move) {
    if (move->count <= TG_LINE_SLOTS) return 0;
    return (move->count - 1) / TG_LINE_SLOTS;
}

/* Under both locks: the new bucket is private until `buckets` counts it. */
static void split_locked(struct tg_call *call, struct tg_line *fresh_line, uint64_t fresh,
                         const struct move *move) {
    uint32_t class = tg_table_line_class(call->local);
    uint32_t extra = overflow_lines(move);
    tg_ref next = 0;
    for (uint32_t i = extra; i > 0; i--) {
        tg_ref ref = tg_block_peek(call, class, i - 1);
        struct tg_line *line = tg_at(call->local, ref, sizeof *line);
        TG_CHECK(line != NULL);
        tg_store_relaxed64(&line->lock, 0);
        fill(call, line, move, i * TG_LINE_SLOTS, next);
        next = ref;
    }
    fill(call, fresh_line, move, 0, next);
    /* PAIR split: the new bucket counts before the old slots are cleared (T3). */
    if (!TG_MUTANT(split_clear_first)) tg_log64(call, &call->local->hot->buckets, fresh + 1);
    for (uint32_t i = 0; i < move->count; i++) tg_log32(call, move->slot[i], 0);
    if (TG_MUTANT(split_clear_first)) tg_log64(call, &call->local->hot->buckets, fresh + 1);
    if (extra) tg_block_take(call, class, extra);
    tg_commit(call);
}

static bool enough_committed(struct tg_call *call, uint64_t fresh) {
    struct tg_local *local = call->local;
    if (fresh >= local->header.bucket_capacity) return false;
    return fresh < tg_load_relaxed64(&local->hot->buckets_committed);
}

/* Claims the next part of the bucket region. Claiming is idempotent, so no lock is held
 * meanwhile, and a death between the two steps costs nothing. */
static tg_status commit_buckets(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_hot *hot = local->hot;
    uint64_t committed = tg_load_relaxed64(&hot->buckets_committed);
    uint64_t unit = local->header.bucket_unit;
    uint64_t bytes = unit * sizeof(struct tg_line);
    uint64_t taken = local->header.fixed_size + tg_load_relaxed64(&hot->committed_bytes);
    if (committed + unit > local->header.bucket_capacity) return TG_FULL;
    if (taken + bytes > local->header.limit) return TG_FULL;
    uint64_t offset = local->header.buckets_offset + committed * sizeof(struct tg_line);
    tg_status status = local->os->ops->commit(local->os, offset, bytes);
    if (status == TG_OK) status = tg_lock(call, &hot->grow_lock, 0);
    if (status != TG_OK) return status;
    if (tg_load_relaxed64(&hot->buckets_committed) == committed) {
        status = tg_arena_charge_begin(call, bytes);
        if (status == TG_OK) {
            tg_log64(call, &hot->buckets_committed, committed + unit);
            tg_run_free_end(call);
        }
    }
    tg_unlock(call, &hot->grow_lock);
    return status;
}

static bool split_one(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_hot *hot = local->hot;
    uint64_t fresh = tg_load_relaxed64(&hot->buckets);
    if (!enough_committed(call, fresh)) return false;
    uint64_t mask = ~0ull >> __builtin_clzll(fresh);
    struct tg_line *old = &local->buckets[fresh & (mask >> 1)];
    struct tg_line *fresh_line = &local->buckets[fresh];
    if (tg_trylock(call, &old->lock, TG_LOCK_VALUE_ONE) != TG_OK) return false;
    if (tg_trylock(call, &fresh_line->lock, TG_LOCK_VALUE_ONE) != TG_OK) return false;
    struct move move = {.count = 0};
    if (!collect(call, old, fresh, &move) || overflow_lines(&move) > OVERFLOW_MAX) return false;
    split_locked(call, fresh_line, fresh, &move);
    return true;
}

void tg_table_maintain(struct tg_call *call) {
    if (TG_LIKELY(!call->grow_due)) return;
    call->grow_due = false;
    struct tg_hot *hot = call->local->hot;
    uint64_t fresh = tg_load_relaxed64(&hot->buckets);
    if (!enough_committed(call, fresh) && commit_buckets(call) != TG_OK) return;
    if (tg_block_prepare(call, tg_table_line_class(call->local), OVERFLOW_MAX) != TG_OK) return;
    if (tg_trylock(call, &hot->grow_lock, 0) != TG_OK) return;
    (void)split_one(call);
    tg_unlock_all(call);
}
