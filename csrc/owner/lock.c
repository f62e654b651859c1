/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include "recover.h"

enum { SPINS = 200 };
#ifdef TG_SIM
enum { SPINS_NOW = 2 };
#else
enum { SPINS_NOW = SPINS };
#endif

enum { MENDS = 4 };
static const uint64_t SLICE_FIRST_NS = 2000000; /* waits are timed: a lost wake costs this */
static const uint64_t SLICE_LAST_NS = 5000000;
static const uint64_t RESERVE_AFTER_NS = 1000000;
static const uint64_t HONOUR_NS = 1000000;

/* What one acquisition has seen so far. */
struct attempt {
    uint32_t spins;
    uint32_t mended;
    bool slept;
    uint64_t began_ns;    /* first look at the clock; 0 = none */
    uint64_t slice_ns;
    uint32_t heir;        /* a reservation that we honour, */
    uint64_t heir_since_ns; /* since when, */
    uint32_t stale;       /* or no longer: nobody came for it */
};

static void publish_intent(struct tg_call *call, tg_a64 *lock) {
    TG_CHECK(call->held_count < TG_HELD_CAPACITY);
    TG_ASSERT(call->log_count == 0 && TG_WORD_MODE(call->word) == TG_HELD);
    if (TG_MUTANT(lock_no_intent)) return;
    /* Relaxed: the acquiring compare-and-swap below orders it. */
    tg_store_relaxed64(&call->context->held[call->held_count], tg_offset_of(call->local, lock));
}

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
        /* PAIR lock: sees what the last owner wrote. Other end: tg_unlock. */
        if (tg_cas_acqrel64(lock, old, next)) {
            call->held[call->held_count++] = lock;
            return true;
        }
    }
    return false;
}

tg_status tg_trylock(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    uint64_t old;
    publish_intent(call, lock);
    if (try_acquire(call, lock, bump, 0, false, &old)) return TG_OK;
    withdraw_intent(call);
    return TG_BUSY;
}

/* A reservation is honoured for HONOUR_NS of our own clock; a new heir's anew. */
static void look_at_heir(struct tg_call *call, struct attempt *attempt, uint32_t heir) {
    struct tg_os *os = call->local->os;
    uint64_t now = os->ops->monotonic_ns(os);
    if (attempt->heir != heir) {
        attempt->heir = heir;
        attempt->heir_since_ns = now;
    }
    bool over = now - attempt->heir_since_ns > HONOUR_NS;
    attempt->stale = over && !TG_MUTANT(lock_heir_for_ever) ? heir : 0;
}

static void reserve(struct tg_call *call, tg_a64 *lock, uint64_t old) {
    uint32_t heir = tg_word_heir(old);
    uint32_t weaker = 0;
    const struct tg_context *other = tg_context_checked(call->local, heir);
    if (other &&
        tg_load_relaxed64(&other->wait_since_ns) > tg_load_relaxed64(&call->context->wait_since_ns))
        weaker = heir;
    uint64_t next;
    /* PAIR lock: adds to the release sequence of the word, orders nothing of its own. */
    if (tg_next_reserve(old, call->id, weaker, &next)) (void)tg_cas_acqrel64(lock, &old, next);
}

/* One slice of sleep, with all that is due before it. TG_OK: look again. */
static tg_status sleep_slice(struct tg_call *call, tg_a64 *lock, struct attempt *attempt) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    uint64_t now = os->ops->monotonic_ns(os);
    if (attempt->began_ns == 0) {
        attempt->began_ns = now;
        attempt->slice_ns = SLICE_FIRST_NS;
        tg_store_relaxed64(&call->context->wait_since_ns, now);
    }
    uint64_t old = tg_load_relaxed64(lock);
    uint32_t owner = tg_word_owner(old);
    if (owner != 0) {
        const struct tg_context *context = tg_context_checked(local, owner);
        if (context == NULL) return TG_CORRUPT;
        uint32_t process1 = TG_WORD_PROCESS1(tg_load_relaxed64(&context->word));
        /* Mending frees the lock, unless the words are garbage: a few times, then we wait. */
        if (process1 != 0 && attempt->mended < MENDS && tg_mend_if_dead(local, process1 - 1)) {
            attempt->mended++;
            return TG_OK;
        }
    }
    uint64_t left = tg_time_left(call, attempt->slice_ns);
    if (left == 0) return TG_TIMEOUT;
    if (owner != 0 && now - attempt->began_ns > RESERVE_AFTER_NS) {
        reserve(call, lock, old);
        old = tg_load_relaxed64(lock);
        owner = tg_word_owner(old);
    }
    if (owner == 0) {
        uint32_t heir = tg_word_heir(old);
        if ((heir == 0 || heir == call->id) && !TG_MUTANT(lock_sleeps_on_free))
            return TG_OK; /* nobody would wake us */
        if (left > HONOUR_NS) left = HONOUR_NS;
    } else if (!(old & TG_LOCK_WAITERS)) {
        uint64_t next = old | TG_LOCK_WAITERS;
        /* PAIR lock: adds to the release sequence of the word. Other end: release. */
        if (!tg_cas_acqrel64(lock, &old, next)) return TG_OK;
        old = next;
    }
    attempt->slept = !TG_MUTANT(lock_slept_forgotten);
    if (attempt->slice_ns < SLICE_LAST_NS) attempt->slice_ns += SLICE_FIRST_NS / 2;
    return os->ops->futex_wait(os, lock, (uint32_t)old, left, 1u << (call->id % 32));
}

