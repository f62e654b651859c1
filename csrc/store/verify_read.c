/* SPDX-License-Identifier: Apache-2.0 */
/* The checker of a store that is only read (reader/reader.h): bucket by bucket, out of copies.
 *
 * While the count in a bucket's lock stands still and nobody has the lock, what is linked in it
 * stays linked, so its object, the directory that lists it and the chunk are what they are. */
#include "../base/sum.h"
#include "../owner/lock.h"
#include "../reader/look.h"
#include "verify_state.h"

enum { LOOKS = 16, PIECE = 32768 };

struct finding {
    const char *rule, *problem; /* NULL: nothing */
    tg_ref ref;
};

/* One look at one bucket. */
struct scrutiny {
    struct tg_look look;
    const struct tg_line *head;
    bool deep;
    struct tg_report count;
    struct tg_copied copied;
    struct tg_copied_object object;
};

static const char *payload_problem(const struct tg_local *local,
                                   const struct tg_copied_object *object) {
    uint32_t class = tg_class_for(local, object->size ? object->size : 1), first;
    if (class == TG_CLASS_NONE) {
        if (object->pages != tg_pages_for(local, object->size))
            return "its pages don't fit its size";
        return tg_run_of_ref(local, object->payload, object->pages, &first)
                   ? NULL
                   : "its payload is no run";
    }
    if (object->pages != 0) return "a small payload has pages";
    return tg_class_of_ref(local, object->payload) == (int)class ? NULL : "its payload is no block";
}

static bool sum_is_good(struct scrutiny *scrutiny) {
    const struct tg_copied_object *object = &scrutiny->object;
    uint8_t piece[PIECE];
    struct tg_sum sum;
    uint64_t size, left = object->size;
    if (object->checksum == 0) return true; /* not computed */
    tg_sum_begin(&sum);
    do {
        size = left < PIECE ? left : PIECE;
        uint64_t from = object->size - left;
        if (!tg_look_copy(&scrutiny->look, object->payload, from, piece, size)) return false;
        left -= size;
        tg_sum_piece(&sum, piece, size / 32 * 32);
    } while (left > 0);
    return tg_sum_close(&sum, piece + size / 32 * 32, object->size) == object->checksum;
}

static const char *object_problem(struct scrutiny *scrutiny, const char **rule) {
    const struct tg_view *view = &scrutiny->copied.view;
    struct tg_copied_object *object = &scrutiny->object;
    *rule = "B1";
    if (!tg_look_object(&scrutiny->look, view->object, object)) return "its object is none";
    if (object->state != TG_OBJECT_LINKED) return "its object is not linked";
    if (object->version != view->version) return "its object has another version";
    *rule = "B2";
    const char *problem = payload_problem(scrutiny->look.local, object);
    if (problem != NULL) return problem;
    *rule = "B3";
    return scrutiny->deep && !sum_is_good(scrutiny) ? "its checksum is not that of its bytes"
                                                    : NULL;
}

/* Does the parent list the record where it says? */
static const char *parent_problem(struct scrutiny *scrutiny) {
    struct tg_look *look = &scrutiny->look;
    const struct tg_copied *copied = &scrutiny->copied;
    uint32_t slot = TG_META_SLOT(TG_COPIED32(copied->bytes, tg_record, meta));
    tg_ref chunk = TG_COPIED32(copied->bytes, tg_record, chunk);
    uint8_t state[4], dir[4], listed[4];
    if (tg_class_of_ref(look->local, copied->parent) != (int)TG_CLASS_DIR(look->local))
        return "the directory it is in is none";
    if (!tg_look_copy(look, copied->parent, offsetof(struct tg_dir, state), state, 4) ||
        tg_bytes4(state) == TG_DIR_FREE)
        return "the directory it is in is free";
    uint64_t slots = offsetof(struct tg_dir, slot);
    if (chunk == 0) {
        bool good = slot < TG_DIR_SLOTS &&
                    tg_look_copy(look, copied->parent, slots + 4 * slot, listed, 4) &&
                    tg_bytes4(listed) == copied->ref;
        return good ? NULL : "its directory does not list it";
    }
    slots = offsetof(struct tg_chunk, slot);
    bool good = slot < TG_CHUNK_SLOTS &&
                tg_look_copy(look, chunk, offsetof(struct tg_chunk, dir), dir, 4) &&
                tg_bytes4(dir) == copied->parent &&
                tg_look_copy(look, chunk, slots + 4 * slot, listed, 4) &&
                tg_bytes4(listed) == copied->ref;
    return good ? NULL : "its chunk does not list it";
}

