/* SPDX-License-Identifier: Apache-2.0 */
/* The reaper: what is below a dropped directory goes, one record a transaction. */
#include "change.h"

/* Takes the head of the reap list as this context's orphan. False: nothing to do. */
static tg_status take_dropped(struct tg_call *call, tg_ref *ref) {
    struct tg_local *local = call->local;
    struct tg_hot *hot = local->hot;
    *ref = tg_load_relaxed32(&call->context->orphan);
    if (*ref != 0 || tg_load_relaxed32(&hot->reap_head) == 0) return TG_OK;
    tg_status status = tg_lock(call, &hot->reap_lock, 0);
    if (status != TG_OK) return status;
    *ref = tg_load_relaxed32(&hot->reap_head);
    struct tg_dir *dir = *ref ? tg_dir_at(local, *ref) : NULL;
    if (dir != NULL) {
        tg_log32(call, &hot->reap_head, tg_load_relaxed32(&dir->reap_next));
        if (!TG_MUTANT(reap_unowned)) tg_log32(call, &call->context->orphan, *ref);
        tg_commit(call);
    }
    tg_unlock(call, &hot->reap_lock);
    return *ref && dir == NULL ? TG_CORRUPT : TG_OK;
}

static tg_status lock_child_dir(struct tg_call *call, struct tg_record *record,
                                struct tg_dir **child) {
    tg_ref ref = tg_record_dir(record);
    *child = NULL;
    if (ref == 0) return TG_OK;
    *child = tg_dir_at(call->local, ref);
    if (*child == NULL) return TG_CORRUPT;
    tg_status status = tg_lock(call, &(*child)->lock, 0);
    if (status != TG_OK) return status;
    return tg_lock(call, &call->local->hot->reap_lock, 0);
}

/* Locks the bucket of the first child, whose record then can't be replaced. *record NULL:
 * there is no child. TG_RETRY: it was replaced while we looked. */
static tg_status lock_first_child(struct tg_call *call, struct tg_dir *dir, tg_ref dir_ref,
                                  struct tg_record **record, struct tg_spot *place) {
    struct tg_local *local = call->local;
    struct tg_position position = {0};
    bool corrupt = false;
    uint32_t hash = 0;
    /* A writer that passed its look at `state` before the drop may still replace records. */
    tg_held_to_read(call);
    struct tg_record *seen = tg_children_next(local, dir, dir_ref, &position, &corrupt);
    if (seen != NULL) hash = tg_load_relaxed32(&seen->hash);
    bool valid = tg_read_to_held(call);
    if (!valid) return TG_RETRY;
    if (corrupt) return TG_CORRUPT;
    *record = NULL;
    if (seen == NULL) return TG_OK;
    tg_status status = tg_table_lock(call, hash, place);
    if (status != TG_OK) return status;
    position = (struct tg_position){0};
    if (tg_children_next(local, dir, dir_ref, &position, &corrupt) != seen &&
        !TG_MUTANT(reap_unchecked))
        return TG_RETRY;
    struct tg_component name = {(const char *)tg_record_name(seen), tg_record_name_size(seen)};
    uint64_t full = tg_component_hash(local, dir_ref, &name);
    /* A late writer may have replaced it and the block may be in use again: look anew. */
    if ((uint32_t)full != hash) return TG_RETRY;
    status = tg_table_find_locked(call, full, dir_ref, &name, place);
    if (status != TG_OK) return status;
    *record = seen;
    return place->record == seen || TG_MUTANT(reap_unchecked) ? TG_OK : TG_CORRUPT;
}

static tg_status unlink_child(struct tg_call *call, struct tg_dir *dir, struct tg_record *record,
                              struct tg_spot *place) {
    struct tg_local *local = call->local;
    struct tg_dir *child;
    tg_status status = lock_child_dir(call, record, &child);
    if (status != TG_OK) return status;
    tg_table_log_remove(call, place);
    if (!tg_children_log_remove(call, dir, record)) return TG_CORRUPT;
    tg_log_account(call, tg_record_has_value(record) ? -1 : 0,
                   -(int64_t)tg_record_block_bytes(local, record));
    tg_log_record_gone(call, record, true);
    if (child) tg_log_dir_dead(call, child);
    tg_commit(call);
    return TG_OK;
}

static tg_status retire_dir(struct tg_call *call, struct tg_dir *dir) {
    /* A late writer may still hold the lock for its look at `state`. */
    tg_status status = tg_lock(call, &dir->lock, 0);
    if (status != TG_OK) return status;
    tg_log32(call, &call->context->orphan, 0);
    tg_log32(call, &dir->state, TG_DIR_DEAD); /* an unused chain is LIVE */
    tg_retire(call, dir);
    tg_commit(call);
    return TG_OK;
}

/* One record of the orphan, or the orphan itself. TG_RETRY: a late writer was at it. */
static tg_status reap_step(struct tg_call *call, tg_ref ref) {
    struct tg_dir *dir = tg_dir_at(call->local, ref);
    struct tg_record *record;
    struct tg_spot place;
    if (dir == NULL) return TG_CORRUPT;
    tg_status status = lock_first_child(call, dir, ref, &record, &place);
    if (status == TG_OK)
        status = record ? unlink_child(call, dir, record, &place) : retire_dir(call, dir);
    if (status != TG_OK) tg_log_abandon(call);
    tg_unlock_all(call);
    return status;
}

tg_status tg_names_reap(struct tg_call *call, uint32_t most, bool *more) {
    tg_ref ref;
    *more = false;
    for (uint32_t i = 0; i < most; i++) {
        tg_status status = take_dropped(call, &ref);
        if (status != TG_OK) return status;
        if (ref == 0) return TG_OK;
        status = reap_step(call, ref);
        if (status == TG_RETRY) status = tg_call_again(call) ? TG_OK : TG_CORRUPT;
        if (status != TG_OK) {
            tg_chain_abandon(call);
            return status;
        }
        tg_maintain(call);
    }
    *more = true;
    /* What is left of the orphan goes back, for whoever has time. */
    tg_chain_abandon(call);
    return TG_OK;
}
