/* SPDX-License-Identifier: Apache-2.0 */
/* What no record owns: ledgers, limbo, magazines; and what nobody owns. */
#include "../arena/pages.h"
#include "../arena/verify.h"
#include "../owner/lock.h"
#include "verify_state.h"

/* ---- ledgers --------------------------------------------------------------------------- */

static void check_pin(struct tg_check *check, uint64_t entry, uint64_t where) {
    struct tg_object *object = tg_object_at(check->local, TG_ENTRY_REF(entry));
    if (object == NULL || !tg_check_reached(check, TG_ENTRY_REF(entry))) {
        tg_check_say(check, "G1", where, "a pin", "it names no object in use");
        return;
    }
    uint32_t state = tg_load_relaxed32(&object->state);
    if (state != TG_OBJECT_LINKED && state != TG_OBJECT_UNLINKED)
        tg_check_say(check, "G2", where, "a pin", "its object was not published");
    if (tg_load_relaxed32(&object->pinned) == 0)
        tg_check_say(check, "G2", where, "a pin", "its object does not know");
}

/* First the objects that entries own, then (limbo being walked) what pins say. */
static void check_entry(struct tg_check *check, uint32_t process, const tg_a64 *slot, bool pins) {
    struct tg_local *local = check->local;
    uint64_t entry = tg_load_relaxed64(slot), where = tg_check_where(check, slot);
    uint32_t state = tg_load_relaxed32(&local->processes[process].state);
    if (entry == TG_LEDGER_FREE) return;
    if (pins) {
        /* Between the entry and its check, and of who died or stands there, a pin may be of
         * anything (G2, U5). */
        bool dead = state != TG_PROCESS_LIVE ||
                    local->os->ops->life_probe(local->os, process) == TG_LIFE_DEAD;
        bool kept = TG_ENTRY_KIND(entry) == TG_PIN_KEPT || TG_MUTANT(verify_passing);
        if (TG_ENTRY_STATE(entry) == TG_LEDGER_PIN && !dead && kept) check_pin(check, entry, where);
        return;
    }
    if (state == TG_PROCESS_FREE) {
        tg_check_say(check, "G3", where, "the ledger of nobody", "an entry is in use");
        return;
    }
    switch (TG_ENTRY_STATE(entry)) {
    case TG_LEDGER_PIN:
    case TG_LEDGER_SECTION: return;
    case TG_LEDGER_PRIVATE:
        tg_check_take_object(check, TG_ENTRY_REF(entry), TG_OBJECT_PRIVATE, "G4",
                             "a private object");
        return;
    case TG_LEDGER_CLAIMED: tg_check_pending(check, slot, "a claimed ledger entry"); return;
    default: tg_check_say(check, "G3", where, "a ledger entry", "its state is none");
    }
}

static void check_ledger(struct tg_check *check, uint32_t process, bool pins) {
    struct tg_local *local = check->local;
    const struct tg_process *entry = &local->processes[process];
    uint32_t chunks = tg_load_relaxed32(&entry->ledger_count);
    if (chunks > TG_LEDGER_CHUNKS) {
        if (!pins)
            tg_check_say(check, "G3", tg_check_where(check, entry), "a ledger",
                         "it has too many chunks");
        chunks = 0;
    }
    if (!pins && chunks && process >= tg_load_relaxed64(&local->hot->process_high))
        tg_check_say(check, "G1", tg_check_where(check, entry), "a ledger",
                     "scans for pins don't look at it");
    for (uint32_t k = 0; k < chunks; k++) {
        uint64_t size = (uint64_t)TG_LEDGER_FIRST << k;
        uint64_t bytes = size * (sizeof(tg_a64) + sizeof(struct tg_pin_info));
        uint32_t class = tg_class_for(local, bytes);
        tg_ref ref = tg_load_relaxed32(&entry->ledger[k]);
        const tg_a64 *slots = tg_at(local, ref, bytes);
        bool taken = pins;
        if (!pins && class != TG_CLASS_NONE)
            taken = tg_check_take(check, ref, (int)class, "G3", "a chunk of a ledger");
        else if (!pins)
            taken = tg_check_take_run(check, ref, tg_pages_for(local, bytes), "G3",
                                      "a chunk of a ledger");
        for (uint64_t i = 0; taken && slots && i < size; i++)
            check_entry(check, process, &slots[i], pins);
    }
}

void tg_check_ledgers(struct tg_check *check) {
    for (uint32_t i = 0; i < check->local->header.process_count; i++) check_ledger(check, i, false);
}

static void check_pins(struct tg_check *check) {
    for (uint32_t i = 0; i < check->local->header.process_count; i++) check_ledger(check, i, true);
}

/* ---- limbo ------------------------------------------------------------------------------ */

static void check_retired(struct tg_check *check, tg_ref ref, uint32_t class) {
    struct tg_local *local = check->local;
    if (class != TG_CLASS_DIR(local)) return;
    const struct tg_dir *dir = tg_dir_at(local, ref);
    if (dir && tg_load_relaxed32(&dir->state) != TG_DIR_DEAD)
        tg_check_say(check, "Q4", tg_check_at(check, ref), "a retired directory", "it is not dead");
}

