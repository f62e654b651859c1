/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref with real threads: the count adds up, the locker sees it stand still, dead is
 * final, and one lock hold sends nobody into the queue for long. The same program is built
 * without the fast path too (L8). */
#include <pthread.h>

#include "arena_image.h"
#include "owner/lockref.h"

enum { THREADS = 4, ROUNDS = 4000 };

static const struct tg_region_options small = {.limit = 4 << 20};

struct world {
    struct image image;
    tg_a64 *word; /* a lock word of the file that nothing else uses here */
    uint64_t plain; /* guarded by the lock half */
    tg_a64 gets, puts, lasts;
};

struct worker {
    pthread_t thread;
    struct world *world;
    unsigned number;
};

static void world_make(struct world *world, uint64_t count) {
    memset(world, 0, sizeof *world);
    image_make(&world->image, &small);
    world->word = &world->image.local.hot->reap_lock;
    tg_store_relaxed64(world->word, count << TG_LOCK_VALUE_SHIFT);
}

static void run_threads(struct world *world, void *(*work)(void *)) {
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.world = world, .number = i};
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
}

static bool begin(struct worker *worker, struct tg_call *call) {
    tg_call_begin(call, &worker->world->image.local, worker->number + 1, TG_FOREVER);
    return EXPECT(tg_borrow(call) == TG_OK);
}

static uint32_t count_of(struct world *world) {
    return tg_word_value(tg_load_relaxed64(world->word));
}

static void *get_and_put(void *argument) {
    struct worker *worker = argument;
    struct world *world = worker->world;
    struct tg_call call;
    uint32_t left;
    bool locked;
    for (unsigned i = 0; i < ROUNDS && begin(worker, &call); i++) {
        EXPECT_EQ(tg_lockref_get(&call, world->word), TG_OK);
        EXPECT_EQ(tg_lockref_get_not_zero(&call, world->word), TG_OK);
        EXPECT_EQ(tg_lockref_get_not_dead(&call, world->word), TG_OK);
        EXPECT_EQ(tg_lockref_put(&call, world->word, &left), TG_OK);
        EXPECT_EQ(tg_lockref_put_not_last(&call, world->word), TG_OK);
        EXPECT_EQ(tg_lockref_put_or_lock(&call, world->word, &locked), TG_OK);
        EXPECT(!locked);
        if (i % 16 == 0) {
            EXPECT_EQ(tg_lock(&call, world->word, 0), TG_OK);
            uint32_t before = count_of(world);
            world->plain++;
            EXPECT_EQ(count_of(world), before);
            tg_unlock(&call, world->word);
        }
        tg_return(&call);
    }
    return NULL;
}

TEST(gets_and_puts_add_up) {
    struct world world;
    world_make(&world, 1);
    run_threads(&world, get_and_put);
    EXPECT_EQ(count_of(&world), 1);
    EXPECT_EQ(world.plain, THREADS * (ROUNDS / 16));
    EXPECT_EQ(tg_word_owner(tg_load_relaxed64(world.word)), 0);
    image_free(&world.image);
}

#ifndef TG_LOCKREF_NO_FAST_PATH
TEST(short_holds_do_not_make_a_lasting_convoy) {
    struct world world;
    world_make(&world, 1);
    run_threads(&world, get_and_put);
    /* 6 operations a round; a fallback needs 33 lost swaps or 200 looks at a held lock. */
    uint64_t slow = tg_load_relaxed64(&world.image.local.statistics[TG_STAT_LOCKREF_SLOW]);
    EXPECT(slow < (uint64_t)THREADS * ROUNDS * 6 / 4);
    image_free(&world.image);
}
#endif

/* Each revives from 0 or finds it dead; the last put of a live one kills it. */
static void *revive_or_kill(void *argument) {
    struct worker *worker = argument;
    struct world *world = worker->world;
    struct tg_call call;
    for (unsigned i = 0; i < ROUNDS && begin(worker, &call); i++) {
        tg_status status = tg_lockref_get_not_dead(&call, world->word);
        EXPECT(status == TG_OK || status == TG_DEAD);
        if (status == TG_OK) {
            bool locked;
            tg_add_relaxed64(&world->gets, 1);
            EXPECT_EQ(tg_lockref_put_or_lock(&call, world->word, &locked), TG_OK);
            EXPECT_EQ(locked, tg_owns(&call, world->word));
            if (locked) {
                EXPECT_EQ(count_of(world), 1);
                if (!tg_word_dead(tg_load_relaxed64(world->word))) {
                    tg_add_relaxed64(&world->lasts, 1);
                    tg_lockref_mark_dead(&call, world->word);
                }
                tg_unlock(&call, world->word);
            }
        }
        tg_return(&call);
    }
    return NULL;
}

TEST(the_last_put_destroys_once_and_dead_is_final) {
    struct world world;
    struct tg_call call;
    world_make(&world, 0);
    run_threads(&world, revive_or_kill);
    EXPECT_EQ(tg_load_relaxed64(&world.lasts), 1);
    EXPECT(tg_load_relaxed64(&world.gets) >= 1);
    image_call(&world.image, &call);
    EXPECT_EQ(tg_lockref_get_not_dead(&call, world.word), TG_DEAD);
    EXPECT_EQ(tg_lockref_get_not_zero(&call, world.word), TG_ABSENT);
    tg_return(&call);
    image_free(&world.image);
}

TEST(refusals_leave_the_word_as_it_was) {
    static const struct {
        uint64_t word;
        tg_status get, not_zero, not_dead, put, not_last;
    } rows[] = {
        {(uint64_t)TG_COUNT_MAX << 32, TG_OVERFLOW, TG_OVERFLOW, TG_OVERFLOW, TG_OK, TG_OK},
        {TG_LOCK_DEAD, TG_OK, TG_ABSENT, TG_DEAD, TG_INVALID, TG_ABSENT},
        {0, TG_OK, TG_ABSENT, TG_OK, TG_INVALID, TG_ABSENT},
        {TG_LOCK_VALUE_ONE, TG_OK, TG_OK, TG_OK, TG_OK, TG_ABSENT},
    };
    struct world world;
    struct tg_call call;
    uint32_t left;
    world_make(&world, 0);
    image_call(&world.image, &call);
    EXAMPLES(row, rows) {
        tg_status found[5] = {TG_OK};
        for (int i = 0; i < 5; i++) {
            tg_store_relaxed64(world.word, row->word);
            found[i] = i == 0   ? tg_lockref_get(&call, world.word)
                       : i == 1 ? tg_lockref_get_not_zero(&call, world.word)
                       : i == 2 ? tg_lockref_get_not_dead(&call, world.word)
                       : i == 3 ? tg_lockref_put(&call, world.word, &left)
                                : tg_lockref_put_not_last(&call, world.word);
            uint64_t step = found[i] != TG_OK ? 0 : i < 3 ? TG_LOCK_VALUE_ONE : -TG_LOCK_VALUE_ONE;
            EXPECT_EQ(tg_load_relaxed64(world.word), row->word + step);
        }
        EXPECT_EQ(found[0], row->get);
        EXPECT_EQ(found[1], row->not_zero);
        EXPECT_EQ(found[2], row->not_dead);
        EXPECT_EQ(found[3], row->put);
        EXPECT_EQ(found[4], row->not_last);
    }
    tg_return(&call);
    image_free(&world.image);
}
