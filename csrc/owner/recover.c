/* SPDX-License-Identifier: Apache-2.0 */
#include "recover.h"

#include "../journal/journal.h"
#include "lock.h"

static void poison(struct tg_local *local) {
    tg_store_relaxed32(&local->hot->state, TG_STATE_POISONED);
}

static void release_locks(struct tg_local *local, struct tg_context *context, uint32_t id) {
    for (uint32_t i = 0; i < TG_HELD_CAPACITY; i++) {
        uint64_t offset = tg_load_relaxed64(&context->held[i]);
        if (offset == 0) continue;
        if (TG_MUTANT(recover_clears_intents_first)) tg_store_relaxed64(&context->held[i], 0);
        if (offset % 8 || offset > local->header.file_size - 8)
            poison(local);
        else
            tg_lock_release_for(local, tg_at_offset(local, offset), id);
    }
    /* Only now: a second recoverer must find every intent of a half-released set. */
    for (uint32_t i = 0; i < TG_HELD_CAPACITY; i++)
        if (tg_load_relaxed64(&context->held[i])) tg_store_relaxed64(&context->held[i], 0);
}

bool tg_mend_contexts(struct tg_local *local, uint32_t process) {
    bool good = true;
    for (uint32_t id = 1, high = tg_context_high(local); id <= high; id++) {
        struct tg_context *context = tg_context_at(local, id);
        /* PAIR context.hand-over: what the last recoverer did, if it got that far. */
        uint64_t word = tg_load_acquire64(&context->word);
        if (TG_WORD_PROCESS1(word) != process + 1) continue;
        if (TG_MUTANT(recover_release_before_redo)) release_locks(local, context, id);
        if (TG_MUTANT(recover_idle_first))
            tg_store_relaxed64(&context->word, TG_WORD(TG_IDLE, 0, 0));
        if (!tg_journal_replay(local, context)) {
            poison(local);
            tg_store_relaxed64(&context->log_state, 0);
            good = false;
        }
        release_locks(local, context, id);
        tg_store_relaxed64(&context->wait_since_ns, 0);
        /* PAIR context.hand-over: the mended private fields before anybody borrows it. */
        tg_store_release64(&context->word, TG_WORD(TG_IDLE, 0, 0));
    }
    /* What the dead owed stays with the contexts: somebody is to look for it (names/change.h, Q6).
     * PAIR unsettled: the debts before the hint. */
    if (!TG_MUTANT(recover_forgets_debts)) tg_add_acqrel64(&local->hot->unsettled, 1);
    return good;
}

bool tg_mend_if_dead(struct tg_local *local, uint32_t process) {
    if (process == local->process || process >= local->header.process_count) return false;
    struct tg_os *os = local->os;
    if (os->ops->life_probe(os, process) != TG_LIFE_DEAD) return false;
    bool elected = !TG_MUTANT(recover_not_elected);
    if (elected && os->ops->life_take(os, process) != TG_OK) return false;
    struct tg_process *entry = &local->processes[process];
    /* PAIR process.state: FREE only after all is mended. Other end: tg_recover. */
    if (tg_load_acquire32(&entry->state) != TG_PROCESS_FREE) {
        (void)tg_mend_contexts(local, process);
        /* PAIR process.state: the contexts are idle before it says so. */
        tg_store_release32(&entry->state, TG_PROCESS_MENDED);
        tg_store_relaxed64(&local->hot->recovery_hint, 1);
    }
    if (elected) os->ops->life_drop(os, process);
    return true;
}
