/* SPDX-License-Identifier: Apache-2.0 */
/* The repair: what the table says in sound records is the truth; all else follows from it.
 *
 *   sift      records and overflow lines that can't be are dropped, small lies corrected
 *   connect   directories are reached from the root through records; the rest is dropped
 *   prune     directories without a child go, and what they leave empty
 *   rebuild   (verify_rebuild.c) memory and child lists
 * dir.reap_next holds the record that owns the directory meanwhile. */
#include "../owner/lock.h"
#include "../region/region.h"
#include "verify_state.h"

static void done(struct tg_check *check, uint64_t where, const char *what, const char *deed) {
    tg_check_say(check, "repair", where, what, deed);
}

/* ---- words ---------------------------------------------------------------------------- */

static void free_lock(struct tg_check *check, tg_a64 *lock) {
    uint64_t word = tg_load_relaxed64(lock), kept = (uint64_t)tg_word_value(word) << 32;
    if (word == kept) return;
    done(check, tg_check_where(check, lock), "a lock", "was set free");
    tg_store_relaxed64(lock, kept);
}

static void free_locks(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_hot *hot = local->hot;
    free_lock(check, &hot->ns_lock);
    free_lock(check, &hot->gate_lock);
    free_lock(check, &hot->grow_lock);
    free_lock(check, &hot->reap_lock);
    free_lock(check, &hot->extent_lock);
    for (uint32_t i = 0; i < TG_STRIPES; i++) free_lock(check, &hot->stripes[i].lock);
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++)
        free_lock(check, &local->classes[class].lock);
    for (uint32_t i = 0; i < local->header.process_count; i++)
        free_lock(check, &local->processes[i].lock);
    uint64_t lines = tg_load_relaxed64(&hot->buckets_committed);
    for (uint64_t i = 0; i < lines; i++) free_lock(check, &local->buckets[i].lock);
}

/* Redoes what was committed, then empties it: nothing is in limbo, nothing in hand. */
static void empty_context(struct tg_check *check, uint32_t id) {
    struct tg_local *local = check->local;
    struct tg_context *context = tg_context_at(local, id);
    bool held = TG_WORD_MODE(tg_load_relaxed64(&context->word)) == TG_HELD;
    /* The log of an idle context is a lie: its entries are of long ago. */
    if (tg_load_relaxed64(&context->log_state) != 0)
        done(check, tg_check_where(check, context), "a log",
             held && tg_journal_replay(local, context) ? "was finished" : "was thrown away");
    uint64_t version_count = tg_load_relaxed64(&context->version_count) & 0xffffffffffffull;
    memset(context, 0, local->header.context_size);
    tg_store_relaxed64(&context->version_count, version_count);
}

/* A mark that is too high costs a longer look, and nothing else. */
static void raise_high(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint32_t count = local->header.context_count;
    bool lies = tg_load_relaxed64(&local->hot->context_high) > count;
    for (uint32_t id = tg_context_high(local) + 1; id <= count; id++)
        lies |= tg_load_relaxed64(&tg_context_at(local, id)->version_count) != 0;
    lies |= tg_context_high(local) < tg_load_relaxed32(&local->context_high);
    if (!lies) return;
    done(check, tg_check_where(check, &local->hot->context_high), "the mark of the contexts",
         "was raised");
    tg_store_relaxed64(&local->hot->context_high, count);
}

static void empty_process(struct tg_check *check, uint32_t index) {
    struct tg_local *local = check->local;
    struct tg_process *process = &local->processes[index];
    uint32_t state = index == local->process ? TG_PROCESS_LIVE : TG_PROCESS_FREE;
    if (tg_load_relaxed32(&process->state) == state) return;
    if (index != local->process)
        done(check, tg_check_where(check, process), "a process entry", "was set free");
    tg_store_relaxed32(&process->state, state);
}

/* Whoever made something is gone; what was known to be absent will be found out again. */
static void empty_board(struct tg_check *check) {
    struct tg_hot *hot = check->local->hot;
    for (uint32_t i = 0; i < TG_STRIPES; i++) {
        if (tg_load_relaxed32(&hot->claims[i]) == 0) continue;
        done(check, tg_check_where(check, &hot->claims[i]), "a stripe of the board", "was emptied");
        tg_store_relaxed32(&hot->claims[i], 0);
    }
}

