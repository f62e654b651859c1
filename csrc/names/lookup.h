/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a record by its hash: what every read does, once for each component.
 *
 * What
 *   The search of table.h, inline: the walk (walk.c) and the locked lookups (table.c) are
 *   made of it. A bucket's tags are compared all at once; a record is looked at where a tag
 *   matches; its hash decides before its name is compared.
 *
 * Invariants: T1-T4 (table.h).
 * Ordering: PAIR publish, PAIR split (table.h).
 * Death: reads only.
 * Progress: as table.h says.
 * API: tg_lookup, tg_lookup_from, tg_lookup_locked, tg_lookup_in, tg_lookup_head.
 */
#ifndef TG_NAMES_LOOKUP_H
#define TG_NAMES_LOOKUP_H

#include "table.h"

enum { TG_CHAIN_MAX = 1024, TG_TAG_BITS = 6 };
#define TG_TAG_MASK 63ull

TG_HOT uint64_t tg_tag_of(uint64_t hash) { return hash >> (64 - TG_TAG_BITS); }

/* Bucket number of a hash when `count` are in use. */
TG_HOT uint64_t tg_bucket_of(uint64_t hash, uint64_t count) {
    uint64_t mask = TG_LIKELY(count > 1) ? ~0ull >> __builtin_clzll(count - 1) : 0;
    uint64_t bucket = (uint32_t)hash & mask;
    return bucket < count ? bucket : bucket & (mask >> 1);
}

TG_HOT uint64_t tg_bucket_count(const struct tg_local *local) {
    /* PAIR split: the new bucket's slots are there before it counts. */
    uint64_t count = tg_load_acquire64(&local->hot->buckets);
    return TG_LIKELY(count - 1 < local->header.bucket_capacity) ? count : 1;
}

TG_HOT struct tg_line *tg_lookup_head(const struct tg_local *local, uint64_t hash) {
    return &local->buckets[tg_bucket_of(hash, tg_bucket_count(local))];
}

TG_HOT struct tg_line *tg_lookup_overflow(const struct tg_local *local, const struct tg_line *line,
                                          bool *corrupt) {
    /* PAIR publish: an overflow line is filled before it is linked. */
    tg_ref next = tg_load_acquire32(&line->next);
    if (TG_LIKELY(next == 0)) return NULL;
    struct tg_line *overflow = tg_at(local, next, sizeof *overflow);
    if (overflow == NULL) *corrupt = true;
    return overflow;
}

/* The top bit of each 6-bit lane whose tag equals `tag`; exact, lanes don't carry. */
TG_HOT uint64_t tg_tags_equal(uint64_t tags, uint64_t tag) {
    const uint64_t ones = 0x0041041041041041ull & ((1ull << (TG_TAG_BITS * TG_LINE_SLOTS)) - 1);
    const uint64_t tops = ones << (TG_TAG_BITS - 1);
    uint64_t different = tags ^ tag * ones;
    /* (x & 31) + 31 sets the top bit unless the low five are 0. */
    uint64_t low = ((different & (tops - ones)) + (tops - ones)) | different;
    return ~low & tops;
}

TG_HOT struct tg_record *tg_lookup_line(const struct tg_local *local, const struct tg_line *line,
                                        uint64_t hash, tg_ref parent,
                                        const struct tg_component *component, uint32_t *slot,
                                        bool *corrupt) {
    uint64_t hits = tg_tags_equal(tg_load_relaxed64(&line->tags), tg_tag_of(hash));
    for (; hits != 0; hits &= hits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(hits) / TG_TAG_BITS, room;
        /* PAIR publish: a record is filled before its slot names it. */
        tg_ref ref = tg_load_acquire32(&line->slot[i]);
        if (ref == 0) continue;
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

/* In one bucket; fills place->line and place->slot of what it finds. */
TG_HOT struct tg_record *tg_lookup_in(const struct tg_local *local, struct tg_line *head,
                                      uint64_t hash, tg_ref parent,
                                      const struct tg_component *component, struct tg_spot *place,
                                      bool *corrupt) {
    uint32_t steps = 0;
    for (struct tg_line *at = head; at != NULL; at = tg_lookup_overflow(local, at, corrupt)) {
        struct tg_record *record =
            tg_lookup_line(local, at, hash, parent, component, &place->slot, corrupt);
        if (record != NULL) {
            place->line = at;
            return record;
        }
        if (TG_UNLIKELY(++steps > TG_CHAIN_MAX)) {
            *corrupt = true;
            break;
        }
    }
    return NULL;
}

/* As tg_table_find_locked. */
TG_HOT tg_status tg_lookup_locked(struct tg_call *call, uint64_t hash, tg_ref parent,
                                  const struct tg_component *component, struct tg_spot *place) {
    bool corrupt = false;
    TG_ASSERT(tg_owns(call, &place->head->lock));
    place->line = NULL;
    place->record =
        tg_lookup_in(call->local, place->head, hash, parent, component, place, &corrupt);
    return TG_UNLIKELY(corrupt) ? TG_CORRUPT : TG_OK;
}

/* As tg_table_find; `head` is the bucket by a count that was loaded before. */
TG_HOT struct tg_record *tg_lookup_from(const struct tg_local *local, struct tg_line *head,
                                        uint64_t hash, tg_ref parent,
                                        const struct tg_component *component, bool *corrupt) {
    for (;;) {
        struct tg_spot place;
        struct tg_record *record =
            tg_lookup_in(local, head, hash, parent, component, &place, corrupt);
        if (record != NULL) return record;
        /* PAIR split: our loads of the slots, then the second look (T4). */
        tg_fence_acquire();
        struct tg_line *now = tg_lookup_head(local, hash);
        if (TG_LIKELY(now == head) || TG_MUTANT(table_miss_unchecked)) return NULL;
        head = now;
    }
}

static inline struct tg_record *tg_lookup(const struct tg_local *local, uint64_t hash,
                                          tg_ref parent, const struct tg_component *component,
                                          bool *corrupt) {
    return tg_lookup_from(local, tg_lookup_head(local, hash), hash, parent, component, corrupt);
}

#endif
