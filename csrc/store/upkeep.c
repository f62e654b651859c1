/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep.h"

#include "../base/sum.h"
#include "../reader/reader.h"
#include "recover.h"

enum { CALLS_PER_LOOK = 64, CALLS_PER_HELPER = 65536, COPY_PIECE = 32768 };
static const uint64_t SWEEP_EVERY_NS = 100000000;
#ifdef TG_SIM
enum { TIDY_ROUNDS = 4 };
#else
enum { TIDY_ROUNDS = 24 };
#endif
static const uint64_t HELPER_WAIT_NS = 1000000000;
static const uint64_t TIDY_SLICE_NS = 1000000;
static const uint64_t TIDY_PATIENCE_NS = 100000000;
static const uint64_t GIVE_BACK_MAX = 64 << 20;
static const uint64_t TRIM_WAIT_NS = 1000000;

/* Committed memory that nobody uses, beyond what the next values will want soon. */
static bool has_much_free(const struct tg_local *local, uint64_t keep) {
    return tg_load_relaxed64(&local->hot->pages_free) << local->header.page_shift > keep;
}

static uint64_t keep_usually(const struct tg_local *local) {
    uint64_t share = local->header.limit / 16, units = 4ull << local->header.unit_shift;
    return share > units ? share : units;
}

/* Gives free memory back to the file system. Busy or failing: another time. */
static void give_back(struct tg_local *local, uint64_t keep) {
    struct tg_call call;
    struct tg_os *os = local->os;
    tg_call_begin(&call, local, 0, os->ops->monotonic_ns(os) + TRIM_WAIT_NS);
    if (tg_borrow(&call) != TG_OK) return;
    if (tg_names_settle(&call) == TG_OK) (void)!tg_arena_trim(&call, keep);
    tg_return(&call);
}

void tg_give_back(struct tg_local *local) {
    uint64_t keep = keep_usually(local);
    if (has_much_free(local, keep)) give_back(local, keep);
}

static void ask_reaper(struct tg_local *local) {
    if (TG_UNLIKELY(tg_load_relaxed32(&local->hot->reap_head) != 0))
        local->os->ops->ask_helper(local->os);
}

/* What the dead, or those who had to give way, left in idle contexts: a few loads, mostly. */
static void settle(struct tg_local *local) {
    struct tg_call call;
    if (tg_load_relaxed64(&local->hot->unsettled) == 0) return;
    tg_call_begin(&call, local, 0, 0);
    (void)!tg_names_settle_idle(&call);
    ask_reaper(local);
}

void tg_upkeep(struct tg_local *local) {
    ask_reaper(local);
    uint64_t calls = tg_load_relaxed64(&local->changes) + 1;
    tg_store_relaxed64(&local->changes, calls);
    /* Who writes much may drop much soon: then its helper is awake, and need not be made. */
    if (calls % CALLS_PER_HELPER == 0) local->os->ops->ask_helper(local->os);
    bool due = tg_load_relaxed64(&local->hot->recovery_hint) != 0;
    if (!due && calls % CALLS_PER_LOOK == 0) {
        uint64_t now = local->os->ops->boottime_ns(local->os);
        due = now - tg_load_relaxed64(&local->hot->sweep_ns) > SWEEP_EVERY_NS;
        if (!due) settle(local);
    }
    uint32_t found;
    if (TG_LIKELY(!due)) return;
    (void)!tg_sweep_dead(local, &found);
    settle(local);
    if (!has_much_free(local, 2 * keep_usually(local))) return;
    /* A part a time: this is somebody's set. */
    uint64_t free_bytes = tg_load_relaxed64(&local->hot->pages_free) << local->header.page_shift;
    uint64_t keep = free_bytes > GIVE_BACK_MAX ? free_bytes - GIVE_BACK_MAX : 0;
    give_back(local, keep > keep_usually(local) ? keep : keep_usually(local));
}

/* Copies the parts one behind the other; their sum is taken while they are in the cache. */
static uint32_t fill_payload(uint8_t *to, const struct tg_part *parts, size_t count) {
    struct tg_sum sum;
    uint64_t filled = 0;
    tg_sum_begin(&sum);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = parts[i].bytes;
        for (size_t left = parts[i].size; left > 0;) {
            size_t piece = left < COPY_PIECE ? left : COPY_PIECE;
            memcpy(to + filled, from, piece);
            filled += piece;
            from += piece;
            left -= piece;
            tg_sum_advance(&sum, to, filled);
        }
    }
    return tg_sum_end(&sum, to, filled);
}