static tg_status settle_words(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_hot *hot = local->hot;
    uint64_t seq = tg_load_relaxed64(&hot->ns_seq);
    tg_store_relaxed32(&hot->state, TG_STATE_POISONED);
    if (memcmp(local->base, &local->header, sizeof local->header) != 0) {
        done(check, 0, "the header", "was written again");
        memcpy(local->base, &local->header, sizeof local->header);
    }
    if (tg_load_relaxed64(&hot->epoch) == 0) tg_store_relaxed64(&hot->epoch, 1);
    for (uint32_t id = 1; id <= local->header.context_count; id++) empty_context(check, id);
    raise_high(check);
    for (uint32_t i = 0; i < local->header.process_count; i++) empty_process(check, i);
    empty_board(check);
    if (seq & 1) tg_store_relaxed64(&hot->ns_seq, seq + 1);
    tg_status status = tg_repair_pages(check);
    if (status != TG_OK) return status;
    /* What these two say can't be found out from anything else. */
    if (tg_dir_at(local, tg_load_relaxed32(&hot->root)) == NULL || !tg_region_hot_good(local)) {
        done(check, tg_check_where(check, hot), "the store", "is beyond repair");
        return TG_CORRUPT;
    }
    free_locks(check);
    return TG_OK;
}

/* ---- records ---------------------------------------------------------------------------- */

void tg_repair_each(struct tg_check *check, tg_repair_visit *visit) {
    struct tg_local *local = check->local;
    uint64_t count = tg_load_relaxed64(&local->hot->buckets);
    for (uint64_t i = 0; i < count; i++) {
        struct tg_line *line = &local->buckets[i];
        while (line != NULL) {
            for (uint32_t slot = 0; slot < TG_LINE_SLOTS; slot++) {
                tg_ref ref = tg_load_relaxed32(&line->slot[slot]);
                struct tg_record *record = ref ? tg_record_at(local, ref) : NULL;
                if (record != NULL) visit(check, &line->slot[slot], record);
            }
            tg_ref next = tg_load_relaxed32(&line->next);
            line = next ? tg_at(local, next, sizeof *line) : NULL;
        }
    }
}

static void drop(struct tg_check *check, tg_a32 *slot, const char *why) {
    done(check, tg_check_at(check, tg_load_relaxed32(slot)), "a record was dropped", why);
    tg_store_relaxed32(slot, 0);
}

/* Takes flags away, with the words that belong to them. False: nothing would be left. */
static bool strip(struct tg_check *check, tg_a32 *slot, struct tg_record *record, uint32_t flags,
                  const char *why) {
    uint32_t meta = tg_load_relaxed32(&record->meta), before = TG_META_FLAGS(meta);
    uint32_t after = before & ~flags, name_size = TG_META_NAME(meta);
    tg_ref dir = tg_record_dir(record), object = tg_record_object(record);
    if (after == 0) {
        drop(check, slot, why);
        return false;
    }
    done(check, tg_check_at(check, tg_load_relaxed32(slot)),
         flags & TG_RECORD_DIR ? "a record lost its children" : "a record lost its value", why);
    bool keeps_value = after & TG_RECORD_VALUE;
    uint32_t word = 0;
    memmove(&record->tail[tg_record_words(after)], &record->tail[tg_record_words(before)],
            name_size + (keeps_value ? tg_load_relaxed32(&record->size) : 0));
    if (after & TG_RECORD_DIR) tg_store_relaxed32(&record->tail[word++], dir);
    if (after & TG_RECORD_OBJECT) tg_store_relaxed32(&record->tail[word], object);
    if (!keeps_value) tg_store_relaxed32(&record->size, 0);
    if (!(after & TG_RECORD_OBJECT) && !keeps_value) {
        tg_store_relaxed64(&record->version, 0);
        tg_store_relaxed32(&record->expiry, 0);
    }
    tg_store_relaxed32(&record->meta,
                       TG_META(TG_META_SLOT(meta), name_size, after, TG_META_CODEC(meta)));
    return true;
}

/* ---- sift --------------------------------------------------------------------------------- */

static const uint32_t VALUE = TG_RECORD_VALUE | TG_RECORD_OBJECT;

