/* SPDX-License-Identifier: Apache-2.0 */
/* One record, one object: what can be said without looking at anybody else. */
#include "../arena/pages.h"
#include "../base/sum.h"
#include "verify_state.h"

/* A copy: where the store is in use the bytes may be somebody else's by now (I1). */
void tg_check_key_of(struct tg_local *local, struct tg_record *record, tg_ref dir,
                     struct tg_check_key *key) {
    uint32_t size = tg_record_name_size(record);
    const uint8_t *name = tg_record_name(record);
    uint64_t end = tg_offset_of(local, name) + size;
    if (end > local->arena_end || !tg_unit_committed(local, end - 1)) size = 0;
    tg_copy_racy(key->bytes, name, size);
    key->name = (struct tg_component){(const char *)key->bytes, size};
    key->hash = tg_component_hash(local, dir, &key->name);
}

/* plain * key mod 2^63 (names/parts.c), undone: the key is odd. */
bool tg_check_version(const struct tg_local *local, uint64_t version) {
    uint64_t key = local->header.version_key, inverse = key; /* right in the low 3 bits */
    for (uint32_t bits = 3; bits < 64; bits *= 2) inverse *= 2 - key * inverse;
    uint64_t plain = version * inverse & 0x7fffffffffffffffull;
    uint64_t id = plain >> 48, count = plain & 0xffffffffffffull;
    if (version >> 63 || id == 0 || id > local->header.context_count || count == 0) return false;
    return count <= tg_load_relaxed64(&tg_context_at(local, (uint32_t)id)->version_count);
}

static const char *object_of_record(struct tg_local *local, const struct tg_record *record,
                                    const char **rule) {
    *rule = "B1";
    struct tg_object *object = tg_record_object_at(local, record);
    if (object == NULL) return "its object is none";
    if (tg_load_relaxed32(&object->state) != TG_OBJECT_LINKED) return "its object is not linked";
    if (tg_load_relaxed64(&object->version) != tg_load_relaxed64(&record->version))
        return "its object has another version";
    *rule = "B2";
    return tg_check_object(local, object);
}

const char *tg_check_record(struct tg_local *local, tg_ref ref, struct tg_record *record,
                            const char **rule) {
    uint32_t flags = tg_record_flags(record), size = tg_load_relaxed32(&record->size);
    int class = tg_class_of_ref(local, ref);
    *rule = "N3";
    if (class < 0 || tg_class_type_stable(local, (uint32_t)class)) return "it is no block for one";
    if (flags & ~(uint32_t)(TG_RECORD_VALUE | TG_RECORD_OBJECT | TG_RECORD_DIR))
        return "it has unknown flags";
    if ((flags & TG_RECORD_VALUE) && (flags & TG_RECORD_OBJECT)) return "it has two values";
    if (size > TG_INLINE_MAX || (size && !(flags & TG_RECORD_VALUE))) return "its size can't be";
    if (tg_record_size(flags, tg_record_name_size(record), size) >
        tg_class_size(local, (uint32_t)class))
        return "it is larger than its block";
    *rule = "N4";
    if (flags == 0) return "it has neither value nor children";
    *rule = "V1";
    if (tg_record_has_value(record) &&
        !tg_check_version(local, tg_load_relaxed64(&record->version)))
        return "its version was never given out";
    *rule = "D6";
    if ((flags & TG_RECORD_DIR) && tg_dir_at(local, tg_record_dir(record)) == NULL)
        return "its directory is none";
    return flags & TG_RECORD_OBJECT ? object_of_record(local, record, rule) : NULL;
}

const char *tg_check_object(struct tg_local *local, const struct tg_object *object) {
    uint64_t size = tg_load_relaxed64(&object->size);
    tg_ref payload = tg_load_relaxed32(&object->payload);
    uint32_t pages = tg_load_relaxed32(&object->pages), first = 0;
    uint32_t class = tg_class_for(local, size ? size : 1);
    if (class != TG_CLASS_NONE) {
        if (pages != 0) return "a small payload has pages";
        return tg_class_of_ref(local, payload) == (int)class ? NULL : "its payload is no block";
    }
    if (pages != tg_pages_for(local, size)) return "its pages don't fit its size";
    return tg_run_of_ref(local, payload, pages, &first) ? NULL : "its payload is no run";
}

bool tg_check_sum_good(struct tg_local *local, const struct tg_object *object) {
    uint32_t expected = tg_load_relaxed32(&object->checksum);
    uint64_t size = tg_load_relaxed64(&object->size);
    uint64_t offset = (uint64_t)tg_load_relaxed32(&object->payload) << local->header.ref_shift;
    if (expected == 0) return true; /* not computed */
    const uint8_t *bytes = tg_at_offset(local, offset);
    struct tg_sum sum;
    tg_sum_begin(&sum);
    for (uint64_t done = 0; done < size;) {
        uint64_t length = size - done < 65536 ? size - done : 65536;
        if (!tg_unit_committed(local, offset + done) ||
            !tg_unit_committed(local, offset + done + length - 1))
            return false;
        done += length;
        tg_sum_advance(&sum, bytes, done);
    }
    return tg_sum_end(&sum, bytes, size) == expected;
}
