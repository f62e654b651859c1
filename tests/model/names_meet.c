/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of operations that meet in no other scenario, one call against one call.
 *
 * Goal: no pair is left out because nobody thought that it could matter (tools/matrix.py). */
#include "names_world.h"

#define TWO PLAN(.before = STEPS(SET("d/a", 1), SET("d/b", 101)))
#define ONE PLAN(.before = STEPS(SET("d/a", 1)))
/* A bucket that the next name splits. */
#define FULL PLAN(.buckets = 1, .before = STEPS(SET("d/a", 1), SET("d/b", 101)))
#define FULL_ONE PLAN(.buckets = 1, .before = STEPS(SET("d/a", 1), SET("b", 101)))
/* A subtree that waits for a reaper. */
#define DEBT                                                                                       \
    PLAN(.unsettled = true,                                                                        \
         .before = STEPS(SET("d/a", 1), SET("d/b", 101), SET("z/x", 2), DROP("z")))
#define FULL_DEBT                                                                                  \
    PLAN(.unsettled = true, .buckets = 1,                                                          \
         .before = STEPS(SET("d/a", 1), SET("d/b", 101), SET("z/x", 2), DROP("z")))

/* --- who reads */

NAMES_PAIR(names_meet_get_pop, "get meets pop", TWO, STEPS(GET("d/a")), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_split, "contains meets split", FULL, STEPS(CONTAINS("d/a")),
           STEPS(SET("d/c", 3)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_add, "contains meets add", TWO, STEPS(CONTAINS("d/a")),
           STEPS(ADD("d/c", 5)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_cas, "contains meets cas", TWO, STEPS(CONTAINS("d/a")),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_touch, "contains meets touch", TWO, STEPS(CONTAINS("d/a")),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_pop, "contains meets pop", TWO, STEPS(CONTAINS("d/a")),
           STEPS(POP("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_clear, "contains meets clear", TWO, STEPS(CONTAINS("d/a")),
           STEPS(CLEAR()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_contains_pin, "contains meets pin", TWO, STEPS(CONTAINS("d/a")),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_parents, "list meets insert with parents", TWO, STEPS(LIST("d")),
           STEPS(SET("d/e/x", 4)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_split, "list meets split", FULL, STEPS(LIST("d")), STEPS(SET("d/c", 3)),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_add, "list meets add", TWO, STEPS(LIST("d")), STEPS(ADD("d/c", 5)),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_cas, "list meets cas", TWO, STEPS(LIST("d")),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_touch, "list meets touch", TWO, STEPS(LIST("d")),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_pop, "list meets pop", TWO, STEPS(LIST("d")), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_clear, "list meets clear", TWO, STEPS(LIST("d")), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_move, "list meets rename over", TWO, STEPS(LIST("d")),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_list_pin, "list meets pin", TWO, STEPS(LIST("d")), STEPS(PIN("d/a"), UNPIN()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_set, "verify meets set", TWO, STEPS(VERIFY()), STEPS(SET("d/a", 2)),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_insert, "verify meets insert", TWO, STEPS(VERIFY()),
           STEPS(SET("d/c", 3)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_parents, "verify meets insert with parents", TWO, STEPS(VERIFY()),
           STEPS(SET("d/e/x", 4)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_split, "verify meets split", FULL, STEPS(VERIFY()),
           STEPS(SET("d/c", 3)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_add, "verify meets add", TWO, STEPS(VERIFY()), STEPS(ADD("d/c", 5)),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_cas, "verify meets cas", TWO, STEPS(VERIFY()),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_touch, "verify meets touch", TWO, STEPS(VERIFY()),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_delete, "verify meets delete", TWO, STEPS(VERIFY()),
           STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_vanish, "verify meets delete, parents go", ONE, STEPS(VERIFY()),
           STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_pop, "verify meets pop", TWO, STEPS(VERIFY()), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_drop, "verify meets drop", TWO, STEPS(VERIFY()), STEPS(DROP("d")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_clear, "verify meets clear", TWO, STEPS(VERIFY()), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_rename, "verify meets rename a leaf", TWO, STEPS(VERIFY()),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_move_dir, "verify meets rename a directory", TWO, STEPS(VERIFY()),
           STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_move, "verify meets rename over", TWO, STEPS(VERIFY()),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_pin, "verify meets pin", TWO, STEPS(VERIFY()),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_verify_tidy, "verify meets tidy", DEBT, STEPS(VERIFY()), STEPS(TIDY()),
           .flags = SIM_CRASH);

NAMES_PAIR(names_meet_list_vanish, "list meets delete, parents go", ONE, STEPS(LIST(NULL)),
           STEPS(DELETE("d/a")), .flags = SIM_CRASH);

NAMES_PAIR(names_meet_list_drop, "list meets drop", TWO, STEPS(LIST("d")), STEPS(DROP("d")),
           .flags = SIM_CRASH);

/* --- who writes */

NAMES_PAIR(names_meet_set_parents, "set meets insert with parents", TWO, STEPS(SET("d/a", 2)),
           STEPS(SET("d/a/x/y", 3)), .flags = SIM_CRASH);

NAMES_PAIR(names_meet_set_cas, "set meets cas", TWO, STEPS(SET("d/a", 2)),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);

NAMES_PAIR(names_meet_cas_delete, "cas meets delete", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(DELETE("d/a")), .flags = SIM_CRASH);

NAMES_PAIR(names_meet_set_add, "set meets add", TWO, STEPS(SET("d/a", 2)), STEPS(ADD("d/a", 5)),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_set_rename, "set meets rename a leaf", TWO, STEPS(SET("d/a", 2)),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_insert, "insert meets insert", TWO, STEPS(SET("d/c", 3)),
           STEPS(SET("d/c", 7)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_split, "insert meets split", FULL, STEPS(SET("d/c", 3)),
           STEPS(SET("d/c", 3)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_add, "insert meets add", TWO, STEPS(SET("d/c", 3)),
           STEPS(ADD("d/c", 5)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_cas, "insert meets cas", TWO, STEPS(SET("d/c", 3)),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_touch, "insert meets touch", TWO, STEPS(SET("d/c", 3)),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_delete, "insert meets delete", TWO, STEPS(SET("d/c", 3)),
           STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_pop, "insert meets pop", TWO, STEPS(SET("d/c", 3)), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_insert_move, "insert meets rename over", TWO, STEPS(SET("d/c", 3)),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_split, "insert with parents meets split", FULL,
           STEPS(SET("d/e/x", 4)), STEPS(SET("d/c", 3)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_cas, "insert with parents meets cas", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_touch, "insert with parents meets touch", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_delete, "insert with parents meets delete", TWO,
           STEPS(SET("d/e/x", 4)), STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_pop, "insert with parents meets pop", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(POP("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_drop, "insert with parents meets drop", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(DROP("d")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_clear, "insert with parents meets clear", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(CLEAR()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_move_dir, "insert with parents meets rename a directory", TWO,
           STEPS(SET("d/e/x", 4)), STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_move, "insert with parents meets rename over", TWO,
           STEPS(SET("d/e/x", 4)), STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_pin, "insert with parents meets pin", TWO, STEPS(SET("d/e/x", 4)),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_parents_tidy, "insert with parents meets tidy", DEBT, STEPS(SET("d/e/x", 4)),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_split, "split meets split", FULL, STEPS(SET("d/c", 3)),
           STEPS(SET("d/g", 7)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_cas, "split meets cas", FULL, STEPS(SET("d/c", 3)),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_touch, "split meets touch", FULL, STEPS(SET("d/c", 3)),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_vanish, "split meets delete, parents go", FULL_ONE,
           STEPS(SET("d/c", 3)), STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_pop, "split meets pop", FULL, STEPS(SET("d/c", 3)), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_drop, "split meets drop", FULL, STEPS(SET("d/c", 3)), STEPS(DROP("d")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_clear, "split meets clear", FULL, STEPS(SET("d/c", 3)), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_move_dir, "split meets rename a directory", FULL, STEPS(SET("d/c", 3)),
           STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_move, "split meets rename over", FULL, STEPS(SET("d/c", 3)),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_pin, "split meets pin", FULL, STEPS(SET("d/c", 3)),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_split_tidy, "split meets tidy", FULL_DEBT, STEPS(SET("d/c", 3)),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_cas, "add meets cas", TWO, STEPS(ADD("d/a", 5)),
           STEPS(GET("d/a"), CAS("d/a", 6)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_pop, "add meets pop", TWO, STEPS(ADD("d/a", 5)), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_drop, "add meets drop", TWO, STEPS(ADD("d/a", 5)), STEPS(DROP("d")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_clear, "add meets clear", TWO, STEPS(ADD("d/a", 5)), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_move_dir, "add meets rename a directory", TWO, STEPS(ADD("d/a", 5)),
           STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_move, "add meets rename over", TWO, STEPS(ADD("d/a", 5)),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_add_pin, "add meets pin", TWO, STEPS(ADD("d/a", 5)),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_touch, "cas meets touch", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(TOUCH("d/a", 100000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_vanish, "cas meets delete, parents go", ONE,
           STEPS(GET("d/a"), CAS("d/a", 6)), STEPS(DELETE("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_pop, "cas meets pop", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(POP("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_drop, "cas meets drop", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(DROP("d")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_clear, "cas meets clear", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(CLEAR()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_rename, "cas meets rename a leaf", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_move_dir, "cas meets rename a directory", TWO,
           STEPS(GET("d/a"), CAS("d/a", 6)), STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_move, "cas meets rename over", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_pin, "cas meets pin", TWO, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_cas_tidy, "cas meets tidy", DEBT, STEPS(GET("d/a"), CAS("d/a", 6)),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_touch, "touch meets touch", TWO, STEPS(TOUCH("d/a", 100000)),
           STEPS(TOUCH("d/a", 200000)), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_pop, "touch meets pop", TWO, STEPS(TOUCH("d/a", 100000)),
           STEPS(POP("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_drop, "touch meets drop", TWO, STEPS(TOUCH("d/a", 100000)),
           STEPS(DROP("d")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_clear, "touch meets clear", TWO, STEPS(TOUCH("d/a", 100000)),
           STEPS(CLEAR()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_move_dir, "touch meets rename a directory", TWO,
           STEPS(TOUCH("d/a", 100000)), STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_move, "touch meets rename over", TWO, STEPS(TOUCH("d/a", 100000)),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_touch_tidy, "touch meets tidy", DEBT, STEPS(TOUCH("d/a", 100000)),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_pop, "delete meets pop", TWO, STEPS(DELETE("d/a")), STEPS(POP("d/a")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_drop, "delete meets drop", TWO, STEPS(DELETE("d/a")), STEPS(DROP("d")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_clear, "delete meets clear", TWO, STEPS(DELETE("d/a")), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_rename, "delete meets rename a leaf", TWO, STEPS(DELETE("d/a")),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_move_dir, "delete meets rename a directory", TWO, STEPS(DELETE("d/a")),
           STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_move, "delete meets rename over", TWO, STEPS(DELETE("d/a")),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_pin, "delete meets pin", TWO, STEPS(DELETE("d/a")),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_delete_tidy, "delete meets tidy", DEBT, STEPS(DELETE("d/a")), STEPS(TIDY()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_vanish_pop, "delete, parents go meets pop", ONE, STEPS(DELETE("d/a")),
           STEPS(POP("d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_drop, "pop meets drop", TWO, STEPS(POP("d/a")), STEPS(DROP("d")),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_clear, "pop meets clear", TWO, STEPS(POP("d/a")), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_rename, "pop meets rename a leaf", TWO, STEPS(POP("d/a")),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_move_dir, "pop meets rename a directory", TWO, STEPS(POP("d/a")),
           STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_move, "pop meets rename over", TWO, STEPS(POP("d/a")),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_pin, "pop meets pin", TWO, STEPS(POP("d/a")), STEPS(PIN("d/a"), UNPIN()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_pop_tidy, "pop meets tidy", DEBT, STEPS(POP("d/a")), STEPS(TIDY()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_drop_clear, "drop meets clear", TWO, STEPS(DROP("d")), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_drop_move, "drop meets rename over", TWO, STEPS(DROP("d")),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_drop_tidy, "drop meets tidy", DEBT, STEPS(DROP("d")), STEPS(TIDY()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_clear_clear, "clear meets clear", TWO, STEPS(CLEAR()), STEPS(CLEAR()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_clear_rename, "clear meets rename a leaf", TWO, STEPS(CLEAR()),
           STEPS(RENAME("d/a", "d/f")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_clear_move, "clear meets rename over", TWO, STEPS(CLEAR()),
           STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_clear_pin, "clear meets pin", TWO, STEPS(CLEAR()), STEPS(PIN("d/a"), UNPIN()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_clear_tidy, "clear meets tidy", DEBT, STEPS(CLEAR()), STEPS(TIDY()),
           .flags = SIM_CRASH);
NAMES_PAIR(names_meet_rename_move_dir, "rename a leaf meets rename a directory", TWO,
           STEPS(RENAME("d/a", "d/f")), STEPS(RENAME("d", "g")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_rename_move, "rename a leaf meets rename over", TWO,
           STEPS(RENAME("d/a", "d/f")), STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_move_dir_move, "rename a directory meets rename over", TWO,
           STEPS(RENAME("d", "g")), STEPS(MOVE("d/b", "d/a")), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_move_dir_pin, "rename a directory meets pin", TWO, STEPS(RENAME("d", "g")),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_move_dir_tidy, "rename a directory meets tidy", DEBT, STEPS(RENAME("d", "g")),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_move_pin, "rename over meets pin", TWO, STEPS(MOVE("d/b", "d/a")),
           STEPS(PIN("d/a"), UNPIN()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_move_tidy, "rename over meets tidy", DEBT, STEPS(MOVE("d/b", "d/a")),
           STEPS(TIDY()), .flags = SIM_CRASH);
NAMES_PAIR(names_meet_tidy_tidy, "tidy meets tidy", DEBT, STEPS(TIDY()), STEPS(TIDY()),
           .flags = SIM_CRASH);
