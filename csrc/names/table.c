/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

struct tg_line *tg_table_head(const struct tg_local *local, uint64_t hash) {
    return tg_lookup_head(local, hash);
}

struct tg_record *tg_table_find(struct tg_local *local, uint64_t hash, tg_ref parent,
                                const struct tg_component *component, bool *corrupt) {
    return tg_lookup(local, hash, parent, component, corrupt);
}

tg_status tg_table_lock(struct tg_call *call, uint64_t hash, struct tg_spot *place) {
    for (;;) {
        struct tg_line *head = tg_lookup_head(call->local, hash);
        tg_status status = tg_lock(call, &head->lock, TG_LOCK_VALUE_ONE);
        if (status != TG_OK) return status;
        if (TG_LIKELY(tg_lookup_head(call->local, hash) == head) ||
            TG_MUTANT(table_head_unchecked)) {
            place->head = head;
            return TG_OK;
        }
        tg_unlock(call, &head->lock);
    }
}

tg_status tg_table_find_locked(struct tg_call *call, uint64_t hash, tg_ref parent,
                               const struct tg_component *component, struct tg_spot *place) {
    return tg_lookup_locked(call, hash, parent, component, place);
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
