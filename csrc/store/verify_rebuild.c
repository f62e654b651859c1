/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of the repair: memory and child lists, made anew from what is owned. */
#include "../arena/slab.h"
#include "../arena/units.h"
#include "../owner/lock.h"
#include "verify_state.h"

/* ---- who owns what -------------------------------------------------------------------- */

static void mark_record(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_local *local = check->local;
    (void)tg_check_take_quietly(check, tg_load_relaxed32(slot), TG_ANY_GENERAL_CLASS);
    if (tg_record_object(record)) (void)tg_check_take_value(check, tg_record_object(record));
    if (tg_record_dir(record))
        (void)tg_check_take_quietly(check, tg_record_dir(record), (int)TG_CLASS_DIR(local));
}

static void mark_lines(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint64_t count = tg_load_relaxed64(&local->hot->buckets);
    for (uint64_t i = 0; i < count; i++)
        for (struct tg_line *line = &local->buckets[i]; line != NULL;) {
            tg_ref next = tg_load_relaxed32(&line->next);
            if (next == 0) break;
            (void)tg_check_take_quietly(check, next, (int)tg_table_line_class(local));
            line = tg_at(local, next, sizeof *line);
        }
}

/* Ledgers keep their memory, but nobody is there to use an entry. */
static void mark_ledger(struct tg_check *check, struct tg_process *process) {
    struct tg_local *local = check->local;
    uint32_t count = tg_load_relaxed32(&process->ledger_count), k = 0;
    for (; k < count && k < TG_LEDGER_CHUNKS; k++) {
        uint64_t size = (uint64_t)TG_LEDGER_FIRST << k;
        uint64_t bytes = size * (sizeof(tg_a64) + sizeof(struct tg_pin_info));
        uint32_t class = tg_class_for(local, bytes);
        tg_ref ref = tg_load_relaxed32(&process->ledger[k]);
        bool taken = class != TG_CLASS_NONE
                         ? tg_check_take_quietly(check, ref, (int)class)
                         : tg_check_take_run_quietly(check, ref, tg_pages_for(local, bytes));
        void *chunk = taken ? tg_at(local, ref, bytes) : NULL;
        if (chunk == NULL) break;
        memset(chunk, 0, bytes);
    }
    uint64_t index = (uint64_t)(process - local->processes);
    if (k && tg_load_relaxed64(&local->hot->process_high) <= index)
        tg_store_relaxed64(&local->hot->process_high, index + 1);
    if (k == count) return;
    tg_check_say(check, "repair", tg_check_where(check, process), "a ledger", "was made shorter");
    tg_store_relaxed32(&process->ledger_count, k);
}

static void mark_all(struct tg_check *check) {
    struct tg_local *local = check->local;
    tg_check_clear_marks(check);
    (void)tg_check_take_quietly(check, tg_load_relaxed32(&local->hot->root),
                                (int)TG_CLASS_DIR(local));
    mark_lines(check);
    tg_repair_each(check, mark_record);
    for (uint32_t i = 0; i < local->header.process_count; i++)
        mark_ledger(check, &local->processes[i]);
}

/* What is no hole has memory behind it: without its bits nobody could look at it. */
static tg_status claim_units(struct tg_check *check, struct tg_run run) {
    struct tg_local *local = check->local;
    struct tg_os *os = local->os;
    uint32_t unit_pages = tg_unit_pages(local);
    uint32_t first = run.first & ~(unit_pages - 1);
    for (; first < run.first + run.pages; first += unit_pages) {
        uint64_t offset = tg_page_offset(local, first);
        if (tg_unit_committed(local, offset)) continue;
        tg_status status = os->ops->commit(os, offset, 1ull << local->header.unit_shift);
        if (status != TG_OK) return status;
        tg_check_say(check, "repair", offset, "a unit", "counts as memory again");
        tg_units_set(local, (struct tg_run){first, unit_pages});
    }
    return TG_OK;
}

