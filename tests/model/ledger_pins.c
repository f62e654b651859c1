/* SPDX-License-Identifier: Apache-2.0 */
/* Pins: a reader pins a value while a writer unlinks, drains and reuses it.
 *
 * Goal: while a pin counts, its bytes stand still; once it is gone, or its process is dead,
 * the memory comes back, once. Private objects die with their process. */
#include "core_world.h"

static void pins_setup(unsigned contexts, unsigned actors) {
    core_world_make(contexts, actors);
    sim_act_as(1);
    core_set(0, 1);
}

static void pin_setup2(void) { pins_setup(3, 2); }
static void pin_setup3(void) { pins_setup(4, 3); }

static void use(const struct core_pin *pin) {
    struct tg_local *local = world_local();
    for (int i = 0; i < 2; i++) {
        if (!core_intact(local, pin->object, pin->version)) sim_fail("a pinned value changed");
        sim_point();
    }
}

static void pinner(void *unused) {
    (void)unused;
    struct core_pin pin = core_pin(0);
    if (pin.object == NULL) return;
    use(&pin);
    core_unpin(&pin);
}

/* Unlinks, frees what it can (or parks), and takes the memory for another value. */
static void remover(void *unused) {
    (void)unused;
    core_remove_and_drain(0);
    core_set(1, 2);
}