static const char *record_problem(struct scrutiny *scrutiny, tg_ref ref, uint64_t tag,
                                  const char **rule) {
    struct tg_look *look = &scrutiny->look;
    struct tg_local *local = look->local;
    const struct tg_copied *copied = &scrutiny->copied;
    const struct tg_view *view = &copied->view;
    int class = tg_class_of_ref(local, ref);
    *rule = "N3";
    if (class < 0 || tg_class_type_stable(local, (uint32_t)class)) return "it is no block for one";
    if (!tg_look_record(look, ref, &scrutiny->copied)) return "its sizes can't be";
    if ((view->flags & TG_RECORD_VALUE) && (view->flags & TG_RECORD_OBJECT))
        return "it has two values";
    *rule = "N4";
    if ((view->flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT | TG_RECORD_DIR)) == 0)
        return "it has neither value nor children";
    bool has_value = view->flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT);
    *rule = "V1";
    if (has_value && !tg_check_version(local, view->version))
        return "its version was never given out";
    *rule = "D6";
    if (view->dir && tg_class_of_ref(local, view->dir) != (int)TG_CLASS_DIR(local))
        return "its directory is none";
    struct tg_component name = {(const char *)copied->name, copied->name_size};
    uint64_t hash = tg_component_hash(local, copied->parent, &name);
    *rule = "N1";
    if ((uint32_t)hash != copied->hash) return "its hash is not that of its name";
    if (tg_table_head(local, hash) != scrutiny->head)
        return "it is in another bucket than its hash";
    if (tg_tag_of(hash) != tag) return "its tag is not that of its hash";
    const char *problem = view->object ? object_problem(scrutiny, rule) : NULL;
    if (problem != NULL) return problem;
    *rule = "D5";
    problem = parent_problem(scrutiny);
    scrutiny->count.records++;
    scrutiny->count.objects += view->object != 0;
    scrutiny->count.dirs += view->dir != 0;
    return problem;
}

/* The line's words, whose refs and tags lie in a copy. */
static struct finding check_line(struct scrutiny *scrutiny, const uint8_t *line) {
    uint64_t tags = TG_COPIED64(line, tg_line, tags);
    for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
        tg_ref ref = tg_copied_slot(line + offsetof(struct tg_line, slot), i);
        uint64_t tag = tags >> (i * TG_TAG_BITS) & TG_TAG_MASK;
        struct finding finding = {.ref = ref};
        if (ref != 0) finding.problem = record_problem(scrutiny, ref, tag, &finding.rule);
        if (finding.problem != NULL) return finding;
    }
    return (struct finding){NULL, NULL, 0};
}

static struct finding check_chain(struct scrutiny *scrutiny) {
    const struct tg_local *local = scrutiny->look.local;
    uint8_t line[sizeof(struct tg_line)];
    tg_ref next = 0;
    tg_copy_racy(line, scrutiny->head, sizeof line);
    for (uint32_t length = 0; length < TG_CHECK_CHAIN; length++) {
        struct finding finding = check_line(scrutiny, line);
        if (finding.problem != NULL) return finding;
        next = TG_COPIED32(line, tg_line, next);
        if (next == 0) return finding;
        if (tg_class_of_ref(local, next) != (int)tg_table_line_class(local) ||
            !tg_look_copy(&scrutiny->look, next, 0, line, sizeof line))
            return (struct finding){"T2", "an overflow line is none", next};
    }
    return (struct finding){"T2", "the bucket has no end", next};
}

/* *still: nobody had the bucket's lock meanwhile, so the finding is a fact. */
static struct finding look_once(struct scrutiny *scrutiny, bool *still) {
    struct finding finding = {NULL, NULL, 0};
    scrutiny->count = (struct tg_report){0};
    scrutiny->look.trouble = TG_OK;
    /* PAIR lock: the last owner's stores, then the bucket. */
    uint64_t before = tg_load_acquire64(&scrutiny->head->lock);
    *still = tg_word_owner(before) == 0;
    if (*still) finding = check_chain(scrutiny);
    /* PAIR lock: all that was read, then the second look at the lock. */
    tg_fence_acquire();
    uint64_t after = tg_load_relaxed64(&scrutiny->head->lock);
    *still = *still && tg_word_owner(after) == 0 && tg_word_value(after) == tg_word_value(before);
    return finding;
}

static tg_status check_bucket(struct scrutiny *scrutiny, struct tg_report *report) {
    struct tg_os *os = scrutiny->look.local->os;
    struct tg_check check = {.local = scrutiny->look.local, .report = report};
    struct finding first = {NULL, NULL, 0};
    for (uint32_t looks = 0, seen = 0; looks < LOOKS; looks++) {
        bool still;
        struct finding again = look_once(scrutiny, &still);
        tg_status status = os->ops->read_check(os);
        if (status == TG_RETRY) continue;
        if (status != TG_OK || scrutiny->look.trouble == TG_SYSTEM) return TG_SYSTEM;
        if (!still) continue; /* in use: whoever has it will find what is wrong */
        if (again.problem == NULL) break;
        if (seen++ == 0 || again.problem != first.problem || again.ref != first.ref) {
            first = again;
            continue;
        }
        tg_check_say(&check, again.rule, tg_check_at(&check, again.ref), "a record", again.problem);
        break;
    }
    report->records += scrutiny->count.records;
    report->objects += scrutiny->count.objects;
    report->dirs += scrutiny->count.dirs;
    return TG_OK;
}

tg_status tg_verify_read(struct tg_local *local, bool deep, struct tg_report *report) {
    struct tg_check check = {.local = local, .report = report};
    struct scrutiny scrutiny = {.deep = deep};
    tg_look_init(&scrutiny.look, local);
    tg_check_clear_report(report);
    tg_check_words(&check);
    uint64_t count = tg_load_acquire64(&local->hot->buckets); /* PAIR split: then the buckets */
    if (count > tg_load_relaxed64(&local->hot->buckets_committed) ||
        count > local->header.bucket_capacity)
        return TG_OK; /* reported above */
    for (uint64_t i = 0; i < count; i++) {
        scrutiny.head = &local->buckets[i];
        tg_status status = check_bucket(&scrutiny, report);
        if (status != TG_OK) return status;
    }
    return TG_OK;
}
