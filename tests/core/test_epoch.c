/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs, first step by step, then with threads that read what writers replace.
 *
 * A failure of the threads' test means that a section which was not expelled saw a value
 * whose memory had another use already. */
#include <pthread.h>

#include "arena_image.h"
#include "epoch/epoch.h"
#include "names/removal.h"
#include "object/object.h"

static const struct tg_region_options small = {.limit = 4 << 20, .context_count = 16};

static uint64_t epoch_of(struct image *image) {
    return tg_load_relaxed64(&image->local.hot->epoch);
}

static void begin(struct image *image, struct tg_call *call) {
    tg_call_begin(call, &image->local, 0, TG_FOREVER);
}

TEST(the_epoch_waits_for_an_older_section_once) {
    struct image image;
    struct tg_call reader, writer;
    image_make(&image, &small);
    begin(&image, &reader);
    image_call(&image, &writer);
    REQUIRE(tg_read_enter(&reader) == TG_OK);
    uint64_t at = epoch_of(&image);
    EXPECT(tg_epoch_advance(&writer, at, TG_FOREVER)); /* all sections are of `at` */
    EXPECT(!tg_epoch_advance(&writer, at + 1, TG_FOREVER));
    EXPECT(!tg_epoch_advance(&writer, at + 1, 1000000000));
    EXPECT(tg_epoch_advance(&writer, at, 0)); /* beyond that already: nothing to do */
    EXPECT(tg_read_leave(&reader));
    EXPECT(tg_epoch_advance(&writer, at + 1, TG_FOREVER));
    EXPECT_EQ(epoch_of(&image), at + 2);
    tg_return(&writer);
    image_free(&image);
}

TEST(an_expelled_section_says_so_once) {
    struct image image;
    struct tg_call reader, writer;
    image_make(&image, &small);
    begin(&image, &reader);
    image_call(&image, &writer);
    for (int upgrade = 0; upgrade < 2; upgrade++) {
        REQUIRE(tg_read_enter(&reader) == TG_OK);
        uint64_t at = epoch_of(&image);
        EXPECT(tg_epoch_advance(&writer, at, 0));
        EXPECT(tg_epoch_advance(&writer, at + 1, 0)); /* expels */
        EXPECT(!tg_read_still_valid(&reader));
        if (upgrade) {
            EXPECT(!tg_read_to_held(&reader));
            tg_held_to_read(&reader);
            EXPECT(tg_read_still_valid(&reader));
            EXPECT(tg_read_to_held(&reader));
            tg_return(&reader);
        } else {
            EXPECT(!tg_read_leave(&reader));
        }
    }
    tg_return(&writer);
    image_free(&image);
}

TEST(writers_are_never_expelled_and_never_waited_for) {
    struct image image;
    struct tg_call holder, writer;
    image_make(&image, &small);
    image_call(&image, &holder);
    image_call(&image, &writer);
    uint64_t word = tg_load_relaxed64(&holder.context->word), at = epoch_of(&image);
    for (int i = 0; i < 5; i++) EXPECT(tg_epoch_advance(&writer, epoch_of(&image), 0));
    EXPECT_EQ(epoch_of(&image), at + 5);
    EXPECT_EQ(tg_load_relaxed64(&holder.context->word), word);
    tg_return(&writer);
    tg_return(&holder);
    image_free(&image);
}

TEST(a_cookie_elapses_after_two_steps) {
    struct image image;
    struct tg_call writer;
    image_make(&image, &small);
    image_call(&image, &writer);
    uint64_t cookie = tg_cookie_get(&image.local);
    EXPECT(!tg_cookie_elapsed(&image.local, cookie));
    EXPECT(tg_epoch_advance(&writer, epoch_of(&image), 0));
    EXPECT(!tg_cookie_elapsed(&image.local, cookie));
    EXPECT(tg_epoch_advance(&writer, epoch_of(&image), 0));
    EXPECT(tg_cookie_elapsed(&image.local, cookie));
    tg_return(&writer);
    image_free(&image);
}

/* Blocks out of a magazine, retired one by one. */
static void retire_blocks(struct tg_call *call, uint32_t class, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(tg_block_prepare(call, class, 1) == TG_OK);
        tg_ref ref = tg_block_peek(call, class, 0);
        tg_block_take(call, class, 1);
        tg_retire(call, tg_at(call->local, ref, 8));
        tg_commit(call);
    }
}

TEST(more_batches_than_slots_join_the_newest_and_all_come_back) {
    struct image image;
    struct tg_call writer;
    image_make(&image, &small);
    image_call(&image, &writer);
    uint32_t class = tg_class_for(&image.local, 64);
    uint64_t owned = image_owned(&image);
    for (int i = 0; i < TG_LIMBO_BATCHES + 3; i++) {
        retire_blocks(&writer, class, 3);
        tg_limbo_close(&writer, 4);
        EXPECT(tg_load_relaxed32(&writer.context->limbo_open_count) == 3);
        tg_limbo_close(&writer, 3);
        EXPECT_EQ(tg_load_relaxed32(&writer.context->limbo_open_count), 0);
        EXPECT(tg_epoch_advance(&writer, epoch_of(&image), 0));
        uint32_t newest = (tg_load_relaxed32(&writer.context->batch_first) +
                           tg_load_relaxed32(&writer.context->batch_count) - 1) %
                          TG_LIMBO_BATCHES;
        EXPECT_EQ(tg_load_relaxed64(&writer.context->batch[newest].tag), epoch_of(&image) - 1);
    }
    EXPECT_EQ(tg_load_relaxed32(&writer.context->batch_count), TG_LIMBO_BATCHES);
    EXPECT_EQ(image_owned(&image), owned + 3 * (TG_LIMBO_BATCHES + 3));
    EXPECT_EQ(tg_drain(&writer, UINT32_MAX, true, 0), TG_OK);
    EXPECT_EQ(tg_load_relaxed32(&writer.context->batch_count), 0);
    EXPECT_EQ(image_owned(&image), owned);
    EXPECT_EQ(tg_limbo_ready(&writer), -1);
    EXPECT(image_clean(&image));
    tg_return(&writer);
    image_free(&image);
}

