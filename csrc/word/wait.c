/* SPDX-License-Identifier: Apache-2.0 */
#include "wait.h"

enum { SPINS = 200 };
#ifdef TG_SIM
enum { SPINS_NOW = 2 };
#else
enum { SPINS_NOW = SPINS };
#endif

static const uint64_t SLICE_FIRST_NS = 2000000; /* waits are timed: a lost wake costs this */
static const uint64_t SLICE_LAST_NS = 5000000;
static const uint64_t RESERVE_AFTER_NS = 1000000;
static const uint64_t HONOUR_NS = 1000000;

static uint32_t our_name(const struct tg_wait *wait) {
    return tg_shaped_heir_name(wait->rules->shape, wait->id);
}

static uint32_t heir_of(const struct tg_wait *wait, uint64_t word) {
    return tg_shaped_heir(wait->rules->shape, word);
}

/* A reservation is honoured for HONOUR_NS of our own clock; a new heir's anew. */
static void look_at_heir(struct tg_wait *wait, uint32_t heir) {
    uint64_t now = wait->os->ops->monotonic_ns(wait->os);
    if (wait->heir != heir) {
        wait->heir = heir;
        wait->heir_since_ns = now;
    }
    bool over = now - wait->heir_since_ns > HONOUR_NS;
    wait->stale = over && !TG_MUTANT(lock_heir_for_ever) ? heir : 0;
}

static void reserve(const struct tg_wait *wait, uint64_t old) {
    uint32_t heir = heir_of(wait, old), weaker = 0;
    if (heir != 0 && heir != our_name(wait)) weaker = wait->rules->weaker(wait, heir);
    uint64_t next;
    /* PAIR lock: adds to the release sequence of the word, orders nothing of its own. */
    if (tg_shaped_reserve(wait->rules->shape, old, wait->id, weaker, &next))
        (void)tg_cas_acqrel64(wait->word, &old, next);
}

static uint64_t time_left(const struct tg_wait *wait, uint64_t now) {
    if (wait->deadline_ns == UINT64_MAX) return wait->slice_ns;
    if (now >= wait->deadline_ns) return 0;
    uint64_t left = wait->deadline_ns - now;
    return left < wait->slice_ns ? left : wait->slice_ns;
}

static void note_beginning(struct tg_wait *wait, uint64_t now) {
    if (wait->began_ns != 0) return;
    wait->began_ns = now;
    wait->slice_ns = SLICE_FIRST_NS;
    wait->rules->began(wait, now);
}

/* One slice of sleep, with all that is due before it. TG_OK: look again. */
static tg_status sleep_slice(struct tg_wait *wait) {
    const struct tg_word_shape *shape = wait->rules->shape;
    struct tg_os *os = wait->os;
    uint64_t now = os->ops->monotonic_ns(os);
    note_beginning(wait, now);
    uint64_t old = tg_load_relaxed64(wait->word);
    uint32_t owner = tg_shaped_owner(shape, old);
    if (owner != 0) {
        tg_status status = wait->rules->ask(wait, old);
        if (status != TG_BUSY) return status;
    }
    uint64_t left = time_left(wait, now);
    if (left == 0) return TG_TIMEOUT;
    if (owner != 0 && now - wait->began_ns > RESERVE_AFTER_NS) {
        reserve(wait, old);
        old = tg_load_relaxed64(wait->word);
        owner = tg_shaped_owner(shape, old);
    }
    if (owner == 0) {
        uint32_t heir = heir_of(wait, old);
        if ((heir == 0 || heir == our_name(wait)) && !TG_MUTANT(lock_sleeps_on_free))
            return TG_OK; /* nobody would wake us */
        if (left > HONOUR_NS) left = HONOUR_NS;
    } else if (!(old & TG_LOCK_WAITERS)) {
        uint64_t next = old | TG_LOCK_WAITERS;
        /* PAIR lock: adds to the release sequence of the word. Other end: release. */
        if (!tg_cas_acqrel64(wait->word, &old, next)) return TG_OK;
        old = next;
    }
    wait->slept = !TG_MUTANT(lock_slept_forgotten);
    if (wait->slice_ns < SLICE_LAST_NS) wait->slice_ns += SLICE_FIRST_NS / 2;
    return os->ops->futex_wait(os, wait->word, (uint32_t)old, left, 1u << (our_name(wait) % 32));
}

tg_status tg_wait_turn(struct tg_wait *wait, uint64_t old) {
    uint32_t heir = heir_of(wait, old);
    if (tg_shaped_owner(wait->rules->shape, old) == 0 && heir != 0 && heir != our_name(wait))
        look_at_heir(wait, heir);
    if (wait->spins++ < SPINS_NOW) {
        tg_pause();
        return TG_OK;
    }
    return sleep_slice(wait);
}

void tg_word_disinherit(const struct tg_word_shape *shape, tg_a64 *word, uint32_t id) {
    uint64_t old = tg_load_relaxed64(word), next;
    /* PAIR lock: adds to the release sequence of the word. */
    while (tg_shaped_disinherit(shape, old, id, &next) && !tg_cas_acqrel64(word, &old, next)) {
    }
}

void tg_wait_give_up(const struct tg_wait *wait) {
    tg_word_disinherit(wait->rules->shape, wait->word, wait->id);
}

void tg_word_wake(struct tg_os *os, const struct tg_word_shape *shape, tg_a64 *word, uint64_t old) {
    if (TG_MUTANT(lock_wakes_nobody)) return;
    uint32_t heir = tg_shaped_heir(shape, old);
    if (heir != 0) os->ops->futex_wake(os, word, 1, 1u << (heir % 32));
    os->ops->futex_wake(os, word, 1, ~0u);
}
