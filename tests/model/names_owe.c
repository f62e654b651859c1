/* SPDX-License-Identifier: Apache-2.0 */
/* Idle contexts that owe something, and who looks for them.
 *
 * Goal: an orphan that its borrower could not hand on, or died with, is announced (Q6), whatever
 * the look for such contexts does at that moment. A failure is memory that nobody comes for. */
#include "names_world.h"

NAMES_ONE(names_owe_killed, "a drop, and a chain, are killed in their middle",
          PLAN(.before = STEPS(SET("d/x", 1), SET("d/e/y", 2))),
          STEPS(DROP("d"), SET("f/g/x", 3), SETTLE()), .flags = SIM_ALL);

NAMES_PAIR(names_owe_busy, "two drops are in each other's way",
           PLAN(.before = STEPS(SET("d/x", 1), SET("d/y", 2), SET("e/x", 3), SET("e/y", 4))),
           STEPS(DROP("d")), STEPS(DROP("e")), .flags = SIM_ALL);

/* What a set does that gives up after it has built missing parents, with the reap lock taken. */
static void give_up(void *unused) {
    (void)unused;
    struct tg_local *local = &names_store()->local;
    struct tg_call call;
    struct tg_chain chain;
    static const char key[] = "/g/x";
    tg_call_begin(&call, local, 1, names_deadline());
    if (tg_borrow(&call) != TG_OK) return;
    if (tg_chain_build(&call, key, key + sizeof key - 1, 2, &chain) != TG_OK) tg_log_abandon(&call);
    tg_names_unsettled(&call);
    tg_return(&call);
}

NAMES_SETUP(names_owe_settle, 2, PLAN(.before = STEPS(SET("d/x", 1))))
const struct sim_scenario names_owe_settle = {
    NAMES_SCENARIO(names_owe_settle, "somebody looks for debts while another makes one", 2),
    .actors = {{.name = "one", .process = 0, .run = give_up},
               NAMES_ACTOR("two", 1, STEPS(SETTLE()))},
    .flags = SIM_ALL};
