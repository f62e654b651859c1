/* SPDX-License-Identifier: Apache-2.0 */
#include "children.h"

struct tg_dir *tg_dir_at(const struct tg_local *local, tg_ref ref) {
    if (TG_UNLIKELY(!tg_block_is(local, ref, TG_CLASS_DIR(local)))) return NULL;
    return tg_at_offset(local, (uint64_t)ref << local->header.ref_shift);
}

static struct tg_chunk *chunk_at(const struct tg_local *local, tg_ref ref) {
    return ref ? tg_at(local, ref, sizeof(struct tg_chunk)) : NULL;
}

tg_a32 *tg_children_slot(const struct tg_local *local, struct tg_dir *dir,
                         const struct tg_record *record) {
    uint32_t slot = TG_META_SLOT(tg_load_relaxed32(&record->meta));
    tg_ref chunk_ref = tg_load_relaxed32(&record->chunk);
    if (chunk_ref == 0) return slot < TG_DIR_SLOTS ? &dir->slot[slot] : NULL;
    struct tg_chunk *chunk = chunk_at(local, chunk_ref);
    return chunk && slot < TG_CHUNK_SLOTS ? &chunk->slot[slot] : NULL;
}

/* `guess` is tried first: where no child has gone yet, the slots are taken in turn. */
static int free_slot(struct tg_call *call, const tg_a32 *slots, uint32_t count, uint32_t guess) {
    if (guess < count && tg_pending32(call, &slots[guess]) == 0) return (int)guess;
    for (uint32_t i = 0; i < count; i++)
        if (tg_pending32(call, &slots[i]) == 0) return (int)i;
    return -1;
}

static void place(struct tg_record *record, tg_ref chunk, uint32_t slot, uint32_t name_size,
                  uint32_t flags, uint32_t codec) {
    tg_store_relaxed32(&record->chunk, chunk);
    tg_store_relaxed32(&record->meta, TG_META(slot, name_size, flags, codec));
}

static void log_partial_unlink(struct tg_call *call, struct tg_dir *dir, struct tg_chunk *chunk) {
    struct tg_local *local = call->local;
    tg_ref next_ref = tg_pending32(call, &chunk->partial_next);
    tg_ref previous_ref = tg_pending32(call, &chunk->partial_previous);
    struct tg_chunk *next = chunk_at(local, next_ref);
    struct tg_chunk *previous = chunk_at(local, previous_ref);
    tg_log32(call, previous ? &previous->partial_next : &dir->partial, next_ref);
    if (next) tg_log32(call, &next->partial_previous, previous_ref);
}

static void log_partial_push(struct tg_call *call, struct tg_dir *dir, struct tg_chunk *chunk) {
    tg_ref head_ref = tg_pending32(call, &dir->partial);
    struct tg_chunk *head = chunk_at(call->local, head_ref);
    tg_ref ref = tg_ref_of(call->local, chunk);
    tg_log32(call, &chunk->partial_next, head_ref);
    tg_log32(call, &chunk->partial_previous, 0);
    if (head) tg_log32(call, &head->partial_previous, ref);
    tg_log32(call, &dir->partial, ref);
}

