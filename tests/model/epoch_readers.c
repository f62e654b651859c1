/* SPDX-License-Identifier: Apache-2.0 */
/* A reader walks to a value while writers unlink, retire, advance, drain and reuse it.
 *
 * Goal: what a section returned as valid was one value, whole. The writers' next value
 * takes the block that was freed last, so a block that is freed too early is overwritten at
 * once. */
#include "core_world.h"

static SIM_STATE unsigned expelled;

static void first_value(void) {
    sim_act_as(0);
    core_set(0, 1);
}

static void epoch_setup2(void) {
    core_world_make(3, 3);
    first_value();
}

/* No lock, no pin: slot, header, payload, then the look at the own word. */
static bool read_once(struct tg_call *call) {
    struct tg_local *local = call->local;
    uint64_t version = 0;
    bool intact = true;
    core_begin(call);
    if (!core_good(tg_read_enter(call))) return true;
    tg_ref ref = tg_load_acquire32(&core_table->slot[0]);
    struct tg_object *object = ref ? tg_object_at(local, ref) : NULL;
    if (object) {
        version = tg_load_relaxed64(&object->version);
        intact = core_intact(local, object, version);
    }
    bool valid = tg_read_leave(call);
    if (valid && !intact) sim_fail("a section saw version %llu torn", (unsigned long long)version);
    if (valid && ref && object == NULL) sim_fail("a section saw no object");
    expelled += !valid;
    return valid;
}

static void reader(void *unused) {
    struct tg_call call;
    (void)unused;
    call.local = world_local();
    for (unsigned tries = 0; !read_once(&call); tries++)
        if (tries > 4) sim_fail("a reader is expelled for ever");
}

static void reader_twice(void *unused) {
    reader(unused);
    reader(unused);
}

/* HELD: unlinks the value of slot 0, and frees what can be freed without expelling. */
static void unlink_value(struct tg_call *call, uint64_t patience_ns) {
    tg_ref old = tg_load_relaxed32(&core_table->slot[0]);
    if (old == 0) return;
    /* One writer: no lock, whose release would be a fence. */
    tg_log32(call, &core_table->slot[0], 0);
    tg_object_log_unlink(call, tg_object_at(call->local, old));
    tg_commit(call);
    SIM_EXPECT(core_good(tg_drain(call, UINT32_MAX, true, patience_ns)));
}

static void put_value(struct tg_call *call, unsigned slot, uint64_t version) {
    uint32_t entry;
    struct tg_object *object = core_create(call, version, &entry);
    if (object == NULL) return;
    tg_object_log_publish(call, object, entry, false);
    tg_log32(call, &core_table->slot[slot], tg_ref_of(call->local, object));
    tg_commit(call);
    tg_ledger_release(call->local, entry);
}

static void writer(void *patience) {
    struct tg_call call;
    if (!core_borrow(&call)) return;
    unlink_value(&call, patience ? 0 : TG_FOREVER);
    put_value(&call, 0, 2);
    tg_return(&call);
}

static void advancer(void *patience) {
    struct tg_call call;
    if (!core_borrow(&call)) return;
    for (int i = 0; i < 2; i++) {
        uint64_t from = tg_load_seqcst64(&call.local->hot->epoch);
        (void)tg_epoch_advance(&call, from, patience ? 0 : TG_FOREVER);
    }
    tg_return(&call);
}

#define ANY ((void *)&core_table) /* arg: expel at once */

