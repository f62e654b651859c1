/* SPDX-License-Identifier: Apache-2.0 */
/* The checker on a store in use.
 *
 * Is it quiet? A sum over all contexts (logs, counters, limbo, magazines) that is the same
 * before and after, with no writer at either end: every transaction leaves its log behind.
 * If so, what was checked meanwhile stood still. If not, each bucket is looked at in a
 * section of its own; the count in its lock says whether it stood still for that long. */
#include "../owner/lock.h"
#include "../region/region.h"
#include "store.h"
#include "verify_state.h"

enum { ATTEMPTS = 4, LOOKS = 16 };

/* ---- quiet ---------------------------------------------------------------------------- */

/* False: somebody writes. */
static bool sum_contexts(const struct tg_local *local, uint64_t *sum) {
    static const uint64_t key[2] = {0x243f6a8885a308d3ull, 0x13198a2e03707345ull};
    uint64_t state = key[0];
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        const struct tg_context *context = tg_context_at(local, id);
        /* PAIR context.hand-over: IDLE, then what the last borrower left. */
        enum tg_mode mode = TG_WORD_MODE(tg_load_acquire64(&context->word));
        if (mode == TG_HELD) return false;
        const tg_a64 *word = &context->log_state;
        const tg_a64 *end = (const tg_a64 *)((const uint8_t *)context + local->header.context_size);
        for (; word < end; word++) state = tg_fold(state ^ tg_load_relaxed64(word), key[1]);
    }
    *sum = state;
    return true;
}

/* TG_RETRY: somebody wrote meanwhile. The section keeps the memory from being punched, also
 * when it is expelled (arena/arena.h), so it may take its time. */
static tg_status verify_quiet(struct tg_call *call, bool deep, struct tg_report *report) {
    struct tg_local *local = call->local;
    uint64_t before, after;
    if (!sum_contexts(local, &before)) return TG_RETRY;
    tg_status status = tg_read_enter(call);
    if (status != TG_OK) return status;
    struct tg_verify_options options = {.deep = deep, .own = call->id};
    status = tg_store_verify(local, &options, report);
    (void)!tg_read_leave(call);
    /* PAIR publish: what the check saw of a transaction, then the log of that transaction. */
    tg_fence_acquire();
    if (status == TG_OK && (!sum_contexts(local, &after) || after != before)) return TG_RETRY;
    return status == TG_BUSY ? TG_RETRY : status;
}

/* ---- one bucket -------------------------------------------------------------------------- */

struct finding {
    const char *rule, *problem; /* NULL: nothing */
    tg_ref ref;
};

/* Does the parent list the record where it says? */
static const char *parent_problem(const struct tg_local *local, const struct tg_record *record,
                                  tg_ref ref) {
    tg_ref parent = tg_load_relaxed32(&record->parent);
    tg_ref chunk_ref = tg_load_relaxed32(&record->chunk);
    uint32_t slot = TG_META_SLOT(tg_load_relaxed32(&record->meta));
    const struct tg_dir *dir = tg_dir_at(local, parent);
    if (dir == NULL) return "the directory it is in is none";
    if (tg_load_relaxed32(&dir->state) == TG_DIR_FREE) return "the directory it is in is free";
    if (chunk_ref == 0)
        return slot < TG_DIR_SLOTS && tg_load_relaxed32(&dir->slot[slot]) == ref
                   ? NULL
                   : "its directory does not list it";
    const struct tg_chunk *chunk = tg_at(local, chunk_ref, sizeof *chunk);
    bool listed = chunk && slot < TG_CHUNK_SLOTS && tg_load_relaxed32(&chunk->dir) == parent &&
                  tg_load_relaxed32(&chunk->slot[slot]) == ref;
    return listed ? NULL : "its chunk does not list it";
}

