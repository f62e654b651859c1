/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

struct tg_line *tg_table_head(const struct tg_local *local, uint64_t hash) {
    return &local->buckets[tg_bucket_of(hash, tg_bucket_count(local))];
}

static struct tg_line *overflow_of(const struct tg_local *local, const struct tg_line *line,
                                   bool *corrupt) {
    /* PAIR publish: an overflow line is filled before it is linked. */
    tg_ref next = tg_load_acquire32(&line->next);
    if (TG_LIKELY(next == 0)) return NULL;
    struct tg_line *overflow = tg_at(local, next, sizeof *overflow);
    if (overflow == NULL) *corrupt = true;
    return overflow;
}

static struct tg_record *search_line(const struct tg_local *local, const struct tg_line *line,
                                     uint64_t hash, tg_ref parent,
                                     const struct tg_component *component, uint32_t *slot,
                                     bool *corrupt) {
    uint64_t hits = tg_tags_equal(tg_load_relaxed64(&line->tags), tg_tag_of(hash));
    for (; hits != 0; hits &= hits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(hits) / TG_TAG_BITS;
        /* PAIR publish: a record is filled before its slot names it. */
        tg_ref ref = tg_load_acquire32(&line->slot[i]);
        if (ref == 0) continue;
        uint32_t room;
        struct tg_record *record = tg_record_header_at(local, ref, &room);
        if (TG_UNLIKELY(record == NULL)) {
            *corrupt = true;
            continue;
        }
        if (!tg_record_matches(record, room, (uint32_t)hash, parent, component)) continue;
        *slot = i;
        return record;
    }
    return NULL;
}

static struct tg_record *search_chain(const struct tg_local *local, struct tg_line *head,
                                      uint64_t hash, tg_ref parent,
                                      const struct tg_component *component, struct tg_line **line,
                                      uint32_t *slot, bool *corrupt) {
    uint32_t steps = 0;
    for (struct tg_line *at = head; at != NULL; at = overflow_of(local, at, corrupt)) {
        struct tg_record *record = search_line(local, at, hash, parent, component, slot, corrupt);
        if (record != NULL) {
            *line = at;
            return record;
        }
        if (++steps > TG_CHAIN_MAX) {
            *corrupt = true;
            break;
        }
    }
    return NULL;
}

struct tg_record *tg_table_find(struct tg_local *local, uint64_t hash, tg_ref parent,
                                const struct tg_component *component, bool *corrupt) {
    uint64_t count = tg_bucket_count(local);
    for (;;) {
        struct tg_line *head = &local->buckets[tg_bucket_of(hash, count)], *line;
        uint32_t slot;
        struct tg_record *record =
            search_chain(local, head, hash, parent, component, &line, &slot, corrupt);
        if (record != NULL) return record;
        /* PAIR split: our loads of the slots, then the second look (T4). */
        tg_fence_acquire();
        uint64_t now = tg_bucket_count(local);
        if (tg_bucket_of(hash, now) == tg_bucket_of(hash, count) || TG_MUTANT(table_miss_unchecked))
            return NULL;
        count = now;
    }
}

tg_status tg_table_lock(struct tg_call *call, uint64_t hash, struct tg_spot *place) {
    for (;;) {
        struct tg_line *head = tg_table_head(call->local, hash);
        tg_status status = tg_lock(call, &head->lock, TG_LOCK_VALUE_ONE);
        if (status != TG_OK) return status;
        if (TG_LIKELY(tg_table_head(call->local, hash) == head) ||
            TG_MUTANT(table_head_unchecked)) {
            place->head = head;
            return TG_OK;
        }
        tg_unlock(call, &head->lock);
    }
}

tg_status tg_table_find_locked(struct tg_call *call, uint64_t hash, tg_ref parent,
                               const struct tg_component *component, struct tg_spot *place) {
    bool corrupt = false;
    TG_ASSERT(tg_owns(call, &place->head->lock));
    place->line = NULL;
    place->record = search_chain(call->local, place->head, hash, parent, component, &place->line,
                                 &place->slot, &corrupt);
    return corrupt ? TG_CORRUPT : TG_OK;
}

uint32_t tg_table_line_class(const struct tg_local *local) {
    return tg_class_for(local, sizeof(struct tg_line));
}

static uint64_t with_tag(uint64_t tags, uint32_t slot, uint64_t hash) {
    uint32_t shift = slot * TG_TAG_BITS;
    return (tags & ~(TG_TAG_MASK << shift)) | tg_tag_of(hash) << shift;
}

static bool log_insert_into(struct tg_call *call, struct tg_line *line, uint64_t hash, tg_ref ref) {
    for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
        if (tg_pending32(call, &line->slot[i]) != 0) continue;
        uint64_t tags = with_tag(tg_pending64(call, &line->tags), i, hash);
        tg_log64(call, &line->tags, tags);
        tg_log32(call, &line->slot[i], ref);
        return true;
    }
    return false;
}

/* Fills a private overflow line with its first record. */
static tg_ref make_overflow(struct tg_call *call, uint64_t hash, tg_ref ref) {
    uint32_t class = tg_table_line_class(call->local);
    tg_ref at = tg_need_use(call, class);
    struct tg_line *line = tg_at(call->local, at, sizeof *line);
    TG_CHECK(line != NULL);
    tg_store_relaxed64(&line->lock, 0);
    tg_store_relaxed64(&line->tags, with_tag(0, 0, hash));
    tg_store_relaxed32(&line->next, 0);
    tg_store_relaxed32(&line->marks, 0);
    tg_store_relaxed32(&line->slot[0], ref);
    for (uint32_t i = 1; i < TG_LINE_SLOTS; i++) tg_store_relaxed32(&line->slot[i], 0);
    return at;
}

/* The overflow line after this transaction. */
static struct tg_line *pending_overflow(struct tg_call *call, const struct tg_line *line) {
    tg_ref next = tg_pending32(call, &line->next);
    return next ? tg_at(call->local, next, sizeof *line) : NULL;
}

void tg_table_log_insert(struct tg_call *call, struct tg_spot *place, uint64_t hash, tg_ref ref) {
    struct tg_line *last = place->head;
    for (struct tg_line *line = last; line != NULL; line = pending_overflow(call, line)) {
        if (log_insert_into(call, line, hash, ref)) return;
        call->grow_due = true;
        last = line;
    }
    tg_log32(call, &last->next, make_overflow(call, hash, ref));
}

void tg_table_log_replace(struct tg_call *call, struct tg_spot *place, tg_ref ref) {
    tg_log32(call, &place->line->slot[place->slot], ref);
}

static bool only_slot(struct tg_call *call, const struct tg_line *line, uint32_t slot) {
    for (uint32_t i = 0; i < TG_LINE_SLOTS; i++)
        if (i != slot && tg_pending32(call, &line->slot[i]) != 0) return false;
    return true;
}

void tg_table_log_remove(struct tg_call *call, struct tg_spot *place) {
    struct tg_line *line = place->line;
    tg_log32(call, &line->slot[place->slot], 0);
    if (line == place->head || !only_slot(call, line, place->slot)) return;
    struct tg_line *before = place->head;
    for (struct tg_line *next; (next = pending_overflow(call, before)) != line;) {
        if (next == NULL) return;
        before = next;
    }
    /* A walker that stands on the empty line still finds its way by the line's own next. */
    tg_log32(call, &before->next, tg_pending32(call, &line->next));
    tg_retire(call, line);
}
