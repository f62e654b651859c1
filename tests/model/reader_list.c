/* SPDX-License-Identifier: Apache-2.0 */
/* Who may only read lists children in steps, while they come, go, change and move.
 *
 * Goal: a child that is there all the time is listed exactly once, every other at most once. */
#include "reader_world.h"

#define TWO SET("d/a", 1), SET("d/b", 2)
#define SIX TWO, SET("d/c", 3), SET("d/e", 4), SET("d/f", 5), SET("d/g", 6)

READER_PAIR(reader_list_insert, "children come while they are listed",
            PLAN(.always = "a b c", .before = STEPS(TWO, SET("d/c", 3))),
            STEPS(SET("d/x", 4), SET("d/y", 101)), STEPS(LIST("d")), .flags = SIM_ALL);

READER_PAIR(reader_list_delete, "children and whole chunks go, and their memory is used again",
            PLAN(.always = "a g", .before = STEPS(SIX)),
            STEPS(DELETE("d/c"), DELETE("d/e"), DELETE("d/f"), TIDY(), SET("h/x", 7)),
            STEPS(LIST("d")), .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_list_replace, "children keep their place when their value changes",
            PLAN(.always = "a b c", .before = STEPS(TWO, SET("d/c", 3))),
            STEPS(SET("d/a", 101), SET("d/c", 2), SET("d/b/x", 3)), STEPS(LIST("d")),
            .flags = SIM_ALL);

READER_PAIR(reader_list_churn,
            "a chunk goes behind a cursor that rests, and is another directory's",
            PLAN(.always = "a b g", .before = STEPS(SIX, SET("k/p", 7), SET("k/q", 8))),
            STEPS(DELETE("d/c"), DELETE("d/e"), DELETE("d/f"), TIDY(), SET("k/r", 9)),
            STEPS(LIST("d")), .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_list_reused, "a directory is another one behind a cursor that rests",
            PLAN(.before = STEPS(TWO, SET("d/c", 3))),
            STEPS(DROP("d"), TIDY(), SET("k/c", 4), SET("k/e", 5), SET("k/a", 6)), STEPS(LIST("d")),
            .flags = SIM_CRASH);

READER_PAIR(reader_list_move, "a directory moves while it is listed",
            PLAN(.always = "a b", .relaxed = true, .unmended = true, .before = STEPS(TWO)),
            STEPS(RENAME("d", "e")), STEPS(LIST("d")), .flags = SIM_CRASH);
