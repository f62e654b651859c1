/* SPDX-License-Identifier: Apache-2.0 */
/* What calls do for the store beside their own work, and what they share.
 *
 * What
 *   Deaths are noticed by who meets a lock of the dead, and by a look at the life table
 *   ten times a second, by whichever writer comes first. tg_tidy finishes all that is
 *   pending: deaths, dropped directories, limbo, parked objects, in every idle context.
 * Invariants: none of its own.
 * Ordering: none of its own.
 * Death: everything here is a sequence of transactions of the layers below.
 * Progress: tg_upkeep is bounded; tg_tidy as long as what is pending.
 * API: tg_store_writable, tg_update_begin, tg_upkeep, tg_give_back, tg_make_object,
 *   tg_discard_object, tg_more_entries, tg_give_entry, tg_give_pin, tg_unpin_entry.
 */
#ifndef TG_STORE_UPKEEP_H
#define TG_STORE_UPKEEP_H

#include "../names/change.h"
#include "../tryget.h"
#include "store.h"

/* A store whose log was garbage takes no more changes; what is there can be read. */
TG_MUST_CHECK tg_status tg_store_writable(const struct tg_store *store);

/* Without a context: what a set is to do; a large value becomes an object at once, which is to
 * be discarded when the set fails (update->object). */
TG_MUST_CHECK tg_status tg_update_begin(struct tg_call *call, struct tg_key key,
                                        const struct tg_part *parts, size_t part_count,
                                        const struct tg_set_options *options,
                                        struct tg_update *update);

/* After a change, without a context. */
void tg_upkeep(struct tg_local *local);
/* Something was dropped, or left behind by the dead, and is not yet taken apart. */
static inline bool tg_reaper_due(const struct tg_local *local) {
    const struct tg_hot *hot = local->hot;
    return tg_load_relaxed32(&hot->reap_head) != 0 || tg_load_relaxed64(&hot->unsettled) != 0;
}
/* Free memory beyond what is usually kept goes back to the file system. */
void tg_give_back(struct tg_local *local);

/* Without a context: more room in our ledger. TG_PINS_FULL, TG_FULL, ... */
TG_MUST_CHECK tg_status tg_more_entries(struct tg_call *call);
/* The entry becomes a caller's: who holds it, since when. Returns the ledger that it is of. */
uint32_t tg_give_entry(struct tg_local *local, const struct tg_ledger_place *place);
/* What a caller holds of a pin that a section took. TG_CORRUPT: it was given up. */
TG_MUST_CHECK tg_status tg_give_pin(struct tg_store *store, struct tg_object *object,
                                    uint32_t entry, const struct tg_info *info, struct tg_pin *pin);
/* Frees a pin's entry, and tells when the object was only waiting for that. */
void tg_unpin_entry(struct tg_local *local, uint32_t entry, struct tg_object *object);

/* Without a context: a private object with the parts' bytes, for update->object. */
TG_MUST_CHECK tg_status tg_make_object(struct tg_call *call, const struct tg_part *parts,
                                       size_t count, uint64_t size, uint32_t codec,
                                       struct tg_update *update);
void tg_discard_object(struct tg_call *call, struct tg_update *update);

#endif
