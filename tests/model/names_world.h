/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny store with names, and actors that make calls of tryget.h.
 *
 *   A scenario is a plan (how the store begins) and a list of calls an actor. Everything is
 *   recorded; in the end, after recovery and a tidy-up, there must be an order of the calls
 *   that explains all answers and what is left (linear.h), the checker of the store must be
 *   silent, and no memory may be lost (store/verify.h).
 *
 *   Values are numbers: below 100 small ones, which live in their record; below 200 objects
 *   that are copied in a section; from 200 on objects that are pinned while they are copied. */
#ifndef TG_MODEL_NAMES_WORLD_H
#define TG_MODEL_NAMES_WORLD_H

#include "names_check.h"

/* ---- setup --------------------------------------------------------------------------- */

/* Magazines are filled in advance: that is the arena's own scenario. */
static inline void names_stock(struct tg_local *local, uint32_t id) {
    struct tg_call call;
    tg_call_begin(&call, local, id, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, id));
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class ++) {
        uint32_t capacity = tg_magazine_capacity(local, class);
        if (tg_class_size(local, class) <= 96)
            SIM_EXPECT(tg_block_prepare(&call, class, capacity < 4 ? capacity : 4) == TG_OK);
    }
    tg_return(&call);
}

static inline void names_name_words(struct tg_local *local) {
    struct tg_hot *hot = local->hot;
    sim_name(&hot->epoch, 8, "epoch");
    sim_name(&hot->ns_seq, 8, "ns_seq");
    sim_name(&hot->dir_gen, 8, "dir_gen");
    sim_name(&hot->buckets, 8, "buckets");
    sim_name(&hot->root, 4, "root");
    sim_name(&hot->ns_lock, 8, "ns_lock");
    sim_name(&hot->gate_lock, 8, "gate_lock");
    sim_name(&hot->grow_lock, 8, "grow_lock");
    sim_name(&hot->reap_lock, 8, "reap_lock");
    sim_name(&hot->reap_head, 4, "reap_head");
    sim_name(&hot->extent_lock, 8, "extent_lock");
    sim_name(&hot->context_high, 8, "context_high");
    sim_name(local->buckets, 8 * sizeof(struct tg_line), "bucket");
    for (uint32_t id = 1; id <= local->header.context_count; id++)
        sim_name(&tg_context_at(local, id)->word, 8, "context.word");
}

static inline void names_format(unsigned contexts) {
    struct tg_region_options options;
    struct tg_header header;
    tg_region_tiny(&options);
    options.max_processes = SIM_PROCESSES;
    options.context_count = contexts;
    if (names_plan->buckets) options.bucket_unit = names_plan->buckets;
    if (names_plan->fixed) options.bucket_capacity = options.bucket_unit;
    SIM_EXPECT(tg_region_plan(&options, &header) == TG_OK);
    SIM_EXPECT(header.file_size <= sim_arena_size());
    header.version_key = 1;
    tg_a64 *cookie = sim_alloc(sizeof *cookie);
    tg_store_relaxed64(cookie, 1);
    for (unsigned p = 0; p < SIM_PROCESSES; p++) {
        names_stores[p] = sim_alloc(sizeof(struct tg_store));
        tg_region_bind(&names_stores[p]->local, sim_arena(), sim_os(p), &header);
        names_stores[p]->local.process = p;
        names_stores[p]->cookie = cookie;
    }
    SIM_EXPECT(tg_store_format(&names_stores[0]->local) == TG_OK);
    sim_advance_ns(1000000000); /* LINEAR_EXPIRED is past */
    for (unsigned p = 1; p < SIM_PROCESSES; p++)
        names_stores[p]->local.header = names_stores[0]->local.header;
    SIM_EXPECT(tg_verify_scratch_size(&names_stores[0]->local) <= sizeof names_scratch);
}

static inline void names_grow_ledger(struct tg_local *local) {
    struct tg_call call;
    tg_call_begin(&call, local, 1, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, 1));
    SIM_EXPECT(tg_ledger_grow(&call) == TG_OK);
    tg_return(&call);
}

static inline void names_apply_before(void) {
    uint32_t hint = 1;
    struct names_hand hand = {0};
    for (const struct names_step *step = names_plan->before; step && step->kind; step++) {
        names_step(step, &hint, &hand);
        struct linear_op *op = &names_history.op[names_history.count - 1];
        SIM_EXPECT(op->status == TG_OK);
        SIM_EXPECT(linear_apply(&names_before, op));
        names_history.count = 0;
    }
    if (!names_plan->unsettled) SIM_EXPECT(tg_tidy(names_stores[0], &hint, TG_FOREVER) == TG_OK);
}

/* In setup. Processes 0 .. actors - 1 live (of threads, some stay unused). */
static inline void names_world_make(const struct names_plan *plan, unsigned actors) {
    names_plan = plan;
    sim_log(&names_history, sizeof names_history);
    sim_log(names_hands, sizeof names_hands);
    unsigned contexts = plan->contexts ? plan->contexts : actors + 1;
    names_format(contexts);
    struct tg_local *local = &names_stores[0]->local;
    for (unsigned p = 0; p < actors; p++) {
        names_live(p);
        names_grow_ledger(&names_stores[p]->local);
    }
    names_apply_before();
    unsigned stocked = plan->bare ? 0 : plan->used ? plan->used : contexts;
    for (uint32_t id = 1; id <= stocked; id++) names_stock(local, id);
    names_name_words(local);
}

/* ---- scenarios ------------------------------------------------------------------------ */

#define STEPS(...)                                                                                 \
    (const struct names_step[]) { __VA_ARGS__, {LINEAR_END, NULL, NULL, 0} }
