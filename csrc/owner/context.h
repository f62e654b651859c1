/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: the pool of virtual processors that calls borrow.
 *
 * What
 *   A call that touches shared state borrows one context for its duration. Its id is
 *   what lock words name, its word says which process acts and how.
 *
 * Bits and states
 *   word = mode:3 | process + 1:13 | stamp:48
 *   IDLE      nobody's; the log is empty, no intent, no lock
 *   READ      in a read section that began at epoch `stamp`
 *   HELD      a writer; owns locks, may sleep on lock words
 *   EXPELLED  was READ; its owner must throw its results away (epoch/epoch.h)
 *
 * Invariants
 *   O1  IDLE implies: log empty, no intent, owns no lock. What may remain: an in-flight
 *       run, an orphan directory (the next writer settles them), limbo, magazines.
 *   O2  A word that is not IDLE names a process that is live or being mended.
 *   O3  Only the borrower leaves HELD; only the borrower or an expeller leaves READ.
 *   O4  A context above hot.context_high was never borrowed: all of it is 0, and a scan of the
 *       contexts ends there. The mark only rises, and before the borrowing. So who renames or
 *       drops touches a few pages, not those of contexts that no processor ever came to.
 *
 * Ordering
 *   PAIR context.hand-over: private fields of the context written before it goes IDLE
 *   are seen by its next borrower (release store, acquiring compare-and-swap).
 *   PAIR epoch.section: see epoch/epoch.h.
 *   PAIR context.high: the mark rises, then the word, a full fence, and whatever the section or
 *   the writer looks at. A scan that was fenced as it must be and reads a lesser mark has missed
 *   a word that it might have found idle as well: what its author did before the scan is seen.
 *   Who does not raise it, as it is high enough, has read that, itself or by way of the copy in
 *   tg_local: the same holds by the fence after its swap.
 *
 * Death: the word names the process: before the borrow there is nothing to mend but a mark that
 *   is too high, which is as good; after it owner/recover.c finds the context.
 * Progress: a scan of the pool; when all are taken, sleeps of 1 ms until the deadline.
 * API: tg_borrow_try, tg_borrow, tg_borrow_one, tg_borrow_reading_slow, tg_return,
 *   tg_context_checked, tg_context_high.
 */
#ifndef TG_OWNER_CONTEXT_H
#define TG_OWNER_CONTEXT_H

#include "../region/call.h"

/* The last context that may ever have been borrowed: scans end here. */
static inline uint32_t tg_context_high(const struct tg_local *local) {
    /* PAIR context.high: after the fence of the scan, if it is one that needs a fence. */
    uint64_t high = tg_load_seqcst64(&local->hot->context_high);
    return high < local->header.context_count ? (uint32_t)high : local->header.context_count;
}

/* The context that the call tried last, or was told to, is below the mark for certain. */
static inline bool tg_hint_good(const struct tg_call *call) {
    return TG_LIKELY(call->hint - 1 < tg_load_relaxed32(&call->local->context_high));
}

/* One attempt to borrow the context `id` <= hot.context_high. */
static inline bool tg_borrow_try(struct tg_call *call, uint32_t id, enum tg_mode mode,
                                 uint64_t stamp) {
    struct tg_context *context = tg_context_at(call->local, id);
    uint64_t old = tg_load_relaxed64(&context->word);
    if (TG_WORD_MODE(old) != TG_IDLE) return false;
    uint64_t word = TG_WORD(mode, call->local->process + 1, stamp);
    /* PAIR context.hand-over: sees what the last borrower left. Other end: tg_return.
     * PAIR epoch.section: the section is published before its first load (Dekker with
     * the scan of tg_epoch_advance). PAIR gate: so is a writer, before it asks the gate. */
    if (TG_UNLIKELY(!tg_cas_seqcst64(&context->word, &old, word))) return false;
    tg_fence_after_rmw();
    call->context = context;
    call->id = id;
    call->word = word;
    call->hint = id;
    return true;
}

/* Borrows this very context, if it is idle now. */
bool tg_borrow_one(struct tg_call *call, uint32_t id);
/* As tg_borrow, for a reader: any context, whose mode is READ; waits for one if need be. */
TG_MUST_CHECK tg_status tg_borrow_reading_slow(struct tg_call *call);

/* Tells two borrowings of one context apart, for who waits for the end of the first. A
 * repetition only makes that wait longer. */
static inline uint64_t tg_held_stamp(struct tg_call *call) {
    uint64_t stamp = tg_load_relaxed64(&call->local->borrowings) + 1;
    tg_store_relaxed64(&call->local->borrowings, stamp);
    return stamp & 0xffffffffffffull;
}

TG_MUST_CHECK tg_status tg_borrow_slow(struct tg_call *call);
/* Borrows a context as HELD. TG_OK, TG_NO_CONTEXT, TG_INTERRUPTED, TG_CLOSED. */
TG_MUST_CHECK static inline tg_status tg_borrow(struct tg_call *call) {
    TG_ASSERT(call->context == NULL);
    if (tg_hint_good(call) &&
        TG_LIKELY(tg_borrow_try(call, call->hint, TG_HELD, tg_held_stamp(call))))
        return TG_OK;
    return tg_borrow_slow(call);
}

/* Gives a HELD context back. No lock may be held, the log must be empty. */
static inline void tg_return(struct tg_call *call) {
    TG_ASSERT(call->held_count == 0 && call->log_count == 0);
    TG_ASSERT(TG_WORD_MODE(call->word) == TG_HELD);
    /* PAIR context.hand-over: our private stores before the context is anybody's. */
    tg_store_release64(&call->context->word, TG_WORD(TG_IDLE, 0, 0));
    call->context = NULL;
    call->id = 0;
}

/* NULL when the id is no context's (a garbage word). */
static inline struct tg_context *tg_context_checked(const struct tg_local *local, uint32_t id) {
    if (id == 0 || id > local->header.context_count) return NULL;
    return tg_context_at(local, id);
}

/* Nanoseconds until the call's deadline; 0 = passed. At most `most`. */
uint64_t tg_time_left(struct tg_call *call, uint64_t most);

#endif