const struct sim_scenario epoch_reader = {
    CORE_SCENARIO(epoch_reader),
    .doc = "no block is reused while a section that may have seen it is open",
    .setup = epoch_setup2,
    .actors = {{.name = "reader", .process = 0, .run = reader},
               {.name = "writer", .process = 1, .run = writer},
               {.name = "advancer", .process = 2, .run = advancer}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_DELAY,
    .bound = 3,
};

const struct sim_scenario epoch_expel = {
    CORE_SCENARIO(epoch_expel),
    .doc = "a reader that was expelled throws its result away",
    .setup = epoch_setup2,
    .actors = {{.name = "reader", .process = 0, .run = reader_twice},
               {.name = "writer", .process = 1, .run = writer, .arg = ANY},
               {.name = "advancer", .process = 2, .run = advancer, .arg = ANY}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_ALL,
};

/* The reader's context, the third, is above the mark that the advancer may have looked at. */
static void epoch_setup_new(void) {
    core_world_make_new(3, 2, 3);
    first_value();
}

const struct sim_scenario epoch_new = {
    CORE_SCENARIO(epoch_new),
    .doc = "the first section in a context that was never used is waited for like any other",
    .setup = epoch_setup_new,
    .actors = {{.name = "writer", .process = 1, .run = writer},
               {.name = "advancer", .process = 2, .run = advancer},
               {.name = "reader", .process = 0, .run = reader}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_DELAY,
    .bound = 3,
};

/* Unlinks, drains, and writes over what was freed, as its next owner would. */
static void unlink_and_scribble(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    tg_ref ref = tg_load_relaxed32(&core_table->slot[0]);
    struct tg_object *object = ref ? tg_object_at(call.local, ref) : NULL;
    unlink_value(&call, TG_FOREVER);
    if (object && tg_load_relaxed32(&object->state) == TG_OBJECT_FREE)
        core_fill(call.local, object, 2);
    tg_return(&call);
}

/* One step of the epoch, as any writer's upkeep takes it. */
static void advance_once(void *unused) {
    struct tg_call call;
    (void)unused;
    core_begin(&call);
    (void)tg_epoch_advance(&call, tg_load_relaxed64(&call.local->hot->epoch), TG_FOREVER);
}

/* The unlink may still be in the writer's store buffer when he reads the epoch. */
const struct sim_scenario epoch_tag = {
    CORE_SCENARIO(epoch_tag),
    .doc = "a batch is tagged with an epoch in which its blocks could not be found any more",
    .setup = epoch_setup2,
    .actors = {{.name = "writer", .process = 1, .run = unlink_and_scribble},
               {.name = "advancer", .process = 2, .run = advance_once},
               {.name = "reader", .process = 0, .run = reader}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_DELAY,
    .fault_bound = 2,
};

/* ---- a dead writer's blocks -------------------------------------------------------- */

/* Unlinks and dies, perhaps before the batch is tagged; the next borrower tags and drains. */
static void unlinker(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    (void)core_replace(&call, 0, NULL, 0, false);
    tg_return(&call);
}

static void heir_of_limbo(void *unused) {
    struct tg_call call;
    (void)unused;
    for (uint32_t id = 1; id <= 3; id++) {
        core_begin(&call);
        if (!tg_borrow_one(&call, id)) continue;
        SIM_EXPECT(core_good(tg_drain(&call, UINT32_MAX, true, TG_FOREVER)));
        tg_return(&call);
    }
    core_set(0, 2);
}

const struct sim_scenario epoch_dead_writer = {
    CORE_SCENARIO(epoch_dead_writer),
    .doc = "what a dead writer unlinked is tagged later by whoever borrows its context",
    .setup = epoch_setup2,
    .actors = {{.name = "reader", .process = 0, .run = reader},
               {.name = "unlinker", .process = 1, .run = unlinker},
               {.name = "next", .process = 2, .run = heir_of_limbo}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};

/* ---- full rings -------------------------------------------------------------------- */

static void join_setup(void) {
    struct tg_call call;
    core_world_make(3, 3);
    sim_act_as(1);
    /* Both batches are taken, by values that nobody can see any more. */
    for (uint64_t version = 1; version <= 2; version++) {
        core_set(0, version);
        tg_call_begin(&call, world_local(), 2, TG_FOREVER);
        SIM_EXPECT(tg_borrow_one(&call, 2)); /* the joiner's */
        tg_ref old = tg_load_relaxed32(&core_table->slot[0]);
        tg_log32(&call, &core_table->slot[0], 0);
        tg_object_log_unlink(&call, tg_object_at(call.local, old));
        tg_commit(&call);
        tg_limbo_close(&call, 1);
        tg_return(&call);
    }
    core_set(0, 3);
}

/* As unlink_value, but the epoch has moved on since the batch that it must join. */
static void joiner(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    for (int i = 0; i < 2; i++) {
        uint64_t from = tg_load_seqcst64(&call.local->hot->epoch);
        (void)tg_epoch_advance(&call, from, TG_FOREVER);
    }
    unlink_value(&call, TG_FOREVER);
    put_value(&call, 1, 4); /* in the memory of the batch's older value, */
    put_value(&call, 0, 5); /* and in that of the one that joined it */
    tg_return(&call);
}

const struct sim_scenario epoch_join = {
    CORE_SCENARIO(epoch_join),
    .doc = "blocks that join a full ring's newest batch wait for their own grace period",
    .setup = join_setup,
    .actors = {{.name = "reader", .process = 0, .run = reader},
               {.name = "joiner", .process = 1, .run = joiner}},
    .actor_count = 2,
    .check = core_world_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};

/* ---- cookies, and sections that become calls --------------------------------------- */

/* A cookie has elapsed only when all sections of its time are over. */
static SIM_STATE uint64_t section_began, section_ended; /* 1 + epoch-free counters */

static void cookie_reader(void *unused) {
    struct tg_call call;
    (void)unused;
    core_begin(&call);
    if (!core_good(tg_read_enter(&call))) return;
    if (tg_load_relaxed64(&core_table->word[0]) == 0) section_began = 1; /* before the unlink */
    sim_point();
    section_ended = 1;
    SIM_EXPECT(tg_read_leave(&call));
}

static void cookie_writer(void *unused) {
    struct tg_call call;
    (void)unused;
    if (!core_borrow(&call)) return;
    tg_store_relaxed64(&core_table->word[0], 1);
    uint64_t cookie = tg_cookie_get(call.local);
    for (int i = 0; i < 3; i++)
        (void)tg_epoch_advance(&call, tg_load_seqcst64(&call.local->hot->epoch), TG_FOREVER);
    if (tg_cookie_elapsed(call.local, cookie) && section_began && !section_ended)
        sim_fail("the cookie elapsed, and a section of its time is open");
    tg_return(&call);
}

const struct sim_scenario epoch_cookie = {
    CORE_SCENARIO(epoch_cookie),
    .doc = "a cookie elapses after the sections that had begun",
    .setup = epoch_setup2,
    .actors = {{.name = "reader", .process = 0, .run = cookie_reader},
               {.name = "writer", .process = 1, .run = cookie_writer},
               {.name = "advancer", .process = 2, .run = advancer}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_DELAY,
    .bound = 3,
};

/* READ -> HELD keeps the context and tells whether it was expelled; HELD -> READ is a section
 * like any other. */
static void upgrader(void *unused) {
    struct tg_call call;
    (void)unused;
    core_begin(&call);
    if (!core_good(tg_read_enter(&call))) return;
    tg_ref ref = tg_load_acquire32(&core_table->slot[0]);
    struct tg_object *object = ref ? tg_object_at(call.local, ref) : NULL;
    uint64_t version = object ? tg_load_relaxed64(&object->version) : 0;
    bool intact = object == NULL || core_intact(call.local, object, version);
    if (tg_read_to_held(&call) && !intact) sim_fail("an upgraded section saw a torn value");
    if (core_good(tg_lock(&call, &core_table->lock[1], 0))) {
        tg_log64(&call, &core_table->word[1], 1);
        tg_commit(&call);
        tg_unlock(&call, &core_table->lock[1]);
    }
    tg_held_to_read(&call);
    ref = tg_load_acquire32(&core_table->slot[0]);
    object = ref ? tg_object_at(call.local, ref) : NULL;
    version = object ? tg_load_relaxed64(&object->version) : 0;
    intact = object == NULL || core_intact(call.local, object, version);
    if (tg_read_leave(&call) && !intact) sim_fail("a section saw a torn value");
}

const struct sim_scenario epoch_upgrade = {
    CORE_SCENARIO(epoch_upgrade),
    .doc = "a section becomes a writer's call and back; an expelled one says so",
    .setup = epoch_setup2,
    .actors = {{.name = "upgrader", .process = 0, .run = upgrader},
               {.name = "writer", .process = 1, .run = writer, .arg = ANY},
               {.name = "advancer", .process = 2, .run = advancer, .arg = ANY}},
    .actor_count = 3,
    .check = core_world_check,
    .flags = SIM_ALL,
};
