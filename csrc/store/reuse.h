/* SPDX-License-Identifier: Apache-2.0 */
/* Is a value that was read before still the one? Two loads tell, without a section.
 *
 * What
 *   A process that keeps decoded values asks this before it returns one again. A token
 *   is taken with a read; it holds as long as nobody has locked the key's bucket since, and
 *   no directory moved or was dropped.
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
 *       found in it; its dir_gen inside the validated walk.
 *
 * Ordering: PAIR lock: the count by acquire; a count that did not move means that no
 *   acquisition, and so no change, came before this load. Then dir_gen.
 * Death: reads only. A bucket line is never recycled, so the address stays one.
 * Progress: two loads. A false "no" costs a walk. 2^32 acquisitions of one bucket between
 *   two looks at one token would be a false "yes".
 * API: tg_get_with_token, tg_token_holds.
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

/* As tg_get. token->lock is NULL when the bucket was locked just then. */
TG_MUST_CHECK tg_status tg_get_with_token(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                          tg_sink sink, void *argument, struct tg_info *info,
                                          struct tg_token *token);

/* The value that was read with the token is the key's value at this moment. The store must
 * be readable (tg_store_readable). */
static inline bool tg_token_holds(struct tg_store *store, const struct tg_token *token) {
    if (token->lock == NULL) return false;
    /* PAIR lock: no acquisition since. */
    uint64_t word = tg_load_acquire64(token->lock);
    return (uint32_t)(word >> TG_LOCK_VALUE_SHIFT) == token->count &&
           tg_load_relaxed64(&store->local.hot->dir_gen) == token->dir_gen &&
           !tg_expired(&store->local, token->expiry);
}

#endif
