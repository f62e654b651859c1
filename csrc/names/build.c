/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

/* ---- begin ------------------------------------------------------------------------------ */

/* What one call of begin knows. */
struct begin {
    struct tg_key key;
    const struct tg_build_options *options;
    uint32_t stripe;
    uint64_t condemned; /* the token of a build that was found to be over */
    struct tg_path path;
    struct tg_build *build;
    struct tg_awaited *wait;
    bool took_over;
};

static uint32_t rest_of(const struct begin *begin) {
    return (uint32_t)(begin->path.at.name.name - begin->key.bytes);
}

static bool same_text(struct tg_key a, struct tg_key b) {
    return a.size == b.size && tg_bytes_equal(a.bytes, b.bytes, a.size);
}

/* U2 */
static bool is_for(const struct tg_claim *claim, struct tg_key key, const struct tg_path *path) {
    struct tg_key text = {(const char *)claim->key, tg_load_relaxed32(&claim->size)};
    if (!tg_claim_moved(claim)) return same_text(text, key);
    const char *rest = path->at.name.name;
    return tg_load_relaxed32(&claim->dir) == path->at.dir &&
           tg_load_relaxed32(&claim->dir_generation) == path->at.generation &&
           same_text(tg_claim_rest(claim),
                     (struct tg_key){rest, (size_t)(key.bytes + key.size - rest)});
}

static tg_status find_claim(struct tg_call *call, struct tg_key key, const struct tg_path *path,
                            struct tg_notice *notice) {
    do {
        tg_status status = tg_board_next(call, notice);
        if (status != TG_OK) return status;
    } while (notice->claim && !is_for(notice->claim, key, path));
    return TG_OK;
}

static void tell_owner(struct begin *begin, struct tg_call *call, uint64_t token) {
    const struct tg_local *local = call->local;
    *begin->build =
        (struct tg_build){token, begin->stripe, local->process, local->process_generation};
}

/* A claim of our own, first in its stripe. */
static void put_up(struct tg_call *call, struct begin *begin) {
    struct tg_local *local = call->local;
    uint32_t class = tg_claim_class(local, begin->key.size);
    struct tg_claim *claim =
        tg_at(local, tg_need_use(call, class), sizeof *claim + begin->key.size);
    TG_CHECK(claim != NULL);
    uint64_t token = tg_next_version(call);
    tg_store_relaxed64(&claim->token, token);
    tg_store_relaxed64(&claim->waits_for, 0);
    tg_store_relaxed32(&claim->waits_on, 0);
    tg_store_relaxed32(&claim->state, TG_CLAIM_STATE(TG_CLAIM_BUILD, 0));
    tg_store_relaxed32(&claim->process, local->process);
    tg_store_relaxed32(&claim->generation, local->process_generation);
    tg_store_relaxed32(&claim->thread, local->os->ops->thread_id(local->os));
    tg_store_relaxed32(&claim->expiry, begin->options->lease);
    tg_store_relaxed32(&claim->dir, begin->path.at.dir);
    tg_store_relaxed32(&claim->dir_generation, begin->path.at.generation);
    tg_store_relaxed32(&claim->rest, rest_of(begin));
    tg_store_relaxed32(&claim->size, (uint32_t)begin->key.size);
    memcpy(claim->key, begin->key.bytes, begin->key.size);
    tg_board_log_link(call, begin->stripe, claim);
    tg_need_log(call);
    tg_commit(call);
    tell_owner(begin, call, token);
}

/* U3. The text stays what it was, and where a claim that moved belongs. */
static void take_over(struct tg_call *call, struct begin *begin, struct tg_claim *claim) {
    struct tg_local *local = call->local;
    bool moved = tg_claim_moved(claim);
    uint64_t token = tg_next_version(call);
    if (TG_MUTANT(build_same_token)) token = tg_load_relaxed64(&claim->token);
    tg_log64(call, &claim->token, token);
    tg_log64(call, &claim->waits_for, 0);
    tg_log32(call, &claim->state, TG_CLAIM_STATE(TG_CLAIM_BUILD, moved));
    tg_log32(call, &claim->process, local->process);
    tg_log32(call, &claim->generation, local->process_generation);
    tg_log32(call, &claim->thread, local->os->ops->thread_id(local->os));
    tg_log32(call, &claim->expiry, begin->options->lease);
    if (!moved) {
        tg_log32(call, &claim->dir, begin->path.at.dir);
        tg_log32(call, &claim->dir_generation, begin->path.at.generation);
        tg_log32(call, &claim->rest, rest_of(begin));
    }
    tg_board_log_moved_on(call, begin->stripe);
    tg_commit(call);
    begin->took_over = true;
    tell_owner(begin, call, token);
}

