/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include "recover.h"

enum { MENDS = 4 };

static void withdraw_intent(struct tg_call *call) {
    tg_store_relaxed64(&call->context->held[call->held_count], 0);
}

static bool try_acquire(struct tg_call *call, tg_a64 *lock, uint64_t bump, uint32_t stale,
                        bool slept, uint64_t *old) {
    uint64_t next;
    *old = tg_load_relaxed64(lock);
    /* A failed swap with the owner still 0 means that somebody else progressed; the line is
     * ours now, so no pause. Bounded: after 32 the caller goes the slow way round. */
    for (int tries = 0; tries < 32; tries++) {
        if (!tg_next_acquire(*old, call->id, bump, stale, slept, &next)) return false;
        /* PAIR lock: sees what the last owner wrote. Other end: tg_word_release. */
        if (tg_cas_acqrel64(lock, old, next)) {
            call->held[call->held_count++] = lock;
            return true;
        }
    }
    return false;
}

tg_status tg_trylock(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    uint64_t old;
    tg_lock_intend(call, lock);
    if (try_acquire(call, lock, bump, 0, false, &old)) return TG_OK;
    withdraw_intent(call);
    return TG_BUSY;
}

/* ---- waiting ------------------------------------------------------------------------ */

static tg_status ask(struct tg_wait *wait, uint64_t word) {
    struct tg_call *call = wait->self;
    struct tg_local *local = call->local;
    const struct tg_context *context = tg_context_checked(local, tg_word_owner(word));
    if (context == NULL) return TG_CORRUPT;
    uint32_t process1 = TG_WORD_PROCESS1(tg_load_relaxed64(&context->word));
    /* Mending frees the lock, unless the words are garbage: a few times, then we wait. */
    if (process1 == 0 || wait->mended >= MENDS || !tg_mend_if_dead(local, process1 - 1))
        return TG_BUSY;
    wait->mended++;
    return TG_OK;
}

static uint32_t weaker(const struct tg_wait *wait, uint32_t heir) {
    const struct tg_call *call = wait->self;
    const struct tg_context *other = tg_context_checked(call->local, heir);
    if (other == NULL) return 0;
    uint64_t since = tg_load_relaxed64(&other->wait_since_ns);
    return since > tg_load_relaxed64(&call->context->wait_since_ns) ? heir : 0;
}

static void began(struct tg_wait *wait, uint64_t now_ns) {
    struct tg_call *call = wait->self;
    tg_store_relaxed64(&call->context->wait_since_ns, now_ns);
}

static const struct tg_wait_rules rules = {&tg_store_shape, ask, weaker, began};

static tg_status lock_waiting(struct tg_call *call, tg_a64 *lock, uint64_t bump, uint64_t old) {
    struct tg_wait wait;
    tg_wait_begin(&wait, &rules, call, call->local->os, lock, call->id, call->deadline_ns);
    tg_status status;
    do {
        /* A self-deadlock is our bug, or the word was garbage when the store was opened. */
        TG_ASSERT(tg_word_owner(old) != call->id);
        status = tg_word_owner(old) != call->id ? tg_wait_turn(&wait, old) : TG_CORRUPT;
    } while (status == TG_OK && !try_acquire(call, lock, bump, wait.stale, wait.slept, &old));
    if (status != TG_OK) {
        tg_wait_give_up(&wait);
        withdraw_intent(call);
    }
    if (wait.began_ns != 0) tg_store_relaxed64(&call->context->wait_since_ns, 0);
    return status;
}

tg_status tg_lock_wait(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    uint64_t old;
    if (try_acquire(call, lock, bump, 0, false, &old)) return TG_OK;
    return lock_waiting(call, lock, bump, old);
}

/* ---- letting go ---------------------------------------------------------------------- */

void tg_unlock_inner(struct tg_call *call, tg_a64 *lock) {
    uint32_t last = call->held_count - 1, i = last;
    while (call->held[i] != lock) {
        TG_CHECK(i > 0);
        i--;
    }
    if (TG_MUTANT(lock_intent_cleared_first)) tg_store_relaxed64(&call->context->held[i], 0);
    tg_word_release(call->local->os, &tg_store_shape, lock, 0);
    /* Keep held[] dense: the last intent is copied down before its own slot is cleared. */
    tg_store_relaxed64(&call->context->held[i], tg_load_relaxed64(&call->context->held[last]));
    call->held[i] = call->held[last];
    tg_store_relaxed64(&call->context->held[last], 0);
    call->held_count = last;
}

void tg_lock_release_for(struct tg_local *local, tg_a64 *lock, uint32_t id) {
    if (tg_word_owner(tg_load_relaxed64(lock)) == id)
        tg_word_release(local->os, &tg_store_shape, lock, 0);
    /* A try-lock would honour it for ever. */
    if (!TG_MUTANT(recover_keeps_heir)) tg_word_disinherit(&tg_store_shape, lock, id);
}
