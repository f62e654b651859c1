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

#include <stdio.h>
#include <string.h>

#include "linear.h"
#include "names/change.h"
#include "owner/recover.h"
#include "region/region.h"
#include "store/format.h"
#include "store/recover.h"
#include "store/store.h"
#include "store/verify.h"
#include "tryget.h"
#include "world.h"

enum {
    NAMES_SIZE = 320 << 10,
    NAMES_BYTES_MAX = 64,
    NAMES_TIDIER = SIM_PROCESSES - 1,
    NAMES_CHILDREN = 12,
};

static const uint64_t NAMES_PATIENCE_NS = 30000000;

struct names_step {
    enum linear_kind kind;
    const char *key, *to;
    unsigned value;
};

struct names_plan {
    const struct names_step *before; /* by process 0, undisturbed */
    unsigned buckets;                /* at first; 0 = 8 */
    unsigned contexts;               /* 0 = one an actor, and one */
    const char *always;              /* what each listing shows exactly once */
    bool relaxed;                    /* reads may be unvalidated when somebody is stopped */
    bool bare;                       /* magazines are empty: each call fills its own */
    bool forever;                    /* no deadlines: nobody needs what another may hold */
    bool unsettled;                  /* the tidy-up after `before` is left out */
};

struct names_hand {
    struct tg_pin pin;
    unsigned value;
    uint64_t version; /* the last that was seen or published */
};

static SIM_STATE struct tg_store *names_stores[SIM_PROCESSES];
static SIM_STATE const struct names_plan *names_plan;
static SIM_STATE struct linear_history names_history;
static SIM_STATE struct linear_tree names_before;
static SIM_STATE struct names_hand names_hands[SIM_ACTORS_MAX + 2];
static uint64_t names_scratch[8192]; /* its content does not matter */

static inline struct tg_store *names_store(void) { return names_stores[sim_self_process()]; }

static inline struct tg_key names_key(const char *text) {
    return (struct tg_key){text, text ? strlen(text) : 0};
}

static inline uint64_t names_deadline(void) {
    struct tg_os *os = sim_self_os();
    if (names_plan->forever && sim_self_process() < SIM_ACTORS_MAX) return TG_FOREVER;
    return os->ops->monotonic_ns(os) + NAMES_PATIENCE_NS;
}

/* ---- values ------------------------------------------------------------------------- */

static inline uint32_t names_value_size(unsigned value) {
    return value < 50 ? 4 : value < 100 ? 12 : value < 200 ? 24 : 48;
}

static inline void names_fill(uint8_t *to, unsigned value) {
    for (uint32_t i = 0; i < names_value_size(value); i++) to[i] = (uint8_t)(value + i);
}

static inline unsigned names_value_of(const uint8_t *bytes, uint64_t size) {
    unsigned value = bytes[0];
    if (size != names_value_size(value)) sim_fail("a value %u of %u bytes", value, (unsigned)size);
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)(value + i)) sim_fail("value %u is torn at %u", value, i);
    return value;
}

struct names_buffer {
    uint8_t bytes[NAMES_BYTES_MAX];
};

static inline void *names_sink(void *argument, const struct tg_info *info) {
    struct names_buffer *buffer = argument;
    /* Of an expelled reader the size may be anything. */
    return info->size <= sizeof buffer->bytes ? buffer->bytes : NULL;
}

/* ---- the calls ---------------------------------------------------------------------- */

static inline void names_do_set(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    uint8_t bytes[NAMES_BYTES_MAX];
    uint32_t size = names_value_size(op->value);
    names_fill(bytes, op->value);
    struct tg_part parts[2] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
    struct tg_set_options options = {
        .mode = op->kind == LINEAR_SET   ? TG_SET_ALWAYS
                : op->kind == LINEAR_ADD ? TG_SET_IF_ABSENT
                                         : TG_SET_IF_VERSION,
        .if_version = op->expected,
        .deadline_ns = names_deadline(),
    };
    op->status = tg_set(names_store(), hint, names_key(op->key), parts, 2, &options, &op->version);
    if (op->status == TG_OK) hand->version = op->version;
}

