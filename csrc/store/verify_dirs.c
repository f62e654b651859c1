/* SPDX-License-Identifier: Apache-2.0 */
/* Directories: each reached once, its children listed once, by a descent of bounded depth. */
#include "../arena/verify.h"
#include "verify_state.h"

static struct tg_chunk *chunk_of(const struct tg_check *check, tg_ref ref, tg_ref dir) {
    struct tg_local *local = check->local;
    if (ref == 0 || tg_class_of_ref(local, ref) != (int)tg_children_chunk_class(local)) return NULL;
    struct tg_chunk *chunk = tg_at(local, ref, sizeof *chunk);
    return chunk && tg_load_relaxed32(&chunk->dir) == dir ? chunk : NULL;
}

/* ---- one directory ------------------------------------------------------------------- */

/* Returns how many of the slots are taken. */
static uint32_t check_slots(struct tg_check *check, tg_ref dir, tg_ref chunk, const tg_a32 *slots,
                            uint32_t count) {
    struct tg_local *local = check->local;
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        tg_ref ref = tg_load_relaxed32(&slots[i]);
        if (ref == 0) continue;
        used++;
        struct tg_record *record = tg_record_at(local, ref);
        uint64_t where = tg_check_at(check, ref);
        if (record == NULL || !tg_check_reached(check, ref)) {
            tg_check_say(check, "D5", where, "a child", "it is no record of the table");
            continue;
        }
        bool corrupt = false;
        struct tg_check_key key;
        tg_check_key_of(local, record, dir, &key);
        if (tg_load_relaxed32(&record->parent) != dir)
            tg_check_say(check, "D5", where, "a child", "it belongs to another directory");
        else if (tg_load_relaxed32(&record->chunk) != chunk ||
                 TG_META_SLOT(tg_load_relaxed32(&record->meta)) != i)
            tg_check_say(check, "D5", where, "a child", "it names another slot");
        else if (tg_table_find(local, key.hash, dir, &key.name, &corrupt) != record)
            tg_check_say(check, "D5", where, "a child", "the table doesn't find it");
    }
    check->slots += used;
    return used;
}

/* Returns the number of chunks with room. */
static uint32_t check_chunks(struct tg_check *check, struct tg_dir *dir, tg_ref dir_ref,
                             uint32_t *children) {
    uint32_t with_room = 0;
    tg_ref previous = 0, ref = tg_load_relaxed32(&dir->first);
    uint64_t ordinal = 0, next_ordinal = tg_load_relaxed64(&dir->next_ordinal);
    uint32_t class = tg_children_chunk_class(check->local);
    while (ref != 0) {
        uint64_t where = tg_check_at(check, ref);
        if (!tg_check_take(check, ref, (int)class, "D4", "a chunk")) return with_room;
        struct tg_chunk *chunk = chunk_of(check, ref, dir_ref);
        if (chunk == NULL) {
            tg_check_say(check, "D4", where, "a chunk", "it belongs to another directory");
            return with_room;
        }
        uint32_t used = check_slots(check, dir_ref, ref, chunk->slot, TG_CHUNK_SLOTS);
        uint64_t own = tg_load_relaxed64(&chunk->ordinal);
        if (tg_load_relaxed32(&chunk->previous) != previous)
            tg_check_say(check, "D4", where, "a chunk", "its back link is wrong");
        if (own <= ordinal || own >= next_ordinal)
            tg_check_say(check, "D4", where, "a chunk", "its ordinal is out of order");
        if (used == 0 || used != tg_load_relaxed32(&chunk->used))
            tg_check_say(check, "D4", where, "a chunk", "it counts other children than it has");
        ordinal = own;
        *children += used;
        with_room += used < TG_CHUNK_SLOTS;
        previous = ref;
        ref = tg_load_relaxed32(&chunk->next);
    }
    if (tg_load_relaxed32(&dir->last) != previous)
        tg_check_say(check, "D4", tg_check_at(check, dir_ref), "a directory",
                     "its last chunk is another");
    return with_room;
}

