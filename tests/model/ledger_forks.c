/* SPDX-License-Identifier: Apache-2.0 */
/* Forks: a child copies its parent's kept pins, while the parent waits, gives up, or dies.
 *
 * Goal: whatever the child keeps stood still all the time; what it could not get in time it
 * has none of; nobody's pins are left. */
#include "core_world.h"
#include "ledger/adopt.h"

/* A scan passes the child's entry before its parent's. */
enum { CHILD = 0, REMOVER = 1, PARENT = 2, VALUE = 0, OTHER = 1, STEADY = 2 };

static SIM_STATE struct core_pin forked_pin, thread_pin;
static SIM_STATE tg_a64 *forked; /* 1: from here on the child exists */
static SIM_STATE tg_a64 *verdict;
static SIM_STATE bool inherited, unpinned;

static struct core_pin keep(unsigned slot) {
    struct core_pin pin = core_pin(slot);
    if (pin.object) (void)tg_ledger_keep(world_local(), pin.entry);
    return pin;
}

static void parent_setup(void) {
    core_world_make(3, 3);
    sim_act_as(REMOVER);
    core_set(VALUE, 1);
    forked = sim_alloc(64);
    verdict = sim_alloc(64);
    sim_name(forked, 8, "forked");
    sim_name(verdict, 8, "verdict");
    sim_act_as(PARENT);
    forked_pin = keep(VALUE);
}

/* The child's private memory is a copy of its parent's. */
static void fork_now(void) {
    struct tg_fork_pins *mine = &core_locals[PARENT]->fork, *its = &core_locals[CHILD]->fork;
    SIM_EXPECT(tg_ledger_fork_begin(core_locals[PARENT]));
    for (unsigned i = 0; i < TG_LEDGER_WORDS; i++) {
        tg_store_relaxed64(&its->noted[i], tg_load_relaxed64(&mine->noted[i]));
        tg_store_relaxed64(&its->dropped[i], tg_load_relaxed64(&mine->dropped[i]));
    }
    tg_store_release64(forked, 1);
}

static void fork_setup(void) {
    parent_setup();
    fork_now();
}

static void threads_setup(void) {
    parent_setup();
    thread_pin = keep(VALUE);
    sim_act_as(REMOVER);
    core_set(STEADY, 9);
}

static void use(const struct core_pin *pin) {
    struct tg_local *local = world_local();
    for (int i = 0; i < 2; i++) {
        if (!core_intact(local, pin->object, pin->version)) sim_fail("a pinned value changed");
        sim_point();
    }
}

/* As tg_unpin: of a pin that was made in ledger number `ledger`, the parent's. */
static void unpin(const struct core_pin *pin, uint32_t ledger) {
    struct tg_local *local = world_local();
    tg_ref ref = tg_ref_of(local, pin->object);
    tg_a64 *at = tg_ledger_entry(local, PARENT, pin->entry);
    tg_a64 *entry = tg_ledger_kept_entry(local, pin->entry, ledger, ref, at);
    if (entry != NULL && !tg_ledger_defer(local, pin->entry)) core_unpin_at(pin, entry);
}

/* Waits for a while; false: it isn't so. */
static bool wait_until(const tg_a64 *word) {
    for (int i = 0; tg_load_acquire64(word) == 0; i++) {
        if (i > 3) return false;
        tg_pause();
    }
    return true;
}

/* ---- the actors ------------------------------------------------------------------- */

/* arg NULL: it doesn't wait at all. */
static void parent(void *patient) {
    if (patient) (void)wait_until(verdict);
    tg_ledger_refuse(verdict);
    tg_ledger_fork_end(world_local());
    use(&forked_pin);
    unpin(&forked_pin, 0);
}

static void forking_parent(void *patient) {
    fork_now();
    parent(patient);
}

/* True: it has them. */
static bool adopt(void) {
    struct tg_local *local = world_local();
    struct tg_call call;
    if (!core_borrow(&call)) return false;
    tg_status status = tg_ledger_adopt(&call, &(struct tg_adoption){PARENT, 0, verdict});
    tg_return(&call);
    local->ledger_epoch++;
    tg_ledger_forked(local);
    SIM_EXPECT(status == TG_OK || status == TG_TIMEOUT);
    return status == TG_OK;
}

static void child(void *unused) {
    (void)unused;
    if (adopt()) {
        use(&forked_pin); /* the copy has the parent's number */
        unpin(&forked_pin, 0);
        return;
    }
    /* Its ledger is empty: what it claims gets the number of a pin that it doesn't have. */
    struct tg_local *local = world_local();
    uint32_t number = tg_ledger_claim(local, TG_LEDGER_CLAIMED);
    SIM_EXPECT(number == forked_pin.entry);
    unpin(&forked_pin, 0);
    if (tg_load_relaxed64(tg_ledger_entry(local, CHILD, number)) == TG_LEDGER_FREE)
        sim_fail("the child let go of what it still has");
    tg_ledger_release(local, number);
}

