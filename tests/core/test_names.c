/* SPDX-License-Identifier: Apache-2.0 */
/* The namespace against a model: whatever is set, removed, dropped, renamed and listed, the
 * store answers as an array of keys does. A failure means that a name was lost, invented,
 * or has the value of another. */
#include "names_model.h"

static const struct tg_region_options plain = {.limit = 16 << 20};

static const char *const words[] = {"a", "b", "c", "", "dd", "long-name-of-a-node"};

static void random_key(struct world *world, char *key, uint32_t depth_max) {
    uint64_t random = image_random(&world->image);
    uint32_t depth = (uint32_t)(random % depth_max) + 1;
    key[0] = 0;
    for (uint32_t i = 0; i < depth; i++) {
        random = image_random(&world->image);
        if (i > 0) strcat(key, "/");
        strcat(key, words[random % 6]);
    }
}

static uint32_t random_size(struct world *world) {
    uint64_t random = image_random(&world->image);
    switch (random % 8) {
    case 0: return 0;
    case 1: return (uint32_t)(random >> 8) % 100000;
    case 2: return (uint32_t)(random >> 8) % 3000;
    default: return (uint32_t)(random >> 8) % 200;
    }
}

static struct buffer buffer;
static uint8_t expected[200000];

static bool check_key(struct world *world, struct model_names *model, const char *key) {
    struct tg_info info;
    bool children, node = model_node(model, key, &children);
    struct entry *entry = model_find(model, key);
    tg_status status =
        tg_get(&world->store, &world->hint, key_of(key), buffer_sink, &buffer, &info);
    bool good = EXPECT_EQ(status, entry ? TG_OK : TG_ABSENT);
    if (good && entry) {
        good = EXPECT_EQ(info.size, entry->size);
        value_fill(expected, entry->seed, entry->size);
        good = good && EXPECT(memcmp(expected, buffer.bytes, entry->size) == 0);
    }
    status = tg_contains(&world->store, &world->hint, key_of(key), &info);
    good = good && EXPECT_EQ(status, node ? TG_OK : TG_ABSENT);
    if (good && node) good = EXPECT_EQ(info.has_children, children);
    if (!good) fprintf(stderr, "    key \"%s\"\n", key);
    return good;
}

static uint32_t count_below(struct world *world, const struct tg_child *above) {
    static char text[8192];
    struct tg_child children[3];
    struct tg_cursor cursor;
    size_t count;
    uint32_t values = 0;
    if (above)
        tg_list_below(above, &cursor);
    else
        REQUIRE(tg_list_begin(&world->store, &world->hint, (struct tg_key){0}, &cursor) == TG_OK);
    for (;;) {
        REQUIRE(tg_list_next(&world->store, &world->hint, &cursor, children, 3, &count, text,
                             sizeof text) == TG_OK);
        if (count == 0) return values;
        for (size_t i = 0; i < count; i++) {
            values += children[i].has_value;
            if (children[i].has_children) values += count_below(world, &children[i]);
        }
    }
}

static bool check_all(struct world *world, struct model_names *model) {
    struct tg_usage usage;
    bool good = true;
    for (uint32_t i = 0; i < MODEL_KEYS && good; i++)
        if (model->entry[i].used) good = check_key(world, model, model->entry[i].key);
    good = good && EXPECT_EQ(count_below(world, NULL), model->count);
    REQUIRE(tg_tidy(&world->store, &world->hint, TG_FOREVER) == TG_OK);
    REQUIRE(tg_usage(&world->store, &world->hint, &usage) == TG_OK);
    return good && EXPECT_EQ(usage.entries, model->count) && EXPECT(image_clean(&world->image));
}

static bool do_set(struct world *world, struct model_names *model, const char *key) {
    uint32_t size = random_size(world), seed = (uint32_t)image_random(&world->image);
    if (model->count == MODEL_KEYS && model_find(model, key) == NULL) return true;
    value_fill(expected, seed, size);
    REQUIRE(model_put(model, key, seed, size));
    return EXPECT_EQ(world_set(world, key, expected, size), TG_OK);
}

