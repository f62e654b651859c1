/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a key beside its value: where an object lies, and that there is none.
 *
 * Goal: a pin by its known place is one of the key's value at that time, and its bytes stand
 * still; while an absence holds, the key has no value. Somebody learns it, and relies on it after
 * every step of a writer who replaces, removes, moves, or makes the key. */
#include "names_world.h"

/* ---- places ------------------------------------------------------------------------------ */

NAMES_PAIR(names_known_set, "an object is pinned where it was while it is replaced and drained",
           PLAN(.before = STEPS(SET("a", 101))),
           STEPS(LEARN_PIN("a"), UNPIN(), KNOWN_PIN("a"), UNPIN()),
           STEPS(SET("a", 102), TIDY(), SET("b", 103)), .flags = SIM_ALL);

NAMES_PAIR(names_known_delete, "... while it is deleted, and its memory is used again",
           PLAN(.before = STEPS(SET("d/a", 101))),
           STEPS(LEARN_PIN("d/a"), UNPIN(), KNOWN_PIN("d/a"), UNPIN()),
           STEPS(DELETE("d/a"), TIDY(), SET("b", 102)), .flags = SIM_ALL);

NAMES_PAIR(names_known_drop, "... while its directory is dropped and reaped",
           PLAN(.before = STEPS(SET("d/a", 101))),
           STEPS(LEARN_PIN("d/a"), UNPIN(), KNOWN_PIN("d/a"), UNPIN()), STEPS(DROP("d"), TIDY()),
           .flags = SIM_ALL);

NAMES_PAIR(names_known_rename, "... while its directory moves",
           PLAN(.relaxed = true, .before = STEPS(SET("d/a", 101))),
           STEPS(LEARN_PIN("d/a"), UNPIN(), KNOWN_PIN("d/a"), UNPIN()), STEPS(RENAME("d", "e")),
           .flags = SIM_ALL);

NAMES_THREADS(names_known_threads, "two threads: one pins where it was, one removes",
              PLAN(.before = STEPS(SET("a", 101))),
              STEPS(LEARN_PIN("a"), UNPIN(), KNOWN_PIN("a"), UNPIN()),
              STEPS(DELETE("a"), TIDY(), SET("b", 102)), .flags = SIM_ALL);

NAMES_PAIR(names_known_verify, "the checker looks while somebody pins where nothing is any more",
           PLAN(.before = STEPS(SET("a", 101))),
           STEPS(LEARN_PIN("a"), UNPIN(), DELETE("a"), TIDY(), KNOWN_PIN("a"), UNPIN()),
           STEPS(VERIFY()), .flags = SIM_STOP);

/* Both see the value inside its record, and move it out. */
NAMES_PAIR(names_known_move, "a small value is pinned where it was after two have moved it",
           PLAN(.before = STEPS(SET("a", 1))),
           STEPS(LEARN_PIN("a"), UNPIN(), TIDY(), SET("b", 102), KNOWN_PIN("a"), UNPIN()),
           STEPS(PIN("a"), UNPIN()), .flags = SIM_ALL);

/* ---- absences ------------------------------------------------------------------------------ */

static SIM_STATE struct tg_absence absence;
static SIM_STATE const char *absent_key;
static SIM_STATE bool made; /* the key has a value, from now on */

static void absence_asked(void) {
    if (made && absence.token.lock != NULL && tg_absence_holds(names_store(), &absence))
        sim_fail("%s is known to be absent, and it is there", absent_key);
}

static void absence_reader(void *key) {
    struct tg_absence found;
    uint32_t hint = 0;
    absent_key = key;
    tg_status status = tg_absence_find(names_store(), &hint, names_key(key), &found);
    if (status != TG_OK) return;
    absence = found;
    absence_asked();
}

/* The last step makes the key. */
static void absence_writer(void *steps) {
    names_run(steps);
    made = true;
    absence_asked();
}

#define ABSENCE_SCENARIO(NAME, DOC, PLAN, KEY, STEPS)                                              \
    NAMES_SETUP(NAME, 2, PLAN)                                                                     \
    const struct sim_scenario NAME = {NAMES_SCENARIO(NAME, DOC, 2),                                \
                                      .actors = {{.name = "writer",                                \
                                                  .process = 0,                                    \
                                                  .run = absence_writer,                           \
                                                  .immortal = true,                                \
                                                  .arg = (void *)(uintptr_t)(STEPS)},              \
                                                 {.name = "reader",                                \
                                                  .process = 1,                                    \
                                                  .run = absence_reader,                           \
                                                  .arg = (void *)(uintptr_t)(KEY)}},               \
                                      .flags = SIM_STOP}

ABSENCE_SCENARIO(names_absence, "a missing key is made", PLAN(.before = STEPS(SET("b", 1))), "a",
                 STEPS(SET("a", 5)));
ABSENCE_SCENARIO(names_absence_split, "... after its bucket was split",
                 PLAN(.buckets = 1, .before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3))), "e",
                 STEPS(SET("d", 4), DELETE("a"), SET("e", 5)));
ABSENCE_SCENARIO(names_absence_again, "... in a directory that vanished and came back",
                 PLAN(.before = STEPS(SET("d/x", 1))), "d/a", STEPS(DELETE("d/x"), SET("d/a", 5)));
ABSENCE_SCENARIO(names_absence_above, "... with the directories above it",
                 PLAN(.before = STEPS(SET("d/x", 1))), "d/e/a", STEPS(SET("d/e/a", 5)));
ABSENCE_SCENARIO(names_absence_moved, "... by a rename above it",
                 PLAN(.relaxed = true, .before = STEPS(SET("d/x", 1), SET("e/a", 2))), "d/a",
                 STEPS(DELETE("d/x"), RENAME("e", "d")));
ABSENCE_SCENARIO(names_absence_value, "... below what had a value only",
                 PLAN(.before = STEPS(SET("d", 1))), "d/a", STEPS(SET("d/a", 5)));
ABSENCE_SCENARIO(names_absence_dir, "a directory gets a value",
                 PLAN(.before = STEPS(SET("d/x", 1))), "d", STEPS(SET("d", 5)));
