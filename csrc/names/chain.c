/* SPDX-License-Identifier: Apache-2.0 */
/* Missing parents, built where nobody sees them. */
#include "change.h"

/* A fresh private dir in the block `ref`; its lock word is left alone (F1). */
struct tg_dir *tg_dir_make(struct tg_call *call, tg_ref ref) {
    struct tg_dir *dir = tg_at(call->local, ref, sizeof *dir);
    TG_CHECK(dir != NULL);
    tg_store_relaxed32(&dir->generation, tg_load_relaxed32(&dir->generation) + 1);
    tg_store_relaxed32(&dir->count, 0);
    tg_store_relaxed32(&dir->first, 0);
    tg_store_relaxed32(&dir->last, 0);
    tg_store_relaxed32(&dir->partial, 0);
    tg_store_relaxed32(&dir->reap_next, 0);
    tg_store_relaxed64(&dir->next_ordinal, 1);
    tg_store_relaxed32(&dir->group, 0);
    for (uint32_t i = 0; i < TG_DIR_SLOTS; i++) tg_store_relaxed32(&dir->slot[i], 0);
    return dir;
}

/* The innermost directory: empty, to get the leaf by the final transaction. */
static tg_status build_bottom(struct tg_call *call, tg_ref *ref) {
    uint32_t class = TG_CLASS_DIR(call->local);
    tg_need_clear(call);
    tg_need_add(call, class, 1);
    tg_status status = tg_need_prepare(call);
    if (status != TG_OK) return status;
    *ref = tg_need_use(call, class);
    struct tg_dir *dir = tg_dir_make(call, *ref);
    tg_log32(call, &dir->state, TG_DIR_LIVE);
    tg_log32(call, &call->context->orphan, *ref);
    tg_need_log(call);
    tg_commit(call);
    return TG_OK;
}

/* One directory further out, whose only child is named `name` and has directory `inner`. */
static tg_status build_around(struct tg_call *call, const struct tg_component *name, tg_ref inner,
                              tg_ref *ref) {
    struct tg_local *local = call->local;
    uint32_t class = TG_CLASS_DIR(local);
    struct tg_fill fill = {.name = *name, .dir = inner};
    tg_need_clear(call);
    tg_need_add(call, class, 1);
    tg_need_add(call, tg_fill_class(local, &fill), 1);
    tg_need_add(call, tg_table_line_class(local), 1);
    tg_status status = tg_need_prepare(call);
    if (status != TG_OK) return status;
    *ref = tg_need_use(call, class);
    struct tg_dir *dir = tg_dir_make(call, *ref);
    fill.parent = *ref;
    fill.hash = tg_component_hash(local, *ref, name);
    struct tg_spot place;
    status = tg_table_lock(call, fill.hash, &place);
    if (status != TG_OK) return status;
    struct tg_record *record = tg_fill_record(call, &fill);
    tg_store_relaxed32(&dir->slot[0], tg_ref_of(local, record));
    tg_store_relaxed32(&dir->count, 1);
    tg_table_log_insert(call, &place, fill.hash, tg_ref_of(local, record));
    tg_log32(call, &dir->state, TG_DIR_LIVE);
    tg_log32(call, &call->context->orphan, *ref);
    tg_log_account(call, 0, (int64_t)tg_class_size(local, tg_fill_class(local, &fill)));
    tg_need_log(call);
    tg_commit(call);
    tg_unlock(call, &place.head->lock);
    return TG_OK;
}

/* The component that ends at `end`; *begin is moved before its '/'. */
static struct tg_component last_component(const char *begin, const char **end) {
    const char *p = *end;
    while (p > begin && p[-1] != '/') p--;
    struct tg_component component = {p, (uint32_t)(*end - p)};
    *end = p > begin ? p - 1 : p;
    return component;
}

tg_status tg_chain_build(struct tg_call *call, const char *rest, const char *end, uint32_t levels,
                         struct tg_chain *chain) {
    const char *begin = rest + 1; /* rest starts at the '/' behind the existing level */
    TG_ASSERT(levels > 0 && rest < end);
    chain->leaf = last_component(begin, &end);
    tg_status status = tg_chain_discard(call);
    if (status == TG_OK) status = build_bottom(call, &chain->bottom);
    chain->top = chain->bottom;
    for (uint32_t i = 1; i < levels && status == TG_OK; i++) {
        struct tg_component name = last_component(begin, &end);
        status = build_around(call, &name, chain->top, &chain->top);
    }
    return status;
}

