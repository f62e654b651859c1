/* SPDX-License-Identifier: Apache-2.0 */
/* Names and records: how a key is cut, and what a record holds.
 *
 * What
 *   A key is cut at '/' into components. A node is one record under (directory ref,
 *   component): its inline value or its object, and its directory if it has children.
 *
 * Bits and states: struct tg_record in region/format.h.
 *
 * Invariants
 *   N1  A linked record is in the bucket of its hash, and in one child slot of its parent.
 *   N2  At most one linked record per (parent, name).
 *   N3  A linked record is immutable but for `expiry`, which the bucket's lock guards.
 *   N4  A linked record has a value or a directory.
 *
 * Death: records are private until the transaction that links them.
 * API: tg_key_next, tg_component_hash; tg_record_* accessors; tg_record_matches.
 */
#ifndef TG_NAMES_RECORD_H
#define TG_NAMES_RECORD_H

#include "../base/hash.h"
#include "../object/blocks.h"
#include "../object/object.h"

struct tg_component {
    const char *name;
    uint32_t size;
};

/* Cuts the next component off `rest`. False at the end. Start with *begun = false. */
static inline bool tg_key_next(const char **rest, const char *end, bool *begun,
                               struct tg_component *component) {
    const char *p = *rest;
    if (*begun) {
        if (p == end) return false;
        p++; /* the '/' */
    }
    *begun = true;
    const char *slash = tg_bytes_find(p, '/', (size_t)(end - p));
    component->name = p;
    component->size = (uint32_t)((slash ? slash : end) - p);
    *rest = slash ? slash : end;
    return true;
}

static inline uint64_t tg_component_hash(const struct tg_local *local, tg_ref dir,
                                         const struct tg_component *component) {
    return tg_hash(local->header.hash_key, dir, component->name, component->size);
}

static inline uint32_t tg_record_flags(const struct tg_record *record) {
    return TG_META_FLAGS(tg_load_relaxed32(&record->meta));
}
static inline bool tg_record_has_value(const struct tg_record *record) {
    return tg_record_flags(record) & (TG_RECORD_VALUE | TG_RECORD_OBJECT);
}

/* Words before the name. */
static inline uint32_t tg_record_words(uint32_t flags) {
    return (uint32_t)((flags & TG_RECORD_DIR) != 0) + (uint32_t)((flags & TG_RECORD_OBJECT) != 0);
}
static inline uint32_t tg_record_size(uint32_t flags, uint32_t name_size, uint32_t value_size) {
    return (uint32_t)sizeof(struct tg_record) + 4 * tg_record_words(flags) + name_size + value_size;
}

static inline tg_ref tg_record_dir(const struct tg_record *record) {
    return tg_record_flags(record) & TG_RECORD_DIR ? tg_load_relaxed32(&record->tail[0]) : 0;
}
static inline tg_ref tg_record_object(const struct tg_record *record) {
    uint32_t flags = tg_record_flags(record);
    if (!(flags & TG_RECORD_OBJECT)) return 0;
    return tg_load_relaxed32(&record->tail[(flags & TG_RECORD_DIR) != 0]);
}
static inline uint8_t *tg_record_name(struct tg_record *record) {
    return (uint8_t *)&record->tail[tg_record_words(tg_record_flags(record))];
}
static inline uint32_t tg_record_name_size(const struct tg_record *record) {
    return TG_META_NAME(tg_load_relaxed32(&record->meta));
}
static inline uint8_t *tg_record_value(struct tg_record *record) {
    return tg_record_name(record) + tg_record_name_size(record);
}
static inline uint32_t tg_record_value_size(const struct tg_record *record) {
    return tg_record_flags(record) & TG_RECORD_VALUE ? tg_load_relaxed32(&record->size) : 0;
}