static bool do_remove(struct world *world, struct model_names *model, const char *key,
                      bool subtree) {
    tg_status status =
        subtree ? tg_drop(&world->store, &world->hint, key_of(key), TG_FOREVER)
                : tg_delete(&world->store, &world->hint, key_of(key), NULL, NULL, NULL, TG_FOREVER);
    bool any = model_remove(model, key, subtree);
    return EXPECT_EQ(status, any ? TG_OK : TG_ABSENT);
}

static bool do_rename(struct world *world, struct model_names *model, const char *from,
                      const char *to) {
    bool replace = image_random(&world->image) & 1, children;
    if (model_too_long(model, from, to)) return true;
    tg_status status =
        tg_rename(&world->store, &world->hint, key_of(from), key_of(to), replace, TG_FOREVER);
    tg_status wanted = TG_OK;
    if (!model_node(model, from, &children))
        wanted = TG_ABSENT;
    else if (is_under(to, from))
        wanted = TG_INVALID;
    else if (is_under(from, to))
        wanted = replace ? TG_INVALID : TG_EXISTS;
    else if (model_node(model, to, &children) && !replace)
        wanted = TG_EXISTS;
    if (wanted == TG_OK && strcmp(from, to) != 0) model_rename(model, from, to);
    if (EXPECT_EQ(status, wanted)) return true;
    fprintf(stderr, "    rename \"%s\" -> \"%s\" replace %d\n", from, to, replace);
    return false;
}

static bool step(struct world *world, struct model_names *model) {
    char key[256], other[256];
    random_key(world, key, 3);
    random_key(world, other, 3);
    switch (image_random(&world->image) % 16) {
    case 0: return do_remove(world, model, key, true);
    case 1:
    case 2:
    case 3:
    case 4: return do_remove(world, model, key, false);
    case 5:
    case 6: return do_rename(world, model, key, other);
    case 7: return check_key(world, model, key);
    default: return do_set(world, model, key);
    }
}

static struct model_names model;

TEST(agrees_with_the_model) {
    struct world world;
    memset(&model, 0, sizeof model);
    world_make(&world, &plain);
    for (uint32_t i = 0; i < 20000; i++) {
        if (!step(&world, &model)) {
            fprintf(stderr, "    step %u\n", i);
            break;
        }
        if (i % 500 == 0 && !check_all(&world, &model)) {
            fprintf(stderr, "    after step %u\n", i);
            break;
        }
    }
    EXPECT(check_all(&world, &model));
    EXPECT_EQ(tg_drop(&world.store, &world.hint, (struct tg_key){0}, TG_FOREVER), TG_OK);
    memset(&model, 0, sizeof model);
    EXPECT(check_all(&world, &model));
    world_free(&world);
}

TEST(many_names_in_one_directory_and_back) {
    struct world world;
    struct tg_usage usage;
    struct tg_info info;
    char key[64];
    world_make(&world, &plain);
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        if (!EXPECT_EQ(world_set(&world, key, key, strlen(key)), TG_OK)) break;
    }
    EXPECT_EQ(count_below(&world, NULL), 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        if (!EXPECT_EQ(tg_get(&world.store, &world.hint, key_of(key), buffer_sink, &buffer, &info),
                       TG_OK))
            break;
    }
    REQUIRE(tg_usage(&world.store, &world.hint, &usage) == TG_OK);
    EXPECT_EQ(usage.entries, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        if (!EXPECT_EQ(
                tg_delete(&world.store, &world.hint, key_of(key), NULL, NULL, NULL, TG_FOREVER),
                TG_OK))
            break;
    }
    EXPECT_EQ(count_below(&world, NULL), 0);
    EXPECT(image_clean(&world.image));
    world_free(&world);
}

