/* SPDX-License-Identifier: Apache-2.0 */
#include "slab.h"

tg_a64 *tg_slab_bitmap(const struct tg_local *local, uint32_t page) {
    uint64_t offset = tg_page_offset(local, page);
    if (page >= local->header.page_count || !tg_unit_committed(local, offset)) return NULL;
    return tg_at_offset(local, offset);
}

static tg_ref block_ref(const struct tg_local *local, const struct tg_shape *shape, uint32_t page,
                        uint32_t number) {
    uint64_t offset = tg_page_offset(local, page) + shape->first + (uint64_t)number * shape->size;
    return (tg_ref)(offset >> local->header.ref_shift);
}

tg_status tg_slab_of_link(const struct tg_local *local, uint32_t class, uint32_t link,
                          uint32_t *page) {
    if (link == 0 || link > local->header.page_count) return TG_CORRUPT;
    uint64_t head = tg_load_relaxed64(&local->pages[link - 1].head);
    if (head != tg_page_head(TG_PAGE_SLAB, class, tg_slab_pages(local))) return TG_CORRUPT;
    if ((link - 1) & (tg_slab_pages(local) - 1)) return TG_CORRUPT;
    *page = link - 1;
    return TG_OK;
}

/* ---- the list of slabs with room ------------------------------------------------- */

static tg_status push(struct tg_edit *edit, uint32_t class, uint32_t page) {
    const struct tg_local *local = edit->call->local;
    tg_a32 *list = &local->classes[class].partial;
    uint32_t next = tg_edit_get32(edit, list);
    if (next > local->header.page_count) return TG_CORRUPT;
    if (next != 0) tg_edit_set32(edit, &local->pages[next - 1].previous, page + 1);
    tg_edit_set32(edit, &local->pages[page].next, next);
    tg_edit_set32(edit, &local->pages[page].previous, 0);
    tg_edit_set32(edit, list, page + 1);
    return TG_OK;
}

static tg_status unlink_slab(struct tg_edit *edit, uint32_t class, uint32_t page) {
    const struct tg_local *local = edit->call->local;
    uint32_t next = tg_edit_get32(edit, &local->pages[page].next);
    uint32_t previous = tg_edit_get32(edit, &local->pages[page].previous);
    if (next > local->header.page_count || previous > local->header.page_count) return TG_CORRUPT;
    tg_a32 *from = previous ? &local->pages[previous - 1].next : &local->classes[class].partial;
    if (tg_edit_get32(edit, from) != page + 1) return TG_CORRUPT;
    tg_edit_set32(edit, from, next);
    if (next) tg_edit_set32(edit, &local->pages[next - 1].previous, previous);
    return TG_OK;
}

/* ---- to the magazine --------------------------------------------------------------- */

/* The first word with a zero, starting at the hint; `words` when there is none. */
static uint32_t word_with_room(const tg_a64 *bitmap, uint32_t words, uint32_t hint) {
    for (uint32_t i = 0; i < words; i++) {
        uint32_t word = (hint % words + i) % words;
        if (tg_load_relaxed64(&bitmap[word]) != UINT64_MAX) return word;
    }
    return words;
}

/* Writes refs for up to `wanted` zeros of `bits` beyond the count; the lowest on top.
 * The bits taken. */
static uint64_t stock(struct tg_call *call, const struct tg_shape *shape, uint32_t page,
                      uint32_t word, uint64_t bits, tg_a32 *slots, uint32_t wanted) {
    uint64_t taken = 0, zeros = ~bits;
    uint32_t count = (uint32_t)__builtin_popcountll(zeros);
    if (count > wanted) count = wanted;
    for (uint32_t i = count; i-- > 0;) {
        uint32_t bit = (uint32_t)__builtin_ctzll(zeros);
        zeros &= zeros - 1;
        taken |= 1ull << bit;
        tg_store_relaxed32(&slots[i], block_ref(call->local, shape, page, word * 64 + bit));
    }
    return taken;
}

tg_status tg_slab_take_bits(struct tg_call *call, uint32_t class, uint32_t wanted) {
    struct tg_local *local = call->local;
    struct tg_shape shape = *tg_class_shape(local, class);
    struct tg_edit edit;
    uint32_t index;
    uint32_t link = tg_load_relaxed32(&local->classes[class].partial);
    if (link == 0) return TG_ABSENT;
    tg_status status = tg_slab_of_link(local, class, link, &index);
    if (status != TG_OK) return status;
    struct tg_page *page = &local->pages[index];
    tg_a64 *bitmap = tg_slab_bitmap(local, index);
    if (bitmap == NULL) return TG_CORRUPT;
    uint32_t word = word_with_room(bitmap, shape.words, tg_load_relaxed32(&page->spare));
    uint32_t room = tg_load_relaxed32(&page->free);
    if (word == shape.words || room == 0 || room > shape.blocks) return TG_CORRUPT;

    tg_a32 *magazine = tg_magazine(local, call->context, class);
    uint32_t have = tg_load_relaxed32(magazine);
    uint64_t bits = tg_load_relaxed64(&bitmap[word]);
    uint64_t taken = stock(call, &shape, index, word, bits, &magazine[1 + have], wanted);
    uint32_t count = (uint32_t)__builtin_popcountll(taken);
    /* A word of garbage may have zeros beyond the last block. */
    if (count > room || word * 64 + 63 - (uint32_t)__builtin_clzll(taken) >= shape.blocks)
        return TG_CORRUPT;
    tg_edit_begin(&edit, call);
    if (TG_MUTANT(arena_bits_before_log)) tg_store_relaxed64(&bitmap[word], bits | taken);
    tg_edit_set64(&edit, &bitmap[word], bits | taken);
    tg_edit_set32(&edit, &page->free, room - count);
    tg_edit_set32(&edit, magazine, have + count);
    if (room == count) status = unlink_slab(&edit, class, index);
    if (status != TG_OK) return status;
    tg_edit_log(&edit);
    tg_commit(call);
    if (tg_load_relaxed32(&page->spare) != word) tg_store_relaxed32(&page->spare, word);
    return TG_OK;
}

