/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: while one holds, the value that was read with it is the key's value.
 *
 * Goal: a process never returns a decoded value again after it was replaced or moved. A
 * reader takes a token and asks it after every step of a writer that splits the bucket and
 * then replaces the value. */
#include "names_world.h"

#include "store/reuse.h"

struct token_result {
    struct tg_token token;
    unsigned value; /* read with it; 0 = none */
};
static SIM_STATE struct token_result token_result;

static void *token_sink(void *argument, const struct tg_info *info) {
    return names_sink(argument, info);
}

static void token_reader(void *unused) {
    struct names_buffer buffer = {0};
    struct tg_info info;
    struct tg_token token;
    uint32_t hint = 0;
    (void)unused;
    tg_status status =
        tg_get_with_token(names_store(), &hint, names_key("a"), token_sink, &buffer, &info, &token);
    if (status != TG_OK) return;
    token_result.value = names_value_of(buffer.bytes, info.size);
    token_result.token = token;
}

/* The value is 5 from here on: no token of another one may hold. */
static void token_writer(void *steps) {
    names_run(steps);
    if (token_result.token.lock != NULL && token_result.value != 5 &&
        tg_token_holds(names_store(), &token_result.token))
        sim_fail("a token of value %u holds, and the value is 5", token_result.value);
}

#define TOKEN_SCENARIO(NAME, DOC, PLAN, STEPS)                                                     \
    NAMES_SETUP(NAME, 2, PLAN)                                                                     \
    const struct sim_scenario NAME = {                                                             \
        NAMES_SCENARIO(NAME, DOC, 2),                                                              \
        .actors = {{.name = "writer",                                                              \
                    .process = 0,                                                                  \
                    .run = token_writer,                                                           \
                    .arg = (void *)(uintptr_t)(STEPS)},                                            \
                   {.name = "reader", .process = 1, .run = token_reader}},                         \
        .flags = SIM_STOP}

TOKEN_SCENARIO(names_token, "a value is replaced after its bucket was split",
               PLAN(.buckets = 1, .before = STEPS(SET("a", 1), SET("b", 2), SET("c", 3))),
               STEPS(SET("d", 4), SET("a", 5)));
