/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction over several words and two widths, killed everywhere.
 *
 * Goal: all or nothing, for whoever takes the lock next; and again when recovery itself is
 * killed, when two recoverers compete, and when one dies inside another's wait. */
#include "core_world.h"

static void journal_setup2(void) { core_world_make(2, 2); }
static void journal_setup3(void) { core_world_make(3, 3); }

/* Under the lock all words are equal; a transaction that ended changed them all. */
static void check_equal(void) {
    uint64_t first = tg_load_relaxed64(&core_table->word[0]);
    for (unsigned i = 1; i < 4; i++)
        if (tg_load_relaxed64(&core_table->word[i]) != first) sim_fail("half a transaction");
    if (tg_load_relaxed32(&core_table->spare) != (uint32_t)first) sim_fail("half a transaction");
}

static void change_all(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    if (core_good(tg_lock(&call, &core_table->lock[0], 0))) {
        check_equal();
        uint64_t next = tg_load_relaxed64(&core_table->word[0]) + 1;
        for (unsigned i = 0; i < 4; i++) tg_log64(&call, &core_table->word[i], next);
        tg_log32(&call, &core_table->spare, (uint32_t)next);
        tg_log64(&call, &core_table->word[4 + call.local->process],
                 tg_load_relaxed64(&core_table->word[4 + call.local->process]) + 1);
        tg_commit(&call);
        check_equal();
        tg_unlock(&call, &core_table->lock[0]);
    }
    tg_return(&call);
}

static void journal_check(void) {
    check_equal();
    uint64_t sum = 0;
    for (unsigned p = 0; p < 3; p++) sum += tg_load_relaxed64(&core_table->word[4 + p]);
    SIM_EXPECT(tg_load_relaxed64(&core_table->word[0]) == sum);
    core_world_check();
}

const struct sim_scenario journal_words = {
    CORE_SCENARIO(journal_words),
    .doc = "several words change as one, whatever dies where",
    .setup = journal_setup2,
    .actors = {{.name = "first", .process = 0, .run = change_all},
               {.name = "second", .process = 1, .run = change_all}},
    .actor_count = 2,
    .check = journal_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* The dead of the start: process 0 was killed after half of its transaction was applied. */
static void dead_setup(void) {
    struct tg_call call;
    core_world_make(3, 3);
    sim_act_as(0);
    core_begin(&call);
    SIM_EXPECT(tg_borrow(&call) == TG_OK);
    SIM_EXPECT(tg_lock(&call, &core_table->lock[0], 0) == TG_OK);
    SIM_EXPECT(tg_lock(&call, &core_table->lock[1], 0) == TG_OK);
    for (unsigned i = 0; i < 5; i++) tg_log64(&call, &core_table->word[i], 1);
    tg_log32(&call, &core_table->spare, 1);
    tg_store_relaxed64(&call.context->log_state, call.log_count);
    tg_store_relaxed64(&core_table->word[0], 1);
    struct tg_os *os = core_locals[0]->os;
    os->ops->life_drop(os, 0);
}

static void sweep(void *unused) {
    uint32_t found;
    (void)unused;
    if (core_good(tg_sweep_dead(world_local(), &found)) && found > 1)
        SIM_EXPECT(sim_crashed(1) || sim_crashed(2));
    if (sim_self_process() == 2) change_all(NULL);
}

const struct sim_scenario recover_two = {
    CORE_SCENARIO(recover_two),
    .doc = "two recoverers of one process: one is elected, and what follows is not undone",
    .setup = dead_setup,
    .actors = {{.name = "sweeper", .process = 1, .run = sweep},
               {.name = "changer", .process = 2, .run = sweep}},
    .actor_count = 2,
    .check = journal_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

const struct sim_scenario recover_nested = {
    CORE_SCENARIO(recover_nested),
    .doc = "who waits for a lock of the dead mends it, and dies at it, and is mended",
    .setup = dead_setup,
    .actors = {{.name = "first", .process = 1, .run = change_all},
               {.name = "second", .process = 2, .run = change_all}},
    .actor_count = 2,
    .check = journal_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* Three deaths: two on top of the one of the start is what the flags of a plan can't say. */
const struct sim_scenario recover_three = {
    CORE_SCENARIO(recover_three),
    .doc = "three contexts with transactions, killed and mended by one another",
    .setup = journal_setup3,
    .actors = {{.name = "first", .process = 0, .run = change_all},
               {.name = "second", .process = 1, .run = change_all},
               {.name = "third", .process = 2, .run = change_all}},
    .actor_count = 3,
    .check = journal_check,
    .flags = SIM_CRASH | SIM_STOP,
};