#define SET(key, value) {LINEAR_SET, key, NULL, value}
#define ADD(key, value) {LINEAR_ADD, key, NULL, value}
#define CAS(key, value) {LINEAR_CAS, key, NULL, value}
#define GET(key) {LINEAR_GET, key, NULL, 0}
#define CONTAINS(key) {LINEAR_CONTAINS, key, NULL, 0}
#define DELETE(key) {LINEAR_DELETE, key, NULL, 0}
#define POP(key) {LINEAR_POP, key, NULL, 0}
#define DROP(key) {LINEAR_DROP, key, NULL, 0}
#define CLEAR() {LINEAR_CLEAR, NULL, NULL, 0}
#define RENAME(from, to) {LINEAR_RENAME, from, to, 0}
#define MOVE(from, to) {LINEAR_MOVE, from, to, 0}
#define TOUCH(key, expiry) {LINEAR_TOUCH, key, NULL, expiry}
#define EXPIRE(key) {LINEAR_TOUCH, key, NULL, LINEAR_EXPIRED}
#define PIN(key) {LINEAR_PIN, key, NULL, NAMES_KEY_PIN}
/* In the look that finds it, if it is an object. */
#define LOOK_PIN(key) {LINEAR_PIN, key, NULL, NAMES_LOOK_PIN}
/* And where it is remembered; there again, if that still is its place. */
#define LEARN_PIN(key) {LINEAR_PIN, key, NULL, NAMES_LEARN_PIN}
#define KNOWN_PIN(key) {LINEAR_PIN, key, NULL, NAMES_KNOWN_PIN}
#define UNPIN() {LINEAR_UNPIN, NULL, NULL, 0}
#define LIST(key) {LINEAR_LIST, key, NULL, 0}
#define BUILD(key, value) {LINEAR_BUILD, key, NULL, value}
#define FAIL(key) {LINEAR_FAIL, key, NULL, 1}
#define NONE(key) {LINEAR_NONE, key, NULL, 1}
#define TIDY() {LINEAR_TIDY, NULL, NULL, 0}
#define SETTLE() {LINEAR_SETTLE, NULL, NULL, 0}
#define VERIFY() {LINEAR_VERIFY, NULL, NULL, 0}

#define PLAN(...) {__VA_ARGS__}

/* Lists come last: their commas are arguments of the next macro. */
#define NAMES_SETUP(NAME, COUNT, ...)                                                              \
    static const struct names_plan NAME##_plan = __VA_ARGS__;                                      \
    static void NAME##_setup(void) { names_world_make(&NAME##_plan, COUNT); }

#define NAMES_ACTOR(NAME, PROCESS, ...)                                                            \
    {.name = NAME, .process = PROCESS, .run = names_run, .arg = (void *)(uintptr_t)(__VA_ARGS__)}

#define NAMES_SCENARIO(NAME, DOC, COUNT)                                                           \
    .name = #NAME, .doc = DOC, .arena_size = NAMES_SIZE, .setup = NAME##_setup,                    \
    .actor_count = COUNT, .recover = names_world_recover, .check = names_world_check

/* One actor; two processes; two threads of one process; three processes. */
#define NAMES_ONE(NAME, DOC, PLAN, A, ...)                                                         \
    NAMES_SETUP(NAME, 1, PLAN)                                                                     \
    const struct sim_scenario NAME = {NAMES_SCENARIO(NAME, DOC, 1),                                \
                                      .actors = {NAMES_ACTOR("one", 0, A)}, __VA_ARGS__}
#define NAMES_PAIR(NAME, DOC, PLAN, A, B, ...)                                                     \
    NAMES_SETUP(NAME, 2, PLAN)                                                                     \
    const struct sim_scenario NAME = {                                                             \
        NAMES_SCENARIO(NAME, DOC, 2),                                                              \
        .actors = {NAMES_ACTOR("one", 0, A), NAMES_ACTOR("two", 1, B)}, __VA_ARGS__}
/* The second is never killed nor stopped, and has no deadline. */
#define NAMES_APART(NAME, DOC, BEFORE, A, B)                                                       \
    NAMES_SETUP(NAME, 2, {.forever = true, .relaxed = true, .before = BEFORE})                     \
    const struct sim_scenario NAME = {NAMES_SCENARIO(NAME, DOC, 2),                                \
                                      .actors = {NAMES_ACTOR("one", 0, A),                         \
                                                 {.name = "two",                                   \
                                                  .process = 1,                                    \
                                                  .run = names_run,                                \
                                                  .immortal = true,                                \
                                                  .arg = (void *)(uintptr_t)(B)}},                 \
                                      .flags = SIM_STOP}
#define NAMES_THREADS(NAME, DOC, PLAN, A, B, ...)                                                  \
    NAMES_SETUP(NAME, 2, PLAN)                                                                     \
    const struct sim_scenario NAME = {                                                             \
        NAMES_SCENARIO(NAME, DOC, 2),                                                              \
        .actors = {NAMES_ACTOR("one", 0, A), NAMES_ACTOR("two", 0, B)}, __VA_ARGS__}
#define NAMES_THREE(NAME, DOC, PLAN, A, B, C, ...)                                                 \
    NAMES_SETUP(NAME, 3, PLAN)                                                                     \
    const struct sim_scenario NAME = {NAMES_SCENARIO(NAME, DOC, 3),                                \
                                      .actors = {NAMES_ACTOR("one", 0, A),                         \
                                                 NAMES_ACTOR("two", 1, B),                         \
                                                 NAMES_ACTOR("three", 2, C)},                      \
                                      __VA_ARGS__}

#endif
