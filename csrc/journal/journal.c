/* SPDX-License-Identifier: Apache-2.0 */
#include "journal.h"

static void apply(struct tg_local *local, struct tg_context *context, uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        uint64_t where = tg_load_relaxed64(&context->log[i].where);
        uint64_t value = tg_load_relaxed64(&context->log[i].value);
        void *word = tg_at_offset(local, where & ~1ull);
        /* PAIR publish: blocks and words written before become visible with this store. So
         * the order of a log is an order for readers: PAIR names.seq: ns_seq is odd before
         * the change and even after. PAIR split: the new bucket counts before the old slots
         * are cleared. PAIR dir.reuse: a dir's generation before it is LIVE. */
        if (where & 1)
            tg_store_release64((tg_a64 *)word, value);
        else
            tg_store_release32((tg_a32 *)word, (uint32_t)value);
    }
}

void tg_commit(struct tg_call *call) {
    tg_call_in_no_section(call);
    struct tg_context *context = call->context;
    uint32_t count = call->log_count;
    if (TG_MUTANT(journal_apply_before_commit)) apply(call->local, context, 0, count);
    /* PAIR journal.commit: the entries before their number. Other end: tg_journal_replay. */
    tg_store_release64(&context->log_state, count);
    if (TG_MUTANT(journal_clear_before_apply)) tg_store_release64(&context->log_state, 0);
    apply(call->local, context, 0, count);
    /* PAIR journal.commit: all applied before the log reads as empty. */
    tg_store_release64(&context->log_state, 0);
    call->log_count = 0;
    call->logged = 0;
    call->retired = 0;
}

static bool entry_fits(const struct tg_local *local, uint64_t where) {
    uint64_t offset = where & ~1ull;
    uint64_t size = where & 1 ? 8 : 4;
    if (offset % size || offset < local->header.hot_offset) return false;
    return offset <= local->header.file_size - size;
}

bool tg_journal_replay(struct tg_local *local, struct tg_context *context) {
    /* PAIR journal.commit: the number, then the entries. The other end is tg_commit. */
    uint64_t count = tg_load_acquire64(&context->log_state);
    if (count == 0) return true;
    if (count > TG_LOG_CAPACITY) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!entry_fits(local, tg_load_relaxed64(&context->log[i].where))) return false;
    if (!TG_MUTANT(recover_skip_redo)) {
        uint32_t from = TG_MUTANT(recover_redo_second_entry_on) ? 1 : 0;
        apply(local, context, from, (uint32_t)count);
    }
    /* PAIR journal.commit: all applied before the log reads as empty. */
    tg_store_release64(&context->log_state, 0);
    return true;
}
