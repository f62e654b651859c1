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