/* ---- and back ------------------------------------------------------------------------ */

tg_status tg_slab_clear_bit(struct tg_edit *edit, uint32_t class, tg_ref ref, uint32_t *page,
                            bool *empty) {
    const struct tg_local *local = edit->call->local;
    struct tg_shape shape = *tg_class_shape(local, class);
    uint32_t number = 0;
    if (tg_block_locate(local, ref, page, &number) != (int)class) return TG_CORRUPT;
    struct tg_page *slab = &local->pages[*page];
    tg_a64 *word = tg_slab_bitmap(local, *page) + number / 64;
    uint64_t bits = tg_edit_get64(edit, word);
    uint64_t bit = 1ull << (number % 64);
    uint32_t room = tg_edit_get32(edit, &slab->free);
    if (!(bits & bit) || room >= shape.blocks) return TG_CORRUPT; /* freed twice */
    tg_edit_set64(edit, word, bits & ~bit);
    tg_edit_set32(edit, &slab->free, room + 1);
    *empty = room + 1 == shape.blocks;
    return room == 0 ? push(edit, class, *page) : TG_OK;
}

tg_status tg_slab_release(struct tg_edit *edit, uint32_t class, uint32_t page) {
    const struct tg_local *local = edit->call->local;
    struct tg_class *entry = &local->classes[class];
    struct tg_page *slab = &local->pages[page];
    if (tg_class_type_stable(local, class)) return TG_ABSENT;
    if (tg_edit_get64(edit, &edit->call->context->run) != 0) return TG_ABSENT;
    if (tg_edit_get32(edit, &slab->next) == 0 && tg_edit_get32(edit, &slab->previous) == 0)
        return TG_ABSENT;
    struct tg_run run = {page, tg_slab_pages(local)};
    if (unlink_slab(edit, class, page) != TG_OK) return TG_CORRUPT;
    tg_edit_set32(edit, &entry->slabs, tg_edit_get32(edit, &entry->slabs) - 1);
    tg_pages_own(edit, run);
    tg_edit_set64(edit, &edit->call->context->run, TG_RUN_WORD(TG_RUN_TAKEN, run));
    return TG_OK;
}

/* ---- new slabs ----------------------------------------------------------------------- */

tg_status tg_slab_prepare(struct tg_call *call, uint32_t class, uint32_t page) {
    struct tg_local *local = call->local;
    struct tg_shape shape = *tg_class_shape(local, class);
    tg_a64 *bitmap = tg_slab_bitmap(local, page);
    if (bitmap == NULL) return TG_CORRUPT;
    /* Their first user finds lock words and generations in a defined state. */
    if (tg_class_type_stable(local, class)) memset(bitmap, 0, 1ull << local->header.slab_shift);
    for (uint32_t word = 0; word < shape.words; word++) {
        uint32_t begin = word * 64;
        uint64_t bits = 0;
        if (begin >= shape.blocks)
            bits = UINT64_MAX;
        else if (shape.blocks - begin < 64)
            bits = UINT64_MAX << (shape.blocks - begin);
        tg_store_relaxed64(&bitmap[word], bits);
    }
    return TG_OK;
}

tg_status tg_slab_make(struct tg_call *call, uint32_t class, uint32_t page) {
    struct tg_local *local = call->local;
    struct tg_class *entry = &local->classes[class];
    struct tg_page *slab = &local->pages[page];
    struct tg_edit edit;
    tg_edit_begin(&edit, call);
    uint64_t head = tg_page_head(TG_PAGE_SLAB, class, tg_slab_pages(local));
    tg_edit_set64(&edit, &slab->head, head);
    tg_edit_set64(&edit, &slab[tg_slab_pages(local) - 1].head, head);
    tg_edit_set32(&edit, &slab->free, tg_class_shape(local, class)->blocks);
    tg_edit_set32(&edit, &entry->slabs, tg_load_relaxed32(&entry->slabs) + 1);
    tg_edit_set64(&edit, &call->context->run, 0);
    tg_status status = push(&edit, class, page);
    if (status != TG_OK) return status;
    tg_edit_log(&edit);
    tg_commit(call);
    tg_store_relaxed32(&slab->spare, 0);
    return TG_OK;
}
