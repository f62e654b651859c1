/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

static tg_a32 *list_of(const struct tg_local *local, enum tg_page_kind kind, uint32_t pages) {
    tg_a32 *lists = kind == TG_PAGE_FREE ? local->hot->free_runs : local->hot->hole_runs;
    return &lists[tg_log2(pages)];
}

static tg_a64 *counter_of(const struct tg_local *local, enum tg_page_kind kind) {
    return kind == TG_PAGE_FREE ? &local->hot->pages_free : &local->hot->pages_hole;
}

/* A link is page index + 1; NULL for 0 and for garbage. */
static struct tg_page *page_of_link(const struct tg_local *local, uint32_t link) {
    return link != 0 && link <= local->header.page_count ? &local->pages[link - 1] : NULL;
}

static void describe(struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run) {
    struct tg_page *pages = edit->call->local->pages;
    uint64_t head = tg_page_head(kind, 0, run.pages);
    tg_edit_set64(edit, &pages[run.first].head, head);
    if (run.pages > 1) tg_edit_set64(edit, &pages[run.first + run.pages - 1].head, head);
}

bool tg_pages_is(const struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run) {
    const struct tg_local *local = edit->call->local;
    if (!tg_run_inside(local, run)) return false;
    uint64_t head = tg_page_head(kind, 0, run.pages);
    return tg_edit_get64(edit, &local->pages[run.first].head) == head &&
           tg_edit_get64(edit, &local->pages[run.first + run.pages - 1].head) == head;
}

void tg_pages_own(struct tg_edit *edit, struct tg_run run) { describe(edit, TG_PAGE_RUN, run); }

static tg_status list_insert(struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run) {
    const struct tg_local *local = edit->call->local;
    struct tg_page *page = &local->pages[run.first];
    tg_a32 *list = list_of(local, kind, run.pages);
    uint32_t next = tg_edit_get32(edit, list);
    if (next != 0) {
        struct tg_page *follower = page_of_link(local, next);
        if (follower == NULL) return TG_CORRUPT;
        tg_edit_set32(edit, &follower->previous, run.first + 1);
    }
    tg_edit_set32(edit, &page->next, next);
    tg_edit_set32(edit, &page->previous, 0);
    tg_edit_set32(edit, list, run.first + 1);
    describe(edit, kind, run);
    return TG_OK;
}

static tg_status list_remove(struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run) {
    const struct tg_local *local = edit->call->local;
    struct tg_page *page = &local->pages[run.first];
    uint32_t next = tg_edit_get32(edit, &page->next);
    uint32_t previous = tg_edit_get32(edit, &page->previous);
    struct tg_page *follower = page_of_link(local, next);
    struct tg_page *leader = page_of_link(local, previous);
    if ((next != 0 && follower == NULL) || (previous != 0 && leader == NULL)) return TG_CORRUPT;
    tg_a32 *from = leader ? &leader->next : list_of(local, kind, run.pages);
    if (tg_edit_get32(edit, from) != run.first + 1) return TG_CORRUPT;
    tg_edit_set32(edit, from, next);
    if (follower) tg_edit_set32(edit, &follower->previous, previous);
    return TG_OK;
}

/* The neighbour of this kind whose first or last page is `page`. */
static bool neighbour(const struct tg_edit *edit, enum tg_page_kind kind, uint32_t page,
                      bool is_last, struct tg_run *run) {
    const struct tg_local *local = edit->call->local;
    uint64_t head = tg_edit_get64(edit, &local->pages[page].head);
    if (tg_head_kind(head) != kind) return false;
    run->pages = tg_head_pages(head);
    if (is_last && (run->pages == 0 || run->pages > page + 1)) return false;
    run->first = is_last ? page + 1 - run->pages : page;
    return tg_pages_is(edit, kind, *run);
}

static void count_pages(struct tg_edit *edit, enum tg_page_kind kind, uint64_t difference) {
    tg_a64 *counter = counter_of(edit->call->local, kind);
    tg_edit_set64(edit, counter, tg_edit_get64(edit, counter) + difference);
}

tg_status tg_pages_put(struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run) {
    const struct tg_local *local = edit->call->local;
    struct tg_run other;
    count_pages(edit, kind, run.pages);
    if (run.first > 0 && neighbour(edit, kind, run.first - 1, true, &other)) {
        if (list_remove(edit, kind, other) != TG_OK) return TG_CORRUPT;
        run.first = other.first;
        run.pages += other.pages;
    }
    uint32_t after = run.first + run.pages;
    if (after < local->header.page_count && neighbour(edit, kind, after, false, &other)) {
        if (list_remove(edit, kind, other) != TG_OK) return TG_CORRUPT;
        run.pages += other.pages;
    }
    return list_insert(edit, kind, run);
}

