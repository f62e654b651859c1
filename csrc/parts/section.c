/* SPDX-License-Identifier: Apache-2.0 */
#include "section.h"

#include "../store/upkeep.h"

/* ---- readers --------------------------------------------------------------------------- */

static uint32_t publish(struct tg_local *local) {
    /* PAIR section.stamp: a cookie's step that we read: what was changed before it is visible. */
    uint64_t stamp = tg_load_acquire64(&local->hot->section_epoch);
    if (TG_MUTANT(section_unfenced)) {
        uint32_t number = tg_ledger_claim(local, TG_LEDGER_CLAIMED);
        tg_a64 *entry = tg_ledger_entry(local, local->process, number);
        if (entry) tg_store_relaxed64(entry, TG_ENTRY_SECTION(stamp));
        return number;
    }
    /* PAIR section: the claim is a full fence: the entry, then what the section reads. */
    return tg_ledger_claim(local, TG_ENTRY_SECTION(stamp));
}

tg_status tg_section_enter(struct tg_store *store, uint32_t *hint, uint64_t deadline_ns,
                           struct tg_section *section) {
    struct tg_local *local = &store->local;
    struct tg_call call;
    *section = (struct tg_section){0};
    if (!tg_store_usable(store)) return TG_CLOSED;
    while ((section->entry = publish(local)) == 0) {
        tg_call_begin(&call, local, *hint, deadline_ns);
        tg_status status = tg_more_entries(&call);
        *hint = call.hint;
        if (status != TG_OK) return status;
    }
    section->process = local->process;
    section->generation = local->process_generation;
    return TG_OK;
}

bool tg_section_is_ours(const struct tg_store *store, const struct tg_section *section) {
    const struct tg_local *local = &store->local;
    return section->entry != 0 && tg_store_usable(store) && section->process == local->process &&
           section->generation == local->process_generation;
}

void tg_section_leave(struct tg_store *store, struct tg_section *section) {
    /* The release of an entry is one of what was read. */
    if (tg_section_is_ours(store, section)) tg_ledger_release(&store->local, section->entry);
    section->entry = 0;
}

/* ---- grace periods ----------------------------------------------------------------------- */

uint64_t tg_section_snapshot(struct tg_local *local) {
    /* PAIR section: what the caller changed, before any scan for this cookie. */
    tg_fence_full();
    /* PAIR section.stamp: ... and before a section that has this stamp. */
    uint64_t before = tg_add_acqrel64(&local->hot->section_epoch, 1);
    return TG_MUTANT(section_cookie_early) && before ? before : before + 1;
}

/* Its token says that all its threads are over, and so are its sections. */
static bool is_dead(struct tg_local *local, uint32_t process) {
    if (process == local->process || TG_MUTANT(section_dead_wait)) return false;
    if (TG_MUTANT(section_living_ignored)) return true;
    return local->os->ops->life_probe(local->os, process) == TG_LIFE_DEAD;
}

/* The least stamp of all sections; UINT64_MAX when there is none. */
static uint64_t least_stamp(struct tg_local *local, uint64_t cookie, uint32_t *process) {
    uint64_t least = UINT64_MAX;
    for (uint32_t p = 0, high = tg_ledger_process_high(local); p < high; p++) {
        if (tg_load_relaxed32(&local->processes[p].state) == TG_PROCESS_FREE) continue;
        uint64_t stamp = tg_ledger_least_stamp(local, p);
        if (stamp >= least) continue;
        if (stamp < cookie && is_dead(local, p)) {
            tg_store_relaxed64(&local->hot->recovery_hint, 1);
            continue;
        }
        least = stamp;
        *process = p;
    }
    return least;
}

static void raise_done(struct tg_local *local, uint64_t done) {
    uint64_t old = tg_load_relaxed64(&local->hot->section_done);
    /* PAIR section.done: what the scan saw to be over, before others believe it. */
    while (old < done && !tg_cas_acqrel64(&local->hot->section_done, &old, done)) {
    }
}

tg_status tg_section_elapsed(struct tg_local *local, uint64_t cookie, uint32_t *process) {
    *process = local->process;
    /* PAIR section.done: the scan of whoever said so. */
    if (tg_load_acquire64(&local->hot->section_done) >= cookie) return TG_OK;
    uint64_t given = tg_load_relaxed64(&local->hot->section_epoch);
    if (cookie > given) return TG_INVALID;
    /* PAIR section: all cookies up to `given` were, then the entries (Dekker). */
    tg_fence_full();
    uint64_t least = least_stamp(local, cookie, process);
    if (TG_MUTANT(section_done_late)) given = tg_load_relaxed64(&local->hot->section_epoch);
    uint64_t done = least < given ? least : given;
    raise_done(local, done);
    return done >= cookie ? TG_OK : TG_BUSY;
}
