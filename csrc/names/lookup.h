/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a lookup: which bucket a hash is in, and which of a line's tags it has.
 *
 * What
 *   Shared by who loads lines and records where they lie (table.c) and by who looks at copies
 *   (reader/look.c).
 *
 * Invariants: T1-T4 (table.h).
 * Ordering: PAIR split (table.h).
 * Death: reads only.
 * Progress: straight line.
 * API: tg_tag_of, tg_tags_equal, tg_bucket_of, tg_bucket_count.
 */
#ifndef TG_NAMES_LOOKUP_H
#define TG_NAMES_LOOKUP_H

#include "table.h"

enum { TG_CHAIN_MAX = 1024, TG_TAG_BITS = 6 };
#define TG_TAG_MASK 63ull

static inline uint64_t tg_tag_of(uint64_t hash) { return hash >> (64 - TG_TAG_BITS); }

/* Bucket number of a hash when `count` are in use. */
static inline uint64_t tg_bucket_of(uint64_t hash, uint64_t count) {
    uint64_t low = (uint32_t)hash;
    uint64_t mask = count <= 1 ? 0 : (~0ull >> __builtin_clzll(count - 1));
    uint64_t bucket = low & mask;
    return bucket < count ? bucket : bucket & (mask >> 1);
}

static inline uint64_t tg_bucket_count(const struct tg_local *local) {
    /* PAIR split: the new bucket's slots are there before it counts. */
    uint64_t count = tg_load_acquire64(&local->hot->buckets);
    return TG_LIKELY(count >= 1 && count <= local->header.bucket_capacity) ? count : 1;
}

/* The top bit of each 6-bit lane whose tag equals `tag`; exact, lanes don't carry. */
static inline uint64_t tg_tags_equal(uint64_t tags, uint64_t tag) {
    const uint64_t ones = 0x0041041041041041ull & ((1ull << (TG_TAG_BITS * TG_LINE_SLOTS)) - 1);
    const uint64_t tops = ones << (TG_TAG_BITS - 1);
    uint64_t different = tags ^ tag * ones;
    /* (x & 31) + 31 sets the top bit unless the low five are 0. */
    uint64_t low = ((different & (tops - ones)) + (tops - ones)) | different;
    return ~low & tops;
}

#endif