/* Slabs have their descriptor twice; without the first nothing in one could be found. */
tg_status tg_repair_pages(struct tg_check *check) {
    struct tg_local *local = check->local;
    uint32_t pages = tg_slab_pages(local), page = 0;
    while (page < local->header.page_count) {
        struct tg_page *first = &local->pages[page];
        uint64_t head = tg_load_relaxed64(&first->head);
        struct tg_run run = {page, tg_head_pages(head)};
        if (tg_run_inside(local, run) && tg_load_relaxed64(&first[run.pages - 1].head) == head) {
            bool hole = tg_head_kind(head) == TG_PAGE_HOLE;
            tg_status status = hole ? TG_OK : claim_units(check, run);
            if (status != TG_OK) return status;
            page += run.pages;
            continue;
        }
        uint64_t last = page % pages ? 0 : tg_load_relaxed64(&first[pages - 1].head);
        uint32_t class = tg_head_class(last);
        if (last == tg_page_head(TG_PAGE_SLAB, class, pages) && class < TG_CLASS_TOTAL(local)) {
            tg_check_say(check, "repair", tg_page_offset(local, page), "a slab", "is one again");
            tg_store_relaxed64(&first->head, last);
            continue;
        }
        page++;
    }
    return TG_OK;
}

/* ---- pages ------------------------------------------------------------------------------ */

/* What has been laid out so far; `open` is the free run or hole that still grows. */
struct layout {
    struct tg_check *check;
    enum tg_page_kind kind; /* of `open` */
    struct tg_run open;
    uint64_t committed; /* pages */
};

static bool is_run_page(const struct tg_check *check, uint32_t page) {
    return check->run_pages[page / 64] >> (page % 64) & 1;
}

static uint64_t *slab_marks(const struct tg_check *check, uint32_t page) {
    return &check->reached[(uint64_t)(page / tg_slab_pages(check->local)) * check->words];
}

/* The class of the slab at `page` if anything in it is owned, or -1. */
static int slab_in_use(const struct tg_check *check, uint32_t page) {
    const struct tg_local *local = check->local;
    uint32_t pages = tg_slab_pages(local);
    uint64_t head = tg_load_relaxed64(&local->pages[page].head);
    uint32_t class = tg_head_class(head);
    if (head != tg_page_head(TG_PAGE_SLAB, class, pages) || class >= TG_CLASS_TOTAL(local))
        return -1;
    for (uint32_t i = 0; i < pages; i++)
        if (is_run_page(check, page + i)) return -1;
    for (uint32_t i = 0; i < check->words; i++)
        if (slab_marks(check, page)[i]) return (int)class;
    return -1;
}

static void describe(struct tg_local *local, enum tg_page_kind kind, uint32_t class,
                     struct tg_run run) {
    uint64_t head = tg_page_head(kind, class, run.pages);
    tg_store_relaxed64(&local->pages[run.first].head, head);
    tg_store_relaxed64(&local->pages[run.first + run.pages - 1].head, head);
}

static void push(struct tg_local *local, tg_a32 *list, uint32_t page) {
    uint32_t next = tg_load_relaxed32(list);
    if (next) tg_store_relaxed32(&local->pages[next - 1].previous, page + 1);
    tg_store_relaxed32(&local->pages[page].next, next);
    tg_store_relaxed32(&local->pages[page].previous, 0);
    tg_store_relaxed32(list, page + 1);
}

static void close_open(struct layout *layout) {
    struct tg_local *local = layout->check->local;
    struct tg_hot *hot = local->hot;
    struct tg_run run = layout->open;
    layout->open.pages = 0;
    if (run.pages == 0) return;
    bool free_run = layout->kind == TG_PAGE_FREE;
    tg_a64 *counter = free_run ? &hot->pages_free : &hot->pages_hole;
    describe(local, layout->kind, 0, run);
    push(local, &(free_run ? hot->free_runs : hot->hole_runs)[tg_log2(run.pages)], run.first);
    tg_store_relaxed64(counter, tg_load_relaxed64(counter) + run.pages);
}

