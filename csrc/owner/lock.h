/* SPDX-License-Identifier: Apache-2.0 */
/* Locks that survive their owner: taken by contexts, mended after a death.
 *
 * What
 *   tg_lock takes a lock word for the call's context, and waits as word/wait.h says. A dead
 *   owner's context is mended, which frees the lock.
 *
 * Bits and states: word/lock_word.h. An intent in context.held[] precedes every
 *   attempt, so that the recoverer knows where to look; the owner field decides.
 *
 * Invariants
 *   K1  held[] names every lock word that this context owns or is trying to own.
 *   K2  Locks are taken by rising rank: namespace, gate, grow, bucket (by address),
 *       board, dir (by address), reap, class, extent. Try-locks may go against it.
 *   K3  Nothing sleeps while a log is pending; no lock is taken inside a read section.
 *
 * Ordering
 *   PAIR lock: the release of tg_word_release, the acquire of the next owner: guarded data.
 *
 * Death
 *   after the intent        the owner field is not ours: nothing
 *   after the acquisition   the recoverer replays the log, then releases
 *   in the release          owner is cleared or not; a wake that was lost costs a slice
 *   A *stopped* owner is not dead: its lock can't be taken from it; waiters time out.
 *
 * Progress
 *   A failed compare-and-swap means that another one succeeded. A waiter of more than
 *   1 ms reserves the next turn (the oldest wins); a barger honours a reservation for
 *   1 ms of its own clock. So no running waiter starves while owners release.
 *
 * API: tg_lock, tg_trylock, tg_unlock, tg_unlock_all, tg_owns.
 */
#ifndef TG_OWNER_LOCK_H
#define TG_OWNER_LOCK_H

#include "../word/wait.h"
#include "context.h"

static inline bool tg_owns(const struct tg_call *call, const tg_a64 *lock) {
    return tg_word_owner(tg_load_relaxed64(lock)) == call->id;
}

static inline void tg_lock_intend(struct tg_call *call, tg_a64 *lock) {
    TG_CHECK(call->held_count < TG_HELD_CAPACITY);
    TG_ASSERT(call->log_count == 0 && TG_WORD_MODE(call->word) == TG_HELD);
    if (TG_MUTANT(lock_no_intent)) return;
    /* Relaxed: the acquiring compare-and-swap orders it. */
    tg_store_relaxed64(&call->context->held[call->held_count], tg_offset_of(call->local, lock));
}

/* One attempt, after the intent. */
static inline bool tg_lock_try(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    uint64_t old = tg_load_relaxed64(lock), next;
    if (!tg_next_acquire(old, call->id, bump, 0, false, &next)) return false;
    /* PAIR lock: sees what the last owner wrote. Other end: tg_word_release. */
    if (!tg_cas_acqrel64(lock, &old, next)) return false;
    call->held[call->held_count++] = lock;
    return true;
}

/* After the intent. */
TG_MUST_CHECK tg_status tg_lock_wait(struct tg_call *call, tg_a64 *lock, uint64_t bump);

/* `bump` is added to the word with the acquisition (TG_LOCK_VALUE_ONE for buckets, whose
 * value counts acquisitions; else 0). TG_OK, TG_TIMEOUT, TG_INTERRUPTED, TG_CORRUPT. */
TG_MUST_CHECK static inline tg_status tg_lock(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    tg_lock_intend(call, lock);
    return TG_LIKELY(tg_lock_try(call, lock, bump)) ? TG_OK : tg_lock_wait(call, lock, bump);
}

/* TG_OK or TG_BUSY; never waits. */
TG_MUST_CHECK tg_status tg_trylock(struct tg_call *call, tg_a64 *lock, uint64_t bump);

/* One that was not taken last. */
void tg_unlock_inner(struct tg_call *call, tg_a64 *lock);

static inline void tg_unlock(struct tg_call *call, tg_a64 *lock) {
    TG_ASSERT(call->log_count == 0);
    TG_CHECK(call->held_count > 0 && tg_owns(call, lock));
    uint32_t last = call->held_count - 1;
    if (TG_UNLIKELY(call->held[last] != lock)) {
        tg_unlock_inner(call, lock);
        return;
    }
    if (TG_MUTANT(lock_intent_cleared_first)) tg_store_relaxed64(&call->context->held[last], 0);
    tg_word_release(call->local->os, &tg_store_shape, lock, 0);
    tg_store_relaxed64(&call->context->held[last], 0);
    call->held_count = last;
}

/* Releases in reverse order of taking. */
static inline void tg_unlock_all(struct tg_call *call) {
    while (call->held_count > 0) tg_unlock(call, call->held[call->held_count - 1]);
}

/* For recovery: lets go of a lock that `id`, dead, may own or be the heir of. */
void tg_lock_release_for(struct tg_local *local, tg_a64 *lock, uint32_t id);

#endif