static inline void names_do_read(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    struct names_buffer buffer;
    struct tg_info info = {0};
    struct tg_key key = names_key(op->key);
    if (op->kind == LINEAR_GET)
        op->status = tg_get(names_store(), hint, key, names_sink, &buffer, &info);
    else
        op->status = tg_delete(names_store(), hint, key, names_sink, &buffer, &info,
                               names_deadline());
    hand->version = op->status == TG_OK ? info.version : 0;
    if (op->status != TG_OK) return;
    op->found = names_value_of(buffer.bytes, info.size);
    op->version = info.version;
    op->expiry = info.expiry;
}

static inline void names_do_contains(struct linear_op *op, uint32_t *hint) {
    struct tg_info info;
    op->status = tg_contains(names_store(), hint, names_key(op->key), &info);
    if (op->status == TG_OK) op->found = (info.has_value ? 1u : 0u) | (info.has_children ? 2u : 0u);
}

static inline void names_do_pin(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    op->status = tg_pin_value(names_store(), hint, names_key(op->key), &hand->pin,
                              names_deadline());
    if (op->status != TG_OK) return;
    hand->value = op->found = names_value_of(hand->pin.bytes, hand->pin.info.size);
    op->version = hand->pin.info.version;
    op->expiry = hand->pin.info.expiry;
}

/* The bytes stay where they are while they are pinned. */
static inline void names_do_unpin(struct names_hand *hand) {
    if (hand->pin.entry == 0) return;
    if (names_value_of(hand->pin.bytes, hand->pin.info.size) != hand->value)
        sim_fail("pinned bytes changed");
    tg_unpin(names_store(), &hand->pin);
}

/* Two children a batch, so that the cursor rests between them. */
static inline void names_do_list(struct linear_op *op, uint32_t *hint) {
    struct tg_cursor cursor;
    struct tg_child children[2];
    char text[TG_NAME_MAX + 1];
    size_t count = 1, used = 0;
    op->text[0] = 0;
    op->status = tg_list_begin(names_store(), hint, names_key(op->key), &cursor);
    while (op->status == TG_OK && count > 0) {
        op->status = tg_list_next(names_store(), hint, &cursor, children, 2, &count, text,
                                  sizeof text);
        for (size_t i = 0; i < count && used < sizeof op->text; i++)
            used += (size_t)snprintf(op->text + used, sizeof op->text - used, "%.*s ",
                                     (int)children[i].name_size, text + children[i].name_offset);
    }
}

static inline void names_do_change(struct linear_op *op, uint32_t *hint) {
    struct tg_store *store = names_store();
    struct tg_key key = names_key(op->key), to = names_key(op->to);
    uint64_t deadline = names_deadline();
    if (op->kind == LINEAR_DELETE)
        op->status = tg_delete(store, hint, key, NULL, NULL, NULL, deadline);
    else if (op->kind == LINEAR_DROP || op->kind == LINEAR_CLEAR)
        op->status = tg_drop(store, hint, key, deadline);
    else if (op->kind == LINEAR_TOUCH)
        op->status = tg_touch(store, hint, key, op->value, deadline);
    else if (op->kind == LINEAR_TIDY)
        op->status = tg_tidy(store, hint, deadline);
    else
        op->status = tg_rename(store, hint, key, to, op->kind == LINEAR_MOVE, deadline);
}

static inline bool names_somebody_stopped(void) {
    for (unsigned p = 0; p < SIM_ACTORS_MAX; p++)
        if (sim_stopped(p)) return true;
    return false;
}

static inline void names_do(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    switch (op->kind) {
    case LINEAR_SET: case LINEAR_ADD: case LINEAR_CAS: names_do_set(op, hint, hand); break;
    case LINEAR_GET: case LINEAR_POP: names_do_read(op, hint, hand); break;
    case LINEAR_CONTAINS: names_do_contains(op, hint); break;
    case LINEAR_PIN: names_do_pin(op, hint, hand); break;
    case LINEAR_UNPIN: names_do_unpin(hand); break;
    case LINEAR_LIST: names_do_list(op, hint); break;
    default: names_do_change(op, hint); break;
    }
}