TEST(a_pin_keeps_its_bytes) {
    struct world world;
    struct tg_pin pin, small;
    world_make(&world, &plain);
    value_fill(expected, 7, 50000);
    EXPECT_EQ(world_set(&world, "x/y", expected, 50000), TG_OK);
    EXPECT_EQ(world_set(&world, "s", "little", 6), TG_OK);
    EXPECT_EQ(tg_pin_value(&world.store, &world.hint, key_of("x/y"), &pin, TG_FOREVER), TG_OK);
    EXPECT_EQ(tg_pin_value(&world.store, &world.hint, key_of("s"), &small, TG_FOREVER), TG_OK);
    EXPECT_EQ(tg_delete(&world.store, &world.hint, key_of("x/y"), NULL, NULL, NULL, TG_FOREVER),
              TG_OK);
    EXPECT_EQ(world_set(&world, "s", "other", 5), TG_OK);
    for (uint32_t i = 0; i < 300; i++) {
        uint8_t other[50000] = {(uint8_t)i};
        EXPECT_EQ(world_set(&world, "z", other, sizeof other), TG_OK);
    }
    EXPECT(memcmp(pin.bytes, expected, 50000) == 0);
    EXPECT(memcmp(small.bytes, "little", 6) == 0);
    tg_unpin(&world.store, &pin);
    tg_unpin(&world.store, &small);
    EXPECT_EQ(tg_drop(&world.store, &world.hint, (struct tg_key){0}, TG_FOREVER), TG_OK);
    EXPECT_EQ(tg_tidy(&world.store, &world.hint, TG_FOREVER), TG_OK);
    EXPECT(image_clean(&world.image));
    world_free(&world);
}

TEST(a_full_store_loses_nothing) {
    static const struct tg_region_options tiny = {.limit = 4 << 20};
    struct world world;
    char key[64];
    uint32_t there = 0;
    world_make(&world, &tiny);
    for (;; there++) {
        snprintf(key, sizeof key, "d/%u/x", there);
        value_fill(expected, there, 900);
        tg_status status = world_set(&world, key, expected, 900);
        if (status == TG_OK) continue;
        EXPECT_EQ(status, TG_FULL);
        break;
    }
    EXPECT(there > 2000);
    EXPECT_EQ(count_below(&world, NULL), there);
    EXPECT_EQ(tg_drop(&world.store, &world.hint, key_of("d"), TG_FOREVER), TG_OK);
    EXPECT_EQ(world_set(&world, "again", "1", 1), TG_OK);
    EXPECT_EQ(count_below(&world, NULL), 1);
    world_free(&world);
}

/* However deep: no parent without a child is left. */
TEST(parents_vanish_from_any_depth) {
    static const struct tg_region_options tiny = {.limit = 4 << 20};
    static char key[4096], other[64];
    struct world world;
    struct tg_info info;
    world_make(&world, &tiny);
    for (uint32_t depth = 1; depth <= 2048; depth += depth < 12 ? 1 : depth) {
        for (uint32_t i = 0; i < depth; i++) memcpy(key + 2 * i, "n/", 2);
        key[2 * depth - 1] = 0;
        EXPECT_EQ(world_set(&world, key, "1", 1), TG_OK);
        snprintf(other, sizeof other, "m/%u", depth);
        EXPECT_EQ(
            tg_rename(&world.store, &world.hint, key_of(key), key_of(other), false, TG_FOREVER),
            TG_OK);
        EXPECT_EQ(tg_contains(&world.store, &world.hint, key_of("n"), &info), TG_ABSENT);
        EXPECT_EQ(world_set(&world, key, "2", 1), TG_OK);
        EXPECT_EQ(tg_delete(&world.store, &world.hint, key_of(key), NULL, NULL, NULL, TG_FOREVER),
                  TG_OK);
        EXPECT_EQ(tg_contains(&world.store, &world.hint, key_of("n"), &info), TG_ABSENT);
    }
    world_free(&world);
}
