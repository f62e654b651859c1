/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch: which blocks and runs have an owner, which directories were seen. */
#include "../arena/slab.h"
#include "verify_state.h"

/* A slab, or as many pages of runs, share their bits. */
static uint32_t group_pages(const struct tg_local *local) { return tg_slab_pages(local); }

static uint32_t group_words(const struct tg_local *local) {
    uint32_t words = group_pages(local) / 64 + 1;
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        uint32_t more = tg_class_shape(local, class)->words;
        if (more > words) words = more;
    }
    return words;
}

uint64_t tg_verify_scratch_size(const struct tg_local *local) {
    uint64_t groups = local->header.page_count / group_pages(local) + 1;
    uint64_t words = 2 * groups * group_words(local) + local->header.page_count / 64 + 1;
    return 8 * words + TG_CHECK_DEPTH * sizeof(struct tg_check_frame);
}

static bool mark(uint64_t *bits, uint64_t index) {
    uint64_t bit = 1ull << (index % 64), old = bits[index / 64];
    bits[index / 64] = old | bit;
    return !(old & bit);
}

/* The index of the bits of a block; its class, or -1. */
static int locate(const struct tg_check *check, tg_ref ref, uint64_t *index) {
    uint32_t page = 0, number = 0;
    int class = tg_block_locate(check->local, ref, &page, &number);
    *index = (uint64_t)(page / group_pages(check->local)) * check->words * 64 + number;
    return class;
}

static uint64_t run_index(const struct tg_check *check, uint32_t first) {
    uint32_t group = group_pages(check->local);
    return (uint64_t)(first / group) * check->words * 64 + first % group;
}

bool tg_check_run_reached(const struct tg_check *check, uint32_t first) {
    uint64_t index = run_index(check, first);
    return check->reached[index / 64] >> (index % 64) & 1;
}

bool tg_check_reached(const struct tg_check *check, tg_ref ref) {
    uint64_t index;
    return locate(check, ref, &index) >= 0 && check->reached[index / 64] >> (index % 64) & 1;
}

bool tg_check_seen(const struct tg_check *check, tg_ref ref) {
    uint64_t index;
    return locate(check, ref, &index) >= 0 && check->seen[index / 64] >> (index % 64) & 1;
}

bool tg_check_see(struct tg_check *check, tg_ref ref) {
    uint64_t index;
    return locate(check, ref, &index) >= 0 && mark(check->seen, index);
}

static bool is_allocated(const struct tg_local *local, tg_ref ref) {
    uint32_t page = 0, number = 0;
    if (tg_block_locate(local, ref, &page, &number) < 0) return false;
    const tg_a64 *bitmap = tg_slab_bitmap(local, page);
    return bitmap && tg_load_relaxed64(&bitmap[number / 64]) >> (number % 64) & 1;
}

bool tg_check_take(struct tg_check *check, tg_ref ref, int class, const char *rule,
                   const char *what) {
    uint64_t index;
    int found = locate(check, ref, &index);
    const char *problem = NULL;
    if (found < 0)
        problem = "no block is there";
    else if (class >= 0 ? found != class : tg_class_type_stable(check->local, (uint32_t)found))
        problem = "it is a block of another kind";
    else if (!is_allocated(check->local, ref))
        problem = "this block is free (A3)";
    else if (!mark(check->reached, index))
        problem = "this block has an owner already (A3)";
    else
        return true;
    tg_check_say(check, rule, tg_check_at(check, ref), what, problem);
    return false;
}

bool tg_check_take_run(struct tg_check *check, tg_ref ref, uint32_t pages, const char *rule,
                       const char *what) {
    uint32_t first = 0;
    const char *problem = NULL;
    if (!tg_run_of_ref(check->local, ref, pages, &first))
        problem = "no run of this length is there";
    else if (!mark(check->reached, run_index(check, first)))
        problem = "this run has an owner already (A3)";
    else
        return true;
    tg_check_say(check, rule, tg_check_at(check, ref), what, problem);
    return false;
}

