/* SPDX-License-Identifier: Apache-2.0 */
/* The end of blocks: from limbo to the magazines, or to the parked list. */
#include "object.h"

enum { MAINTAIN_BLOCKS = 2 * TG_LIMBO_BATCH };
static const uint64_t PATIENCE_NS = 2000000000;

/* Logs that `ref` left the list headed by `head`, whose length is `count`. */
static void log_unchain(struct tg_call *call, tg_a32 *head, tg_a32 *count, tg_ref next) {
    tg_log32(call, head, next);
    tg_log32(call, count, tg_load_relaxed32(count) - 1);
}

/* Frees an object with its payload, in the transaction that takes it off its list. */
static tg_status free_object(struct tg_call *call, struct tg_object *object, tg_a32 *head,
                             tg_a32 *count, tg_ref next) {
    struct tg_local *local = call->local;
    uint32_t pages = tg_load_relaxed32(&object->pages);
    tg_ref payload = tg_load_relaxed32(&object->payload);
    uint32_t header_class = TG_CLASS_OBJECT(local);
    tg_status status = tg_block_room(call, header_class, 1);
    if (status != TG_OK) return status;
    if (pages) {
        uint32_t first;
        if (!tg_run_of_ref(local, payload, pages, &first)) return TG_CORRUPT;
        status = tg_run_free_begin(call, first, pages);
    } else {
        int class = tg_class_of_ref(local, payload);
        if (class < 0) return TG_CORRUPT;
        status = tg_block_room(call, (uint32_t)class, 1);
        if (status == TG_OK) tg_block_give(call, (uint32_t)class, payload);
    }
    if (status != TG_OK) return status;
    log_unchain(call, head, count, next);
    tg_log32(call, &object->state, TG_OBJECT_FREE);
    tg_block_give(call, header_class, tg_ref_of(local, object));
    if (pages)
        tg_run_free_end(call);
    else
        tg_commit(call);
    return TG_OK;
}

static void park(struct tg_call *call, struct tg_object *object, struct tg_limbo_batch *batch,
                 tg_ref next) {
    struct tg_context *context = call->context;
    log_unchain(call, &batch->head, &batch->count, next);
    tg_log32(call, &object->link, tg_load_relaxed32(&context->parked));
    tg_log32(call, &context->parked, tg_ref_of(call->local, object));
    tg_log32(call, &context->parked_count, tg_load_relaxed32(&context->parked_count) + 1);
    tg_commit(call);
}

static bool is_pinned(struct tg_call *call, struct tg_object *object) {
    tg_ref ref = tg_ref_of(call->local, object);
    if (tg_load_relaxed32(&object->pinned) == 0) return false;
    return tg_ledger_find(call->local, &ref, 1) != 0;
}

static tg_status drain_object(struct tg_call *call, struct tg_limbo_batch *batch, tg_ref ref) {
    struct tg_object *object = tg_at(call->local, ref, sizeof *object);
    if (object == NULL) return TG_CORRUPT;
    tg_ref next = tg_load_relaxed32(&object->link);
    if (!is_pinned(call, object))
        return free_object(call, object, &batch->head, &batch->count, next);
    park(call, object, batch, next);
    return TG_OK;
}

/* The blocks of one class at the head of a batch go to the magazine in one transaction, up to
 * *budget of them. */
static tg_status drain_blocks(struct tg_call *call, struct tg_limbo_batch *batch, uint32_t class,
                              uint32_t *budget) {
    struct tg_local *local = call->local;
    bool dirs = class == TG_CLASS_DIR(local);
    tg_status status = tg_block_room(call, class, 1);
    if (status != TG_OK) return status;
    tg_a32 *magazine = tg_magazine(local, call->context, class);
    uint32_t have = tg_load_relaxed32(magazine), count = tg_load_relaxed32(&batch->count);
    uint32_t most = tg_magazine_capacity(local, class) - have;
    if (most > count) most = count;
    if (most > *budget) most = *budget;
    if (dirs && most > tg_log_room(call) - 3) most = tg_log_room(call) - 3;
    tg_ref ref = tg_load_relaxed32(&batch->head);
    uint32_t taken = 0;
    while (taken < most && ref != 0 && tg_block_is(local, ref, class)) {
        uint8_t *block = tg_at_offset(local, (uint64_t)ref << local->header.ref_shift);
        if (dirs) tg_log32(call, &((struct tg_dir *)block)->state, TG_DIR_FREE);
        /* Beyond the magazine's count: it is nobody's until the commit. */
        tg_store_relaxed32(&magazine[1 + have + taken++], ref);
        ref = tg_load_relaxed32((tg_a32 *)(block + TG_LINK_OFFSET));
    }
    if (taken == 0) return TG_CORRUPT;
    tg_log32(call, &batch->head, ref);
    tg_log32(call, &batch->count, count - taken);
    tg_log32(call, magazine, have + taken);
    tg_commit(call);
    *budget -= taken;
    call->freed += taken;
    return TG_OK;
}

