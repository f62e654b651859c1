/* SPDX-License-Identifier: Apache-2.0 */
/* The arena against a model: every block and run is filled with a pattern of its own and
 * keeps it until it is freed; the verifier is clean after each phase. A failure means that
 * memory was given out twice, lost, or used before it was there. */
#include "arena_model.h"

TEST(a_new_arena_is_one_hole) {
    struct image image;
    image_make(&image, &small);
    EXPECT(image_clean(&image));
    EXPECT_EQ(tg_load_relaxed64(&image.local.hot->pages_hole), image.local.header.page_count);
    EXPECT_EQ(image_owned(&image) + image_runs(&image), 0);
    image_free(&image);
}

TEST(a_class_is_the_smallest_that_fits) {
    struct image image;
    image_make(&image, &small);
    struct tg_local *local = &image.local;
    uint32_t general = local->header.class_count, expected = 0;
    for (uint64_t size = 0; size <= tg_class_size(local, general - 1); size++) {
        while (tg_class_size(local, expected) < size) expected++;
        uint64_t run = (uint64_t)tg_pages_for(local, size) << local->header.page_shift;
        bool in_class = size < 1u << local->header.page_shift || run > size + size / 8 ||
                        tg_class_size(local, expected) <= size + size / 4;
        if (!EXPECT_EQ(tg_class_for(local, size), in_class ? expected : TG_CLASS_NONE)) break;
    }
    EXPECT_EQ(tg_class_for(local, tg_class_size(local, general - 1) + 1), TG_CLASS_NONE);
    EXPECT_EQ(tg_class_for(local, UINT64_MAX), TG_CLASS_NONE);
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        struct tg_shape shape = *tg_class_shape(local, class);
        EXPECT(shape.blocks > 0 && shape.first >= shape.words * 8);
        EXPECT(shape.first + shape.blocks * shape.size <= 1u << local->header.slab_shift);
    }
    image_free(&image);
}

TEST(only_the_start_of_a_block_is_a_block) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    struct tg_local *local = &image.local;
    image_call(&image, &call);
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        REQUIRE(tg_block_prepare(&call, class, 1) == TG_OK);
        tg_ref ref = tg_block_peek(&call, class, 0);
        EXPECT_EQ(tg_class_of_ref(local, ref), class);
        EXPECT(tg_block_at(local, ref, class) != NULL);
        for (uint32_t i = 1; i < tg_class_size(local, class) >> local->header.ref_shift; i++)
            if (!EXPECT_EQ((uint32_t)tg_class_of_ref(local, ref + i), UINT32_MAX)) break;
    }
    EXPECT_EQ((uint32_t)tg_class_of_ref(local, 0), UINT32_MAX);
    EXPECT_EQ((uint32_t)tg_class_of_ref(local, UINT32_MAX), UINT32_MAX);
    EXPECT(image_clean(&image));
    tg_return(&call);
    image_free(&image);
}

static void property(const struct tg_region_options *options, uint32_t steps) {
    struct image image;
    struct model model;
    struct tg_call calls[3];
    image_make(&image, options);
    model_make(&model, &image, 3000);
    for (int i = 0; i < 3; i++) image_call(&image, &calls[i]);
    for (uint32_t phase = 0; phase < 10; phase++) {
        for (uint32_t i = 0; i < steps; i++)
            step(&model, &calls[image_random(&image) % 3], phase % 2 == 0);
        expect_agreement(&model);
    }
    release_all(&model, &calls[0]);
    expect_agreement(&model);
    for (int i = 1; i < 3; i++) tg_return(&calls[i]);
    EXPECT_EQ(tg_arena_reclaim(&calls[0]), TG_OK);
    EXPECT_EQ(tg_arena_trim(&calls[0], 0), TG_OK);
    expect_agreement(&model);
    tg_return(&calls[0]);
    free(model.things);
    image_free(&image);
}

TEST(random_use_agrees_with_the_model) { property(&small, 3000); }

TEST(random_use_agrees_with_the_model_in_a_tiny_store) {
    struct tg_region_options tiny;
    tg_region_tiny(&tiny);
    property(&tiny, 3000);
}

/* ---- full, and empty again --------------------------------------------------------- */

/* Everything is taken until nothing fits, in a store whose limit is what ends it; when all
 * is freed, only slabs that are type-stable or the last of their class remain. */