static void add_unused(struct layout *layout, uint32_t page, uint32_t pages) {
    struct tg_local *local = layout->check->local;
    bool committed = tg_unit_committed(local, tg_page_offset(local, page));
    enum tg_page_kind kind = committed ? TG_PAGE_FREE : TG_PAGE_HOLE;
    if (layout->open.pages && layout->kind != kind) close_open(layout);
    if (layout->open.pages == 0) layout->open.first = page;
    layout->kind = kind;
    layout->open.pages += pages;
    layout->committed += committed ? pages : 0;
}

/* Blocks that nobody owns are free; those of a type-stable class look so as well. */
static void add_slab(struct layout *layout, uint32_t page, uint32_t class) {
    struct tg_local *local = layout->check->local;
    struct tg_shape shape = *tg_class_shape(local, class);
    struct tg_page *slab = &local->pages[page];
    tg_a64 *bitmap = tg_at_offset(local, tg_page_offset(local, page));
    const uint64_t *marks = slab_marks(layout->check, page);
    uint32_t room = 0, pages = tg_slab_pages(local);
    for (uint32_t i = 0; i < shape.words * 64; i++) {
        bool owned = i >= shape.blocks || (marks[i / 64] >> (i % 64) & 1);
        uint64_t bits = i % 64 ? tg_load_relaxed64(&bitmap[i / 64]) : 0;
        tg_store_relaxed64(&bitmap[i / 64], bits | (uint64_t)owned << (i % 64));
        room += !owned;
        if (!owned && tg_class_type_stable(local, class))
            memset((uint8_t *)bitmap + shape.first + (size_t)i * shape.size, 0, shape.size);
    }
    describe(local, TG_PAGE_SLAB, class, (struct tg_run){page, pages});
    tg_store_relaxed32(&slab->free, room);
    tg_store_relaxed32(&slab->spare, 0);
    if (room) push(local, &local->classes[class].partial, page);
    tg_store_relaxed32(&local->classes[class].slabs,
                       tg_load_relaxed32(&local->classes[class].slabs) + 1);
    layout->committed += pages;
}

static void lay_out(struct layout *layout) {
    struct tg_check *check = layout->check;
    struct tg_local *local = check->local;
    uint32_t slab_pages = tg_slab_pages(local), page = 0;
    while (page < local->header.page_count) {
        int class = page % slab_pages ? -1 : slab_in_use(check, page);
        if (class >= 0) {
            close_open(layout);
            add_slab(layout, page, (uint32_t)class);
            page += slab_pages;
        } else if (is_run_page(check, page)) {
            uint32_t pages = tg_head_pages(tg_load_relaxed64(&local->pages[page].head));
            close_open(layout);
            describe(local, TG_PAGE_RUN, 0, (struct tg_run){page, pages});
            layout->committed += pages;
            page += pages;
        } else {
            add_unused(layout, page++, 1);
        }
    }
    close_open(layout);
}

/* Units in which nothing is owned go back; the others are claimed again, to be sure. */
static tg_status settle_units(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_os *os = local->os;
    uint32_t unit_pages = tg_unit_pages(local), slab_pages = tg_slab_pages(local);
    for (uint32_t first = 0; first < local->header.page_count; first += unit_pages) {
        struct tg_run unit = {first, unit_pages};
        uint64_t offset = tg_page_offset(local, first);
        uint64_t bytes = 1ull << local->header.unit_shift;
        bool used = false;
        for (uint32_t page = first; page < first + unit_pages; page++)
            used |= is_run_page(check, page) ||
                    (page % slab_pages == 0 && slab_in_use(check, page) >= 0);
        if (used) {
            tg_status status = os->ops->commit(os, offset, bytes);
            if (status != TG_OK) return status;
            tg_units_set(local, unit);
        } else {
            tg_units_clear(local, unit);
            (void)os->ops->punch(os, offset, bytes);
        }
    }
    return TG_OK;
}

