/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a lock word: what one acquisition does between two attempts.
 *
 * What
 *   tg_wait_turn spins briefly, then sleeps on the word's low half in timed slices. Each
 *   slice asks whether the owner lives; who has waited for 1 ms reserves the next turn.
 *   Who owns words, and how one learns whether it lives, is told by `struct tg_wait_rules`:
 *   contexts of a store (owner/lock.c), threads or processes (parts/buffer_ref.c).
 *
 * Bits and states: word/lock_word.h. struct tg_wait is the waiter's own.
 *
 * Invariants
 *   V1  Nobody sleeps on a free word that he may take.
 *   V2  Before anybody sleeps the word says WAITERS; who slept says so when he takes it.
 *   V3  A reservation is honoured for 1 ms of the honourer's own clock, then it is stale.
 *
 * Ordering
 *   PAIR lock: every change of the word here continues its release sequence.
 *
 * Death: an owner's death is found by the rules; a dead heir costs 1 ms, a lost wake a slice.
 * Progress: a waiter that runs is not starved while owners release: after 1 ms the next turn
 *   is reserved. Waits end at the deadline, or with TG_INTERRUPTED.
 * API: tg_wait_begin, tg_wait_turn, tg_wait_give_up, tg_word_release.
 */
#ifndef TG_WORD_WAIT_H
#define TG_WORD_WAIT_H

#include "../os/os.h"
#include "lock_word.h"

struct tg_wait;

struct tg_wait_rules {
    const struct tg_word_shape *shape;
    /* Before each slice. TG_OK: the owner was dead, and no longer stands in the way: look again;
     * TG_BUSY: it lives, or nobody knows. Or an error, which ends the wait. */
    tg_status (*ask)(struct tg_wait *wait, uint64_t word);
    /* An heir that is younger than we are, or 0. */
    uint32_t (*weaker)(const struct tg_wait *wait, uint32_t heir);
    /* The wait begins now, as others may see. */
    void (*began)(struct tg_wait *wait, uint64_t now_ns);
};

struct tg_wait {
    const struct tg_wait_rules *rules;
    void *self; /* whatever the rules need */
    struct tg_os *os;
    tg_a64 *word;
    uint64_t deadline_ns; /* UINT64_MAX = none */
    uint32_t id;
    uint32_t spins;
    uint32_t mended; /* for `ask` */
    bool slept;
    uint64_t began_ns; /* first look at the clock; 0 = none */
    uint64_t slice_ns;
    uint32_t heir;          /* a reservation that we honour, */
    uint64_t heir_since_ns; /* since when, */
    uint32_t stale;         /* or no longer: nobody came for it */
};

static inline void tg_wait_begin(struct tg_wait *wait, const struct tg_wait_rules *rules,
                                 void *self, struct tg_os *os, tg_a64 *word, uint32_t id,
                                 uint64_t deadline_ns) {
    *wait = (struct tg_wait){
        .rules = rules, .self = self, .os = os, .word = word, .id = id, .deadline_ns = deadline_ns};
}

/* After an attempt that found `old`. TG_OK: try again. TG_TIMEOUT, TG_INTERRUPTED, or what
 * `ask` said: give up. */
TG_MUST_CHECK tg_status tg_wait_turn(struct tg_wait *wait, uint64_t old);
/* Takes our reservation back. */
void tg_wait_give_up(const struct tg_wait *wait);
/* For any `id`; also for recovery. */
void tg_word_disinherit(const struct tg_word_shape *shape, tg_a64 *word, uint32_t id);
/* Wakes one sleeper and the heir. */
void tg_word_wake(struct tg_os *os, const struct tg_word_shape *shape, tg_a64 *word, uint64_t old);

/* Clears the owner, the waiters' bit and `also` in one step, then wakes who waits. The caller
 * owns the word. */
static inline void tg_word_release(struct tg_os *os, const struct tg_word_shape *shape,
                                   tg_a64 *word, uint64_t also) {
    /* PAIR lock: our stores under the lock before it is free. Other end: the next owner. */
    uint64_t old = tg_and_acqrel64(word, ~(shape->owner_mask | TG_LOCK_WAITERS | also));
    if (TG_UNLIKELY(old & TG_LOCK_WAITERS)) tg_word_wake(os, shape, word, old);
}

#endif
