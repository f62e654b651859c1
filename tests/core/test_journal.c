/* SPDX-License-Identifier: Apache-2.0 */
/* The redo log: what is committed happens, in order; what is replayed happens again, the
 * same; what is garbage is refused before anything is written. Deaths at each instruction
 * are the simulator's (tests/model/journal_words.c). */
#include "arena_image.h"
#include "journal/journal.h"

static const struct tg_region_options small = {.limit = 4 << 20};

static tg_a64 *wide(struct image *image) { return &image->local.hot->unpin_hint; }
static tg_a32 *narrow(struct image *image) { return &image->local.hot->reap_spare; }

TEST(a_commit_applies_all_in_order_and_empties_the_log) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    tg_log64(&call, wide(&image), 0x1122334455667788u);
    tg_log32(&call, narrow(&image), 7);
    tg_log64(&call, wide(&image), 9);
    EXPECT_EQ(tg_load_relaxed64(wide(&image)), 0);
    EXPECT_EQ(tg_pending64(&call, wide(&image)), 9);
    EXPECT_EQ(tg_pending32(&call, narrow(&image)), 7);
    EXPECT_EQ(tg_log_room(&call), TG_LOG_CAPACITY - 3);
    tg_commit(&call);
    EXPECT_EQ(tg_load_relaxed64(wide(&image)), 9);
    EXPECT_EQ(tg_load_relaxed32(narrow(&image)), 7);
    EXPECT_EQ(tg_load_relaxed64(&call.context->log_state), 0);
    EXPECT_EQ(tg_pending64(&call, wide(&image)), 9);
    tg_return(&call);
    image_free(&image);
}

TEST(an_abandoned_log_never_happened) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    tg_log64(&call, wide(&image), 5);
    tg_log_abandon(&call);
    tg_commit(&call);
    EXPECT_EQ(tg_load_relaxed64(wide(&image)), 0);
    tg_return(&call);
    image_free(&image);
}

TEST(replay_does_the_same_again) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    for (int again = 0; again < 2; again++) {
        struct tg_context *context = call.context;
        call.log_count = 0;
        tg_log64(&call, wide(&image), 11);
        tg_log32(&call, narrow(&image), 12);
        tg_store_relaxed64(&context->log_state, 2);
        EXPECT(tg_journal_replay(&image.local, context));
        EXPECT_EQ(tg_load_relaxed64(wide(&image)), 11);
        EXPECT_EQ(tg_load_relaxed32(narrow(&image)), 12);
        EXPECT_EQ(tg_load_relaxed64(&context->log_state), 0);
        EXPECT(tg_journal_replay(&image.local, context));
    }
    call.log_count = 0;
    tg_return(&call);
    image_free(&image);
}

TEST(a_garbage_log_is_refused_as_a_whole) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    uint64_t size = image.local.header.file_size, good = tg_offset_of(&image.local, wide(&image));
    const uint64_t places[] = {0,
                               8,
                               good + 4 + 1,
                               good + 2,
                               size,
                               size | 1,
                               size - 4 + 1,
                               UINT64_MAX,
                               UINT64_MAX - 7,
                               image.local.header.hot_offset - 8 + 1};
    EXAMPLES(where, places) {
        tg_store_relaxed64(&call.context->log[0].where, good | 1);
        tg_store_relaxed64(&call.context->log[0].value, 77);
        tg_store_relaxed64(&call.context->log[1].where, *where);
        tg_store_relaxed64(&call.context->log_state, 2);
        EXPECT(!tg_journal_replay(&image.local, call.context));
        EXPECT_EQ(tg_load_relaxed64(wide(&image)), 0);
    }
    const uint64_t counts[] = {TG_LOG_CAPACITY + 1, UINT32_MAX, UINT64_MAX};
    EXAMPLES(count, counts) {
        tg_store_relaxed64(&call.context->log_state, *count);
        EXPECT(!tg_journal_replay(&image.local, call.context));
    }
    tg_store_relaxed64(&call.context->log_state, 0);
    tg_return(&call);
    image_free(&image);
}

TEST(a_full_log_stops_the_process_before_it_writes_beyond) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    for (int i = 0; i < TG_LOG_CAPACITY; i++) tg_log32(&call, narrow(&image), (uint32_t)i);
    EXPECT_EQ(tg_log_room(&call), 0);
    EXPECT_ABORTS(tg_log32(&call, narrow(&image), 1));
    tg_commit(&call);
    EXPECT_EQ(tg_load_relaxed32(narrow(&image)), TG_LOG_CAPACITY - 1);
    tg_return(&call);
    image_free(&image);
}
