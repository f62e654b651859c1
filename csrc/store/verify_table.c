/* SPDX-License-Identifier: Apache-2.0 */
/* The table: each record once, where its hash says; what it owns is marked. */
#include "../names/lookup.h"
#include "../owner/lock.h"
#include "verify_state.h"

static uint32_t tag_at(const struct tg_line *line, uint32_t slot) {
    return (uint32_t)(tg_load_relaxed64(&line->tags) >> (slot * TG_TAG_BITS)) & TG_TAG_MASK;
}

void tg_check_take_object(struct tg_check *check, tg_ref ref, enum tg_object_state state,
                          const char *rule, const char *what) {
    struct tg_local *local = check->local;
    uint64_t where = tg_check_at(check, ref);
    if (!tg_check_take(check, ref, (int)TG_CLASS_OBJECT(local), rule, what)) return;
    struct tg_object *object = tg_object_at(local, ref);
    if (object == NULL) return;
    check->report->objects++;
    if (tg_load_relaxed32(&object->state) != state)
        tg_check_say(check, rule, where, what, "the object's state is another");
    const char *problem = tg_check_object(local, object);
    if (problem != NULL) {
        tg_check_say(check, "B2", where, what, problem);
        return;
    }
    uint32_t pages = tg_load_relaxed32(&object->pages);
    tg_ref payload = tg_load_relaxed32(&object->payload);
    bool taken = pages ? tg_check_take_run(check, payload, pages, "B2", "a payload")
                       : tg_check_take(check, payload, TG_ANY_GENERAL_CLASS, "B2", "a payload");
    if (taken && check->options->deep && state == TG_OBJECT_LINKED &&
        !tg_check_sum_good(local, object))
        tg_check_say(check, "B3", where, "a value", "its checksum is wrong");
}

/* What a sound record owns. */
static void take_owned(struct tg_check *check, struct tg_record *record) {
    struct tg_local *local = check->local;
    uint32_t flags = tg_record_flags(record);
    if (flags & TG_RECORD_OBJECT)
        tg_check_take_object(check, tg_record_object(record), TG_OBJECT_LINKED, "B1",
                             "the object of a record");
    if (flags & TG_RECORD_DIR)
        (void)tg_check_take(check, tg_record_dir(record), (int)TG_CLASS_DIR(local), "D6",
                            "the directory of a record");
    check->entries += tg_record_has_value(record);
    check->bytes += tg_record_block_bytes(local, record);
}

/* Is the same name in the bucket before this slot? */
static bool is_second(struct tg_check *check, struct tg_line *head, struct tg_line *last,
                      uint32_t slot, struct tg_record *record, const struct tg_check_key *key) {
    struct tg_local *local = check->local;
    uint32_t tag = tag_at(last, slot);
    for (struct tg_line *line = head; line != NULL;) {
        for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
            if (line == last && i == slot) return false;
            tg_ref ref = tg_load_relaxed32(&line->slot[i]);
            if (ref == 0 || tag_at(line, i) != tag) continue;
            uint32_t room;
            struct tg_record *other = tg_record_header_at(local, ref, &room);
            if (other && tg_record_matches(other, room, tg_load_relaxed32(&record->hash),
                                           tg_load_relaxed32(&record->parent), &key->name))
                return true;
        }
        if (line == last) return false;
        line = tg_at(local, tg_load_relaxed32(&line->next), sizeof *line);
    }
    return false;
}

