/* SPDX-License-Identifier: Apache-2.0 */
/* Removals that take more ancestors with them than a path remembers (two, here).
 *
 * Goal: the node and all parents that it leaves empty go at one moment, or stay; whoever
 * changes one of them meanwhile comes before or after, whatever is killed or stopped. */
#include "names_world.h"

#define DEEP(...) PLAN(.before = STEPS(SET("a/b/c/x", 1), __VA_ARGS__))

NAMES_ONE(names_chain_one, "three and six parents go; one with a value stays",
          PLAN(.before = STEPS(SET("a/b/c/x", 1), SET("d/e/f/g/h/i/x", 101), SET("d", 2))),
          STEPS(DELETE("a/b/c/x"), POP("d/e/f/g/h/i/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_ONE(names_chain_values, "a value on each of the parents in turn",
          PLAN(.before = STEPS(SET("a/b/c/d/x", 1), SET("a/b/c/d", 2))),
          STEPS(DELETE("a/b/c/d/x"), SET("a/b/c/d/x", 3), DELETE("a/b/c/d"), SET("a", 4),
                DELETE("a/b/c/d/x"), SET("a/b/c/d/x", 3), SET("a/b", 5), DELETE("a"),
                DELETE("a/b/c/d/x")),
          .flags = SIM_CRASH | SIM_CRASH2);

NAMES_ONE(names_chain_drop, "a subtree goes with six parents",
          PLAN(.before = STEPS(SET("a/b/c/d/e/f/x/y", 1), SET("a/b/c/d/e/f/x/z", 101))),
          STEPS(DROP("a/b/c/d/e/f/x"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_ONE(names_chain_rename, "a leaf, then a directory, move out of a chain",
          PLAN(.before = STEPS(SET("a/b/c/x", 1), SET("d/e/f/g/h/y", 101))),
          STEPS(RENAME("a/b/c/x", "e/f"), RENAME("d/e/f/g/h", "a/b/c/d/h"), CONTAINS("d"),
                RENAME("a/b/c/d/h/y", "a/y")),
          .flags = SIM_ALL);

NAMES_PAIR(names_chain_get, "all of a chain is there, or nothing", DEEP(SET("z", 2)),
           STEPS(DELETE("a/b/c/x")), STEPS(CONTAINS("a"), GET("a/b/c/x"), CONTAINS("a/b")),
           .flags = SIM_ALL);

NAMES_PAIR(names_chain_same, "two delete one leaf", DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")),
           STEPS(DELETE("a/b/c/x"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_set, "the leaf is set while it goes", DEEP(SET("z", 2)),
           STEPS(DELETE("a/b/c/x")), STEPS(SET("a/b/c/x", 3), GET("a/b/c/x")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_pop, "what is popped was there, and is not popped twice", DEEP(SET("z", 2)),
           STEPS(POP("a/b/c/x")), STEPS(SET("a/b/c/x", 3), POP("a/b/c/x")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_sibling, "the innermost directory gets a child", DEEP(SET("z", 2)),
           STEPS(DELETE("a/b/c/x")), STEPS(SET("a/b/c/y", 3), CONTAINS("a/b/c")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_sibling_middle, "a directory between gets a child", DEEP(SET("z", 2)),
           STEPS(DELETE("a/b/c/x")), STEPS(SET("a/b/y", 3), CONTAINS("a/b/c")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_sibling_top, "the outermost directory gets a child",
           PLAN(.before = STEPS(SET("a/b/c/d/x", 1))), STEPS(DELETE("a/b/c/d/x")),
           STEPS(SET("a/y", 3), CONTAINS("a/b")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_value, "a parent gets a value", DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")),
           STEPS(SET("a/b", 3), CONTAINS("a/b")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_value_top, "the outermost parent gets a value, and loses it",
           DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")), STEPS(SET("a", 3), DELETE("a")),
           .flags = SIM_ALL);

NAMES_PAIR(names_chain_below, "the leaf gets a child", DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")),
           STEPS(SET("a/b/c/x/y", 3), CONTAINS("a/b/c/x")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_drop_above, "an ancestor is dropped, and its directories are used again",
           DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")),
           STEPS(DROP("a"), TIDY(), SET("d/e/y", 3), GET("d/e/y")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_drop_middle, "an ancestor is dropped, that is not the last one to go",
           PLAN(.before = STEPS(SET("a/b/c/d/x", 1), SET("a/y", 2))), STEPS(DELETE("a/b/c/d/x")),
           STEPS(DROP("a/b"), CONTAINS("a/b")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_rename_above, "an ancestor moves",
           PLAN(.relaxed = true, .before = STEPS(SET("a/b/c/d/x", 1))), STEPS(DELETE("a/b/c/d/x")),
           STEPS(RENAME("a", "e"), CONTAINS("e/b")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_rename_middle, "an ancestor moves, that is not the last one to go",
           PLAN(.relaxed = true, .before = STEPS(SET("a/b/c/d/x", 1), SET("a/y", 2))),
           STEPS(DELETE("a/b/c/d/x")), STEPS(RENAME("a/b", "e"), CONTAINS("e/c")),
           .flags = SIM_ALL);

NAMES_PAIR(names_chain_clear, "everything goes", DEEP(SET("z", 2)), STEPS(DELETE("a/b/c/x")),
           STEPS(CLEAR(), SET("a/b/y", 3)), .flags = SIM_ALL);

NAMES_PAIR(names_chain_deep, "a leaf of a subtree that is dropped, both with their parents",
           PLAN(.before = STEPS(SET("a/b/c/d/e/f/x", 1))), STEPS(DELETE("a/b/c/d/e/f/x")),
           STEPS(DROP("a/b/c/d"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_fork, "two chains end above where they fork",
           PLAN(.before = STEPS(SET("a/b/c/d/x", 1), SET("a/e/f/g/y", 2))),
           STEPS(DELETE("a/b/c/d/x")), STEPS(DELETE("a/e/f/g/y"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_move, "a leaf moves out of a chain, and is read",
           PLAN(.relaxed = true, .before = STEPS(SET("a/b/c/x", 1))), STEPS(RENAME("a/b/c/x", "y")),
           STEPS(GET("y"), GET("a/b/c/x"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_move_set, "a leaf moves out of a chain, and is set",
           PLAN(.relaxed = true, .before = STEPS(SET("a/b/c/x", 1))), STEPS(MOVE("a/b/c/x", "y")),
           STEPS(SET("a/b/c/x", 3), GET("y")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_move_into, "a leaf moves into a chain that goes",
           PLAN(.relaxed = true, .before = STEPS(SET("a/b/c/x", 1), SET("z", 2))),
           STEPS(DELETE("a/b/c/x")), STEPS(RENAME("z", "a/b/z"), CONTAINS("a/b/c")),
           .flags = SIM_ALL);

NAMES_PAIR(names_chain_list, "what does not go after all is listed all the time",
           PLAN(.before = STEPS(SET("a/b/c/x", 1), SET("z", 2)), .always = "c"),
           STEPS(RENAME("a/b/c/x", "z")), STEPS(LIST("a/b"), GET("a/b/c/x")), .flags = SIM_ALL);

NAMES_PAIR(names_chain_touch, "the leaf is touched, and pinned", DEEP(SET("z", 2)),
           STEPS(DELETE("a/b/c/x")), STEPS(TOUCH("a/b/c/x", 100000), PIN("a/b/c/x"), UNPIN()),
           .flags = SIM_ALL);

NAMES_PAIR(names_vanish_below, "a leaf that goes with its parent gets a child",
           PLAN(.before = STEPS(SET("d/x", 1))), STEPS(DELETE("d/x")),
           STEPS(SET("d/x/y", 2), GET("d/x/y")), .flags = SIM_ALL);

NAMES_APART(names_apart_deep, "a deep removal is stopped, another name is set, all are read",
            STEPS(SET("e", 1), SET("a/b/c/x", 2)), STEPS(DELETE("a/b/c/x")),
            STEPS(SET("e", 2), GET("a/b/c/x"), CONTAINS("a/b"), LIST("a"), SET("e", 3)));
