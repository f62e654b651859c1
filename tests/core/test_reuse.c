/* SPDX-License-Identifier: Apache-2.0 */
/* A token holds exactly as long as its value is certainly the one: a failure means that a
 * process would go on returning a value that was replaced, removed, moved or expired. */
#include "names_model.h"
#include "store/reuse.h"

static const struct tg_region_options plain = {.limit = 16 << 20};
static struct buffer buffer;

static tg_status take(struct world *world, const char *key, struct tg_token *token) {
    struct tg_info info;
    return tg_get_with_token(&world->store, &world->hint, key_of(key), buffer_sink, &buffer, &info,
                             token);
}

static void set(struct world *world, const char *key, const char *text) {
    REQUIRE(world_set(world, key, text, strlen(text)) == TG_OK);
}

enum change {
    NOTHING,
    READ,
    OTHER_DIR,
    SET,
    TOUCH,
    DELETE,
    DROP,
    RENAME,
    RENAME_OVER,
    ABOVE,
    DROP_ABOVE,
    CLEAR,
    PIN
};

static const struct {
    enum change change;
    bool holds;
} rows[] = {{NOTHING, true}, {READ, true},        {SET, false},    {TOUCH, false},
            {DELETE, false}, {DROP, false},       {RENAME, false}, {RENAME_OVER, false},
            {ABOVE, false},  {DROP_ABOVE, false}, {CLEAR, false},  {PIN, false}};

static tg_status apply(struct world *world, enum change change) {
    struct tg_store *store = &world->store;
    uint32_t *hint = &world->hint;
    struct tg_key key = key_of("a/b/c");
    struct tg_pin pin;
    struct tg_token token;
    switch (change) {
    case READ: return take(world, "a/b/c", &token);
    case SET: return world_set(world, "a/b/c", "two", 3);
    case TOUCH: return tg_touch(store, hint, key, tg_expiry_after(store, 100), TG_FOREVER);
    case DELETE: return tg_delete(store, hint, key, NULL, NULL, NULL, TG_FOREVER);
    case DROP: return tg_drop(store, hint, key, TG_FOREVER);
    case RENAME: return tg_rename(store, hint, key, key_of("a/x"), false, TG_FOREVER);
    case RENAME_OVER: return tg_rename(store, hint, key_of("other"), key, true, TG_FOREVER);
    case ABOVE: return tg_rename(store, hint, key_of("a"), key_of("z"), false, TG_FOREVER);
    case DROP_ABOVE: return tg_drop(store, hint, key_of("a"), TG_FOREVER);
    case CLEAR: return tg_drop(store, hint, (struct tg_key){0}, TG_FOREVER);
    case PIN: {
        tg_status status = tg_pin_value(store, hint, key, &pin, TG_FOREVER);
        if (status == TG_OK) tg_unpin(store, &pin);
        return status;
    }
    default: return TG_OK;
    }
}

TEST(a_token_holds_until_its_value_changes) {
    EXAMPLES(row, rows) {
        struct world world;
        struct tg_token token;
        world_make(&world, &plain);
        set(&world, "a/b/c", "one");
        set(&world, "other", "more");
        REQUIRE(take(&world, "a/b/c", &token) == TG_OK);
        EXPECT(tg_token_holds(&world.store, &token));
        EXPECT_EQ(apply(&world, row->change), TG_OK);
        EXPECT_EQ(tg_token_holds(&world.store, &token), row->holds);
        world_free(&world);
    }
}

TEST(a_change_elsewhere_mostly_leaves_a_token_alone) {
    struct world world;
    struct tg_token token;
    char key[32];
    uint32_t lost = 0;
    world_make(&world, &plain);
    set(&world, "a/b/c", "one");
    REQUIRE(take(&world, "a/b/c", &token) == TG_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        set(&world, key, "x");
        if (tg_token_holds(&world.store, &token)) continue;
        lost++;
        REQUIRE(take(&world, "a/b/c", &token) == TG_OK);
    }
    /* One bucket in some dozens is shared at first; splits take a token with them. */
    EXPECT(lost < 120);
    world_free(&world);
}

