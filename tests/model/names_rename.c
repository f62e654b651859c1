/* SPDX-License-Identifier: Apache-2.0 */
/* A node moves while others read, change and move it and what is around it.
 *
 * Goal: it is under one of its names at any time, with all below it; a change by its old path
 * happened before the move or not at all. While somebody is stopped in the middle of a move,
 * reads may see both names (names/walk.h X1). */
#include "names_world.h"

NAMES_PAIR(names_rename_get, "a moving leaf has one name at any time",
           PLAN(.relaxed = true, .before = STEPS(SET("a", 1))), STEPS(RENAME("a", "b")),
           STEPS(GET("b"), GET("a"), GET("b")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_dir_get, "a moving directory is under one name at any time",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("d/y", 101))),
           STEPS(RENAME("d", "e")), STEPS(GET("e/x"), GET("d/y"), GET("e/x")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_set, "a set by the old path of a directory comes before its move",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1))),
           STEPS(RENAME("d", "e"), GET("e/x")), STEPS(SET("d/x", 2)), .flags = SIM_ALL);

/* The gate's look at the contexts ends at the mark; the second actor's is above it. */
NAMES_PAIR(names_rename_new, "a delete by the old path in a context that was never used",
           PLAN(.relaxed = true, .used = 1, .before = STEPS(SET("d/x", 1), SET("d/y", 2))),
           STEPS(RENAME("d", "e"), GET("e/x")), STEPS(DELETE("d/x")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_insert, "an insert by the old path of a directory",
           PLAN(.relaxed = true, .before = STEPS(SET("d/e/x", 1))),
           STEPS(RENAME("d", "f"), CONTAINS("f/e/y")), STEPS(SET("d/e/y", 2), GET("d/e/y")),
           .flags = SIM_ALL);

NAMES_PAIR(names_rename_delete, "a delete by the old path, that takes levels away",
           PLAN(.relaxed = true, .before = STEPS(SET("d/e/x", 1), SET("d/y", 2))),
           STEPS(RENAME("d", "f"), CONTAINS("f/e")), STEPS(DELETE("d/e/x"), GET("f/e/x")),
           .flags = SIM_ALL);

NAMES_PAIR(names_rename_get_below, "a get by the old and the new path of a directory",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1))), STEPS(RENAME("d", "e/f")),
           STEPS(CONTAINS("e/f/x"), GET("d/x"), CONTAINS("e")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_cross, "two leaves move to each other's directory",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/y", 2))),
           STEPS(RENAME("d/x", "e/x")), STEPS(RENAME("e/y", "d/y"), CONTAINS("e")),
           .flags = SIM_ALL);

NAMES_PAIR(names_rename_swap, "two directories are moved over each other",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/x", 102))),
           STEPS(MOVE("d", "e")), STEPS(MOVE("e", "d"), GET("d/x")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_into, "two directories are moved into each other: no ring",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/x", 2))),
           STEPS(RENAME("d", "e/d")), STEPS(RENAME("e", "d/e"), CONTAINS("d/e")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_two, "two move one leaf: one of them finds it",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 101))), STEPS(RENAME("d/a", "b")),
           STEPS(RENAME("d/a", "c/a"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_add, "the new name is taken by an add, or by the move",
           PLAN(.relaxed = true, .before = STEPS(SET("a", 1))), STEPS(RENAME("a", "d/b")),
           STEPS(ADD("d/b", 2), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_source_set, "the source is replaced while it moves",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 1))), STEPS(MOVE("d/a", "b")),
           STEPS(SET("d/a", 101), GET("b")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_target_vanish, "the target's directory goes, or gets the node",
           PLAN(.relaxed = true, .before = STEPS(SET("a", 1), SET("d/e/x", 2))),
           STEPS(RENAME("a", "d/e/a")), STEPS(DELETE("d/e/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_parent_vanish, "the last child moves up while a sibling comes",
           PLAN(.relaxed = true, .before = STEPS(SET("d/e/x", 1))), STEPS(RENAME("d/e/x", "d/x")),
           STEPS(SET("d/e/y", 2), CONTAINS("d/e")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_drop, "a directory is dropped while something moves out of it",
           PLAN(.relaxed = true, .before = STEPS(SET("d/e/x", 1), SET("d/y", 2))),
           STEPS(RENAME("d/e", "f")), STEPS(DROP("d"), CONTAINS("f/x")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_drop_leaf, "a leaf moves out of what is dropped",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("d/y", 101))),
           STEPS(RENAME("d/y", "f")), STEPS(DROP("d"), CONTAINS("f")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_into_dropped, "a leaf moves into what is dropped",
           PLAN(.relaxed = true, .before = STEPS(SET("d/e/x", 1), SET("a", 101))),
           STEPS(RENAME("a", "d/e/a")), STEPS(DROP("d"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_rename_clear, "everything goes while a directory moves",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("a", 2))),
           STEPS(RENAME("d", "e")), STEPS(CLEAR(), CONTAINS("e")), .flags = SIM_ALL);

NAMES_PAIR(names_move_over, "a name that both directories have is there all the time",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/x", 2))),
           STEPS(MOVE("e", "d"), TIDY()), STEPS(DELETE("d/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_move_over_get, "a get during a move over a directory",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/x", 2))),
           STEPS(MOVE("e", "d"), TIDY()), STEPS(GET("d/x"), CONTAINS("e"), GET("d/x")),
           .flags = SIM_ALL);

NAMES_PAIR(names_rename_reused, "the target's directory is another one by the time of the move",
           PLAN(.relaxed = true, .before = STEPS(SET("a", 1), SET("d/x", 2))),
           STEPS(RENAME("a", "d/y"), GET("d/y")), STEPS(DELETE("d/x"), TIDY(), SET("e/y", 3)),
           .flags = SIM_CRASH | SIM_STOP);

/* --- Three at once. */

NAMES_THREE(names_rename_set_get, "a move, a set by the old path, and who sees both",
            PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1))), STEPS(RENAME("d", "e")),
            STEPS(SET("d/x", 2)), STEPS(GET("e/x"), GET("e/x")), .flags = SIM_CRASH | SIM_STOP,
            .bound = 1);

NAMES_THREE(names_rename_drop_insert, "a move into what another drops, while a third inserts",
            PLAN(.relaxed = true, .before = STEPS(SET("a", 1), SET("d/e/x", 2))),
            STEPS(RENAME("a", "d/e/a")), STEPS(DROP("d"), CONTAINS("d")), STEPS(SET("d/e/y", 3)),
            .flags = SIM_CRASH | SIM_STOP, .bound = 1);

/* A walk is between two components while the directory moves and is changed there. */
NAMES_PAIR(names_walk_through, "what was set under the new name is not found under the old",
           PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1))),
           STEPS(RENAME("d", "e"), SET("e/x", 2)), STEPS(GET("d/x"), GET("d/x")), .flags = SIM_ALL);

NAMES_THREADS(names_rename_threads, "a thread moves a directory, another sets below it",
              PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1))),
              STEPS(RENAME("d", "e"), GET("e/x")), STEPS(SET("d/x", 101)), .flags = SIM_ALL);
