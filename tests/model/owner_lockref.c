/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref: pairs of its operations, with refusals, lockers, deaths and stops.
 *
 * Goal: the count is what the successful operations add up to; it never wraps; dead is
 * final; who holds the lock sees a count that stands still. Each process notes what it got
 * in memory of its own; a crash leaves at most its last operation in doubt. */
#include "core_world.h"
#include "owner/lockref.h"

struct notes {
    int64_t change;      /* what this actor's operations added */
    uint32_t successes, refusals, dead, in_doubt;
};

static SIM_STATE struct notes *notes; /* by actor */
static SIM_STATE uint32_t count_at_first;
static SIM_STATE bool killed;          /* mark_dead is done */
static SIM_STATE unsigned destroyed;   /* put_or_lock said last, and it was still live */

static tg_a64 *word(void) { return &core_table->lock[2]; }

static void ref_setup(uint64_t value) {
    core_world_make(3, 3);
    notes = sim_alloc(8 * sizeof *notes);
    count_at_first = (uint32_t)value;
    tg_store_relaxed64(word(), value << TG_LOCK_VALUE_SHIFT);
}

static struct notes *note(void) { return &notes[sim_self_actor()]; }

static bool settle(tg_status status, int change) {
    struct notes *mine = note();
    mine->in_doubt = 0;
    if (status == TG_OK) {
        mine->change += change;
        mine->successes++;
        return true;
    }
    if (status != TG_TIMEOUT)
        mine->refusals++;
    else
        (void)core_good(status);
    return false;
}

static void get(struct tg_call *call) {
    note()->in_doubt = 1;
    tg_status status = tg_lockref_get(call, word());
    SIM_EXPECT(status == TG_OK || status == TG_OVERFLOW || status == TG_TIMEOUT);
    (void)settle(status, 1);
}

static void get_not_zero(struct tg_call *call) {
    note()->in_doubt = 1;
    tg_status status = tg_lockref_get_not_zero(call, word());
    SIM_EXPECT(status == TG_OK || status == TG_ABSENT || status == TG_TIMEOUT ||
               status == TG_OVERFLOW);
    (void)settle(status, 1);
}

static void get_not_dead(struct tg_call *call) {
    bool late = killed;
    note()->in_doubt = 1;
    tg_status status = tg_lockref_get_not_dead(call, word());
    SIM_EXPECT(status == TG_OK || status == TG_DEAD || status == TG_TIMEOUT ||
               status == TG_OVERFLOW);
    if (settle(status, 1) && late) sim_fail("a reference to what is dead");
}

static void put(struct tg_call *call) {
    uint32_t left;
    note()->in_doubt = 1;
    tg_status status = tg_lockref_put(call, word(), &left);
    SIM_EXPECT(status == TG_OK || status == TG_INVALID || status == TG_TIMEOUT);
    (void)settle(status, -1);
}

static void put_not_last(struct tg_call *call) {
    note()->in_doubt = 1;
    tg_status status = tg_lockref_put_not_last(call, word());
    SIM_EXPECT(status == TG_OK || status == TG_ABSENT || status == TG_TIMEOUT);
    (void)settle(status, -1);
}

/* The lock is held if and only if it says so; whoever got the last one destroys, once. */
static void put_or_lock(struct tg_call *call) {
    bool locked;
    note()->in_doubt = 1;
    tg_status status = tg_lockref_put_or_lock(call, word(), &locked);
    SIM_EXPECT(status == TG_OK || status == TG_TIMEOUT);
    SIM_EXPECT(tg_owns(call, word()) == (status == TG_OK && locked));
    (void)settle(status, status == TG_OK && !locked ? -1 : 0);
    if (status != TG_OK || !locked) return;
    SIM_EXPECT(tg_word_value(tg_load_relaxed64(word())) <= 1);
    if (!tg_word_dead(tg_load_relaxed64(word()))) {
        tg_lockref_mark_dead(call, word());
        destroyed++;
        killed = true;
    }
    tg_unlock(call, word());
}

static void kill_it(struct tg_call *call) {
    if (!core_good(tg_lock(call, word(), 0))) return;
    tg_lockref_mark_dead(call, word());
    tg_unlock(call, word());
    killed = true;
}

/* While the lock is held the count stands still. */
static void look(struct tg_call *call) {
    if (!core_good(tg_lock(call, word(), 0))) return;
    uint32_t before = tg_word_value(tg_load_relaxed64(word()));
    sim_point();
    sim_point();
    SIM_EXPECT(tg_word_value(tg_load_relaxed64(word())) == before);
    tg_unlock(call, word());
}

/* arg: a string of operations, one letter each. */
static void operate(void *arg) {
    struct tg_call call;
    if (!core_borrow(&call)) return;
    for (const char *op = arg; *op; op++) {
        if (*op == 'g') get(&call);
        if (*op == 'z') get_not_zero(&call);
        if (*op == 'd') get_not_dead(&call);
        if (*op == 'p') put(&call);
        if (*op == 'n') put_not_last(&call);
        if (*op == 'l') put_or_lock(&call);
        if (*op == 'k') kill_it(&call);
        if (*op == 'o') look(&call);
    }
    tg_return(&call);
}

static void ref_check(void) {
    int64_t count = count_at_first, doubt = 0;
    uint64_t value = tg_load_relaxed64(word());
    for (unsigned a = 0; a < 3; a++) {
        count += notes[a].change;
        if (sim_crashed(a)) doubt += notes[a].in_doubt;
    }
    int64_t found = (int64_t)tg_word_value(value);
    if (found < count - doubt || found > count + doubt)
        sim_fail("count %lld, where the operations add up to %lld", (long long)found,
                 (long long)count);
    if (found > (int64_t)TG_COUNT_MAX) sim_fail("the count is beyond its limit");
    if (destroyed > 1) sim_fail("destroyed twice");
    if (tg_word_owner(value)) sim_fail("the reference's lock is held");
    core_world_check();
}

static void setup_0(void) { ref_setup(0); }
static void setup_1(void) { ref_setup(1); }
static void setup_2(void) { ref_setup(2); }
static void setup_full(void) { ref_setup(TG_COUNT_MAX - 1); }

#define LOCKREF(NAME, DOC, SETUP, A, B, C)                                                         \
    const struct sim_scenario NAME = {                                                             \
        CORE_SCENARIO(NAME),                                                                       \
        .doc = DOC,                                                                                \
        .setup = SETUP,                                                                            \
        .actors = {{.name = #A, .process = 0, .run = operate, .arg = #A},                          \
                   {.name = #B, .process = 1, .run = operate, .arg = #B},                          \
                   {.name = #C, .process = 2, .run = operate, .arg = #C}},                         \
        .actor_count = 3,                                                                          \
        .check = ref_check,                                                                        \
        .flags = SIM_CRASH | SIM_STOP,                                                             \
    }

LOCKREF(lockref_count, "gets, puts and a locker: the count adds up and stands still under it",
        setup_1, gp, gp, o);
LOCKREF(lockref_revive, "revive and kill from 0: one wins, no get succeeds after the kill", setup_0,
        d, d, kd);
LOCKREF(lockref_last, "two last puts and a revival: destroyed once, by who holds the lock", setup_2,
        l, l, d);
LOCKREF(lockref_not_zero, "from 0 to 1 by get only, from 1 to 0 by put only", setup_1, z, p, zn);
LOCKREF(lockref_limit, "at the limit a get is refused, the word unchanged", setup_full, gg, gp, zd);
LOCKREF(lockref_double_put, "a put too many is refused", setup_1, p, p, l);