static void remover(void *unused) {
    (void)unused;
    core_remove_and_drain(VALUE);
    core_set(OTHER, 2);
}

/* The other thread of the parent lets go while its process forks, and pins something else. */
static void thread(void *unused) {
    (void)unused;
    if (!wait_until(forked)) return;
    unpin(&thread_pin, 0);
    unpinned = true;
    struct core_pin later = keep(STEADY);
    use(&later);
    unpin(&later, 0);
}

/* The child gets what its parent had when it forked, no more, no less. */
static void exact_child(void *unused) {
    (void)unused;
    if (!wait_until(forked) || !adopt()) return;
    struct tg_local *local = world_local();
    tg_ref ref = tg_ref_of(local, forked_pin.object);
    if (!tg_ledger_keeps(local, thread_pin.entry, 0, ref)) sim_fail("a pin of then is missing");
    use(&thread_pin);
    unpin(&thread_pin, 0);
    unpin(&forked_pin, 0);
}

/* arg: takes the dead parent's entry as well. */
static void sweeper(void *heir) {
    struct tg_local *local = world_local();
    struct tg_process *entry = &local->processes[PARENT];
    struct tg_os *os = local->os;
    uint32_t found;
    if (!core_good(tg_sweep_dead(local, &found))) return;
    if (heir && found && os->ops->life_take(os, PARENT) == TG_OK) { /* as tg_claim */
        tg_store_relaxed32(&entry->generation, tg_load_relaxed32(&entry->generation) + 1);
        tg_store_release32(&entry->state, TG_PROCESS_LIVE);
        inherited = true;
    }
    remover(NULL);
}

/* ---- the scenarios ------------------------------------------------------------------ */

/* Where all went well, all pins are gone. */
static void no_pins_check(void) {
    core_world_check();
    bool well = true;
    for (unsigned p = 0; p <= PARENT; p++) well &= !sim_crashed(p) && !sim_stopped(p);
    if (well && core_census.pins > !unpinned) sim_fail("%u pins are nobody's", core_census.pins);
}

static void heir_check(void) {
    tg_a32 *state = &core_locals[CHILD]->processes[PARENT].state;
    if (inherited) tg_store_relaxed32(state, TG_PROCESS_FREE); /* the heir goes */
    core_world_check();
}

const struct sim_scenario pin_adopt = {
    CORE_SCENARIO(pin_adopt),
    .doc = "a pin that moves from parent to child is seen by every scan",
    .setup = fork_setup,
    .actors = {{.name = "child", .process = CHILD, .run = child},
               {.name = "remover", .process = REMOVER, .run = remover},
               {.name = "parent", .process = PARENT, .run = parent, .arg = &forked}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_STOP,
    .bound = 3,
};

const struct sim_scenario pin_adopt_late = {
    CORE_SCENARIO(pin_adopt_late),
    .doc = "a child that comes too late has none of its parent's pins",
    .setup = fork_setup,
    .actors = {{.name = "child", .process = CHILD, .run = child},
               {.name = "remover", .process = REMOVER, .run = remover},
               {.name = "parent", .process = PARENT, .run = parent}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_STOP | SIM_DELAY,
};

const struct sim_scenario pin_adopt_orphan = {
    CORE_SCENARIO(pin_adopt_orphan),
    .doc = "nor has the child of a parent that was mended meanwhile",
    .setup = fork_setup,
    .actors = {{.name = "child", .process = CHILD, .run = child},
               {.name = "sweeper", .process = REMOVER, .run = sweeper},
               {.name = "parent", .process = PARENT, .run = parent, .arg = &forked}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH,
    .fault_bound = 2,
};

const struct sim_scenario pin_adopt_heir = {
    CORE_SCENARIO(pin_adopt_heir),
    .doc = "... also when somebody else has got its parent's entry by now",
    .setup = fork_setup,
    .actors = {{.name = "parent", .process = PARENT, .run = parent, .arg = &forked},
               {.name = "heir", .process = REMOVER, .run = sweeper, .arg = &forked},
               {.name = "child", .process = CHILD, .run = child}},
    .actor_count = 3,
    .check = heir_check,
    .flags = SIM_CRASH,
    .fault_bound = 2,
};

const struct sim_scenario pin_adopt_threads = {
    CORE_SCENARIO(pin_adopt_threads),
    .doc = "what another thread lets go or takes during a fork: the child has what there was",
    .setup = threads_setup,
    .actors = {{.name = "child", .process = CHILD, .run = exact_child},
               {.name = "thread", .process = PARENT, .run = thread},
               {.name = "parent", .process = PARENT, .run = forking_parent, .arg = &forked}},
    .actor_count = 3,
    .check = no_pins_check,
    .flags = SIM_CRASH | SIM_DELAY,
};
