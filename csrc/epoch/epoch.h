/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs: readers that write no shared line, and memory that outlives them.
 *
 * What
 *   A read section is a context in mode READ, stamped with the epoch at its entry. A
 *   block that was unlinked is reused only two grace steps later. A reader that was
 *   stopped is *expelled*: it may go on reading, but its result is thrown away.
 *   After epoch-based reclamation (Fraser 2004) and the grace-period cookies of the
 *   public RCU literature; the expulsion is ours.
 *
 * Bits and states
 *   hot.epoch counts up. A section carries e; `tag` of a limbo batch: the epoch read
 *   after the unlink and a full fence.
 *
 * Invariants
 *   E1  The epoch moves from g to g+1 only when a scan, begun at g, saw every READ
 *       context at g (or none).
 *   E2  A block is reused only when epoch >= tag + 2.
 *   E3  Writers need no section: what they read is kept by the locks they hold.
 *   E4  Only READ is expelled; results are used only after the exit check.
 *   E5  Nothing sleeps, allocates, takes a lock or drops a reference inside a section.
 *
 * Why two: at the tag, the unlink is visible. A reader that saw the block published its
 *   section before; its stamp e was read earlier still, so e <= tag, though the
 *   epoch may move once past a section that it read before and published after (the
 *   scan at tag passed before the publication). The scan at tag+1 sees it.
 *
 * Ordering
 *   PAIR epoch.section: entry is a seq_cst swap of the own word, then loads; the scan
 *   is a full fence, then loads of all words (Dekker).
 *   PAIR epoch.leave: exit is an acquire fence, a load of the own word, and a release
 *   store: the reads of a section that was not expelled are over before the scan passes.
 *   PAIR epoch.tag: the unlink, a full fence, then the load of the epoch.
 *
 * Death: a dead reader's context goes IDLE in recovery; nothing else to mend. A dead
 *   writer's untagged blocks stay in its context and are tagged later (later is safe).
 * Progress: readers: wait-free but for the borrowing of a context. The advance is
 *   blocked by a running reader for its section, by a stopped one until expulsion.
 *
 * API: tg_read_enter, tg_read_try, tg_read_leave, tg_read_to_held,
 *   tg_held_to_read; tg_epoch_advance;
 *   tg_cookie_get, tg_cookie_elapsed; tg_retire, tg_limbo_close, tg_limbo_ready.
 */
#ifndef TG_EPOCH_EPOCH_H
#define TG_EPOCH_EPOCH_H

#include "../journal/journal.h"
#include "../owner/context.h"

/* Starts a read section in the context that the hint names, if that is idle. */
static inline bool tg_read_try(struct tg_call *call) {
    uint64_t epoch = tg_load_relaxed64(&call->local->hot->epoch);
    return tg_hint_good(call) && TG_LIKELY(tg_borrow_try(call, call->hint, TG_READ, epoch));
}

/* Starts a read section. TG_OK, TG_NO_CONTEXT, TG_INTERRUPTED. */
TG_MUST_CHECK static inline tg_status tg_read_enter(struct tg_call *call) {
    return tg_read_try(call) ? TG_OK : tg_borrow_reading_slow(call);
}

static inline bool tg_read_still_valid(const struct tg_call *call) {
    /* PAIR epoch.leave: all reads of the section before the look at the own word. */
    tg_fence_acquire();
    if (TG_MUTANT(epoch_leave_unchecked)) return true;
    return tg_load_relaxed64(&call->context->word) == call->word;
}

/* Ends the section. False: expelled; whatever was read must be thrown away. */
TG_MUST_CHECK static inline bool tg_read_leave(struct tg_call *call) {
    bool valid = tg_read_still_valid(call);
    /* PAIR epoch.leave: our reads before the scan of tg_epoch_advance that passes us.
     * A late EXPELLED is erased: harmless, its author only wanted to pass. */
    tg_store_release64(&call->context->word, TG_WORD(TG_IDLE, 0, 0));
    call->context = NULL;
    call->id = 0;
    return valid;
}

/* The section becomes a writer's call. False: it was expelled; what was read is void, but the
 * context is ours as HELD all the same. */
TG_MUST_CHECK bool tg_read_to_held(struct tg_call *call);
/* A writer's call looks at something that no lock of its keeps: HELD -> READ. */
void tg_held_to_read(struct tg_call *call);

/* Tries to move the epoch on. Expels a section that has stood unchanged for `patience_ns`
 * (0: at once, TG_FOREVER: never). True when the epoch is beyond `from` now. */
bool tg_epoch_advance(struct tg_call *call, uint64_t from, uint64_t patience_ns);

/* A cookie for all sections that may have begun by now; never blocks, starts nothing. */
uint64_t tg_cookie_get(struct tg_local *local);
bool tg_cookie_elapsed(struct tg_local *local, uint64_t cookie);

/* Logs the retirement of `count` blocks, whose links are private (unlinked by the same
 * transaction): at most 4 entries. Blocks chained by their links: first .. last. */
void tg_retire(struct tg_call *call, void *block);

/* Tags the open blocks as a batch, when there are `least` of them. The log is empty. */
void tg_limbo_close(struct tg_call *call, uint32_t least);

/* The oldest batch whose grace period is over: its slot, or -1. */
int tg_limbo_ready(struct tg_call *call);

#endif