static inline void names_step(const struct names_step *step, uint32_t *hint,
                              struct names_hand *hand) {
    struct linear_op call = {
        .kind = step->kind, .key = step->key, .to = step->to, .value = step->value,
        .expected = hand->version,
    };
    struct linear_op *op = linear_begin(&names_history, &call);
    names_do(op, hint, hand);
    linear_end(&names_history, op);
    sim_event("%s %s %s %u: %s %u %s", linear_name(op->kind), op->key ? op->key : "",
              op->to ? op->to : "", op->value, tg_status_name(op->status), op->found, op->text);
    if (op->status == TG_CORRUPT || op->status == TG_FULL || op->status == TG_PINS_FULL ||
        (op->kind == LINEAR_TIDY && op->status != TG_OK && op->status != TG_TIMEOUT))
        sim_fail("%s answers %s", linear_name(op->kind), tg_status_name(op->status));
    if ((op->status == TG_TIMEOUT || op->status == TG_NO_CONTEXT) && !names_somebody_stopped())
        sim_fail("%s: out of time, though nobody is stopped", linear_name(op->kind));
}

static inline void names_run(void *steps) {
    struct names_hand *hand = &names_hands[sim_self_actor()];
    uint32_t hint = sim_self_actor() + 1;
    for (const struct names_step *step = steps; step->kind != LINEAR_END; step++) {
        /* The last call has ended before the next begins, whatever others do in between. */
        if (step != steps) sim_point();
        names_step(step, &hint, hand);
    }
}

/* ---- setup --------------------------------------------------------------------------- */

static inline void names_live(unsigned process) {
    struct tg_local *local = &names_stores[process]->local;
    struct tg_os *os = local->os;
    SIM_EXPECT(os->ops->life_take(os, process) == TG_OK);
    tg_store_relaxed32(&local->processes[process].state, TG_PROCESS_LIVE);
}

/* Magazines are filled in advance: that is the arena's own scenario. */
static inline void names_stock(struct tg_local *local, uint32_t id) {
    struct tg_call call;
    tg_call_begin(&call, local, id, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, id));
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
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
    if (!names_plan->unsettled)
        SIM_EXPECT(tg_tidy(names_stores[0], &hint, TG_FOREVER) == TG_OK);
}

/* In setup. Processes 0 .. actors - 1 live (of threads, some stay unused). */
static inline void names_world_make(const struct names_plan *plan, unsigned actors) {
    names_plan = plan;
    unsigned contexts = plan->contexts ? plan->contexts : actors + 1;
    names_format(contexts);
    struct tg_local *local = &names_stores[0]->local;
    for (unsigned p = 0; p < actors; p++) {
        names_live(p);
        names_grow_ledger(&names_stores[p]->local);
    }
    names_apply_before();
    for (uint32_t id = 1; id <= contexts && !plan->bare; id++) names_stock(local, id);
    names_name_words(local);
}

/* ---- recovery and check --------------------------------------------------------------- */

static inline void names_settle(struct tg_store *store) {
    uint32_t found, hint = 0;
    tg_status status = tg_sweep_dead(&store->local, &found);
    if (status == TG_OK) status = tg_tidy(store, &hint, names_deadline());
    if (status == TG_OK || (status == TG_TIMEOUT && names_somebody_stopped())) return;
    sim_fail("the tidy-up answers %s", tg_status_name(status));
}

/* A fresh process finishes what the dead left. */
static inline void names_world_recover(void) {
    names_live(sim_self_process());
    names_settle(names_store());
}

static inline void names_verify(bool settled) {
    struct tg_violation violation = {0};
    struct tg_verify_options options = {.settled = settled, .deep = true};
    struct tg_report report = {.violation_capacity = 1, .violations = &violation,
                               .scratch = names_scratch, .scratch_size = sizeof names_scratch};
    tg_status status = tg_store_verify(&names_stores[NAMES_TIDIER]->local, &options, &report);
    if (status != TG_OK) sim_fail("the checker answers %s", tg_status_name(status));
    if (report.violation_count)
        sim_fail("%s at %llu: %s", violation.rule, (unsigned long long)violation.where,
                 violation.text);
    if (report.leaked_bytes) sim_fail("%u bytes are lost", (unsigned)report.leaked_bytes);
}