/* ---- marks of the repair ------------------------------------------------------------- */

static bool is_run_page(const struct tg_check *check, uint32_t page) {
    return check->run_pages[page / 64] >> (page % 64) & 1;
}

void tg_check_clear_marks(struct tg_check *check) {
    memset(check->reached, 0, check->mark_words * 8);
    memset(check->run_pages, 0, (check->local->header.page_count / 64 + 1) * 8);
}

bool tg_check_take_quietly(struct tg_check *check, tg_ref ref, int class) {
    uint64_t index;
    uint32_t page = 0, number = 0, pages = group_pages(check->local);
    int found = locate(check, ref, &index);
    if (found < 0) return false;
    if (class >= 0 ? found != class : tg_class_type_stable(check->local, (uint32_t)found))
        return false;
    (void)tg_block_locate(check->local, ref, &page, &number);
    for (uint32_t i = 0; i < pages; i++)
        if (is_run_page(check, page + i)) return false;
    return mark(check->reached, index);
}

/* Is anything in the slab taken that this page may belong to? */
static bool in_used_slab(const struct tg_check *check, uint32_t page) {
    const struct tg_local *local = check->local;
    uint32_t pages = group_pages(local), group = page / pages;
    uint64_t head = tg_load_relaxed64(&local->pages[group * pages].head);
    if (head != tg_page_head(TG_PAGE_SLAB, tg_head_class(head), pages)) return false;
    for (uint32_t i = 0; i < check->words; i++)
        if (check->reached[(uint64_t)group * check->words + i]) return true;
    return false;
}

bool tg_check_take_run_quietly(struct tg_check *check, tg_ref ref, uint32_t pages) {
    uint32_t first = 0;
    if (!tg_run_of_ref(check->local, ref, pages, &first)) return false;
    for (uint32_t page = first; page < first + pages; page++)
        if (is_run_page(check, page) || in_used_slab(check, page)) return false;
    for (uint32_t page = first; page < first + pages; page++) (void)mark(check->run_pages, page);
    return true;
}

bool tg_check_take_value(struct tg_check *check, tg_ref ref) {
    struct tg_local *local = check->local;
    struct tg_object *object = tg_object_at(local, ref);
    if (object == NULL) return false;
    uint32_t pages = tg_load_relaxed32(&object->pages);
    tg_ref payload = tg_load_relaxed32(&object->payload);
    if (!tg_check_take_quietly(check, ref, (int)TG_CLASS_OBJECT(local))) return false;
    return pages ? tg_check_take_run_quietly(check, payload, pages)
                 : tg_check_take_quietly(check, payload, TG_ANY_GENERAL_CLASS);
}

/* ---- the beginning ------------------------------------------------------------------- */

/* Keeps what the caller gave. */
void tg_check_clear_report(struct tg_report *report) {
    *report = (struct tg_report){
        .violations = report->violations,
        .violation_capacity = report->violation_capacity,
        .scratch = report->scratch,
        .scratch_size = report->scratch_size,
    };
}

bool tg_check_begin(struct tg_check *check, struct tg_local *local,
                    const struct tg_verify_options *options, struct tg_report *report) {
    uint64_t size = tg_verify_scratch_size(local);
    if (report->scratch == NULL || report->scratch_size < size) return false;
    *check = (struct tg_check){.local = local, .options = options, .report = report};
    check->words = group_words(local);
    uint64_t marks = (uint64_t)(local->header.page_count / group_pages(local) + 1) * check->words;
    check->mark_words = marks;
    tg_check_clear_report(report);
    memset(report->scratch, 0, size);
    check->reached = report->scratch;
    check->seen = check->reached + marks;
    check->run_pages = check->seen + marks;
    check->stack = (struct tg_check_frame *)(check->run_pages + local->header.page_count / 64 + 1);
    return true;
}
