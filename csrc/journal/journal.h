/* SPDX-License-Identifier: Apache-2.0 */
/* Mini-transactions: several words change as one, whatever instruction a kill hits.
 *
 * What
 *   A redo log of absolute stores in the call's context. tg_log32/tg_log64 write
 *   entries; tg_commit publishes their number, applies them in order, empties the log.
 *
 * Bits and states
 *   context.log_state: 0 empty, else the number of entries: committed.
 *   entry.where: offset of the word; bit 0 set = 64 bits wide.
 *
 * Invariants
 *   J1  Nothing visible changes before the log is committed.
 *   J2  A logged word is changed only under the locks held, or it is private to the
 *       context or to a block nobody else can reach. Lock words are never logged:
 *       a plain store would erase the bits of others.
 *   J3  Entries are absolute, so that replay is idempotent.
 *   J4  No lock is taken, and nothing sleeps, while the log is not empty.
 *   J5  Only the borrower applies its log; a recoverer does after the borrower is dead.
 *
 * Ordering: PAIR journal.commit: the entries before log_state (their reader is
 *   tg_journal_replay in the recoverer, which got the life token from the kernel).
 *   Each applied store is a release: who loads it with acquire sees the blocks that
 *   were filled before.
 *
 * Death
 *   before log_state = n   nothing happened; locks are released by the recoverer
 *   during the apply       replayed from the first entry; the locks are still the dead's
 *   after log_state = 0    only the locks remain
 *   in the recovery        the same again
 *
 * Progress: straight line.
 *
 * API: tg_log32, tg_log64, tg_log_room, tg_pending32, tg_pending64, tg_log_abandon,
 *   tg_commit, tg_commit_steps; tg_journal_replay for recovery.
 */
#ifndef TG_JOURNAL_JOURNAL_H
#define TG_JOURNAL_JOURNAL_H

#include "../region/call.h"

static inline uint64_t tg_log_bit(uint64_t where) {
    return 1ull << ((where >> 1) * 0x9e3779b97f4a7c15ull >> 58);
}

static inline void tg_log_entry(struct tg_call *call, uint64_t where, uint64_t value) {
    TG_CHECK(call->log_count < TG_LOG_CAPACITY);
    struct tg_log_entry *entry = &call->context->log[call->log_count++];
    tg_store_relaxed64(&entry->where, where);
    tg_store_relaxed64(&entry->value, value);
    call->logged |= tg_log_bit(where);
}

static inline void tg_log64(struct tg_call *call, tg_a64 *word, uint64_t value) {
    tg_log_entry(call, tg_offset_of(call->local, word) | 1, value);
}

static inline void tg_log32(struct tg_call *call, tg_a32 *word, uint32_t value) {
    tg_log_entry(call, tg_offset_of(call->local, word), value);
}

static inline uint32_t tg_log_room(const struct tg_call *call) {
    return TG_LOG_CAPACITY - call->log_count;
}

/* What a word will hold after this transaction: the log's value, or memory's. For words
 * that one transaction may change twice (two names in one bucket or directory). */
static inline uint64_t tg_pending(const struct tg_call *call, uint64_t where, uint64_t now) {
    if (TG_LIKELY(!(call->logged & tg_log_bit(where)))) return now;
    for (uint32_t i = call->log_count; i > 0; i--)
        if (tg_load_relaxed64(&call->context->log[i - 1].where) == where)
            return tg_load_relaxed64(&call->context->log[i - 1].value);
    return now;
}

static inline uint32_t tg_pending32(const struct tg_call *call, const tg_a32 *word) {
    uint32_t now = tg_load_relaxed32(word);
    if (TG_MUTANT(pending_ignored)) return now;
    return (uint32_t)tg_pending(call, tg_offset_of(call->local, word), now);
}

static inline uint64_t tg_pending64(const struct tg_call *call, const tg_a64 *word) {
    uint64_t now = tg_load_relaxed64(word);
    return tg_pending(call, tg_offset_of(call->local, word) | 1, now);
}

/* Forgets what was logged so far: nothing happens. */
static inline void tg_log_abandon(struct tg_call *call) {
    call->log_count = 0;
    call->logged = 0;
    call->retired = 0;
}

/* Makes all logged stores happen, in their order, or (when killed before) none. */
void tg_commit(struct tg_call *call);

/* A transaction whose stores are known where it is written: logged and applied from one list,
 * which the compiler unrolls when `count` is constant. As many tg_log32/64 and a tg_commit, but
 * nothing is loaded again. */
struct tg_step {
    void *word;
    uint64_t value;
    bool wide; /* 64 bits */
};

TG_HOT void tg_commit_steps(struct tg_call *call, const struct tg_step *steps, uint32_t count) {
    struct tg_context *context = call->context;
    tg_call_in_no_section(call);
    TG_ASSERT(call->log_count == 0 && count <= TG_LOG_CAPACITY);
#pragma GCC unroll 16
    for (uint32_t i = 0; i < count; i++) {
        uint64_t where = tg_offset_of(call->local, steps[i].word) | steps[i].wide;
        tg_store_relaxed64(&context->log[i].where, where);
        tg_store_relaxed64(&context->log[i].value, steps[i].value);
    }
    uint32_t logged = TG_MUTANT(journal_step_unlogged) ? count - 1 : count;
    /* PAIR journal.commit: the entries before their number. Other end: tg_journal_replay. */
    tg_store_release64(&context->log_state, logged);
#pragma GCC unroll 16
    for (uint32_t i = 0; i < count; i++) {
        /* PAIR publish: as in the journal's apply. */
        if (steps[i].wide)
            tg_store_release64((tg_a64 *)steps[i].word, steps[i].value);
        else
            tg_store_release32((tg_a32 *)steps[i].word, (uint32_t)steps[i].value);
    }
    /* PAIR journal.commit: all applied before the log reads as empty. */
    tg_store_release64(&context->log_state, 0);
}

/* Applies a dead context's committed log. False when an entry points outside the file. */
bool tg_journal_replay(struct tg_local *local, struct tg_context *context);

#endif