/* Under the stripe's lock: whose it is, for who will wait. */
static void tell_waiter(struct tg_call *call, struct begin *begin, const struct tg_claim *claim) {
    const struct tg_stripe *stripe = &call->local->hot->stripes[begin->stripe];
    *begin->wait = (struct tg_awaited){
        .token = tg_load_relaxed64(&claim->token),
        .stripe = begin->stripe,
        .seen = tg_load_relaxed32(&stripe->wake),
        .process = tg_load_relaxed32(&claim->process),
        .generation = tg_load_relaxed32(&claim->generation),
        .thread = tg_load_relaxed32(&claim->thread),
        .expiry = tg_load_relaxed32(&claim->expiry),
    };
}

static tg_status begin_locked(struct tg_call *call, struct begin *begin) {
    struct tg_notice notice = {.stripe = begin->stripe};
    if (!tg_path_still(call, &begin->path)) return TG_RETRY;
    tg_status status = find_claim(call, begin->key, &begin->path, &notice);
    if (status != TG_OK) return status;
    struct tg_claim *claim = notice.claim;
    if (claim == NULL) {
        put_up(call, begin);
        return TG_OK;
    }
    bool memo = tg_claim_kind(claim) == TG_CLAIM_MEMO;
    bool expired = tg_expired(call->local, tg_load_relaxed32(&claim->expiry));
    uint64_t token = tg_load_relaxed64(&claim->token);
    if (memo && !expired) return TG_ABSENT;
    if (!memo && tg_build_is_own(call->local, begin->options, token)) return TG_RECURSION;
    if (expired || token == begin->condemned) {
        take_over(call, begin, claim);
        return TG_OK;
    }
    tell_waiter(call, begin, claim);
    return TG_BUSY;
}

static tg_status begin_once(struct tg_call *call, struct begin *begin) {
    uint32_t class = tg_claim_class(call->local, begin->key.size);
    if (class == TG_CLASS_NONE) return TG_INVALID;
    tg_need_clear(call);
    tg_need_add(call, class, 1);
    tg_status status = tg_need_prepare(call);
    if (status == TG_OK) status = tg_board_lock(call, begin->stripe);
    if (status == TG_OK) status = begin_locked(call, begin);
    tg_unlock_all(call);
    return status;
}

tg_status tg_names_begin(struct tg_call *call, struct tg_key key,
                         const struct tg_build_options *options, struct tg_build *build,
                         struct tg_awaited *wait) {
    struct tg_local *local = call->local;
    struct begin begin = {.key = key, .options = options, .build = build, .wait = wait};
    struct tg_room room = {0};
    begin.stripe = tg_board_stripe(local, key);
    for (;;) {
        tg_status status = tg_path_find(call, key, false, &begin.path);
        if (status != TG_OK) return status;
        status = begin_once(call, &begin);
        if (status == TG_FULL) {
            tg_return(call);
            status = tg_room_again(call, &room);
            if (status != TG_OK) return status;
            continue;
        }
        if (status == TG_RETRY) {
            status = tg_change_again(call);
            if (status != TG_OK) return status;
            continue;
        }
        tg_change_done(call);
        if (begin.took_over) tg_board_wake(local, begin.stripe);
        if (status != TG_BUSY || !tg_build_is_over(local, wait)) return status;
        begin.condemned = wait->token;
    }
}

/* ---- publish: within a set (set.c) -------------------------------------------------------- */

tg_status tg_build_hold(struct tg_call *call, struct tg_update *update) {
    const struct tg_build *build = update->build;
    tg_status status = tg_board_lock(call, build->stripe);
    if (status != TG_OK) return status;
    status = tg_board_find(call, build->stripe, build->token, &update->notice);
    if (status != TG_OK) return status;
    /* A directory above it has moved since the place was looked up, or not at all. */
    bool moved = update->below != 0;
    if (tg_claim_moved(update->notice.claim) != moved && !TG_MUTANT(build_old_place))
        return TG_MISMATCH;
    return TG_OK;
}

void tg_build_log_over(struct tg_call *call, struct tg_update *update) {
    if (TG_MUTANT(build_keeps_claim)) return;
    tg_board_log_unlink(call, &update->notice);
    tg_board_log_moved_on(call, update->build->stripe);
}

/* Where the claim belongs by now: by its path, or below its directory (U6). */
static tg_status place_of(struct tg_call *call, struct tg_key key, struct tg_update *update) {
    const struct tg_build *build = update->build;
    struct tg_notice notice;
    tg_status status = tg_borrow(call);
    if (status != TG_OK) return status;
    status = tg_board_lock(call, build->stripe);
    if (status == TG_OK) status = tg_board_find(call, build->stripe, build->token, &notice);
    update->key = key;
    update->below = 0;
    if (status == TG_OK && tg_claim_moved(notice.claim)) {
        /* The same text as the claim's, but what lies above it may be another. */
        size_t size = tg_claim_rest(notice.claim).size;
        if (size > key.size) size = key.size;
        update->key = (struct tg_key){key.bytes + key.size - size, size};
        update->below = tg_load_relaxed32(&notice.claim->dir);
        update->below_generation = tg_load_relaxed32(&notice.claim->dir_generation);
    }
    tg_unlock_all(call);
    tg_return(call);
    return status;
}

