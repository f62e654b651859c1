/* SPDX-License-Identifier: Apache-2.0 */
/* A get that may pin: what lies apart comes as a pin from the size that its codec says, all
 * else goes to the sink. A failure means a copy where none was wanted, or a pin that nobody
 * has. */
#include "names_model.h"

static const struct tg_region_options plain = {.limit = 16 << 20};
static struct buffer buffer;
static char bytes[100000];

static uint32_t pins(struct world *world) {
    struct tg_usage usage;
    REQUIRE(tg_usage(&world->store, &world->hint, &usage) == TG_OK);
    return usage.pins;
}

TEST(what_lies_apart_is_pinned_from_a_size_on) {
    static const struct {
        uint32_t size, from;
        bool pinned;
    } rows[] = {{0, 1, false},        {1, 1, false},        {1024, 1, false}, {1025, 1, true},
                {1025, 0, false},     {1025, 1026, false},  {70000, 1, true}, {70000, 0, false},
                {70000, 70000, true}, {70000, 70001, false}};
    EXAMPLES(row, rows) {
        struct world world;
        struct tg_info info;
        struct tg_pin pin;
        uint32_t from[256] = {row->from};
        world_make(&world, &plain);
        memset(bytes, 'v', sizeof bytes);
        REQUIRE(world_set(&world, "a/k", bytes, row->size) == TG_OK);
        REQUIRE(tg_get_or_pin(&world.store, &world.hint, key_of("a/k"), buffer_sink, &buffer, from,
                              &info, &pin) == TG_OK);
        EXPECT_EQ(info.size, row->size);
        EXPECT_EQ(pin.entry != 0, row->pinned);
        EXPECT_EQ(pins(&world), row->pinned);
        if (row->pinned) {
            EXPECT_EQ(pin.info.version, info.version);
            EXPECT(tg_pin_holds(&world.store, &pin));
            REQUIRE(world_set(&world, "a/k", "other", 5) == TG_OK);
            EXPECT(memcmp(pin.bytes, bytes, row->size) == 0);
            tg_unpin(&world.store, &pin);
        }
        EXPECT_EQ(pins(&world), 0);
        world_free(&world);
    }
}

TEST(what_is_not_there_is_no_pin) {
    struct world world;
    struct tg_info info;
    struct tg_pin pin;
    uint32_t from[256] = {1};
    world_make(&world, &plain);
    REQUIRE(world_set(&world, "a/k", bytes, 5000) == TG_OK);
    static const char *const keys[] = {"b", "a", "a/k/x", "a/"};
    EXAMPLES(key, keys) {
        EXPECT_EQ(tg_get_or_pin(&world.store, &world.hint, key_of(*key), buffer_sink, &buffer, from,
                                &info, &pin),
                  TG_ABSENT);
        EXPECT_EQ(pin.entry, 0);
    }
    EXPECT_EQ(pins(&world), 0);
    world_free(&world);
}
