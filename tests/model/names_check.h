/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold when all is over (names_world.h). */
#ifndef TG_MODEL_NAMES_CHECK_H
#define TG_MODEL_NAMES_CHECK_H

#include "names_calls.h"

/* ---- recovery and check --------------------------------------------------------------- */

static inline void names_settle(struct tg_store *store) {
    uint32_t found, hint = 0;
    tg_status status = tg_sweep_dead(&store->local, &found);
    if (status == TG_OK) status = tg_tidy(store, &hint, names_deadline());
    if (status == TG_OK || (status == TG_TIMEOUT && names_somebody_stopped())) return;
    sim_fail("the tidy-up answers %s", tg_status_name(status));
}

/* Q6, when nobody acts but us; who is stopped may be about to say it. */
static inline void names_check_debts(struct tg_local *local) {
    if (tg_load_relaxed64(&local->hot->unsettled) != 0 || names_somebody_stopped()) return;
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        struct tg_context *context = tg_context_at(local, id);
        if (TG_WORD_MODE(tg_load_relaxed64(&context->word)) != TG_IDLE) continue;
        if (tg_load_relaxed32(&context->orphan) || tg_load_relaxed64(&context->run))
            sim_fail("context %u owes something, and nothing says so", (unsigned)id);
    }
}

/* A fresh process finishes what the dead left. */
static inline void names_world_recover(void) {
    uint32_t found;
    names_live(sim_self_process());
    if (tg_sweep_dead(&names_store()->local, &found) == TG_OK)
        names_check_debts(&names_store()->local);
    names_settle(names_store());
}

static inline void names_verify(bool settled) {
    struct tg_violation violation = {0};
    struct tg_verify_options options = {.settled = settled, .deep = true};
    struct tg_report report = {.violation_capacity = 1,
                               .violations = &violation,
                               .scratch = names_scratch,
                               .scratch_size = sizeof names_scratch};
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
    tg_status status =
        tg_get(names_stores[NAMES_TIDIER], &hint, names_key(key), names_sink, &buffer, &info);
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
            SIM_EXPECT(tg_list_next(store, &hint, &cursor, &child, 1, &count, text, sizeof text) ==
                       TG_OK);
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

/* U7: also by who began, saw a value, and could not take its claim away again. */
static inline bool names_is_left(const struct tg_local *local, const struct tg_claim *claim) {
    uint32_t process = tg_load_relaxed32(&claim->process);
    if (process >= local->header.process_count) return false;
    for (uint32_t i = 0; i < TG_LEFT; i++)
        if (tg_load_relaxed64(&local->processes[process].left[i]) ==
            tg_load_relaxed64(&claim->token))
            return true;
    return names_left;
}

/* Nobody builds any more; each build was somebody's, and none came too late for nothing. */
static inline void names_check_builds(void) {
    struct tg_local *local = &names_stores[NAMES_TIDIER]->local;
    unsigned builds = 0, excuses = 1;
    for (uint32_t stripe = 0; stripe < TG_STRIPES; stripe++) {
        tg_ref ref = tg_load_relaxed32(&local->hot->claims[stripe]);
        for (const struct tg_claim *claim; ref != 0; ref = tg_load_relaxed32(&claim->next)) {
            claim = tg_claim_at(local, ref);
            if (claim == NULL) sim_fail("the board names what is no claim");
            if (tg_claim_kind(claim) == TG_CLAIM_BUILD && !names_is_left(local, claim))
                sim_fail("a build is left");
        }
    }
    for (unsigned p = 0; p < SIM_ACTORS_MAX; p++) excuses += sim_crashed(p);
    excuses += names_left ? 2 : 0;
    for (uint32_t i = 0; i < names_history.count; i++) {
        const struct linear_op *op = &names_history.op[i];
        builds += op->claimed != 0;
        for (uint32_t other = 0; other < i; other++)
            if (op->token && names_history.op[other].token == op->token)
                sim_fail("two builds have one token");
        if (op->ended && op->outcome == LINEAR_GAVE_UP) excuses++;
        if (names_plan->once && op->ended && op->outcome == LINEAR_LATE)
            sim_fail("%u came too late, though nobody interfered", op->value);
    }
    if (names_plan->once && builds > excuses) sim_fail("%u builds of one value", builds);
}

/* Builds of values that were counted from their claims on are counted from their ends. */
static inline bool names_count_late(void) {
    bool any = false;
    for (uint32_t i = 0; i < names_history.count; i++) {
        struct linear_op *op = &names_history.op[i];
        if (op->ended == 0 || op->ended != op->claimed) continue;
        op->ended = op->late;
        any = true;
    }
    return any;
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

/* Whoever is done has let go; what the dead had was cleared by the tidying. */
static inline void names_check_pins(struct tg_store *store, uint32_t *hint) {
    struct tg_usage usage;
    if (names_somebody_stopped()) return;
    SIM_EXPECT(tg_usage(store, hint, &usage) == TG_OK);
    if (usage.pins != 0) sim_fail("%u pins are nobody's", usage.pins);
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
    names_check_pins(store, &hint);
    names_see_all(&after);
    names_check_listings();
    names_check_builds();
    bool half = names_somebody_stopped() || (names_plan->unmended && sim_crashed(0));
    if (names_plan->relaxed && half) names_forget_reads();
    if (linear_check(&names_history, &names_before, &after)) return;
    if (names_plan->either && names_count_late() &&
        linear_check(&names_history, &names_before, &after))
        return;
    for (uint32_t i = 0; i < after.count; i++)
        sim_event("left: %s = %u", after.entry[i].key, after.entry[i].value);
    names_tell_history();
    sim_fail("no order of the calls explains their answers");
}

#endif