/* A private chunk at the end of the list, its first slot taken. */
static void log_append_chunk(struct tg_call *call, struct tg_dir *dir, tg_ref record_ref,
                             tg_ref *chunk_ref) {
    struct tg_local *local = call->local;
    tg_ref ref = tg_need_use(call, tg_children_chunk_class(local));
    struct tg_chunk *chunk = chunk_at(local, ref);
    TG_CHECK(chunk != NULL);
    tg_ref last_ref = tg_pending32(call, &dir->last);
    struct tg_chunk *last = chunk_at(local, last_ref);
    uint64_t ordinal = tg_pending64(call, &dir->next_ordinal);
    tg_store_relaxed32(&chunk->dir, tg_ref_of(local, dir));
    tg_store_relaxed32(&chunk->next, 0);
    tg_store_relaxed32(&chunk->previous, last_ref);
    tg_store_relaxed32(&chunk->partial_next, 0);
    tg_store_relaxed32(&chunk->partial_previous, 0);
    tg_store_relaxed32(&chunk->used, 1);
    tg_store_relaxed64(&chunk->ordinal, ordinal);
    tg_store_relaxed32(&chunk->slot[0], record_ref);
    for (uint32_t i = 1; i < TG_CHUNK_SLOTS; i++) tg_store_relaxed32(&chunk->slot[i], 0);
    tg_log64(call, &dir->next_ordinal, ordinal + 1);
    tg_log32(call, last ? &last->next : &dir->first, ref);
    tg_log32(call, &dir->last, ref);
    tg_log32(call, &dir->partial, TG_CHUNK_SLOTS > 1 ? ref : 0);
    *chunk_ref = ref;
}

static bool add_to_partial(struct tg_call *call, struct tg_dir *dir, tg_ref record_ref,
                           tg_ref *chunk_ref, uint32_t *slot) {
    struct tg_chunk *chunk = chunk_at(call->local, tg_pending32(call, &dir->partial));
    if (chunk == NULL) return false;
    uint32_t used = tg_pending32(call, &chunk->used);
    int found = free_slot(call, chunk->slot, TG_CHUNK_SLOTS, used);
    if (found < 0) return false;
    used++;
    tg_log32(call, &chunk->slot[found], record_ref);
    tg_log32(call, &chunk->used, used);
    if (used == TG_CHUNK_SLOTS) log_partial_unlink(call, dir, chunk);
    *chunk_ref = tg_ref_of(call->local, chunk);
    *slot = (uint32_t)found;
    return true;
}

void tg_children_log_add(struct tg_call *call, struct tg_dir *dir, struct tg_record *record,
                         uint32_t name_size, uint32_t flags, uint32_t codec) {
    tg_ref record_ref = tg_ref_of(call->local, record), chunk_ref = 0;
    uint32_t slot = 0, count = tg_pending32(call, &dir->count);
    int own = count < TG_DIR_SLOTS ? free_slot(call, dir->slot, TG_DIR_SLOTS, count) : -1;
    if (own >= 0) {
        slot = (uint32_t)own;
        tg_log32(call, &dir->slot[own], record_ref);
    } else if (!add_to_partial(call, dir, record_ref, &chunk_ref, &slot)) {
        log_append_chunk(call, dir, record_ref, &chunk_ref);
    }
    tg_log32(call, &dir->count, count + 1);
    place(record, chunk_ref, slot, name_size, flags, codec);
}

bool tg_children_log_move(struct tg_call *call, struct tg_dir *dir, struct tg_record *old,
                          tg_ref fresh) {
    tg_a32 *slot = tg_children_slot(call->local, dir, old);
    if (slot == NULL) return false;
    if (!TG_MUTANT(replace_forgets_child)) tg_log32(call, slot, fresh);
    return true;
}

static void log_remove_chunk(struct tg_call *call, struct tg_dir *dir, struct tg_chunk *chunk) {
    struct tg_local *local = call->local;
    tg_ref next_ref = tg_pending32(call, &chunk->next);
    tg_ref previous_ref = tg_pending32(call, &chunk->previous);
    struct tg_chunk *next = chunk_at(local, next_ref);
    struct tg_chunk *previous = chunk_at(local, previous_ref);
    tg_log32(call, previous ? &previous->next : &dir->first, next_ref);
    tg_log32(call, next ? &next->previous : &dir->last, previous_ref);
    tg_retire(call, chunk);
}

