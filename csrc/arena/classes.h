/* SPDX-License-Identifier: Apache-2.0 */
/* Size classes: which block a size gets, how a slab is cut, where the magazines are.
 *
 * What
 *   The general classes and their sizes are in the header of the store (rising, multiples
 *   of the granule). Two classes follow them, for directories and for object headers:
 *   their slabs are type-stable. A slab is a few pages, at a multiple of its size: large
 *   enough for many blocks, while runs are counted in small pages.
 *
 * Bits and states
 *   slab:      u64 bitmap[words] | up to 64 bytes of padding | block[blocks]
 *              bit b: 1 = allocated or in a magazine; bits beyond `blocks` are 1 for ever
 *   magazine:  u32 count | u32 ref[capacity]; the top is ref[count - 1]
 *
 * Invariants
 *   C1  The shape of a slab is a function of the checked header only.
 *   C2  Pages that became a slab of a type-stable class remain one.
 *   C3  The kind SLAB is only in the first and last descriptor of a slab: who finds it at
 *       a multiple of the slab's size knows all pages up to the next. (An inner descriptor
 *       may be stale, but a slab that ends overwrites its first one.)
 *
 * Ordering: pure functions; for what they guard see arena/arena.h.
 * Death: nothing to mend.
 *
 * API: tg_class_for, tg_class_size, TG_CLASS_DIR, TG_CLASS_OBJECT, tg_class_shape,
 *   tg_class_of_ref, tg_block_is, tg_block_at, tg_magazine, tg_magazine_capacity.
 */
#ifndef TG_ARENA_CLASSES_H
#define TG_ARENA_CLASSES_H

#include "../region/local.h"

#define TG_CLASS_NONE UINT32_MAX
#define TG_CLASS_DIR(local) ((local)->header.class_count)
#define TG_CLASS_OBJECT(local) ((local)->header.class_count + 1)
#define TG_CLASS_TOTAL(local) ((local)->header.class_count + 2)

static inline bool tg_class_type_stable(const struct tg_local *local, uint32_t class) {
    return class >= local->header.class_count;
}

static inline uint32_t tg_class_size(const struct tg_local *local, uint32_t class) {
    return local->shape[class].size;
}

/* Would a run lose next to nothing, the class more than a quarter? (16 KiB in 21 KiB) */
static inline bool tg_run_is_better(const struct tg_local *local, uint64_t size, uint32_t block) {
    uint64_t page = 1ull << local->header.page_shift;
    uint64_t run = (size + page - 1) & ~(page - 1);
    return run <= size + size / 8 && block > size + size / 4;
}

/* The smallest general class for `size` bytes, or TG_CLASS_NONE: it belongs into a run. */
static inline uint32_t tg_class_for(const struct tg_local *local, uint64_t size) {
    if (TG_LIKELY(size <= TG_SMALL_SIZE && size >> local->header.page_shift == 0)) {
        uint32_t class = local->small_class[(size + 7) / 8];
        return class == 255 ? TG_CLASS_NONE : class;
    }
    const uint32_t *sizes = local->header.class_size;
    uint32_t first = 0, count = local->header.class_count;
    if (count == 0 || size > sizes[count - 1]) return TG_CLASS_NONE;
    while (count > 1) { /* log2 steps, no branch to mispredict */
        uint32_t half = count / 2;
        first += sizes[first + half - 1] < size ? half : 0;
        count -= half;
    }
    if (size >> local->header.page_shift && tg_run_is_better(local, size, sizes[first]))
        return TG_CLASS_NONE;
    return first;
}

static inline uint32_t tg_slab_pages(const struct tg_local *local) {
    return 1u << (local->header.slab_shift - local->header.page_shift);
}

static inline const struct tg_shape *tg_class_shape(const struct tg_local *local, uint32_t class) {
    return &local->shape[class];
}

/* ---- pages ------------------------------------------------------------------- */

static inline uint64_t tg_page_head(enum tg_page_kind kind, uint32_t class, uint32_t pages) {
    return (uint64_t)kind | (uint64_t)class << 4 | (uint64_t)pages << 32;
}
static inline enum tg_page_kind tg_head_kind(uint64_t head) {
    return (enum tg_page_kind)(head & 15);
}
static inline uint32_t tg_head_class(uint64_t head) { return (uint32_t)(head >> 4 & 0xfff); }
static inline uint32_t tg_head_pages(uint64_t head) { return (uint32_t)(head >> 32); }