tg_status tg_make_object(struct tg_call *call, const struct tg_part *parts, size_t count,
                         uint64_t size, uint32_t codec, struct tg_update *update) {
    struct tg_room room = {0};
    for (;;) {
        tg_status status = tg_borrow(call);
        if (status != TG_OK) return status;
        status = tg_names_settle(call);
        if (status == TG_OK)
            status = tg_object_create(call, size, codec, &update->object, &update->entry);
        tg_return(call);
        if (status == TG_OK) break;
        if (status == TG_FULL) status = tg_room_again(call, &room);
        if (status != TG_OK) return status;
    }
    /* Neither a lock nor a context is held while the payload is copied. */
    uint8_t *to = tg_object_payload(call->local, update->object);
    if (to == NULL) return TG_CORRUPT;
    tg_store_relaxed32(&update->object->checksum, fill_payload(to, parts, count));
    return TG_OK;
}

void tg_discard_object(struct tg_call *call, struct tg_update *update) {
    /* Where even this fails, the entry says whose the object is until the process ends. */
    if (tg_borrow(call) != TG_OK) return;
    tg_object_discard(call, update->object, update->entry);
    tg_maintain(call);
    tg_return(call);
}

/* ---- the whole store -------------------------------------------------------------- */

/* Who is at it in another context, or reads what is to go, needs a moment. */
static void wait_for_others(struct tg_call *call) {
    struct tg_os *os = call->local->os;
    const tg_a64 *epoch = &call->local->hot->epoch;
    uint64_t left = tg_time_left(call, TIDY_SLICE_NS);
    if (left == 0) return;
    (void)!os->ops->futex_wait(os, epoch, (uint32_t)tg_load_relaxed64(epoch), left, ~0u);
}

tg_status tg_tidy(struct tg_store *store, uint32_t *hint, uint64_t deadline_ns) {
    struct tg_local *local = &store->local;
    struct tg_call call;
    uint32_t found;
    if (!tg_store_usable(store)) return tg_store_refusal(store);
    tg_status status = tg_sweep_dead(local, &found);
    tg_call_begin(&call, local, *hint, deadline_ns);
    if (!local->os->ops->await_helper(local->os, tg_time_left(&call, HELPER_WAIT_NS)))
        return TG_TIMEOUT;
    bool more = true;
    for (int round = 0; round < TIDY_ROUNDS && more && status == TG_OK; round++) {
        if (round > 0) wait_for_others(&call);
        status = tg_names_tidy(&call, TIDY_PATIENCE_NS, &more);
    }
    if (status == TG_OK && tg_borrow(&call) == TG_OK) {
        status = tg_arena_reclaim(&call);
        tg_return(&call);
        tg_give_back(local);
    }
    return status;
}

tg_status tg_usage(struct tg_store *store, uint32_t *hint, struct tg_usage *usage) {
    struct tg_local *local = &store->local;
    struct tg_hot *hot = local->hot;
    (void)hint;
    if (!tg_store_readable(store)) return TG_CLOSED;
    *usage = (struct tg_usage){.limit = local->header.limit};
    for (uint32_t id = 1, high = tg_context_high(local); id <= high; id++) {
        struct tg_context *context = tg_context_at(local, id);
        for (uint32_t group = 0; group < TG_GROUPS; group++) {
            usage->entries += tg_load_relaxed64(&context->delta[group].entries);
            usage->entry_bytes += tg_load_relaxed64(&context->delta[group].bytes);
        }
    }
    usage->committed_bytes = local->header.fixed_size + tg_load_relaxed64(&hot->committed_bytes);
    for (uint32_t process = 0; process < local->header.process_count; process++)
        usage->processes += tg_load_relaxed32(&local->processes[process].state) == TG_PROCESS_LIVE;
    if (store->readonly) return tg_reader_pins(local, 0, &usage->pins);
    usage->pins = tg_ledger_count(local, 0);
    return TG_OK;
}

uint32_t tg_expiry_after(struct tg_store *store, double seconds) {
    if (!(seconds >= 0)) return 0;
    double tenths = (double)tg_now_tenths(&store->local) + seconds * 10.0 + 0.999;
    if (tenths >= 4294967295.0) return 0;
    return (uint32_t)tenths;
}

double tg_expiry_left(struct tg_store *store, uint32_t expiry) {
    if (expiry == 0) return -1.0;
    uint32_t now = tg_now_tenths(&store->local);
    return expiry > now ? (expiry - now) / 10.0 : 0.0;
}

uint64_t tg_monotonic_ns(struct tg_store *store) {
    return store->local.os->ops->monotonic_ns(store->local.os);
}
