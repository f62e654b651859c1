/* SPDX-License-Identifier: Apache-2.0 */
#include "../ledger/ledger.h"
#include "attached.h"

enum { PARENT_WAIT_MS = 1000 };
static const uint64_t child_wait_ns = 900000000;

static struct tg_attached *of_node(struct tg_fork_node *node) {
    return (struct tg_attached *)((uint8_t *)node - offsetof(struct tg_attached, node));
}

static bool has_pins(struct tg_attached *self) {
    struct tg_local *local = &self->store.local;
    if (!self->claimed) return false;
    uint32_t capacity = tg_ledger_capacity(local, local->process);
    for (uint32_t number = 1; number <= capacity; number++) {
        tg_a64 *entry = tg_ledger_entry(local, local->process, number);
        if (entry && TG_ENTRY_STATE(tg_load_relaxed64(entry)) == TG_LEDGER_PIN) return true;
    }
    return false;
}

static void prepare(struct tg_fork_node *node) {
    struct tg_attached *self = of_node(node);
    self->adopt = has_pins(self);
    if (self->adopt) tg_fork_wait_prepare(&self->wait);
}

/* Until then the parent's pins are the child's too, so none may go. */
static void parent(struct tg_fork_node *node) {
    struct tg_attached *self = of_node(node);
    if (self->adopt) tg_fork_wait_parent(&self->wait, PARENT_WAIT_MS);
    self->adopt = false;
}

static tg_status adopt_pins(struct tg_attached *self) {
    struct tg_local *local = &self->store.local;
    struct tg_call call;
    tg_call_begin(&call, local, 0, local->os->ops->monotonic_ns(local->os) + child_wait_ns);
    tg_status status = tg_borrow(&call);
    if (status != TG_OK) return status;
    status = tg_ledger_adopt(&call, self->parent);
    tg_return(&call);
    return status;
}

static tg_status attach_child(struct tg_attached *self) {
    struct tg_local *local = &self->store.local;
    struct tg_error ignored;
    self->parent = local->process;
    tg_status status = tg_claim(self, &ignored);
    if (status != TG_OK) {
        local->process = self->parent;
        return status;
    }
    if (self->adopt)
        status = adopt_pins(self);
    else
        local->ledger_epoch++; /* what the parent pinned is not ours to unpin */
    if (status != TG_OK) {
        tg_claim_release(self);
        local->process = self->parent;
        return status;
    }
    self->adopt = false;
    tg_store_relaxed64(self->store.cookie, 1);
    return TG_OK;
}

static void child(struct tg_fork_node *node) {
    struct tg_attached *self = of_node(node);
    self->claimed = false;
    /* Another thread may have been in there; it doesn't exist here. */
    tg_store_relaxed64(&self->attaching, 0);
    tg_linux_after_fork(&self->os);
    if (!self->adopt) return;
    tg_fork_wait_child_begin(&self->wait);
    /* No status can be told from here. On failure the store stays unusable in this process,
     * and tg_store_after_fork tries again, without the pins. */
    (void)attach_child(self);
    self->adopt = false;
    tg_fork_wait_child_ready(&self->wait);
}

void tg_fork_hooks(struct tg_attached *self) {
    self->node.prepare = prepare;
    self->node.parent = parent;
    self->node.child = child;
}

struct tg_attached *tg_attached_find_locked(struct tg_file_id id) {
    for (struct tg_fork_node *node = tg_fork_first_locked(); node; node = node->next) {
        struct tg_attached *self = of_node(node);
        struct tg_file_id other = self->os.store_id;
        if (other.device == id.device && other.inode == id.inode) return self;
    }
    return NULL;
}

tg_status tg_store_after_fork(struct tg_store *store) {
    struct tg_attached *self = (struct tg_attached *)store;
    for (;;) {
        uint64_t nobody = 0;
        if (tg_store_usable(store)) return TG_OK;
        /* PAIR fork.attaching: one thread of a child attaches, and what it writes to
         * tg_local comes before the others' use. Other end: the release below. */
        if (tg_cas_acqrel64(&self->attaching, &nobody, 1)) break;
        tg_nap(100000);
    }
    tg_status status = tg_store_usable(store) ? TG_OK : attach_child(self);
    /* PAIR fork.attaching: see above. */
    tg_store_release64(&self->attaching, 0);
    return status;
}