static void drop_batch(struct tg_call *call) {
    struct tg_context *context = call->context;
    uint32_t first = tg_load_relaxed32(&context->batch_first);
    tg_log32(call, &context->batch_first, (first + 1) % TG_LIMBO_BATCHES);
    tg_log32(call, &context->batch_count, tg_load_relaxed32(&context->batch_count) - 1);
    tg_commit(call);
}

static tg_status drain_ready(struct tg_call *call, uint32_t *budget) {
    int slot;
    while (*budget > 0 && (slot = tg_limbo_ready(call)) >= 0) {
        struct tg_limbo_batch *batch = &call->context->batch[slot];
        tg_ref ref = tg_load_relaxed32(&batch->head);
        if (ref == 0) {
            drop_batch(call);
            continue;
        }
        if (tg_load_relaxed32(&batch->count) == 0) return TG_CORRUPT; /* a list without end */
        int class = tg_class_of_ref(call->local, ref);
        if (class < 0) return TG_CORRUPT;
        tg_status status;
        if ((uint32_t)class == TG_CLASS_OBJECT(call->local)) {
            (*budget)--;
            call->freed++;
            status = drain_object(call, batch, ref);
        } else {
            status = drain_blocks(call, batch, (uint32_t)class, budget);
        }
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

/* Frees the parked objects that nobody pins any more; the others stay. One look through all
 * ledgers for all of them: pinned refs are noted in a small filter, which may keep an object
 * a little longer, never let a pinned one go. */
static tg_status drain_parked(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_context *context = call->context;
    struct tg_pin_filter filter;
    uint32_t count = tg_load_relaxed32(&context->parked_count);
    tg_a32 *head = &context->parked;
    if (count == 0) return TG_OK;
    if (count > (local->arena_end - local->arena_begin) / sizeof(struct tg_object))
        return TG_CORRUPT;
    /* PAIR unpin.hint: the hint, then the entries: what goes later moves it again. */
    uint64_t hint = tg_load_acquire64(&local->hot->unpin_hint);
    tg_ledger_filter(local, &filter, (uint32_t)hint);
    while (count-- > 0) {
        struct tg_object *object = tg_object_at(local, tg_load_relaxed32(head));
        if (object == NULL) return TG_CORRUPT;
        if (tg_pin_filter_has(&filter, tg_ref_of(local, object))) {
            head = &object->link;
            continue;
        }
        tg_status status = free_object(call, object, head, &context->parked_count,
                                       tg_load_relaxed32(&object->link));
        if (status != TG_OK) return status;
        call->freed++;
    }
    tg_store_relaxed64(&context->parked_hint, hint);
    return TG_OK;
}

/* Enough pins have gone that a look is worth its price. */
static bool parked_is_due(struct tg_call *call) {
    struct tg_context *context = call->context;
    uint32_t count = tg_load_relaxed32(&context->parked_count);
    if (TG_LIKELY(count == 0)) return false;
    uint64_t gone =
        tg_load_relaxed64(&call->local->hot->unpin_hint) - tg_load_relaxed64(&context->parked_hint);
    return gone > count / 8;
}

static void advance_for_oldest(struct tg_call *call, uint64_t patience_ns) {
    struct tg_context *context = call->context;
    if (tg_load_relaxed32(&context->batch_count) == 0) return;
    uint32_t first = tg_load_relaxed32(&context->batch_first) % TG_LIMBO_BATCHES;
    uint64_t tag = tg_load_relaxed64(&context->batch[first].tag);
    for (uint64_t from = tag; from < tag + 2; from++)
        if (!tg_epoch_advance(call, from, patience_ns)) return;
}

tg_status tg_drain(struct tg_call *call, uint32_t most, bool force, uint64_t patience_ns) {
    TG_ASSERT(call->held_count == 0 && call->log_count == 0);
    tg_call_in_no_section(call);
    if (tg_load_relaxed32(&call->context->batch_count) > TG_LIMBO_BATCHES) return TG_CORRUPT;
    tg_limbo_close(call, force ? 1 : TG_LIMBO_BATCH);
    /* Each batch of the ring needs its own grace period at most. */
    for (uint32_t i = 0; i <= TG_LIMBO_BATCHES && most > 0; i++) {
        if (tg_load_relaxed32(&call->context->batch_count) == 0) break;
        advance_for_oldest(call, patience_ns);
        uint32_t before = most;
        tg_status status = drain_ready(call, &most);
        if (status != TG_OK) return status;
        if (before == most) break;
    }
    return force || parked_is_due(call) ? drain_parked(call) : TG_OK;
}

void tg_maintain_now(struct tg_call *call) {
    struct tg_context *context = call->context;
    if (tg_load_relaxed32(&context->limbo_open_count) < TG_LIMBO_BATCH &&
        TG_LIKELY(!parked_is_due(call)))
        return;
    /* Without waiting: what fails (a stopped holder of a class lock, say) is tried again. */
    uint64_t deadline_ns = call->deadline_ns;
    call->deadline_ns = 0;
    (void)!tg_drain(call, MAINTAIN_BLOCKS, false, PATIENCE_NS);
    call->deadline_ns = deadline_ns;
}