static void give_version(struct tg_check *check, struct tg_record *record) {
    struct tg_local *local = check->local;
    tg_a64 *counter = &tg_context_at(local, 1)->version_count;
    uint64_t count = tg_load_relaxed64(counter) + 1;
    tg_store_relaxed64(counter, count);
    uint64_t plain = 1ull << 48 | (count & 0xffffffffffffull);
    tg_store_relaxed64(&record->version, plain * local->header.version_key & 0x7fffffffffffffffull);
    done(check, tg_check_where(check, record), "a record", "got a new version");
}

/* The object must be whole and nobody else's; what it says of itself is corrected. */
static const char *sift_object(struct tg_check *check, struct tg_record *record) {
    struct tg_local *local = check->local;
    struct tg_object *object = tg_record_object_at(local, record);
    if (object == NULL) return "its object is none";
    const char *problem = tg_check_object(local, object);
    if (problem != NULL) return problem;
    if (check->options->deep && !tg_check_sum_good(local, object)) return "its checksum is wrong";
    if (!tg_check_take_value(check, tg_ref_of(local, object))) return "its object is not its own";
    tg_store_relaxed32(&object->state, TG_OBJECT_LINKED);
    tg_store_relaxed64(&object->version, tg_load_relaxed64(&record->version));
    return NULL;
}

/* What the record says by itself, and its place. False: it was dropped. */
static bool sift_name(struct tg_check *check, struct tg_line *head, struct tg_line *line,
                      uint32_t number, struct tg_record *record) {
    struct tg_local *local = check->local;
    tg_a32 *slot = &line->slot[number];
    tg_ref parent = tg_load_relaxed32(&record->parent);
    struct tg_check_key key;
    tg_check_key_of(local, record, parent, &key);
    uint64_t tags = tg_load_relaxed64(&line->tags);
    uint32_t shift = 6 * number;
    if (tg_dir_at(local, parent) == NULL || tg_table_head(local, key.hash) != head) {
        drop(check, slot, "it is not where its name belongs");
        return false;
    }
    tg_store_relaxed32(&record->hash, (uint32_t)key.hash);
    tg_store_relaxed64(&line->tags, (tags & ~(63ull << shift)) | key.hash >> 58 << shift);
    bool corrupt = false;
    struct tg_record *first = tg_table_find(local, key.hash, parent, &key.name, &corrupt);
    if (first != record) {
        drop(check, slot, "another one has the same name");
        return false;
    }
    return true;
}

static void sift_record(struct tg_check *check, struct tg_line *head, struct tg_line *line,
                        uint32_t number) {
    struct tg_local *local = check->local;
    tg_a32 *slot = &line->slot[number];
    tg_ref ref = tg_load_relaxed32(slot);
    const char *rule = NULL, *problem = NULL;
    if (ref == 0) return;
    struct tg_record *record = tg_record_at(local, ref);
    if (record == NULL) {
        drop(check, slot, "there is none");
        return;
    }
    problem = tg_check_record(local, ref, record, &rule);
    if (problem != NULL && rule[0] == 'N') {
        drop(check, slot, problem);
        return;
    }
    if ((tg_record_flags(record) & TG_RECORD_DIR) &&
        tg_dir_at(local, tg_record_dir(record)) == NULL &&
        !strip(check, slot, record, TG_RECORD_DIR, "its directory is none"))
        return;
    if (!sift_name(check, head, line, number, record)) return;
    if (!tg_check_take_quietly(check, ref, TG_ANY_GENERAL_CLASS)) {
        drop(check, slot, "its memory is another's");
        return;
    }
    if (tg_record_has_value(record) &&
        !tg_check_version(local, tg_load_relaxed64(&record->version)))
        give_version(check, record);
    bool has_object = tg_record_flags(record) & TG_RECORD_OBJECT;
    problem = has_object ? sift_object(check, record) : NULL;
    if (problem != NULL) (void)strip(check, slot, record, VALUE, problem);
}

static void sift_bucket(struct tg_check *check, struct tg_line *head) {
    struct tg_local *local = check->local;
    struct tg_line *line = head;
    uint32_t length = 0;
    /* First the lines, so that looking for a name comes to an end. */
    for (; line != NULL; length++) {
        tg_ref next = tg_load_relaxed32(&line->next);
        if (next == 0) break;
        if (length + 1 >= TG_CHECK_CHAIN ||
            !tg_check_take_quietly(check, next, (int)tg_table_line_class(local))) {
            done(check, tg_check_where(check, line), "a bucket", "was cut off");
            tg_store_relaxed32(&line->next, 0);
            break;
        }
        line = tg_at(local, next, sizeof *line);
    }
    for (line = head; line != NULL;) {
        for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) sift_record(check, head, line, i);
        tg_ref next = tg_load_relaxed32(&line->next);
        line = next ? tg_at(local, next, sizeof *line) : NULL;
    }
}

