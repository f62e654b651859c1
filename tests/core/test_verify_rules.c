/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule is broken in memory, one at a time, and the checker names it. */
#include "store_breaks.h"

TEST(each_broken_rule_is_named) {
    struct store_image store;
    rich_make(&store);
    void *good = malloc(store.image.size);
    struct tg_local local = *store.local;
    REQUIRE(good != NULL);
    memcpy(good, store.image.base, store.image.size);
    EXAMPLES(example, breaks) {
        struct tg_verify_options options = {.deep = true};
        bool named = false;
        memcpy(store.image.base, good, store.image.size);
        *store.local = local;
        options.settled = strcmp(example->rule, "pending") == 0;
        example->corrupt(&store);
        REQUIRE(tg_store_verify(store.local, &options, &store.report) == TG_OK);
        for (uint32_t i = 0; i < store.report.violation_count && i < STORE_VIOLATIONS; i++) {
            named |= strcmp(store.violations[i].rule, example->rule) == 0;
            EXPECT(store.violations[i].text[0] != 0);
        }
        if (!EXPECT(named)) {
            fprintf(stderr, "    %s was not among these:\n", example->rule);
            store_complain(&store);
        }
    }
    memcpy(store.image.base, good, store.image.size);
    EXPECT(store_clean(&store));
    free(good);
    store_free(&store);
}

TEST(a_leak_has_its_size) {
    struct store_image store;
    rich_make(&store);
    line_lost(&store);
    EXPECT(store_violations(&store) > 0);
    /* The line and the records in it. */
    EXPECT(store.report.leaked_bytes >= 64 + 48);
    EXPECT(store.report.leaked_bytes <= 64 + 48 * TG_LINE_SLOTS);
    store_free(&store);
}

TEST(too_little_scratch_is_refused) {
    struct store_image store;
    store_make(&store, &rich_options, true);
    struct tg_verify_options options = {.deep = true};
    store.report.scratch_size--;
    EXPECT_EQ(tg_store_verify(store.local, &options, &store.report), TG_INVALID);
    store_free(&store);
}
