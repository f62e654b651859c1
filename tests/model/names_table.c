/* SPDX-License-Identifier: Apache-2.0 */
/* The table: full buckets, overflow lines and splits against readers and writers.
 *
 * Goal: a name that is there all the time is found by everybody; a name has one record. */
#include "names_world.h"

/* One bucket of three slots, full: the next name makes an overflow line and a split. */
#define FULL .buckets = 1, .before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3))

NAMES_PAIR(names_split, "names are read while their bucket is split", PLAN(FULL),
           STEPS(SET("d", 4)), STEPS(GET("a"), GET("b"), GET("c")), .flags = SIM_ALL);

NAMES_PAIR(names_split_set, "names are set and deleted while their bucket is split", PLAN(FULL),
           STEPS(SET("d", 4)), STEPS(SET("a", 5), DELETE("b")), .flags = SIM_ALL);

NAMES_PAIR(names_split_add, "a name is added while the bucket is split", PLAN(FULL),
           STEPS(SET("d", 4)), STEPS(ADD("e", 5), ADD("a", 6)), .flags = SIM_ALL);

NAMES_PAIR(names_split_rename, "a name moves to another bucket while that is split",
           PLAN(FULL, .relaxed = true), STEPS(SET("d", 4)), STEPS(RENAME("a", "e"), GET("e")),
           .flags = SIM_ALL);

/* The overflow line has one record; the split leaves it alone or empties it. */
NAMES_PAIR(names_overflow, "an overflow line goes while names behind it are read",
           PLAN(.buckets = 1, .before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3), SET("d", 4),
                                              SET("e", 5), SET("f", 6), SET("g", 7))),
           STEPS(DELETE("c"), DELETE("d"), DELETE("e")), STEPS(GET("f"), GET("g"), GET("a")),
           .flags = SIM_ALL);