TEST(a_token_expires_with_its_value) {
    struct world world;
    struct tg_token token;
    world_make(&world, &plain);
    set(&world, "k", "one");
    REQUIRE(tg_touch(&world.store, &world.hint, key_of("k"), tg_expiry_after(&world.store, 0.1),
                     TG_FOREVER) == TG_OK);
    REQUIRE(take(&world, "k", &token) == TG_OK);
    EXPECT(tg_token_holds(&world.store, &token));
    token.expiry = 0; /* as if never */
    EXPECT(tg_token_holds(&world.store, &token));
    token.expiry = tg_now_tenths(&world.store.local);
    EXPECT(token.expiry == 0 || !tg_token_holds(&world.store, &token));
    world_free(&world);
}

/* ---- absences ------------------------------------------------------------------------------ */

enum event { STAYS, MADE, MADE_OTHER, LEFT, LEFT_AND_BACK, MOVED_OVER, PARENT_VALUE };

static tg_status happen(struct world *world, enum event event, const char *key) {
    struct tg_store *store = &world->store;
    uint32_t *hint = &world->hint;
    switch (event) {
    case MADE: return world_set(world, key, "one", 3);
    case MADE_OTHER: return world_set(world, "other/x", "one", 3);
    case PARENT_VALUE: return world_set(world, "d", "one", 3);
    case LEFT: return tg_delete(store, hint, key_of("d/x"), NULL, NULL, NULL, TG_FOREVER);
    case LEFT_AND_BACK: {
        tg_status status = tg_delete(store, hint, key_of("d/x"), NULL, NULL, NULL, TG_FOREVER);
        return status == TG_OK ? world_set(world, key, "one", 3) : status;
    }
    case MOVED_OVER: {
        tg_status status = tg_drop(store, hint, key_of("d"), TG_FOREVER);
        if (status != TG_OK) return status;
        return tg_rename(store, hint, key_of("e"), key_of("d"), false, TG_FOREVER);
    }
    default: return TG_OK;
    }
}

TEST(an_absence_holds_until_the_key_may_have_a_value) {
    static const struct {
        const char *key;
        enum event event;
        bool holds;
    } cases[] = {
        {"a", STAYS, true},
        {"a", MADE, false},
        {"d/a", STAYS, true},
        {"d/a", MADE, false},
        {"d/a", MADE_OTHER, true},
        {"d/a", LEFT, false},
        {"d/a", LEFT_AND_BACK, false},
        {"d/a", MOVED_OVER, false},
        {"d", MADE, false},
        {"d", STAYS, true},
        {"v/a", STAYS, true},
        {"v/a", MADE, false},
        {"d/n/m/a", STAYS, true},
        {"d/n/m/a", MADE, false},
        {"d/n/m/a", MADE_OTHER, true},
        {"d/a", PARENT_VALUE, false},
    };
    EXAMPLES(row, cases) {
        struct world world;
        struct tg_absence absence;
        world_make(&world, &plain);
        set(&world, "d/x", "one");
        set(&world, "e/a", "two");
        set(&world, "v", "value");
        set(&world, "other/y", "three");
        REQUIRE(tg_absence_find(&world.store, &world.hint, key_of(row->key), &absence) == TG_OK);
        EXPECT(tg_absence_holds(&world.store, &absence));
        EXPECT_EQ(happen(&world, row->event, row->key), TG_OK);
        EXPECT_EQ(tg_absence_holds(&world.store, &absence), row->holds);
        world_free(&world);
    }
}

TEST(what_is_there_is_not_absent) {
    static const char *const keys[] = {"d/x", "v"};
    struct world world;
    struct tg_absence absence;
    world_make(&world, &plain);
    set(&world, "d/x", "one");
    set(&world, "v", "value");
    EXAMPLES(key, keys)
    EXPECT_EQ(tg_absence_find(&world.store, &world.hint, key_of(*key), &absence), TG_EXISTS);
    /* What has expired is absent, and stays so. */
    REQUIRE(tg_touch(&world.store, &world.hint, key_of("v"), 1, TG_FOREVER) == TG_OK);
    EXPECT_EQ(tg_absence_find(&world.store, &world.hint, key_of("v"), &absence), TG_OK);
    EXPECT(tg_absence_holds(&world.store, &absence));
    set(&world, "v", "again");
    EXPECT(!tg_absence_holds(&world.store, &absence));
    world_free(&world);
}

