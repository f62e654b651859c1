/* SPDX-License-Identifier: Apache-2.0 */
/* Two contexts refill from and flush to the same class.
 *
 * Goal: a block is in exactly one place, whatever is killed where. A failure means that a
 * block was lost, or given out twice. The slabs have three blocks, so that full, partial
 * and empty are all reached, and an empty one goes back to the runs. */
#include "arena_world.h"

static uint32_t three_a_slab(void) { return tg_class_for(arena_locals[0], 512); }

/* A magazine has all blocks of one slab and one of the next; process 0 owns `owned`. */
static void two_slabs(uint32_t owned) {
    struct tg_call call;
    arena_world_make(4, 2, 2);
    SIM_EXPECT(arena_begin(&call));
    uint32_t class = three_a_slab();
    SIM_EXPECT(tg_class_shape(call.local, class)->blocks == 3);
    SIM_EXPECT(tg_block_prepare(&call, class, 4) == TG_OK);
    if (owned) SIM_EXPECT(arena_take(&call, class, owned));
    tg_return(&call);
    sim_name(&arena_locals[0]->classes[class].lock, 8, "class.lock");
    sim_name(&arena_locals[0]->classes[class].partial, 4, "class.partial");
}

static void stock_setup(void) { two_slabs(2); }
static void collect_setup(void) { two_slabs(0); }

static void flusher(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    if (arena_give(&call, three_a_slab(), 0))
        (void)arena_good(tg_magazine_flush(&call, three_a_slab(), 0));
    tg_return(&call);
}

static void filler(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    (void)arena_take(&call, three_a_slab(), 2);
    tg_return(&call);
}

const struct sim_scenario arena_stock = {
    .name = "arena_stock",
    .doc = "a refill and a flush of one class: each block is in exactly one place",
    .arena_size = ARENA_WORLD_SIZE,
    .setup = stock_setup,
    .actors = {{.name = "flusher", .process = 0, .run = flusher},
               {.name = "filler", .process = 1, .run = filler}},
    .actor_count = 2,
    .recover = arena_world_recover,
    .check = arena_world_check,
    .flags = SIM_ALL,
};

/* The same context of a dead process is drained by another, while a third fills. */
static void collector(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    (void)arena_good(tg_arena_reclaim(&call));
    tg_return(&call);
}

const struct sim_scenario arena_collect = {
    .name = "arena_collect",
    .doc = "idle magazines are flushed while their owners come back",
    .arena_size = ARENA_WORLD_SIZE,
    .setup = collect_setup,
    .actors = {{.name = "filler", .process = 0, .run = filler},
               {.name = "collector", .process = 1, .run = collector}},
    .actor_count = 2,
    .recover = arena_world_recover,
    .check = arena_world_check,
    .flags = SIM_CRASH | SIM_STOP,
};
