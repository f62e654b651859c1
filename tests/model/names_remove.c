/* SPDX-License-Identifier: Apache-2.0 */
/* Removals against each other and against all else.
 *
 * Goal: a node goes once, with all below it and with the parents that it leaves empty; what is
 * set meanwhile is there or went along; nothing that was dropped is seen again. */
#include "names_world.h"

NAMES_PAIR(names_delete_delete, "two delete one key: one of them finds it",
           PLAN(.before = STEPS(SET("d/x", 101))), STEPS(DELETE("d/x")),
           STEPS(DELETE("d/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_delete_siblings, "two delete the last two children: the parent goes",
           PLAN(.before = STEPS(SET("d/x", 1), SET("d/y", 2))), STEPS(DELETE("d/x")),
           STEPS(DELETE("d/y"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_delete_value_child, "a node loses its value and its last child at once",
           PLAN(.before = STEPS(SET("d", 101), SET("d/x", 1))), STEPS(DELETE("d")),
           STEPS(DELETE("d/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_set_vanish, "a directory gets a value while its last child goes",
           PLAN(.before = STEPS(SET("d/e/x", 1))), STEPS(SET("d/e", 2)),
           STEPS(DELETE("d/e/x"), CONTAINS("d/e")), .flags = SIM_ALL);

NAMES_PAIR(names_drop_set, "a set below what is dropped is there, or went along",
           PLAN(.before = STEPS(SET("d/x", 1), SET("d/e/x", 2))), STEPS(DROP("d"), CONTAINS("d")),
           STEPS(SET("d/e/x", 101), GET("d/e/x")), .flags = SIM_ALL);

NAMES_PAIR(names_drop_insert, "an insert below what is dropped",
           PLAN(.before = STEPS(SET("d/e/x", 1))), STEPS(DROP("d"), CONTAINS("d")),
           STEPS(SET("d/e/y", 2), CONTAINS("d/e")), .flags = SIM_ALL);

NAMES_PAIR(names_drop_delete, "a delete below what is dropped, and levels that vanish",
           PLAN(.before = STEPS(SET("d/e/x", 1), SET("d/y", 2))), STEPS(DROP("d")),
           STEPS(DELETE("d/e/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_drop_get, "all below a dropped directory goes at once",
           PLAN(.before = STEPS(SET("d/x", 1), SET("d/y", 101))), STEPS(DROP("d")),
           STEPS(GET("d/x"), GET("d/y"), GET("d/x")), .flags = SIM_ALL);

NAMES_PAIR(names_drop_drop, "a subtree and a part of it",
           PLAN(.before = STEPS(SET("d/e/x", 1), SET("d/e/f/y", 101))), STEPS(DROP("d")),
           STEPS(DROP("d/e"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_clear_set, "a set is cleared, or comes after",
           PLAN(.before = STEPS(SET("a", 1), SET("d/x", 2))), STEPS(CLEAR(), CONTAINS("a")),
           STEPS(SET("a", 101), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_clear_insert, "an insert of a new name, and of one below",
           PLAN(.before = STEPS(SET("d/x", 2))), STEPS(CLEAR()), STEPS(SET("b", 3), SET("d/y", 4)),
           .flags = SIM_ALL);

NAMES_PAIR(names_clear_get, "everything goes at once",
           PLAN(.before = STEPS(SET("a", 1), SET("d/x", 2))), STEPS(CLEAR()),
           STEPS(GET("a"), GET("d/x"), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_root_reused, "the old root becomes another directory while a set is under way",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(SET("a", 2), GET("a")),
           STEPS(CLEAR(), TIDY(), SET("d/x", 3), SET("e/x", 4)), .flags = SIM_CRASH | SIM_STOP);

NAMES_PAIR(names_dir_reused, "a directory that went is another one by the time of an add",
           PLAN(.before = STEPS(SET("d/x", 1))), STEPS(ADD("d/y", 2), GET("d/y")),
           STEPS(DELETE("d/x"), TIDY(), SET("e/y", 3)), .flags = SIM_CRASH | SIM_STOP);

NAMES_PAIR(names_reap_late, "reaping meets writers that passed their look before the drop",
           PLAN(.before = STEPS(SET("d/e/x", 1), SET("d/e/y", 101))), STEPS(DROP("d"), TIDY()),
           STEPS(SET("d/e/x", 102), SET("d/e/z", 3)), .flags = SIM_ALL);

NAMES_PAIR(names_vanish_insert, "an insert into a directory whose parents go, too",
           PLAN(.before = STEPS(SET("d/e/x", 1))), STEPS(DELETE("d/e/x"), CONTAINS("d")),
           STEPS(SET("d/e/y", 2), GET("d/e/y")), .flags = SIM_ALL);

NAMES_THREE(names_drop_set_get, "a drop, a set below it, and who sees both",
            PLAN(.before = STEPS(SET("d/e/x", 1))), STEPS(DROP("d")), STEPS(SET("d/e/x", 2)),
            STEPS(GET("d/e/x"), GET("d/e/x")), .flags = SIM_CRASH | SIM_STOP, .bound = 1);

NAMES_THREE(names_vanish_three, "a last child goes, a sibling comes, a third looks",
            PLAN(.before = STEPS(SET("d/x", 1))), STEPS(DELETE("d/x")), STEPS(SET("d/y", 2)),
            STEPS(CONTAINS("d"), CONTAINS("d")), .flags = SIM_CRASH | SIM_STOP, .bound = 1);

NAMES_PAIR(names_delete_reused, "a directory that went is another one by the time of a delete",
           PLAN(.before = STEPS(SET("d/x", 1))), STEPS(DELETE("d/x")),
           STEPS(DELETE("d/x"), TIDY(), SET("e/x", 3), SET("e/y", 4)),
           .flags = SIM_CRASH | SIM_STOP);

/* --- More levels than a path remembers. */

#define DEEP "a/b/c/d/e/f/g/h"

NAMES_PAIR(names_deep_insert, "levels without end would go, and one of them gets a child",
           PLAN(.relaxed = true, .before = STEPS(SET(DEEP, 1))), STEPS(DELETE(DEEP), CONTAINS("a")),
           STEPS(SET("a/b/x", 2), CONTAINS("a/b/c")), .flags = SIM_ALL);

NAMES_PAIR(names_deep_value, "... or a value", PLAN(.relaxed = true, .before = STEPS(SET(DEEP, 1))),
           STEPS(DELETE(DEEP)), STEPS(SET("a", 101), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_deep_delete, "two delete one deep node",
           PLAN(.relaxed = true, .before = STEPS(SET(DEEP, 101))), STEPS(DELETE(DEEP)),
           STEPS(DELETE(DEEP), CONTAINS("a/b")), .flags = SIM_ALL);
