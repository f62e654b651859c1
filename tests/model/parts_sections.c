/* SPDX-License-Identifier: Apache-2.0 */
/* Users read in sections while others put something else there, wait, and free the old.
 *
 * Goal: nothing is freed under a section that may see it; a section ends with its process, at
 * once; a stopped reader delays those who wait for him and nobody else. `current` names one of
 * several cells; a cell is good while it can be found, and scribbled over once it is freed. */
#include "core_world.h"
#include "parts/section.h"

enum { CELLS = 6, GOOD = 1, FREED = 2 };

static SIM_STATE struct tg_store *stores; /* by process */
static SIM_STATE tg_a64 *cookie_word;

static tg_a64 *current(void) { return &core_table->word[0]; }
static tg_a64 *cell(uint64_t i) { return &core_table->word[1 + i % CELLS]; }

static struct tg_store *store_of(unsigned process) {
    struct tg_store *store = &stores[process];
    memcpy(&store->local, core_locals[process], sizeof store->local);
    store->cookie = cookie_word;
    return store;
}

static void section_setup(void) {
    core_world_make(3, 3);
    stores = sim_alloc(SIM_PROCESSES * sizeof *stores);
    cookie_word = sim_alloc(8);
    tg_store_relaxed64(cookie_word, 1);
    tg_store_relaxed64(cell(0), GOOD);
    for (unsigned p = 0; p < 3; p++) (void)store_of(p);
    sim_name(&core_locals[0]->hot->section_epoch, 8, "section_epoch");
    sim_name(&core_locals[0]->hot->section_done, 8, "section_done");
    /* A stamp is a cookie: not all of them 0. */
    (void)tg_section_snapshot(core_locals[0]);
}

static struct tg_store *ours(void) { return &stores[sim_self_process()]; }

static void read_once(void) {
    struct tg_store *store = ours();
    struct tg_section section;
    uint32_t hint = 0;
    tg_status status = tg_section_enter(store, &hint, TG_FOREVER, &section);
    SIM_EXPECT(status == TG_OK);
    uint64_t i = tg_load_acquire64(current());
    if (tg_load_relaxed64(cell(i)) != GOOD)
        sim_fail("cell %u was freed under a section", (unsigned)i);
    tg_section_leave(store, &section);
}

/* True when all sections before `cookie` were seen to end in time. */
static bool wait_for(uint64_t cookie) {
    struct tg_local *local = &ours()->local;
    struct tg_os *os = local->os;
    uint64_t end = os->ops->monotonic_ns(os) + CORE_PATIENCE_NS;
    for (;;) {
        uint32_t process;
        tg_status status = tg_section_elapsed(local, cookie, &process);
        if (status == TG_OK) return true;
        SIM_EXPECT(status == TG_BUSY);
        if (os->ops->monotonic_ns(os) >= end) break;
        (void)!os->ops->futex_wait(os, cookie_word, 1, CORE_PATIENCE_NS / 3, 1);
    }
    for (unsigned p = 0; p < SIM_PROCESSES; p++)
        if (sim_stopped(p)) return false;
    sim_fail("the sections don't end, though nobody is stopped");
}

/* One writer: the next cell is shown, and the old one freed when nobody can see it. */
static void swap_once(void) {
    uint64_t old = tg_load_relaxed64(current());
    tg_store_relaxed64(cell(old + 1), GOOD);
    tg_store_release64(current(), old + 1);
    uint64_t cookie = tg_section_snapshot(&ours()->local);
    if (wait_for(cookie)) tg_store_relaxed64(cell(old), FREED);
}

/* Waits for sections, too, and so tells others what has elapsed. */
static void poll_once(void) {
    struct tg_local *local = &ours()->local;
    uint32_t process;
    uint64_t cookie = tg_section_snapshot(local);
    tg_status status = tg_section_elapsed(local, cookie, &process);
    SIM_EXPECT(status == TG_OK || status == TG_BUSY);
    SIM_EXPECT(tg_section_elapsed(local, cookie + 1000, &process) == TG_INVALID);
}

static void operate(void *arg) {
    for (const char *op = arg; *op; op++) {
        if (*op == 'r') read_once();
        if (*op == 's') swap_once();
        if (*op == 'p') poll_once();
    }
}

/* What has elapsed may not be taken back, and the dead leave no section. */
static void section_check(void) {
    struct tg_local *local = core_locals[CORE_TIDIER];
    uint32_t process;
    uint64_t given = tg_load_relaxed64(&local->hot->section_epoch);
    SIM_EXPECT(tg_load_relaxed64(&local->hot->section_done) <= given);
    core_world_check();
    for (unsigned p = 0; p < SIM_PROCESSES; p++)
        if (tg_ledger_least_stamp(local, p) != UINT64_MAX) sim_fail("a section is left");
    SIM_EXPECT(tg_section_elapsed(local, given, &process) == TG_OK);
}

#define SECTIONS(NAME, DOC, FLAGS, A, B, C)                                                        \
    const struct sim_scenario NAME = {                                                             \
        CORE_SCENARIO(NAME),                                                                       \
        .doc = DOC,                                                                                \
        .setup = section_setup,                                                                    \
        .actors = {{.name = #A, .process = 0, .run = operate, .arg = #A},                          \
                   {.name = #B, .process = 1, .run = operate, .arg = #B},                          \
                   {.name = #C, .process = 2, .run = operate, .arg = #C}},                         \
        .actor_count = 3,                                                                          \
        .check = section_check,                                                                    \
        .flags = FLAGS,                                                                            \
    }

SECTIONS(section_swap, "what a section may see is freed after it, and after its process",
         SIM_CRASH | SIM_CRASH2 | SIM_STOP | SIM_DELAY, r, s, r);
SECTIONS(section_two, "who waits believes what others saw elapse, and no more",
         SIM_CRASH | SIM_STOP, rr, s, pp);
SECTIONS(section_late, "a section that began during a scan saw the change", SIM_DELAY, rr, ss, p);
