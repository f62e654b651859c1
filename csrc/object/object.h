/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: values too large for a record, and how all blocks end.
 *
 * What
 *   An object is made private (its ledger entry owns it), filled without any lock or
 *   context, then published by the transaction that links a record to it. When its record
 *   goes, it is UNLINKED and retired; drained after a grace period, and freed unless
 *   a pin is found. A pinned one is parked in the context and looked at again.
 *   Draining is for all kinds of blocks: records, chunks, lines and dirs too.
 *
 * Bits and states
 *   FREE -> PRIVATE -> LINKED -> UNLINKED -> FREE; PRIVATE -> UNLINKED when given up.
 *
 * Invariants
 *   B1  LINKED: exactly one record names it. PRIVATE: exactly one ledger entry does.
 *   B2  UNLINKED: in exactly one limbo batch, open limbo or parked list.
 *   B3  The payload is written only while PRIVATE.
 *   B4  state, version and pinned are type-stable (F1): a stale pin attempt may set
 *       `pinned` of another object: that costs a scan.
 *
 * Ordering: PAIR publish (journal's apply): payload and header before the record.
 *   PAIR pin, PAIR unpin: ledger/ledger.h.
 * Death
 *   filling               the PRIVATE entry: recovery retires the object
 *   between transactions  everything is in a list of the context
 * Progress: drains are bounded by their argument; a pinned object costs one scan each
 *   time that a pin of an unlinked object goes.
 * API: tg_object_create, tg_object_discard, tg_object_log_publish, tg_object_log_unlink,
 *   tg_object_payload, tg_maintain, tg_drain, tg_object_reap_private.
 */
#ifndef TG_OBJECT_OBJECT_H
#define TG_OBJECT_OBJECT_H

#include "../ledger/ledger.h"

/* A private object for `size` bytes; its ledger entry in *entry. HELD, no locks.
 * TG_FULL, TG_PINS_FULL, TG_TIMEOUT, TG_INTERRUPTED. */
TG_MUST_CHECK tg_status tg_object_create(struct tg_call *call, uint64_t size, uint32_t codec,
                                         struct tg_object **object, uint32_t *entry);
/* Gives a private object up. */
void tg_object_discard(struct tg_call *call, struct tg_object *object, uint32_t entry);
/* False: garbage, where blocks lie in one another. */
bool tg_object_is_private(struct tg_local *local, const struct tg_object *object, uint32_t entry);
/* 2 entries: PRIVATE -> LINKED, the ledger entry CLAIMED (or, with `keep`, a PIN), to be
 * given back by tg_ledger_release after the commit. To be logged
 * before the record that names it, as the unlink after: a pin that fails is tried again. */
void tg_object_log_publish(struct tg_call *call, struct tg_object *object, uint32_t entry,
                           bool keep);
/* LINKED -> UNLINKED and into limbo: up to 5 entries. */
void tg_object_log_unlink(struct tg_call *call, struct tg_object *object);
/* NULL when the header is garbage. */
void *tg_object_payload(struct tg_local *local, struct tg_object *object);
/* NULL unless the ref is an object's. */
struct tg_object *tg_object_at(struct tg_local *local, tg_ref ref);

/* What a record and its payload take, for the counters. */
uint64_t tg_object_bytes(struct tg_local *local, const struct tg_object *object);

void tg_maintain_now(struct tg_call *call);
/* Cheap upkeep after a change: tags full limbo, moves the epoch on, drains a little. */
static inline void tg_maintain(struct tg_call *call) {
    const struct tg_context *context = call->context;
    if (TG_UNLIKELY(tg_load_relaxed32(&context->limbo_open_count) >= TG_LIMBO_BATCH ||
                    tg_load_relaxed32(&context->parked_count) != 0))
        tg_maintain_now(call);
}
/* Frees up to `most` blocks whose time has come. `force`: tags whatever is open, expels
 * sections that are older than `patience_ns`, looks at the parked. */
TG_MUST_CHECK tg_status tg_drain(struct tg_call *call, uint32_t most, bool force,
                                 uint64_t patience_ns);
/* For recovery: retires the private objects of `process`, whose token the caller holds. */
TG_MUST_CHECK tg_status tg_object_reap_private(struct tg_call *call, uint32_t process);

#endif
