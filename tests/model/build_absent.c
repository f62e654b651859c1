/* SPDX-License-Identifier: Apache-2.0 */
/* Absences that are remembered.
 *
 * Goal: who asks again is told, until the key gets a value or is removed; there are never
 * more than so many. A failure means a memo that outlives a set, hides a value, or is lost. */
#include "names_world.h"

NAMES_PAIR(build_none, "one finds that there is none, the other builds",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(NONE("a"), GET("a")),
           STEPS(BUILD("a", 8), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(build_none_set, "a set meets who finds that there is none",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(NONE("a")),
           STEPS(SET("a", 8), DELETE("a"), BUILD("a", 9)), .flags = SIM_ALL);

NAMES_PAIR(build_none_rename, "what is remembered moves with its parent",
           PLAN(.relaxed = true, .before = STEPS(SET("d/y", 1), NONE("d/x"))),
           STEPS(RENAME("d", "e"), BUILD("e/x", 7)), STEPS(BUILD("d/x", 8)), .flags = SIM_ALL);

NAMES_PAIR(build_none_drop, "... and goes with it",
           PLAN(.before = STEPS(SET("d/y", 1), NONE("d/x"))), STEPS(DROP("d"), BUILD("d/x", 7)),
           STEPS(BUILD("d/x", 8)), .flags = SIM_ALL);

NAMES_ONE(build_memos, "more absences than are remembered", PLAN(.before = STEPS(SET("z", 1))),
          STEPS(NONE("a"), NONE("b"), NONE("c"), NONE("d"), NONE("e"), NONE("f"), NONE("g")),
          .flags = SIM_CRASH | SIM_CRASH2);

/* ---- what an answer must be --------------------------------------------------------------- */

static const struct names_plan again_plan = {.before = STEPS(SET("d/y", 1), NONE("d/x"))};
static void again_setup(void) { names_world_make(&again_plan, 1); }

static void expect(unsigned index, enum linear_outcome outcome) {
    const struct linear_op *op = &names_history.op[index];
    if (index < names_history.count && op->ended && op->outcome != outcome)
        sim_fail("call %u ended as %u", index, op->outcome);
}

static void again_check(void) {
    expect(0, LINEAR_REMEMBERED);
    expect(3, LINEAR_STORED);
    expect(5, LINEAR_NOTED);
    expect(6, LINEAR_REMEMBERED);
    expect(8, LINEAR_STORED);
    names_world_check();
}

const struct sim_scenario build_memo_again = {
    .name = "build_memo_again",
    .doc = "a memo is told, and forgotten with a set, a delete, a drop",
    .arena_size = NAMES_SIZE,
    .setup = again_setup,
    .actors = {NAMES_ACTOR("one", 0,
                           STEPS(BUILD("d/x", 7), SET("d/x", 2), DELETE("d/x"), BUILD("d/x", 8),
                                 DELETE("d/x"), NONE("d/x"), BUILD("d/x", 9), DELETE("d/x"),
                                 BUILD("d/x", 10)))},
    .actor_count = 1,
    .recover = names_world_recover,
    .check = again_check,
    .flags = SIM_CRASH,
};
