/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for somebody else's build: without a context, and never in a circle. */
#include "build.h"

enum { FOLLOW_MAX = 1024 };
static const uint64_t SLICE_NS = 40000000; /* then all is looked at again */

bool tg_build_is_own(const struct tg_local *local, const struct tg_build_options *options,
                     uint64_t token) {
    for (size_t i = 0; i < options->own_count; i++) {
        const struct tg_build *own = &options->own[i];
        if (own->token == token && own->process == local->process &&
            own->generation == local->process_generation)
            return true;
    }
    return false;
}

bool tg_build_is_over(struct tg_local *local, const struct tg_awaited *wait) {
    struct tg_os *os = local->os;
    if (tg_expired(local, wait->expiry)) return true;
    if (wait->process >= local->header.process_count) return true;
    const struct tg_process *entry = &local->processes[wait->process];
    if (tg_load_relaxed32(&entry->generation) != wait->generation ||
        tg_load_relaxed32(&entry->state) != TG_PROCESS_LIVE)
        return true;
    for (uint32_t i = 0; i < TG_LEFT; i++)
        if (tg_load_relaxed64(&entry->left[i]) == wait->token) return true;
    if (wait->process == local->process) return false;
    return os->ops->life_probe(os, wait->process) == TG_LIFE_DEAD;
}

/* Tokens are never used again, so what is there already may go when there is no room: it is
 * most likely over by now. */
void tg_build_forsake(struct tg_local *local, const struct tg_build *build) {
    struct tg_process *entry = &local->processes[local->process];
    uint32_t slot = 0;
    while (slot + 1 < TG_LEFT && tg_load_relaxed64(&entry->left[slot]) != 0) slot++;
    for (uint32_t i = 0; i < slot && slot + 1 == TG_LEFT; i++)
        tg_store_relaxed64(&entry->left[i], tg_load_relaxed64(&entry->left[i + 1]));
    tg_store_relaxed64(&entry->left[slot], build->token);
}

/* ---- who waits for whom ------------------------------------------------------------------ */

/* U5: all our claims say what we wait for; token 0: nothing. One lock at a time. */
static tg_status say(struct tg_call *call, const struct tg_build_options *options, uint64_t token,
                     uint32_t stripe) {
    for (size_t i = 0; i < options->own_count; i++) {
        const struct tg_build *own = &options->own[i];
        struct tg_notice notice;
        if (!tg_build_is_own(call->local, options, own->token)) continue;
        tg_status status = tg_board_lock(call, own->stripe);
        if (status != TG_OK) return status;
        status = tg_board_find(call, own->stripe, own->token, &notice);
        if (status == TG_OK) {
            tg_log64(call, &notice.claim->waits_for, token);
            tg_log32(call, &notice.claim->waits_on, stripe);
            tg_commit(call);
        }
        tg_board_unlock(call, own->stripe);
        if (status != TG_OK && status != TG_ABSENT) return status;
    }
    return TG_OK;
}

/* From claim to claim. A circle that we are not in is for others to see. */
static tg_status follow(struct tg_call *call, const struct tg_build_options *options,
                        uint64_t token, uint32_t stripe) {
    for (uint32_t steps = 0; steps < FOLLOW_MAX && stripe < TG_STRIPES; steps++) {
        struct tg_notice notice;
        tg_status status = tg_board_lock(call, stripe);
        if (status != TG_OK) return status;
        status = tg_board_find(call, stripe, token, &notice);
        uint32_t at = stripe;
        if (status == TG_OK) {
            token = tg_load_relaxed64(&notice.claim->waits_for);
            stripe = tg_load_relaxed32(&notice.claim->waits_on);
        }
        tg_board_unlock(call, at);
        if (status != TG_OK) return status == TG_ABSENT ? TG_OK : status;
        if (token == 0) return TG_OK;
        if (tg_build_is_own(call->local, options, token)) return TG_RECURSION;
    }
    return TG_OK;
}

static tg_status say_and_follow(struct tg_call *call, const struct tg_awaited *wait,
                                const struct tg_build_options *options, bool begins) {
    if (options->own_count == 0) return TG_OK;
    tg_status status = tg_borrow(call);
    if (status != TG_OK) return status;
    if (!begins)
        status = say(call, options, 0, 0);
    else if (!TG_MUTANT(build_waits_unsaid))
        status = say(call, options, wait->token, wait->stripe);
    if (status == TG_OK && begins) status = follow(call, options, wait->token, wait->stripe);
    tg_return(call);
    return status;
}

/* ---- sleep ------------------------------------------------------------------------------- */

static tg_status sleep_slice(struct tg_call *call, const struct tg_awaited *wait) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    const tg_a32 *word = &local->hot->stripes[wait->stripe].wake;
    tg_call_in_no_section(call);
    if (tg_build_is_over(local, wait)) return TG_OK;
    uint64_t left = tg_time_left(call, SLICE_NS);
    if (left == 0) return TG_TIMEOUT;
    return os->ops->futex_wait(os, word, wait->seen, left, ~0u);
}

tg_status tg_names_wait(struct tg_call *call, const struct tg_awaited *wait,
                        const struct tg_build_options *options) {
    tg_status status = say_and_follow(call, wait, options, true);
    if (status == TG_OK) status = sleep_slice(call, wait);
    /* Else somebody might see a circle that isn't one any more. Behind a stopped process it stays
     * until the next wait. */
    struct tg_os *os = call->local->os;
    uint64_t deadline_ns = call->deadline_ns;
    call->deadline_ns = os->ops->monotonic_ns(os) + SLICE_NS;
    tg_status said = say_and_follow(call, wait, options, false);
    call->deadline_ns = deadline_ns;
    return status == TG_OK && said != TG_TIMEOUT ? said : status;
}