static void check_partial(struct tg_check *check, struct tg_dir *dir, tg_ref dir_ref,
                          uint32_t with_room) {
    uint32_t length = 0;
    tg_ref previous = 0, ref = tg_load_relaxed32(&dir->partial);
    for (; ref != 0 && length <= with_room; length++) {
        uint64_t where = tg_check_at(check, ref);
        struct tg_chunk *chunk = chunk_of(check, ref, dir_ref);
        if (chunk == NULL || !tg_check_reached(check, ref)) {
            tg_check_say(check, "D2", where, "a list of chunks with room", "what is no chunk");
            return;
        }
        if (tg_load_relaxed32(&chunk->used) >= TG_CHUNK_SLOTS)
            tg_check_say(check, "D2", where, "a list of chunks with room", "a chunk is full");
        if (tg_load_relaxed32(&chunk->partial_previous) != previous)
            tg_check_say(check, "D2", where, "a list of chunks with room", "a back link is wrong");
        previous = ref;
        ref = tg_load_relaxed32(&chunk->partial_next);
    }
    if (length != with_room)
        tg_check_say(check, "D2", tg_check_at(check, dir_ref), "a directory",
                     "not each chunk with room is listed once");
}

static void check_state(struct tg_check *check, struct tg_dir *dir, uint64_t where, uint32_t count,
                        bool is_root) {
    uint32_t state = tg_load_relaxed32(&dir->state);
    if (tg_load_relaxed32(&dir->generation) == 0)
        tg_check_say(check, "D3", where, "a directory", "it has no generation");
    if (check->dropped) {
        if (state != TG_DIR_LIVE && state != TG_DIR_DEAD)
            tg_check_say(check, "Q4", where, "a dropped directory", "it is free");
        return;
    }
    if (state != TG_DIR_LIVE)
        tg_check_say(check, "Q4", where, "a directory", "it is not live but can be reached");
    if (count == 0 && !is_root)
        tg_check_say(check, "Q1", where, "a directory", "it can be reached and has no child");
}

static void check_dir(struct tg_check *check, struct tg_dir *dir, tg_ref ref, bool is_root) {
    uint64_t where = tg_check_at(check, ref);
    check->report->dirs++;
    tg_check_lock(check, &dir->lock, "the lock of a directory");
    uint32_t children = check_slots(check, ref, 0, dir->slot, TG_DIR_SLOTS);
    uint32_t with_room = check_chunks(check, dir, ref, &children);
    check_partial(check, dir, ref, with_room);
    if (tg_load_relaxed32(&dir->count) != children)
        tg_check_say(check, "D1", where, "a directory", "it counts other children than it has");
    check_state(check, dir, where, children, is_root);
}

/* ---- the descent ----------------------------------------------------------------------- */

/* The next slot of a frame; NULL: the end. Ordinals rise, so no list is endless. */
static const tg_a32 *next_slot(const struct tg_check *check, struct tg_check_frame *frame) {
    struct tg_dir *dir = tg_dir_at(check->local, frame->dir);
    if (dir == NULL) return NULL;
    if (frame->chunk == 0 && frame->slot < TG_DIR_SLOTS) return &dir->slot[frame->slot++];
    struct tg_chunk *chunk = chunk_of(check, frame->chunk, frame->dir);
    if (frame->chunk != 0 && chunk == NULL) return NULL;
    if (chunk != NULL && frame->slot < TG_CHUNK_SLOTS) return &chunk->slot[frame->slot++];
    tg_ref next = tg_load_relaxed32(chunk ? &chunk->next : &dir->first);
    struct tg_chunk *after = chunk_of(check, next, frame->dir);
    if (after == NULL) return NULL;
    if (chunk && tg_load_relaxed64(&after->ordinal) <= tg_load_relaxed64(&chunk->ordinal))
        return NULL;
    frame->chunk = next;
    frame->slot = 1;
    return &after->slot[0];
}

static void enter(struct tg_check *check, tg_ref ref, bool is_root) {
    struct tg_dir *dir = tg_dir_at(check->local, ref);
    if (dir == NULL || tg_check_seen(check, ref)) return;
    if (check->depth == TG_CHECK_DEPTH) {
        check->too_deep = true;
        return;
    }
    (void)tg_check_see(check, ref);
    check_dir(check, dir, ref, is_root);
    check->stack[check->depth++] = (struct tg_check_frame){ref, 0, 0};
}