/* ---- connect, prune ------------------------------------------------------------------------ */

static struct tg_dir *dir_of(struct tg_check *check, struct tg_record *record) {
    tg_ref ref = tg_record_dir(record);
    return ref ? tg_dir_at(check->local, ref) : NULL;
}

/* A directory belongs to the first record that leads there from the root. */
static void reach(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_dir *dir = dir_of(check, record);
    if (dir == NULL || !tg_check_seen(check, tg_load_relaxed32(&record->parent))) return;
    tg_ref ref = tg_record_dir(record), self = tg_load_relaxed32(slot);
    bool seen = tg_check_seen(check, ref);
    if (seen && tg_load_relaxed32(&dir->reap_next) == self) return;
    check->changed = true;
    if (seen || !tg_check_take_quietly(check, ref, (int)TG_CLASS_DIR(check->local))) {
        (void)strip(check, slot, record, TG_RECORD_DIR, "its directory is another's");
        return;
    }
    (void)tg_check_see(check, ref);
    tg_store_relaxed32(&dir->reap_next, self);
}

static void drop_unreached(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    if (!tg_check_seen(check, tg_load_relaxed32(&record->parent)))
        drop(check, slot, "no way leads there from the root");
}

static void clear_count(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_dir *dir = dir_of(check, record);
    (void)slot;
    if (dir) tg_store_relaxed32(&dir->count, 0);
}

static void count_child(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_dir *dir = tg_dir_at(check->local, tg_load_relaxed32(&record->parent));
    (void)slot;
    if (dir) tg_store_relaxed32(&dir->count, tg_load_relaxed32(&dir->count) + 1);
}

static void prune_childless(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_dir *dir = dir_of(check, record);
    if (dir == NULL || tg_load_relaxed32(&dir->count) != 0) return;
    (void)strip(check, slot, record, TG_RECORD_DIR, "its directory is empty");
    check->changed = true;
}

static void repair_names(struct tg_check *check) {
    struct tg_local *local = check->local;
    tg_ref root = tg_load_relaxed32(&local->hot->root);
    uint64_t count = tg_load_relaxed64(&local->hot->buckets);
    (void)tg_check_take_quietly(check, root, (int)TG_CLASS_DIR(local));
    (void)tg_check_see(check, root);
    for (uint64_t i = 0; i < count; i++) sift_bucket(check, &local->buckets[i]);
    tg_store_relaxed32(&tg_dir_at(local, root)->reap_next, 0);
    do {
        check->changed = false;
        tg_repair_each(check, reach);
    } while (check->changed);
    tg_repair_each(check, drop_unreached);
    do {
        check->changed = false;
        tg_repair_each(check, clear_count);
        tg_repair_each(check, count_child);
        tg_repair_each(check, prune_childless);
    } while (check->changed);
}

/* ---- the whole ------------------------------------------------------------------------------ */

tg_status tg_store_repair(struct tg_local *local, const struct tg_verify_options *options,
                          struct tg_report *report) {
    struct tg_check check;
    if (!tg_check_begin(&check, local, options, report)) return TG_INVALID;
    tg_status status = settle_words(&check);
    if (status == TG_OK) {
        repair_names(&check);
        status = tg_repair_memory(&check);
    }
    if (status == TG_OK) status = tg_repair_children(&check);
    if (status != TG_OK) return status;
    tg_store_release32(&local->hot->state, TG_STATE_GOOD); /* PAIR publish: all of the above */
    struct tg_report after = {.scratch = report->scratch, .scratch_size = report->scratch_size};
    status = tg_store_verify(local, options, &after);
    report->exact = after.exact;
    report->records = after.records;
    report->objects = after.objects;
    report->dirs = after.dirs;
    report->blocks = after.blocks;
    report->pages = after.pages;
    report->leaked_bytes = after.leaked_bytes;
    return status == TG_OK && after.violation_count ? TG_CORRUPT : status;
}
