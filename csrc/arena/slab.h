/* SPDX-License-Identifier: Apache-2.0 */
/* Slabs: a few pages of blocks of one class, and the class's list of those with room.
 *
 * What
 *   tg_slab_take_bits moves free blocks of one bitmap word into a magazine,
 *   tg_slab_clear_bit plans the way back, tg_slab_make turns pages that the context owns
 *   into a slab, tg_slab_release plans the opposite.
 *
 * Bits and states: see arena/classes.h. A slab is named by its first page. page.free
 *   counts zeros; page.next and previous link the class list `partial`; page.spare is a
 *   hint, the first word with a zero.
 *
 * Invariants: A2, A3 of arena/arena.h. The class lock is held throughout.
 *   S1  A slab is in the list if and only if it has a free block.
 *   S2  Refs are written beyond the magazine's count before they count.
 * Death, ordering: each change is a transaction of the caller.
 * Progress: straight line, but for the search of a word: at most the bitmap's words.
 * API: tg_slab_take_bits, tg_slab_clear_bit, tg_slab_release, tg_slab_make.
 */
#ifndef TG_ARENA_SLAB_H
#define TG_ARENA_SLAB_H

#include "pages.h"

/* Commits one refill: up to `wanted` blocks of one word of the first slab with room.
 * TG_ABSENT: no slab has room. */
TG_MUST_CHECK tg_status tg_slab_take_bits(struct tg_call *call, uint32_t class, uint32_t wanted);

/* At most 6 entries. *empty: the slab of this block has no allocated block left. */
TG_MUST_CHECK tg_status tg_slab_clear_bit(struct tg_edit *edit, uint32_t class, tg_ref ref,
                                          uint32_t *page, bool *empty);

/* An empty slab becomes context.run, TAKEN; at most 6 entries. TG_ABSENT: it stays, as it
 * is the last with room, type-stable, or context.run is in use. */
TG_MUST_CHECK tg_status tg_slab_release(struct tg_edit *edit, uint32_t class, uint32_t page);

/* Empties the bitmap of the pages that context.run owns; no lock needed. */
TG_MUST_CHECK tg_status tg_slab_prepare(struct tg_call *call, uint32_t class, uint32_t page);
/* Commits: the pages, prepared and still context.run, are a slab with room. */
TG_MUST_CHECK tg_status tg_slab_make(struct tg_call *call, uint32_t class, uint32_t page);

/* The slab behind a link of the class's list: its page; TG_CORRUPT. */
TG_MUST_CHECK tg_status tg_slab_of_link(const struct tg_local *local, uint32_t class, uint32_t link,
                                        uint32_t *page);

/* The bitmap of a slab; NULL when its memory isn't there. */
tg_a64 *tg_slab_bitmap(const struct tg_local *local, uint32_t page);

#endif
