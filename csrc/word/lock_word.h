/* SPDX-License-Identifier: Apache-2.0 */
/* The lock word: 8 bytes that hold an owner, an heir, waiters and a guarded value.
 *
 * What
 *   Pure transitions old -> new, each tried by one compare-and-swap loop elsewhere
 *   (owner/lock.c, owner/lockref.c). Tested exhaustively without threads.
 *
 * Bits and states
 *   owner:12 | heir:12 | WAITERS | DEAD | unused:6   the low half, the futex word
 *   value:32                                         a count, or a sequence
 *   unlocked = owner 0. Count limit TG_COUNT_MAX; DEAD refuses new references for ever.
 *
 * Invariants
 *   W1  Only owner 0 becomes owned; only the owner (or its recoverer) sets owner 0.
 *   W2  The value changes while unlocked, or by the owner.
 *   W3  A refused transition leaves the word as it was.
 *   W4  DEAD is never cleared by a transition.
 *
 * Ordering: the transitions have none; see the loops that use them.
 * Death: the owner field itself is the record; owner/recover.h clears it.
 * Progress: no loops here.
 * API: tg_word_owner, tg_word_heir, tg_word_value; tg_next_*.
 */
#ifndef TG_WORD_LOCK_WORD_H
#define TG_WORD_LOCK_WORD_H

#include "../base/check.h"
#include "../region/format.h"

#define TG_COUNT_MAX (1u << 20)

static inline uint32_t tg_word_owner(uint64_t word) {
    return (uint32_t)(word & TG_LOCK_OWNER_MASK);
}
static inline uint32_t tg_word_heir(uint64_t word) {
    return (uint32_t)((word & TG_LOCK_HEIR_MASK) >> TG_LOCK_HEIR_SHIFT);
}
static inline uint32_t tg_word_value(uint64_t word) {
    return (uint32_t)(word >> TG_LOCK_VALUE_SHIFT);
}
static inline bool tg_word_dead(uint64_t word) { return word & TG_LOCK_DEAD; }

/* Take an unlocked word. A reservation for another heir is honoured unless it is `stale`.
 * `slept`: others may sleep behind us, so the next release must wake. */
static inline bool tg_next_acquire(uint64_t old, uint32_t id, uint64_t bump, uint32_t stale,
                                   bool slept, uint64_t *next) {
    uint32_t heir = tg_word_heir(old);
    if (tg_word_owner(old) != 0) return false;
    if (heir != 0 && heir != id && heir != stale) return false;
    *next = (old & ~TG_LOCK_HEIR_MASK) | id;
    if (slept) *next |= TG_LOCK_WAITERS;
    *next += bump;
    return true;
}

static inline bool tg_next_release(uint64_t old, uint32_t id, uint64_t *next) {
    if (tg_word_owner(old) != id) return false;
    *next = old & ~(TG_LOCK_OWNER_MASK | TG_LOCK_WAITERS);
    return true;
}

/* Reserve the next turn: heir 0 or `weaker` (a younger heir) becomes us. */
static inline bool tg_next_reserve(uint64_t old, uint32_t id, uint32_t weaker, uint64_t *next) {
    uint32_t heir = tg_word_heir(old);
    if (tg_word_owner(old) == 0 || heir == id || (heir != 0 && heir != weaker)) return false;
    *next = (old & ~TG_LOCK_HEIR_MASK) | (uint64_t)id << TG_LOCK_HEIR_SHIFT;
    return true;
}

static inline bool tg_next_disinherit(uint64_t old, uint32_t id, uint64_t *next) {
    if (tg_word_heir(old) != id) return false;
    *next = old & ~TG_LOCK_HEIR_MASK;
    return true;
}

/* Reference counts: each needs the word unlocked (W2). */

static inline bool tg_next_get(uint64_t old, uint64_t *next) {
    if (tg_word_owner(old) != 0 && !TG_MUTANT(count_under_lock)) return false;
    if (tg_word_value(old) >= TG_COUNT_MAX && !TG_MUTANT(count_beyond_limit)) return false;
    *next = old + TG_LOCK_VALUE_ONE;
    return true;
}

static inline bool tg_next_get_not_zero(uint64_t old, uint64_t *next) {
    return tg_word_value(old) != 0 && !tg_word_dead(old) && tg_next_get(old, next);
}

static inline bool tg_next_get_not_dead(uint64_t old, uint64_t *next) {
    return (!tg_word_dead(old) || TG_MUTANT(get_revives_dead)) && tg_next_get(old, next);
}

static inline bool tg_next_put(uint64_t old, uint64_t *next) {
    if (tg_word_owner(old) != 0) return false;
    if (tg_word_value(old) == 0 && !TG_MUTANT(count_below_zero)) return false;
    *next = old - TG_LOCK_VALUE_ONE;
    return true;
}

static inline bool tg_next_put_not_last(uint64_t old, uint64_t *next) {
    return tg_word_value(old) > 1 && tg_next_put(old, next);
}

#endif
