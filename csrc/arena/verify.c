/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include "slab.h"

struct check {
    const struct tg_local *local;
    tg_arena_report report;
    void *state;
    uint64_t violations;
    uint64_t free_pages, free_runs, hole_pages, hole_runs;
    uint64_t used_pages; /* committed, or on the way from or to that */
    bool any_held;       /* some context has a run in its hand */
    enum tg_page_kind last_kind;
    uint64_t slabs[TG_CLASS_CAPACITY + 2];
    uint64_t with_room[TG_CLASS_CAPACITY + 2];
};

static void violation(struct check *check, const char *rule, uint64_t where, const char *text) {
    check->violations++;
    if (check->report) check->report(check->state, rule, where, text);
}

/* The run that begins at page `first`; false when its descriptors make no sense. */
static bool run_at(const struct tg_local *local, uint32_t first, uint64_t *head,
                   struct tg_run *run) {
    *head = tg_load_relaxed64(&local->pages[first].head);
    *run = (struct tg_run){first, tg_head_pages(*head)};
    enum tg_page_kind kind = tg_head_kind(*head);
    if (kind < TG_PAGE_FREE || kind > TG_PAGE_SLAB || !tg_run_inside(local, *run)) return false;
    uint32_t slab_pages = tg_slab_pages(local);
    if (kind == TG_PAGE_SLAB && (run->pages != slab_pages || first % slab_pages ||
                                 tg_head_class(*head) >= TG_CLASS_TOTAL(local)))
        return false;
    return tg_load_relaxed64(&local->pages[first + run->pages - 1].head) == *head;
}

static bool any_held(const struct tg_local *local) {
    for (uint32_t id = 1; id <= local->header.context_count; id++)
        if (tg_load_relaxed64(&tg_context_at(local, id)->run) != 0) return true;
    return false;
}

/* The context that has this run in its hand, and in which state; 0. */
static uint32_t holder_of(const struct tg_local *local, struct tg_run run,
                          enum tg_run_state *run_state) {
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        uint64_t word = tg_load_relaxed64(&tg_context_at(local, id)->run);
        if (word == 0) continue;
        struct tg_run held = tg_run_word_run(word);
        *run_state = tg_run_word_state(word);
        if (held.first == run.first && held.pages == run.pages) return id;
    }
    return 0;
}

/* ---- slabs ----------------------------------------------------------------------- */

static uint32_t count_zeros(const tg_a64 *bitmap, const struct tg_shape *shape, bool *tail_good) {
    uint32_t zeros = 0;
    *tail_good = true;
    for (uint32_t word = 0; word < shape->words; word++) {
        uint64_t bits = tg_load_relaxed64(&bitmap[word]);
        uint32_t begin = word * 64;
        uint64_t tail = 0; /* the bits beyond the last block */
        if (begin >= shape->blocks)
            tail = UINT64_MAX;
        else if (shape->blocks - begin < 64)
            tail = UINT64_MAX << (shape->blocks - begin);
        if ((bits & tail) != tail) *tail_good = false;
        zeros += (uint32_t)__builtin_popcountll(~bits & ~tail);
    }
    return zeros;
}

static void check_slab(struct check *check, uint32_t page, uint32_t class) {
    const struct tg_local *local = check->local;
    struct tg_shape shape = *tg_class_shape(local, class);
    const tg_a64 *bitmap = tg_slab_bitmap(local, page);
    uint32_t room = tg_load_relaxed32(&local->pages[page].free);
    bool tail_good;
    check->slabs[class]++;
    check->with_room[class] += room > 0;
    if (bitmap == NULL) return; /* reported with the units */
    if (count_zeros(bitmap, &shape, &tail_good) != room)
        violation(check, "A2", page, "the free count of this slab is not its bitmap's");
    if (!tail_good) violation(check, "A2", page, "bits beyond the last block of this slab are 0");
}

/* ---- runs ------------------------------------------------------------------------- */

static void check_units(struct check *check, struct tg_run run, bool committed) {
    const struct tg_local *local = check->local;
    uint32_t unit_pages = tg_unit_pages(local);
    for (uint64_t page = run.first; page < (uint64_t)run.first + run.pages;
         page = (page | (unit_pages - 1)) + 1)
        if (tg_unit_committed(local, tg_page_offset(local, (uint32_t)page)) != committed) {
            violation(check, "A5", page, "the unit bit of this page disagrees with its run");
            return;
        }
}