static inline uint64_t tg_page_offset(const struct tg_local *local, uint32_t page) {
    return local->arena_begin + ((uint64_t)page << local->header.page_shift);
}

/* ---- blocks ------------------------------------------------------------------ */

/* Finds the slab (its first page) and the number of a block; -1 unless `ref` is the start of
 * one. Says nothing about the block being allocated. */
TG_HOT int tg_block_locate(const struct tg_local *local, tg_ref ref, uint32_t *page,
                           uint32_t *number) {
    uint64_t offset = (uint64_t)ref << local->header.ref_shift;
    if (TG_UNLIKELY(offset < local->arena_begin || offset >= local->arena_end)) return -1;
    uint32_t slab_pages = tg_slab_pages(local);
    uint64_t index = (offset - local->arena_begin) >> local->header.page_shift;
    index &= ~(uint64_t)(slab_pages - 1);
    if (TG_UNLIKELY(index >= local->header.page_count || !tg_unit_committed(local, offset)))
        return -1;
    uint64_t head = tg_load_relaxed64(&local->pages[index].head);
    uint32_t class = tg_head_class(head);
    if (TG_UNLIKELY(head != tg_page_head(TG_PAGE_SLAB, class, slab_pages))) return -1;
    if (TG_UNLIKELY(class >= TG_CLASS_TOTAL(local))) return -1;
    const struct tg_shape *shape = tg_class_shape(local, class);
    /* Modulo 2^32: in front of the first block it is too large. */
    uint32_t inside = (uint32_t)(offset - tg_page_offset(local, (uint32_t)index)) - shape->first;
    *page = (uint32_t)index;
    *number = (uint32_t)((uint64_t)inside * shape->inverse >> 32);
    bool good = *number < shape->blocks && *number * shape->size == inside;
    return TG_LIKELY(good) ? (int)class : -1;
}

/* Does a block of that class start there? The same question, with less to find out. */
TG_HOT bool tg_block_is(const struct tg_local *local, tg_ref ref, uint32_t class) {
    uint64_t offset = (uint64_t)ref << local->header.ref_shift,
             inside = offset - local->arena_begin;
    uint32_t slab_pages = tg_slab_pages(local), slab_shift = local->header.slab_shift;
    if (TG_UNLIKELY(inside >= local->arena_end - local->arena_begin)) return false;
    uint64_t slab = inside >> slab_shift;
    const struct tg_page *page = &local->pages[slab * slab_pages];
    if (TG_UNLIKELY(slab * slab_pages >= local->header.page_count)) return false;
    if (TG_UNLIKELY(!tg_unit_committed(local, offset))) return false;
    uint64_t head = tg_load_relaxed64(&page->head);
    const struct tg_shape *shape = tg_class_shape(local, class);
    uint32_t at = (uint32_t)(inside - (slab << slab_shift)) - shape->first;
    uint32_t number = (uint32_t)((uint64_t)at * shape->inverse >> 32);
    return TG_LIKELY(head == tg_page_head(TG_PAGE_SLAB, class, slab_pages) &&
                     number < shape->blocks && number * shape->size == at);
}

/* The class of the block at `ref`, or -1 when no block starts there. */
static inline int tg_class_of_ref(const struct tg_local *local, tg_ref ref) {
    uint32_t page = 0, number = 0;
    return tg_block_locate(local, ref, &page, &number);
}

/* The block's memory; NULL when the ref leaves the committed arena. */
static inline void *tg_block_at(const struct tg_local *local, tg_ref ref, uint32_t class) {
    return tg_at(local, ref, tg_class_size(local, class));
}

/* ---- magazines --------------------------------------------------------------- */

static inline uint32_t tg_magazine_capacity(const struct tg_local *local, uint32_t class) {
    return local->magazine_capacity[class];
}

/* Word 0 is the count, word 1 + i the i-th ref. */
static inline tg_a32 *tg_magazine(const struct tg_local *local, struct tg_context *context,
                                  uint32_t class) {
    return &context->magazines[local->magazine_offset[class]];
}

#endif
