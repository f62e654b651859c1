/* SPDX-License-Identifier: Apache-2.0 */
#include "arena.h"

#include "pages.h"
#include "units.h"

/* Steps through the list whose runs may be too short: first for speed, then to be sure. */
enum { WALK_SHORT = 16 };

tg_status tg_arena_format(struct tg_local *local) {
    struct tg_run all = {0, local->header.page_count};
    if (local->header.unit_shift < local->header.page_shift) return TG_LAYOUT;
    if (all.pages == 0 || all.pages >> 28 || all.pages % tg_unit_pages(local)) return TG_LAYOUT;
    if (TG_CLASS_TOTAL(local) > TG_CLASS_CAPACITY + 2) return TG_LAYOUT;
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++)
        if (tg_class_shape(local, class)->blocks == 0) return TG_LAYOUT;
    uint64_t head = tg_page_head(TG_PAGE_HOLE, 0, all.pages);
    tg_store_relaxed64(&local->pages[0].head, head);
    tg_store_relaxed64(&local->pages[all.pages - 1].head, head);
    tg_store_relaxed32(&local->hot->hole_runs[tg_log2(all.pages)], 1);
    tg_store_relaxed64(&local->hot->pages_hole, all.pages);
    return TG_OK;
}

bool tg_run_of_ref(const struct tg_local *local, tg_ref ref, uint32_t pages, uint32_t *first) {
    uint64_t offset = (uint64_t)ref << local->header.ref_shift;
    if (offset < local->arena_begin || offset >= local->arena_end) return false;
    uint64_t inside = offset - local->arena_begin;
    struct tg_run run = {(uint32_t)(inside >> local->header.page_shift), pages};
    if (inside & ((1ull << local->header.page_shift) - 1) || !tg_run_inside(local, run))
        return false;
    uint64_t head = tg_page_head(TG_PAGE_RUN, 0, pages);
    *first = run.first;
    return tg_load_relaxed64(&local->pages[run.first].head) == head &&
           tg_load_relaxed64(&local->pages[run.first + pages - 1].head) == head;
}

/* ---- taking a run -------------------------------------------------------------- */

/* Extent lock held: a part of a free run becomes the context's. TG_ABSENT. */
static tg_status take_free_locked(struct tg_call *call, uint32_t pages, uint32_t align,
                                  uint32_t walk, uint32_t *first) {
    struct tg_run from, part;
    struct tg_edit edit;
    tg_status status = tg_pages_find(call->local, TG_PAGE_FREE, pages, align, walk, &from, &part);
    if (status != TG_OK) return status;
    tg_edit_begin(&edit, call);
    status = tg_pages_cut(&edit, TG_PAGE_FREE, from, part);
    if (status != TG_OK) return status;
    tg_edit_set64(&edit, &call->context->run, TG_RUN_WORD(TG_RUN_TAKEN, part));
    tg_edit_log(&edit);
    tg_commit(call);
    *first = part.first;
    return TG_OK;
}

/* Extent lock held: whole units of a hole become the context's, and count as committed. */
static tg_status take_hole_locked(struct tg_call *call, uint32_t pages, struct tg_run *part) {
    struct tg_local *local = call->local;
    struct tg_run from;
    struct tg_edit edit;
    uint64_t unit_mask = tg_unit_pages(local) - 1;
    uint64_t wanted = (pages + unit_mask) & ~unit_mask;
    if (wanted > local->header.page_count) return TG_ABSENT;
    uint64_t bytes = wanted << local->header.page_shift;
    if (!tg_limit_allows(local, bytes)) return TG_ABSENT;
    tg_status status = tg_pages_find(local, TG_PAGE_HOLE, (uint32_t)wanted, 1,
                                     local->header.page_count, &from, part);
    if (status != TG_OK) return status;
    if ((from.first | from.pages) & unit_mask) return TG_CORRUPT;
    tg_edit_begin(&edit, call);
    status = tg_pages_cut(&edit, TG_PAGE_HOLE, from, *part);
    if (status != TG_OK) return status;
    uint64_t committed = tg_load_relaxed64(&local->hot->committed_bytes);
    tg_edit_set64(&edit, &local->hot->committed_bytes, committed + bytes);
    tg_edit_set64(&edit, &call->context->run, TG_RUN_WORD(TG_RUN_FILLING, *part));
    tg_edit_log(&edit);
    tg_commit(call);
    return TG_OK;
}

