/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage anywhere: the checker and the readers end, and touch nothing outside the store. */
#include "store_rich.h"

#include "names/list.h"

#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 100, POKES_MAX = 40 }; /* nothing here is concurrent */
#else
enum { ROUNDS = 1500, POKES_MAX = 40 };
#endif
static const uint64_t ROUND_NS = 3000000000;

static uint64_t pick(struct store_image *store, uint64_t count) {
    return image_random(&store->image) % count;
}

/* Somewhere in what is in use: each region as often as any other. */
static uint64_t somewhere(struct store_image *store) {
    const struct tg_header *header = &store->local->header;
    uint64_t buckets = tg_load_relaxed64(&store->local->hot->buckets);
    if (buckets == 0 || buckets > header->bucket_capacity) buckets = header->bucket_unit;
    const uint64_t ends[][2] = {
        {0, 2 * 4096},
        {header->hot_offset, header->hot_offset + sizeof(struct tg_hot)},
        {header->units_offset, header->processes_offset},
        {header->processes_offset, header->contexts_offset},
        {header->contexts_offset, header->classes_offset},
        {header->contexts_offset, header->contexts_offset + sizeof(struct tg_context)},
        {header->classes_offset, header->pages_offset},
        {header->pages_offset, header->pages_offset + 40 * sizeof(struct tg_page)},
        {header->buckets_offset, header->buckets_offset + buckets * sizeof(struct tg_line)},
        {header->arena_offset, header->arena_offset + (1 << 18)},
        {header->arena_offset, header->arena_offset + (1 << 14)},
    };
    uint64_t i = pick(store, sizeof ends / sizeof *ends);
    return ends[i][0] + pick(store, ends[i][1] - ends[i][0]);
}

static void poke(struct store_image *store) {
    uint8_t *base = store->image.base;
    uint64_t at = somewhere(store), value = image_random(&store->image);
    uint64_t word = at & ~(uint64_t)3;
    uint32_t old;
    memcpy(&old, base + word, 4);
    switch (pick(store, 8)) {
    case 0: base[at] = (uint8_t)value; return;
    case 1: base[at] ^= (uint8_t)(1u << value % 8); return;
    case 2: memcpy(base + word, &value, 4); return;
    case 3: old = 0; break;
    case 4: old = UINT32_MAX; break;
    case 5: old += (uint32_t)pick(store, 5) - 2; break;
    case 6: memcpy(&old, base + (somewhere(store) & ~(uint64_t)3), 4); break;
    default: /* a ref that may lead somewhere */
        old = (uint32_t)((store->local->header.arena_offset >> 3) + pick(store, 1 << 15));
    }
    memcpy(base + word, &old, 4);
}

static void read_all(struct store_image *store) {
    static const char *const keys[] = {"small", "run", "block", "deep/a/b/c", "many/k0700", "x/y"};
    EXAMPLES(key, keys) {
        struct tg_record *record = store_find(store, *key);
        struct tg_object *object = record ? tg_record_object_at(store->local, record) : NULL;
        if (object) (void)tg_object_payload(store->local, object);
    }
    struct tg_call call;
    struct tg_cursor cursor;
    struct tg_child children[64];
    char text[4096];
    if (tg_load_relaxed64(&store->local->hot->ns_seq) & 1) return; /* there it would wait */
    for (uint32_t id = 1; id <= store->local->header.context_count; id++)
        tg_store_relaxed64(&tg_context_at(store->local, id)->word, 0);
    store_call(store, &call);
    if (tg_names_list_begin(&call, store_key("many"), &cursor) != TG_OK) return;
    for (uint32_t i = 0; i < 200 && cursor.dir; i++) {
        struct tg_listing listing = {
            .children = children, .capacity = 64, .text = text, .text_size = sizeof text};
        if (tg_names_list_next(&call, &cursor, &listing) != TG_OK) return;
    }
}

/* Whatever it was, a repair ends, and either leaves a good store or says that it can't. */
static bool repair_and_use(struct store_image *store) {
    struct tg_verify_options options = {.deep = true};
    tg_status status = tg_store_repair(store->local, &options, &store->report);
    if (status == TG_CORRUPT && store->report.records == 0) return false; /* given up */
    if (!EXPECT_EQ(status, TG_OK) || !EXPECT(store_clean(store))) return true;
    EXPECT_EQ(store_set(store, "small", 9, 30, false), TG_OK);
    EXPECT_EQ(store_set(store, "more/of/this", 9, 30000, false), TG_OK);
    EXPECT_EQ(store_rename(store, "more/of", "many/k0007", true), TG_OK);
    EXPECT_EQ(store_remove(store, "many", true), TG_OK);
    EXPECT(store_clean(store));
    return true;
}

TEST(garbage_is_reported_or_harmless) {
    struct store_image store;
    rich_make(&store);
    void *good = malloc(store.image.size);
    struct tg_local local = *store.local;
    uint64_t found = 0, slowest = 0, repaired = 0;
    REQUIRE(good != NULL);
    memcpy(good, store.image.base, store.image.size);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t seed = store.image.random, pokes = 1 + pick(&store, POKES_MAX);
        memcpy(store.image.base, good, store.image.size);
        *store.local = local;
        for (uint64_t i = 0; i < pokes; i++) poke(&store);
        uint64_t began = image_clock(&store.image.os);
        found += store_violations(&store) > 0;
        read_all(&store);
        unsigned failures = tg_load_relaxed64(&check_failures);
        repaired += repair_and_use(&store);
        if (tg_load_relaxed64(&check_failures) != failures) {
            fprintf(stderr, "    round %u, state %llu\n", round, (unsigned long long)seed);
            break;
        }
        uint64_t took = image_clock(&store.image.os) - began;
        if (took > slowest) slowest = took;
        if (!EXPECT(took < ROUND_NS)) {
            fprintf(stderr, "    round %u, state %llu\n", round, (unsigned long long)seed);
            break;
        }
    }
    EXPECT(found > ROUNDS / 2);
    EXPECT(repaired > ROUNDS / 2);
    free(good);
    store_free(&store);
}
