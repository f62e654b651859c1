/* SPDX-License-Identifier: Apache-2.0 */
/* Two set, add, compare and set, or one of them deletes: one name, or one missing parent.
 *
 * Goal: one value, one record, one winner; what is answered has an order. A failure means two
 * records of a name, a lost or half update, a parent without children, or lost memory. */
#include "names_world.h"

NAMES_PAIR(names_set_set, "two sets of one key: one record, and it keeps its place",
           PLAN(.before = STEPS(SET("a", 1)), .always = "a"), STEPS(SET("a", 2), LIST(NULL)),
           STEPS(SET("a", 3), GET("a")), .flags = SIM_ALL);

NAMES_THREADS(names_set_set_threads, "the same by two threads of one process",
              PLAN(.before = STEPS(SET("a", 1))), STEPS(SET("a", 2), GET("a")),
              STEPS(SET("a", 101)), .flags = SIM_ALL);

NAMES_PAIR(names_set_object, "objects replace objects and small values",
           PLAN(.before = STEPS(SET("a", 101))), STEPS(SET("a", 201)),
           STEPS(SET("a", 2), SET("a", 102)), .flags = SIM_ALL);

NAMES_PAIR(names_set_get, "a value is read whole while it is replaced",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(SET("a", 201), SET("a", 51)),
           STEPS(GET("a"), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_insert_get, "a new name is found or not, and then it stays found",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(SET("a", 101), GET("a")),
           STEPS(GET("a"), CONTAINS("a")), .flags = SIM_ALL);

NAMES_PAIR(names_set_delete, "set against delete of one key", PLAN(.before = STEPS(SET("a", 1))),
           STEPS(SET("a", 2)), STEPS(DELETE("a"), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_add_add, "adding has one winner", PLAN(.before = STEPS(SET("b", 1))),
           STEPS(ADD("a", 2)), STEPS(ADD("a", 3), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_add_delete, "add against delete", PLAN(.before = STEPS(SET("a", 1))),
           STEPS(ADD("a", 2), ADD("a", 3)), STEPS(DELETE("a"), DELETE("a")), .flags = SIM_ALL);

NAMES_PAIR(names_cas_cas, "two read and compare: no update is lost",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(GET("a"), CAS("a", 2)),
           STEPS(GET("a"), CAS("a", 3)), .flags = SIM_ALL);

NAMES_PAIR(names_pop_set, "what is popped was there, and is gone",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(POP("a")), STEPS(SET("a", 102), POP("a")),
           .flags = SIM_ALL);

NAMES_PAIR(names_insert_insert, "two names come under one missing parent", PLAN(.before = NULL),
           STEPS(SET("d/x", 1)), STEPS(SET("d/y", 2), GET("d/x")), .flags = SIM_ALL);

NAMES_PAIR(names_insert_deep, "two and three levels are missing",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(SET("d/e/g/x", 1)),
           STEPS(SET("d/e/z", 102), CONTAINS("d/e")), .flags = SIM_ALL);

NAMES_PAIR(names_insert_below_value, "a value gets its first child while it is replaced",
           PLAN(.before = STEPS(SET("d", 1))), STEPS(SET("d/x", 2)), STEPS(SET("d", 101), GET("d")),
           .flags = SIM_ALL);

NAMES_PAIR(names_insert_vanish, "an insert meets a parent that goes with its last child",
           PLAN(.before = STEPS(SET("d/x", 1))), STEPS(SET("d/w", 2)),
           STEPS(DELETE("d/x"), CONTAINS("d")), .flags = SIM_ALL);

NAMES_PAIR(names_expired, "an expired value is none, for add, delete and rename",
           PLAN(.before = STEPS(SET("d/a", 1), EXPIRE("d/a"), SET("b", 2))),
           STEPS(ADD("d/a", 3), DELETE("d/a")), STEPS(DELETE("d/a"), RENAME("b", "d/a")),
           .flags = SIM_ALL);

NAMES_THREE(names_set_three, "a set, a compare and set, and a delete",
            PLAN(.before = STEPS(SET("a", 1))), STEPS(SET("a", 2)), STEPS(GET("a"), CAS("a", 3)),
            STEPS(DELETE("a")), .flags = SIM_CRASH | SIM_STOP, .bound = 1);

NAMES_PAIR(names_chain_lost, "parents that came too late are given up, and others are made",
           PLAN(.before = STEPS(SET("b", 1))), STEPS(SET("d/x", 1), SET("f/x", 2)),
           STEPS(SET("d/y", 3)), .flags = SIM_ALL);