TEST(a_full_store_refuses_and_empties_again) {
    struct image image;
    struct model model;
    struct tg_call call;
    image_make(&image, &small);
    model_make(&model, &image, 200000);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t class = tg_class_for(local, 1000);
        while (take_run(&model, &call, 7 + round)) continue;
        while (take_blocks(&model, &call, class, 1)) continue;
        while (take_blocks(&model, &call, 0, 1)) continue;
        while (take_run(&model, &call, 1)) continue;
        EXPECT_EQ(tg_load_relaxed64(&local->hot->pages_free), 0);
        uint64_t used = tg_load_relaxed64(&local->hot->committed_bytes) + local->header.fixed_size;
        EXPECT(used <= local->header.limit);
        EXPECT(local->header.limit - used < 1u << local->header.unit_shift);
        expect_agreement(&model);
        release_all(&model, &call);
        EXPECT_EQ(tg_arena_reclaim(&call), TG_OK);
        EXPECT_EQ(tg_arena_trim(&call, 0), TG_OK);
        expect_agreement(&model);
        uint64_t slabs = 0;
        for (uint32_t i = 0; i < TG_CLASS_TOTAL(local); i++)
            slabs += tg_load_relaxed32(&local->classes[i].slabs);
        EXPECT(slabs <= 2);
    }
    EXPECT(model.refused >= 9);
    tg_return(&call);
    free(model.things);
    image_free(&image);
}

TEST(a_refused_commit_leaves_no_trace) {
    for (uint64_t nth = 1; nth <= 6; nth++) {
        struct image image;
        struct model model;
        struct tg_call call;
        image_make(&image, &small);
        model_make(&model, &image, 5000);
        image_call(&image, &call);
        image.fail_commit_at = nth;
        for (uint32_t i = 0; i < 30; i++) {
            take_run(&model, &call, 1 + i % 4);
            take_blocks(&model, &call, i % TG_CLASS_TOTAL(&image.local), 1);
        }
        EXPECT_EQ(model.refused, 1);
        expect_agreement(&model);
        release_all(&model, &call);
        expect_agreement(&model);
        tg_return(&call);
        free(model.things);
        image_free(&image);
    }
}

TEST(an_expelled_reader_keeps_memory_from_being_punched) {
    struct image image;
    struct tg_call call, reader;
    uint32_t first;
    image_make(&image, &small);
    image_call(&image, &call);
    image_call(&image, &reader);
    EXPECT_EQ(tg_run_take(&call, 32, &first), TG_OK);
    EXPECT_EQ(tg_run_return(&call), TG_OK);
    tg_store_relaxed64(&reader.context->word, TG_WORD(TG_EXPELLED, 1, 1));
    EXPECT_EQ(tg_arena_trim(&call, 0), TG_BUSY);
    EXPECT_EQ(tg_load_relaxed64(&image.punches), 0);
    tg_store_relaxed64(&reader.context->word, TG_WORD(TG_IDLE, 0, 0));
    EXPECT_EQ(tg_arena_trim(&call, 0), TG_OK);
    EXPECT(tg_load_relaxed64(&image.punches) > 0);
    EXPECT_EQ(tg_load_relaxed64(&image.local.hot->pages_free), 0);
    EXPECT(image_clean(&image));
    tg_return(&call);
    image_free(&image);
}

TEST(a_borrower_settles_what_the_last_one_left) {
    static const enum tg_run_state states[] = {TG_RUN_TAKEN, TG_RUN_FILLING, TG_RUN_PUNCHING};
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    uint32_t pages = 1u << (image.local.header.unit_shift - image.local.header.page_shift);
    EXAMPLES(state, states) {
        uint32_t first;
        image_call(&image, &call);
        REQUIRE(tg_run_take(&call, pages, &first) == TG_OK);
        REQUIRE(first % pages == 0);
        uint64_t run = tg_load_relaxed64(&call.context->run);
        tg_store_relaxed64(&call.context->run, (run & ~15ull) | *state);
        EXPECT(image_clean(&image));
        tg_return(&call);
        image_call(&image, &call);
        EXPECT_EQ(tg_arena_settle(&call), TG_OK);
        EXPECT_EQ(tg_load_relaxed64(&call.context->run), 0);
        EXPECT(image_clean(&image));
        EXPECT_EQ(image_runs(&image), 0);
        tg_return(&call);
    }
    image_free(&image);
}

TEST(what_is_freed_twice_is_refused) {
    struct image image;
    struct tg_call call;
    image_make(&image, &small);
    image_call(&image, &call);
    REQUIRE(tg_block_prepare(&call, 3, 1) == TG_OK);
    tg_ref ref = tg_block_peek(&call, 3, 0); /* still the magazine's */
    REQUIRE(tg_block_room(&call, 3, 1) == TG_OK);
    tg_block_give(&call, 3, ref);
    tg_commit(&call);
    EXPECT_EQ(tg_magazine_flush(&call, 3, 0), TG_CORRUPT);
    uint32_t first;
    REQUIRE(tg_run_take(&call, 3, &first) == TG_OK);
    tg_run_hand_over(&call);
    tg_commit(&call);
    REQUIRE(tg_run_free_begin(&call, first, 3) == TG_OK);
    tg_run_free_end(&call);
    EXPECT_EQ(tg_run_free_begin(&call, first, 3), TG_CORRUPT);
    EXPECT_EQ(call.held_count + call.log_count, 0);
    tg_return(&call);
    image_free(&image);
}