/* As tg_log_dir_dead, but second in the list: one that somebody's lock blocks does not keep
 * the others from their turn. */
static void log_behind_head(struct tg_call *call, struct tg_dir *dir, tg_ref ref) {
    struct tg_hot *hot = call->local->hot;
    tg_ref head_ref = tg_load_relaxed32(&hot->reap_head);
    struct tg_dir *head = head_ref ? tg_dir_at(call->local, head_ref) : NULL;
    if (head == NULL) {
        tg_log_dir_dead(call, dir);
        return;
    }
    tg_log32(call, &dir->state, TG_DIR_DEAD);
    tg_log32(call, &dir->reap_next, tg_load_relaxed32(&head->reap_next));
    tg_log32(call, &head->reap_next, ref);
}

/* The orphan of this context goes to the reap list. HELD, no locks. */
tg_status tg_chain_discard(struct tg_call *call) {
    struct tg_local *local = call->local;
    tg_ref ref = tg_load_relaxed32(&call->context->orphan);
    if (ref == 0 || TG_MUTANT(chain_forgotten)) return TG_OK;
    struct tg_dir *dir = tg_dir_at(local, ref);
    if (dir == NULL) return TG_CORRUPT;
    tg_status status = tg_lock(call, &local->hot->reap_lock, 0);
    if (status != TG_OK) return status;
    log_behind_head(call, dir, ref);
    tg_log32(call, &call->context->orphan, 0);
    tg_commit(call);
    tg_unlock(call, &local->hot->reap_lock);
    return TG_OK;
}

void tg_names_unsettled(struct tg_call *call) {
    if (tg_load_relaxed32(&call->context->orphan) == 0) return;
    /* PAIR unsettled: the debt before the hint. */
    if (!TG_MUTANT(unsettled_unsaid)) tg_add_acqrel64(&call->local->hot->unsettled, 1);
}

/* As above where a failure may not be reported: the next borrower does it then. */
void tg_chain_abandon(struct tg_call *call) {
    if (tg_load_relaxed32(&call->context->orphan) == 0) return;
    if (tg_chain_discard(call) != TG_OK) tg_names_unsettled(call);
}

tg_status tg_names_settle_orphan(struct tg_call *call) {
    if (!TG_MUTANT(chain_forgotten)) {
        /* Only who builds a chain needs the place: nobody else waits for a stopped reaper. */
        uint64_t deadline_ns = call->deadline_ns;
        if (!TG_MUTANT(upkeep_waits)) call->deadline_ns = 0;
        tg_status status = tg_chain_discard(call);
        call->deadline_ns = deadline_ns;
        if (status != TG_OK) tg_names_unsettled(call);
        if (status != TG_OK && status != TG_TIMEOUT) return status;
    }
    return tg_arena_settle(call);
}

static bool owes(const struct tg_context *context) {
    return tg_load_relaxed32(&context->orphan) != 0 || tg_load_relaxed64(&context->run) != 0;
}

tg_status tg_names_settle_idle(struct tg_call *call) {
    struct tg_local *local = call->local;
    tg_status status = TG_OK;
    bool left = false;
    /* PAIR unsettled: the hint before the look. Who says it later counts on, so that it stays. */
    uint64_t said = tg_load_acquire64(&local->hot->unsettled);
    for (uint32_t id = 1, high = tg_context_high(local); id <= high && status == TG_OK; id++) {
        if (!owes(tg_context_at(local, id))) continue;
        if (!tg_borrow_one(call, id)) {
            left = true; /* somebody is at it */
            continue;
        }
        status = tg_names_settle(call);
        tg_return(call);
    }
    if (TG_MUTANT(unsettled_cleared_blind)) tg_store_relaxed64(&local->hot->unsettled, 0);
    /* PAIR unsettled: what was found and done, before the hint goes. */
    if (status == TG_OK && !left) (void)tg_cas_acqrel64(&local->hot->unsettled, &said, 0);
    return status;
}
