/* SPDX-License-Identifier: Apache-2.0 */
/* Who may only read, against full buckets, overflow lines and splits.
 *
 * Goal: a name that is there all the time is found; a token holds no longer than its value. */
#include "reader_world.h"

#include "store/reuse.h"

#define THREE SET("a", 1), SET("b", 2), SET("c", 3)

READER_PAIR(reader_split, "names are read while their bucket is split",
            PLAN(.buckets = 1, .before = STEPS(THREE)), STEPS(SET("d", 4)),
            STEPS(GET("a"), GET("b"), GET("c")), .flags = SIM_ALL);

READER_PAIR(reader_overflow, "an overflow line goes while names behind it are read",
            PLAN(.buckets = 1,
                 .before = STEPS(THREE, SET("d", 4), SET("e", 5), SET("f", 6), SET("g", 7))),
            STEPS(DELETE("c"), DELETE("d"), DELETE("e"), TIDY(), SET("h", 8)),
            STEPS(GET("f"), GET("g"), GET("a")), .flags = SIM_CRASH | SIM_STOP);

/* The new record is of another size, so its ref differs in more than one byte. */
READER_PAIR(reader_overflow_set, "a name in an overflow line is replaced",
            PLAN(.buckets = 1, .fixed = true, .before = STEPS(THREE, SET("dddddddddddd", 4))),
            STEPS(SET("dddddddddddd", 51), SET("dddddddddddd", 5)),
            STEPS(GET("dddddddddddd"), GET("dddddddddddd")), .flags = SIM_CRASH | SIM_STOP);

/* ---- tokens, as in names_token.c ---------------------------------------------------------- */

struct reader_token {
    struct tg_token token;
    unsigned value; /* read with it; 0 = none */
};
static SIM_STATE struct reader_token reader_token_result;

static void reader_token_reads(void *unused) {
    struct names_buffer buffer = {0};
    struct tg_info info;
    struct tg_token token;
    uint32_t hint = 0;
    (void)unused;
    tg_status status =
        tg_get_with_token(names_store(), &hint, names_key("a"), names_sink, &buffer, &info, &token);
    if (status != TG_OK) return;
    reader_token_result.value = names_value_of(buffer.bytes, info.size);
    reader_token_result.token = token;
}

/* The value is 5 from here on: no token of another one may hold. */
static void reader_token_writes(void *steps) {
    names_run(steps);
    if (reader_token_result.token.lock != NULL && reader_token_result.value != 5 &&
        tg_token_holds(names_store(), &reader_token_result.token))
        sim_fail("a token of value %u holds, and the value is 5", reader_token_result.value);
}

static const struct names_plan reader_token_plan = PLAN(.buckets = 1, .before = STEPS(THREE));
static void reader_token_setup(void) { reader_world_make(&reader_token_plan); }

const struct sim_scenario reader_token = {
    NAMES_SCENARIO(reader_token, "a value is replaced after its bucket was split", 2),
    .actors = {{.name = "writer",
                .process = 0,
                .run = reader_token_writes,
                .arg = (void *)(uintptr_t)STEPS(SET("d", 4), SET("a", 5))},
               {.name = "reader", .process = READER, .run = reader_token_reads}},
    .flags = SIM_STOP};
