/* SPDX-License-Identifier: Apache-2.0 */
#include "epoch.h"

bool tg_read_to_held(struct tg_call *call) {
    /* PAIR epoch.leave: all reads of the section before the swap. */
    tg_fence_acquire();
    uint64_t read = call->word;
    uint64_t held = TG_WORD(TG_HELD, call->local->process + 1, tg_held_stamp(call));
    /* PAIR gate: a writer is published before it asks whether the gate is open. An expeller
     * may come between; EXPELLED is ours to leave, too. */
    uint64_t old = tg_xchg_seqcst64(&call->context->word, held);
    tg_fence_after_rmw();
    call->word = held;
    return old == read || TG_MUTANT(epoch_held_unchecked);
}

void tg_held_to_read(struct tg_call *call) {
    uint64_t epoch = tg_load_relaxed64(&call->local->hot->epoch);
    call->word = TG_WORD(TG_READ, call->local->process + 1, epoch);
    /* PAIR epoch.section: as tg_read_enter. */
    (void)tg_xchg_seqcst64(&call->context->word, call->word);
    tg_fence_after_rmw();
}

/* Has the section `word` of this context stood for the whole patience? The first to be
 * blocked by it notes when; the notes are hints, private to the process. */
static bool patience_is_over(struct tg_call *call, uint32_t id, uint64_t word,
                             uint64_t patience_ns) {
    if (patience_ns == 0) return true;
    if (patience_ns == TG_FOREVER) return false;
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    uint64_t now = os->ops->monotonic_ns(os);
    uint64_t suspect = TG_WORD(id, 0, TG_WORD_STAMP(word));
    if (tg_load_relaxed64(&local->suspect) != suspect) {
        tg_store_relaxed64(&local->suspect_since_ns, now);
        tg_store_relaxed64(&local->suspect, suspect);
        return false;
    }
    return now - tg_load_relaxed64(&local->suspect_since_ns) > patience_ns;
}

/* False: this section blocks the advance. */
static bool section_passes(struct tg_call *call, uint32_t id, uint64_t epoch,
                           uint64_t patience_ns) {
    struct tg_context *context = tg_context_at(call->local, id);
    /* PAIR epoch.section: after the scan's fence; who is not seen will see the unlink. */
    uint64_t word = tg_load_seqcst64(&context->word);
    if (TG_WORD_MODE(word) != TG_READ || TG_WORD_STAMP(word) == (epoch & 0xffffffffffffull))
        return true;
    if (TG_MUTANT(epoch_ignore_readers)) return true;
    if (!patience_is_over(call, id, word, patience_ns)) return false;
    uint64_t expelled = (word & ~7ull) | TG_EXPELLED;
    /* PAIR epoch.leave: the reader's own look comes after, or its store has erased this. */
    return tg_cas_seqcst64(&context->word, &word, expelled) || TG_WORD_MODE(word) != TG_READ ||
           TG_WORD_STAMP(word) == (epoch & 0xffffffffffffull);
}

bool tg_epoch_advance(struct tg_call *call, uint64_t from, uint64_t patience_ns) {
    struct tg_local *local = call->local;
    /* PAIR epoch.section: the epoch that the scan is for, then its fence. */
    uint64_t epoch = tg_load_seqcst64(&local->hot->epoch);
    if (epoch > from) return true;
    /* PAIR epoch.section: the epoch is read, then the words (Dekker with tg_read_enter). */
    tg_fence_full();
    for (uint32_t id = 1, high = tg_context_high(local); id <= high; id++)
        if (!section_passes(call, id, epoch, patience_ns)) return false;
    if (TG_MUTANT(epoch_swap_blind)) epoch = tg_load_seqcst64(&local->hot->epoch);
    uint64_t old = epoch;
    /* PAIR epoch.leave: the sections that were seen to be over, before the new epoch. */
    (void)tg_cas_seqcst64(&local->hot->epoch, &old, epoch + 1);
    return true;
}

uint64_t tg_cookie_get(struct tg_local *local) {
    /* PAIR epoch.tag: what the caller unlinked, before the epoch is read. */
    tg_fence_full();
    return tg_load_seqcst64(&local->hot->epoch) + (TG_MUTANT(epoch_cookie_early) ? 1 : 2);
}

