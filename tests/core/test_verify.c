/* SPDX-License-Identifier: Apache-2.0 */
/* The checker is silent on what the code makes, and names the rule that was broken. */
#include "store_image.h"

static const struct tg_region_options normal = {
    .limit = 4 << 20, .context_count = 4, .max_processes = 2};

TEST(a_new_store_is_clean) {
    struct store_image store;
    store_make(&store, &normal, false);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store.report.dirs, 1);
    EXPECT_EQ(store.report.records, 0);
    store_free(&store);
}

TEST(simple_changes_leave_a_clean_store) {
    struct store_image store;
    store_make(&store, &normal, false);
    EXPECT_EQ(store_set(&store, "a", 1, 10, false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_set(&store, "b/c/d", 1, 10, false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_set(&store, "b/c/e", 1, 5000, false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_set(&store, "b/c/f", 1, 50000, false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_rename(&store, "b/c/f", "x/y", false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_rename(&store, "x/y", "q", false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_rename(&store, "b", "z", false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_remove(&store, "z/c/d", false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_remove(&store, "z", true), TG_OK);
    EXPECT(store_clean(&store));
    store_free(&store);
}

/* ---- random changes ----------------------------------------------------------------- */

static void random_key(struct store_image *store, char *key) {
    uint32_t depth = 1 + image_random(&store->image) % 4;
    for (uint32_t i = 0; i < depth; i++)
        key += sprintf(key, "%s%c", i ? "/" : "", (char)('a' + image_random(&store->image) % 5));
}

static void random_change(struct store_image *store) {
    char from[64], to[64];
    random_key(store, from);
    random_key(store, to);
    uint64_t dice = image_random(&store->image);
    size_t size = image_random(&store->image) % 64;
    tg_status status;
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        status = store_set(store, from, (uint8_t)dice, size, false);
        EXPECT(status == TG_OK || status == TG_FULL);
        break;
    case 6:
    case 7:
        status = store_set(store, from, (uint8_t)dice, size * 500, true);
        EXPECT(status == TG_OK || status == TG_FULL);
        break;
    case 8:
    case 9:
    case 10:
        status = store_remove(store, from, false);
        EXPECT(status == TG_OK || status == TG_ABSENT);
        break;
    case 11:
        status = store_remove(store, from, true);
        EXPECT(status == TG_OK || status == TG_ABSENT);
        break;
    default:
        status = store_rename(store, from, to, dice & 64);
        EXPECT(status == TG_OK || status == TG_ABSENT || status == TG_EXISTS ||
               status == TG_INVALID || status == TG_FULL);
    }
}

TEST(random_changes_leave_a_clean_store) {
    struct store_image store;
    store_make(&store, &normal, false);
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t before = store.image.random;
        random_change(&store);
        if (!EXPECT(store_clean(&store))) {
            fprintf(stderr, "    after change %u, state %llu\n", i, (unsigned long long)before);
            break;
        }
    }
    store_free(&store);
}

TEST(a_deep_tree_is_walked_to_its_end) {
    enum { DEPTH = 1800 };
    struct store_image store;
    char key[2 * DEPTH + 8];
    store_make(&store, &normal, false);
    for (uint32_t i = 0; i < DEPTH; i++) memcpy(key + 2 * i, "a/", 2);
    strcpy(key + 2 * DEPTH, "leaf");
    EXPECT_EQ(store_set(&store, key, 1, 10, false), TG_OK);
    EXPECT_EQ(store_set(&store, "b", 1, 10, false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store.report.dirs, DEPTH + 1);
    EXPECT_EQ(store_rename(&store, "a/a", "b/b", false), TG_OK);
    EXPECT(store_clean(&store));
    EXPECT_EQ(store_remove(&store, "b", true), TG_OK);
    EXPECT(store_clean(&store));
    store_free(&store);
}

TEST(a_full_store_is_clean) {
    struct store_image store;
    char key[32];
    uint32_t count = 0;
    store_make(&store, &normal, false);
    for (tg_status status = TG_OK; status == TG_OK && count < 10000; count++) {
        sprintf(key, "%u/%u", count % 7, count);
        status = store_set(&store, key, 1, count % 3 ? 700 : 20000, false);
        EXPECT(status == TG_OK || status == TG_FULL);
        if (count % 64 == 0) EXPECT(store_clean(&store));
    }
    EXPECT(count < 10000);
    EXPECT(store_clean(&store));
    for (uint32_t i = 0; i < count; i += 2) {
        sprintf(key, "%u/%u", i % 7, i);
        (void)!store_remove(&store, key, false);
    }
    EXPECT(store_clean(&store));
    for (uint32_t i = 0; i < 7; i++) {
        sprintf(key, "%u", i);
        (void)!store_remove(&store, key, true);
    }
    EXPECT(store_clean(&store));
    store_free(&store);
}
