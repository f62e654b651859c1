/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref in a user's buffer: holders named by their process entries are killed and stopped.
 *
 * Goal: one holder at a time; a dead holder's lock is taken, a stopped one's is not; whoever
 * takes it knows what the lock guarded may be half done; the count adds up. What the lock
 * guards are two words that must be equal: a kill between them must be told. */
#include "core_world.h"
#include "parts/buffer_ref.h"

struct notes {
    int64_t change;
    uint32_t in_doubt;
};

static SIM_STATE struct tg_store *stores; /* by process */
static SIM_STATE struct tg_bufref *refs;
static SIM_STATE struct notes *notes; /* by actor */
static SIM_STATE tg_a64 *cookie;
static SIM_STATE bool inside[SIM_PROCESSES]; /* the guarded part; a dead one is there for ever */
static SIM_STATE uint32_t at_first, ended;

static tg_a64 *word(void) { return &core_table->word[0]; }

static struct tg_bufref *ref_of(unsigned process) {
    struct tg_bufref *ref = &refs[process];
    struct tg_local *local = &stores[process].local;
    memcpy(local, core_locals[process], sizeof *local);
    local->header = core_locals[0]->header; /* the one that was made complete */
    stores[process].cookie = cookie;
    SIM_EXPECT(tg_bufref_init(ref, word(), local->os, &stores[process], false) == TG_OK);
    return ref;
}

static void buffer_setup(uint32_t count) {
    core_world_make(3, 3);
    stores = sim_alloc(SIM_PROCESSES * sizeof *stores);
    refs = sim_alloc(SIM_PROCESSES * sizeof *refs);
    notes = sim_alloc(10 * sizeof *notes);
    cookie = sim_alloc(8);
    tg_store_relaxed64(cookie, 1);
    tg_store_relaxed64(word(), (uint64_t)count << tg_bufref_shape.value_shift);
    at_first = count;
    for (unsigned p = 0; p < 3; p++) (void)ref_of(p);
}

static uint64_t me(void) { return 1ull << 32 | sim_self_process(); }

static uint64_t deadline(const struct tg_bufref *ref) {
    return ref->os->ops->monotonic_ns(ref->os) + CORE_PATIENCE_NS;
}

/* ---- what is guarded ------------------------------------------------------------------- */

/* Holds the lock. */
static void change_both(const struct tg_bufref *ref, tg_a64 *a, tg_a64 *b) {
    bool told = tg_bufref_orphaned(tg_bufref_word(ref));
    for (unsigned p = 0; p < SIM_PROCESSES; p++)
        if (inside[p] && !sim_crashed(p)) sim_fail("two hold the lock");
    inside[sim_self_process()] = true;
    uint64_t first = tg_load_relaxed64(a), second = tg_load_relaxed64(b);
    if (first != second && !told) sim_fail("half done, and the taker was not told");
    tg_store_relaxed64(a, first + 1);
    tg_store_relaxed64(b, first + 1);
    inside[sim_self_process()] = false;
}

static void guard(struct tg_bufref *ref) {
    if (!core_good(tg_bufref_lock(ref, me(), deadline(ref)))) return;
    change_both(ref, &core_table->word[1], &core_table->word[2]);
    SIM_EXPECT(tg_bufref_unlock(ref, me()) == TG_OK);
}

/* ---- counts ------------------------------------------------------------------------------ */

static struct notes *note(void) { return &notes[sim_self_actor()]; }

static void settle(tg_status status, int change) {
    struct notes *mine = note();
    mine->in_doubt = 0;
    if (status == TG_OK)
        mine->change += change;
    else if (status == TG_TIMEOUT)
        (void)core_good(status);
}

static void get(struct tg_bufref *ref) {
    bool late = ended;
    note()->in_doubt = 1;
    tg_status status = tg_bufref_get(ref, me(), deadline(ref));
    SIM_EXPECT(status == TG_OK || status == TG_DEAD || status == TG_TIMEOUT);
    if (status == TG_OK && late) sim_fail("a reference to what is dead");
    settle(status, 1);
}

static void put(struct tg_bufref *ref) {
    uint32_t left;
    note()->in_doubt = 1;
    tg_status status = tg_bufref_put(ref, me(), deadline(ref), &left);
    SIM_EXPECT(status == TG_OK || status == TG_INVALID || status == TG_TIMEOUT);
    settle(status, -1);
}

