/* SPDX-License-Identifier: Apache-2.0 */
/* A store with one of everything that the checker looks at. */
#ifndef TG_TESTS_CORE_STORE_RICH_H
#define TG_TESTS_CORE_STORE_RICH_H

#include "ledger/adopt.h"
#include "names/build.h"
#include "store_image.h"

static const struct tg_region_options rich_options = {
    .limit = 4 << 20, .context_count = 4, .max_processes = 3};

enum { RICH_CHILDREN = 1500 };

/* Pins the object of a key; the number of the ledger entry. */
static inline uint32_t rich_pin(struct store_image *store, const char *key) {
    struct tg_object *object = tg_record_object_at(store->local, store_find(store, key));
    uint32_t number = 0;
    REQUIRE(object != NULL);
    uint64_t version = tg_load_relaxed64(&object->version);
    REQUIRE(tg_ledger_pin(store->local, object, version, &number) == TG_OK);
    (void)tg_ledger_keep(store->local, number);
    return number;
}

/* A private object stays behind, as between two calls of a writer. */
static inline void rich_private(struct store_image *store) {
    struct tg_call call;
    struct tg_object *object;
    uint32_t entry;
    store_call(store, &call);
    REQUIRE(tg_borrow(&call) == TG_OK);
    REQUIRE(tg_object_create(&call, 3000, 0, &object, &entry) == TG_OK);
    tg_return(&call);
}

static inline void rich_drain(struct store_image *store, bool close_only) {
    struct tg_call call;
    store_call(store, &call);
    REQUIRE(tg_borrow(&call) == TG_OK);
    if (close_only)
        tg_limbo_close(&call, 1);
    else
        EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
    tg_return(&call);
}

static inline void rich_claim(struct store_image *store, const char *key, bool memo) {
    struct tg_call call;
    struct tg_build build;
    struct tg_awaited wait;
    struct tg_build_options options = {.deadline_ns = TG_FOREVER};
    uint32_t never = 0;
    store_call(store, &call);
    REQUIRE(tg_names_begin(&call, store_key(key), &options, &build, &wait) == TG_OK);
    if (memo) REQUIRE(tg_names_build_end(&call, &build, &never) == TG_OK);
}

/* One stripe has all the memos that it may, and then two builds: the first of its list. */
static inline void rich_board(struct store_image *store) {
    char key[32];
    for (uint32_t i = 0; i < TG_MEMOS_MAX; i++) {
        sprintf(key, "memo%02u/k", i);
        rich_claim(store, key, true);
    }
    rich_claim(store, "one/k", false);
    rich_claim(store, "two/k", false);
}

static inline struct tg_claim *rich_claims(struct store_image *store, uint32_t number) {
    const struct tg_local *local = store->local;
    const tg_a32 *from = &local->hot->claims[tg_board_stripe(local, store_key("k"))];
    for (;; number--) {
        struct tg_claim *claim = tg_claim_at(local, tg_load_relaxed32(from));
        REQUIRE(claim != NULL);
        if (number == 0) return claim;
        from = &claim->next;
    }
}

/* Keys: small, block, run, empty; many/k0 .. with chunks and overflow lines; deep/a/b/c;
 * pinned (by entry 2). A private object, a parked one, limbo of all kinds, dropped dirs, claims. */