static inline void names_see_value(struct linear_tree *tree, const char *key) {
    struct names_buffer buffer;
    struct tg_info info;
    uint32_t hint = 0;
    tg_status status = tg_get(names_stores[NAMES_TIDIER], &hint, names_key(key), names_sink,
                              &buffer, &info);
    if (status != TG_OK) sim_fail("%s is listed, and not there", key);
    linear_add(tree, key, names_value_of(buffer.bytes, info.size), info.version, info.expiry);
}

/* Everything below `key`, breadth first: children are queued as keys. */
static inline void names_see_all(struct linear_tree *tree) {
    static char queue[NAMES_CHILDREN * 2][LINEAR_KEY]; /* cleared by use */
    unsigned first = 0, last = 1;
    queue[0][0] = 0;
    while (first < last) {
        const char *above = queue[first++];
        struct tg_store *store = names_stores[NAMES_TIDIER];
        struct tg_cursor cursor;
        struct tg_child child;
        char text[TG_NAME_MAX + 1], key[LINEAR_KEY];
        size_t count = 1;
        uint32_t hint = 0;
        SIM_EXPECT(tg_list_begin(store, &hint, names_key(*above ? above : NULL), &cursor) == TG_OK);
        for (;;) {
            SIM_EXPECT(tg_list_next(store, &hint, &cursor, &child, 1, &count, text,
                                    sizeof text) == TG_OK);
            if (count == 0) break;
            int size = snprintf(key, sizeof key, "%s%s%.*s", above, *above ? "/" : "",
                                (int)child.name_size, text + child.name_offset);
            SIM_EXPECT(size > 0 && (size_t)size < sizeof key);
            if (child.has_value) names_see_value(tree, key);
            if (!child.has_children) continue;
            SIM_EXPECT(last < NAMES_CHILDREN * 2);
            memcpy(queue[last++], key, sizeof key);
        }
    }
}

static inline unsigned names_times(const char *text, const char *name, size_t size) {
    unsigned times = 0;
    while (*text) {
        size_t length = strcspn(text, " ");
        times += length == size && strncmp(text, name, size) == 0;
        text += length + (text[length] == ' ');
    }
    return times;
}

/* What was there all the time is listed exactly once, everything else at most once. */
static inline void names_check_listings(void) {
    for (uint32_t i = 0; i < names_history.count; i++) {
        const struct linear_op *op = &names_history.op[i];
        if (op->kind != LINEAR_LIST || op->ended == 0 || op->status != TG_OK) continue;
        for (const char *name = op->text; *name; name += strcspn(name, " ") + 1)
            if (names_times(op->text, name, strcspn(name, " ")) != 1)
                sim_fail("twice in a listing: %s", op->text);
        for (const char *name = names_plan->always; name && *name;
             name += strcspn(name, " ") + (name[strcspn(name, " ")] == ' '))
            if (names_times(op->text, name, strcspn(name, " ")) != 1)
                sim_fail("%s: not once in a listing: %s", name, op->text);
    }
}

static inline void names_tell_history(void) {
    for (uint32_t i = 0; i < names_history.count; i++) {
        const struct linear_op *op = &names_history.op[i];
        sim_event("%u..%u %s %s %s %u: %s %u", op->begun, op->ended, linear_name(op->kind),
                  op->key ? op->key : "", op->to ? op->to : "", op->value,
                  op->ended ? tg_status_name(op->status) : "killed", op->found);
    }
}

/* Without validation a read may see two names of one node, or a name and its old self. */
static inline void names_forget_reads(void) {
    for (uint32_t i = 0; i < names_history.count; i++) {
        enum linear_kind kind = names_history.op[i].kind;
        if (kind == LINEAR_GET || kind == LINEAR_CONTAINS || kind == LINEAR_PIN)
            names_history.op[i].kind = LINEAR_TIDY;
    }
}

static inline void names_world_check(void) {
    struct linear_tree after = {0};
    uint32_t hint = 0;
    names_live(NAMES_TIDIER);
    struct tg_store *store = names_stores[NAMES_TIDIER];
    names_verify(false);
    for (unsigned i = 0; i < SIM_ACTORS_MAX; i++)
        if (names_hands[i].pin.entry && sim_returned(i)) sim_fail("a pin is left");
    SIM_EXPECT(tg_tidy(store, &hint, TG_FOREVER) == TG_OK);
    names_verify(true);
    names_see_all(&after);
    names_check_listings();
    if (names_plan->relaxed && names_somebody_stopped()) names_forget_reads();
    if (linear_check(&names_history, &names_before, &after)) return;
    for (uint32_t i = 0; i < after.count; i++)
        sim_event("left: %s = %u", after.entry[i].key, after.entry[i].value);
    names_tell_history();
    sim_fail("no order of the calls explains their answers");
}

