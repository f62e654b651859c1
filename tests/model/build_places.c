/* SPDX-License-Identifier: Apache-2.0 */
/* A key is removed, or moves, while its value is built.
 *
 * Goal: what was begun before a removal is not stored after it; what was begun below a
 * directory that moves is stored below it. So a stored value counts from its claim on
 * (`early`): a failure means that a removal or a rename has missed it. */
#include "names_world.h"

#define EARLY(...) PLAN(.early = true, .before = STEPS(__VA_ARGS__))

NAMES_PAIR(build_delete, "a delete of what is being built", EARLY(SET("b", 1)),
           STEPS(BUILD("a", 7)), STEPS(DELETE("a")), .flags = SIM_ALL);

NAMES_PAIR(build_pop, "a pop, and another build",
           PLAN(.early = true, .before = STEPS(SET("d/y", 1))), STEPS(BUILD("d/x", 7)),
           STEPS(POP("d/x"), BUILD("d/x", 8)), .flags = SIM_ALL);

NAMES_PAIR(build_drop, "a drop above what is being built", EARLY(SET("d/y", 1)),
           STEPS(BUILD("d/x", 7)), STEPS(DROP("d")), .flags = SIM_ALL);

NAMES_PAIR(build_drop_middle, "parents that are still missing, below what is dropped",
           EARLY(SET("d/e/y", 1), SET("d/z", 2)), STEPS(BUILD("d/e/f/x", 7)), STEPS(DROP("d/e")),
           .flags = SIM_ALL);

NAMES_PAIR(build_clear, "everything goes", EARLY(SET("d/y", 1)), STEPS(BUILD("d/x", 7)),
           STEPS(CLEAR()), .flags = SIM_ALL);

NAMES_PAIR(build_vanish, "the parent goes with its last child, and comes again",
           PLAN(.once = true, .before = STEPS(SET("d/y", 1))), STEPS(BUILD("d/x", 7), GET("d/x")),
           STEPS(DELETE("d/y"), BUILD("d/x", 8)), .flags = SIM_ALL);

NAMES_PAIR(build_vanish_all, "... and its block is used again for another directory",
           PLAN(.once = true, .before = STEPS(SET("d/y", 1))), STEPS(BUILD("d/x", 7)),
           STEPS(DELETE("d/y"), TIDY(), SET("e/y", 2)), .flags = SIM_CRASH | SIM_STOP);

NAMES_PAIR(build_rename, "the parent moves: the value is where it went",
           PLAN(.early = true, .relaxed = true, .before = STEPS(SET("d/y", 1))),
           STEPS(BUILD("d/x", 7)), STEPS(RENAME("d", "e")), .flags = SIM_ALL);

NAMES_PAIR(build_rename_deep, "an ancestor moves, and parents are missing",
           PLAN(.early = true, .relaxed = true, .before = STEPS(SET("c/d/y", 1))),
           STEPS(BUILD("c/d/e/x", 7)), STEPS(RENAME("c", "f")), .flags = SIM_ALL);

NAMES_PAIR(build_rename_twice, "it moves there and back",
           PLAN(.early = true, .either = true, .relaxed = true, .before = STEPS(SET("d/y", 1))),
           STEPS(BUILD("d/x", 7)), STEPS(RENAME("d", "e"), RENAME("e", "d")), .flags = SIM_ALL);

NAMES_PAIR(build_rename_wait, "who asks for the new name waits for the build below the old one",
           PLAN(.early = true, .relaxed = true, .before = STEPS(SET("d/y", 1))),
           STEPS(BUILD("d/x", 7)), STEPS(RENAME("d", "e"), BUILD("e/x", 8)), .flags = SIM_ALL);

NAMES_PAIR(build_rename_leaf, "another value takes the name", PLAN(.before = STEPS(SET("d/y", 1))),
           STEPS(BUILD("d/x", 7), GET("d/x")), STEPS(RENAME("d/y", "d/x")), .flags = SIM_ALL);

NAMES_PAIR(build_move_over, "a subtree takes the place of the parent",
           PLAN(.early = true, .relaxed = true, .before = STEPS(SET("d/y", 1), SET("e/z", 2))),
           STEPS(BUILD("d/x", 7)), STEPS(MOVE("e", "d")), .flags = SIM_ALL);

NAMES_PAIR(build_move_in, "a subtree comes to where the parents are missing",
           PLAN(.relaxed = true, .before = STEPS(SET("e/z", 2))), STEPS(BUILD("d/x", 7)),
           STEPS(RENAME("e", "d")), .flags = SIM_ALL);

NAMES_PAIR(build_rename_drop, "the parent moves, and is dropped there",
           PLAN(.early = true, .relaxed = true, .before = STEPS(SET("d/y", 1))),
           STEPS(BUILD("d/x", 7)), STEPS(RENAME("d", "e"), DROP("e")), .flags = SIM_ALL);

NAMES_PAIR(build_value_child, "a node that has children gets its value",
           PLAN(.once = true, .before = STEPS(SET("d/y", 1))), STEPS(BUILD("d", 7), GET("d")),
           STEPS(DELETE("d/y"), BUILD("d", 8)), .flags = SIM_ALL);
