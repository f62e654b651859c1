/* SPDX-License-Identifier: Apache-2.0 */
/* A model of who owns what in an arena, and random steps that use it.
 *
 *   A thing is a block or a run. It is filled with a pattern of its own when it is taken,
 *   and must still show it when it is released: memory given out twice does not. */
#ifndef TG_TESTS_CORE_ARENA_MODEL_H
#define TG_TESTS_CORE_ARENA_MODEL_H

#include "arena_image.h"

static const struct tg_region_options small = {
    .limit = 4 << 20, .context_count = 4, .max_processes = 2};

struct thing {
    uint64_t tag;
    tg_ref ref;
    uint32_t class; /* TG_CLASS_NONE: a run of `pages` */
    uint32_t pages;
};

struct model {
    struct image *image;
    struct thing *things;
    uint32_t count, capacity;
    uint64_t next_tag, refused;
};

static uint64_t bytes_of(const struct tg_local *local, const struct thing *thing) {
    if (thing->class != TG_CLASS_NONE) return tg_class_size(local, thing->class);
    return (uint64_t)thing->pages << local->header.page_shift;
}

/* The first word of each 256 bytes, and the last: overlaps show, and tests stay quick. */
static void fill(struct model *model, const struct thing *thing) {
    struct tg_local *local = &model->image->local;
    uint64_t *words = tg_at(local, thing->ref, 8), count = bytes_of(local, thing) / 8;
    REQUIRE(words != NULL);
    for (uint64_t i = 0; i < count; i += 32) words[i] = thing->tag ^ i;
    words[count - 1] = thing->tag;
}

static bool intact(struct model *model, const struct thing *thing) {
    struct tg_local *local = &model->image->local;
    const uint64_t *words = tg_at(local, thing->ref, 8);
    uint64_t count = bytes_of(local, thing) / 8;
    if (words == NULL || words[count - 1] != thing->tag) return false;
    for (uint64_t i = 0; i < count - 1; i += 32)
        if (words[i] != (thing->tag ^ i)) return false;
    return true;
}

static bool take_blocks(struct model *model, struct tg_call *call, uint32_t class, uint32_t count) {
    tg_status status = tg_block_prepare(call, class, count);
    if (status != TG_OK) {
        EXPECT_EQ(status, TG_FULL);
        model->refused++;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct thing *thing = &model->things[model->count++];
        *thing = (struct thing){model->next_tag += 0x9e3779b97f4a7c15u,
                                tg_block_peek(call, class, i), class, 0};
        EXPECT_EQ(tg_class_of_ref(&model->image->local, thing->ref), class);
        fill(model, thing);
    }
    tg_block_take(call, class, count);
    tg_commit(call);
    return true;
}

static bool take_run(struct model *model, struct tg_call *call, uint32_t pages) {
    uint32_t first, found;
    tg_status status = tg_run_take(call, pages, &first);
    if (status != TG_OK) {
        EXPECT_EQ(status, TG_FULL);
        EXPECT_EQ(tg_load_relaxed64(&call->context->run), 0);
        model->refused++;
        return false;
    }
    struct thing *thing = &model->things[model->count];
    *thing = (struct thing){model->next_tag += 0x9e3779b97f4a7c15u,
                            tg_run_ref(&model->image->local, first), TG_CLASS_NONE, pages};
    EXPECT(tg_run_of_ref(&model->image->local, thing->ref, pages, &found) && found == first);
    fill(model, thing);
    EXPECT(intact(model, thing));
    if (image_random(model->image) % 8 == 0) {
        EXPECT_EQ(tg_run_return(call), TG_OK);
        return true;
    }
    tg_run_hand_over(call);
    tg_commit(call);
    model->count++;
    return true;
}

static void release(struct model *model, struct tg_call *call, uint32_t index) {
    struct thing thing = model->things[index];
    EXPECT(intact(model, &thing));
    model->things[index] = model->things[--model->count];
    if (thing.class != TG_CLASS_NONE) {
        REQUIRE(tg_block_room(call, thing.class, 1) == TG_OK);
        tg_block_give(call, thing.class, thing.ref);
        tg_commit(call);
        return;
    }
    uint32_t first;
    REQUIRE(tg_run_of_ref(&model->image->local, thing.ref, thing.pages, &first));
    REQUIRE(tg_run_free_begin(call, first, thing.pages) == TG_OK);
    EXPECT(call->log_count <= 14);
    tg_run_free_end(call);
}

static inline void release_all(struct model *model, struct tg_call *call) {
    while (model->count) release(model, call, model->count - 1);
}

static inline void expect_agreement(struct model *model) {
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        if (!EXPECT(intact(model, &model->things[i]))) break;
        blocks += model->things[i].class != TG_CLASS_NONE;
    }
    EXPECT(image_clean(model->image));
    EXPECT_EQ(image_owned(model->image), blocks);
    EXPECT_EQ(image_runs(model->image), model->count - blocks);
}

static void model_make(struct model *model, struct image *image, uint32_t capacity) {
    *model = (struct model){.image = image, .capacity = capacity};
    model->things = calloc(capacity, sizeof *model->things);
    REQUIRE(model->things != NULL);
}

static inline void step(struct model *model, struct tg_call *call, bool growing) {
    struct image *image = model->image;
    struct tg_local *local = &image->local;
    uint64_t dice = image_random(image);
    if (model->count + 8 < model->capacity && (dice % 100 < (growing ? 60 : 40))) {
        uint32_t class = (uint32_t)(dice >> 8) % TG_CLASS_TOTAL(local);
        uint32_t most = tg_magazine_capacity(local, class);
        if (dice >> 40 & 7)
            take_blocks(model, call, class, 1 + (uint32_t)(dice >> 48) % (most < 6 ? most : 6));
        else
            take_run(model, call, 1 + (uint32_t)(dice >> 48) % 20);
    } else if (model->count && dice % 100 < 97) {
        release(model, call, (uint32_t)(dice >> 32) % model->count);
    } else if (dice % 100 == 97) {
        EXPECT_EQ(tg_arena_trim(call, dice >> 44), TG_OK);
    } else if (dice % 100 == 98) {
        EXPECT_EQ(tg_arena_reclaim(call), TG_OK);
    } else if (dice % 100 == 99) {
        image->fail_commit_at = tg_load_relaxed64(&image->commits) + 1 + (dice >> 50) % 4;
    }
}

#endif
