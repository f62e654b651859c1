/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: blocks out of slabs, runs of pages, and the memory behind them.
 *
 * What
 *   Small: a block belongs to a size class (arena/classes.h). Each context keeps a
 *   magazine of free blocks a class, filled from and flushed to slabs.
 *   Large: a run of whole pages, split and merged by boundary descriptors.
 *   Below: the arena is sparse; memory is claimed from the file system unit by unit
 *   before it is used, and given back when it is free.
 *
 *   Allocating a block is: tg_block_prepare, tg_block_peek, fill it, and in the
 *   transaction that publishes it tg_block_take. It stays in the magazine till then, so
 *   nothing is in flight that a death could lose. Freeing is the mirror: tg_block_room,
 *   then tg_block_give in the transaction that takes the block from where it was.
 *   A run can't wait in a magazine: between two transactions it is in context.run.
 *
 * Bits and states
 *   page.head   kind:4 | class:12 | unused:16 | pages:32
 *     FREE  committed, in hot.free_runs     HOLE  not committed, in hot.hole_runs
 *     RUN   owned by an object, a ledger chunk or a context.run     SLAB  of blocks
 *   context.run  state:4 | pages:28 | first page:32
 *     TAKEN     committed, nobody else's; goes back to the free lists
 *     FILLING   was a hole; being committed.  PUNCHING  was free; being given back
 *
 * Invariants
 *   A1  Runs tile the arena: the first and last descriptor of each tell kind and length;
 *       inner descriptors are never read.
 *   A2  slab.free = zeros in its bitmap; the class list holds the slabs with free > 0.
 *   A3  Each allocated block is in exactly one place: a magazine, a limbo, or one owner.
 *   A4  hot.pages_free, pages_hole and committed_bytes are the sums over the runs; memory
 *       that is FILLING or PUNCHING counts as committed.
 *   A5  A HOLE starts and ends at a unit; the bits of its units are 0. The bits of all
 *       other units are 1, but of a FILLING or PUNCHING run.
 *   A6  Nobody can take a run that is being punched or committed: it is in no list. (A
 *       puncher that was stopped would destroy what the next owner wrote.)
 *   A7  No lock is held over commit, punch, or the clearing of a new slab.
 *
 * Ordering
 *   PAIR lock: class lists, bitmaps and slab counts under the class lock; runs, their
 *   descriptors and counters under the extent lock. A class lock may be followed by the
 *   extent lock (rank), though nothing here needs both.
 *   PAIR arena.units: bits are set before the run is listed or owned, and cleared before
 *   the punch.
 *
 * Death
 *   in any transaction      journal/journal.h
 *   TAKEN in a context      tg_arena_settle by the next borrower: to the free lists
 *   FILLING, PUNCHING       ... : bits cleared, punched again, listed as HOLE
 *   blocks in a magazine    stay there for the next borrower
 *
 * Giving memory back, and readers
 *   A page is freed after the grace period, so only an expelled reader can still look
 *   at it, and a load from a punched page would allocate it again, or fault when the file
 *   system is full. So nothing is punched while any context is EXPELLED. Whoever becomes
 *   EXPELLED after that look began its section after the page was unlinked and has no
 *   ref to it. What remains: such a reader takes garbage out of recycled memory for a
 *   ref, finds the unit's bit still set, and loads after the punch, all within the few
 *   instructions between tg_at and the load.
 *
 * Progress: blocking by the two locks; a refill is one transaction, a flush one for up to
 *   40 entries. TG_FULL when the limit or the file system says so and no free run fits;
 *   memory that a stopped process is committing or punching is not available.
 *
 * API: below; arena/classes.h; arena/verify.h.
 */
#ifndef TG_ARENA_ARENA_H
#define TG_ARENA_ARENA_H

#include "../journal/journal.h"
#include "../owner/lock.h"
#include "classes.h"

/* All calls: a HELD context, no lock held, the log empty, unless said otherwise. Besides
 * what is named: TG_TIMEOUT and TG_INTERRUPTED from a lock; TG_CORRUPT. After an error
 * context.run may be in use: tg_arena_settle. */

/* Once, on a zeroed image, before anybody else: everything is one hole. */
TG_MUST_CHECK tg_status tg_arena_format(struct tg_local *local);

/* ---- blocks ------------------------------------------------------------------ */

TG_MUST_CHECK tg_status tg_magazine_refill(struct tg_call *call, uint32_t class, uint32_t count);
/* Flushes until `keep` are left; empty slabs go back to the runs. */
TG_MUST_CHECK tg_status tg_magazine_flush(struct tg_call *call, uint32_t class, uint32_t keep);

/* Are the top `count` entries places where a block can be? Garbage is found before it is used. */
static inline bool tg_blocks_sound(struct tg_call *call, uint32_t class, uint32_t count) {
    struct tg_local *local = call->local;
    const tg_a32 *top = tg_magazine(local, call->context, class);
    top += tg_load_relaxed32(top);
    for (uint32_t i = 0; i < count; i++)
        if (tg_at(local, tg_load_relaxed32(&top[0 - (int64_t)i]), tg_class_size(local, class)) ==
            NULL)
            return false;
    return true;
}

/* Afterwards the magazine holds at least `count` <= capacity blocks. TG_FULL, TG_INVALID.
 * May use context.run: take runs after all blocks are prepared. */
