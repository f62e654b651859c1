/* SPDX-License-Identifier: Apache-2.0 */
/* The arena under garbage and under threads, and what its slabs waste. */
#include <pthread.h>

#include "arena_model.h"

/* Words of the arena's own structures; lock words excepted, which would be waited for. */
static void scribble(struct image *image, struct tg_call *call) {
    struct tg_local *local = &image->local;
    uint64_t dice = image_random(image), value = image_random(image);
    uint32_t page = (uint32_t)(dice >> 8) % local->header.page_count;
    uint32_t class = (uint32_t)(dice >> 8) % TG_CLASS_TOTAL(local);
    if (dice >> 60 < 8) value %= local->header.page_count + 2; /* nearly right */
    switch (dice % 9) {
    case 0: tg_store_relaxed64(&local->pages[page].head, value); break;
    case 1: tg_store_relaxed32(&local->pages[page].next, (uint32_t)value); break;
    case 2: tg_store_relaxed32(&local->pages[page].previous, (uint32_t)value); break;
    case 3: tg_store_relaxed32(&local->pages[page].free, (uint32_t)value); break;
    case 4: tg_store_relaxed32(&local->hot->free_runs[dice >> 40 & 31], (uint32_t)value); break;
    case 5: tg_store_relaxed32(&local->hot->hole_runs[dice >> 40 & 31], (uint32_t)value); break;
    case 6: tg_store_relaxed32(&local->classes[class].partial, (uint32_t)value); break;
    case 7: tg_store_relaxed64(&call->context->run, value); break;
    default: {
        tg_a32 *magazine = tg_magazine(local, call->context, class);
        tg_store_relaxed32(&magazine[value % 4], (uint32_t)(value >> 16));
    }
    }
}

static bool known(tg_status status) {
    return status == TG_OK || status == TG_FULL || status == TG_CORRUPT || status == TG_INVALID;
}

static void use_garbage(struct image *image, struct tg_call *call) {
    uint64_t dice = image_random(image);
    uint32_t class = (uint32_t)(dice >> 8) % TG_CLASS_TOTAL(&image->local), first;
    EXPECT(known(tg_arena_settle(call)));
    if (tg_load_relaxed64(&call->context->run) != 0)
        tg_store_relaxed64(&call->context->run, 0); /* or nothing else would be reached */
    EXPECT(known(tg_magazine_refill(call, class, 1 + (uint32_t)(dice >> 20) % 4)));
    EXPECT(known(tg_magazine_flush(call, class, 0)));
    EXPECT(known(tg_run_take(call, 1 + (uint32_t)(dice >> 30) % 9, &first)));
    EXPECT(known(tg_run_return(call)));
    tg_status status = tg_run_free_begin(call, (uint32_t)(dice >> 40), 1 + (dice >> 12 & 3));
    if (EXPECT(known(status)) && status == TG_OK) tg_run_free_end(call);
    if (dice % 8 == 0) EXPECT(known(tg_arena_trim(call, 0)));
    if (dice % 8 == 1) EXPECT(known(tg_arena_reclaim(call)));
}

/* Goal: no fault, no abort, no endless loop, whatever the words of the arena are. */
TEST(garbage_is_refused) {
    for (uint32_t round = 0; round < 400; round++) {
        struct image image;
        struct model model;
        struct tg_call call;
        struct tg_region_options tiny;
        tg_region_tiny(&tiny);
        image_make(&image, round % 2 ? &small : &tiny);
        model_make(&model, &image, 300);
        image.random ^= round * 0x9e3779b97f4a7c15u;
        image_call(&image, &call);
        for (uint32_t i = 0; i < 200; i++) step(&model, &call, true);
        image.fail_commit_at = 0;
        for (uint32_t i = 0; i < 20; i++) {
            scribble(&image, &call);
            (void)tg_arena_verify(&image.local, NULL, NULL);
            use_garbage(&image, &call);
            image_owned(&image);
            image_runs(&image);
        }
        free(model.things);
        image_free(&image);
    }
}

/* ---- threads -------------------------------------------------------------------------- */

struct worker {
    struct image *image;
    pthread_t thread;
    uint64_t random;
};

