/* SPDX-License-Identifier: Apache-2.0 */
/* Locks: two and three contexts contend; owners, waiters and heirs are killed and stopped.
 *
 * Goal: one owner at a time, no lock lost, nobody waits longer than he has to. Each process
 * counts what it did in the transaction that does it: a lost or half update shows as a sum
 * that is wrong. */
#include "core_world.h"

static void lock_setup2(void) { core_world_make(2, 2); }
static void lock_setup3(void) { core_world_make(3, 3); }

/* word[0] and word[7] count all, word[1 + p] what process p did. */
static void count_one(struct tg_call *call) {
    for (unsigned i = 0; i < 3; i++) {
        unsigned which = i == 0 ? 0 : i == 1 ? 1 + call->local->process : 7;
        tg_a64 *word = &core_table->word[which];
        tg_log64(call, word, tg_load_relaxed64(word) + 1);
    }
    tg_commit(call);
}

static uint64_t done_by(unsigned process) {
    return tg_load_relaxed64(&core_table->word[1 + process]);
}

static void lock_once(void *locks) {
    struct tg_call call;
    uint64_t before = done_by(sim_self_process());
    if (!core_borrow(&call)) return;
    bool got = core_good(tg_lock(&call, &core_table->lock[0], TG_LOCK_VALUE_ONE));
    if (got && locks) got = core_good(tg_lock(&call, &core_table->lock[1], 0));
    if (got) count_one(&call);
    tg_unlock_all(&call);
    tg_return(&call);
    SIM_EXPECT(done_by(sim_self_process()) == before + got); /* a time-out changed nothing */
}

static void lock_twice(void *locks) {
    lock_once(locks);
    lock_once(locks);
}

static void lock_check(void) {
    uint64_t sum = 0;
    for (unsigned p = 0; p < 4; p++) sum += done_by(p);
    SIM_EXPECT(tg_load_relaxed64(&core_table->word[0]) == sum);
    SIM_EXPECT(tg_load_relaxed64(&core_table->word[7]) == sum);
    core_world_check();
}

const struct sim_scenario owner_lock = {
    CORE_SCENARIO(owner_lock),
    .doc = "two contexts contend for a lock: exclusion, all or nothing, no lock lost",
    .setup = lock_setup2,
    .actors = {{.name = "first", .process = 0, .run = lock_twice},
               {.name = "second", .process = 1, .run = lock_once}},
    .actor_count = 2,
    .check = lock_check,
    .flags = SIM_ALL,
};

const struct sim_scenario owner_lock_three = {
    CORE_SCENARIO(owner_lock_three),
    .doc = "three contexts contend for a lock",
    .setup = lock_setup3,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "second", .process = 1, .run = lock_once},
               {.name = "third", .process = 2, .run = lock_once}},
    .actor_count = 3,
    .check = lock_check,
    .flags = SIM_CRASH | SIM_STOP,
};

const struct sim_scenario owner_lock_pair = {
    CORE_SCENARIO(owner_lock_pair),
    .doc = "two locks of a dead owner are both released, however often recovery dies",
    .setup = lock_setup2,
    .actors = {{.name = "first", .process = 0, .run = lock_once, .arg = &core_table},
               {.name = "second", .process = 1, .run = lock_once, .arg = &core_table}},
    .actor_count = 2,
    .check = lock_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* ---- wake-ups ---------------------------------------------------------------------- */

static SIM_STATE uint64_t began_ns;

static void wake_setup(void) {
    core_world_make(3, 3);
    began_ns = sim_now_ns();
}

/* Without faults virtual time jumps only when all sleep: a wake-up was lost then. */
static void wake_check(void) {
    if (sim_now_ns() - began_ns > 1000000) sim_fail("a wake-up was lost: all slept");
    lock_check();
}

const struct sim_scenario owner_wake = {
    CORE_SCENARIO(owner_wake),
    .doc = "a release wakes whoever sleeps: the time-out of a slice is never needed",
    .setup = wake_setup,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "second", .process = 1, .run = lock_once},
               {.name = "third", .process = 2, .run = lock_once}},
    .actor_count = 3,
    .check = wake_check,
    .flags = SIM_STRICT_FUTEX,
    .bound = 3,
};

/* ---- reservations ------------------------------------------------------------------ */

/* The lock has an heir from the start: context 3, whose call is long over (stale), or never
 * comes to take it. A reservation delays, it never blocks. */
