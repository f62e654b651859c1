/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"
#include "recover.h"

enum { ROUNDS = 3, ROUND_NS = 1000000 };

/* The token of `process` is ours. */
static tg_status settle_in(struct tg_attached *self, uint32_t process, uint64_t deadline_ns) {
    struct tg_local *local = &self->store.local;
    struct tg_os *os = local->os;
    struct tg_process *entry = &local->processes[process];
    uint8_t name[16];
    local->process = process; /* recovery acts under the name of the dead: it may die as well */
    if (tg_load_relaxed32(&entry->state) != TG_PROCESS_FREE) {
        tg_status status = tg_recover(local, process, deadline_ns);
        if (status != TG_OK) return status;
    }
    local->process_generation = tg_load_relaxed32(&entry->generation) + 1;
    tg_store_relaxed32(&entry->generation, local->process_generation);
    tg_store_relaxed32(&entry->pid, os->ops->process_id(os));
    tg_store_relaxed64(&entry->start_ns, os->ops->boottime_ns(os));
    tg_linux_program_name(name);
    memcpy(entry->name, name, sizeof(entry->name));
    /* PAIR process.state: whose it is, before it is said to live. Other end: ledger/adopt.c. */
    tg_store_release32(&entry->state, TG_PROCESS_LIVE);
    return TG_OK;
}

/* TG_BUSY: not this one. */
static tg_status try_entry(struct tg_attached *self, uint32_t process, bool take_dead,
                           uint64_t deadline_ns) {
    struct tg_local *local = &self->store.local;
    struct tg_os *os = local->os;
    uint32_t state = tg_load_relaxed32(&local->processes[process].state);
    if ((state != TG_PROCESS_FREE) != take_dead) return TG_BUSY;
    /* A look is much cheaper than a vain attempt. */
    if (take_dead && os->ops->life_probe(os, process) != TG_LIFE_DEAD) return TG_BUSY;
    if (take_dead && os->ops->monotonic_ns(os) >= deadline_ns) return TG_BUSY;
    tg_status status = tg_linux_life_claim(&self->os, process);
    if (status != TG_OK) return status;
    status = settle_in(self, process, deadline_ns);
    if (status == TG_OK) return TG_OK;
    os->ops->life_drop(os, process);
    return status == TG_CORRUPT ? TG_CORRUPT : TG_BUSY; /* another entry may do */
}

static tg_status scan(struct tg_attached *self, uint64_t deadline_ns) {
    uint32_t count = self->store.local.header.process_count;
    for (int take_dead = 0; take_dead <= 1; take_dead++) {
        for (uint32_t process = 0; process < count; process++) {
            tg_status status = try_entry(self, process, take_dead, deadline_ns);
            if (status != TG_BUSY) return status;
        }
    }
    return TG_NO_PROCESS;
}

tg_status tg_claim(struct tg_attached *self, uint64_t deadline_ns, struct tg_error *error) {
    struct tg_local *local = &self->store.local;
    tg_status status = scan(self, deadline_ns);
    /* A token may be taken for a moment only, by a recovery or by somebody who looks. */
    for (int i = 1; i < ROUNDS && status == TG_NO_PROCESS; i++) {
        tg_nap(ROUND_NS);
        status = scan(self, deadline_ns);
    }
    if (status != TG_OK)
        return tg_error_set(error, status, "take a process entry",
                            status == TG_SYSTEM ? (int)tg_load_relaxed32(&self->os.last_error) : 0);
    self->claimed = true;
    /* Does a mapping keep a lock here, and does another description see it? */
    if (local->os->ops->life_probe(local->os, local->process) == TG_LIFE_ALIVE) return TG_OK;
    tg_claim_release(self);
    return tg_error_set(error, TG_UNSUPPORTED, "locks don't outlive their descriptor here", 0);
}

void tg_claim_release(struct tg_attached *self) {
    struct tg_local *local = &self->store.local;
    if (!self->claimed) return;
    /* We count as dead from here on, and are our own first recoverer. Where that fails, a
     * later one finds an entry that isn't free and whose token is. */
    if (tg_recover(local, local->process, TG_FOREVER) == TG_OK)
        tg_store_relaxed32(&local->processes[local->process].state, TG_PROCESS_FREE);
    self->claimed = false;
    local->os->ops->life_drop(local->os, local->process);
}