/* A name that is missing in a bucket that many share: all of them are made, one is watched. */
TEST(an_absence_never_outlives_its_key_while_the_table_grows) {
    struct world world;
    struct tg_absence absence;
    char key[32];
    uint32_t held = 0;
    world_make(&world, &plain);
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        REQUIRE(tg_absence_find(&world.store, &world.hint, key_of(key), &absence) == TG_OK);
        char other[32];
        snprintf(other, sizeof other, "other-%u", i);
        set(&world, other, "x");
        held += tg_absence_holds(&world.store, &absence);
        set(&world, key, "x");
        EXPECT(!tg_absence_holds(&world.store, &absence));
    }
    EXPECT(held > 2000);
    world_free(&world);
}

/* ---- pins by a known place ------------------------------------------------------------------- */

static char large[5000];

static uint32_t pins(struct world *world) {
    struct tg_usage usage;
    REQUIRE(tg_usage(&world->store, &world->hint, &usage) == TG_OK);
    return usage.pins;
}

/* Where the value of a key lies, and the token for it. */
static void learn(struct world *world, const char *key, struct tg_known *known,
                  struct tg_token *token) {
    struct tg_pin pin;
    struct tg_info info;
    REQUIRE(tg_pin_value(&world->store, &world->hint, key_of(key), &pin, TG_FOREVER) == TG_OK);
    *known = (struct tg_known){pin.bytes, pin.info, pin.object};
    REQUIRE(tg_get_with_token(&world->store, &world->hint, key_of(key), NULL, NULL, &info, token) ==
            TG_OK);
    EXPECT_EQ(info.version, pin.info.version);
    tg_unpin(&world->store, &pin);
}

TEST(a_known_place_is_pinned_until_its_value_changes) {
    EXAMPLES(row, rows) {
        struct world world;
        struct tg_known known;
        struct tg_token token;
        struct tg_pin pin;
        if (row->change == TOUCH || row->change == READ) continue;
        world_make(&world, &plain);
        memset(large, 'v', sizeof large);
        REQUIRE(world_set(&world, "a/b/c", large, sizeof large) == TG_OK);
        set(&world, "other", "more");
        learn(&world, "a/b/c", &known, &token);
        REQUIRE(tg_pin_known(&world.store, &known, &token, &pin) == TG_OK);
        EXPECT_EQ(pins(&world), 1);
        EXPECT(tg_pin_holds(&world.store, &pin));
        EXPECT(row->change == PIN || apply(&world, row->change) == TG_OK);
        EXPECT(memcmp(pin.bytes, large, sizeof large) == 0);
        tg_unpin(&world.store, &pin);
        EXPECT_EQ(pins(&world), 0);
        bool holds = row->holds || row->change == PIN; /* it lies apart already */
        EXPECT_EQ(tg_pin_known(&world.store, &known, &token, &pin), holds ? TG_OK : TG_RETRY);
        if (holds) tg_unpin(&world.store, &pin);
        EXPECT_EQ(pins(&world), 0);
        world_free(&world);
    }
}

TEST(a_known_place_is_not_pinned_beyond_the_ledger) {
    enum { MANY = 40000 };
    static struct tg_pin all[MANY];
    struct world world;
    struct tg_known known;
    struct tg_token token;
    uint32_t count = 0;
    world_make(&world, &plain);
    REQUIRE(world_set(&world, "k", large, sizeof large) == TG_OK);
    learn(&world, "k", &known, &token);
    while (count < MANY && tg_pin_known(&world.store, &known, &token, &all[count]) == TG_OK)
        count++;
    EXPECT(count > 0 && count < MANY);
    EXPECT_EQ(pins(&world), count);
    for (uint32_t i = 0; i < count; i++) tg_unpin(&world.store, &all[i]);
    EXPECT_EQ(pins(&world), 0);
    world_free(&world);
}