tg_status tg_names_publish(struct tg_call *call, struct tg_update *update) {
    struct tg_local *local = call->local;
    const struct tg_build *build = update->build;
    struct tg_key key = update->key;
    tg_status status;
    do {
        status = place_of(call, key, update);
        if (status == TG_OK) status = tg_names_set(call, update);
    } while (status == TG_MISMATCH);
    if (status == TG_OK) tg_board_wake(local, build->stripe);
    if (status != TG_EXISTS && status != TG_ABSENT) return status;
    tg_status ended = tg_names_build_end(call, build, NULL);
    return ended == TG_OK || ended == TG_ABSENT ? status : ended;
}

/* ---- the ends without a value -------------------------------------------------------------- */

/* One more memo: where there are enough, the one that ends first makes room. */
static tg_status log_memo(struct tg_call *call, const struct tg_notice *ours, uint32_t expiry) {
    struct tg_notice notice = {.stripe = ours->stripe}, first = {0};
    uint32_t memos = 0, least = UINT32_MAX;
    for (;;) {
        tg_status status = tg_board_next(call, &notice);
        if (status != TG_OK) return status;
        if (notice.claim == NULL) break;
        if (tg_claim_kind(notice.claim) != TG_CLAIM_MEMO) continue;
        uint32_t end = tg_load_relaxed32(&notice.claim->expiry) - 1; /* 0, never, is the last */
        memos++;
        if (first.claim != NULL && end >= least) continue;
        first = notice;
        least = end;
    }
    struct tg_claim *claim = ours->claim;
    tg_log64(call, &claim->token, 0);
    tg_log32(call, &claim->state, TG_CLAIM_STATE(TG_CLAIM_MEMO, tg_claim_moved(claim)));
    tg_log32(call, &claim->expiry, expiry);
    if (memos >= TG_MEMOS_MAX && !TG_MUTANT(memos_without_end)) tg_board_log_unlink(call, &first);
    return TG_OK;
}

tg_status tg_names_build_end(struct tg_call *call, const struct tg_build *build,
                             const uint32_t *expiry) {
    struct tg_local *local = call->local;
    struct tg_notice notice;
    tg_status status = tg_borrow(call);
    if (status != TG_OK) return status;
    status = tg_names_settle(call);
    if (status == TG_OK) status = tg_board_lock(call, build->stripe);
    if (status == TG_OK) status = tg_board_find(call, build->stripe, build->token, &notice);
    if (status == TG_OK) {
        if (expiry)
            status = log_memo(call, &notice, *expiry);
        else
            tg_board_log_unlink(call, &notice);
    }
    if (status == TG_OK) {
        tg_board_log_moved_on(call, build->stripe);
        tg_commit(call);
    }
    tg_change_done(call);
    if (status == TG_OK) tg_board_wake(local, build->stripe);
    return status;
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static tg_status forget_once(struct tg_call *call, struct tg_key key, const struct tg_path *path,
                             uint32_t stripe, bool *found) {
    struct tg_notice notice = {.stripe = stripe};
    *found = false;
    tg_status status = tg_board_lock(call, stripe);
    if (status == TG_OK && !tg_path_still(call, path)) status = TG_RETRY;
    if (status == TG_OK) status = find_claim(call, key, path, &notice);
    if (status != TG_OK || notice.claim == NULL) return status;
    tg_board_log_unlink(call, &notice);
    tg_board_log_moved_on(call, stripe);
    tg_commit(call);
    *found = true;
    return TG_OK;
}

tg_status tg_names_forget(struct tg_call *call, struct tg_key key) {
    struct tg_local *local = call->local;
    uint32_t stripe = tg_board_stripe(local, key);
    if (tg_stripe_is_empty(local, stripe)) return TG_OK;
    for (;;) {
        struct tg_path path;
        bool found;
        tg_status status = tg_path_find(call, key, false, &path);
        if (status != TG_OK) return status;
        status = forget_once(call, key, &path, stripe, &found);
        if (status == TG_RETRY) {
            status = tg_change_again(call);
            if (status != TG_OK) return status;
            continue;
        }
        tg_change_done(call);
        if (found) tg_board_wake(local, stripe);
        if (status != TG_OK || !found) return status;
    }
}

tg_status tg_names_forget_below(struct tg_call *call, struct tg_key key) {
    if (tg_board_is_empty(call->local)) return TG_OK;
    tg_status status = tg_borrow(call);
    if (status != TG_OK) return status;
    status = tg_names_settle(call);
    if (status == TG_OK) status = tg_board_clear(call, key);
    tg_change_done(call);
    return status;
}
