/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include "../arena/slab.h"
#include "../arena/verify.h"
#include "../owner/lock.h"
#include "../region/region.h"
#include "verify_state.h"

/* ---- reports ---------------------------------------------------------------------- */

static size_t append(char *text, size_t at, size_t capacity, const char *more) {
    for (; *more && at + 1 < capacity; more++) text[at++] = *more;
    text[at] = 0;
    return at;
}

void tg_check_say(struct tg_check *check, const char *rule, uint64_t where, const char *what,
                  const char *problem) {
    struct tg_report *report = check->report;
    uint32_t index = report->violation_count;
    if (report->violation_count != UINT32_MAX) report->violation_count++;
    if (index >= report->violation_capacity || report->violations == NULL) return;
    struct tg_violation *violation = &report->violations[index];
    violation->rule = rule;
    violation->where = where;
    size_t at = append(violation->text, 0, sizeof violation->text, what);
    if (problem[0]) at = append(violation->text, at, sizeof violation->text, ": ");
    (void)append(violation->text, at, sizeof violation->text, problem);
}

void tg_check_pending(struct tg_check *check, const void *where, const char *what) {
    if (check->options->settled)
        tg_check_say(check, "pending", tg_check_where(check, where), what, "is not finished");
}

/* ---- words ------------------------------------------------------------------------- */

/* Somebody took the lock while we looked: the check is void, not the store. */
static bool is_taken_now(const struct tg_check *check, const tg_a64 *lock, uint64_t word) {
    const struct tg_context *owner = tg_context_checked(check->local, tg_word_owner(word));
    if (check->options->own == 0 || owner == NULL) return false;
    /* PAIR lock: it is released before its owner is IDLE again, so look at it last. */
    return TG_WORD_MODE(tg_load_acquire64(&owner->word)) != TG_IDLE ||
           tg_load_relaxed64(lock) != word;
}

void tg_check_lock(struct tg_check *check, const tg_a64 *lock, const char *what) {
    uint64_t word = tg_load_relaxed64(lock);
    if (is_taken_now(check, lock, word)) {
        check->disturbed = true;
        return;
    }
    uint64_t known = TG_LOCK_OWNER_MASK | TG_LOCK_HEIR_MASK | TG_LOCK_WAITERS | TG_LOCK_DEAD;
    const char *problem = NULL;
    if (tg_word_owner(word) != 0)
        problem = "a context owns it";
    else if (word & TG_LOCK_WAITERS)
        problem = "somebody waits though nobody owns it";
    else if (tg_word_heir(word) > check->local->header.context_count)
        problem = "its heir is no context";
    else if ((word & 0xffffffffu) & ~known)
        problem = "unknown bits";
    if (problem) tg_check_say(check, "K1", tg_check_where(check, lock), what, problem);
}

static void check_hot(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_hot *hot = local->hot;
    uint64_t where = tg_check_where(check, hot);
    if (memcmp(local->base, &local->header, sizeof local->header) != 0)
        tg_check_say(check, "header", 0, "the header", "is not what was checked");
    if (!tg_region_hot_good(local))
        tg_check_say(check, "hot", where, "a global word", "is out of its range");
    if (tg_load_relaxed32(&hot->state) != TG_STATE_GOOD)
        tg_check_say(check, "hot", where, "the store", "is poisoned");
    if (tg_load_relaxed64(&hot->ns_seq) & 1)
        tg_check_say(check, "X1", tg_check_where(check, &hot->ns_seq), "ns_seq", "is odd");
    tg_check_lock(check, &hot->ns_lock, "ns_lock");
    tg_check_lock(check, &hot->gate_lock, "gate_lock");
    tg_check_lock(check, &hot->grow_lock, "grow_lock");
    tg_check_lock(check, &hot->reap_lock, "reap_lock");
    tg_check_lock(check, &hot->extent_lock, "extent_lock");
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++)
        tg_check_lock(check, &local->classes[class].lock, "the lock of a class");
}

/* Is the word not 0 though the context is idle? */
static bool is_left(struct tg_check *check, const struct tg_context *context, const tg_a64 *word) {
    if (tg_load_relaxed64(word) == 0) return false;
    if (check->options->own == 0) return true;
    /* PAIR context.hand-over: it is 0 again before the context is IDLE. */
    for (int looks = 0; looks < 2; looks++) {
        if (TG_WORD_MODE(tg_load_acquire64(&context->word)) == TG_HELD) {
            check->disturbed = true;
            return false;
        }
        if (tg_load_relaxed64(word) == 0) return false;
    }
    return true;
}

/* Above the mark all is 0, as it was made. */
static void check_unused(struct tg_check *check, uint32_t id) {
    const struct tg_local *local = check->local;
    const struct tg_context *context = tg_context_at(local, id);
    const tg_a64 *word = &context->word;
    const tg_a64 *end = (const tg_a64 *)((const uint8_t *)context + local->header.context_size);
    while (word < end && tg_load_relaxed64(word) == 0) word++;
    /* PAIR context.high: what its borrower left, then the mark, which rose before. */
    tg_fence_acquire();
    if (word < end && id > tg_context_high(local))
        tg_check_say(check, "O4", tg_check_where(check, context), "a context",
                     "was used, and is above the mark");
}

