/* SPDX-License-Identifier: Apache-2.0 */
/* A directory's list of its children: slots that keep their place.
 *
 * What
 *   A dir has a few slots of its own, then chunks of slots in a list by rising ordinal. A
 *   child keeps its slot for as long as it is there, whatever its value, so a listing
 *   that goes slot by slot meets it exactly once. Inserts and removals take the dir's
 *   lock; a new value of an old name only stores into its slot, under its bucket's lock.
 *
 * Bits and states
 *   record.chunk = 0: a slot of the dir; else the chunk. meta.slot: the number in it.
 *   dir.state: FREE -> LIVE -> DEAD -> FREE. DEAD takes no child any more; its remaining
 *   children are removed by the reaper.
 *
 * Invariants
 *   D1  dir.count = children with a slot. A LIVE dir other than the root with count 0 is
 *       private (being built) or about to be unlinked by the same transaction.
 *   D2  A chunk is in dir.partial exactly when it has a free slot.
 *   D3  A dir's ref is not reused before it has no children; so the ref alone is a key.
 *
 * Ordering: PAIR publish (journal's apply): a record, a chunk, before the slot or link.
 * Death: journal/journal.h.
 * Progress: bounded by a chunk's slots.
 * API: tg_dir_at, tg_children_log_add, tg_children_log_move, tg_children_log_remove,
 *   tg_children_next.
 */
#ifndef TG_NAMES_CHILDREN_H
#define TG_NAMES_CHILDREN_H

#include "record.h"

/* NULL unless the ref is a dir's. The answer is for ever: dirs are type-stable. */
struct tg_dir *tg_dir_at(const struct tg_local *local, tg_ref ref);

static inline bool tg_dir_is(const struct tg_dir *dir, uint32_t generation) {
    /* PAIR dir.reuse: LIVE first, then the generation: a dir that is reused gets its new
     * generation before it is LIVE again. Under its lock LIVE stays (Q4). */
    if (tg_load_acquire32(&dir->state) != TG_DIR_LIVE) return false;
    return tg_load_relaxed32(&dir->generation) == generation || TG_MUTANT(dir_any_generation);
}

static inline uint32_t tg_children_chunk_class(const struct tg_local *local) {
    return tg_class_for(local, sizeof(struct tg_chunk));
}

/* A private record takes the place of `old` in the parent's list. */
static inline void tg_children_keep_slot(struct tg_record *fresh, const struct tg_record *old) {
    uint32_t meta = tg_load_relaxed32(&fresh->meta) & ~0xffu;
    tg_store_relaxed32(&fresh->chunk, tg_load_relaxed32(&old->chunk));
    tg_store_relaxed32(&fresh->meta, meta | TG_META_SLOT(tg_load_relaxed32(&old->meta)));
}

/* The slot word of a child; NULL on garbage. */
tg_a32 *tg_children_slot(const struct tg_local *local, struct tg_dir *dir,
                         const struct tg_record *record);

/* Under the dir's lock. Finds a slot for a private record and notes it there; up to 7
 * entries, may use one block of the chunk class. */
void tg_children_log_add(struct tg_call *call, struct tg_dir *dir, struct tg_record *record,
                         uint32_t name_size, uint32_t flags, uint32_t codec);
/* Under the bucket's lock: the record `fresh` takes the slot of `old` (1 entry). NULL slots
 * (garbage) answer false. */
bool tg_children_log_move(struct tg_call *call, struct tg_dir *dir, struct tg_record *old,
                          tg_ref fresh);
/* Under the dir's lock. Up to 12 entries. */
bool tg_children_log_remove(struct tg_call *call, struct tg_dir *dir, struct tg_record *record);

/* A position in a listing. */
struct tg_position {
    tg_ref chunk; /* 0 = the dir's own slots */
    uint32_t slot;
    uint64_t ordinal; /* of the chunk */
    bool end;
};

/* Inside a read section or under the dir's lock: the next record at or after the position,
 * which is moved behind it. NULL: the end, or garbage (*corrupt). */
struct tg_record *tg_children_next(struct tg_local *local, struct tg_dir *dir, tg_ref dir_ref,
                                   struct tg_position *position, bool *corrupt);

#endif
