/* SPDX-License-Identifier: Apache-2.0 */
/* Is the whole store what the headers say? And what can be done when it is not.
 *
 * What
 *   tg_store_verify looks at a store that nobody changes: the simulator after a run, a test,
 *   the repair, and tg_verify (tryget.h) between two looks that found no writer. Each
 *   violation has the name of its rule, the place, and a sentence.
 *   tg_verify_live looks at a store in use: what each bucket says by itself.
 *   tg_store_repair keeps the sound records and rebuilds everything else around them.
 *
 * Rules by name
 *   header, hot       the checked copy is what is mapped; global words within their ranges
 *   K1                no lock word is owned, awaited, or reserved for nobody
 *   O1                each context is IDLE, its log empty, no intent
 *   X1                ns_seq is even
 *   A1 A2 A4 A5, free list, hole list, class list       arena/verify.h
 *   A3                each allocated block and run is in exactly one place
 *   T2                overflow lines: blocks of their own, reached once, chains end
 *   N1 N2 N3 N4       names/record.h; N3: flags, sizes, codec words that can be
 *   V1                each version was given out by the context that it names
 *   D1 .. D4          names/children.h: count, partial list, parents, chunk list
 *   D5                record and child slot name each other
 *   D6                directories: the root, the dropped, the private; each reached once
 *   Q1                a reachable directory has a child;  Q4: what was dropped is DEAD
 *   B1 B2 B3          objects: one owner; a payload that fits; the checksum (deep)
 *   G1 G3 G4          ledger/ledger.h
 *   H1 H2 H3          board/board.h; H4: memos beyond their number
 *   limbo             lists as long as counted, tags in order and not from the future
 *   sums              the contexts' counters add up to what was found
 *   T1                process entries (store/attach.h)
 *   pending           (only with `settled`) dead or interrupted work waits for somebody
 *
 * Invariants
 *   I1  Any byte of shared memory may be garbage: never a fault, never a walk without an
 *       end. Walks end because each step marks a block for the first time.
 *   I2  Nothing is written but scratch and report (verify); nothing is allocated.
 *
 * Ordering: exact: nobody else writes. Live: PAIR lock, by the count in a bucket's lock.
 * Death: verify writes nothing. A repair poisons the store first and lifts that last: who
 *   is killed in it leaves a poisoned store, and the repair can be done again.
 * Progress: a few looks at each block; `live`: sections of one bucket each.
 * API: below.
 */
#ifndef TG_STORE_VERIFY_H
#define TG_STORE_VERIFY_H

#include "../region/call.h"
#include "../tryget.h"

struct tg_verify_options {
    bool deep;      /* read the values and compare their checksums */
    bool settled;   /* nothing may be pending */
    uint32_t own;   /* our context, in a read section: others may be in theirs; or 0 */
};

/* How much scratch a store of this layout needs: about half a percent of its limit. */
uint64_t tg_verify_scratch_size(const struct tg_local *local);

/* Nobody writes meanwhile. Of `report` the caller fills in violations (may be NULL) with their
 * capacity, and scratch with its size.
 * TG_OK: the check was made, see report->violation_count. TG_INVALID: too little scratch.
 * TG_BUSY (only with options->own): there is a writer, the report means nothing. */
TG_MUST_CHECK tg_status tg_store_verify(struct tg_local *local,
                                        const struct tg_verify_options *options,
                                        struct tg_report *report);

/* The structural check of a store in use; each violation was seen twice. TG_OK: the check
 * was made. TG_NO_CONTEXT, TG_INTERRUPTED: it was not. */
TG_MUST_CHECK tg_status tg_verify_live(struct tg_call *call, struct tg_report *report);

/* The same out of copies, of a store that is only read; `deep` reads the values' checksums, too.
 * TG_INTERRUPTED, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_verify_read(struct tg_local *local, bool deep, struct tg_report *report);

/* Nobody else is attached, and no pin of our own is in use. What is beyond repair is dropped;
 * report->violations say what was done. TG_OK: the store is good (tg_store_verify agrees).
 * TG_CORRUPT: it is still not. TG_INVALID, TG_FULL. */
TG_MUST_CHECK tg_status tg_store_repair(struct tg_local *local,
                                        const struct tg_verify_options *options,
                                        struct tg_report *report);

#endif
