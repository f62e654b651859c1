/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: while it is closed nobody changes anything by a path of several components. */
#include "../owner/recover.h"
#include "removal.h"

#ifdef TG_SIM
enum { GATE_SPINS = 2 };
#else
enum { GATE_SPINS = 200 };
#endif
static const uint64_t GATE_PATIENCE_NS = 20000000;

/* Waits until every writer that was under way when the gate closed is done: those that
 * come later see it closed. PAIR gate (Dekker): the gate, a full fence, their words. */
static tg_status wait_for_writers(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    uint64_t began = os->ops->monotonic_ns(os);
    uint64_t ns_lock = tg_offset_of(local, &local->hot->ns_lock);
    tg_fence_full();
    if (TG_MUTANT(gate_no_wait)) return TG_OK;
    for (uint32_t id = 1, high = tg_context_high(local); id <= high; id++) {
        const struct tg_context *context = tg_context_at(local, id);
        uint64_t word = tg_load_seqcst64(&context->word);
        if (id == call->id || TG_WORD_MODE(word) != TG_HELD) continue;
        for (uint32_t spins = 0; tg_load_seqcst64(&context->word) == word; spins++) {
            /* Who waits for the namespace lock waits for us, and will look at the gate again. */
            if (tg_load_relaxed64(&context->held[0]) == ns_lock) break;
            tg_pause();
            if (spins < GATE_SPINS) continue;
            /* A dead one is mended; a stopped one must not keep
             * all writers waiting behind our gate. */
            if (os->ops->monotonic_ns(os) - began > GATE_PATIENCE_NS) return TG_BUSY;
            (void)tg_mend_if_dead(local, TG_WORD_PROCESS1(word) - 1);
            (void)!os->ops->futex_wait(os, &context->word, (uint32_t)word, 100000, ~0u);
        }
    }
    return TG_OK;
}

tg_status tg_gate_close(struct tg_call *call, uint64_t dir_gen) {
    struct tg_hot *hot = call->local->hot;
    TG_ASSERT(tg_owns(call, &hot->ns_lock));
    if (tg_load_relaxed64(&hot->dir_gen) != dir_gen) return TG_RETRY;
    tg_status status = tg_lock(call, &hot->gate_lock, 0);
    return status == TG_OK ? wait_for_writers(call) : status;
}

tg_status tg_gate_give_way(struct tg_call *call) {
    tg_call_in_no_section(call);
    struct tg_local *local = call->local;
    uint64_t left = tg_time_left(call, 5000000);
    if (left == 0) return TG_TIMEOUT;
    uint32_t seen = (uint32_t)tg_load_relaxed64(&local->hot->epoch);
    return local->os->ops->futex_wait(local->os, &local->hot->epoch, seen, left, ~0u);
}
