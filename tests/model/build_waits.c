/* SPDX-License-Identifier: Apache-2.0 */
/* Who misses one value: one builds, the others wait; builders fail, die, come too late.
 *
 * Goal: one build, and one more for each that failed or died; who waited has the value; who
 * waits for himself is told. A failure means two builds at once, a value from who had lost
 * his claim, a claim that nobody ends, or a sleep without end. */
#include "names_world.h"

NAMES_ONE(build_death, "a builder dies anywhere: nothing of its build is left",
          PLAN(.once = true, .before = STEPS(SET("b", 1))), STEPS(BUILD("a", 7), GET("a")),
          .flags = SIM_ALL);

NAMES_PAIR(build_two, "two miss one value: one builds it, both have it",
           PLAN(.once = true, .before = STEPS(SET("b", 1))), STEPS(BUILD("a", 7), GET("a")),
           STEPS(BUILD("a", 8)), .flags = SIM_ALL);

NAMES_THREE(build_three, "three miss one value", PLAN(.once = true, .before = STEPS(SET("b", 1))),
            STEPS(BUILD("a", 7)), STEPS(BUILD("a", 8)), STEPS(BUILD("a", 9)),
            .flags = SIM_CRASH | SIM_STOP, .bound = 1);

NAMES_THREADS(build_threads, "two threads of one process",
              PLAN(.once = true, .before = STEPS(SET("b", 1))), STEPS(BUILD("a", 7)),
              STEPS(BUILD("a", 108)), .flags = SIM_ALL);

NAMES_PAIR(build_object, "a large value is built", PLAN(.once = true, .before = STEPS(SET("b", 1))),
           STEPS(BUILD("a", 207)), STEPS(BUILD("a", 108)), .flags = SIM_ALL);