const struct sim_scenario pin_unlink = {
    CORE_SCENARIO(pin_unlink),
    .doc = "a pinned value stands still; unpinned, or its pinner dead, its memory comes back",
    .setup = pin_setup2,
    .actors = {{.name = "pinner", .process = 0, .run = pinner},
               {.name = "remover", .process = 1, .run = remover}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_ALL,
};

const struct sim_scenario pin_two = {
    CORE_SCENARIO(pin_two),
    .doc = "two pinners of one value: the last to go lets it go",
    .setup = pin_setup3,
    .actors = {{.name = "pinner", .process = 0, .run = pinner},
               {.name = "remover", .process = 1, .run = remover},
               {.name = "other", .process = 2, .run = pinner}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_STOP,
};

/* Two threads of one process share its ledger. */
const struct sim_scenario pin_threads = {
    CORE_SCENARIO(pin_threads),
    .doc = "two threads of one process claim two entries",
    .setup = pin_setup2,
    .actors = {{.name = "pinner", .process = 0, .run = pinner},
               {.name = "thread", .process = 0, .run = pinner},
               {.name = "remover", .process = 1, .run = remover}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH,
};

/* ---- a header that is recycled under a stale attempt ------------------------------- */

/* The reader's section may be expelled: its attempt then meets another object's header. */
static void recycler(void *unused) {
    (void)unused;
    for (uint64_t version = 2; version <= 3; version++) {
        core_remove_and_drain(0);
        core_set(0, version);
    }
}

const struct sim_scenario pin_recycled = {
    CORE_SCENARIO(pin_recycled),
    .doc = "a stale attempt to pin a recycled header is refused, and harms nobody",
    .setup = pin_setup2,
    .actors = {{.name = "pinner", .process = 0, .run = pinner},
               {.name = "recycler", .process = 1, .run = recycler}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_STOP,
};

/* By a handle that a section gave, after the section: nothing keeps the object meanwhile, and
 * only the check tells whether it is still that one. */
static void late_pinner(void *unused) {
    struct tg_local *local = world_local();
    struct tg_call call;
    struct core_pin pin = {0};
    (void)unused;
    core_begin(&call);
    if (!core_good(tg_read_enter(&call))) return;
    tg_ref ref = tg_load_acquire32(&core_table->slot[0]);
    pin.object = ref ? tg_object_at(local, ref) : NULL;
    if (pin.object) pin.version = tg_load_relaxed64(&pin.object->version);
    if (!tg_read_leave(&call) || pin.object == NULL) return;
    tg_status status = tg_ledger_pin(local, pin.object, pin.version, &pin.entry);
    SIM_EXPECT(status == TG_OK || status == TG_RETRY);
    if (status != TG_OK) return;
    use(&pin);
    core_unpin(&pin);
}

const struct sim_scenario pin_late = {
    CORE_SCENARIO(pin_late),
    .doc = "a pin by handle and version holds only what is still there",
    .setup = pin_setup2,
    .actors = {{.name = "pinner", .process = 0, .run = late_pinner},
               {.name = "recycler", .process = 1, .run = recycler}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_DELAY,
};

/* ---- private objects --------------------------------------------------------------- */

/* arg NULL: publishes; else gives up. The object is filled without a context. */
static void maker(void *give_up) {
    struct tg_call call;
    uint32_t entry;
    if (!core_borrow(&call)) return;
    struct tg_object *object = core_create(&call, 2, &entry);
    tg_return(&call);
    if (object == NULL) return;
    core_fill(call.local, object, 2);
    tg_status status;
    do {
        core_begin(&call);
        status = tg_borrow(&call);
    } while (status == TG_NO_CONTEXT);
    SIM_EXPECT(status == TG_OK);
    if (give_up || !core_replace(&call, 0, object, entry, false))
        tg_object_discard(&call, object, entry);
    tg_return(&call);
}

const struct sim_scenario pin_private = {
    CORE_SCENARIO(pin_private),
    .doc = "a private object is published, given up, or dies with its process",
    .setup = pin_setup2,
    .actors = {{.name = "maker", .process = 0, .run = maker},
               {.name = "quitter", .process = 1, .run = maker, .arg = &core_table}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* Three of the four entries are taken, so the second thread gets the very entry that the
 * first one frees: if that were free before the first one's log is empty, the redo after a
 * death would erase the second one's claim to its object. */
static void last_entry_publisher(void *unused) {
    struct tg_local *local = world_local();
    uint32_t taken[TG_LEDGER_FIRST - 1];
    (void)unused;
    for (int i = 0; i < TG_LEDGER_FIRST - 1; i++)
        taken[i] = tg_ledger_claim(local, TG_LEDGER_CLAIMED);
    core_set(0, 2);
    for (int i = 0; i < TG_LEDGER_FIRST - 1; i++)
        if (taken[i]) tg_ledger_release(local, taken[i]);
}

static void next_publisher(void *unused) {
    (void)unused;
    core_set(1, 3);
}

const struct sim_scenario pin_entry = {
    CORE_SCENARIO(pin_entry),
    .doc = "an entry that a publication frees is claimed by another thread, and all die",
    .setup = pin_setup2,
    .actors = {{.name = "publisher", .process = 0, .run = last_entry_publisher},
               {.name = "next", .process = 0, .run = next_publisher}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};

/* Published and pinned in one transaction; a remover takes it away at once. */
static void keeper(void *unused) {
    struct tg_call call;
    uint32_t entry;
    (void)unused;
    if (!core_borrow(&call)) return;
    struct tg_object *object = core_create(&call, 5, &entry);
    bool published = object && core_replace(&call, 0, object, entry, true);
    if (object && !published) tg_object_discard(&call, object, entry);
    tg_return(&call);
    if (!published) return;
    struct core_pin pin = {object, 5, entry};
    use(&pin);
    core_unpin(&pin);
}

const struct sim_scenario pin_keep = {
    CORE_SCENARIO(pin_keep),
    .doc = "what is published with its pin is pinned from the start",
    .setup = pin_setup2,
    .actors = {{.name = "keeper", .process = 0, .run = keeper},
               {.name = "remover", .process = 1, .run = remover}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* ---- parked objects ---------------------------------------------------------------- */

/* Process 0 pins the value from the start; it has been unlinked, and is parked. */
static SIM_STATE struct core_pin parked_pin;

static void park_setup(void) {
    pins_setup(1, 2);
    sim_act_as(0);
    parked_pin = core_pin(0);
    sim_act_as(1);
    core_remove_and_drain(0);
    SIM_EXPECT(tg_load_relaxed32(&tg_context_at(core_locals[0], 1)->parked_count) == 1);
}

static void unpinner(void *unused) {
    (void)unused;
    use(&parked_pin);
    core_unpin(&parked_pin);
}

/* Ordinary upkeep, not a tidy-up: the hint must be enough. */
static void maintain_once(void) {
    struct tg_call call;
    if (!core_borrow(&call)) return;
    tg_maintain(&call);
    tg_return(&call);
}

static void maintainer(void *unused) {
    (void)unused;
    maintain_once();
}

static void park_recover(void) {
    uint32_t found;
    core_live(world_local());
    if (core_good(tg_sweep_dead(world_local(), &found))) maintain_once();
}

static void park_check(void) {
    struct tg_local *local = core_locals[0];
    bool stopped = sim_stopped(0) || sim_stopped(1);
    if (!stopped && tg_load_relaxed32(&tg_context_at(local, 1)->parked_count))
        sim_fail("the unpinned object stays parked");
    core_world_check();
}

const struct sim_scenario pin_park = {
    .name = "pin_park",
    .doc = "a parked object is freed by the next upkeep after its last pin went",
    .arena_size = CORE_WORLD_SIZE,
    .setup = park_setup,
    .actors = {{.name = "unpinner", .process = 0, .run = unpinner},
               {.name = "maintainer", .process = 1, .run = maintainer}},
    .actor_count = 2,
    .recover = park_recover,
    .check = park_check,
    .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,
};

/* ---- growth ------------------------------------------------------------------------- */

/* All entries of process 0 but one are taken; two of its threads want one each. */
static void grow_setup(void) {
    pins_setup(3, 2);
    for (uint32_t i = 1; i < TG_LEDGER_FIRST; i++)
        SIM_EXPECT(tg_ledger_claim(core_locals[0], TG_LEDGER_CLAIMED) != 0);
}

static void grower(void *unused) {
    struct tg_local *local = world_local();
    struct tg_call call;
    uint32_t number;
    (void)unused;
    while ((number = tg_ledger_claim(local, TG_LEDGER_CLAIMED)) == 0) {
        if (!core_borrow(&call)) return;
        bool good = core_good(tg_ledger_grow(&call));
        tg_return(&call);
        if (!good) return;
    }
    uint64_t entry = tg_load_relaxed64(tg_ledger_entry(local, local->process, number));
    SIM_EXPECT(TG_ENTRY_STATE(entry) == TG_LEDGER_CLAIMED);
    tg_ledger_release(local, number);
}

static void grow_check(void) {
    struct tg_local *local = core_locals[0];
    for (uint32_t number = 1; number <= tg_ledger_capacity(local, 0); number++) {
        tg_a64 *entry = tg_ledger_entry(local, 0, number);
        if (!sim_crashed(0)) tg_store_relaxed64(entry, 0); /* those of the setup */
    }
    core_world_check();
}

const struct sim_scenario ledger_grow = {
    CORE_SCENARIO(ledger_grow),
    .doc = "two threads of one process grow its ledger; no chunk is lost",
    .setup = grow_setup,
    .actors = {{.name = "first", .process = 0, .run = grower},
               {.name = "second", .process = 0, .run = grower},
               {.name = "third", .process = 0, .run = grower}},
    .actor_count = 3,
    .check = grow_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};
