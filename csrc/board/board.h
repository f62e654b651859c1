/* SPDX-License-Identifier: Apache-2.0 */
/* The board: who is making which value, and which keys are known to have none.
 *
 * What
 *   Beside the names, and without any effect on them, a builder puts up a *claim*: it names
 *   the key whose value it is making. Who misses a value looks here before it makes one.
 *   Claims lie in a few stripes, by the last name of their key: a lock, the head of a list
 *   of blocks, and a word to sleep on. A claim whose builder said that there is no value
 *   stays as a *memo* until it expires.
 *
 * Bits and states
 *   claim.state: BUILD -> gone (published, given up, forgotten), or -> MEMO -> gone.
 *   BUILD -> BUILD with another token: its builder died, or its lease passed.
 *   moved = 0: it stands for the text of its key. moved = 1: a directory above the key was
 *   renamed since. It stands for the text from `rest` on, below the directory it names.
 *
 * Invariants
 *   H1  A claim is in the stripe of the last name of its key. Stripes and claims are read
 *       and changed under the stripe's lock only; but anybody may ask whether a head is 0.
 *   H2  At most one claim that has not moved for each text.
 *   H3  Tokens are never used twice. A value is published by who finds its token here, in
 *       the transaction that takes the claim away: one value a claim.
 *   H4  What removes a key takes its claim away before it removes: a value whose making
 *       began before a removal does not come after it.
 *   H5  What is above a claim moves only after the claim was told (moved = 1).
 *
 * Ordering: PAIR lock (owner/lock.h). A head that is read as 0 without the lock: claims that
 *   came later were made after the reader's call began.
 * Death: each change is one transaction. The claims of the dead go with their process entry
 *   (store/recover.h), or are taken over before. A wake that was lost costs a slice.
 * Progress: blocking, for a few loads and stores a claim of the stripe. Memos are at most
 *   TG_MEMOS_MAX a stripe: one more takes the place of the one that would expire first.
 * API: below.
 */
#ifndef TG_BOARD_BOARD_H
#define TG_BOARD_BOARD_H

#include "../object/object.h"
#include "../owner/lock.h"
#include "../tryget.h"

static inline bool tg_board_is_empty(const struct tg_local *local) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < TG_STRIPES; i++) any |= tg_load_relaxed32(&local->hot->claims[i]);
    return any == 0;
}

static inline bool tg_stripe_is_empty(const struct tg_local *local, uint32_t stripe) {
    return tg_load_relaxed32(&local->hot->claims[stripe]) == 0;
}

/* NULL for what can't be one. */
struct tg_claim *tg_claim_at(const struct tg_local *local, tg_ref ref);
/* The class of a claim's block, or TG_CLASS_NONE. */
uint32_t tg_claim_class(const struct tg_local *local, size_t key_size);
/* Where the claims of this key are. */
uint32_t tg_board_stripe(const struct tg_local *local, struct tg_key key);

static inline enum tg_claim_kind tg_claim_kind(const struct tg_claim *claim) {
    return TG_CLAIM_KIND(tg_load_relaxed32(&claim->state));
}
static inline bool tg_claim_moved(const struct tg_claim *claim) {
    return TG_CLAIM_MOVED(tg_load_relaxed32(&claim->state));
}
/* The part of the key that hangs below the claim's directory. */
static inline struct tg_key tg_claim_rest(const struct tg_claim *claim) {
    uint32_t rest = tg_load_relaxed32(&claim->rest), size = tg_load_relaxed32(&claim->size);
    return (struct tg_key){(const char *)claim->key + rest, size - rest};
}
/* Is the text of its key below `above`, or the same? */
bool tg_claim_is_below(const struct tg_claim *claim, struct tg_key above, bool or_same);

/* ---- under a stripe's lock -------------------------------------------------------- */

TG_MUST_CHECK static inline tg_status tg_board_lock(struct tg_call *call, uint32_t stripe) {
    return tg_lock(call, &call->local->hot->stripes[stripe].lock, 0);
}
static inline void tg_board_unlock(struct tg_call *call, uint32_t stripe) {
    tg_unlock(call, &call->local->hot->stripes[stripe].lock);
}

/* A claim in its list. Begin with {.stripe = ...}. */
struct tg_notice {
    uint32_t stripe;
    uint32_t steps;
    tg_a32 *from; /* the word that names the claim */
    struct tg_claim *claim;
};

/* The next one; claim NULL: there are no more. TG_CORRUPT. */
TG_MUST_CHECK tg_status tg_board_next(struct tg_call *call, struct tg_notice *notice);
/* The one with that token; TG_ABSENT, TG_CORRUPT. */
TG_MUST_CHECK tg_status tg_board_find(struct tg_call *call, uint32_t stripe, uint64_t token,
                                      struct tg_notice *notice);
/* A private claim becomes the first of its stripe (2 entries). */
void tg_board_log_link(struct tg_call *call, uint32_t stripe, struct tg_claim *claim);
/* It goes to limbo (5 entries). Its waiters are to be told: */
void tg_board_log_unlink(struct tg_call *call, const struct tg_notice *notice);
/* The word they sleep on moves (1 entry); after the commit tg_board_wake. */
void tg_board_log_moved_on(struct tg_call *call, uint32_t stripe);
void tg_board_wake(const struct tg_local *local, uint32_t stripe);

/* ---- HELD, no lock of a bucket or below ---------------------------------------------- */

/* H5, for all that is below the directory `above`; the gate is closed. */
TG_MUST_CHECK tg_status tg_board_move(struct tg_call *call, struct tg_key above);
/* Takes away the claims of `above` and below it; all of them with bytes NULL. */
TG_MUST_CHECK tg_status tg_board_clear(struct tg_call *call, struct tg_key above);
/* Takes away the builds of a dead process, whose life token is the caller's. */
TG_MUST_CHECK tg_status tg_board_bury(struct tg_call *call, uint32_t process);

#endif
