/* SPDX-License-Identifier: Apache-2.0 */
/* Read sections of a store's users, and grace periods: as long as users like.
 *
 * What
 *   A user says when he begins to read something and when he is done; who has put something
 *   else in its place asks whether all who may still see the old one are done. Unlike a
 *   section of epoch/epoch.h this one may last (Python code runs in it): it borrows no
 *   context and is never expelled, and nothing of the store waits for it.
 *   After the grace-period cookies of the public RCU literature. docs/adr/0017 says why so.
 *
 * Bits and states
 *   A section is an entry of its process's ledger: SECTION with a stamp, the last cookie
 *   that was given before. hot.section_epoch counts the cookies; hot.section_done: all
 *   cookies up to it have elapsed.
 *
 * Invariants
 *   X1  A cookie has elapsed when a scan, begun after it was given, found each section
 *       with a stamp of at least the cookie, or over.
 *   X2  What has elapsed stays so: section_done moves up only, and never beyond section_epoch
 *       as it was before the scan.
 *   X3  A section ends by its process: by its leave, or with the process. A forked child is in
 *       none of its parent's, and ends none of them.
 *
 * Why one scan is enough
 *   Let a reader in a section see what was there before the change. Its stamp was not read from
 *   the cookie's step or a later one, else the change had been visible: so it is less than the
 *   cookie. And its entry was published before its full fence, which comes before the fence of
 *   the snapshot, else it had seen the change: so every scan after that sees the entry, until it
 *   is free. A section that is entered while the scan runs has seen the change, whatever its
 *   stamp; a stamp that is old only makes others wait.
 *
 * Ordering
 *   PAIR section: entry, full fence, reads  |  the change, full fence, cookie, scan (Dekker).
 *   PAIR section.stamp: the change, then the cookie's step; the stamp's acquire, then reads.
 *   PAIR unpin: reads, then FREE (release); the scan's acquire (ledger/ledger.c).
 *   PAIR section.done: the scan, then section_done; its acquire, then what the caller frees.
 *
 * Death: the scan asks for the life of a process that it would have to wait for; entries of
 *   the dead are cleared by their recoverer. A process that dies in a call leaves an entry or
 *   none, and the counters before or after.
 * Progress: enter and leave: as a pin. Nothing here waits; elapsed is as long as the
 *   ledgers are. A stopped reader delays those who wait for him, nobody else.
 * API: tg_section_enter, tg_section_leave, tg_section_is_ours, tg_section_snapshot,
 *   tg_section_elapsed.
 */
#ifndef TG_PARTS_SECTION_H
#define TG_PARTS_SECTION_H

#include "../ledger/ledger.h"
#include "../store/store.h"

struct tg_section {
    uint32_t entry; /* 0 = none */
    uint32_t process;
    uint32_t generation;
};

/* TG_OK; TG_PINS_FULL, TG_FULL, TG_TIMEOUT, ... when the ledger had to grow; TG_CLOSED. */
TG_MUST_CHECK tg_status tg_section_enter(struct tg_store *store, uint32_t *hint,
                                         uint64_t deadline_ns, struct tg_section *section);
/* Does it still run? Not in a forked child. */
bool tg_section_is_ours(const struct tg_store *store, const struct tg_section *section);
/* Never waits; in a forked child it does nothing. */
void tg_section_leave(struct tg_store *store, struct tg_section *section);

/* A cookie for all sections that may have begun by now; never 0. */
uint64_t tg_section_snapshot(struct tg_local *local);
/* TG_OK: they are over. TG_BUSY: not all; *process is one that has such a section. TG_INVALID:
 * that cookie was not given yet. Never waits. */
TG_MUST_CHECK tg_status tg_section_elapsed(struct tg_local *local, uint64_t cookie,
                                           uint32_t *process);

#endif
