/* SPDX-License-Identifier: Apache-2.0 */
/* Is what a process knows of a key still true? Two loads tell, without a section.
 *
 * What
 *   A process that keeps what it read of a key (its value, where a large one lies, or that there
 *   is none) asks this before it relies on it. A token is taken with a read; it holds as long as
 *   nobody has locked the key's bucket since, and no directory moved or was dropped.
 *
 * Bits and states: line.lock counts its acquisitions in the high half; hot.dir_gen.
 *
 * Invariants
 *   U1  Every change of a record, or of the table's line, is made under the lock of its
 *       bucket, whose count moves with the acquisition, before the change.
 *   U2  What makes a path mean another node (a directory moved, dropped, cleared away) moves
 *       dir_gen while ns_seq is odd. Parents that vanish with their last child lock that
 *       child's bucket too.
 *   U3  The token's count was loaded, with the bucket unlocked, before the record was
 *       found in it, or missed; its dir_gen inside the validated walk.
 *   U4  A key is absent while the bucket where its first missing name belongs, and the one that
 *       has the directory in which it is missing, are unchanged, and no directory moved. The
 *       second: a directory that vanished and came back is another one, whose names are in
 *       other buckets. Buckets that are split are locked, so a name that is to be in another
 *       bucket by now moved the count of this one.
 *   U5  A pin of an object that was pinned before, by where it was, counts when its token
 *       holds after the entry was published and a full fence: then its record is linked, and
 *       whoever unlinks it locks the bucket, and scans, later (G2). Nothing of the object is
 *       read before; its `pinned` mark is of the earlier pin.
 *   U6  A version that was seen in an object is in that object as long as its record is linked.
 *
 * Ordering: PAIR lock: the count by acquire; a count that did not move means that no
 *   acquisition, and so no change, came before this load. Then dir_gen. Of an absence the
 *   missing name's count is loaded first: at that load the key was absent.
 *   PAIR pin: U5's entry, full fence, count  |  the count moves, UNLINKED, full fence, scan.
 * Death: reads only, but for a pin's entry, which goes with its process. A bucket line is never
 *   recycled, so the address stays one.
 * Progress: two or three loads. A false "no" costs a walk. 2^32 acquisitions of one bucket
 *   between two looks at one token would be a false "yes".
 * API: tg_bucket_watch, tg_get_with_token, tg_token_holds; tg_absence_find,
 *   tg_absence_holds; tg_pin_known.
 */
#ifndef TG_STORE_REUSE_H
#define TG_STORE_REUSE_H

#include "../names/record.h"
#include "../tryget.h"
#include "store.h"

struct tg_token {
    const tg_a64 *lock; /* of the bucket; NULL: nothing to rely on */
    uint32_t count;
    uint32_t expiry;
    uint64_t dir_gen;
};

struct tg_level;
/* In a section: watches the bucket where a name is, or isn't: *record, or NULL. Sets the token's
 * lock and count. False: it can't be relied on now, and the token is as it was. */
TG_MUST_CHECK bool tg_bucket_watch(struct tg_local *local, const struct tg_level *level,
                                   struct tg_token *token, struct tg_record **record);
static inline bool tg_bucket_unmoved(const tg_a64 *lock, uint32_t count) {
    /* PAIR lock: no acquisition since. */
    return tg_word_value(tg_load_acquire64(lock)) == count;
}

/* As tg_get. token->lock is NULL when the bucket was locked just then. */
TG_MUST_CHECK tg_status tg_get_with_token(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                          tg_sink sink, void *argument, struct tg_info *info,
                                          struct tg_token *token);

/* The value that was read with the token is the key's value at this moment. The store must
 * be readable (tg_store_readable). */
static inline bool tg_token_holds(struct tg_store *store, const struct tg_token *token) {
    if (token->lock == NULL) return false;
    return tg_bucket_unmoved(token->lock, token->count) &&
           tg_load_relaxed64(&store->local.hot->dir_gen) == token->dir_gen &&
           !tg_expired(&store->local, token->expiry);
}

/* That a key has no value. */
struct tg_absence {
    struct tg_token token; /* of the bucket of its first missing name */
    const tg_a64 *above; /* the bucket that has the directory in which that is missing; or NULL */
    uint32_t above_count;
};

/* TG_OK: the key has none, as long as the absence holds. TG_EXISTS; TG_RETRY: it can't be told
 * now. */
TG_MUST_CHECK tg_status tg_absence_find(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                        struct tg_absence *absence);

/* For an absence whose token holds. */
static inline bool tg_absence_above_holds(const struct tg_absence *absence) {
    if (absence->above == NULL || TG_MUTANT(absence_above_ignored)) return true;
    return tg_bucket_unmoved(absence->above, absence->above_count);
}
static inline bool tg_absence_holds(struct tg_store *store, const struct tg_absence *absence) {
    return tg_token_holds(store, &absence->token) && tg_absence_above_holds(absence);
}

/* A value that lies apart, and was pinned before. */
struct tg_known {
    const void *bytes;
    struct tg_content info;
    uint32_t object;
};

/* Pins it without a look at its key: TG_OK; TG_RETRY: the token does not hold, or no entry is
 * free; pin it by its key. */
TG_MUST_CHECK tg_status tg_pin_known(struct tg_store *store, const struct tg_known *known,
                                     const struct tg_token *token, struct tg_pin *pin);

#endif
