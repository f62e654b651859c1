/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery, phase B: what a dead process owned comes back.
 *
 * What
 *   After phase A (owner/recover.h) has finished its transactions and released its locks:
 *   its pins are cleared, its builds taken off the board, its private objects retired, its
 *   entry freed.
 * Invariants
 *   Y1  The caller holds the life token of the process, and no lock.
 *   Y2  Idempotent: a recoverer killed anywhere is followed by another.
 * Ordering: the token (owner/recover.h).
 * Death: Y2. What the dead's contexts still own (runs, orphans, limbo) stays with the
 *   contexts; their next borrowers settle it.
 * Progress: as long as its ledger is; it waits for locks as any writer does. While this
 *   process forks, what is dead is left to others, or to the next sweep.
 * API: tg_recover, tg_sweep_dead.
 */
#ifndef TG_STORE_RECOVER_H
#define TG_STORE_RECOVER_H

#include "../object/object.h"

/* Afterwards the entry may be set FREE, or be used by the caller. It waits for 1 s at most,
 * and not beyond the deadline. */
TG_MUST_CHECK tg_status tg_recover(struct tg_local *local, uint32_t process, uint64_t deadline_ns);

/* Recovers every process that is dead. No context, no lock. *found counts them. */
TG_MUST_CHECK tg_status tg_sweep_dead(struct tg_local *local, uint32_t *found);

#endif