/* ---- threads --------------------------------------------------------------------- */

enum { READERS = 2, WRITERS = 2, ROUNDS = 3000, WORDS = 8 };

struct shared {
    struct image image;
    tg_a32 slot[WRITERS]; /* the block that holds the value of writer i */
    tg_a64 done, expelled;
};

struct worker {
    pthread_t thread;
    struct shared *shared;
    unsigned number;
};

/* All words of a value are equal. */
static void fill(struct tg_local *local, tg_ref ref, uint64_t value) {
    tg_a64 *words = tg_at(local, ref, WORDS * 8);
    for (int i = 1; i < WORDS; i++) tg_store_relaxed64(&words[i], value);
}

static bool whole(struct tg_local *local, tg_ref ref) {
    const tg_a64 *words = tg_at(local, ref, WORDS * 8);
    uint64_t first = words ? tg_load_relaxed64(&words[1]) : 0;
    for (int i = 2; words && i < WORDS; i++)
        if (tg_load_relaxed64(&words[i]) != first) return false;
    return words != NULL;
}

static void *read_all(void *argument) {
    struct worker *worker = argument;
    struct shared *shared = worker->shared;
    struct tg_call call;
    while (tg_load_relaxed64(&shared->done) < WRITERS) {
        tg_call_begin(&call, &shared->image.local, 8 + worker->number, TG_FOREVER);
        if (!EXPECT(tg_read_enter(&call) == TG_OK)) break;
        bool good = true;
        for (int i = 0; i < WRITERS; i++) {
            tg_ref ref = tg_load_acquire32(&shared->slot[i]);
            if (ref) good &= whole(&shared->image.local, ref);
        }
        if (tg_read_leave(&call))
            EXPECT(good);
        else
            tg_add_relaxed64(&shared->expelled, 1);
    }
    return NULL;
}

static void *write_all(void *argument) {
    struct worker *worker = argument;
    struct shared *shared = worker->shared;
    struct tg_local *local = &shared->image.local;
    tg_a32 *slot = &shared->slot[worker->number];
    uint32_t class = tg_class_for(local, WORDS * 8);
    struct tg_call call;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        tg_call_begin(&call, local, 1 + worker->number, TG_FOREVER);
        if (!EXPECT(tg_borrow(&call) == TG_OK)) break;
        if (!EXPECT(tg_block_prepare(&call, class, 1) == TG_OK)) break;
        tg_ref fresh = tg_block_peek(&call, class, 0), old = tg_load_relaxed32(slot);
        fill(local, fresh, i);
        tg_block_take(&call, class, 1);
        tg_store_release32(slot, fresh);
        if (old) tg_retire(&call, tg_at(local, old, 8));
        tg_commit(&call);
        uint64_t patience = i % 16 ? TG_FOREVER : 0;
        EXPECT_EQ(tg_drain(&call, UINT32_MAX, i % 4 == 0, patience), TG_OK);
        tg_return(&call);
    }
    tg_add_relaxed64(&shared->done, 1);
    return NULL;
}

TEST(a_section_that_is_not_expelled_saw_whole_values) {
    static struct shared shared;
    struct worker workers[READERS + WRITERS];
    memset(&shared, 0, sizeof shared);
    image_make(&shared.image, &small);
    for (unsigned i = 0; i < READERS + WRITERS; i++) {
        workers[i] = (struct worker){.shared = &shared, .number = i % WRITERS};
        REQUIRE(pthread_create(&workers[i].thread, NULL, i < WRITERS ? write_all : read_all,
                               &workers[i]) == 0);
    }
    for (unsigned i = 0; i < READERS + WRITERS; i++) pthread_join(workers[i].thread, NULL);
    EXPECT(image_clean(&shared.image));
    image_free(&shared.image);
}

/* E5. None of these would have to wait: the lock is free, the batch empty, nobody renames. */
TEST(what_may_sleep_or_free_ends_a_section_first) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    begin(&image, &call);
    REQUIRE(tg_read_enter(&call) == TG_OK);
    tg_a64 *lock = &image.local.hot->reap_lock;
    EXPECT_ABORTS((void)!tg_lock(&call, lock, 0));
    EXPECT_ABORTS((void)!tg_trylock(&call, lock, 0));
    EXPECT_ABORTS(tg_commit(&call));
    EXPECT_ABORTS((void)!tg_drain(&call, 1, false, TG_FOREVER));
    EXPECT_ABORTS((void)!tg_block_prepare(&call, TG_CLASS_OBJECT(&image.local), 1));
    EXPECT_ABORTS((void)!tg_borrow(&call));
    EXPECT_ABORTS(tg_return(&call));
    EXPECT_ABORTS((void)tg_names_seq_odd(&call, 2));
    EXPECT_ABORTS((void)!tg_gate_give_way(&call));
    EXPECT_ABORTS((void)!tg_gate_wait(&call));
    REQUIRE(tg_read_to_held(&call));
    EXPECT_EQ(tg_lock(&call, lock, 0), TG_OK);
    tg_unlock(&call, lock);
    EXPECT_EQ(tg_drain(&call, 1, false, TG_FOREVER), TG_OK);
    tg_return(&call);
    EXPECT_EQ(tg_names_seq_odd(&call, 2), 2);
    image_free(&image);
}