static struct finding look_at(struct tg_local *local, struct tg_line *head, tg_ref ref,
                              struct tg_report *count) {
    struct finding finding = {.rule = "N1", .ref = ref};
    struct tg_record *record = tg_record_at(local, ref);
    if (record == NULL) {
        finding.problem = "a slot leads nowhere";
        return finding;
    }
    finding.problem = tg_check_record(local, ref, record, &finding.rule);
    if (finding.problem != NULL) return finding;
    bool corrupt = false;
    struct tg_check_key key;
    tg_ref parent = tg_load_relaxed32(&record->parent);
    tg_check_key_of(local, record, parent, &key);
    finding.rule = "N1";
    if ((uint32_t)key.hash != tg_load_relaxed32(&record->hash))
        finding.problem = "its hash is not that of its name";
    else if (tg_table_head(local, key.hash) != head)
        finding.problem = "it is in another bucket than its hash";
    else if (tg_table_find(local, key.hash, parent, &key.name, &corrupt) != record)
        finding.problem = "another one is found under its name";
    if (finding.problem != NULL) return finding;
    finding.rule = "D5";
    finding.problem = parent_problem(local, record, ref);
    count->records++;
    count->objects += tg_record_object(record) != 0;
    count->dirs += tg_record_dir(record) != 0;
    return finding;
}

static struct finding look_at_bucket(struct tg_local *local, struct tg_line *head,
                                     struct tg_report *count) {
    struct finding finding = {NULL, NULL, 0};
    struct tg_line *line = head;
    for (uint32_t length = 0; length < TG_CHECK_CHAIN; length++) {
        for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
            /* PAIR publish: a record is filled before its slot names it. */
            tg_ref ref = tg_load_acquire32(&line->slot[i]);
            if (ref == 0) continue;
            finding = look_at(local, head, ref, count);
            if (finding.problem != NULL) return finding;
        }
        tg_ref next = tg_load_acquire32(&line->next); /* PAIR publish: as above */
        if (next == 0) return finding;
        if (tg_class_of_ref(local, next) != (int)tg_table_line_class(local))
            return (struct finding){"T2", "an overflow line is none", next};
        line = tg_at(local, next, sizeof *line);
        if (line == NULL) return (struct finding){"T2", "an overflow line is none", next};
    }
    return (struct finding){"T2", "the bucket has no end", tg_ref_of(local, line)};
}

/* *still: nobody had the bucket's lock meanwhile, so the finding is a fact. */
static tg_status look_once(struct tg_call *call, struct tg_line *head, struct finding *finding,
                           struct tg_report *count, bool *still) {
    tg_status status = tg_read_enter(call);
    *count = (struct tg_report){0};
    *finding = (struct finding){NULL, NULL, 0};
    *still = false;
    if (status != TG_OK) return status;
    /* PAIR lock: the last owner's stores, then the bucket. */
    uint64_t before = tg_load_acquire64(&head->lock);
    bool unowned = tg_word_owner(before) == 0;
    if (unowned) *finding = look_at_bucket(call->local, head, count);
    /* PAIR lock: all that was read, then the second look at the lock. */
    tg_fence_acquire();
    uint64_t after = tg_load_relaxed64(&head->lock);
    *still = tg_read_leave(call) && unowned && tg_word_owner(after) == 0 &&
             tg_word_value(after) == tg_word_value(before);
    return TG_OK;
}

static tg_status check_bucket(struct tg_call *call, struct tg_line *head,
                              struct tg_report *report) {
    struct tg_check check = {.local = call->local, .report = report};
    struct finding first = {NULL, NULL, 0}, again = first;
    struct tg_report count;
    uint32_t seen = 0;
    for (uint32_t looks = 0; looks < LOOKS; looks++) {
        bool still;
        tg_status status = look_once(call, head, &again, &count, &still);
        if (status != TG_OK) return status;
        if (!still) continue; /* in use: whoever has it will find what is wrong */
        if (again.problem == NULL) break;
        if (seen++ == 0 || again.problem != first.problem || again.ref != first.ref) {
            first = again;
            continue;
        }
        tg_check_say(&check, again.rule, tg_check_at(&check, again.ref), "a record", again.problem);
        break;
    }
    report->records += count.records;
    report->objects += count.objects;
    report->dirs += count.dirs;
    return TG_OK;
}