tg_status tg_repair_memory(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_hot *hot = local->hot;
    struct layout layout = {.check = check};
    mark_all(check);
    tg_status status = settle_units(check);
    if (status != TG_OK) return status;
    tg_store_relaxed32(&hot->reap_head, 0);
    tg_store_relaxed64(&hot->pages_free, 0);
    tg_store_relaxed64(&hot->pages_hole, 0);
    for (uint32_t i = 0; i < 32; i++) {
        tg_store_relaxed32(&hot->free_runs[i], 0);
        tg_store_relaxed32(&hot->hole_runs[i], 0);
    }
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class++) {
        tg_store_relaxed32(&local->classes[class].partial, 0);
        tg_store_relaxed32(&local->classes[class].slabs, 0);
    }
    lay_out(&layout);
    uint64_t buckets = tg_load_relaxed64(&hot->buckets_committed) * sizeof(struct tg_line);
    tg_store_relaxed64(&hot->committed_bytes,
                       (layout.committed << local->header.page_shift) + buckets);
    return TG_OK;
}

/* ---- children ----------------------------------------------------------------------------- */

static void clear_dir(struct tg_dir *dir) {
    uint32_t generation = tg_load_relaxed32(&dir->generation) + 1;
    memset(dir, 0, sizeof *dir);
    tg_store_relaxed32(&dir->state, TG_DIR_LIVE);
    tg_store_relaxed32(&dir->generation, generation ? generation : 1);
    tg_store_relaxed64(&dir->next_ordinal, 1);
}

static void clear_children(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    tg_ref ref = tg_record_dir(record);
    struct tg_dir *dir = ref ? tg_dir_at(check->local, ref) : NULL;
    (void)slot;
    if (dir) clear_dir(dir);
}

static tg_status add_child(struct tg_call *call, struct tg_dir *dir, struct tg_record *record) {
    uint32_t meta = tg_load_relaxed32(&record->meta);
    tg_need_clear(call);
    tg_need_add(call, tg_children_chunk_class(call->local), 1);
    tg_status status = tg_need_prepare(call);
    if (status == TG_OK) status = tg_lock(call, &dir->lock, 0);
    if (status != TG_OK) return status;
    tg_children_log_add(call, dir, record, TG_META_NAME(meta), TG_META_FLAGS(meta),
                        TG_META_CODEC(meta));
    tg_need_log(call);
    tg_commit(call);
    tg_unlock_all(call);
    return TG_OK;
}

static void list_child(struct tg_check *check, tg_a32 *slot, struct tg_record *record) {
    struct tg_local *local = check->local;
    struct tg_dir *dir = tg_dir_at(local, tg_load_relaxed32(&record->parent));
    (void)slot;
    check->entries += tg_record_has_value(record);
    check->bytes += tg_record_block_bytes(local, record);
    if (dir && check->status == TG_OK) check->status = add_child(check->call, dir, record);
}

tg_status tg_repair_children(struct tg_check *check) {
    struct tg_local *local = check->local;
    struct tg_call call;
    struct tg_dir *root = tg_dir_at(local, tg_load_relaxed32(&local->hot->root));
    if (root == NULL) return TG_CORRUPT;
    clear_dir(root);
    tg_repair_each(check, clear_children);
    tg_call_begin(&call, local, 1, TG_FOREVER);
    tg_status status = tg_borrow(&call);
    if (status != TG_OK) return status;
    check->call = &call;
    check->status = TG_OK;
    check->entries = check->bytes = 0;
    tg_repair_each(check, list_child);
    tg_store_relaxed64(&call.context->delta[0].entries, check->entries);
    tg_store_relaxed64(&call.context->delta[0].bytes, check->bytes);
    tg_return(&call);
    return check->status;
}
