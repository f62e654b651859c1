/* SPDX-License-Identifier: Apache-2.0 */
/* Pins across a fork: a child gets a pin of its own for each that its parent had kept.
 *
 * What
 *   Before the fork the parent notes which entries are kept pins (tg_ledger_fork_begin).
 *   While it waits, its threads may unpin what was noted: the entry stays, a bit says that
 *   nobody wants it, and the parent releases it when the wait is over (tg_ledger_fork_end).
 *   The child copies what was noted, under the same numbers, says so in hot.adoptions, and
 *   then asks for the verdict: one word that both processes share, which each may take once.
 *   If the parent was first (it gave up waiting), or is not alive any more, the child has no
 *   pin of its parent's.
 *
 * Bits and states
 *   PIN entry: kind PASSING while a call is under way, in the parent's other threads too,
 *   which the child doesn't have: it adopts none of those. KEPT once it is given to a caller;
 *   its aux says in which ledger it was made: struct tg_pin says the same, and is void in a
 *   process whose entry says otherwise.
 *   verdict = OPEN, then DONE (the child has its pins) or REFUSED (the parent goes on).
 *
 * Invariants
 *   H1  What the child keeps was in the parent's ledger from before the fork until after
 *       hot.adoptions moved. The parent's part: it drops nothing noted between `begin` and the
 *       verdict. The child's proof: the verdict was still open, and the parent's entry LIVE
 *       with its generation, both read after hot.adoptions moved.
 *   H2  An unpin of a number that isn't its own is refused: by ledger and object. A new
 *       ledger's number (tg_local.ledger_epoch) is greater than those of all ancestors.
 *   H3  A pin that was being unpinned, or made, while the process forked is nobody's in the
 *       child. At worst it is kept there until the child ends.
 *
 * Ordering
 *   PAIR pin.adopt: copies, hot.adoptions, full fence, parent's state  |  parent's state
 *   MENDED, its pins cleared; a scan: entries, hot.adoptions.
 *   PAIR fork.dropped: a dropped bit, full fence, under_way  |  under_way = 0, full fence,
 *   the bits (Dekker: one of the two releases the entry, the taker of the bit).
 *
 * Death
 *   the parent, waiting    its recoverer says MENDED before it clears: the child fails
 *   the child, copying     its pins are those of a dead process; the parent hears of it
 *   the child, stopped     the parent gives up, and the child fails whenever it goes on
 * Progress: nobody waits here; a fork costs a look at each entry of the ledger.
 *
 * API: tg_ledger_keep, tg_ledger_kept_entry, tg_ledger_keeps, tg_ledger_defer,
 *   tg_ledger_fork_begin, tg_ledger_fork_end, tg_ledger_refuse, tg_ledger_adopt, tg_ledger_forked.
 */
#ifndef TG_LEDGER_ADOPT_H
#define TG_LEDGER_ADOPT_H

#include "ledger.h"

/* The entry of a pin that was given to a caller. */
static inline uint64_t tg_ledger_kept(uint32_t ledger, tg_ref ref) {
    uint64_t aux = ledger & 0xffffff;
    return TG_ENTRY(TG_LEDGER_PIN, ref) | (uint64_t)TG_PIN_KEPT << 3 | aux << 8;
}

/* The pin of our entry is given to a caller. Returns the ledger that it is of. */
static inline uint32_t tg_ledger_keep_at(const struct tg_local *local, tg_a64 *entry) {
    TG_CHECK(entry != NULL);
    /* Plain: it is ours, and a scan takes it for a pin before and after. */
    tg_ref ref = TG_ENTRY_REF(tg_load_relaxed64(entry));
    tg_store_relaxed64(entry, tg_ledger_kept(local->ledger_epoch, ref));
    return local->ledger_epoch;
}
static inline uint32_t tg_ledger_keep(struct tg_local *local, uint32_t number) {
    return tg_ledger_keep_at(local, tg_ledger_entry(local, local->process, number));
}

/* That entry, if it still, or at all, is this kept pin; else NULL. `at`: where it is in its ledger,
 * which needs no look at the process's chunks while that is ours. */
static inline tg_a64 *tg_ledger_kept_entry(const struct tg_local *local, uint32_t number,
                                           uint32_t ledger, tg_ref object, tg_a64 *at) {
    bool ours = ledger == local->ledger_epoch || TG_MUTANT(unpin_at_parent);
    tg_a64 *entry =
        TG_LIKELY(at != NULL && ours) ? at : tg_ledger_entry(local, local->process, number);
    if (TG_MUTANT(unpin_any_ledger) || entry == NULL) return entry;
    return tg_load_relaxed64(entry) == tg_ledger_kept(ledger, object) ? entry : NULL;
}
static inline bool tg_ledger_keeps(const struct tg_local *local, uint32_t number, uint32_t ledger,
                                   tg_ref object) {
    return tg_ledger_kept_entry(local, number, ledger, object, NULL) != NULL;
}

bool tg_ledger_defer_now(struct tg_local *local, uint32_t number);
/* False: release the entry now. True: a fork is under way, and its end does it. Never waits. */
static inline bool tg_ledger_defer(struct tg_local *local, uint32_t number) {
    if (TG_LIKELY(tg_load_relaxed64(&local->fork.under_way) == TG_FORK_NONE)) return false;
    return tg_ledger_defer_now(local, number);
}

/* ---- in the parent, one fork at a time --------------------------------------------- */

/* False: no kept pins, nothing begun. */
bool tg_ledger_fork_begin(struct tg_local *local);
void tg_ledger_fork_end(struct tg_local *local);

enum { TG_ADOPTION_OPEN = 0, TG_ADOPTION_DONE = 1, TG_ADOPTION_REFUSED = 2 };
/* The parent waits no longer; before it ends the fork. */
void tg_ledger_refuse(tg_a64 *verdict);

/* ---- in the child -------------------------------------------------------------------- */

struct tg_adoption {
    uint32_t parent;     /* its entry, */
    uint32_t generation; /* as it was before the fork */
    tg_a64 *verdict;     /* shared with the parent */
};

/* Our ledger gets what was noted. TG_TIMEOUT: too late, and it has none of it. */
TG_MUST_CHECK tg_status tg_ledger_adopt(struct tg_call *call, const struct tg_adoption *adoption);
/* Forgets what the parent had noted for itself. */
void tg_ledger_forked(struct tg_local *local);

#endif
