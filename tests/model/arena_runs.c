/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of pages are taken, filled and freed while memory is committed and punched.
 *
 * Goal: a run has one owner, its data stay until it is freed, the counters are exact, and
 * what a dead process was about to commit or punch is settled by the next borrower, who
 * may die of it, too. A failure means lost pages, pages with two owners, or data punched
 * away. */
#include "arena_world.h"

static void runs_setup(void) { arena_world_make(3, 2, 2); }

/* One, then the other size: both grow the arena, or one uses what the other left. */
static void user(void *argument) {
    uint32_t pages = *(const uint32_t *)argument;
    struct tg_call call;
    if (!arena_begin(&call)) return;
    if (arena_run_take(&call, pages, 0)) (void)arena_run_free(&call, pages, 0);
    tg_return(&call);
}

static uint32_t two = 2, three = 3;

const struct sim_scenario arena_runs = {
    .name = "arena_runs",
    .doc = "two processes take, fill and free runs in memory that must be committed first",
    .arena_size = ARENA_WORLD_SIZE,
    .setup = runs_setup,
    .actors = {{.name = "two", .process = 0, .run = user, .arg = &two},
               {.name = "three", .process = 1, .run = user, .arg = &three}},
    .actor_count = 2,
    .recover = arena_world_recover,
    .check = arena_world_check,
    .flags = SIM_ALL | SIM_CHECK_COMMIT,
};

/* --- A puncher that is stopped destroys nothing. */

/* Two units are free and committed; the limit allows no third. */
static void punch_setup(void) {
    struct tg_call call;
    uint32_t first;
    arena_world_make(2, 3, 2);
    SIM_EXPECT(arena_begin(&call));
    SIM_EXPECT(tg_run_take(&call, 2 * ARENA_UNIT_PAGES, &first) == TG_OK);
    SIM_EXPECT(tg_run_return(&call) == TG_OK);
    tg_return(&call);
}

static void puncher(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    (void)arena_good(tg_arena_trim(&call, ARENA_UNIT_PAGES * ARENA_PAGE));
    tg_return(&call);
}

/* Keeps what it took: `check` looks at the data. */
static void keeper(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    (void)arena_run_take(&call, 2, 0);
    tg_return(&call);
    if (!arena_begin(&call)) return;
    (void)arena_run_take(&call, ARENA_UNIT_PAGES, 1);
    tg_return(&call);
}

static void punch_check(void) {
    struct tg_local *local = arena_locals[0];
    arena_world_check();
    for (unsigned i = 0; i < ARENA_OWNERS; i++) {
        tg_ref ref = tg_load_relaxed32(arena_owner(1, i));
        const tg_a64 *word = ref ? tg_at(local, ref, ARENA_PAGE) : NULL;
        SIM_EXPECT(ref == 0 || word != NULL);
        SIM_EXPECT(ref == 0 || tg_load_relaxed64(word) == 2);
    }
}

const struct sim_scenario arena_punch = {
    .name = "arena_punch",
    .doc = "memory is given back while it is taken: live data are never punched",
    .arena_size = ARENA_WORLD_SIZE,
    .setup = punch_setup,
    .actors = {{.name = "puncher", .process = 0, .run = puncher},
               {.name = "keeper", .process = 1, .run = keeper}},
    .actor_count = 2,
    .recover = arena_world_recover,
    .check = punch_check,
    .flags = SIM_ALL | SIM_CHECK_COMMIT,
};

/* --- The file system refuses the nth commit. */

static void refusal(unsigned nth) {
    arena_world_make(4, 2, 2);
    sim_commit_fails_at(nth);
}
static void refusal1_setup(void) { refusal(1); }
static void refusal2_setup(void) { refusal(2); }
static void refusal3_setup(void) { refusal(3); }

/* A run larger than a unit's rest, then a block, whose slab may need a unit of its own. */
static void grower(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!arena_begin(&call)) return;
    (void)arena_take(&call, 0, 1);
    (void)arena_run_take(&call, ARENA_UNIT_PAGES, 1);
    tg_return(&call);
}

#define REFUSAL(N)                                                                                 \
    const struct sim_scenario arena_refusal##N = {                                                 \
        .name = "arena_refusal" #N,                                                                \
        .doc = "commit number " #N " is refused: TG_FULL, and nothing is lost",                    \
        .arena_size = ARENA_WORLD_SIZE,                                                            \
        .setup = refusal##N##_setup,                                                               \
        .actors = {{.name = "one", .process = 0, .run = grower},                                   \
                   {.name = "two", .process = 1, .run = grower}},                                  \
        .actor_count = 2,                                                                          \
        .recover = arena_world_recover,                                                            \
        .check = arena_world_check,                                                                \
        .flags = SIM_CRASH | SIM_CHECK_COMMIT,                                                     \
    }

REFUSAL(1);
REFUSAL(2);
REFUSAL(3);