/* ---- scenarios ------------------------------------------------------------------------ */

#define STEPS(...) (const struct names_step[]){__VA_ARGS__, {LINEAR_END, NULL, NULL, 0}}
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
#define PIN(key) {LINEAR_PIN, key, NULL, 0}
#define UNPIN() {LINEAR_UNPIN, NULL, NULL, 0}
#define LIST(key) {LINEAR_LIST, key, NULL, 0}
#define TIDY() {LINEAR_TIDY, NULL, NULL, 0}

#define PLAN(...) {__VA_ARGS__}

/* Lists come last: their commas are arguments of the next macro. */
#define NAMES_SETUP(NAME, COUNT, ...)                                                             \
    static const struct names_plan NAME##_plan = __VA_ARGS__;                                     \
    static void NAME##_setup(void) { names_world_make(&NAME##_plan, COUNT); }

#define NAMES_ACTOR(NAME, PROCESS, ...)                                                           \
    {.name = NAME, .process = PROCESS, .run = names_run, .arg = (void *)(uintptr_t)(__VA_ARGS__)}

#define NAMES_SCENARIO(NAME, DOC, COUNT)                                                          \
    .name = #NAME, .doc = DOC, .arena_size = NAMES_SIZE, .setup = NAME##_setup,                   \
    .actor_count = COUNT, .recover = names_world_recover, .check = names_world_check

/* One actor; two processes; two threads of one process; three processes. */
#define NAMES_ONE(NAME, DOC, PLAN, A, ...)                                                        \
    NAMES_SETUP(NAME, 1, PLAN)                                                                    \
    const struct sim_scenario NAME = {NAMES_SCENARIO(NAME, DOC, 1),                               \
                                      .actors = {NAMES_ACTOR("one", 0, A)}, __VA_ARGS__}
#define NAMES_PAIR(NAME, DOC, PLAN, A, B, ...)                                                    \
    NAMES_SETUP(NAME, 2, PLAN)                                                                    \
    const struct sim_scenario NAME = {                                                            \
        NAMES_SCENARIO(NAME, DOC, 2),                                                             \
        .actors = {NAMES_ACTOR("one", 0, A), NAMES_ACTOR("two", 1, B)}, __VA_ARGS__}
/* The second is never killed nor stopped, and has no deadline. */
#define NAMES_APART(NAME, DOC, BEFORE, A, B)                                                      \
    NAMES_SETUP(NAME, 2, {.forever = true, .relaxed = true, .before = BEFORE})                    \
    const struct sim_scenario NAME = {                                                            \
        NAMES_SCENARIO(NAME, DOC, 2),                                                             \
        .actors = {NAMES_ACTOR("one", 0, A),                                                      \
                   {.name = "two", .process = 1, .run = names_run, .immortal = true,              \
                    .arg = (void *)(uintptr_t)(B)}},                                              \
        .flags = SIM_STOP}
#define NAMES_THREADS(NAME, DOC, PLAN, A, B, ...)                                                 \
    NAMES_SETUP(NAME, 2, PLAN)                                                                    \
    const struct sim_scenario NAME = {                                                            \
        NAMES_SCENARIO(NAME, DOC, 2),                                                             \
        .actors = {NAMES_ACTOR("one", 0, A), NAMES_ACTOR("two", 0, B)}, __VA_ARGS__}
#define NAMES_THREE(NAME, DOC, PLAN, A, B, C, ...)                                                \
    NAMES_SETUP(NAME, 3, PLAN)                                                                    \
    const struct sim_scenario NAME = {                                                            \
        NAMES_SCENARIO(NAME, DOC, 3),                                                             \
        .actors = {NAMES_ACTOR("one", 0, A), NAMES_ACTOR("two", 1, B),                            \
                   NAMES_ACTOR("three", 2, C)},                                                   \
        __VA_ARGS__}

#endif