static void check_contexts_high(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint32_t count = local->header.context_count;
    if (tg_load_relaxed64(&local->hot->context_high) > count)
        tg_check_say(check, "O4", tg_check_where(check, &local->hot->context_high),
                     "the mark of the contexts", "is above the last");
    for (uint32_t id = tg_context_high(local) + 1; id <= count; id++) check_unused(check, id);
}

static void check_context(struct tg_check *check, uint32_t id) {
    struct tg_context *context = tg_context_at(check->local, id);
    uint64_t where = tg_check_where(check, context);
    uint64_t word = tg_load_relaxed64(&context->word);
    bool reads = TG_WORD_MODE(word) == TG_READ || TG_WORD_MODE(word) == TG_EXPELLED;
    if (reads && check->options->own != 0) {
        check->readers |= id != check->options->own;
        return;
    }
    if (TG_WORD_MODE(word) == TG_HELD && check->options->own != 0) {
        check->disturbed = true;
        return;
    }
    if (word != 0) tg_check_say(check, "O1", where, "a context", "is not idle");
    if (is_left(check, context, &context->log_state))
        tg_check_say(check, "O1", where, "an idle context", "has a log");
    for (uint32_t i = 0; i < TG_HELD_CAPACITY; i++)
        if (is_left(check, context, &context->held[i]))
            tg_check_say(check, "O1", tg_check_where(check, &context->held[i]), "an idle context",
                         "has an intent");
    if (tg_load_relaxed64(&context->run) != 0)
        tg_check_pending(check, &context->run, "a run in a context's hand");
    if (tg_load_relaxed32(&context->orphan) != 0)
        tg_check_pending(check, &context->orphan, "a context's private directory");
}

static void check_process(struct tg_check *check, uint32_t index) {
    struct tg_local *local = check->local;
    struct tg_process *process = &local->processes[index];
    uint32_t state = tg_load_relaxed32(&process->state);
    tg_check_lock(check, &process->lock, "the lock of a process");
    if (state == TG_PROCESS_FREE) return;
    if (state > TG_PROCESS_MENDED) {
        tg_check_say(check, "T1", tg_check_where(check, process), "a process entry",
                     "its state is none");
        return;
    }
    bool dead = local->os->ops->life_probe(local->os, index) == TG_LIFE_DEAD;
    if (state == TG_PROCESS_MENDED || dead) tg_check_pending(check, process, "a death");
}

/* ---- the whole ----------------------------------------------------------------------- */

static void say_arena(void *state, const char *rule, uint64_t where, const char *text) {
    tg_check_say(state, rule, where, text, "");
}

static void count_page(void *state, uint32_t first, uint32_t pages, uint32_t id) {
    (void)first, (void)id;
    ((struct tg_check *)state)->report->pages += pages;
}

static void check_sums(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint64_t entries = 0, bytes = 0;
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        struct tg_context *context = tg_context_at(local, id);
        for (uint32_t i = 0; i < TG_GROUPS; i++) {
            entries += tg_load_relaxed64(&context->delta[i].entries);
            bytes += tg_load_relaxed64(&context->delta[i].bytes);
        }
    }
    if (entries != check->entries)
        tg_check_say(check, "sums", check->entries, "entries counted", "are not those found");
    if (bytes != check->bytes)
        tg_check_say(check, "sums", check->bytes, "bytes counted", "are not those found");
}

static void count_slabs(struct tg_check *check) {
    const struct tg_local *local = check->local;
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++)
        check->report->pages +=
            (uint64_t)tg_slab_pages(local) * tg_load_relaxed32(&local->classes[class].slabs);
    tg_arena_each_run(local, count_page, check);
}

static void check_all(struct tg_check *check) {
    struct tg_local *local = check->local;
    check_hot(check);
    for (uint32_t id = 1; id <= local->header.context_count; id++) check_context(check, id);
    check_contexts_high(check);
    for (uint32_t i = 0; i < local->header.process_count; i++) check_process(check, i);
    (void)tg_arena_verify(local, say_arena, check);
    count_slabs(check);
    tg_check_roots(check);
    tg_check_table(check);
    tg_check_dirs(check);
    tg_check_parents(check);
    tg_check_ledgers(check);
    tg_check_board(check);
    tg_check_limbo(check);
    tg_check_leaks(check);
    check_sums(check);
}

tg_status tg_store_verify(struct tg_local *local, const struct tg_verify_options *options,
                          struct tg_report *report) {
    struct tg_check check;
    if (!tg_check_begin(&check, local, options, report)) return TG_INVALID;
    report->exact = true;
    check_all(&check);
    return check.disturbed ? TG_BUSY : TG_OK;
}