TG_MUST_CHECK static inline tg_status tg_block_prepare(struct tg_call *call, uint32_t class,
                                                       uint32_t count) {
    uint32_t have = tg_load_relaxed32(tg_magazine(call->local, call->context, class));
    if (TG_UNLIKELY(have < count || have > tg_magazine_capacity(call->local, class))) {
        tg_status status = tg_magazine_refill(call, class, count);
        if (status != TG_OK) return status;
    }
    return TG_LIKELY(tg_blocks_sound(call, class, count)) ? TG_OK : TG_CORRUPT;
}

/* The index-th block from the top; index < the prepared count. It remains the magazine's. */
static inline tg_ref tg_block_peek(struct tg_call *call, uint32_t class, uint32_t index) {
    const tg_a32 *magazine = tg_magazine(call->local, call->context, class);
    uint32_t count = tg_load_relaxed32(magazine);
    TG_CHECK(index < count && count <= tg_magazine_capacity(call->local, class));
    return tg_load_relaxed32(&magazine[count - index]);
}

/* Logs that the top `count` blocks leave the magazine (1 entry). At most once a class and
 * transaction, and not with tg_block_give of the same class. */
static inline void tg_block_take(struct tg_call *call, uint32_t class, uint32_t count) {
    tg_a32 *magazine = tg_magazine(call->local, call->context, class);
    uint32_t have = tg_load_relaxed32(magazine);
    TG_CHECK(count <= have);
    tg_log32(call, magazine, have - count);
}

/* Afterwards `count` more blocks fit: if need be about half of the magazine is flushed. */
TG_MUST_CHECK static inline tg_status tg_block_room(struct tg_call *call, uint32_t class,
                                                    uint32_t count) {
    uint32_t capacity = tg_magazine_capacity(call->local, class);
    uint32_t have = tg_load_relaxed32(tg_magazine(call->local, call->context, class));
    if (TG_LIKELY(have <= capacity && count <= capacity - have)) return TG_OK;
    if (count > capacity) return TG_INVALID;
    return tg_magazine_flush(call, class,
                             capacity - count < capacity / 2 ? capacity - count : capacity / 2);
}

/* Logs `ref` into the magazine (1 entry); may be repeated within a transaction. The caller
 * has validated that it is a block of this class (tg_class_of_ref). */
void tg_block_give(struct tg_call *call, uint32_t class, tg_ref ref);

/* ---- runs of pages ------------------------------------------------------------- */

static inline uint32_t tg_pages_for(const struct tg_local *local, uint64_t size) {
    uint64_t pages = (size >> local->header.page_shift) +
                     ((size & ((1ull << local->header.page_shift) - 1)) != 0);
    return pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
}

static inline tg_ref tg_run_ref(const struct tg_local *local, uint32_t first) {
    return (tg_ref)(tg_page_offset(local, first) >> local->header.ref_shift);
}

/* The run that starts at `ref` and has `pages` pages; false: there is none. */
bool tg_run_of_ref(const struct tg_local *local, tg_ref ref, uint32_t pages, uint32_t *first);

/* A committed run, owned by context.run. TG_FULL, TG_INVALID. */
TG_MUST_CHECK tg_status tg_run_take(struct tg_call *call, uint32_t pages, uint32_t *first);
/* The same, beginning at a multiple of `pages`, a power of two up to a unit. */
TG_MUST_CHECK tg_status tg_run_take_aligned(struct tg_call *call, uint32_t pages, uint32_t *first);
/* Logs that context.run is somebody else's with this transaction (1 entry). */
static inline void tg_run_hand_over(struct tg_call *call) {
    tg_log64(call, &call->context->run, 0);
}
/* context.run goes back to the free lists. */
TG_MUST_CHECK tg_status tg_run_return(struct tg_call *call);

/* Frees a run as part of the caller's transaction. TG_OK: the extent lock is held and at
 * most 14 entries are logged; the caller adds its own, then calls tg_run_free_end, which
 * commits and unlocks. Otherwise: nothing is logged or locked. One run a transaction. */
TG_MUST_CHECK tg_status tg_run_free_begin(struct tg_call *call, uint32_t first, uint32_t pages);
void tg_run_free_end(struct tg_call *call);

/* ---- upkeep -------------------------------------------------------------------- */

TG_MUST_CHECK tg_status tg_arena_settle_run(struct tg_call *call);

/* Finishes what a dead borrower, or a failed call, left in context.run. Do it after
 * each tg_borrow. */
TG_MUST_CHECK static inline tg_status tg_arena_settle(struct tg_call *call) {
    if (TG_LIKELY(tg_load_relaxed64(&call->context->run) == 0)) return TG_OK;
    return tg_arena_settle_run(call);
}

/* Flushes the magazines of the call's context and of all idle ones, settles their runs, and
 * frees empty slabs. Waits for no context. */
TG_MUST_CHECK tg_status tg_arena_reclaim(struct tg_call *call);

/* Gives committed free memory back to the file system in whole units, until at most
 * `keep_bytes` of it are left. TG_BUSY: an expelled reader is in the way. */
TG_MUST_CHECK tg_status tg_arena_trim(struct tg_call *call, uint64_t keep_bytes);

/* For memory outside the arena that counts towards the limit (buckets). TG_OK: the extent
 * lock is held and the new sum is logged (1 entry); the caller commits and unlocks
 * (tg_run_free_end). TG_FULL: nothing is logged or locked. */
TG_MUST_CHECK tg_status tg_arena_charge_begin(struct tg_call *call, uint64_t bytes);

#endif
