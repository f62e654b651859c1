/* SPDX-License-Identifier: Apache-2.0 */
/* The checker on a store in use: no false alarm, and what stays broken is found. */
#include <pthread.h>

#include "store/store.h"
#include "store_rich.h"

struct live {
    struct store_image image;
    struct tg_store store;
    tg_a64 cookie;
    tg_a64 stop, changes;
};

static struct live live;

static void live_make(void) {
    rich_make(&live.image);
    live.store.local = *live.image.local;
    live.image.local = &live.store.local; /* one process: its private state is shared */
    tg_store_relaxed64(&live.cookie, 1);
    live.store.cookie = &live.cookie;
    tg_store_relaxed64(&live.stop, 0);
    tg_store_relaxed64(&live.changes, 0);
}

static uint32_t violations(void) {
    uint32_t hint = 0;
    REQUIRE(tg_verify(&live.store, &hint, true, &live.image.report) == TG_OK);
    return live.image.report.violation_count;
}

static void change(uint32_t number, uint64_t *random) {
    static const uint8_t bytes[5000];
    char from[32], to[32];
    uint32_t hint = number;
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    uint64_t dice = *random >> 33;
    struct tg_part part = {bytes, dice % 7 ? dice % 40 : dice % 5000};
    struct tg_set_options options = {.deadline_ns = TG_FOREVER};
    struct tg_key key = {from, (size_t)sprintf(from, "t%u/%u/x%u", number % 2, (unsigned)dice % 3,
                                               (unsigned)(dice >> 3) % 60)};
    struct tg_key other = {to, (size_t)sprintf(to, "t%u/%u/x%u", (unsigned)(dice >> 9) % 2,
                                               (unsigned)(dice >> 10) % 3,
                                               (unsigned)(dice >> 12) % 60)};
    switch (dice % 8) {
    case 0:
    case 1:
    case 2:
    case 3: (void)!tg_set(&live.store, &hint, key, &part, 1, &options, NULL); break;
    case 4: (void)!tg_rename(&live.store, &hint, key, other, true, TG_FOREVER); break;
    case 5:
    case 6: (void)!tg_delete(&live.store, &hint, key, NULL, NULL, NULL, TG_FOREVER); break;
    default:
        key.size = strlen("t0/0");
        if (dice % 64 == 7) (void)!tg_drop(&live.store, &hint, key, TG_FOREVER);
    }
}

static void *writer(void *argument) {
    uint32_t number = (uint32_t)(uintptr_t)argument;
    uint64_t random = number;
    while (tg_load_relaxed64(&live.stop) == 0) {
        change(number, &random);
        tg_add_relaxed64(&live.changes, 1);
    }
    return NULL;
}

TEST(a_quiet_store_is_checked_exactly) {
    live_make();
    EXPECT_EQ(violations(), 0);
    EXPECT(live.image.report.exact);
    tg_store_relaxed32(&rich_dir(&live.image, "many")->count, 3);
    EXPECT(violations() > 0);
    EXPECT(live.image.report.exact);
    store_free(&live.image);
}

TEST(without_scratch_the_check_is_not_exact) {
    live_make();
    live.image.report.scratch_size = 0;
    EXPECT_EQ(violations(), 0);
    EXPECT(!live.image.report.exact);
    EXPECT(live.image.report.records > RICH_CHILDREN);
    store_free(&live.image);
}

TEST(what_is_broken_is_found_in_use) {
    live_make();
    struct tg_context *busy = tg_context_at(live.image.local, 3);
    tg_store_relaxed64(&live.image.local->hot->context_high, 3);
    tg_store_relaxed64(&busy->word, TG_WORD(TG_HELD, 1, 7)); /* a writer that is stopped */
    EXPECT_EQ(violations(), 0);
    EXPECT(!live.image.report.exact);
    tg_store_relaxed32(&store_find(&live.image, "small")->hash, 1);
    tg_store_relaxed32(&rich_chunk(&live.image)->slot[2], 0);
    EXPECT_EQ(violations(), 2);
    EXPECT_TEXT(live.image.violations[0].rule[0] == 'N' ? live.image.violations[0].rule
                                                        : live.image.violations[1].rule,
                "N1");
    store_free(&live.image);
}

TEST(writers_cause_no_false_alarm) {
    pthread_t threads[2];
    uint32_t checks = 0, exact = 0;
    live_make();
    uint64_t scratch_size = live.image.report.scratch_size;
#ifdef __SANITIZE_THREAD__
    /* An exact check that a writer spoils has read memory in its next use, by design. */
    live.image.report.scratch_size = 0;
#endif
    for (uint32_t i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, writer, (void *)(uintptr_t)(i + 1)) == 0);
    uint64_t end = image_clock(&live.image.image.os) + 1500000000;
    while (image_clock(&live.image.image.os) < end || checks < 3) {
        if (!EXPECT_EQ(violations(), 0)) {
            store_complain(&live.image);
            break;
        }
        checks++;
        exact += live.image.report.exact;
    }
    tg_store_relaxed64(&live.stop, 1);
    for (uint32_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    EXPECT(tg_load_relaxed64(&live.changes) > 0 && exact <= checks);
    live.image.report.scratch_size = scratch_size;
    EXPECT_EQ(violations(), 0);
    EXPECT(live.image.report.exact);
    store_complain(&live.image);
    store_free(&live.image);
}
