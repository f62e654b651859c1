/* SPDX-License-Identifier: Apache-2.0 */
/* After a repair the store is clean and works, and what was sound is still there. */
#include "store_breaks.h"

static bool kept(struct store_image *store, const char *key, uint8_t byte, uint64_t size) {
    struct tg_record *record = store_find(store, key);
    if (record == NULL) return false;
    struct tg_object *object = tg_record_object_at(store->local, record);
    uint64_t found = object ? tg_load_relaxed64(&object->size) : tg_record_value_size(record);
    const uint8_t *bytes =
        object ? tg_object_payload(store->local, object) : tg_record_value(record);
    if (bytes == NULL || found != size) return false;
    for (uint64_t i = 0; i < size; i++)
        if (bytes[i] != byte) return false;
    return true;
}

static uint32_t repaired(struct store_image *store, tg_status expected) {
    struct tg_verify_options options = {.deep = true};
    tg_status status = tg_store_repair(store->local, &options, &store->report);
    if (!EXPECT_EQ(status, expected)) {
        store_complain(store);
        fprintf(stderr, "  now:\n");
        (void)store_clean(store);
    }
    return store->report.violation_count;
}

TEST(a_repair_of_a_good_store_keeps_everything) {
    struct store_image store;
    rich_make(&store);
    /* It has to break what is in use by nobody: pins, a private object, a drop. */
    (void)repaired(&store, TG_OK);
    EXPECT(store_clean(&store));
    EXPECT(kept(&store, "small", 1, 20) && kept(&store, "block", 2, 3000));
    EXPECT(kept(&store, "run", 3, 50000) && kept(&store, "deep/a/b/c", 4, 20));
    EXPECT(kept(&store, "pinned", 5, 2000) && kept(&store, "empty", 1, 0));
    EXPECT_EQ(tg_load_relaxed32(&rich_dir(&store, "many")->count), RICH_CHILDREN - 1);
    EXPECT(store_find(&store, "drop") == NULL && store_find(&store, "parked") == NULL);
    EXPECT(tg_board_is_empty(store.local)); /* nobody is there to make a value */
    EXPECT_EQ(repaired(&store, TG_OK), 0);
    store_free(&store);
}

static bool is_beyond(void (*corrupt)(struct store_image *)) {
    return corrupt == buckets_zero || corrupt == buckets_huge || corrupt == root_none;
}

TEST(each_broken_rule_is_repaired) {
    struct store_image store;
    rich_make(&store);
    void *good = malloc(store.image.size);
    struct tg_local local = *store.local;
    REQUIRE(good != NULL);
    memcpy(good, store.image.base, store.image.size);
    EXAMPLES(example, breaks) {
        memcpy(store.image.base, good, store.image.size);
        *store.local = local;
        example->corrupt(&store);
        (void)repaired(&store, is_beyond(example->corrupt) ? TG_CORRUPT : TG_OK);
        if (is_beyond(example->corrupt)) continue;
        EXPECT(kept(&store, "pinned", 5, 2000) || example->corrupt == payload_shared ||
               example->corrupt == root_other || example->corrupt == object_shared);
        EXPECT_EQ(store_set(&store, "small", 9, 30, false), TG_OK);
        EXPECT_EQ(store_set(&store, "more/of/this", 9, 30000, false), TG_OK);
        tg_status there = store_find(&store, "many") ? TG_OK : TG_ABSENT;
        EXPECT_EQ(store_remove(&store, "many", true), there);
        EXPECT(kept(&store, "small", 9, 30) && kept(&store, "more/of/this", 9, 30000));
        if (!EXPECT(store_clean(&store))) fprintf(stderr, "    after %s\n", example->rule);
    }
    free(good);
    store_free(&store);
}