static void check_run(struct check *check, uint64_t head, struct tg_run run) {
    const struct tg_local *local = check->local;
    enum tg_page_kind kind = tg_head_kind(head);
    enum tg_run_state run_state = TG_RUN_NONE;
    switch (kind) {
    case TG_PAGE_HOLE:
        check->hole_runs++;
        check->hole_pages += run.pages;
        if ((run.first | run.pages) & (tg_unit_pages(local) - 1))
            violation(check, "A5", run.first, "the hole at this page is not of whole units");
        else
            check_units(check, run, false);
        break;
    case TG_PAGE_FREE:
        check->free_runs++;
        check->free_pages += run.pages;
        check_units(check, run, true);
        break;
    case TG_PAGE_SLAB:
        check->used_pages += run.pages;
        check_units(check, run, true);
        check_slab(check, run.first, tg_head_class(head));
        break;
    default:
        check->used_pages += run.pages;
        if (!check->any_held || holder_of(local, run, &run_state) == 0 || run_state == TG_RUN_TAKEN)
            check_units(check, run, true);
    }
    if (kind == check->last_kind && (kind == TG_PAGE_FREE || kind == TG_PAGE_HOLE))
        violation(check, "A1", run.first, "the run at this page should have been merged");
    check->last_kind = kind;
}

/* False: the tiling is broken, nothing more can be said about runs. */
static bool check_tiling(struct check *check) {
    const struct tg_local *local = check->local;
    uint32_t page = 0;
    while (page < local->header.page_count) {
        uint64_t head;
        struct tg_run run;
        if (!run_at(local, page, &head, &run)) {
            violation(check, "A1", page, "no run begins at this page");
            return false;
        }
        check_run(check, head, run);
        page += run.pages;
    }
    return true;
}

/* ---- lists ------------------------------------------------------------------------- */

/* Walks a list of pages; `wanted` tells what belongs into it. Returns its length. */
static uint64_t check_list(struct check *check, const tg_a32 *list, const char *rule,
                           bool (*wanted)(const struct tg_local *, uint32_t page, uint32_t what),
                           uint32_t what) {
    const struct tg_local *local = check->local;
    uint32_t link = tg_load_relaxed32(list), previous = 0;
    uint64_t length = 0;
    while (link != 0) {
        if (link > local->header.page_count || length > local->header.page_count) {
            violation(check, rule, previous, "the list leaves the arena or turns in a circle here");
            return length;
        }
        const struct tg_page *page = &local->pages[link - 1];
        if (tg_load_relaxed32(&page->previous) != previous)
            violation(check, rule, link - 1, "the back link of this page is wrong");
        if (!wanted(local, link - 1, what))
            violation(check, rule, link - 1, "this page is in a list where it does not belong");
        previous = link;
        link = tg_load_relaxed32(&page->next);
        length++;
    }
    return length;
}

static bool run_belongs(const struct tg_local *local, uint32_t page, uint32_t what) {
    uint64_t head;
    struct tg_run run;
    if (!run_at(local, page, &head, &run)) return false;
    return tg_head_kind(head) == (enum tg_page_kind)(what >> 8) &&
           tg_log2(run.pages) == (what & 255);
}

static bool slab_belongs(const struct tg_local *local, uint32_t page, uint32_t class) {
    uint64_t head = tg_page_head(TG_PAGE_SLAB, class, tg_slab_pages(local));
    return tg_load_relaxed64(&local->pages[page].head) == head &&
           tg_load_relaxed32(&local->pages[page].free) > 0;
}

static void check_lists(struct check *check) {
    const struct tg_local *local = check->local;
    uint64_t free_runs = 0, hole_runs = 0;
    for (uint32_t i = 0; i < 32; i++) {
        free_runs += check_list(check, &local->hot->free_runs[i], "free list", run_belongs,
                                TG_PAGE_FREE << 8 | i);
        hole_runs += check_list(check, &local->hot->hole_runs[i], "hole list", run_belongs,
                                TG_PAGE_HOLE << 8 | i);
    }
    if (free_runs != check->free_runs)
        violation(check, "free list", free_runs, "not every free run is listed once");
    if (hole_runs != check->hole_runs)
        violation(check, "hole list", hole_runs, "not every hole is listed once");
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        const struct tg_class *entry = &local->classes[class];
        uint64_t length = check_list(check, &entry->partial, "class list", slab_belongs, class);
        if (length != check->with_room[class])
            violation(check, "class list", class, "not every slab with room is listed once");
        if (tg_load_relaxed32(&entry->slabs) != check->slabs[class])
            violation(check, "A4", class, "the number of slabs of this class is wrong");
    }
}

/* ---- contexts, sums ------------------------------------------------------------------ */

static bool allocated(const struct tg_local *local, tg_ref ref, uint32_t class) {
    uint32_t page = 0, number = 0;
    if (tg_block_locate(local, ref, &page, &number) != (int)class) return false;
    const tg_a64 *bitmap = tg_slab_bitmap(local, page);
    return tg_load_relaxed64(&bitmap[number / 64]) >> (number % 64) & 1;
}

