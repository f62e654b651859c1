/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that actors make, and what is noted of them (names_world.h). */
#ifndef TG_MODEL_NAMES_CALLS_H
#define TG_MODEL_NAMES_CALLS_H

#include <stdio.h>
#include <string.h>

#include "linear.h"
#include "names/change.h"
#include "owner/recover.h"
#include "region/region.h"
#include "store/format.h"
#include "store/recover.h"
#include "store/reuse.h"
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

/* Ways to a pin. */
enum { NAMES_KEY_PIN, NAMES_LOOK_PIN, NAMES_LEARN_PIN, NAMES_KNOWN_PIN };

static const uint64_t NAMES_PATIENCE_NS = 30000000;

struct names_step {
    enum linear_kind kind;
    const char *key, *to;
    unsigned value;
};

struct names_plan {
    const struct names_step *before; /* by process 0, undisturbed */
    unsigned buckets;                /* at first; 0 = 8 */
    bool fixed;                      /* the table does not grow */
    unsigned contexts;               /* 0 = one an actor, and one */
    const char *always;              /* what each listing shows exactly once */
    bool relaxed;                    /* reads may be unvalidated when somebody is stopped */
    bool unmended;                   /* ... or killed: who may only read can't mend it */
    bool bare;                       /* magazines are empty: each call fills its own */
    unsigned used;                   /* new contexts are above it; 0 = none is new */
    bool forever;                    /* no deadlines: nobody needs what another may hold */
    bool unsettled;                  /* the tidy-up after `before` is left out */
    bool once;                       /* builds: there is one, and one more for each death */
    bool early;                      /* ..., and a stored value counts from its claim on */
    bool either;                     /* ..., or from its end: its parents were away meanwhile */
    uint32_t lease;                  /* of builds */
};

struct names_hand {
    struct tg_pin pin;
    struct tg_known known; /* of the last pin that was learned, */
    struct tg_token token; /* as long as that holds */
    unsigned value;
    uint64_t version; /* the last that was seen or published */
};

static SIM_STATE struct tg_store *names_stores[SIM_PROCESSES];
static SIM_STATE const struct names_plan *names_plan;
static SIM_STATE struct linear_history names_history;
static SIM_STATE struct linear_tree names_before;
static SIM_STATE bool names_left; /* a build was left, for a stopped process */
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
        op->status =
            tg_delete(names_store(), hint, key, names_sink, &buffer, &info, names_deadline());
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

/* The other way to a pin: a get that pins what lies apart, and copies what is small. */
static inline void names_do_look_pin(struct linear_op *op, uint32_t *hint,
                                     struct names_hand *hand) {
    struct names_buffer buffer;
    struct tg_info info;
    uint32_t from[256];
    for (int codec = 0; codec < 256; codec++) from[codec] = 1;
    op->status = tg_get_or_pin(names_store(), hint, names_key(op->key), names_sink, &buffer, from,
                               &info, &hand->pin);
    if (op->status != TG_OK) return;
    op->found = names_value_of(hand->pin.entry ? hand->pin.bytes : buffer.bytes, info.size);
    hand->value = op->found;
    op->version = info.version;
    op->expiry = info.expiry;
}

static inline void names_note_pin(struct linear_op *op, struct names_hand *hand) {
    hand->value = op->found = names_value_of(hand->pin.bytes, hand->pin.info.size);
    op->version = hand->pin.info.version;
    op->expiry = hand->pin.info.expiry;
}

static inline void names_do_pin(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    op->status =
        tg_pin_value(names_store(), hint, names_key(op->key), &hand->pin, names_deadline());
    if (op->status == TG_OK) names_note_pin(op, hand);
}

static inline void names_do_known_pin(struct linear_op *op, uint32_t *hint,
                                      struct names_hand *hand) {
    op->status = TG_RETRY;
    if (hand->token.lock != NULL)
        op->status = tg_pin_known(names_store(), &hand->known, &hand->token, &hand->pin);
    if (op->status == TG_OK)
        names_note_pin(op, hand);
    else
        names_do_pin(op, hint, hand);
}

