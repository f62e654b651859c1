/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref: a lock and a reference count in one 8-byte word.
 *
 * What
 *   While the lock half is free, gets and puts are one compare-and-swap over the whole
 *   word; while it is held the count can't move, so the holder may decide by it. The
 *   mechanism and its operations follow the public discussion of the Linux dentry
 *   reference (lockref, 2013) and of its progress guarantee (2024).
 *
 * Bits and states: word/lock_word.h; value = references.
 *   count > 0 in use; 0 live but unused; DEAD for ever refuses new references.
 *
 * Invariants
 *   L1  A refused try leaves the word bit-identical.
 *   L2  The count never wraps: at TG_COUNT_MAX a get is refused (TG_OVERFLOW), at 0 a put.
 *   L3  After mark_dead no get succeeds.
 *   L4  tg_lockref_put_or_lock returns with the lock held if and only if it answers false.
 *
 * Ordering
 *   PAIR lockref: see word/change.h; changes under the lock likewise.
 *
 * Death: the count alone can't say whose references are lost: owners keep a ledger.
 *   The lock half is mended as any lock (owner/lock.h).
 * Progress: the bounded attempts of word/change.h, then the lock queue: bounded while
 *   holders release, and one short hold sends nobody into the queue for long (no convoy). The
 *   fallbacks are counted (TG_STAT_LOCKREF_SLOW).
 *
 * API: get, get_not_zero, get_not_dead, put, put_or_lock, put_not_last, mark_dead.
 */
#ifndef TG_OWNER_LOCKREF_H
#define TG_OWNER_LOCKREF_H

#include "../word/change.h"
#include "lock.h"

enum { TG_STAT_LOCKREF_SLOW = 0 };

/* TG_OK, TG_OVERFLOW; TG_TIMEOUT and TG_INTERRUPTED when the lock was waited for. */
TG_MUST_CHECK tg_status tg_lockref_get(struct tg_call *call, tg_a64 *word);
/* ... or TG_ABSENT at 0 (or dead). */
TG_MUST_CHECK tg_status tg_lockref_get_not_zero(struct tg_call *call, tg_a64 *word);
/* ... or TG_DEAD. */
TG_MUST_CHECK tg_status tg_lockref_get_not_dead(struct tg_call *call, tg_a64 *word);
/* The new count in *left. TG_INVALID at 0: a double put. */
TG_MUST_CHECK tg_status tg_lockref_put(struct tg_call *call, tg_a64 *word, uint32_t *left);
/* *locked false: one reference less. True: it was the last (or none was there): unchanged,
 * and the caller holds the lock. */
TG_MUST_CHECK tg_status tg_lockref_put_or_lock(struct tg_call *call, tg_a64 *word, bool *locked);
/* TG_ABSENT when the count is <= 1: unchanged, no lock. */
TG_MUST_CHECK tg_status tg_lockref_put_not_last(struct tg_call *call, tg_a64 *word);
/* The caller holds the lock. */
void tg_lockref_mark_dead(struct tg_call *call, tg_a64 *word);

#endif