/* The header alone; *room is what is left of its slab. */
static inline struct tg_record *tg_record_header_at(const struct tg_local *local, tg_ref ref,
                                                    uint32_t *room) {
    struct tg_record *record = tg_at_start(local, ref);
    uint32_t slab_size = 1u << local->header.slab_shift;
    *room = slab_size - ((uint32_t)(((uint64_t)ref << local->header.ref_shift)) & (slab_size - 1));
    return TG_LIKELY(*room >= sizeof(struct tg_record)) ? record : NULL;
}

/* NULL when the ref leads outside, or the record's own sizes do. */
static inline struct tg_record *tg_record_at(const struct tg_local *local, tg_ref ref) {
    struct tg_record *record = tg_at_start(local, ref);
    if (TG_UNLIKELY(record == NULL)) return NULL;
    /* A record lies within one slab, and a slab within one commit unit. */
    uint32_t slab_size = 1u << local->header.slab_shift;
    uint32_t inside = (uint32_t)(((uint64_t)ref << local->header.ref_shift) & (slab_size - 1));
    if (TG_UNLIKELY(inside > slab_size - sizeof *record)) return NULL;
    uint32_t meta = tg_load_relaxed32(&record->meta);
    uint32_t size = tg_load_relaxed32(&record->size);
    if (TG_UNLIKELY(size > TG_INLINE_MAX)) return NULL;
    uint32_t all = tg_record_size(TG_META_FLAGS(meta), TG_META_NAME(meta), size);
    return TG_LIKELY(all <= slab_size - inside) ? record : NULL;
}

static inline bool tg_record_matches(const struct tg_record *record, uint32_t room, uint32_t hash,
                                     tg_ref parent, const struct tg_component *component) {
    uint32_t meta = tg_load_relaxed32(&record->meta);
    uint32_t flags = TG_META_FLAGS(meta);
    return tg_load_relaxed32(&record->hash) == hash &&
           tg_load_relaxed32(&record->parent) == parent && TG_META_NAME(meta) == component->size &&
           tg_record_size(flags, component->size, 0) <= room &&
           tg_equal_racy(&record->tail[tg_record_words(flags)], component->name, component->size);
}

/* What a reader needs, each word loaded once: one that was expelled looks at memory that may
 * be recycled between two loads, and must not be led outside by it. */
struct tg_view {
    uint32_t flags, codec, expiry;
    uint32_t size; /* of the inline value */
    const uint8_t *value;
    uint64_t version;
    tg_ref dir, object;
};

static inline bool tg_record_view(const struct tg_local *local, const struct tg_record *record,
                                  struct tg_view *view) {
    uint32_t meta = tg_load_relaxed32(&record->meta);
    uint32_t size = tg_load_relaxed32(&record->size);
    uint32_t name_size = TG_META_NAME(meta);
    view->flags = TG_META_FLAGS(meta);
    view->codec = TG_META_CODEC(meta);
    view->expiry = tg_load_relaxed32(&record->expiry);
    view->version = tg_load_relaxed64(&record->version);
    view->size = view->flags & TG_RECORD_VALUE ? size : 0;
    uint32_t words = tg_record_words(view->flags);
    view->dir = view->flags & TG_RECORD_DIR ? tg_load_relaxed32(&record->tail[0]) : 0;
    view->object = view->flags & TG_RECORD_OBJECT ? tg_load_relaxed32(&record->tail[words - 1]) : 0;
    view->value = (const uint8_t *)&record->tail[words] + name_size;
    uint32_t slab_size = 1u << local->header.slab_shift;
    uint32_t inside = (uint32_t)tg_offset_of(local, record) & (slab_size - 1);
    return TG_LIKELY(size <= TG_INLINE_MAX &&
                     tg_record_size(view->flags, name_size, view->size) <= slab_size - inside);
}

/* The object of a record, or NULL. */
struct tg_object *tg_record_object_at(struct tg_local *local, const struct tg_record *record);

uint32_t tg_now_tenths(struct tg_local *local);

static inline bool tg_expired(struct tg_local *local, uint32_t expiry) {
    return TG_UNLIKELY(expiry != 0) && expiry <= tg_now_tenths(local);
}

#endif