static inline void rich_make(struct store_image *store) {
    char key[32];
    store_make(store, &rich_options, true);
    rich_private(store);
    rich_board(store);
    EXPECT_EQ(store_set(store, "small", 1, 20, false), TG_OK);
    EXPECT_EQ(store_set(store, "empty", 1, 0, false), TG_OK);
    EXPECT_EQ(store_set(store, "block", 2, 3000, true), TG_OK);
    EXPECT_EQ(store_set(store, "run", 3, 50000, true), TG_OK);
    EXPECT_EQ(store_set(store, "deep/a/b/c", 4, 20, false), TG_OK);
    EXPECT_EQ(store_set(store, "pinned", 5, 2000, true), TG_OK);
    EXPECT_EQ(store_set(store, "parked", 6, 2000, true), TG_OK);
    (void)rich_pin(store, "pinned");
    (void)rich_pin(store, "parked");
    for (uint32_t i = 0; i < RICH_CHILDREN; i++) {
        sprintf(key, "many/k%04u", i);
        EXPECT_EQ(store_set(store, key, (uint8_t)i, 8, false), TG_OK);
    }
    EXPECT_EQ(store_remove(store, "many/k0100", false), TG_OK);
    EXPECT_EQ(store_remove(store, "parked", false), TG_OK);
    rich_drain(store, false);
    for (uint32_t i = 0; i < 100; i++) {
        sprintf(key, "drop/k%u/x", i);
        EXPECT_EQ(store_set(store, key, (uint8_t)i, 8, false), TG_OK);
    }
    EXPECT_EQ(store_set(store, "gone", 7, 2000, true), TG_OK);
    EXPECT_EQ(store_remove(store, "gone", false), TG_OK);
    rich_drain(store, true);
    EXPECT_EQ(store_remove(store, "drop", true), TG_OK);
    EXPECT(store_clean(store));
}

static inline struct tg_dir *rich_dir(struct store_image *store, const char *key) {
    struct tg_record *record = key ? store_find(store, key) : NULL;
    tg_ref ref = tg_load_relaxed32(&store->local->hot->root);
    if (key) ref = record ? tg_record_dir(record) : 0;
    struct tg_dir *dir = tg_dir_at(store->local, ref);
    REQUIRE(dir != NULL);
    return dir;
}

static inline struct tg_object *rich_object(struct store_image *store, const char *key) {
    struct tg_record *record = store_find(store, key);
    struct tg_object *object = record ? tg_record_object_at(store->local, record) : NULL;
    REQUIRE(object != NULL);
    return object;
}

/* Where the table has a key. */
static inline tg_a32 *rich_slot(struct store_image *store, const char *key, struct tg_line **line,
                                uint32_t *number) {
    struct tg_record *record = store_find(store, key);
    REQUIRE(record != NULL);
    struct tg_component name = {(const char *)tg_record_name(record), tg_record_name_size(record)};
    uint64_t hash = tg_component_hash(store->local, tg_load_relaxed32(&record->parent), &name);
    *line = tg_table_head(store->local, hash);
    while (*line != NULL) {
        for (*number = 0; *number < TG_LINE_SLOTS; ++*number)
            if (tg_load_relaxed32(&(*line)->slot[*number]) == tg_ref_of(store->local, record))
                return &(*line)->slot[*number];
        *line = tg_at(store->local, tg_load_relaxed32(&(*line)->next), sizeof **line);
    }
    REQUIRE(*line != NULL);
    return NULL;
}

static inline tg_a32 *rich_slot_of(struct store_image *store, const char *key) {
    struct tg_line *line;
    uint32_t number;
    return rich_slot(store, key, &line, &number);
}

/* The first chunk of the large directory. */
static inline struct tg_chunk *rich_chunk(struct store_image *store) {
    struct tg_dir *dir = rich_dir(store, "many");
    struct tg_chunk *chunk = tg_at(store->local, tg_load_relaxed32(&dir->first), sizeof *chunk);
    REQUIRE(chunk != NULL);
    return chunk;
}

/* A bucket with an overflow line. */
static inline struct tg_line *rich_long_bucket(struct store_image *store) {
    uint64_t count = tg_load_relaxed64(&store->local->hot->buckets);
    for (uint64_t i = 0; i < count; i++)
        if (tg_load_relaxed32(&store->local->buckets[i].next)) return &store->local->buckets[i];
    REQUIRE(!"an overflow line");
    return NULL;
}

/* The context whose list is not empty. */
static inline struct tg_context *rich_limbo(struct store_image *store) {
    for (uint32_t id = 1; id <= store->local->header.context_count; id++)
        if (tg_load_relaxed32(&tg_context_at(store->local, id)->batch_count))
            return tg_context_at(store->local, id);
    REQUIRE(!"a batch");
    return NULL;
}

#endif
