/* SPDX-License-Identifier: Apache-2.0 */
/* One process alone: killed at each point of each change, recovered by recoverers that are
 * killed in their turn.
 *
 * Goal: what was called happened whole or not at all, nothing else changed, no block is lost.
 * Each scenario is a few changes one after the other, so that each begins where the last one
 * left things. */
#include "names_world.h"

NAMES_ONE(names_one_set, "insert, replace by another size, by objects, and back",
          PLAN(.before = STEPS(SET("b", 1))),
          STEPS(SET("a", 1), SET("a", 51), SET("a", 101), SET("a", 201), SET("a", 2)),
          .flags = SIM_ALL);

NAMES_ONE(names_one_parents, "one, two and three missing parents; a parent with a value",
          PLAN(.before = STEPS(SET("b", 101))),
          STEPS(SET("d/x", 1), SET("b/c/x", 2), SET("e/f/g/x", 102), SET("d", 3)),
          .flags = SIM_ALL);

NAMES_ONE(names_one_delete, "a leaf, a node with children, an object, and what is not there",
          PLAN(.before = STEPS(SET("a", 101), SET("d", 102), SET("d/x", 2), SET("d/y", 3))),
          STEPS(DELETE("a"), DELETE("d"), DELETE("d/x"), DELETE("z")), .flags = SIM_ALL);

NAMES_ONE(names_one_vanish, "one to three levels go with their last child",
          PLAN(.before = STEPS(SET("d/e/f/x", 1), SET("g/x", 101), SET("h/i/x", 3), SET("h", 4))),
          STEPS(DELETE("g/x"), DELETE("h/i/x"), DELETE("d/e/f/x")), .flags = SIM_ALL);

NAMES_ONE(names_one_overflow, "an overflow line and a split are made, and the line goes",
          PLAN(.buckets = 1, .before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3))),
          STEPS(SET("d", 4), SET("e", 5), SET("f", 6), DELETE("f"), DELETE("e"), DELETE("d")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_chunk, "a directory gets chunks, and they go when they are empty",
          PLAN(.before = STEPS(SET("d/a", 1), SET("d/b", 2), SET("d/c", 3), SET("d/e", 4))),
          STEPS(SET("d/f", 5), SET("d/g", 6), DELETE("d/c"), SET("d/c", 7), DELETE("d/g")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_chunks, "a chunk between others goes, another becomes partial",
          PLAN(.before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3), SET("d", 4), SET("e", 5),
                               SET("f", 6), SET("g", 7), SET("h", 8), SET("i", 9))),
          STEPS(DELETE("d"), DELETE("g"), DELETE("c"), DELETE("e"), SET("j", 10)),
          .flags = SIM_ALL);

NAMES_ONE(names_one_drop, "a subtree with directories and objects goes, then is reaped",
          PLAN(.before = STEPS(SET("d/e/x", 1), SET("d/e/y", 101), SET("d/z", 201), SET("d", 5),
                               SET("f/x", 6))),
          STEPS(DROP("d"), GET("f/x"), DROP("f/x"), DROP("f")), .flags = SIM_ALL);

NAMES_ONE(names_one_drop_last, "a subtree goes with the parents that it leaves empty",
          PLAN(.before = STEPS(SET("d/e/f/x", 1), SET("d/e/f/y", 101), SET("d", 3),
                               SET("g/h/x", 4))),
          STEPS(DROP("d/e/f"), DROP("g/h"), CONTAINS("g")), .flags = SIM_ALL);

NAMES_ONE(names_one_clear, "everything goes at once",
          PLAN(.before = STEPS(SET("d/x", 1), SET("a", 101), SET("b", 201))),
          STEPS(CLEAR(), SET("a", 2), CLEAR()), .flags = SIM_ALL);

NAMES_ONE(names_one_rename, "a leaf moves: parents go, others come; over a value, an object",
          PLAN(.before = STEPS(SET("d/x", 1), SET("a", 101), SET("b", 2))),
          STEPS(RENAME("d/x", "e/f/x"), RENAME("e/f/x", "a"), MOVE("e/f/x", "a"), RENAME("a", "c")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_rename_dir, "a directory moves, over a directory too",
          PLAN(.before = STEPS(SET("d/x", 1), SET("d/y", 101), SET("d", 2), SET("e/x", 3),
                               SET("e/z", 102))),
          STEPS(RENAME("d", "f/g"), MOVE("f/g", "e"), RENAME("e", "h")), .flags = SIM_ALL);

NAMES_ONE(names_one_rename_same, "within one directory, and to a name in the same bucket",
          PLAN(.buckets = 1, .before = STEPS(SET("d/x", 1), SET("d/y", 2), SET("d/z", 101))),
          STEPS(RENAME("d/x", "d/w"), MOVE("d/w", "d/y"), RENAME("d/z", "d/x"),
                RENAME("d/q", "d/r")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_rename_below, "a child becomes its grandparent's, under a value",
          PLAN(.before = STEPS(SET("d/e/x", 1), SET("f", 102), SET("d/y", 3))),
          STEPS(RENAME("d/e/x", "d/x"), RENAME("d/x", "f/x"), RENAME("f", "d"), MOVE("f", "f/x")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_touch, "an expiry is set and taken away; a touched value expires",
          PLAN(.before = STEPS(SET("d/a", 1), SET("b", 101))),
          STEPS(TOUCH("d/a", 100000), TOUCH("b", 100000), GET("b"), TOUCH("b", 0), EXPIRE("d/a"),
                GET("d/a"), SET("d/a", 2)),
          .flags = SIM_ALL);

NAMES_ONE(names_one_pin, "a small value moves into an object; pinned, it outlives its name",
          PLAN(.before = STEPS(SET("d/a", 1), SET("b", 101))),
          STEPS(PIN("d/a"), SET("d/a", 2), TIDY(), UNPIN(), PIN("b"), DELETE("b"), TIDY(), UNPIN()),
          .flags = SIM_ALL);

/* Six levels are what one removal takes away (names/walk.h TG_LEVELS). */
NAMES_ONE(names_one_deep, "six levels go with their last child",
          PLAN(.before = STEPS(SET("a/b/c/d/e/f/g", 1))),
          STEPS(RENAME("a/b/c/d/e/f/g", "a/x"), MOVE("a/x", "b/b/c/d/e/f/g"),
                DELETE("b/b/c/d/e/f/g"), CONTAINS("b")),
          .flags = SIM_CRASH | SIM_CRASH2);

NAMES_ONE(names_one_deeper, "more levels go than a path remembers; one that has a value stays",
          PLAN(.before = STEPS(SET("a/b/c/d/e/f/g/h/i/j", 1), SET("b", 101))),
          STEPS(RENAME("a/b/c/d/e/f/g/h/i/j", "a/b/x"), MOVE("a/b/x", "b/b/c/d/e/f/g/h/i"),
                DELETE("b/b/c/d/e/f/g/h/i"), CONTAINS("b")),
          .flags = SIM_ALL);

NAMES_ONE(names_one_bare, "each change fills its own magazines",
          PLAN(.bare = true, .before = STEPS(SET("b", 1))),
          STEPS(SET("d/x", 101), RENAME("d/x", "e/y"), DROP("e")), .flags = SIM_CRASH | SIM_CRASH2);
