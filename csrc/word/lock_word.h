/* SPDX-License-Identifier: Apache-2.0 */
/* The lock word: 8 bytes that hold an owner, an heir, waiters and a guarded value.
 *
 * What
 *   Pure transitions old -> new, each tried by one compare-and-swap loop elsewhere
 *   (owner/lock.c, owner/lockref.c, parts/). Tested exhaustively without threads.
 *
 * Bits and states
 *   A *shape* says where the fields are. That of a store:
 *   owner:12 | heir:12 | WAITERS | DEAD | unused:6   the low half, the futex word
 *   value:32                                         a count, or a sequence
 *   unlocked = owner 0. Count limit count_max; DEAD refuses new references for ever.
 *   The other one is that of words in a user's buffer (parts/buffer_ref.h).
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
 * API: tg_word_owner, tg_word_heir, tg_word_value; tg_next_* for a store's words,
 *   tg_shaped_* for words of any shape.
 */
#ifndef TG_WORD_LOCK_WORD_H
#define TG_WORD_LOCK_WORD_H

#include "../base/check.h"
#include "../region/format.h"

#define TG_COUNT_MAX (1u << 20)

/* Always a constant, so that the compiler looks nothing up. The value is all from value_shift
 * on; its part below `count_max` is a count. */
struct tg_word_shape {
    uint64_t owner_mask; /* from bit 0 */
    uint64_t heir_mask;
    uint32_t heir_shift;
    uint32_t value_shift;
    uint32_t count_max;
};

static const struct tg_word_shape tg_store_shape = {
    .owner_mask = TG_LOCK_OWNER_MASK,
    .heir_mask = TG_LOCK_HEIR_MASK,
    .heir_shift = TG_LOCK_HEIR_SHIFT,
    .value_shift = TG_LOCK_VALUE_SHIFT,
    .count_max = TG_COUNT_MAX,
};

static inline uint32_t tg_shaped_owner(const struct tg_word_shape *shape, uint64_t word) {
    return (uint32_t)(word & shape->owner_mask);
}
static inline uint32_t tg_shaped_heir(const struct tg_word_shape *shape, uint64_t word) {
    return (uint32_t)((word & shape->heir_mask) >> shape->heir_shift);
}
static inline uint32_t tg_shaped_value(const struct tg_word_shape *shape, uint64_t word) {
    return (uint32_t)(word >> shape->value_shift);
}
static inline uint64_t tg_shaped_one(const struct tg_word_shape *shape) {
    return 1ull << shape->value_shift;
}
static inline bool tg_word_dead(uint64_t word) { return word & TG_LOCK_DEAD; }

/* How an owner is named as an heir. Where the field is too narrow for that, several have one
 * name: a reservation then is for any of them. */
static inline uint32_t tg_shaped_heir_name(const struct tg_word_shape *shape, uint32_t id) {
    uint32_t most = (uint32_t)(shape->heir_mask >> shape->heir_shift);
    return id <= most ? id : 1 + id % most;
}

/* Take an unlocked word. A reservation for another heir is honoured unless it is `stale`.
 * `slept`: others may sleep behind us, so the next release must wake. */
static inline bool tg_shaped_acquire(const struct tg_word_shape *shape, uint64_t old, uint32_t id,
                                     uint64_t bump, uint32_t stale, bool slept, uint64_t *next) {
    uint32_t heir = tg_shaped_heir(shape, old);
    if (tg_shaped_owner(shape, old) != 0) return false;
    if (heir != 0 && heir != tg_shaped_heir_name(shape, id) && heir != stale) return false;
    *next = (old & ~shape->heir_mask) | id;
    if (slept) *next |= TG_LOCK_WAITERS;
    *next += bump;
    return true;
}

static inline bool tg_shaped_release(const struct tg_word_shape *shape, uint64_t old, uint32_t id,
                                     uint64_t *next) {
    if (tg_shaped_owner(shape, old) != id) return false;
    *next = old & ~(shape->owner_mask | TG_LOCK_WAITERS);
    return true;
}

