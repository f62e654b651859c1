/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a store without being part of it: nothing is written, locked, or waited for.
 *
 * What
 *   For a process that may open the file to read only. It walks as names/walk.h does, but
 *   it has no context, so no read section that others could see and wait for. It notes the
 *   epoch instead, reads, and looks at the epoch again: as long as that moved by one step at
 *   most, no block that was linked meanwhile is in use for anything else. So it is a
 *   reader that nobody has to expel: it does so itself.
 *   The global words, the buckets and the page descriptors are mapped, for loads alone. Blocks
 *   are copied by tg_look_copy, the one accessor.
 *   A large value may take longer than two steps of the epoch: its object's header, which is
 *   type-stable, says afterwards whether it was there until the end.
 *
 * Invariants
 *   L1  Nothing found in a look is believed before tg_look_end said TG_OK.
 *   L2  What looked linked after the epoch was noted is not reused before the epoch is two
 *       steps on (E2): it was linked at the note or later, so its tag is the note or later.
 *   L3  A word that others may change (a slot, a link, a count, an expiry) is copied until two
 *       copies agree: a copy of many bytes may tear a word. What is immutable while it
 *       is linked is copied once.
 *   L4  A payload is believed if its object, after the copy, is LINKED or UNLINKED, and then
 *       still has the version that was looked up: state first, as a new life gets another
 *       version before it gets a state.
 *   L5  A file of garbage makes no fault and no endless loop: refs pass tg_look_copy, bucket
 *       numbers are below what is committed, chains have a limit, chunks a rising ordinal.
 *   A miss is as true as a walk's (X2, T4): chains are never diverted within a look.
 *
 * Ordering
 *   PAIR epoch.tag: the note, a full fence, the first load of a link  |  the unlink, a full
 *   fence, the tag. Who finds the block linked noted no later epoch than the tag.
 *   PAIR epoch.leave: the loads, an acquire fence, the epoch again  |  the epoch is two on,
 *   then the block is filled anew. (As with an expelled reader's word; a copy by the kernel is
 *   loads of this processor like others.)
 *   PAIR publish: tg_look_copy ends with an acquire fence: a link, then what it leads to.
 *   PAIR names.seq, PAIR split, PAIR lock, PAIR dir.reuse: as names/walk.h, table.h, list.h.
 *
 * Death: it leaves nothing. A renamer that died while ns_seq is odd is not mended from here:
 *   it is waited for once (20 ms), then walks go on as names/walk.h says of a stopped one: what
 *   moves is found under its old name or its new one, perhaps both, until a writer comes.
 * Progress: lock-free. A look is repeated when the epoch made two steps (others freed memory),
 *   or a rename was completed; a large value when it was replaced, and its memory used again.
 *   After 1000 repetitions a call answers TG_INTERRUPTED, so that its caller can look
 *   round.
 * API: look.h; tg_reader_get, tg_reader_stat, tg_reader_list_begin, tg_reader_list_next,
 *   tg_reader_pins.
 */
#ifndef TG_READER_READER_H
#define TG_READER_READER_H

#include "../names/list.h"

/* What is asked for: the value of a key, or (sink NULL) what is known of it. */
struct tg_question {
    struct tg_key key;
    tg_sink sink;
    void *argument;
};

/* Whether the record that was found is still the one can be asked later (store/reuse.h). */
struct tg_witness {
    const tg_a64 *lock; /* of the bucket; NULL: it was locked, or the walk not validated */
    uint32_t count;
    uint32_t expiry;
    uint64_t dir_gen;
};

/* TG_OK: the node is there, with a value or children. TG_ABSENT, TG_INVALID (the sink, the key),
 * TG_CORRUPT, TG_SYSTEM, TG_INTERRUPTED. */
TG_MUST_CHECK tg_status tg_reader_get(struct tg_local *local, const struct tg_question *question,
                                      struct tg_info *info, struct tg_witness *witness);
/* With children and pins. */
TG_MUST_CHECK tg_status tg_reader_stat(struct tg_local *local, struct tg_key key,
                                       struct tg_info *info);

TG_MUST_CHECK tg_status tg_reader_list_begin(struct tg_local *local, struct tg_key key,
                                             struct tg_cursor *cursor);
TG_MUST_CHECK tg_status tg_reader_list_next(struct tg_local *local, struct tg_cursor *cursor,
                                            struct tg_listing *listing);

/* How many pins there are of an object now; of all objects with ref 0. */
TG_MUST_CHECK tg_status tg_reader_pins(struct tg_local *local, tg_ref object, uint32_t *count);

#endif