/* After a pin: where the value is, and a token for it. */
static inline void names_learn(const struct linear_op *op, uint32_t *hint,
                               struct names_hand *hand) {
    struct tg_info info;
    hand->token.lock = NULL;
    if (op->status != TG_OK) return;
    hand->known = (struct tg_known){hand->pin.bytes, hand->pin.info, hand->pin.object};
    tg_status status =
        tg_get_with_token(names_store(), hint, names_key(op->key), NULL, NULL, &info, &hand->token);
    if (status != TG_OK || info.version != hand->known.info.version) hand->token.lock = NULL;
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
        op->status =
            tg_list_next(names_store(), hint, &cursor, children, 2, &count, text, sizeof text);
        for (size_t i = 0; i < count && used < sizeof op->text; i++)
            used += (size_t)snprintf(op->text + used, sizeof op->text - used, "%.*s ",
                                     (int)children[i].name_size, text + children[i].name_offset);
    }
}

static inline tg_status names_settle_idle(struct tg_local *local) {
    struct tg_call call;
    tg_call_begin(&call, local, 0, 0);
    return tg_names_settle_idle(&call);
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
    else if (op->kind == LINEAR_SETTLE)
        op->status = names_settle_idle(&store->local);
    else
        op->status = tg_rename(store, hint, key, to, op->kind == LINEAR_MOVE, deadline);
}

/* Beside others: what it finds is a violation, whoever acts or was killed. */
static inline void names_do_verify(struct linear_op *op, uint32_t *hint) {
    struct tg_violation violation = {0};
    uint64_t size = tg_verify_scratch(names_store());
    struct tg_report report = {.violation_capacity = 1,
                               .violations = &violation,
                               .scratch = sim_alloc(size),
                               .scratch_size = size};
    op->status = tg_verify(names_store(), hint, true, &report);
    if (report.violation_count)
        sim_fail("verify, %s: %s at %llu: %s", report.exact ? "exact" : "live", violation.rule,
                 (unsigned long long)violation.where, violation.text);
    if (report.exact && report.leaked_bytes)
        sim_fail("verify: %u bytes are lost", (unsigned)report.leaked_bytes);
}

static inline bool names_somebody_stopped(void) {
    for (unsigned p = 0; p < SIM_ACTORS_MAX; p++)
        if (sim_stopped(p)) return true;
    return false;
}

/* ---- builds ------------------------------------------------------------------------- */

static const uint64_t NAMES_BUILD_NS = 100000000;

/* The claim is ours: the factory runs, others may do anything meanwhile. */
static inline void names_build(struct linear_op *op, uint32_t *hint, struct tg_build *build) {
    uint8_t bytes[NAMES_BYTES_MAX];
    uint32_t size = names_value_size(op->value);
    op->claimed = ++names_history.clock;
    op->token = build->token;
    sim_point();
    uint64_t deadline = sim_self_os()->ops->monotonic_ns(sim_self_os()) + NAMES_BUILD_NS;
    struct tg_set_options options = {.deadline_ns = deadline};
    struct tg_part part = {bytes, size};
    names_fill(bytes, op->value);
    op->found = op->value;
    if (op->kind == LINEAR_FAIL) {
        op->outcome = LINEAR_GAVE_UP;
        op->status = tg_build_abort(names_store(), hint, build, deadline);
    } else if (op->kind == LINEAR_NONE) {
        op->outcome = LINEAR_NOTED;
        op->status = tg_build_absent(names_store(), hint, build, 100000000, deadline);
    } else {
        op->outcome = LINEAR_STORED;
        op->status = tg_build_publish(names_store(), hint, build, names_key(op->key), &part, 1,
                                      &options, &op->version);
    }
    if (op->status == TG_TIMEOUT) {
        names_left = true;
        tg_build_leave(names_store(), build);
    }
    if (op->status == TG_ABSENT || op->status == TG_EXISTS) {
        op->outcome = LINEAR_LATE;
        op->status = TG_OK;
    }
    if (op->outcome == LINEAR_STORED && names_plan->early && op->status == TG_OK)
        op->ended = op->claimed;
    op->late = ++names_history.clock;
}

