/* SPDX-License-Identifier: Apache-2.0 */
#include "lockref.h"

static tg_status fast(tg_a64 *word, tg_transition change, uint64_t *old) {
    return tg_word_change(word, &tg_store_shape, 0, 0, change, old);
}

/* Under the lock, which the change does not free: a death in between leaves a count that was
 * changed, or not, and a lock for the recoverer. */
static tg_status locked_change(struct tg_call *call, tg_a64 *word, tg_transition change,
                               uint64_t *old) {
    tg_status status = tg_lock(call, word, 0);
    if (status != TG_OK) return status;
    tg_add_relaxed64(&call->local->statistics[TG_STAT_LOCKREF_SLOW], 1);
    uint64_t next;
    *old = tg_load_relaxed64(word) & ~TG_LOCK_OWNER_MASK;
    if (!change(*old, &next)) {
        tg_unlock(call, word);
        return TG_RETRY;
    }
    /* W2: the value is ours to change while we own the word; others set only flag bits.
     * PAIR lockref: as the swap above. */
    tg_add_acqrel64(word, next - *old);
    tg_unlock(call, word);
    return TG_OK;
}

static tg_status change_count(struct tg_call *call, tg_a64 *word, tg_transition change,
                              uint64_t *old) {
    tg_status status = fast(word, change, old);
    return status == TG_BUSY ? locked_change(call, word, change, old) : status;
}

tg_status tg_lockref_get(struct tg_call *call, tg_a64 *word) {
    uint64_t old;
    tg_status status = change_count(call, word, tg_next_get, &old);
    return status == TG_RETRY ? TG_OVERFLOW : status;
}

tg_status tg_lockref_get_not_zero(struct tg_call *call, tg_a64 *word) {
    uint64_t old;
    tg_status status = change_count(call, word, tg_next_get_not_zero, &old);
    if (status != TG_RETRY) return status;
    return tg_word_value(old) >= TG_COUNT_MAX ? TG_OVERFLOW : TG_ABSENT;
}

tg_status tg_lockref_get_not_dead(struct tg_call *call, tg_a64 *word) {
    uint64_t old;
    tg_status status = change_count(call, word, tg_next_get_not_dead, &old);
    if (status != TG_RETRY) return status;
    return tg_word_dead(old) ? TG_DEAD : TG_OVERFLOW;
}

tg_status tg_lockref_put(struct tg_call *call, tg_a64 *word, uint32_t *left) {
    uint64_t old;
    tg_status status = change_count(call, word, tg_next_put, &old);
    if (status == TG_RETRY) return TG_INVALID;
    if (status == TG_OK) *left = tg_word_value(old) - 1;
    return status;
}

tg_status tg_lockref_put_not_last(struct tg_call *call, tg_a64 *word) {
    uint64_t old;
    tg_status status = change_count(call, word, tg_next_put_not_last, &old);
    return status == TG_RETRY ? TG_ABSENT : status;
}

tg_status tg_lockref_put_or_lock(struct tg_call *call, tg_a64 *word, bool *locked) {
    uint64_t old;
    *locked = false;
    tg_status status = fast(word, tg_next_put_not_last, &old);
    if (status == TG_OK) return TG_OK;
    if (status == TG_BUSY) tg_add_relaxed64(&call->local->statistics[TG_STAT_LOCKREF_SLOW], 1);
    status = tg_lock(call, word, 0);
    if (status != TG_OK) return status;
    old = tg_load_relaxed64(word);
    /* Somebody may have taken a reference meanwhile. */
    if (tg_word_value(old) > 1 && !TG_MUTANT(last_put_unchecked)) {
        /* PAIR lockref: as the swap above. */
        tg_add_acqrel64(word, -TG_LOCK_VALUE_ONE);
        tg_unlock(call, word);
        return TG_OK;
    }
    *locked = true;
    return TG_OK;
}

void tg_lockref_mark_dead(struct tg_call *call, tg_a64 *word) {
    TG_CHECK(tg_owns(call, word));
    /* PAIR lockref: dead before the lock is free. */
    tg_or_acqrel64(word, TG_LOCK_DEAD);
}
