/* SPDX-License-Identifier: Apache-2.0 */
#include "../ledger/adopt.h"
#include "../names/change.h"
#include "attached.h"

static struct tg_attached *of_node(struct tg_fork_node *node) {
    return (struct tg_attached *)((uint8_t *)node - offsetof(struct tg_attached, node));
}

static void prepare(struct tg_fork_node *node) {
    struct tg_attached *self = of_node(node);
    struct tg_local *local = &self->store.local;
    tg_helper_bar(&self->os.helper);
    self->adopt = self->pinned = self->claimed && tg_ledger_fork_begin(local);
    if (!self->adopt || tg_fork_wait_prepare(&self->wait)) return;
    self->adopt = false; /* the child will have none of them */
    tg_ledger_fork_end(local);
}

static void parent(struct tg_fork_node *node, uint64_t until_ns) {
    struct tg_attached *self = of_node(node);
    tg_helper_allow(&self->os.helper);
    if (!self->adopt) return;
    self->adopt = false;
    tg_fork_wait_parent(&self->wait, until_ns);
    tg_ledger_refuse(self->wait.shared); /* unless the child has them already */
    tg_ledger_fork_end(&self->store.local);
    tg_fork_wait_end(&self->wait);
}

static tg_status adopt_pins(struct tg_attached *self, const struct tg_adoption *adoption,
                            uint64_t deadline_ns) {
    struct tg_call call;
    struct tg_room room = {0};
    tg_call_begin(&call, &self->store.local, 0, deadline_ns);
    for (;;) {
        tg_status status = tg_borrow(&call);
        if (status != TG_OK) return status;
        status = tg_names_settle(&call);
        if (status == TG_OK) status = tg_ledger_adopt(&call, adoption);
        tg_return(&call);
        if (status != TG_FULL) return status;
        status = tg_room_again(&call, &room);
        if (status != TG_OK) return status;
    }
}

/* With a verdict: and has the parent's pins afterwards, or isn't attached. */
static tg_status attach_child(struct tg_attached *self, tg_a64 *verdict, uint64_t deadline_ns) {
    struct tg_local *local = &self->store.local;
    struct tg_error ignored;
    struct tg_adoption adoption = {local->process, local->process_generation, verdict};
    tg_status status = tg_claim(self, deadline_ns, &ignored);
    if (status == TG_OK && verdict) {
        status = adopt_pins(self, &adoption, deadline_ns);
        if (status != TG_OK) tg_claim_release(self);
    }
    if (status != TG_OK) {
        local->process = adoption.parent;
        local->process_generation = adoption.generation;
        return status;
    }
    local->ledger_epoch++; /* what was pinned before and isn't adopted is not ours to unpin */
    tg_store_relaxed64(self->store.cookie, 1);
    return TG_OK;
}

static void child(struct tg_fork_node *node, uint64_t until_ns) {
    struct tg_attached *self = of_node(node);
    self->claimed = false;
    tg_helper_forked(&self->os.helper);
    /* Another thread may have been in there; it doesn't exist here. */
    tg_store_relaxed64(&self->attaching, 0);
    tg_linux_after_fork(&self->os);
    if (self->adopt) {
        tg_fork_wait_child(&self->wait);
        /* No status can be told from here. On failure the store stays unusable in this
         * process, and tg_store_after_fork tries again, without the pins. */
        self->adopt = attach_child(self, self->wait.shared, until_ns) == TG_OK;
        tg_fork_wait_end(&self->wait);
    }
    self->lost = self->pinned && !self->adopt;
    self->adopt = false;
    tg_ledger_forked(&self->store.local);
}

void tg_fork_hooks(struct tg_attached *self) {
    self->node.prepare = prepare;
    self->node.parent = parent;
    self->node.child = child;
}

struct tg_store *tg_store_lost_pins(void) {
    struct tg_store *found = NULL;
    tg_fork_lock();
    for (struct tg_fork_node *node = tg_fork_first_locked(); node && !found; node = node->next) {
        struct tg_attached *self = of_node(node);
        if (self->lost) found = &self->store;
        self->lost = false;
    }
    tg_fork_unlock();
    return found;
}

struct tg_attached *tg_attached_find_locked(struct tg_file_id id, bool readonly) {
    for (struct tg_fork_node *node = tg_fork_first_locked(); node; node = node->next) {
        struct tg_attached *self = of_node(node);
        struct tg_file_id other = self->os.store_id;
        if (other.device == id.device && other.inode == id.inode &&
            self->store.readonly == readonly)
            return self;
    }
    return NULL;
}

tg_status tg_store_after_fork(struct tg_store *store) {
    struct tg_attached *self = (struct tg_attached *)store;
    if (store->readonly) return TG_READ_ONLY;
    for (;;) {
        uint64_t nobody = 0;
        if (tg_store_usable(store)) return TG_OK;
        /* PAIR fork.attaching: one thread of a child attaches, and what it writes to
         * tg_local comes before the others' use. Other end: the release below. */
        if (tg_cas_acqrel64(&self->attaching, &nobody, 1)) break;
        tg_nap(100000);
    }
    tg_status status = tg_store_usable(store) ? TG_OK : attach_child(self, NULL, TG_FOREVER);
    /* PAIR fork.attaching: see above. */
    tg_store_release64(&self->attaching, 0);
    return status;
}