static void check_slot(struct tg_check *check, struct tg_line *head, struct tg_line *line,
                       uint32_t slot) {
    struct tg_local *local = check->local;
    tg_ref ref = tg_load_relaxed32(&line->slot[slot]);
    if (ref == 0) return;
    uint64_t where = tg_check_at(check, ref);
    const char *rule;
    if (!tg_check_take(check, ref, TG_ANY_GENERAL_CLASS, "N1", "the record of a slot")) return;
    struct tg_record *record = tg_record_at(local, ref);
    if (record == NULL) {
        tg_check_say(check, "N3", where, "a record", "it leaves the arena");
        return;
    }
    check->report->records++;
    const char *problem = tg_check_record(local, ref, record, &rule);
    if (problem != NULL) {
        tg_check_say(check, rule, where, "a record", problem);
        if (rule[0] == 'N' || rule[0] == 'D') return; /* what it owns is not clear */
    }
    struct tg_check_key key;
    tg_check_key_of(local, record, tg_load_relaxed32(&record->parent), &key);
    if ((uint32_t)key.hash != tg_load_relaxed32(&record->hash))
        tg_check_say(check, "N1", where, "a record", "its hash is not that of its name");
    else if (tg_table_head(local, key.hash) != head)
        tg_check_say(check, "N1", where, "a record", "it is in another bucket than its hash");
    else if (key.hash >> (64 - TG_TAG_BITS) != tag_at(line, slot))
        tg_check_say(check, "N1", where, "a record", "its tag is wrong");
    else if (is_second(check, head, line, slot, record, &key))
        tg_check_say(check, "N2", where, "a record", "another one has the same name");
    take_owned(check, record);
}

static void check_bucket(struct tg_check *check, struct tg_line *head) {
    struct tg_local *local = check->local;
    struct tg_line *line = head;
    tg_check_lock(check, &head->lock, "the lock of a bucket");
    for (uint32_t length = 1;; length++) {
        for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) check_slot(check, head, line, i);
        tg_ref next = tg_load_relaxed32(&line->next);
        if (next == 0) return;
        if (!tg_check_take(check, next, (int)tg_table_line_class(local), "T2", "an overflow line"))
            return;
        if (length == TG_CHECK_CHAIN) {
            tg_check_say(check, "T2", tg_check_where(check, head), "a bucket", "has no end");
            return;
        }
        line = tg_at(local, next, sizeof *line);
        if (line == NULL) return;
    }
}

/* Garbage counts are reported with the other global words. */
static uint64_t lines_there(const struct tg_local *local, const tg_a64 *word) {
    uint64_t count = tg_load_relaxed64(word);
    uint64_t committed = tg_load_relaxed64(&local->hot->buckets_committed);
    if (committed > local->header.bucket_capacity) committed = local->header.bucket_unit;
    return count < committed ? count : committed;
}

void tg_check_table(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint64_t used = lines_there(local, &local->hot->buckets);
    uint64_t all = lines_there(local, &local->hot->buckets_committed);
    for (uint64_t i = 0; i < used; i++) check_bucket(check, &local->buckets[i]);
    /* Those beyond are private: a split that did not happen may have filled one. */
    for (uint64_t i = used; i < all; i++)
        tg_check_lock(check, &local->buckets[i].lock, "the lock of an unused bucket");
}

static void check_parent(struct tg_check *check, tg_ref ref) {
    struct tg_record *record = tg_record_at(check->local, ref);
    if (record == NULL || tg_check_seen(check, tg_load_relaxed32(&record->parent))) return;
    tg_check_say(check, "D6", tg_check_at(check, ref), "a record",
                 "no way leads to the directory it is in");
}

void tg_check_parents(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint64_t used = lines_there(local, &local->hot->buckets);
    for (uint64_t i = 0; i < used; i++) {
        struct tg_line *line = &local->buckets[i];
        for (uint32_t length = 0; line != NULL && length < TG_CHECK_CHAIN; length++) {
            for (uint32_t slot = 0; slot < TG_LINE_SLOTS; slot++)
                if (tg_load_relaxed32(&line->slot[slot]))
                    check_parent(check, tg_load_relaxed32(&line->slot[slot]));
            tg_ref next = tg_load_relaxed32(&line->next);
            line = next ? tg_at(local, next, sizeof *line) : NULL;
        }
    }
}
