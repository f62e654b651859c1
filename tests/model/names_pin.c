/* SPDX-License-Identifier: Apache-2.0 */
/* Values are pinned, and moved out of their records for it, while they change.
 *
 * Goal: pinned bytes don't change; the value keeps its version and its expiry when it moves. */
#include "names_world.h"

NAMES_PAIR(names_pin_set, "a small value is pinned while it is replaced",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN()),
           STEPS(SET("a", 2), TIDY(), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_pin_pin, "two pin one small value: it moves once",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN()),
           STEPS(PIN("a"), GET("a"), UNPIN()), .flags = SIM_ALL);

NAMES_PAIR(names_pin_delete, "an object is pinned while it is deleted and drained",
           PLAN(.before = STEPS(SET("d/a", 101))), STEPS(PIN("d/a"), UNPIN()),
           STEPS(DELETE("d/a"), TIDY()), .flags = SIM_ALL);

NAMES_PAIR(names_pin_drop, "a small value is pinned while its directory is dropped and reaped",
           PLAN(.before = STEPS(SET("d/a", 1))), STEPS(PIN("d/a"), UNPIN()),
           STEPS(DROP("d"), TIDY()), .flags = SIM_ALL);

NAMES_PAIR(names_pin_touch, "a value that moves into an object keeps the expiry it has by then",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN()),
           STEPS(TOUCH("a", 100000), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_pin_child, "a value gets a child while it moves",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN()),
           STEPS(SET("a/x", 2), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_pin_rename, "a value is renamed while it moves into an object",
           PLAN(.relaxed = true, .before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN()),
           STEPS(RENAME("a", "b"), GET("b")), .flags = SIM_ALL);

NAMES_PAIR(names_pin_moved, "an object is pinned by its key while its directory moves",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 101))), STEPS(PIN("d/a"), UNPIN()),
           STEPS(RENAME("d", "e"), TIDY()), .flags = SIM_ALL);

NAMES_PAIR(names_look_pin_delete, "an object is pinned by a get while it is deleted and drained",
           PLAN(.before = STEPS(SET("d/a", 101))), STEPS(LOOK_PIN("d/a"), UNPIN()),
           STEPS(DELETE("d/a"), TIDY()), .flags = SIM_ALL);

NAMES_PAIR(names_look_pin_set, "an object is pinned by a get while it is replaced",
           PLAN(.before = STEPS(SET("a", 101))),
           STEPS(LOOK_PIN("a"), UNPIN(), LOOK_PIN("a"), UNPIN()), STEPS(SET("a", 2), TIDY()),
           .flags = SIM_ALL);

NAMES_PAIR(names_look_pin_rename, "an object is pinned by a get while its directory moves",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 101))), STEPS(LOOK_PIN("d/a"), UNPIN()),
           STEPS(RENAME("d", "e"), TIDY()), .flags = SIM_ALL);

NAMES_PAIR(names_touch_set, "a touch meets a set", PLAN(.before = STEPS(SET("a", 1))),
           STEPS(TOUCH("a", 100000), GET("a")), STEPS(SET("a", 2), GET("a")), .flags = SIM_ALL);

NAMES_PAIR(names_touch_rename, "a touch meets a rename: the expiry goes along",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 1))),
           STEPS(TOUCH("d/a", 100000), CONTAINS("d/a")), STEPS(RENAME("d/a", "b"), GET("b")),
           .flags = SIM_ALL);

NAMES_PAIR(names_touch_delete, "a touch meets a delete and an add",
           PLAN(.before = STEPS(SET("a", 1))), STEPS(EXPIRE("a"), GET("a")),
           STEPS(DELETE("a"), ADD("a", 2)), .flags = SIM_ALL);

NAMES_THREADS(names_pin_threads, "two threads pin and set: each has entries of its own",
              PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), UNPIN(), SET("a", 101)),
              STEPS(PIN("a"), UNPIN()), .flags = SIM_ALL);
