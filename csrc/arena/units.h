/* SPDX-License-Identifier: Apache-2.0 */
/* Commit units: the bits that say which memory is backed, and the limit of the store.
 *
 * What
 *   tg_units_set/clear change the bits of a run of whole units that the context owns.
 *   tg_at (region/local.h) looks at them before it gives out a pointer.
 * Invariants: A5, A7 of arena/arena.h.
 * Ordering: PAIR arena.units: set before the run is listed, cleared before the punch.
 * Death: idempotent; whoever settles the run sets all to 0.
 * Progress: one read-modify-write for 64 units.
 * API: tg_units_set, tg_units_clear, tg_limit_allows.
 */
#ifndef TG_ARENA_UNITS_H
#define TG_ARENA_UNITS_H

#include "pages.h"

void tg_units_set(struct tg_local *local, struct tg_run run);
void tg_units_clear(struct tg_local *local, struct tg_run run);

/* May `bytes` more be committed? The extent lock is held. */
static inline bool tg_limit_allows(const struct tg_local *local, uint64_t bytes) {
    uint64_t used = tg_load_relaxed64(&local->hot->committed_bytes);
    uint64_t limit = local->header.limit, fixed = local->header.fixed_size;
    return fixed <= limit && used <= limit - fixed && bytes <= limit - fixed - used;
}

#endif
