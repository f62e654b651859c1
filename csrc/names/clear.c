/* SPDX-License-Identifier: Apache-2.0 */
/* All below the root goes in one step: the store gets a new root. Where there is no room even for
 * that, one child goes after the other until there is. */
#include "removal.h"

static tg_status clear_once(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_hot *hot = local->hot;
    uint32_t class = TG_CLASS_DIR(local);
    tg_need_clear(call);
    tg_need_add(call, class, 1);
    tg_status status = tg_need_prepare(call);
    if (status == TG_OK) status = tg_lock(call, &hot->ns_lock, 0);
    if (status != TG_OK) return status;
    struct tg_dir *old = tg_dir_at(local, tg_load_relaxed32(&hot->root));
    if (old == NULL) return TG_CORRUPT;
    status = tg_lock(call, &old->lock, 0);
    if (status == TG_OK) status = tg_lock(call, &hot->reap_lock, 0);
    if (status != TG_OK) return status;
    tg_ref ref = tg_need_use(call, class);
    struct tg_dir *dir = tg_dir_make(call, ref);
    tg_log_names_begin(call, true);
    tg_log32(call, &dir->state, TG_DIR_LIVE);
    tg_log32(call, &hot->root, ref);
    if (!TG_MUTANT(clear_leaves_alive)) tg_log_dir_dead(call, old);
    tg_log_names_end(call);
    tg_need_log(call);
    tg_commit(call);
    return TG_OK;
}

/* The name of some child of the root. TG_ABSENT: there is none. */
static tg_status find_child(struct tg_call *call, char *name, size_t *size) {
    struct tg_local *local = call->local;
    for (;;) {
        bool corrupt = false;
        struct tg_position position = {0};
        tg_status status = tg_read_enter(call);
        if (status != TG_OK) return status;
        tg_ref root = tg_load_relaxed32(&local->hot->root);
        struct tg_dir *dir = tg_dir_at(local, root);
        struct tg_record *record =
            dir ? tg_children_next(local, dir, root, &position, &corrupt) : NULL;
        *size = record ? tg_record_name_size(record) : 0;
        if (record) tg_copy_racy(name, tg_record_name(record), *size);
        if (!tg_read_leave(call)) continue;
        if (dir == NULL || corrupt) return TG_CORRUPT;
        return record ? TG_OK : TG_ABSENT;
    }
}

/* Needs no memory: the root has no value that would have to be written anew. *empty: there is
 * nothing that could be dropped. */
static tg_status drop_child(struct tg_call *call, bool *empty) {
    char name[TG_NAME_MAX];
    struct tg_removal removal = {.key = {name, 0}, .subtree = true};
    tg_status status = find_child(call, name, &removal.key.size);
    *empty = status == TG_ABSENT;
    if (status == TG_OK) status = tg_names_remove(call, &removal);
    return status == TG_ABSENT ? TG_OK : status; /* it had expired, or somebody was faster */
}

tg_status tg_names_clear(struct tg_call *call) {
    struct tg_room room = {0};
    for (;;) {
        tg_status status = tg_borrow(call);
        if (status != TG_OK) return status;
        status = tg_names_settle(call);
        if (status == TG_OK) status = clear_once(call);
        if (status != TG_OK) tg_log_abandon(call);
        tg_unlock_all(call);
        if (status != TG_FULL) {
            tg_change_done(call);
            return status;
        }
        tg_return(call);
        status = tg_room_again(call, &room);
        if (status == TG_OK) continue;
        if (status != TG_FULL) return status;
        bool empty;
        status = drop_child(call, &empty);
        if (status != TG_OK || empty) return status;
        room.attempts = 0;
    }
}