bool tg_children_log_remove(struct tg_call *call, struct tg_dir *dir, struct tg_record *record) {
    tg_a32 *slot = tg_children_slot(call->local, dir, record);
    if (slot == NULL) return false;
    tg_log32(call, slot, 0);
    tg_log32(call, &dir->count, tg_pending32(call, &dir->count) - 1);
    struct tg_chunk *chunk = chunk_at(call->local, tg_load_relaxed32(&record->chunk));
    if (chunk == NULL) return true;
    uint32_t used = tg_pending32(call, &chunk->used);
    tg_log32(call, &chunk->used, used - 1);
    if (used == 1) {
        if (TG_CHUNK_SLOTS > 1) log_partial_unlink(call, dir, chunk);
        log_remove_chunk(call, dir, chunk);
    } else if (used == TG_CHUNK_SLOTS) {
        log_partial_push(call, dir, chunk);
    }
    return true;
}

/* The chunk of the position if it is still the dir's, else the first behind it. */
static struct tg_chunk *resume(struct tg_local *local, struct tg_dir *dir, tg_ref dir_ref,
                               struct tg_position *position) {
    struct tg_chunk *chunk = chunk_at(local, position->chunk);
    if (chunk != NULL && TG_MUTANT(list_chunk_unchecked)) return chunk;
    if (chunk != NULL &&
        tg_class_of_ref(local, position->chunk) == (int)tg_children_chunk_class(local) &&
        tg_load_relaxed32(&chunk->dir) == dir_ref &&
        tg_load_relaxed64(&chunk->ordinal) == position->ordinal &&
        tg_load_relaxed32(&chunk->used) != 0)
        return chunk;
    /* PAIR publish: chunks are filled before they are linked. */
    chunk = chunk_at(local, tg_load_acquire32(&dir->first));
    for (uint32_t steps = 0; chunk != NULL && steps < (1u << 26); steps++) {
        uint64_t ordinal = tg_load_relaxed64(&chunk->ordinal);
        if (ordinal >= position->ordinal) {
            if (ordinal != position->ordinal) position->slot = 0;
            return chunk;
        }
        /* PAIR publish: as above. */
        chunk = chunk_at(local, tg_load_acquire32(&chunk->next));
    }
    return NULL;
}

static struct tg_record *next_in(struct tg_local *local, tg_a32 *slots, uint32_t count,
                                 struct tg_position *position, bool *corrupt) {
    while (position->slot < count) {
        /* PAIR publish: a record is filled before its slot names it. */
        tg_ref ref = tg_load_acquire32(&slots[position->slot++]);
        if (ref == 0) continue;
        struct tg_record *record = tg_record_at(local, ref);
        if (record != NULL) return record;
        *corrupt = true;
    }
    return NULL;
}

struct tg_record *tg_children_next(struct tg_local *local, struct tg_dir *dir, tg_ref dir_ref,
                                   struct tg_position *position, bool *corrupt) {
    struct tg_record *record;
    struct tg_chunk *chunk;
    if (position->end) return NULL;
    if (position->chunk == 0 && position->ordinal == 0) {
        record = next_in(local, dir->slot, TG_DIR_SLOTS, position, corrupt);
        if (record != NULL) return record;
        position->slot = 0;
        /* PAIR publish: see resume. */
        chunk = chunk_at(local, tg_load_acquire32(&dir->first));
    } else {
        chunk = resume(local, dir, dir_ref, position);
    }
    for (uint32_t steps = 0; chunk != NULL && steps < (1u << 26); steps++) {
        uint64_t ordinal = tg_load_relaxed64(&chunk->ordinal);
        if (ordinal < position->ordinal || (steps && ordinal == position->ordinal)) {
            *corrupt = true; /* a chain that comes back to where it was has no end */
            break;
        }
        position->chunk = tg_ref_of(local, chunk);
        position->ordinal = ordinal;
        record = next_in(local, chunk->slot, TG_CHUNK_SLOTS, position, corrupt);
        if (record != NULL) return record;
        /* PAIR publish: see resume. */
        chunk = chunk_at(local, tg_load_acquire32(&chunk->next));
        position->slot = 0;
    }
    position->end = true;
    return NULL;
}
