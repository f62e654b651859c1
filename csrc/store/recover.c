/* SPDX-License-Identifier: Apache-2.0 */
#include "recover.h"

#include "../board/board.h"
#include "../owner/recover.h"

static const uint64_t WAIT_NS = 1000000000;

/* Has it private objects, or did a recoverer die while it retired some? */
static bool needs_reaping(struct tg_local *local, uint32_t process) {
    if (tg_word_owner(tg_load_relaxed64(&local->processes[process].lock)) != 0) return true;
    uint32_t capacity = tg_ledger_capacity(local, process);
    for (uint32_t number = 1; number <= capacity; number++) {
        tg_a64 *entry = tg_ledger_entry(local, process, number);
        if (entry && TG_ENTRY_STATE(tg_load_relaxed64(entry)) == TG_LEDGER_PRIVATE) return true;
    }
    return false;
}

tg_status tg_recover(struct tg_local *local, uint32_t process, uint64_t deadline_ns) {
    struct tg_process *entry = &local->processes[process];
    struct tg_os *os = local->os;
    if (!tg_mend_contexts(local, process)) return TG_CORRUPT;
    /* PAIR process.state: the contexts are idle before it says so. */
    tg_store_release32(&entry->state, TG_PROCESS_MENDED);
    tg_ledger_clear_pins(local, process);
    /* PAIR unpin.hint: the pins are gone before the hint moves. */
    if (!TG_MUTANT(recover_without_hint)) tg_add_acqrel64(&local->hot->unpin_hint, 1);
    bool builds = !tg_board_is_empty(local) && !TG_MUTANT(recover_keeps_builds);
    if (!builds && !needs_reaping(local, process)) return TG_OK;
    struct tg_call call;
    uint64_t patience = os->ops->monotonic_ns(os) + WAIT_NS;
    tg_call_begin(&call, local, 0, patience < deadline_ns ? patience : deadline_ns);
    tg_status status = tg_borrow(&call);
    if (status != TG_OK) return status;
    status = builds ? tg_board_bury(&call, process) : TG_OK;
    if (status == TG_OK) status = tg_object_reap_private(&call, process);
    tg_return(&call);
    return status;
}

/* TG_BUSY: it lives, or somebody else is at it. */
static tg_status recover_one(struct tg_local *local, uint32_t process) {
    struct tg_os *os = local->os;
    tg_status status = os->ops->life_take(os, process);
    if (status != TG_OK) return TG_BUSY;
    struct tg_process *entry = &local->processes[process];
    /* PAIR process.state: who finds it FREE finds all of it mended. */
    if (tg_load_acquire32(&entry->state) != TG_PROCESS_FREE) {
        status = tg_recover(local, process, TG_FOREVER);
        /* PAIR process.state: pins and private objects are gone before. */
        if (status == TG_OK) tg_store_release32(&entry->state, TG_PROCESS_FREE);
    }
    os->ops->life_drop(os, process);
    return status;
}

tg_status tg_sweep_dead(struct tg_local *local, uint32_t *found) {
    struct tg_os *os = local->os;
    *found = 0;
    tg_store_relaxed64(&local->hot->recovery_hint, 0);
    tg_store_relaxed64(&local->hot->sweep_ns, os->ops->boottime_ns(os));
    for (uint32_t process = 0; process < local->header.process_count; process++) {
        if (process == local->process) continue;
        if (tg_load_relaxed32(&local->processes[process].state) == TG_PROCESS_FREE) continue;
        if (os->ops->life_probe(os, process) != TG_LIFE_DEAD) continue;
        tg_status status = recover_one(local, process);
        if (status == TG_OK) ++*found;
        if (status == TG_OK || status == TG_BUSY) continue;
        tg_store_relaxed64(&local->hot->recovery_hint, 1);
        if (status != TG_TIMEOUT && status != TG_FULL) return status;
    }
    return TG_OK;
}
