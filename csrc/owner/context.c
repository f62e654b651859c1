/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include "recover.h"

uint64_t tg_time_left(struct tg_call *call, uint64_t most) {
    if (call->deadline_ns == TG_FOREVER) return most;
    struct tg_os *os = call->local->os;
    uint64_t now = os->ops->monotonic_ns(os);
    if (now >= call->deadline_ns) return 0;
    uint64_t left = call->deadline_ns - now;
    return left < most ? left : most;
}

static bool try_borrow(struct tg_call *call, uint32_t id, enum tg_mode mode, uint64_t stamp) {
    struct tg_context *context = tg_context_at(call->local, id);
    uint64_t old = tg_load_relaxed64(&context->word);
    if (TG_WORD_MODE(old) != TG_IDLE) return false;
    uint64_t word = TG_WORD(mode, call->local->process + 1, stamp);
    /* PAIR context.hand-over: sees what the last borrower left. Other end: tg_return.
     * PAIR epoch.section: the section is published before its first load (Dekker with
     * the scan of tg_epoch_advance). PAIR gate: so is a writer, before it asks the gate. */
    if (!tg_cas_seqcst64(&context->word, &old, word)) return false;
    tg_fence_after_rmw();
    call->context = context;
    call->id = id;
    call->word = word;
    call->hint = id;
    return true;
}

static bool borrow_any(struct tg_call *call, enum tg_mode mode, uint64_t stamp) {
    uint32_t count = call->local->header.context_count;
    uint32_t first = call->hint;
    if (first == 0 || first > count) {
        struct tg_os *os = call->local->os;
        first = os->ops->processor(os) % count + 1;
    }
    if (try_borrow(call, first, mode, stamp)) return true;
    for (uint32_t i = 1; i <= count; i++)
        if (i != first && try_borrow(call, i, mode, stamp)) return true;
    return false;
}

/* All contexts are taken: mend the dead among their borrowers, then sleep a little. */
static tg_status wait_for_context(struct tg_call *call) {
    struct tg_local *local = call->local;
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        uint64_t word = tg_load_relaxed64(&tg_context_at(local, id)->word);
        uint32_t process1 = TG_WORD_PROCESS1(word);
        if (TG_WORD_MODE(word) == TG_IDLE) return TG_OK;
        if (process1 != 0 && tg_mend_if_dead(local, process1 - 1)) return TG_OK;
    }
    uint64_t slice = tg_time_left(call, 1000000);
    if (slice == 0) return TG_NO_CONTEXT;
    const tg_a64 *word = &tg_context_at(local, 1)->word;
    uint32_t seen = (uint32_t)tg_load_relaxed64(word);
    return local->os->ops->futex_wait(local->os, word, seen, slice, 1);
}

static tg_status borrow_waiting(struct tg_call *call, enum tg_mode mode) {
    for (;;) {
        uint64_t stamp =
            mode == TG_READ ? tg_load_relaxed64(&call->local->hot->epoch) : tg_held_stamp(call);
        if (borrow_any(call, mode, stamp)) return TG_OK;
        tg_status status = wait_for_context(call);
        if (status != TG_OK) return status;
    }
}

tg_status tg_borrow(struct tg_call *call) {
    TG_ASSERT(call->context == NULL);
    return borrow_waiting(call, TG_HELD);
}

bool tg_borrow_one(struct tg_call *call, uint32_t id) {
    TG_ASSERT(call->context == NULL);
    return try_borrow(call, id, TG_HELD, tg_held_stamp(call));
}

bool tg_borrow_reading(struct tg_call *call, uint64_t stamp) {
    TG_ASSERT(call->context == NULL);
    if (call->hint && call->hint <= call->local->header.context_count &&
        try_borrow(call, call->hint, TG_READ, stamp))
        return true;
    return borrow_any(call, TG_READ, stamp);
}

tg_status tg_borrow_reading_slow(struct tg_call *call) { return borrow_waiting(call, TG_READ); }

void tg_return(struct tg_call *call) {
    TG_ASSERT(call->held_count == 0 && call->log_count == 0);
    TG_ASSERT(TG_WORD_MODE(call->word) == TG_HELD);
    /* PAIR context.hand-over: our private stores before the context is anybody's. */
    tg_store_release64(&call->context->word, TG_WORD(TG_IDLE, 0, 0));
    call->context = NULL;
    call->id = 0;
}