/* The units are committed: the first `pages` are the context's, the rest is free. */
static tg_status divide_filled(struct tg_call *call, struct tg_run filled, uint32_t pages) {
    struct tg_edit edit;
    struct tg_run taken = {filled.first, pages};
    struct tg_run rest = {filled.first + pages, filled.pages - pages};
    tg_a64 *lock = &call->local->hot->extent_lock;
    tg_status status = tg_lock(call, lock, 0);
    if (status != TG_OK) return status;
    tg_edit_begin(&edit, call);
    tg_pages_own(&edit, taken);
    if (rest.pages) status = tg_pages_put(&edit, TG_PAGE_FREE, rest);
    if (status == TG_OK) {
        tg_edit_set64(&edit, &call->context->run, TG_RUN_WORD(TG_RUN_TAKEN, taken));
        tg_edit_log(&edit);
        tg_commit(call);
    }
    tg_unlock(call, lock);
    return status;
}

/* context.run is FILLING: asks the file system for the memory, with no lock held. */
static tg_status fill(struct tg_call *call, struct tg_run run, uint32_t pages) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    tg_status status = os->ops->commit(os, tg_page_offset(local, run.first),
                                       (uint64_t)run.pages << local->header.page_shift);
    if (status != TG_OK) {
        tg_status undone = tg_arena_settle_run(call);
        return undone == TG_OK ? status : undone;
    }
    if (!TG_MUTANT(arena_units_after_list)) tg_units_set(local, run);
    status = divide_filled(call, run, pages);
    if (TG_MUTANT(arena_units_after_list)) tg_units_set(local, run);
    return status;
}

static tg_status take(struct tg_call *call, uint32_t pages, uint32_t align, uint32_t *first) {
    if (pages == 0) return TG_INVALID;
    if (pages > call->local->header.page_count) return TG_FULL;
    tg_a64 *lock = &call->local->hot->extent_lock;
    tg_status status = tg_arena_settle(call);
    if (status != TG_OK) return status;
    struct tg_run hole;
    status = tg_lock(call, lock, 0);
    if (status != TG_OK) return status;
    status = take_free_locked(call, pages, align, WALK_SHORT, first);
    bool grow = status == TG_ABSENT;
    if (grow) status = take_hole_locked(call, pages, &hole);
    bool filling = grow && status == TG_OK;
    if (status == TG_ABSENT) status = take_free_locked(call, pages, align, UINT32_MAX, first);
    tg_unlock(call, lock);
    if (filling) {
        *first = hole.first;
        status = fill(call, hole, pages);
        if (status != TG_FULL) return status;
        /* The file system is full; somebody may have freed a run meanwhile. */
        status = tg_lock(call, lock, 0);
        if (status != TG_OK) return status;
        status = take_free_locked(call, pages, align, UINT32_MAX, first);
        tg_unlock(call, lock);
    }
    return status == TG_ABSENT ? TG_FULL : status;
}

tg_status tg_run_take(struct tg_call *call, uint32_t pages, uint32_t *first) {
    return take(call, pages, 1, first);
}

tg_status tg_run_take_aligned(struct tg_call *call, uint32_t pages, uint32_t *first) {
    TG_CHECK((pages & (pages - 1)) == 0 && pages <= tg_unit_pages(call->local));
    return take(call, pages, pages, first);
}

/* ---- freeing a run ------------------------------------------------------------- */

tg_status tg_run_free_begin(struct tg_call *call, uint32_t first, uint32_t pages) {
    struct tg_edit edit;
    struct tg_run run = {first, pages};
    tg_a64 *lock = &call->local->hot->extent_lock;
    tg_status status = tg_lock(call, lock, 0);
    if (status != TG_OK) return status;
    tg_edit_begin(&edit, call);
    status = tg_pages_is(&edit, TG_PAGE_RUN, run) ? TG_OK : TG_CORRUPT;
    if (status == TG_OK) status = tg_pages_put(&edit, TG_PAGE_FREE, run);
    if (status == TG_OK)
        tg_edit_log(&edit);
    else
        tg_unlock(call, lock);
    return status;
}

void tg_run_free_end(struct tg_call *call) {
    tg_commit(call);
    tg_unlock(call, &call->local->hot->extent_lock);
}

tg_status tg_run_return(struct tg_call *call) { return tg_arena_settle(call); }

tg_status tg_arena_charge_begin(struct tg_call *call, uint64_t bytes) {
    struct tg_local *local = call->local;
    tg_status status = tg_lock(call, &local->hot->extent_lock, 0);
    if (status != TG_OK) return status;
    if (!tg_limit_allows(local, bytes)) {
        tg_unlock(call, &local->hot->extent_lock);
        return TG_FULL;
    }
    uint64_t committed = tg_load_relaxed64(&local->hot->committed_bytes);
    tg_log64(call, &local->hot->committed_bytes, committed + bytes);
    return TG_OK;
}
