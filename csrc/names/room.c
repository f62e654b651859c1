/* SPDX-License-Identifier: Apache-2.0 */
/* Room in a store that seems full: all that is pending is finished, in every idle context. */
#include "change.h"

#ifdef TG_SIM
enum { ATTEMPTS = 4 };
#else
enum { ATTEMPTS = 16 };
#endif
static const uint64_t PATIENCE_NS = 50000000;  /* then a section that stands still is expelled */
static const uint64_t WAIT_MAX_NS = 300000000; /* for those who were preempted */
static const uint64_t SLICE_NS = 500000;

static bool keeps_memory(const struct tg_context *context) {
    return tg_load_relaxed32(&context->orphan) != 0 || tg_load_relaxed64(&context->run) != 0 ||
           tg_load_relaxed32(&context->limbo_open) != 0 ||
           tg_load_relaxed32(&context->batch_count) != 0;
}

/* What one idle context owes, its limbo, its parked objects. */
static tg_status tidy_context(struct tg_call *call, uint32_t id, uint64_t patience_ns, bool *more) {
    if (!tg_borrow_one(call, id)) {
        /* Somebody is at it, perhaps the thread that takes dropped directories apart. */
        *more |= keeps_memory(tg_context_at(call->local, id));
        return TG_OK;
    }
    /* A stopped holder of one lock must not keep the rest from being tidied. */
    uint64_t deadline_ns = call->deadline_ns;
    call->deadline_ns = 0;
    tg_status status = tg_names_settle(call);
    bool reaping = true;
    while (status == TG_OK && reaping) status = tg_names_reap(call, 256, &reaping);
    if (status == TG_OK) status = tg_drain(call, UINT32_MAX, true, patience_ns);
    *more |= keeps_memory(call->context);
    tg_return(call);
    call->deadline_ns = deadline_ns;
    if (status != TG_TIMEOUT) return status;
    *more = true;
    return TG_OK;
}

tg_status tg_names_tidy(struct tg_call *call, uint64_t patience_ns, bool *more) {
    tg_status status = TG_OK;
    *more = false;
    uint32_t high = tg_context_high(call->local);
    for (uint32_t id = 1; id <= high && status == TG_OK; id++)
        status = tidy_context(call, id, patience_ns, more);
    *more |= tg_load_relaxed32(&call->local->hot->reap_head) != 0;
    return status;
}

/* Blocks in other contexts' magazines, and empty slabs, go back to the runs. */
static void collect(struct tg_call *call) {
    if (tg_borrow(call) != TG_OK) return;
    if (tg_names_settle(call) == TG_OK) (void)!tg_arena_reclaim(call);
    tg_return(call);
}

/* Finishes what is pending, and waits for those who are in the way. True: some of it is left, and
 * the call's time is over. */
static bool finish_pending(struct tg_call *call, uint64_t began_ns) {
    tg_call_in_no_section(call);
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    for (;;) {
        bool more;
        if (tg_names_tidy(call, PATIENCE_NS, &more) != TG_OK || !more) return false;
        if (os->ops->monotonic_ns(os) - began_ns > WAIT_MAX_NS) return false;
        uint64_t left = tg_time_left(call, SLICE_NS);
        if (left == 0) return true;
        /* Somebody is in a section. No context is held while we wait for its end. */
        uint32_t epoch = (uint32_t)tg_load_relaxed64(&local->hot->epoch);
        if (os->ops->futex_wait(os, &local->hot->epoch, epoch, left, ~0u) != TG_OK) return false;
    }
}

/* What we or others let go since the last look may be taken by others before our next attempt. */
static bool has_moved(struct tg_call *call, struct tg_room *room) {
    uint64_t epoch = tg_load_relaxed64(&call->local->hot->epoch);
    bool moved = room->attempts == 1 || room->freed != call->freed || room->epoch != epoch;
    room->freed = call->freed;
    room->epoch = epoch;
    return moved && room->attempts <= ATTEMPTS;
}

tg_status tg_room_again(struct tg_call *call, struct tg_room *room) {
    struct tg_os *os = call->local->os;
    if (room->attempts++ == 0) room->began_ns = os->ops->monotonic_ns(os);
    bool late = finish_pending(call, room->began_ns);
    collect(call);
    if (has_moved(call, room)) return TG_OK;
    return late ? TG_TIMEOUT : TG_FULL;
}
