/* SPDX-License-Identifier: Apache-2.0 */
/* What the changes share: records filled, locks in order, counters, endings. */
#include "removal.h"

tg_status tg_names_format(struct tg_local *local) {
    struct tg_call call;
    tg_call_begin(&call, local, 1, TG_FOREVER);
    tg_status status = tg_borrow(&call);
    if (status != TG_OK) return status;
    uint32_t class = TG_CLASS_DIR(local);
    status = tg_block_prepare(&call, class, 1);
    if (status == TG_OK) {
        tg_ref ref = tg_block_peek(&call, class, 0);
        struct tg_dir *dir = tg_at(local, ref, sizeof *dir);
        TG_CHECK(dir != NULL);
        tg_store_relaxed32(&dir->state, TG_DIR_LIVE);
        tg_store_relaxed32(&dir->generation, 1);
        tg_store_relaxed64(&dir->next_ordinal, 1);
        tg_block_take(&call, class, 1);
        tg_log32(&call, &local->hot->root, ref);
        tg_commit(&call);
    }
    tg_return(&call);
    return status;
}

uint64_t tg_next_version(struct tg_call *call) {
    tg_a64 *counter = &call->context->version_count;
    uint64_t count = tg_pending64(call, counter) + 1;
    tg_log64(call, counter, count);
    return tg_version_of(call, count);
}

void tg_log_account(struct tg_call *call, int64_t entries, int64_t bytes) {
    struct tg_delta *delta = &call->context->delta[0];
    if (entries != 0)
        tg_log64(call, &delta->entries, tg_pending64(call, &delta->entries) + (uint64_t)entries);
    if (bytes != 0)
        tg_log64(call, &delta->bytes, tg_pending64(call, &delta->bytes) + (uint64_t)bytes);
}

struct tg_object *tg_record_object_at(struct tg_local *local, const struct tg_record *record) {
    tg_ref ref = tg_record_object(record);
    return ref ? tg_object_at(local, ref) : NULL;
}

uint64_t tg_record_block_bytes(struct tg_local *local, const struct tg_record *record) {
    uint32_t size = tg_record_size(tg_record_flags(record), tg_record_name_size(record),
                                   tg_record_value_size(record));
    uint32_t class = tg_class_for(local, size);
    uint64_t bytes = class == TG_CLASS_NONE ? 0 : tg_class_size(local, class);
    struct tg_object *object = tg_record_object_at(local, record);
    return object ? bytes + tg_object_bytes(local, object) : bytes;
}

struct tg_record *tg_fill_record(struct tg_call *call, const struct tg_fill *fill) {
    return tg_fill_block(call, fill, tg_fill_class(call->local, fill));
}

void tg_fill_from(struct tg_fill *fill, struct tg_record *from, const struct tg_level *level,
                  tg_ref dir) {
    uint32_t flags = tg_record_flags(from);
    *fill = (struct tg_fill){
        .hash = level->hash,
        .parent = level->dir,
        .name = level->name,
        .dir = dir,
        .object = tg_record_object(from),
        .inline_value = flags & TG_RECORD_VALUE,
        .codec = TG_META_CODEC(tg_load_relaxed32(&from->meta)),
        .expiry = tg_load_relaxed32(&from->expiry),
        .size = tg_record_value_size(from),
        .version = tg_load_relaxed64(&from->version),
        .from = from,
    };
}

/* The lowest of the places' heads above `last`; NULL: none. */
static struct tg_line *next_head(const struct tg_spot *places, uint32_t count,
                                 const struct tg_line *last) {
    struct tg_line *next = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (places[i].head > last && (next == NULL || places[i].head < next)) next = places[i].head;
    return next;
}

tg_status tg_lock_buckets(struct tg_call *call, const uint64_t *hashes, struct tg_spot *places,
                          uint32_t count) {
    for (;;) {
        bool same = true;
        struct tg_line *head = NULL;
        for (uint32_t i = 0; i < count; i++)
            places[i] = (struct tg_spot){.head = tg_table_head(call->local, hashes[i])};
        while ((head = next_head(places, count, head)) != NULL) {
            tg_status status = tg_lock(call, &head->lock, TG_LOCK_VALUE_ONE);
            if (status != TG_OK) return status;
        }
        for (uint32_t i = 0; i < count; i++)
            same &= places[i].head == tg_table_head(call->local, hashes[i]);
        if (same || TG_MUTANT(buckets_head_unchecked)) return TG_OK;
        head = NULL;
        while ((head = next_head(places, count, head)) != NULL) tg_unlock(call, &head->lock);
    }
}

tg_status tg_lock_dirs(struct tg_call *call, struct tg_dir **dirs, uint32_t count) {
    struct tg_dir *last = NULL;
    for (;;) {
        struct tg_dir *next = NULL;
        for (uint32_t i = 0; i < count; i++)
            if (dirs[i] > last && (next == NULL || dirs[i] < next)) next = dirs[i];
        if (next == NULL) return TG_OK;
        tg_status status = tg_lock(call, &next->lock, 0);
        if (status != TG_OK) return status;
        last = next;
    }
}

void tg_log_record_gone(struct tg_call *call, struct tg_record *record, bool with_object) {
    struct tg_object *object = with_object ? tg_record_object_at(call->local, record) : NULL;
    if (object) tg_object_log_unlink(call, object);
    tg_retire(call, record);
}

void tg_log_dir_dead(struct tg_call *call, struct tg_dir *dir) {
    struct tg_hot *hot = call->local->hot;
    TG_ASSERT(tg_owns(call, &hot->reap_lock));
    tg_log32(call, &dir->state, TG_DIR_DEAD);
    tg_log32(call, &dir->reap_next, tg_pending32(call, &hot->reap_head));
    tg_log32(call, &hot->reap_head, tg_ref_of(call->local, dir));
}

void tg_change_done(struct tg_call *call) {
    tg_unlock_all(call);
    bool more;
    /* What is done for others waits for nobody: its time is over already. */
    uint64_t deadline_ns = call->deadline_ns;
    if (!TG_MUTANT(upkeep_waits)) call->deadline_ns = 0;
    if (TG_UNLIKELY(tg_load_relaxed32(&call->local->hot->reap_head) != 0))
        (void)!tg_names_reap(call, 8, &more);
    tg_maintain(call);
    tg_table_maintain(call);
    call->deadline_ns = deadline_ns;
    tg_return(call);
}

tg_status tg_change_again(struct tg_call *call) {
    tg_unlock_all(call);
    tg_return(call);
    return tg_call_again(call) ? tg_gate_wait(call) : TG_CORRUPT;
}

tg_status tg_change_again_after(struct tg_call *call, tg_status why) {
    tg_status status = tg_change_again(call);
    return status == TG_OK && why == TG_BUSY ? tg_gate_give_way(call) : status;
}