static void descend(struct tg_check *check) {
    while (check->depth > 0) {
        struct tg_check_frame *frame = &check->stack[check->depth - 1];
        const tg_a32 *slot = next_slot(check, frame);
        if (slot == NULL) {
            check->depth--;
            continue;
        }
        tg_ref ref = tg_load_relaxed32(slot);
        struct tg_record *record = ref ? tg_record_at(check->local, ref) : NULL;
        if (record != NULL && tg_load_relaxed32(&record->parent) == frame->dir)
            enter(check, tg_record_dir(record), false);
    }
}

static void again(void *state, tg_ref ref, uint32_t class) {
    struct tg_check *check = state;
    if (class != TG_CLASS_DIR(check->local) || !tg_check_seen(check, ref)) return;
    check->stack[check->depth++] = (struct tg_check_frame){ref, 0, 0};
    descend(check);
}

/* Below `ref`. Trees deeper than the stack are finished from where it ended. */
static void walk(struct tg_check *check, tg_ref ref, bool is_root) {
    enter(check, ref, is_root);
    descend(check);
    while (check->too_deep) {
        check->too_deep = false;
        tg_arena_each_block(check->local, again, check);
    }
}

/* ---- where the descents begin ------------------------------------------------------------ */

static void take_dropped(struct tg_check *check) {
    struct tg_local *local = check->local;
    tg_ref ref = tg_load_relaxed32(&local->hot->reap_head);
    if (ref != 0) tg_check_pending(check, &local->hot->reap_head, "a drop");
    /* A circle comes back to one that is taken. */
    while (ref != 0 &&
           tg_check_take(check, ref, (int)TG_CLASS_DIR(local), "D6", "a dropped directory")) {
        const struct tg_dir *dir = tg_dir_at(local, ref);
        if (dir == NULL) return;
        if (tg_load_relaxed32(&dir->state) != TG_DIR_DEAD)
            tg_check_say(check, "Q4", tg_check_at(check, ref), "a dropped directory",
                         "it is not dead");
        ref = tg_load_relaxed32(&dir->reap_next);
    }
}

void tg_check_roots(struct tg_check *check) {
    struct tg_local *local = check->local;
    int class = (int)TG_CLASS_DIR(local);
    (void)tg_check_take(check, tg_load_relaxed32(&local->hot->root), class, "D6", "the root");
    take_dropped(check);
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        tg_ref ref = tg_load_relaxed32(&tg_context_at(local, id)->orphan);
        if (ref != 0) (void)tg_check_take(check, ref, class, "D6", "a private directory");
    }
}

static void walk_dropped(struct tg_check *check) {
    struct tg_local *local = check->local;
    tg_ref ref = tg_load_relaxed32(&local->hot->reap_head);
    while (ref != 0 && !tg_check_seen(check, ref)) {
        const struct tg_dir *dir = tg_dir_at(local, ref);
        if (dir == NULL) return;
        walk(check, ref, false);
        ref = tg_load_relaxed32(&dir->reap_next);
    }
}

static void check_unseen(void *state, tg_ref ref, uint32_t class) {
    struct tg_check *check = state;
    if (class != TG_CLASS_DIR(check->local)) return;
    const struct tg_dir *dir = tg_dir_at(check->local, ref);
    if (dir && !tg_check_seen(check, ref))
        tg_check_lock(check, &dir->lock, "the lock of a free directory");
    if (tg_check_reached(check, ref) && !tg_check_seen(check, ref))
        tg_check_say(check, "D6", tg_check_at(check, ref), "a directory",
                     "it has an owner, but no way leads there from the root");
}

void tg_check_dirs(struct tg_check *check) {
    struct tg_local *local = check->local;
    walk(check, tg_load_relaxed32(&local->hot->root), true);
    check->dropped = true;
    walk_dropped(check);
    for (uint32_t id = 1; id <= local->header.context_count; id++)
        walk(check, tg_load_relaxed32(&tg_context_at(local, id)->orphan), false);
    tg_arena_each_block(local, check_unseen, check);
    if (check->slots != check->report->records)
        tg_check_say(check, "D5", check->slots, "the children of all directories",
                     "are not as many as the records");
}
