/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery, phase A: what a dead process's contexts left is finished or undone.
 *
 * What
 *   tg_mend_if_dead(p): when p's life token is free, take it (the election of one
 *   recoverer), redo committed logs, release locks, free the contexts, give the token
 *   back. It takes no lock, waits for nobody and is bounded, so it may run nested in
 *   any wait. Phase B (ledgers, orphans; store/recover.c) follows outside of sections.
 *
 * Bits and states: process.state LIVE -> MENDED (phase A done) -> FREE (phase B done).
 *
 * Invariants
 *   R1  Order within a context: redo, release locks, then IDLE. Releasing first would
 *       show half a transaction; IDLE first would let a borrower overwrite the log.
 *   R2  Everything is idempotent: a recoverer killed anywhere is followed by another.
 *   R3  Only the holder of the life token touches contexts of a dead process.
 *
 * Ordering: the kernel's release of the token (all threads of the dead left user mode)
 *   and our taking of it order the dead's whole prefix of stores before our loads.
 *
 * Death: see R2; the token of the *dead* process is freed with the recoverer.
 * Progress: contexts x (log + intents).
 * API: tg_mend_if_dead, tg_mend_contexts.
 */
#ifndef TG_OWNER_RECOVER_H
#define TG_OWNER_RECOVER_H

#include "../region/call.h"

/* True when something was mended (or is being mended no more): look again. */
bool tg_mend_if_dead(struct tg_local *local, uint32_t process);

/* The caller holds the life token of `process`. False: the log was garbage (poisoned). */
bool tg_mend_contexts(struct tg_local *local, uint32_t process);

#endif
