/* SPDX-License-Identifier: Apache-2.0 */
/* Who needs nothing of what a stopped process holds gets on, without a deadline.
 *
 * Goal: upkeep for others (reaping, draining, growing) waits for nobody. A failure is a call
 * that never returns. */
#include "names_world.h"

NAMES_APART(names_apart_drop, "a drop is stopped, another name is set",
            STEPS(SET("b", 1), SET("d/x", 2), SET("d/y", 101)), STEPS(DROP("d")),
            STEPS(SET("b", 2), SET("b", 3)));

NAMES_APART(names_apart_chain, "a set with new parents is stopped, another name is set",
            STEPS(SET("b", 1)), STEPS(SET("d/e/x", 2), DELETE("d/e/x")),
            STEPS(SET("b", 2), SET("b", 3), GET("b")));

NAMES_APART(names_apart_rename, "a rename is stopped, another name is set and read",
            STEPS(SET("b", 1), SET("d/x", 2)), STEPS(RENAME("d", "e")),
            STEPS(SET("b", 3), GET("b")));

NAMES_APART(names_apart_get, "whatever is stopped, reads get on",
            STEPS(SET("a", 1), SET("d/x", 101)), STEPS(RENAME("d", "e"), SET("a", 201), DROP("e")),
            STEPS(GET("a"), CONTAINS("d/x"), LIST(NULL)));