/* The last one ends it, once. */
static void put_or_end(struct tg_bufref *ref) {
    bool locked;
    uint32_t left;
    note()->in_doubt = 1;
    tg_status status = tg_bufref_put_or_lock(ref, me(), deadline(ref), &locked);
    SIM_EXPECT(status == TG_OK || status == TG_TIMEOUT);
    if (status == TG_OK && locked) {
        if (tg_bufref_count(tg_bufref_word(ref)) > 1) sim_fail("locked, and not the last");
        status = tg_bufref_put(ref, me(), deadline(ref), &left);
        SIM_EXPECT(status == TG_OK || status == TG_INVALID);
        if (!tg_word_dead(tg_bufref_word(ref))) {
            SIM_EXPECT(tg_bufref_mark_dead(ref, me()) == TG_OK);
            ended++;
        }
        SIM_EXPECT(tg_bufref_unlock(ref, me()) == TG_OK);
    }
    settle(status, -1);
}

static void operate(void *arg) {
    struct tg_bufref *ref = &refs[sim_self_process()];
    for (const char *op = arg; *op; op++) {
        if (*op == 'w') guard(ref);
        if (*op == 'g') get(ref);
        if (*op == 'p') put(ref);
        if (*op == 'l') put_or_end(ref);
    }
}

/* ---- after it all ------------------------------------------------------------------------ */

/* The entries of the dead have new owners, who are alive, before anybody looks at the lock. */
static void recover_reused(void) {
    struct tg_local *local = world_local();
    struct tg_os *os = local->os;
    uint32_t found;
    core_live(local);
    (void)core_good(tg_sweep_dead(local, &found));
    for (unsigned p = 0; p < 3; p++) {
        if (!sim_crashed(p) || os->ops->life_take(os, p) != TG_OK) continue;
        tg_store_relaxed32(&local->processes[p].generation,
                           tg_load_relaxed32(&local->processes[p].generation) + 1);
    }
    guard(ref_of(sim_self_process()));
}

static void count_check(void) {
    int64_t count = at_first, doubt = 0;
    for (unsigned a = 0; a < 3; a++) {
        count += notes[a].change;
        if (sim_crashed(a)) doubt += notes[a].in_doubt;
    }
    uint64_t value = tg_load_relaxed64(word());
    int64_t found = tg_bufref_count(value);
    if (found < count - doubt || found > count + doubt)
        sim_fail("count %lld, where the operations add up to %lld", (long long)found,
                 (long long)count);
    if (ended > 1) sim_fail("ended twice");
}

static void buffer_check(void) {
    struct tg_local *tidier = core_locals[CORE_TIDIER];
    count_check();
    core_world_check();
    struct tg_bufref *ref = ref_of(CORE_TIDIER);
    SIM_EXPECT(tidier->process == CORE_TIDIER);
    if (!core_good(tg_bufref_lock(ref, me(), deadline(ref)))) sim_fail("the lock is lost");
    change_both(ref, &core_table->word[1], &core_table->word[2]);
    SIM_EXPECT(tg_bufref_unlock(ref, me()) == TG_OK);
    if (tg_bufref_orphaned(tg_bufref_word(ref))) sim_fail("orphaned for ever");
}

static void setup_1(void) { buffer_setup(1); }
static void setup_2(void) { buffer_setup(2); }

#define BUFFER(NAME, DOC, SETUP, A, B, C)                                                          \
    const struct sim_scenario NAME = {                                                             \
        .name = #NAME,                                                                             \
        .arena_size = CORE_WORLD_SIZE,                                                             \
        .doc = DOC,                                                                                \
        .setup = SETUP,                                                                            \
        .actors = {{.name = #A, .process = 0, .run = operate, .arg = #A},                          \
                   {.name = #B, .process = 1, .run = operate, .arg = #B},                          \
                   {.name = #C, .process = 2, .run = operate, .arg = #C}},                         \
        .actor_count = 3,                                                                          \
        .recover = recover_reused,                                                                 \
        .check = buffer_check,                                                                     \
        .flags = SIM_CRASH | SIM_CRASH2 | SIM_STOP,                                                \
    }

BUFFER(bufref_lock, "one holder, alive; who takes a dead one's lock is told", setup_1, w, w, w);
BUFFER(bufref_count, "a count that meets a dead holder's lock keeps what must be told", setup_1, w,
       gp, w);
BUFFER(bufref_last, "two last puts and a get: ended once, by the holder", setup_2, l, l, g);
