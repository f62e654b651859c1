/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of pages: the two families of free lists, splitting and merging.
 *
 * What
 *   FREE and HOLE runs are in doubly linked lists by log2 of their length. tg_pages_put
 *   adds a run and merges it with neighbours of the same kind; tg_pages_cut takes a part
 *   of a listed run out. Both plan their changes in an edit (arena/edit.h).
 *
 * Invariants: A1, A4, A5 of arena/arena.h. The extent lock is held throughout.
 * Death, ordering: the edit becomes one transaction.
 * Progress: put and cut are O(1); find walks at most `walk` runs of a list.
 *   Shared memory is input: every index is checked, every walk bounded.
 * API: tg_pages_put, tg_pages_cut, tg_pages_own, tg_pages_find, tg_pages_find_units.
 */
#ifndef TG_ARENA_PAGES_H
#define TG_ARENA_PAGES_H

#include "classes.h"
#include "edit.h"

struct tg_run {
    uint32_t first;
    uint32_t pages;
};

#define TG_RUN_WORD(state, run)                                                                    \
    ((uint64_t)(state) | (uint64_t)(run).pages << 4 | (uint64_t)(run).first << 32)

static inline enum tg_run_state tg_run_word_state(uint64_t word) {
    return (enum tg_run_state)(word & 15);
}
static inline struct tg_run tg_run_word_run(uint64_t word) {
    return (struct tg_run){.first = (uint32_t)(word >> 32),
                           .pages = (uint32_t)(word >> 4 & 0xfffffff)};
}

static inline uint32_t tg_unit_pages(const struct tg_local *local) {
    return 1u << (local->header.unit_shift - local->header.page_shift);
}

static inline bool tg_run_inside(const struct tg_local *local, struct tg_run run) {
    return run.pages != 0 && run.first < local->header.page_count &&
           run.pages <= local->header.page_count - run.first;
}

static inline uint32_t tg_log2(uint32_t value) { return 31 - (uint32_t)__builtin_clz(value); }

/* Does the descriptor pair of `run` say that it is a run of this kind? */
bool tg_pages_is(const struct tg_edit *edit, enum tg_page_kind kind, struct tg_run run);

/* Writes the descriptors of a run that is in no list (TG_PAGE_RUN). */
void tg_pages_own(struct tg_edit *edit, struct tg_run run);

/* Lists `run` as FREE or HOLE, merged with its neighbours; counts its pages. 11 entries. */
TG_MUST_CHECK tg_status tg_pages_put(struct tg_edit *edit, enum tg_page_kind kind,
                                     struct tg_run run);

/* Takes `part` out of the listed run `from`; the rests are listed again. 18 entries. */
TG_MUST_CHECK tg_status tg_pages_cut(struct tg_edit *edit, enum tg_page_kind kind,
                                     struct tg_run from, struct tg_run part);

/* A listed run `found` with `part` in it, of `pages` pages and at a multiple of `align`: 1, or
 * `pages` when that is a power of two. TG_ABSENT: none was found within `walk` steps
 * through the one list whose runs may or may not be long enough. */
TG_MUST_CHECK tg_status tg_pages_find(const struct tg_local *local, enum tg_page_kind kind,
                                      uint32_t pages, uint32_t align, uint32_t walk,
                                      struct tg_run *found, struct tg_run *part);

/* A FREE run that contains whole units: the run, and the units in it. TG_ABSENT. */
TG_MUST_CHECK tg_status tg_pages_find_units(const struct tg_local *local, struct tg_run *found,
                                            struct tg_run *units);

#endif
