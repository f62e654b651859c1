/* SPDX-License-Identifier: Apache-2.0 */
/* The world of names, with an actor that may only read.
 *
 *   Process 1 has no process entry and no life token; its memory is mapped for loads alone and
 *   as far as the buckets, so that a store, or a load of a block, is a violation. Its answers
 *   are part of the history, and must fit into an order with those of the writers. */
#ifndef TG_MODEL_READER_WORLD_H
#define TG_MODEL_READER_WORLD_H

#include "names_world.h"

enum { READER = 1 };

static inline void reader_world_make(const struct names_plan *plan) {
    names_world_make(plan, 1);
    struct tg_store *store = names_stores[READER];
    store->readonly = true;
    store->cookie = sim_alloc(sizeof *store->cookie);
    store->local.process = UINT32_MAX;
    sim_read_only(READER, store->local.header.arena_offset);
}

/* A writer and a reader. */
#define READER_PAIR(NAME, DOC, PLAN, A, B, ...)                                                    \
    static const struct names_plan NAME##_plan = PLAN;                                             \
    static void NAME##_setup(void) { reader_world_make(&NAME##_plan); }                            \
    const struct sim_scenario NAME = {                                                             \
        NAMES_SCENARIO(NAME, DOC, 2),                                                              \
        .actors = {NAMES_ACTOR("writer", 0, A), NAMES_ACTOR("reader", READER, B)}, __VA_ARGS__}

#endif
