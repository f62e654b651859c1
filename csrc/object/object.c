/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

struct tg_object *tg_object_at(struct tg_local *local, tg_ref ref) {
    if (TG_UNLIKELY(!tg_block_is(local, ref, TG_CLASS_OBJECT(local)))) return NULL;
    return tg_at_offset(local, (uint64_t)ref << local->header.ref_shift);
}

void *tg_object_payload(struct tg_local *local, struct tg_object *object) {
    return tg_at(local, tg_load_relaxed32(&object->payload), tg_load_relaxed64(&object->size));
}

uint64_t tg_object_bytes(struct tg_local *local, const struct tg_object *object) {
    uint64_t bytes = sizeof *object;
    uint32_t pages = tg_load_relaxed32(&object->pages);
    if (pages) return bytes + ((uint64_t)pages << local->header.page_shift);
    uint32_t class = tg_class_for(local, tg_load_relaxed64(&object->size));
    return class == TG_CLASS_NONE ? bytes : bytes + tg_class_size(local, class);
}

/* The payload's memory, owned by the magazine (*class) or by context.run (*pages). */
static tg_status prepare_payload(struct tg_call *call, uint64_t size, uint32_t *class,
                                 uint32_t *pages, tg_ref *payload) {
    struct tg_local *local = call->local;
    *pages = 0;
    *class = tg_class_for(local, size ? size : 1);
    if (*class != TG_CLASS_NONE) {
        tg_status status = tg_block_prepare(call, *class, 1);
        if (status == TG_OK) *payload = tg_block_peek(call, *class, 0);
        return status;
    }
    uint32_t first;
    if (size > local->arena_end - local->arena_begin) return TG_FULL;
    *pages = tg_pages_for(local, size);
    tg_status status = tg_run_take(call, *pages, &first);
    if (status == TG_OK) *payload = tg_run_ref(local, first);
    return status;
}

static tg_status claim_entry(struct tg_call *call, uint32_t *entry) {
    for (;;) {
        *entry = tg_ledger_claim(call->local, TG_LEDGER_CLAIMED);
        if (*entry != 0) return TG_OK;
        tg_status status = tg_ledger_grow(call);
        if (status != TG_OK) return status;
    }
}

tg_status tg_object_create(struct tg_call *call, uint64_t size, uint32_t codec,
                           struct tg_object **out, uint32_t *entry) {
    struct tg_local *local = call->local;
    uint32_t class, pages, header_class = TG_CLASS_OBJECT(local);
    tg_ref payload;
    tg_status status = claim_entry(call, entry);
    if (status != TG_OK) return status;
    status = tg_block_prepare(call, header_class, 1);
    if (status == TG_OK) status = prepare_payload(call, size, &class, &pages, &payload);
    if (status != TG_OK) {
        tg_ledger_release(local, *entry);
        return status;
    }
    tg_ref ref = tg_block_peek(call, header_class, 0);
    struct tg_object *object = tg_at(local, ref, sizeof *object);
    tg_a64 *slot = tg_ledger_entry(local, local->process, *entry);
    if (object == NULL || slot == NULL) return TG_CORRUPT; /* the run, if any, is settled later */
    tg_store_relaxed64(&object->version, 0);
    tg_store_relaxed64(&object->size, size);
    tg_store_relaxed32(&object->payload, payload);
    tg_store_relaxed32(&object->pages, pages);
    tg_store_relaxed32(&object->codec, codec);
    tg_store_relaxed32(&object->pinned, 0);
    tg_store_relaxed32(&object->checksum, 0);
    tg_log32(call, &object->state, TG_OBJECT_PRIVATE);
    tg_log64(call, slot, TG_ENTRY(TG_LEDGER_PRIVATE, ref));
    tg_block_take(call, header_class, 1);
    if (pages)
        tg_run_hand_over(call);
    else
        tg_block_take(call, class, 1);
    tg_commit(call);
    *out = object;
    return TG_OK;
}

bool tg_object_is_private(struct tg_local *local, const struct tg_object *object, uint32_t entry) {
    const tg_a64 *slot = tg_ledger_entry(local, local->process, entry);
    return slot != NULL && tg_load_relaxed32(&object->state) == TG_OBJECT_PRIVATE;
}

void tg_object_log_publish(struct tg_call *call, struct tg_object *object, uint32_t entry,
                           bool keep) {
    struct tg_local *local = call->local;
    tg_a64 *slot = tg_ledger_entry(local, local->process, entry);
    TG_ASSERT(tg_object_is_private(local, object, entry));
    if (keep) tg_store_relaxed32(&object->pinned, 1);
    tg_log32(call, &object->state, TG_OBJECT_LINKED);
    /* Not FREE: until this log is empty a redo may store the word again, so no other thread
     * may have the entry before (J2). The caller releases it after the commit. */
    uint64_t after = keep ? TG_ENTRY(TG_LEDGER_PIN, tg_ref_of(local, object)) : TG_LEDGER_CLAIMED;
    if (TG_MUTANT(object_publish_frees_entry) && !keep) after = TG_LEDGER_FREE;
    if (TG_MUTANT(object_publish_keeps_entry)) return;
    tg_log64(call, slot, after);
}

void tg_object_log_unlink(struct tg_call *call, struct tg_object *object) {
    tg_log32(call, &object->state, TG_OBJECT_UNLINKED);
    tg_retire(call, object);
}

void tg_object_discard(struct tg_call *call, struct tg_object *object, uint32_t entry) {
    tg_a64 *slot = tg_ledger_entry(call->local, call->local->process, entry);
    if (slot == NULL) return; /* garbage: the ledger was well when the object was made */
    tg_object_log_unlink(call, object);
    tg_log64(call, slot, TG_LEDGER_CLAIMED);
    tg_commit(call);
    tg_ledger_release(call->local, entry);
}

/* Retires the object of entry `number`, if it is PRIVATE. The process's lock is held. */
static tg_status reap_entry(struct tg_call *call, uint32_t process, uint32_t number) {
    struct tg_local *local = call->local;
    tg_a64 *slot = tg_ledger_entry(local, process, number);
    if (slot == NULL) return TG_CORRUPT;
    uint64_t entry = tg_load_relaxed64(slot);
    if (TG_ENTRY_STATE(entry) != TG_LEDGER_PRIVATE) return TG_OK;
    struct tg_object *object = tg_object_at(local, TG_ENTRY_REF(entry));
    if (object == NULL) return TG_CORRUPT;
    tg_object_log_unlink(call, object);
    tg_log64(call, slot, TG_LEDGER_FREE);
    tg_commit(call);
    return TG_OK;
}

/* The life token elects one recoverer, but it is free again before a dead one's own log is
 * redone. The lock is not: who takes it has mended its dead owner. */
tg_status tg_object_reap_private(struct tg_call *call, uint32_t process) {
    struct tg_local *local = call->local;
    bool unlocked = TG_MUTANT(reap_unlocked);
    tg_status status = unlocked ? TG_OK : tg_lock(call, &local->processes[process].lock, 0);
    if (status != TG_OK) return status;
    uint32_t capacity = tg_ledger_capacity(local, process);
    for (uint32_t number = 1; number <= capacity && status == TG_OK; number++)
        status = reap_entry(call, process, number);
    if (!unlocked) tg_unlock(call, &local->processes[process].lock);
    tg_maintain(call);
    return status;
}
