/* SPDX-License-Identifier: Apache-2.0 */
#include "board.h"

#include "../base/hash.h"

enum { STEPS_MAX = 1 << 20, MOVES = 64 };

struct tg_claim *tg_claim_at(const struct tg_local *local, tg_ref ref) {
    struct tg_claim *claim = tg_at(local, ref, sizeof *claim);
    if (claim == NULL) return NULL;
    uint32_t size = tg_load_relaxed32(&claim->size);
    if (size > TG_KEY_MAX || tg_load_relaxed32(&claim->rest) > size) return NULL;
    return tg_at(local, ref, sizeof *claim + size);
}

uint32_t tg_claim_class(const struct tg_local *local, size_t key_size) {
    return tg_class_for(local, sizeof(struct tg_claim) + key_size);
}

uint32_t tg_board_stripe(const struct tg_local *local, struct tg_key key) {
    const char *name = key.bytes + key.size;
    while (name > key.bytes && name[-1] != '/') name--;
    size_t size = (size_t)(key.bytes + key.size - name);
    return (uint32_t)(tg_hash(local->header.hash_key, 0, name, size) >> 32) & (TG_STRIPES - 1);
}

bool tg_claim_is_below(const struct tg_claim *claim, struct tg_key above, bool or_same) {
    uint32_t size = tg_load_relaxed32(&claim->size);
    if (size < above.size || (size == above.size && !or_same)) return false;
    if (size > above.size && claim->key[above.size] != '/') return false;
    return tg_bytes_equal(claim->key, above.bytes, above.size);
}

/* ---- lists ------------------------------------------------------------------------------ */

tg_status tg_board_next(struct tg_call *call, struct tg_notice *notice) {
    struct tg_claim *last = notice->claim;
    notice->from = last ? &last->next : &call->local->hot->claims[notice->stripe];
    tg_ref ref = tg_load_relaxed32(notice->from);
    notice->claim = ref ? tg_claim_at(call->local, ref) : NULL;
    return (ref && notice->claim == NULL) || ++notice->steps > STEPS_MAX ? TG_CORRUPT : TG_OK;
}

tg_status tg_board_find(struct tg_call *call, uint32_t stripe, uint64_t token,
                        struct tg_notice *notice) {
    *notice = (struct tg_notice){.stripe = stripe};
    do {
        tg_status status = tg_board_next(call, notice);
        if (status != TG_OK) return status;
        if (notice->claim == NULL) return TG_ABSENT;
    } while (tg_load_relaxed64(&notice->claim->token) != token);
    return TG_OK;
}

void tg_board_log_link(struct tg_call *call, uint32_t stripe, struct tg_claim *claim) {
    tg_a32 *head = &call->local->hot->claims[stripe];
    tg_store_relaxed32(&claim->next, tg_load_relaxed32(head));
    tg_log32(call, head, tg_ref_of(call->local, claim));
}

void tg_board_log_unlink(struct tg_call *call, const struct tg_notice *notice) {
    tg_log32(call, notice->from, tg_load_relaxed32(&notice->claim->next));
    tg_retire(call, notice->claim);
}

void tg_board_log_moved_on(struct tg_call *call, uint32_t stripe) {
    tg_a32 *wake = &call->local->hot->stripes[stripe].wake;
    tg_log32(call, wake, tg_load_relaxed32(wake) + 1);
}

void tg_board_wake(const struct tg_local *local, uint32_t stripe) {
    struct tg_os *os = local->os;
    if (TG_MUTANT(board_wakes_nobody)) return;
    os->ops->futex_wake(os, &local->hot->stripes[stripe].wake, UINT32_MAX, ~0u);
}

/* ---- all of a kind ----------------------------------------------------------------------- */

/* What a round over the board looks for: one process's builds, or what is below a key. */
struct round {
    struct tg_key above; /* bytes NULL: everything */
    uint32_t process1;   /* 0: any */
};

static bool concerns(const struct round *round, const struct tg_claim *claim) {
    if (round->process1 != 0)
        return tg_claim_kind(claim) == TG_CLAIM_BUILD &&
               tg_load_relaxed32(&claim->process) == round->process1 - 1;
    if (round->above.bytes == NULL) return true;
    return !tg_claim_moved(claim) && tg_claim_is_below(claim, round->above, true);
}

/* One claim a transaction, so that any number fits. */
static tg_status take_away(struct tg_call *call, uint32_t stripe, const struct round *round,
                           bool *any) {
    for (;;) {
        struct tg_notice notice = {.stripe = stripe};
        do {
            tg_status status = tg_board_next(call, &notice);
            if (status != TG_OK) return status;
            if (notice.claim == NULL) return TG_OK;
        } while (!concerns(round, notice.claim));
        tg_board_log_unlink(call, &notice);
        tg_board_log_moved_on(call, stripe);
        tg_commit(call);
        *any = true;
    }
}

static tg_status go_round(struct tg_call *call, const struct round *round) {
    tg_status status = TG_OK;
    for (uint32_t stripe = 0; stripe < TG_STRIPES && status == TG_OK; stripe++) {
        bool any = false;
        if (tg_stripe_is_empty(call->local, stripe)) continue;
        status = tg_board_lock(call, stripe);
        if (status != TG_OK) return status;
        status = take_away(call, stripe, round, &any);
        tg_board_unlock(call, stripe);
        if (any) tg_board_wake(call->local, stripe);
    }
    return status;
}

tg_status tg_board_clear(struct tg_call *call, struct tg_key above) {
    return go_round(call, &(struct round){.above = above});
}

tg_status tg_board_bury(struct tg_call *call, uint32_t process) {
    return go_round(call, &(struct round){.process1 = process + 1});
}

/* What was claimed while `above` had no directory yet stays with its text. */
static bool moves_with(const struct tg_claim *claim, struct tg_key above) {
    return !tg_claim_moved(claim) && tg_claim_is_below(claim, above, false) &&
           tg_load_relaxed32(&claim->rest) > above.size;
}

static tg_status move_stripe(struct tg_call *call, uint32_t stripe, struct tg_key above) {
    struct tg_notice notice = {.stripe = stripe};
    uint32_t logged = 0;
    for (;;) {
        tg_status status = tg_board_next(call, &notice);
        if (status != TG_OK) tg_log_abandon(call);
        if (status != TG_OK) return status;
        if (logged == MOVES || (notice.claim == NULL && logged > 0)) {
            tg_commit(call);
            logged = 0;
        }
        if (notice.claim == NULL) return TG_OK;
        if (!moves_with(notice.claim, above)) continue;
        tg_log32(call, &notice.claim->state, TG_CLAIM_STATE(tg_claim_kind(notice.claim), 1));
        logged++;
    }
}

tg_status tg_board_move(struct tg_call *call, struct tg_key above) {
    if (TG_MUTANT(board_stays)) return TG_OK;
    for (uint32_t stripe = 0; stripe < TG_STRIPES; stripe++) {
        if (tg_stripe_is_empty(call->local, stripe)) continue;
        tg_status status = tg_board_lock(call, stripe);
        if (status != TG_OK) return status;
        status = move_stripe(call, stripe, above);
        tg_board_unlock(call, stripe);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}