/* Reserve the next turn: heir 0 or `weaker` (a younger heir) becomes us. */
static inline bool tg_shaped_reserve(const struct tg_word_shape *shape, uint64_t old, uint32_t id,
                                     uint32_t weaker, uint64_t *next) {
    uint32_t heir = tg_shaped_heir(shape, old), name = tg_shaped_heir_name(shape, id);
    if (tg_shaped_owner(shape, old) == 0 || heir == name || (heir != 0 && heir != weaker))
        return false;
    *next = (old & ~shape->heir_mask) | (uint64_t)name << shape->heir_shift;
    return true;
}

static inline bool tg_shaped_disinherit(const struct tg_word_shape *shape, uint64_t old,
                                        uint32_t id, uint64_t *next) {
    if (tg_shaped_heir(shape, old) != tg_shaped_heir_name(shape, id)) return false;
    *next = old & ~shape->heir_mask;
    return true;
}

/* Reference counts: each needs the word unlocked (W2). */

static inline bool tg_shaped_get(const struct tg_word_shape *shape, uint64_t old, uint64_t *next) {
    if (tg_shaped_owner(shape, old) != 0 && !TG_MUTANT(count_under_lock)) return false;
    if (tg_shaped_value(shape, old) >= shape->count_max && !TG_MUTANT(count_beyond_limit))
        return false;
    *next = old + tg_shaped_one(shape);
    return true;
}

static inline bool tg_shaped_get_not_zero(const struct tg_word_shape *shape, uint64_t old,
                                          uint64_t *next) {
    return tg_shaped_value(shape, old) != 0 && !tg_word_dead(old) &&
           tg_shaped_get(shape, old, next);
}

static inline bool tg_shaped_get_not_dead(const struct tg_word_shape *shape, uint64_t old,
                                          uint64_t *next) {
    return (!tg_word_dead(old) || TG_MUTANT(get_revives_dead)) && tg_shaped_get(shape, old, next);
}

static inline bool tg_shaped_put(const struct tg_word_shape *shape, uint64_t old, uint64_t *next) {
    if (tg_shaped_owner(shape, old) != 0) return false;
    if (tg_shaped_value(shape, old) == 0 && !TG_MUTANT(count_below_zero)) return false;
    *next = old - tg_shaped_one(shape);
    return true;
}

static inline bool tg_shaped_put_not_last(const struct tg_word_shape *shape, uint64_t old,
                                          uint64_t *next) {
    return tg_shaped_value(shape, old) > 1 && tg_shaped_put(shape, old, next);
}

/* ---- words of a store ------------------------------------------------------------- */

static inline uint32_t tg_word_owner(uint64_t word) {
    return tg_shaped_owner(&tg_store_shape, word);
}
static inline uint32_t tg_word_heir(uint64_t word) { return tg_shaped_heir(&tg_store_shape, word); }
static inline uint32_t tg_word_value(uint64_t word) {
    return tg_shaped_value(&tg_store_shape, word);
}

static inline bool tg_next_acquire(uint64_t old, uint32_t id, uint64_t bump, uint32_t stale,
                                   bool slept, uint64_t *next) {
    return tg_shaped_acquire(&tg_store_shape, old, id, bump, stale, slept, next);
}
static inline bool tg_next_release(uint64_t old, uint32_t id, uint64_t *next) {
    return tg_shaped_release(&tg_store_shape, old, id, next);
}
static inline bool tg_next_reserve(uint64_t old, uint32_t id, uint32_t weaker, uint64_t *next) {
    return tg_shaped_reserve(&tg_store_shape, old, id, weaker, next);
}
static inline bool tg_next_disinherit(uint64_t old, uint32_t id, uint64_t *next) {
    return tg_shaped_disinherit(&tg_store_shape, old, id, next);
}
static inline bool tg_next_get(uint64_t old, uint64_t *next) {
    return tg_shaped_get(&tg_store_shape, old, next);
}
static inline bool tg_next_get_not_zero(uint64_t old, uint64_t *next) {
    return tg_shaped_get_not_zero(&tg_store_shape, old, next);
}
static inline bool tg_next_get_not_dead(uint64_t old, uint64_t *next) {
    return tg_shaped_get_not_dead(&tg_store_shape, old, next);
}
static inline bool tg_next_put(uint64_t old, uint64_t *next) {
    return tg_shaped_put(&tg_store_shape, old, next);
}
static inline bool tg_next_put_not_last(uint64_t old, uint64_t *next) {
    return tg_shaped_put_not_last(&tg_store_shape, old, next);
}

#endif
