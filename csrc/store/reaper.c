/* SPDX-License-Identifier: Apache-2.0 */
#include "reaper.h"

#include "upkeep.h"

enum { STEPS = 64, ROUNDS = 200, DRAINS = 50 };
static const uint64_t pause_ns = 1000000;
static const uint64_t first_pause_ns = 200000;

/* Some steps, in a context of its own. */
static tg_status reap_some(struct tg_local *local, bool *more) {
    struct tg_call call;
    tg_call_begin(&call, local, 0, 0);
    tg_status status = tg_borrow(&call);
    if (status != TG_OK) return status;
    status = tg_names_settle(&call);
    if (status == TG_OK) status = tg_names_reap(&call, STEPS, more);
    tg_return(&call);
    return status;
}

/* What idle contexts owe, then all that is on the list. */
static tg_status round_of(struct tg_helper *helper, struct tg_local *local) {
    struct tg_call call;
    bool more = true;
    tg_call_begin(&call, local, 0, 0);
    tg_status status = tg_names_settle_idle(&call);
    while (status == TG_OK && more && !tg_helper_stopped(helper)) status = reap_some(local, &more);
    return status;
}

/* Who is in the way is waited for a little. */
static void reap_all(struct tg_helper *helper, struct tg_local *local) {
    for (int i = 0; tg_reaper_due(local) && i < ROUNDS && !tg_helper_stopped(helper); i++) {
        if (i > 0) tg_nap(pause_ns);
        if (round_of(helper, local) == TG_CORRUPT) return;
    }
}

/* Readers that are still about let the blocks go when they leave. */
static void drain_all(struct tg_helper *helper, struct tg_local *local) {
    struct tg_call call;
    bool more = true;
    for (int i = 0; more && i < DRAINS && !tg_helper_stopped(helper); i++) {
        if (i > 0) tg_nap(pause_ns);
        tg_call_begin(&call, local, 0, 0);
        if (tg_names_tidy(&call, 0, &more) != TG_OK) return;
    }
    tg_give_back(local);
}

void tg_reaper_run(struct tg_helper *helper) {
    struct tg_os_linux *os =
        (struct tg_os_linux *)((uint8_t *)helper - offsetof(struct tg_os_linux, helper));
    struct tg_attached *self =
        (struct tg_attached *)((uint8_t *)os - offsetof(struct tg_attached, os));
    struct tg_local *local = &self->store.local;
    if (!tg_store_usable(&self->store)) return;
    /* Who dropped something is about to return: it shall not have to share its processor, nor
     * wait for a lock of ours. */
    tg_nap(first_pause_ns);
    reap_all(helper, local);
    drain_all(helper, local);
}
