/* SPDX-License-Identifier: Apache-2.0 */
/* All below the root goes in one step: the store gets a new root. */
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

tg_status tg_names_clear(struct tg_call *call) {
    uint32_t attempts = 0;
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
        if (!tg_room_again(call, &attempts)) return TG_FULL;
    }
}
