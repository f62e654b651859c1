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

/* However slow the machine is, no section looks as if it were stopped. */
static uint64_t clock_that_stands(struct tg_os *os) {
    (void)os;
    return 2000000000;
}

/* A store is not full while memory is on its way back: that is TG_TIMEOUT for who may not wait.
 * (Eight processes that counted, on two processors, had TG_FULL: others were preempted.) */
TEST(a_store_that_readers_keep_full_is_not_full) {
    static const struct tg_region_options tiny = {.limit = 4 << 20};
    struct world world;
    struct tg_call reader;
    struct tg_set_options at_once = {.deadline_ns = 1};
    struct tg_os_ops still = image_ops;
    tg_status status = TG_OK;
    uint64_t version;
    value_fill(expected, 3, 900);
    struct tg_part part = {expected, 900};
    world_make(&world, &tiny);
    tg_call_begin(&reader, &world.image.local, 0, TG_FOREVER);
    REQUIRE(tg_read_enter(&reader) == TG_OK);
    still.monotonic_ns = clock_that_stands;
    world.image.os.ops = &still;
    for (uint32_t i = 0; i < 100000 && status == TG_OK; i++)
        status = tg_set(&world.store, &world.hint, key_of("k"), &part, 1, &at_once, &version);
    EXPECT_EQ(status, TG_TIMEOUT);
    EXPECT(tg_read_still_valid(&reader));
    world.image.os.ops = &image_ops;
    EXPECT_EQ(world_set(&world, "k", expected, 900), TG_OK); /* it waits, then expels */
    EXPECT(!tg_read_leave(&reader));
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

/* ---- chains of parents ---------------------------------------------------------------- */

enum { DEEP = 40 };

/* The first `depth` names of a/a/a/... */
static const char *deep_key(uint32_t depth) {
    static char keys[4][2 * DEEP + 8];
    static uint32_t turn;
    char *key = keys[turn++ % 4];
    for (uint32_t i = 0; i < depth; i++) memcpy(key + 2 * i, "a/", 2);
    key[2 * depth - 1] = 0;
    return key;
}

static bool is_there(struct world *world, const char *key) {
    struct tg_info info;
    tg_status status = tg_contains(&world->store, &world->hint, key_of(key), &info);
    REQUIRE(status == TG_OK || status == TG_ABSENT);
    return status == TG_OK;
}

enum how { BY_DELETE, BY_POP, BY_DROP, BY_DROP_ABOVE, BY_RENAME, HOW_COUNT };

/* The node at `depth` goes; what is left of the way to it must end at `value_at`. */
static bool take_deep(struct world *world, enum how how, uint32_t depth, uint32_t value_at) {
    struct tg_info info;
    const char *key = deep_key(depth);
    if (value_at && !EXPECT_EQ(world_set(world, deep_key(value_at), "v", 1), TG_OK)) return false;
    if (!EXPECT_EQ(world_set(world, key, "leaf", 4), TG_OK)) return false;
    tg_status status;
    if (how == BY_DELETE) {
        status = tg_delete(&world->store, &world->hint, key_of(key), NULL, NULL, NULL, TG_FOREVER);
    } else if (how == BY_POP) {
        status = tg_delete(&world->store, &world->hint, key_of(key), buffer_sink, &buffer, &info,
                           TG_FOREVER);
        EXPECT(info.size == 4 && memcmp(buffer.bytes, "leaf", 4) == 0);
    } else if (how == BY_RENAME) {
        status =
            tg_rename(&world->store, &world->hint, key_of(key), key_of("new/x"), false, TG_FOREVER);
        EXPECT(is_there(world, "new/x"));
        EXPECT_EQ(tg_drop(&world->store, &world->hint, key_of("new"), TG_FOREVER), TG_OK);
    } else {
        if (how == BY_DROP_ABOVE)
            for (uint32_t i = 0; i < 5; i++) {
                char child[2 * DEEP + 16];
                snprintf(child, sizeof child, "%s/%u", key, i);
                EXPECT_EQ(world_set(world, child, "c", 1), TG_OK);
            }
        status = tg_drop(&world->store, &world->hint, key_of(key), TG_FOREVER);
    }
    bool good = EXPECT_EQ(status, TG_OK);
    for (uint32_t i = 1; i <= depth && good; i++)
        good = EXPECT_EQ(is_there(world, deep_key(i)), i <= value_at);
    good = good && EXPECT_EQ(count_below(world, NULL), value_at != 0);
    if (value_at)
        good &= EXPECT_EQ(tg_delete(&world->store, &world->hint, key_of(deep_key(value_at)), NULL,
                                    NULL, NULL, TG_FOREVER),
                          TG_OK);
    good = good && EXPECT(!is_there(world, "a")) && EXPECT(image_clean(&world->image));
    if (!good) fprintf(stderr, "    depth %u, a value at %u, way %d\n", depth, value_at, how);
    return good;
}

TEST(parents_go_from_any_depth) {
    struct world world;
    struct tg_usage usage;
    world_make(&world, &plain);
    bool good = true;
    for (uint32_t depth = 1; depth <= DEEP && good; depth++)
        for (uint32_t value_at = 0; value_at < depth && good; value_at++)
            for (int how = 0; how < HOW_COUNT && good; how++)
                good = take_deep(&world, (enum how)how, depth, value_at);
    REQUIRE(tg_tidy(&world.store, &world.hint, TG_FOREVER) == TG_OK);
    REQUIRE(tg_usage(&world.store, &world.hint, &usage) == TG_OK);
    EXPECT_EQ(usage.entries, 0);
    EXPECT(image_clean(&world.image));
    world_free(&world);
}

/* The renamed node stays on its own way, at each depth: what is above it stays, too. */
TEST(a_node_moves_up_its_own_way) {
    struct world world;
    world_make(&world, &plain);
    for (uint32_t depth = 2; depth <= 24; depth++)
        for (uint32_t to = 1; to < depth; to++) {
            char name[2 * DEEP + 16];
            snprintf(name, sizeof name, "%s/b", deep_key(to));
            EXPECT_EQ(world_set(&world, deep_key(depth), "leaf", 4), TG_OK);
            EXPECT_EQ(tg_rename(&world.store, &world.hint, key_of(deep_key(depth)), key_of(name),
                                false, TG_FOREVER),
                      TG_OK);
            EXPECT(is_there(&world, name) && !is_there(&world, deep_key(to + 1)));
            EXPECT_EQ(tg_drop(&world.store, &world.hint, key_of(name), TG_FOREVER), TG_OK);
            if (!EXPECT(!is_there(&world, "a"))) break;
        }
    EXPECT(image_clean(&world.image));
    world_free(&world);
}

/* As deep as a key can be, and chains that share their upper half. */
TEST(the_deepest_key_goes_with_all_its_parents) {
    struct world world;
    static char key[TG_KEY_MAX + 1];
    for (uint32_t i = 0; i < TG_KEY_MAX / 2; i++) memcpy(key + 2 * i, "n/", 2);
    key[TG_KEY_MAX - 1] = 0;
    world_make(&world, &plain);
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_EQ(world_set(&world, key, "1", 1), TG_OK);
        EXPECT_EQ(tg_delete(&world.store, &world.hint, key_of(key), NULL, NULL, NULL, TG_FOREVER),
                  TG_OK);
        EXPECT(!is_there(&world, "n"));
    }
    EXPECT_EQ(world_set(&world, "c/c/c/c/c/c/c/c/l/l/l/l/l/l/l/l/l/x", "1", 1), TG_OK);
    EXPECT_EQ(world_set(&world, "c/c/c/c/c/c/c/c/r/r/r/r/r/r/r/r/r/x", "2", 1), TG_OK);
    EXPECT_EQ(tg_drop(&world.store, &world.hint, key_of("c/c/c/c/c/c/c/c/l/l/l/l/l/l/l/l/l/x"),
                      TG_FOREVER),
              TG_OK);
    EXPECT(!is_there(&world, "c/c/c/c/c/c/c/c/l") && is_there(&world, "c/c/c/c/c/c/c/c/r"));
    EXPECT_EQ(
        tg_drop(&world.store, &world.hint, key_of("c/c/c/c/c/c/c/c/r/r/r/r/r/r/r"), TG_FOREVER),
        TG_OK);
    EXPECT_EQ(count_below(&world, NULL), 0);
    EXPECT(!is_there(&world, "c") && image_clean(&world.image));
    REQUIRE(tg_tidy(&world.store, &world.hint, TG_FOREVER) == TG_OK);
    world_free(&world);
}