static void disinherit(tg_a64 *lock, uint32_t id) {
    uint64_t old = tg_load_relaxed64(lock), next;
    /* PAIR lock: adds to the release sequence of the word. */
    while (tg_next_disinherit(old, id, &next) && !tg_cas_acqrel64(lock, &old, next)) {
    }
}

static void give_up(struct tg_call *call, tg_a64 *lock) {
    disinherit(lock, call->id);
    withdraw_intent(call);
}

tg_status tg_lock(struct tg_call *call, tg_a64 *lock, uint64_t bump) {
    struct attempt attempt = {0};
    uint64_t old;
    publish_intent(call, lock);
    for (;;) {
        if (TG_LIKELY(try_acquire(call, lock, bump, attempt.stale, attempt.slept, &old))) break;
        TG_CHECK(tg_word_owner(old) != call->id); /* a self-deadlock is our bug */
        uint32_t heir = tg_word_heir(old);
        if (tg_word_owner(old) == 0 && heir != 0 && heir != call->id)
            look_at_heir(call, &attempt, heir);
        if (attempt.spins++ < SPINS_NOW) {
            tg_pause();
            continue;
        }
        tg_status status = sleep_slice(call, lock, &attempt);
        if (status != TG_OK) {
            give_up(call, lock);
            tg_store_relaxed64(&call->context->wait_since_ns, 0);
            return status;
        }
    }
    if (attempt.began_ns != 0) tg_store_relaxed64(&call->context->wait_since_ns, 0);
    return TG_OK;
}

/* Clears the owner and the waiters' bit in one step, then wakes one sleeper and the heir. */
static void release(struct tg_local *local, tg_a64 *lock) {
    /* PAIR lock: our stores under the lock before it is free. Other end: try_acquire. */
    uint64_t old = tg_and_acqrel64(lock, ~(TG_LOCK_OWNER_MASK | TG_LOCK_WAITERS));
    if (TG_LIKELY(!(old & TG_LOCK_WAITERS)) || TG_MUTANT(lock_wakes_nobody)) return;
    struct tg_os *os = local->os;
    uint32_t heir = tg_word_heir(old);
    if (heir != 0) os->ops->futex_wake(os, lock, 1, 1u << (heir % 32));
    os->ops->futex_wake(os, lock, 1, ~0u);
}

void tg_unlock(struct tg_call *call, tg_a64 *lock) {
    TG_ASSERT(call->log_count == 0);
    TG_CHECK(call->held_count > 0);
    uint32_t last = call->held_count - 1, i = last;
    while (call->held[i] != lock) {
        TG_CHECK(i > 0);
        i--;
    }
    TG_CHECK(tg_owns(call, lock));
    if (TG_MUTANT(lock_intent_cleared_first)) tg_store_relaxed64(&call->context->held[i], 0);
    release(call->local, lock);
    if (i != last) {
        /* Keep held[] dense: the last intent is copied down before its own slot is cleared. */
        tg_store_relaxed64(&call->context->held[i], tg_load_relaxed64(&call->context->held[last]));
        call->held[i] = call->held[last];
    }
    tg_store_relaxed64(&call->context->held[last], 0);
    call->held_count = last;
}

void tg_unlock_all(struct tg_call *call) {
    while (call->held_count > 0) tg_unlock(call, call->held[call->held_count - 1]);
}

void tg_lock_release_for(struct tg_local *local, tg_a64 *lock, uint32_t id) {
    if (tg_word_owner(tg_load_relaxed64(lock)) == id) release(local, lock);
    /* A try-lock would honour it for ever. */
    if (!TG_MUTANT(recover_keeps_heir)) disinherit(lock, id);
}