/* Each thread keeps up to 64 things, whose first word it owns. */
static void *work(void *argument) {
    struct worker *worker = argument;
    struct tg_local *local = &worker->image->local;
    struct thing mine[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        struct tg_call call;
        worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
        uint64_t dice = worker->random >> 20;
        tg_call_begin(&call, local, 0, TG_FOREVER);
        if (!EXPECT(tg_borrow(&call) == TG_OK)) return NULL;
        struct thing *thing = &mine[count];
        uint32_t first;
        if (dice % 64 == 0) {
            tg_status status = tg_arena_trim(&call, 0);
            EXPECT(status == TG_OK || status == TG_BUSY);
        } else if (dice % 64 == 1) {
            EXPECT(tg_arena_reclaim(&call) == TG_OK);
        } else if (count < 64 && dice % 2 && dice % 8 != 1) {
            *thing = (struct thing){.class = (uint32_t)(dice >> 8) % 4};
            if (tg_block_prepare(&call, thing->class, 1) == TG_OK) {
                thing->ref = tg_block_peek(&call, thing->class, 0);
                *(uint64_t *)tg_at(local, thing->ref, 8) = dice;
                tg_block_take(&call, thing->class, 1);
                tg_commit(&call);
                count++;
            }
        } else if (count < 64 && dice % 2) {
            *thing = (struct thing){.class = TG_CLASS_NONE, .pages = 1 + (dice >> 8) % 5};
            if (tg_run_take(&call, thing->pages, &first) == TG_OK) {
                thing->ref = tg_run_ref(local, first);
                *(uint64_t *)tg_at(local, thing->ref, 8) = dice;
                tg_run_hand_over(&call);
                tg_commit(&call);
                count++;
            }
        } else if (count) {
            thing = &mine[--count];
            *(uint64_t *)tg_at(local, thing->ref, 8) = 0;
            if (thing->class == TG_CLASS_NONE) {
                EXPECT(tg_run_of_ref(local, thing->ref, thing->pages, &first));
                if (EXPECT(tg_run_free_begin(&call, first, thing->pages) == TG_OK))
                    tg_run_free_end(&call);
            } else if (EXPECT(tg_block_room(&call, thing->class, 1) == TG_OK)) {
                tg_block_give(&call, thing->class, thing->ref);
                tg_commit(&call);
            }
        }
        tg_return(&call);
    }
    return NULL;
}

TEST(threads_share_an_arena) {
    struct image image;
    struct worker workers[4];
    image_make(&image, &small);
    for (uint32_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){.image = &image, .random = i + 1};
        REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (uint32_t i = 0; i < 4; i++) pthread_join(workers[i].thread, NULL);
    EXPECT(image_clean(&image));
    image_free(&image);
}

/* ---- what a value costs ------------------------------------------------------------------ */

static uint64_t paid_for_blocks(struct tg_call *call, uint32_t class, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        REQUIRE(tg_block_prepare(call, class, 1) == TG_OK);
        tg_block_take(call, class, 1);
        tg_commit(call);
    }
    uint64_t slabs = tg_load_relaxed32(&call->local->classes[class].slabs);
    return slabs << call->local->header.slab_shift;
}

static uint64_t paid_for_runs(struct tg_call *call, uint64_t size, uint64_t count) {
    uint32_t pages = tg_pages_for(call->local, size), first;
    for (uint64_t i = 0; i < count; i++) {
        REQUIRE(tg_run_take(call, pages, &first) == TG_OK);
        tg_run_hand_over(call);
        tg_commit(call);
    }
    return (pages * count) << call->local->header.page_shift;
}

/* 10^5 values of a size: the memory taken beyond it, slabs and pages included. The bounds
 * are those of region.h: shares of a slab from 4 KiB on, whole pages from 22 KiB on. */
TEST(values_waste_little) {
    static const struct {
        uint64_t size;
        double most; /* percent */
    } table[] = {{48, 2},    {100, 6},    {176, 2},    {256, 2},    {1000, 5},
                 {4000, 5},  {9000, 7},   {16384, 1},  {17000, 29}, {20000, 10},
                 {24000, 3}, {33000, 25}, {65000, 14}, {100000, 7}, {200000, 3}};
    static const struct tg_region_options large = {
        .limit = (uint64_t)8 << 30, .context_count = 4, .max_processes = 2};
    EXAMPLES(row, table) {
        struct image image;
        struct tg_call call;
        uint64_t count = row->size < 9000 ? 100000 : 10000;
        image_make(&image, &large);
        uint32_t class = tg_class_for(&image.local, row->size);
        image_call(&image, &call);
        uint64_t paid = class == TG_CLASS_NONE ? paid_for_runs(&call, row->size, count)
                                               : paid_for_blocks(&call, class, count);
        double lost = 100 * ((double)paid / (double)(row->size * count) - 1);
        printf("%6llu bytes: %5.1f %% lost\n", (unsigned long long)row->size, lost);
        EXPECT(lost >= 0 && lost <= row->most);
        EXPECT(image_clean(&image));
        tg_return(&call);
        image_free(&image);
    }
}