/* ---- global words ----------------------------------------------------------------------- */

static bool owner_is_good(const struct tg_local *local, const tg_a64 *lock) {
    uint32_t owner = tg_word_owner(tg_load_relaxed64(lock));
    return owner == 0 || tg_context_checked(local, owner) != NULL;
}

void tg_check_words(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_hot *hot = local->hot;
    const tg_a64 *const locks[] = {&hot->ns_lock, &hot->gate_lock, &hot->grow_lock, &hot->reap_lock,
                                   &hot->extent_lock};
    if (memcmp(local->base, &local->header, sizeof local->header) != 0)
        tg_check_say(check, "header", 0, "the header", "is not what was checked");
    if (!tg_region_hot_good(local) && !tg_region_hot_good(local))
        tg_check_say(check, "hot", tg_check_where(check, hot), "a global word",
                     "is out of its range");
    if (tg_load_relaxed32(&hot->state) != TG_STATE_GOOD)
        tg_check_say(check, "hot", tg_check_where(check, hot), "the store", "is poisoned");
    for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
        if (!owner_is_good(local, locks[i]))
            tg_check_say(check, "K1", tg_check_where(check, locks[i]), "a lock",
                         "its owner is no context");
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        const struct tg_context *context = tg_context_at(local, id);
        uint64_t word = tg_load_relaxed64(&context->word);
        if (TG_WORD_MODE(word) > TG_EXPELLED ||
            TG_WORD_PROCESS1(word) > local->header.process_count ||
            (TG_WORD_MODE(word) != TG_IDLE && TG_WORD_PROCESS1(word) == 0))
            tg_check_say(check, "O2", tg_check_where(check, context), "a context",
                         "its word can't be");
        /* PAIR context.high: its word, then the mark, which rose before. */
        tg_fence_acquire();
        if (word != 0 && id > tg_context_high(local))
            tg_check_say(check, "O4", tg_check_where(check, context), "a context",
                         "is used, and above the mark");
    }
    for (uint32_t i = 0; i < local->header.process_count; i++)
        if (tg_load_relaxed32(&local->processes[i].state) > TG_PROCESS_MENDED)
            tg_check_say(check, "T1", tg_check_where(check, &local->processes[i]),
                         "a process entry", "its state is none");
}

tg_status tg_verify_live(struct tg_call *call, struct tg_report *report) {
    struct tg_local *local = call->local;
    struct tg_check check = {.local = local, .report = report};
    tg_check_clear_report(report);
    tg_check_words(&check);
    uint64_t count = tg_load_acquire64(&local->hot->buckets); /* PAIR split: then the buckets */
    if (count > tg_load_relaxed64(&local->hot->buckets_committed) ||
        count > local->header.bucket_capacity)
        return TG_OK; /* reported above */
    for (uint64_t i = 0; i < count; i++) {
        tg_status status = check_bucket(call, &local->buckets[i], report);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}

/* ---- the call of tryget.h ------------------------------------------------------------------ */

uint64_t tg_verify_scratch(struct tg_store *store) { return tg_verify_scratch_size(&store->local); }

tg_status tg_verify(struct tg_store *store, uint32_t *hint, bool deep, struct tg_report *report) {
    struct tg_call call;
    tg_status status = TG_RETRY;
    if (store->readonly) return tg_verify_read(&store->local, deep, report);
    if (!tg_store_usable(store)) return TG_CLOSED;
    tg_call_begin(&call, &store->local, *hint, TG_FOREVER);
    bool room = report->scratch && report->scratch_size >= tg_verify_scratch(store);
    bool suspected = false;
    for (uint32_t i = 0; room && i < ATTEMPTS && status == TG_RETRY; i++) {
        status = verify_quiet(&call, deep, report);
        if (status != TG_OK || report->violation_count == 0 || suspected) continue;
        suspected = true; /* once more, to be sure */
        status = TG_RETRY;
    }
    if (status == TG_RETRY) status = tg_verify_live(&call, report);
    *hint = call.hint;
    return status;
}
