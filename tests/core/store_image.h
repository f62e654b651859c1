/* SPDX-License-Identifier: Apache-2.0 */
/* A whole store in private memory for tests, and its changes by key text.
 *
 *   store_make formats one; store_set and the others are calls of one thread of process 0;
 *   store_violations runs the exact check. `open` makes all memory readable, as a sparse
 *   file is: for tests that follow garbage. */
#ifndef TG_TESTS_CORE_STORE_IMAGE_H
#define TG_TESTS_CORE_STORE_IMAGE_H

#include "arena_image.h"
#include "names/change.h"
#include "store/format.h"
#include "store/verify.h"

enum { STORE_VIOLATIONS = 64, STORE_GUARD = 1 << 20 /* behind the store: a fault */ };

struct store_image {
    struct image image; /* first */
    struct tg_local *local;
    uint32_t hint;
    struct tg_report report;
    struct tg_violation violations[STORE_VIOLATIONS];
};

/* As a sparse file does it: what is punched reads as zeros. */
static tg_status store_punch_open(struct tg_os *os, uint64_t offset, uint64_t length) {
    uint8_t *begin = (uint8_t *)image_of(os)->base + offset;
    return madvise(begin, length, MADV_DONTNEED) ? TG_SYSTEM : TG_OK;
}

static inline void store_make(struct store_image *store, const struct tg_region_options *options,
                              bool open) {
    struct tg_header header;
    struct image *image = &store->image;
    static struct tg_os_ops open_ops;
    open_ops = image_ops;
    open_ops.punch = store_punch_open;
    *store = (struct store_image){
        .image = {.os = {open ? &open_ops : &image_ops}, .random = 88172645463325252u}};
    REQUIRE(tg_region_plan(options, &header) == TG_OK);
    image->size = header.file_size;
    image->base = mmap(NULL, image->size + STORE_GUARD, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(image->base != MAP_FAILED);
    if (open) REQUIRE(mprotect(image->base, image->size, PROT_READ | PROT_WRITE) == 0);
    store->local = &image->local;
    tg_region_bind(store->local, image->base, &image->os, &header);
    REQUIRE(tg_store_format(store->local) == TG_OK);
    tg_store_relaxed32(&store->local->processes[0].state, TG_PROCESS_LIVE);
    store->report.scratch_size = tg_verify_scratch_size(store->local);
    store->report.scratch = malloc(store->report.scratch_size);
    REQUIRE(store->report.scratch != NULL);
    store->report.violations = store->violations;
    store->report.violation_capacity = STORE_VIOLATIONS;
}

static inline void store_free(struct store_image *store) {
    free(store->report.scratch);
    munmap(store->image.base, store->image.size + STORE_GUARD);
}

/* Each violation to stderr. */
static inline void store_complain(const struct store_image *store) {
    const struct tg_report *report = &store->report;
    for (uint32_t i = 0; i < report->violation_count && i < report->violation_capacity; i++)
        fprintf(stderr, "    %s at 0x%llx: %s\n", report->violations[i].rule,
                (unsigned long long)report->violations[i].where, report->violations[i].text);
}

static inline uint32_t store_violations(struct store_image *store) {
    struct tg_verify_options options = {.deep = true};
    REQUIRE(tg_store_verify(store->local, &options, &store->report) == TG_OK);
    return store->report.violation_count;
}

static inline bool store_clean(struct store_image *store) {
    if (store_violations(store) == 0) return true;
    store_complain(store);
    return false;
}

/* ---- changes ---------------------------------------------------------------------- */

static inline void store_call(struct store_image *store, struct tg_call *call) {
    tg_call_begin(call, store->local, store->hint, TG_FOREVER);
}

static inline struct tg_key store_key(const char *text) {
    return (struct tg_key){text, strlen(text)};
}

/* A value of `size` bytes of `byte`; in an object when it is large, or when `object` says so. */
static inline tg_status store_set(struct store_image *store, const char *key, uint8_t byte,
                                  size_t size, bool object) {
    static uint8_t bytes[1 << 16];
    struct tg_call call;
    struct tg_part part = {bytes, size};
    struct tg_update update = {.key = store_key(key)};
    REQUIRE(size <= sizeof bytes);
    memset(bytes, byte, size);
    store_call(store, &call);
    if (!object && size <= TG_INLINE_MAX) {
        update.parts = &part;
        update.part_count = 1;
        update.size = (uint32_t)size;
        return tg_names_set(&call, &update);
    }
    REQUIRE(tg_borrow(&call) == TG_OK);
    tg_status status = tg_object_create(&call, size, 0, &update.object, &update.entry);
    tg_return(&call);
    if (status != TG_OK) return status;
    memcpy(tg_object_payload(store->local, update.object), bytes, size);
    status = tg_names_set(&call, &update);
    if (status == TG_OK) return TG_OK;
    REQUIRE(tg_borrow(&call) == TG_OK);
    tg_object_discard(&call, update.object, update.entry);
    tg_return(&call);
    return status;
}

static inline tg_status store_remove(struct store_image *store, const char *key, bool subtree) {
    struct tg_call call;
    struct tg_removal removal = {.key = store_key(key), .subtree = subtree};
    store_call(store, &call);
    return tg_names_remove(&call, &removal);
}

static inline tg_status store_rename(struct store_image *store, const char *from, const char *to,
                                     bool replace) {
    struct tg_call call;
    store_call(store, &call);
    return tg_names_rename(&call, store_key(from), store_key(to), replace);
}

static inline struct tg_record *store_find(struct store_image *store, const char *key) {
    bool corrupt = false;
    return tg_walk(store->local, store_key(key), &corrupt);
}

#endif