tg_status tg_pages_cut(struct tg_edit *edit, enum tg_page_kind kind, struct tg_run from,
                       struct tg_run part) {
    if (list_remove(edit, kind, from) != TG_OK) return TG_CORRUPT;
    count_pages(edit, kind, -(uint64_t)part.pages);
    struct tg_run left = {from.first, part.first - from.first};
    uint32_t part_end = part.first + part.pages;
    struct tg_run right = {part_end, from.first + from.pages - part_end};
    if (left.pages && list_insert(edit, kind, left) != TG_OK) return TG_CORRUPT;
    if (right.pages && list_insert(edit, kind, right) != TG_OK) return TG_CORRUPT;
    tg_pages_own(edit, part);
    return TG_OK;
}

/* Reads the listed run behind `link`; TG_CORRUPT when it can't be one of list `index`. */
static tg_status listed_run(const struct tg_local *local, enum tg_page_kind kind, uint32_t link,
                            uint32_t index, struct tg_run *run) {
    const struct tg_page *page = page_of_link(local, link);
    if (page == NULL) return TG_CORRUPT;
    uint64_t head = tg_load_relaxed64(&page->head);
    run->first = link - 1;
    run->pages = tg_head_pages(head);
    if (tg_head_kind(head) != kind || !tg_run_inside(local, *run)) return TG_CORRUPT;
    if (tg_log2(run->pages) != index) return TG_CORRUPT;
    return tg_load_relaxed64(&local->pages[run->first + run->pages - 1].head) == head ? TG_OK
                                                                                      : TG_CORRUPT;
}

static bool part_of(struct tg_run run, uint32_t pages, uint32_t align, struct tg_run *part) {
    uint64_t first = ((uint64_t)run.first + align - 1) & ~(uint64_t)(align - 1);
    *part = (struct tg_run){(uint32_t)first, pages};
    return first + pages <= (uint64_t)run.first + run.pages;
}

tg_status tg_pages_find(const struct tg_local *local, enum tg_page_kind kind, uint32_t pages,
                        uint32_t align, uint32_t walk, struct tg_run *found, struct tg_run *part) {
    const tg_a32 *lists = kind == TG_PAGE_FREE ? local->hot->free_runs : local->hot->hole_runs;
    uint32_t index = tg_log2(pages);
    uint32_t link = tg_load_relaxed32(&lists[index]);
    for (uint32_t step = 0; link != 0 && step < walk; step++) {
        if (listed_run(local, kind, link, index, found) != TG_OK) return TG_CORRUPT;
        if (part_of(*found, pages, align, part)) return TG_OK;
        link = tg_load_relaxed32(&local->pages[link - 1].next);
    }
    for (index++; index < 32; index++) { /* any run of a longer list will do */
        link = tg_load_relaxed32(&lists[index]);
        if (link == 0) continue;
        if (listed_run(local, kind, link, index, found) != TG_OK) return TG_CORRUPT;
        return part_of(*found, pages, align, part) ? TG_OK : TG_CORRUPT;
    }
    return TG_ABSENT;
}

static bool units_inside(const struct tg_local *local, struct tg_run run, struct tg_run *units) {
    uint64_t mask = tg_unit_pages(local) - 1;
    uint64_t first = (run.first + mask) & ~mask;
    uint64_t end = ((uint64_t)run.first + run.pages) & ~mask;
    if (end <= first) return false;
    units->first = (uint32_t)first;
    units->pages = (uint32_t)(end - first);
    return true;
}

tg_status tg_pages_find_units(const struct tg_local *local, struct tg_run *found,
                              struct tg_run *units) {
    enum { WALK = 256 };
    uint32_t last = tg_log2(tg_unit_pages(local));
    for (uint32_t index = 32; index-- > last;) {
        uint32_t link = tg_load_relaxed32(&local->hot->free_runs[index]);
        for (uint32_t step = 0; link != 0 && step < WALK; step++) {
            if (listed_run(local, TG_PAGE_FREE, link, index, found) != TG_OK) return TG_CORRUPT;
            if (units_inside(local, *found, units)) return TG_OK;
            link = tg_load_relaxed32(&local->pages[link - 1].next);
        }
    }
    return TG_ABSENT;
}