static void heir_setup(void) {
    core_world_make(3, 2);
    tg_store_relaxed64(&core_table->lock[0], 3ull << TG_LOCK_HEIR_SHIFT);
}

static void heir_check(void) {
    SIM_EXPECT(tg_word_heir(tg_load_relaxed64(&core_table->lock[0])) == 0 || sim_crashed(0) ||
               sim_crashed(1) || sim_stopped(0) || sim_stopped(1));
    lock_check();
}

const struct sim_scenario owner_heir_stale = {
    CORE_SCENARIO(owner_heir_stale),
    .doc = "a reservation for a context that does not come is broken",
    .setup = heir_setup,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "second", .process = 1, .run = lock_once}},
    .actor_count = 2,
    .check = heir_check,
    .flags = SIM_CRASH | SIM_STOP,
};

/* An owner that keeps its lock for 4 ms makes the waiters reserve. */
static void keep_long(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    if (core_good(tg_lock(&call, &core_table->lock[0], 0))) {
        for (int i = 0; i < 4; i++) {
            struct tg_os *os = call.local->os;
            uint32_t seen = (uint32_t)tg_load_relaxed64(&core_table->word[6]);
            (void)!os->ops->futex_wait(os, &core_table->word[6], seen, 1000000, 1);
        }
        count_one(&call);
    }
    tg_unlock_all(&call);
    tg_return(&call);
}

const struct sim_scenario owner_heir = {
    CORE_SCENARIO(owner_heir),
    .doc = "a waiter reserves the next turn; a dead or stopped heir delays, nothing else",
    .setup = lock_setup3,
    .actors = {{.name = "owner", .process = 0, .run = keep_long},
               {.name = "second", .process = 1, .run = lock_once},
               {.name = "third", .process = 2, .run = lock_once}},
    .actor_count = 3,
    .check = lock_check,
    .flags = SIM_CRASH | SIM_STOP,
    .bound = 1,
};

/* A try-lock meets the reservation of a dead waiter: after recovery it must succeed. */
static void wait_and_leave(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    if (tg_lock(&call, &core_table->lock[0], 0) == TG_OK) count_one(&call);
    tg_unlock_all(&call);
    tg_return(&call);
}

static void heir_gone_check(void) {
    struct tg_call call;
    lock_check();
    tg_call_begin(&call, core_locals[CORE_TIDIER], 1, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, 1));
    if (!sim_stopped(0) && !sim_stopped(1))
        SIM_EXPECT(tg_trylock(&call, &core_table->lock[0], 0) == TG_OK);
    tg_unlock_all(&call);
    tg_return(&call);
}

const struct sim_scenario owner_heir_dead = {
    CORE_SCENARIO(owner_heir_dead),
    .doc = "recovery takes back the reservations of the dead: try-locks succeed again",
    .setup = lock_setup2,
    .actors = {{.name = "owner", .process = 0, .run = keep_long},
               {.name = "waiter", .process = 1, .run = wait_and_leave}},
    .actor_count = 2,
    .check = heir_gone_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};

/* ---- contexts ---------------------------------------------------------------------- */

static void context_setup(void) { core_world_make(1, 3); }

const struct sim_scenario owner_context = {
    CORE_SCENARIO(owner_context),
    .doc = "one context for three processes: waited for, and taken from the dead",
    .setup = context_setup,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "second", .process = 1, .run = lock_twice},
               {.name = "third", .process = 2, .run = lock_once}},
    .actor_count = 3,
    .check = lock_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* ---- contexts that were never used -------------------------------------------------- */

static void new_setup2(void) { core_world_make_new(2, 1, 2); }
static void new_setup3(void) { core_world_make_new(3, 1, 3); }

const struct sim_scenario owner_new = {
    CORE_SCENARIO(owner_new),
    .doc = "who dies in a context that was never used is found by who mends it",
    .setup = new_setup2,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "new", .process = 1, .run = lock_twice}},
    .actor_count = 2,
    .check = lock_check,
    .flags = SIM_ALL,
};

const struct sim_scenario owner_new_two = {
    CORE_SCENARIO(owner_new_two),
    .doc = "two raise the mark of the contexts at once",
    .setup = new_setup3,
    .actors = {{.name = "first", .process = 0, .run = lock_once},
               {.name = "new", .process = 1, .run = lock_once},
               {.name = "newer", .process = 2, .run = lock_once}},
    .actor_count = 3,
    .check = lock_check,
    .flags = SIM_CRASH | SIM_DELAY,
    .bound = 2,
};
