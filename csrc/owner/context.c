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

static void raise_high(struct tg_local *local, uint32_t id) {
    tg_a64 *word = &local->hot->context_high;
    uint64_t high = tg_load_relaxed64(word);
    if (TG_MUTANT(context_high_blind) && high < id) tg_store_relaxed64(word, high = id);
    /* PAIR context.high: the mark before the word. Other end: the scans. */
    while (high < id && !TG_MUTANT(context_high_kept) && !tg_cas_seqcst64(word, &high, id)) {
    }
    /* PAIR context.high: the mark before the copy that other threads of ours go by. */
    if (tg_load_relaxed32(&local->context_high) < id) tg_store_release32(&local->context_high, id);
}

/* As tg_borrow_try, for a context that may be the first time used. */
static bool borrow_new(struct tg_call *call, uint32_t id, enum tg_mode mode, uint64_t stamp) {
    bool early =
        !TG_MUTANT(context_high_late) && !(mode == TG_READ && TG_MUTANT(context_high_section));
    if (early) raise_high(call->local, id);
    bool borrowed = tg_borrow_try(call, id, mode, stamp);
    if (TG_MUTANT(context_high_late)) raise_high(call->local, id);
    return borrowed;
}

static bool borrow_any(struct tg_call *call, enum tg_mode mode, uint64_t stamp) {
    uint32_t count = call->local->header.context_count;
    uint32_t first = call->hint;
    if (first == 0 || first > count) {
        struct tg_os *os = call->local->os;
        first = os->ops->processor(os) % count + 1;
    }
    if (borrow_new(call, first, mode, stamp)) return true;
    for (uint32_t i = 1; i <= count; i++)
        if (i != first && borrow_new(call, i, mode, stamp)) return true;
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

tg_status tg_borrow_slow(struct tg_call *call) { return borrow_waiting(call, TG_HELD); }

bool tg_borrow_one(struct tg_call *call, uint32_t id) {
    TG_ASSERT(call->context == NULL);
    return borrow_new(call, id, TG_HELD, tg_held_stamp(call));
}

tg_status tg_borrow_reading_slow(struct tg_call *call) { return borrow_waiting(call, TG_READ); }
