/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref in any 8 bytes that processes share: a user's buffer, not the store's memory.
 *
 * What
 *   The word of owner/lockref.h without what a store lends it: no contexts, no intents, no
 *   recovery that walks them. So the word itself names its holder, and says after a death that
 *   what the lock guarded may be half done.
 *
 * Bits and states
 *   owner:22 | ORPHANED | unused:1 | WAITERS | DEAD | heir:6   the low half, the futex word
 *   tag:8 | count:24                                           the high half
 *   All zeros: unlocked, no references, of no store.
 *   tag 0   the owner is a thread, by its kernel id (at most 22 bits)
 *   tag t   the owner is a process entry:12 and its generation:10 in the store whose tag is t.
 *           The tag is set by the first user with a store, and stays
 *   ORPHANED   a holder died; nobody who locked it since has unlocked it
 *   heir    a waiter's owner number modulo 63: a reservation may serve a namesake
 *
 * Invariants
 *   B1  W1-W4 of word/lock_word.h.
 *   B2  A lock is taken from a holder only when it is known to be dead: by its life token or
 *       because its entry has another generation (entries are given anew after the token
 *       was free); in a private word, because this process has no such thread. Nobody else's
 *       thread is ever judged: its number may be of another container, or used again.
 *   B3  ORPHANED is set in the step that takes the lock away, and cleared by no one but the
 *       unlock of a holder who was told.
 *   B4  A word with another tag is refused: its owner's number would be misread.
 *
 * Ordering
 *   PAIR lock: as owner/lock.h. PAIR lockref: as owner/lockref.h.
 *   After a death: the token was free, or the generation another one, before we looked; so all
 *   stores of the dead come before ours.
 *
 * Death
 *   anywhere        one swap happened or not; the count may keep what the dead had got
 *   as the holder   B2, or with tag 0: the lock stays held, waits end at their deadline
 *   Two processes with one generation modulo 1023 and one entry look alike: the second one
 *   keeps the lock of the first, dead, until it ends itself. A delay, no theft.
 *
 * Progress: as owner/lockref.h; of several starving waiters any may be the heir.
 * API: tg_bufref_*.
 */
#ifndef TG_PARTS_BUFFER_REF_H
#define TG_PARTS_BUFFER_REF_H

#include "../store/store.h"
#include "../word/lock_word.h"

#define TG_BUFREF_ORPHANED (1ull << 22)
#define TG_BUFREF_TAG_MASK (0xffull << 32)
#define TG_BUFREF_COUNT_MAX ((1u << 24) - 1)

static const struct tg_word_shape tg_bufref_shape = {
    .owner_mask = (1ull << 22) - 1,
    .heir_mask = 0x3full << 26,
    .heir_shift = 26,
    .value_shift = 40,
    .count_max = TG_BUFREF_COUNT_MAX,
};

/* One user's view of a word; private memory. */
struct tg_bufref {
    tg_a64 *word;
    struct tg_os *os;
    struct tg_store *store; /* NULL: holders are threads */
    uint64_t tag;           /* in its place in the word */
    bool private;           /* the word is of this process alone, and its forked copies */
    tg_a64 holder; /* the thread that holds it through this view, as `me` below; 0 = none */
};

/* `store` may be NULL. TG_OK; TG_MISMATCH: the word is of another store, or of one at all;
 * TG_BUSY: it is of none so far, and locked; TG_INVALID: not aligned. */
TG_MUST_CHECK tg_status tg_bufref_init(struct tg_bufref *self, tg_a64 *word, struct tg_os *os,
                                       struct tg_store *store, bool private);
/* If the word is locked through this view: unlocks it, orphaned. Never waits. True if so. */
bool tg_bufref_abandon(struct tg_bufref *self, uint64_t me);

/* `me` is the calling thread: its id in the low half; the high half is the same for all threads
 * of a process, and another one in its forked children (tg_linux_thread). */

/* All of these may also answer TG_TIMEOUT, TG_INTERRUPTED (the lock was waited for), TG_MISMATCH
 * (B4) and TG_CLOSED (a store, in a forked child before tg_store_after_fork): nothing happened
 * then. The holder's own calls change the count at once. */

/* TG_OK, TG_DEAD, TG_OVERFLOW. */
TG_MUST_CHECK tg_status tg_bufref_get(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns);
/* TG_OK, TG_ABSENT (zero or dead), TG_OVERFLOW. */
TG_MUST_CHECK tg_status tg_bufref_get_not_zero(struct tg_bufref *self, uint64_t me,
                                               uint64_t deadline_ns);
/* The new count in *left. TG_OK; TG_INVALID at zero. */
TG_MUST_CHECK tg_status tg_bufref_put(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns,
                                      uint32_t *left);
/* TG_OK; TG_ABSENT when the count is 0 or 1. */
TG_MUST_CHECK tg_status tg_bufref_put_not_last(struct tg_bufref *self, uint64_t me,
                                               uint64_t deadline_ns);
/* *locked: unchanged, 0 or 1, and the caller holds the lock. TG_EXISTS: it held it before. */
TG_MUST_CHECK tg_status tg_bufref_put_or_lock(struct tg_bufref *self, uint64_t me,
                                              uint64_t deadline_ns, bool *locked);
/* TG_OK; TG_EXISTS: this thread holds it. */
TG_MUST_CHECK tg_status tg_bufref_lock(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns);
/* TG_OK; TG_INVALID: this thread doesn't hold it through this view. */
TG_MUST_CHECK tg_status tg_bufref_unlock(struct tg_bufref *self, uint64_t me);
TG_MUST_CHECK tg_status tg_bufref_mark_dead(struct tg_bufref *self, uint64_t me);

static inline uint64_t tg_bufref_word(const struct tg_bufref *self) {
    return tg_load_relaxed64(self->word);
}
static inline uint32_t tg_bufref_count(uint64_t word) {
    return tg_shaped_value(&tg_bufref_shape, word);
}
static inline uint32_t tg_bufref_owner(uint64_t word) {
    return tg_shaped_owner(&tg_bufref_shape, word);
}
static inline bool tg_bufref_orphaned(uint64_t word) { return word & TG_BUFREF_ORPHANED; }

#endif
