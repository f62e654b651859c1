/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a count without the lock: a few swaps, then the caller takes the lock.
 *
 * What
 *   One loop for all count operations and all shapes of words. While the word is unlocked a
 *   change is one compare-and-swap of all of it.
 * Invariants: those of word/lock_word.h; a refusal leaves the word bit-identical.
 * Ordering
 *   PAIR lockref: every count change is acq_rel and continues the release sequence of the
 *   word: who locks later sees what earlier users of a reference wrote.
 * Death: one swap: it happened or it did not.
 * Progress: 32 swaps without a pause (a failed one means that another succeeded), then at most
 *   200 looks at a held lock: bounded, whatever the holders do.
 * API: tg_word_change.
 */
#ifndef TG_WORD_CHANGE_H
#define TG_WORD_CHANGE_H

#include "../base/status.h"
#include "lock_word.h"

typedef bool (*tg_transition)(uint64_t old, uint64_t *next);

/* TG_OK: done, from *old. TG_RETRY: refused by the transition, on an unlocked word. TG_BUSY:
 * bounds spent, take the lock. TG_MISMATCH: its bits of `tag_mask` are not `tag`. */
TG_MUST_CHECK static inline tg_status tg_word_change(tg_a64 *word,
                                                     const struct tg_word_shape *shape,
                                                     uint64_t tag_mask, uint64_t tag,
                                                     tg_transition change, uint64_t *old) {
    enum { SWAPS = 32, LOOKS = 200 };
    int swaps = 0, looks = 0;
    *old = tg_load_relaxed64(word);
#ifdef TG_LOCKREF_NO_FAST_PATH
    return (*old & tag_mask) == tag ? TG_BUSY : TG_MISMATCH;
#endif
    for (;;) {
        uint64_t next;
        if ((*old & tag_mask) != tag) return TG_MISMATCH;
        if (tg_shaped_owner(shape, *old) != 0 && !TG_MUTANT(count_under_lock)) {
            if (++looks > LOOKS) return TG_BUSY;
            tg_pause();
            *old = tg_load_relaxed64(word);
            continue;
        }
        if (!change(*old, &next)) return TG_RETRY;
        /* PAIR lockref: self-pairing: every change continues the release sequence of the word. */
        if (tg_cas_acqrel64(word, old, next)) return TG_OK;
        if (++swaps > SWAPS) return TG_BUSY;
    }
}

#endif