/* As get_or_create does it. */
static inline void names_do_build(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    struct tg_store *store = names_store();
    struct tg_os *os = sim_self_os();
    struct tg_build_options options = {
        .lease = names_plan->lease,
        .deadline_ns = os->ops->monotonic_ns(os) + NAMES_BUILD_NS,
    };
    struct linear_op read = {.kind = LINEAR_GET, .key = op->key};
    struct tg_build build;
    struct tg_awaited wait;
    for (;;) {
        names_do_read(&read, hint, hand);
        op->status = read.status;
        if (read.status != TG_ABSENT) break;
        op->status = tg_build_begin(store, hint, names_key(op->key), &options, &build, &wait);
        if (op->status == TG_OK) {
            names_build(op, hint, &build);
            return;
        }
        if (op->status == TG_ABSENT) {
            op->outcome = LINEAR_REMEMBERED;
            op->status = TG_OK;
            return;
        }
        if (op->status == TG_BUSY) op->status = tg_build_wait(store, hint, &wait, &options);
        if (op->status != TG_OK && op->status != TG_EXISTS) return;
    }
    op->found = read.found;
    op->version = read.version;
    op->expiry = read.expiry;
}

static inline void names_do(struct linear_op *op, uint32_t *hint, struct names_hand *hand) {
    switch (op->kind) {
    case LINEAR_SET:
    case LINEAR_ADD:
    case LINEAR_CAS: names_do_set(op, hint, hand); break;
    case LINEAR_GET:
    case LINEAR_POP: names_do_read(op, hint, hand); break;
    case LINEAR_CONTAINS: names_do_contains(op, hint); break;
    case LINEAR_PIN:
        if (op->value == NAMES_LOOK_PIN)
            names_do_look_pin(op, hint, hand);
        else if (op->value == NAMES_KNOWN_PIN)
            names_do_known_pin(op, hint, hand);
        else
            names_do_pin(op, hint, hand);
        if (op->value == NAMES_LEARN_PIN) names_learn(op, hint, hand);
        break;
    case LINEAR_UNPIN: names_do_unpin(hand); break;
    case LINEAR_LIST: names_do_list(op, hint); break;
    case LINEAR_VERIFY: names_do_verify(op, hint); break;
    case LINEAR_BUILD:
    case LINEAR_FAIL:
    case LINEAR_NONE: names_do_build(op, hint, hand); break;
    default: names_do_change(op, hint); break;
    }
}

static inline void names_step(const struct names_step *step, uint32_t *hint,
                              struct names_hand *hand) {
    struct linear_op call = {
        .kind = step->kind,
        .key = step->key,
        .to = step->to,
        .value = step->value,
        .expected = hand->version,
    };
    struct linear_op *op = linear_begin(&names_history, &call);
    names_do(op, hint, hand);
    if (op->ended == 0) linear_end(&names_history, op);
    sim_event("%s %s %s %u: %s %u %s", linear_name(op->kind), op->key ? op->key : "",
              op->to ? op->to : "", op->value, tg_status_name(op->status), op->found, op->text);
    if (op->status == TG_CORRUPT || op->status == TG_FULL || op->status == TG_PINS_FULL ||
        (op->kind >= LINEAR_TIDY && op->status != TG_OK && op->status != TG_TIMEOUT))
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

static inline void names_live(unsigned process) {
    struct tg_local *local = &names_stores[process]->local;
    struct tg_os *os = local->os;
    SIM_EXPECT(os->ops->life_take(os, process) == TG_OK);
    tg_store_relaxed32(&local->processes[process].state, TG_PROCESS_LIVE);
}

#endif