/* Walks a list of retired blocks; returns its length and its end. */
static uint32_t check_list(struct tg_check *check, tg_ref ref, const char *what, tg_ref *tail) {
    struct tg_local *local = check->local;
    uint32_t length = 0;
    *tail = 0;
    while (ref != 0) {
        int class = tg_class_of_ref(local, ref);
        bool again = tg_check_reached(check, ref);
        if (class == (int)TG_CLASS_OBJECT(local))
            tg_check_take_object(check, ref, TG_OBJECT_UNLINKED, "B2", what);
        else
            (void)tg_check_take(check, ref, class, "A3", what);
        if (class < 0 || again || !tg_check_reached(check, ref)) return length;
        check_retired(check, ref, (uint32_t)class);
        const uint8_t *block = tg_at(local, ref, 8);
        if (block == NULL) return length;
        *tail = ref;
        length++;
        ref = tg_load_relaxed32((const tg_a32 *)(block + TG_LINK_OFFSET));
    }
    return length;
}

static void check_counted_list(struct tg_check *check, const tg_a32 *head, const tg_a32 *count,
                               const char *what) {
    tg_ref tail;
    if (check_list(check, tg_load_relaxed32(head), what, &tail) != tg_load_relaxed32(count))
        tg_check_say(check, "limbo", tg_check_where(check, count), what, "counted wrong");
}

static void check_batches(struct tg_check *check, struct tg_context *context) {
    uint64_t where = tg_check_where(check, &context->batch_first);
    uint64_t epoch = tg_load_relaxed64(&check->local->hot->epoch), last = 0;
    uint32_t first = tg_load_relaxed32(&context->batch_first);
    uint32_t count = tg_load_relaxed32(&context->batch_count);
    if (first >= TG_LIMBO_BATCHES || count > TG_LIMBO_BATCHES) {
        tg_check_say(check, "limbo", where, "a ring of batches", "out of its range");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tg_limbo_batch *batch = &context->batch[(first + i) % TG_LIMBO_BATCHES];
        uint64_t tag = tg_load_relaxed64(&batch->tag);
        where = tg_check_where(check, batch);
        if (tag > epoch) tg_check_say(check, "limbo", where, "a batch", "its tag is in the future");
        if (tag < last) tg_check_say(check, "limbo", where, "a batch", "its tag is out of order");
        last = tag;
        check_counted_list(check, &batch->head, &batch->count, "a retired block");
    }
}

void tg_check_limbo(struct tg_check *check) {
    for (uint32_t id = 1; id <= check->local->header.context_count; id++) {
        struct tg_context *context = tg_context_at(check->local, id);
        tg_ref tail;
        uint32_t length = check_list(check, tg_load_relaxed32(&context->limbo_open),
                                     "a block retired last", &tail);
        if (length != tg_load_relaxed32(&context->limbo_open_count) ||
            tail != tg_load_relaxed32(&context->limbo_open_tail))
            tg_check_say(check, "limbo", tg_check_where(check, &context->limbo_open),
                         "the blocks retired last", "counted wrong");
        check_batches(check, context);
        check_counted_list(check, &context->parked, &context->parked_count, "a parked object");
    }
}

/* ---- free blocks, and those that nobody has ------------------------------------------------ */

static void take_stocked(void *state, tg_ref ref, uint32_t class, uint32_t id) {
    struct tg_check *check = state;
    struct tg_local *local = check->local;
    (void)id;
    if (!tg_check_take(check, ref, (int)class, "A3", "a block in a magazine")) return;
    const void *block = tg_block_at(local, ref, class);
    uint32_t used = 0;
    if (block && class == TG_CLASS_DIR(local))
        used = tg_load_relaxed32(&((const struct tg_dir *)block)->state);
    if (block && class == TG_CLASS_OBJECT(local))
        used = tg_load_relaxed32(&((const struct tg_object *)block)->state);
    if (used)
        tg_check_say(check, "A3", tg_check_at(check, ref), "a free block", "its state is not");
}

static void find_lost_block(void *state, tg_ref ref, uint32_t class) {
    struct tg_check *check = state;
    check->report->blocks++;
    if (tg_check_reached(check, ref)) return;
    check->report->leaked_bytes += tg_class_size(check->local, class);
    tg_check_say(check, "A3", tg_check_at(check, ref), "a block",
                 class == TG_CLASS_DIR(check->local)      ? "nobody has this directory"
                 : class == TG_CLASS_OBJECT(check->local) ? "nobody has this object"
                                                          : "nobody has it");
}

static void find_lost_run(void *state, uint32_t first, uint32_t pages, uint32_t id) {
    struct tg_check *check = state;
    const struct tg_local *local = check->local;
    bool owned = tg_check_run_reached(check, first);
    if (owned != (id != 0)) return;
    if (!owned) check->report->leaked_bytes += (uint64_t)pages << local->header.page_shift;
    tg_check_say(check, "A3", tg_page_offset(local, first), "a run",
                 owned ? "somebody has it beside the context" : "nobody has it");
}

void tg_check_leaks(struct tg_check *check) {
    /* Who is reading may be between a pin and its check (G2). */
    if (!check->readers) check_pins(check);
    tg_arena_each_stocked(check->local, take_stocked, check);
    tg_arena_each_block(check->local, find_lost_block, check);
    tg_arena_each_run(check->local, find_lost_run, check);
}
