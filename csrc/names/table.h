/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table: 64-byte lines of tagged slots, grown one bucket at a time.
 *
 * What
 *   One table for all names of the store. A bucket is a line (a lock word, 10 tags of 6
 *   bits, 10 record refs) and its overflow lines. Readers take no lock: they load the
 *   tags, then the slots that match. Linear hashing (Litwin 1980): `hot.buckets` lines
 *   are in use; an insert that finds its line full splits the next bucket in turn.
 *
 * Bits and states
 *   bucket of a hash: low bits; the half that is not split yet uses one bit less.
 *   line.lock value: counts acquisitions, so an unchanged value means an unchanged bucket.
 *   slot 0 = empty (its tag means nothing).
 *
 * Invariants
 *   T1  A record stays in its slot while it is linked and its bucket is not split.
 *   T2  Slots and tags of a bucket change only under its lock.
 *   T3  A split shows the moved records in the new bucket (by the new `buckets`) before it
 *       clears them from the old one; the same transaction does both.
 *   T4  A reader that missed looks at `buckets` again; if its hash moved, it starts over.
 *       So a record present throughout is found.
 *
 * Ordering: PAIR publish (journal's apply): record, tags, then the slot. PAIR split:
 *   `buckets` before the cleared slots; a reader's miss before its second look.
 * Death: journal/journal.h. A split is one transaction; overflow lines are blocks.
 * Progress: lookups are bounded by the chain, and repeated only when a split passed.
 *   A bucket whose split would not fit into the log is left to grow a longer chain.
 * API: tg_table_find, tg_table_lock, tg_table_find_locked, tg_table_log_insert,
 *   tg_table_log_replace, tg_table_log_remove, tg_table_maintain.
 */
#ifndef TG_NAMES_TABLE_H
#define TG_NAMES_TABLE_H

#include "record.h"

struct tg_spot {
    struct tg_line *head; /* of the bucket: its lock */
    struct tg_line *line; /* NULL when absent */
    uint32_t slot;
    struct tg_record *record;
};

/* Lock-free, inside a read section. NULL: absent. *corrupt is set on garbage. */
struct tg_record *tg_table_find(struct tg_local *local, uint64_t hash, tg_ref parent,
                                const struct tg_component *component, bool *corrupt);

/* Locks the bucket of `hash`; place->head is set. */
TG_MUST_CHECK tg_status tg_table_lock(struct tg_call *call, uint64_t hash, struct tg_spot *place);
/* For several buckets: the head line by the current size, to sort by; and whether `head`
 * is still right once it is locked. */
struct tg_line *tg_table_head(const struct tg_local *local, uint64_t hash);

/* Under the bucket's lock: TG_OK (place filled; line NULL when absent), TG_CORRUPT. */
TG_MUST_CHECK tg_status tg_table_find_locked(struct tg_call *call, uint64_t hash, tg_ref parent,
                                             const struct tg_component *component,
                                             struct tg_spot *place);

/* An insert may need one block of this class, prepared before the locks are taken. */
static inline uint32_t tg_table_line_class(const struct tg_local *local) {
    return tg_class_for(local, sizeof(struct tg_line));
}
/* Up to 4 entries; takes at most one line block. */
void tg_table_log_insert(struct tg_call *call, struct tg_spot *place, uint64_t hash, tg_ref ref);
/* 1 entry. */
void tg_table_log_replace(struct tg_call *call, struct tg_spot *place, tg_ref ref);
/* Up to 5 entries. */
void tg_table_log_remove(struct tg_call *call, struct tg_spot *place);

/* Splits one bucket when call->grow_due. HELD, no locks. Busy or failing: nothing happens, a
 * later insert tries again. */
void tg_table_maintain(struct tg_call *call);

#endif