NAMES_PAIR(build_fail, "the builder fails, the next one builds",
           PLAN(.once = true, .before = STEPS(SET("b", 1))), STEPS(FAIL("a")),
           STEPS(BUILD("a", 8), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(build_fail_two, "both fail; afterwards one builds",
           PLAN(.once = true, .before = STEPS(SET("b", 1))), STEPS(FAIL("a"), BUILD("a", 7)),
           STEPS(FAIL("a")), .flags = SIM_ALL);

NAMES_PAIR(build_set, "a set comes in between: the build is not stored",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(BUILD("a", 7), GET("a")),
           STEPS(SET("a", 8), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(build_add, "an add and a build: one of them creates",
           PLAN(.before = STEPS(SET("a", 1), EXPIRE("a"))), STEPS(BUILD("a", 7)),
           STEPS(ADD("a", 8), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(build_lease, "leases that are over: who lost his claim stores nothing",
           PLAN(.lease = LINEAR_EXPIRED, .before = STEPS(SET("b", 1))), STEPS(BUILD("a", 7)),
           STEPS(BUILD("a", 8)), .flags = SIM_ALL);

NAMES_PAIR(build_parents, "two builds make the same missing parents", PLAN(.before = NULL),
           STEPS(BUILD("p/q/x", 7)), STEPS(BUILD("p/y", 8), GET("p/q/x")), .flags = SIM_ALL);

NAMES_PAIR(build_parents_set, "the parents come while it is built: still one build",
           PLAN(.once = true, .before = NULL), STEPS(BUILD("p/q/x", 7)),
           STEPS(SET("p/q/y", 1), BUILD("p/q/x", 8)), .flags = SIM_ALL);

/* ---- sleeping ------------------------------------------------------------------------- */

static SIM_STATE uint64_t woken_began_ns;

static void woken_setup(void) {
    static const struct names_plan plan = {.once = true};
    names_world_make(&plan, 2);
    woken_began_ns = sim_now_ns();
}

static void woken_check(void) {
    /* A slice is 40 ms. */
    if (sim_now_ns() - woken_began_ns > 30000000) sim_fail("a sleeper was not woken");
    names_world_check();
}

const struct sim_scenario build_woken = {
    .name = "build_woken",
    .doc = "the end of a build wakes those who wait",
    .arena_size = NAMES_SIZE,
    .setup = woken_setup,
    .actors = {NAMES_ACTOR("one", 0, STEPS(BUILD("a", 7))),
               NAMES_ACTOR("two", 1, STEPS(BUILD("a", 8)))},
    .actor_count = 2,
    .recover = names_world_recover,
    .check = woken_check,
    .flags = SIM_STRICT_FUTEX,
};

/* ---- circles --------------------------------------------------------------------------- */

/* Each builds a key, and needs another's for that. */
struct circle {
    const char *key, *needs;
};
static SIM_STATE unsigned circle_refused, circle_claimed;

static tg_status circle_inner(const struct circle *circle, uint32_t *hint,
                              const struct tg_build *own, uint64_t deadline) {
    struct tg_build_options options = {.own = own, .own_count = 1, .deadline_ns = deadline};
    struct tg_build build;
    struct tg_awaited wait;
    struct tg_key key = names_key(circle->needs);
    for (;;) {
        tg_status status = tg_build_begin(names_store(), hint, key, &options, &build, &wait);
        if (status == TG_OK) {
            status = tg_build_abort(names_store(), hint, &build, deadline);
            if (status != TG_TIMEOUT) return status;
            names_left = true;
            tg_build_leave(names_store(), &build);
            return status;
        }
        if (status != TG_BUSY) return status;
        status = tg_build_wait(names_store(), hint, &wait, &options);
        if (status != TG_OK) return status;
    }
}

static void circle_run(void *argument) {
    const struct circle *circle = argument;
    struct tg_os *os = sim_self_os();
    uint64_t deadline = os->ops->monotonic_ns(os) + NAMES_BUILD_NS;
    struct tg_build_options options = {.deadline_ns = deadline};
    struct tg_build build;
    struct tg_awaited wait;
    uint32_t hint = sim_self_actor() + 1;
    tg_status status =
        tg_build_begin(names_store(), &hint, names_key(circle->key), &options, &build, &wait);
    if (status != TG_OK) return; /* somebody needs it already */
    circle_claimed++;
    sim_point();
    status = circle_inner(circle, &hint, &build, deadline);
    circle_refused += status == TG_RECURSION;
    if (status == TG_TIMEOUT && !names_somebody_stopped()) sim_fail("a circle without an end");
    status = tg_build_abort(names_store(), &hint, &build, deadline + NAMES_BUILD_NS);
    if (status == TG_TIMEOUT) {
        names_left = true;
        tg_build_leave(names_store(), &build);
    }
    if (status != TG_OK && !names_somebody_stopped())
        sim_fail("its own build is gone: %s", tg_status_name(status));
}

NAMES_SETUP(build_circle, 2, {.before = NULL})
const struct sim_scenario build_circle = {
    NAMES_SCENARIO(build_circle, "two builders need each other's value: one is told", 2),
    .actors = {{.name = "one",
                .process = 0,
                .run = circle_run,
                .arg = (void *)(uintptr_t)&(const struct circle){"a", "b"}},
               {.name = "two",
                .process = 1,
                .run = circle_run,
                .arg = (void *)(uintptr_t)&(const struct circle){"b", "a"}}},
    .flags = SIM_ALL,
};

NAMES_SETUP(build_circle_three, 3, {.before = NULL})
const struct sim_scenario build_circle_three = {
    NAMES_SCENARIO(build_circle_three, "three builders in a circle", 3),
    .actors = {{.name = "one",
                .process = 0,
                .run = circle_run,
                .arg = (void *)(uintptr_t)&(const struct circle){"a", "b"}},
               {.name = "two",
                .process = 1,
                .run = circle_run,
                .arg = (void *)(uintptr_t)&(const struct circle){"b", "c"}},
               {.name = "three",
                .process = 1,
                .run = circle_run,
                .arg = (void *)(uintptr_t)&(const struct circle){"c", "a"}}},
    .flags = SIM_CRASH | SIM_STOP,
    .bound = 1,
};
