/* SPDX-License-Identifier: Apache-2.0 */
/* Memory goes back to the file system; what dead borrowers left is finished. */
#include "arena.h"
#include "units.h"

/* An expelled reader may still look at pages that were freed (arena.h, "Giving memory
 * back"). Its mark precedes the epoch that let the page be freed, so we see it. */
static bool any_expelled(struct tg_local *local) {
    if (TG_MUTANT(arena_punch_under_expelled)) return false;
    for (uint32_t id = 1, high = tg_context_high(local); id <= high; id++) {
        /* PAIR epoch.leave: IDLE again means that all its loads are over. */
        uint64_t word = tg_load_acquire64(&tg_context_at(local, id)->word);
        if (TG_WORD_MODE(word) == TG_EXPELLED) return true;
    }
    return false;
}

static void punch(struct tg_call *call, struct tg_run run) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    /* A failure costs memory that the counters call a hole; it is used again later. */
    (void)os->ops->punch(os, tg_page_offset(local, run.first),
                         (uint64_t)run.pages << local->header.page_shift);
}

/* context.run, whole units without bits, becomes a hole. */
static tg_status list_hole(struct tg_call *call, struct tg_run run) {
    struct tg_local *local = call->local;
    struct tg_edit edit;
    tg_status status = tg_lock(call, &local->hot->extent_lock, 0);
    if (status != TG_OK) return status;
    tg_edit_begin(&edit, call);
    status = tg_pages_put(&edit, TG_PAGE_HOLE, run);
    if (status == TG_OK) {
        uint64_t committed = tg_load_relaxed64(&local->hot->committed_bytes);
        uint64_t bytes = (uint64_t)run.pages << local->header.page_shift;
        tg_edit_set64(&edit, &local->hot->committed_bytes, committed - bytes);
        tg_edit_set64(&edit, &call->context->run, 0);
        tg_edit_log(&edit);
        tg_commit(call);
    }
    tg_unlock(call, &local->hot->extent_lock);
    return status;
}

/* context.run, committed and with its bits, is free again. */
static tg_status give_back(struct tg_call *call, struct tg_run run) {
    tg_status status = tg_run_free_begin(call, run.first, run.pages);
    if (status != TG_OK) return status;
    tg_run_hand_over(call);
    tg_run_free_end(call);
    return TG_OK;
}

/* FILLING or PUNCHING: how far it came is unknown, so it becomes a hole. Punched (again)
 * because a commit may have claimed a part, and a dead puncher may not have begun. */
static tg_status finish_hole(struct tg_call *call, struct tg_run run) {
    struct tg_local *local = call->local;
    if ((run.first | run.pages) & (tg_unit_pages(local) - 1)) return TG_CORRUPT;
    tg_units_clear(local, run);
    if (!any_expelled(local)) punch(call, run);
    return list_hole(call, run);
}

tg_status tg_arena_settle_run(struct tg_call *call) {
    uint64_t word = tg_load_relaxed64(&call->context->run);
    struct tg_run run = tg_run_word_run(word);
    struct tg_edit edit;
    if (word == 0) return TG_OK;
    tg_edit_begin(&edit, call);
    /* Its descriptors are ours to read without the lock: nobody else changes them. */
    if (!tg_pages_is(&edit, TG_PAGE_RUN, run)) return TG_CORRUPT;
    if (TG_MUTANT(arena_settle_as_free)) return give_back(call, run);
    if (TG_MUTANT(arena_settle_forgets)) {
        tg_store_relaxed64(&call->context->run, 0);
        return TG_OK;
    }
    switch (tg_run_word_state(word)) {
    case TG_RUN_TAKEN: return give_back(call, run);
    case TG_RUN_FILLING:
    case TG_RUN_PUNCHING: return finish_hole(call, run);
    default: break;
    }
    return TG_CORRUPT;
}

/* Takes whole free units, at most `pages`, into context.run. TG_ABSENT: there are none. */
static tg_status take_units(struct tg_call *call, uint64_t keep_pages, struct tg_run *units) {
    struct tg_local *local = call->local;
    struct tg_run from;
    struct tg_edit edit;
    uint64_t unit_pages = tg_unit_pages(local);
    tg_status status = tg_lock(call, &local->hot->extent_lock, 0);
    if (status != TG_OK) return status;
    uint64_t free_pages = tg_load_relaxed64(&local->hot->pages_free);
    uint64_t surplus = free_pages > keep_pages ? free_pages - keep_pages : 0;
    surplus &= ~(unit_pages - 1);
    status = surplus == 0 ? TG_ABSENT : tg_pages_find_units(local, &from, units);
    if (status == TG_OK) {
        /* From the end: the front of the arena is used first. */
        if (units->pages > surplus) {
            units->first += units->pages - (uint32_t)surplus;
            units->pages = (uint32_t)surplus;
        }
        tg_edit_begin(&edit, call);
        status = tg_pages_cut(&edit, TG_PAGE_FREE, from, *units);
    }
    if (status == TG_OK) {
        tg_edit_set64(&edit, &call->context->run, TG_RUN_WORD(TG_RUN_PUNCHING, *units));
        tg_edit_log(&edit);
        tg_commit(call);
    }
    tg_unlock(call, &local->hot->extent_lock);
    return status;
}

tg_status tg_arena_trim(struct tg_call *call, uint64_t keep_bytes) {
    struct tg_local *local = call->local;
    tg_status status = tg_arena_settle(call);
    while (status == TG_OK) {
        struct tg_run units;
        if (any_expelled(local)) return TG_BUSY;
        status = take_units(call, keep_bytes >> local->header.page_shift, &units);
        if (status == TG_ABSENT) return TG_OK;
        if (status != TG_OK) return status;
        if (any_expelled(local)) { /* meanwhile; the units are as they were */
            status = give_back(call, units);
            return status == TG_OK ? TG_BUSY : status;
        }
        tg_units_clear(local, units);
        if (TG_MUTANT(arena_list_before_punch)) {
            status = list_hole(call, units);
            punch(call, units);
            continue;
        }
        punch(call, units);
        status = list_hole(call, units);
    }
    return status;
}
