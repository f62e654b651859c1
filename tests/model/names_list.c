/* SPDX-License-Identifier: Apache-2.0 */
/* A listing in steps while children come, go, change and move.
 *
 * Goal: a child that is there all the time is listed exactly once, every other at most once. */
#include "names_world.h"

#define SIX SET("d/a", 1), SET("d/b", 2), SET("d/c", 3), SET("d/e", 4), SET("d/f", 5), SET("d/g", 6)

NAMES_PAIR(names_list_insert, "children come while they are listed",
           PLAN(.always = "a b c", .before = STEPS(SET("d/a", 1), SET("d/b", 2), SET("d/c", 3))),
           STEPS(SET("d/x", 4), SET("d/y", 101)), STEPS(LIST("d"), LIST("d")), .flags = SIM_ALL);

NAMES_PAIR(names_list_delete, "children and whole chunks go while they are listed",
           PLAN(.always = "a g", .before = STEPS(SIX)),
           STEPS(DELETE("d/c"), DELETE("d/e"), DELETE("d/f")), STEPS(LIST("d")), .flags = SIM_ALL);

NAMES_PAIR(names_list_replace, "children keep their place when their value changes",
           PLAN(.always = "a b c", .before = STEPS(SET("d/a", 1), SET("d/b", 2), SET("d/c", 3))),
           STEPS(SET("d/a", 101), SET("d/c", 2), SET("d/b/x", 3)), STEPS(LIST("d")),
           .flags = SIM_ALL);

NAMES_PAIR(names_list_rename, "a child is renamed within what is listed",
           PLAN(.always = "b c", .before = STEPS(SET("d/a", 1), SET("d/b", 2), SET("d/c", 3))),
           STEPS(RENAME("d/a", "d/x"), DELETE("d/x")), STEPS(LIST("d")), .flags = SIM_ALL);

NAMES_PAIR(names_list_churn, "a chunk goes behind a cursor that rests, and is another directory's",
           PLAN(.always = "a b g", .before = STEPS(SIX, SET("k/p", 7), SET("k/q", 8))),
           STEPS(DELETE("d/c"), DELETE("d/e"), DELETE("d/f"), TIDY(), SET("k/r", 9)),
           STEPS(LIST("d")), .flags = SIM_CRASH | SIM_STOP);

NAMES_PAIR(names_list_move, "a directory moves while it is listed",
           PLAN(.always = "a b c", .before = STEPS(SET("d/a", 1), SET("d/b", 2), SET("d/c", 3))),
           STEPS(RENAME("d", "e")), STEPS(LIST("d")), .flags = SIM_CRASH);