static void check_context(struct check *check, uint32_t id) {
    const struct tg_local *local = check->local;
    struct tg_context *context = tg_context_at(local, id);
    uint64_t word = tg_load_relaxed64(&context->run);
    struct tg_run run = tg_run_word_run(word), found;
    enum tg_run_state run_state;
    uint64_t head;
    if (word != 0) {
        if (!tg_run_inside(local, run) || !run_at(local, run.first, &head, &found) ||
            found.pages != run.pages || tg_head_kind(head) != TG_PAGE_RUN)
            violation(check, "A3", id, "the run in this context's hand is none");
        else if (holder_of(local, run, &run_state) != id)
            violation(check, "A3", id, "the run in this context's hand is in another's too");
    }
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        const tg_a32 *magazine = tg_magazine(local, context, class);
        uint32_t count = tg_load_relaxed32(magazine);
        if (count > tg_magazine_capacity(local, class)) {
            violation(check, "A3", id, "a magazine of this context holds more than it can");
            continue;
        }
        for (uint32_t i = 1; i <= count; i++)
            if (!allocated(local, tg_load_relaxed32(&magazine[i]), class))
                violation(check, "A3", id, "a magazine of this context holds what is no block");
    }
}

static void check_sums(struct check *check) {
    const struct tg_hot *hot = check->local->hot;
    uint64_t pages = check->used_pages + check->free_pages;
    uint64_t buckets = tg_load_relaxed64(&hot->buckets_committed) * sizeof(struct tg_line);
    if (tg_load_relaxed64(&hot->pages_free) != check->free_pages)
        violation(check, "A4", check->free_pages, "free pages are not what is counted");
    if (tg_load_relaxed64(&hot->pages_hole) != check->hole_pages)
        violation(check, "A4", check->hole_pages, "holes are not what is counted");
    if (tg_load_relaxed64(&hot->committed_bytes) !=
        (pages << check->local->header.page_shift) + buckets)
        violation(check, "A4", pages, "committed bytes are not what is counted");
}

uint64_t tg_arena_verify(const struct tg_local *local, tg_arena_report report, void *state) {
    struct check check = {.local = local, .report = report, .state = state};
    check.any_held = any_held(local);
    if (check_tiling(&check)) {
        check_lists(&check);
        check_sums(&check);
    }
    for (uint32_t id = 1; id <= local->header.context_count; id++) check_context(&check, id);
    return check.violations;
}

/* ---- iterators ------------------------------------------------------------------------ */

static void visit_slab(const struct tg_local *local, uint32_t page, uint32_t class,
                       void (*visit)(void *state, tg_ref ref, uint32_t class), void *state) {
    struct tg_shape shape = *tg_class_shape(local, class);
    const tg_a64 *bitmap = tg_slab_bitmap(local, page);
    if (bitmap == NULL) return;
    uint64_t offset = tg_page_offset(local, page) + shape.first;
    for (uint32_t i = 0; i < shape.blocks; i++, offset += shape.size)
        if (tg_load_relaxed64(&bitmap[i / 64]) >> (i % 64) & 1)
            visit(state, (tg_ref)(offset >> local->header.ref_shift), class);
}

void tg_arena_each_block(const struct tg_local *local,
                         void (*visit)(void *state, tg_ref ref, uint32_t class), void *state) {
    struct tg_run run;
    uint64_t head;
    for (uint32_t page = 0; page < local->header.page_count; page += run.pages) {
        if (!run_at(local, page, &head, &run)) return;
        if (tg_head_kind(head) == TG_PAGE_SLAB)
            visit_slab(local, page, tg_head_class(head), visit, state);
    }
}

void tg_arena_each_stocked(const struct tg_local *local,
                           void (*visit)(void *state, tg_ref ref, uint32_t class, uint32_t id),
                           void *state) {
    for (uint32_t id = 1; id <= local->header.context_count; id++)
        for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
            const tg_a32 *magazine = tg_magazine(local, tg_context_at(local, id), class);
            uint32_t count = tg_load_relaxed32(magazine);
            for (uint32_t i = 1; i <= count && i <= tg_magazine_capacity(local, class); i++) {
                tg_ref ref = tg_load_relaxed32(&magazine[i]);
                if (allocated(local, ref, class)) visit(state, ref, class, id);
            }
        }
}

void tg_arena_each_run(const struct tg_local *local,
                       void (*visit)(void *state, uint32_t first, uint32_t pages, uint32_t id),
                       void *state) {
    struct tg_run run;
    uint64_t head;
    bool held = any_held(local);
    for (uint32_t page = 0; page < local->header.page_count; page += run.pages) {
        enum tg_run_state run_state;
        if (!run_at(local, page, &head, &run)) return;
        if (tg_head_kind(head) == TG_PAGE_RUN)
            visit(state, run.first, run.pages, held ? holder_of(local, run, &run_state) : 0);
    }
}