bool tg_cookie_elapsed(struct tg_local *local, uint64_t cookie) {
    /* PAIR epoch.leave: the sections of the cookie's time are over. */
    return tg_load_seqcst64(&local->hot->epoch) >= cookie;
}

void tg_retire(struct tg_call *call, void *block) {
    struct tg_context *context = call->context;
    tg_a32 *link = (tg_a32 *)((uint8_t *)block + TG_LINK_OFFSET);
    tg_ref ref = tg_ref_of(call->local, block);
    uint32_t count = call->retired;
    tg_ref head = count ? call->retired_head : tg_load_relaxed32(&context->limbo_open);
    uint32_t open = tg_load_relaxed32(&context->limbo_open_count) + count;
    tg_log32(call, link, head);
    if (head == 0) tg_log32(call, &context->limbo_open_tail, ref);
    tg_log32(call, &context->limbo_open, ref);
    tg_log32(call, &context->limbo_open_count, open + 1);
    call->retired = count + 1;
    call->retired_head = ref;
}

static uint64_t current_tag(struct tg_local *local) {
    if (TG_MUTANT(epoch_tag_stale)) return tg_load_relaxed64(&local->hot->epoch) - 1;
    if (TG_MUTANT(epoch_tag_unfenced)) return tg_load_relaxed64(&local->hot->epoch);
    /* PAIR epoch.tag: the unlinks that filled the batch, before the epoch is read. */
    tg_fence_full();
    return tg_load_seqcst64(&local->hot->epoch);
}

static struct tg_limbo_batch *batch_slot(struct tg_context *context, uint32_t index) {
    return &context->batch[index % TG_LIMBO_BATCHES];
}

/* All slots hold waiting batches: the open blocks join the newest, with the later tag. */
static bool join_newest(struct tg_call *call, uint32_t index, uint64_t tag) {
    struct tg_context *context = call->context;
    struct tg_limbo_batch *newest = batch_slot(context, index);
    tg_ref tail = tg_load_relaxed32(&context->limbo_open_tail);
    uint8_t *block = tg_at(call->local, tail, 8);
    if (block == NULL) return false; /* garbage: they stay open */
    tg_log32(call, (tg_a32 *)(block + TG_LINK_OFFSET), tg_load_relaxed32(&newest->head));
    tg_log32(call, &newest->head, tg_load_relaxed32(&context->limbo_open));
    tg_log32(call, &newest->count,
             tg_load_relaxed32(&newest->count) + tg_load_relaxed32(&context->limbo_open_count));
    if (!TG_MUTANT(limbo_join_keeps_tag)) tg_log64(call, &newest->tag, tag);
    return true;
}

void tg_limbo_close(struct tg_call *call, uint32_t least) {
    struct tg_context *context = call->context;
    uint32_t open = tg_load_relaxed32(&context->limbo_open_count);
    if (open == 0 || open < least) return;
    uint64_t tag = current_tag(call->local);
    uint32_t first = tg_load_relaxed32(&context->batch_first);
    uint32_t count = tg_load_relaxed32(&context->batch_count);
    if (count == TG_LIMBO_BATCHES) {
        if (!join_newest(call, first + count - 1, tag)) return;
    } else {
        struct tg_limbo_batch *batch = batch_slot(context, first + count);
        tg_log32(call, &batch->head, tg_load_relaxed32(&context->limbo_open));
        tg_log32(call, &batch->count, open);
        tg_log64(call, &batch->tag, tag);
        tg_log32(call, &context->batch_count, count + 1);
    }
    tg_log32(call, &context->limbo_open, 0);
    tg_log32(call, &context->limbo_open_tail, 0);
    tg_log32(call, &context->limbo_open_count, 0);
    tg_commit(call);
}

int tg_limbo_ready(struct tg_call *call) {
    struct tg_context *context = call->context;
    if (tg_load_relaxed32(&context->batch_count) == 0) return -1;
    uint32_t first = tg_load_relaxed32(&context->batch_first) % TG_LIMBO_BATCHES;
    uint64_t tag = tg_load_relaxed64(&context->batch[first].tag);
    uint64_t grace = TG_MUTANT(epoch_grace_one) ? 1 : 2;
    /* PAIR epoch.leave: readers of the batch are over before it is touched. */
    uint64_t epoch = tg_load_acquire64(&call->local->hot->epoch);
    return epoch >= tag + grace ? (int)first : -1;
}
