/* SPDX-License-Identifier: Apache-2.0 */
/* Listing, as names/list.c does it, out of copies. */
#include "look.h"
#include "reader.h"

/* Children a look: each is copied by itself, and the epoch must not pass. Fewer after a look
 * that did not hold. */
#ifdef TG_SIM
enum { BATCH = 2 };
#else
enum { BATCH = 64 };
#endif

/* Where a listing is, with the slots that it goes through. */
struct place {
    struct tg_look *look;
    struct tg_cursor *cursor;
    const uint8_t *slots;
    uint32_t slot_count;
    tg_ref first; /* chunk of the dir */
    tg_ref next;  /* chunk after these slots */
    uint8_t dir[sizeof(struct tg_dir)];
    uint8_t chunk[sizeof(struct tg_chunk)];
};

static bool is_dir(const struct tg_local *local, tg_ref ref) {
    return ref != 0 && tg_class_of_ref(local, ref) == (int)TG_CLASS_DIR(local);
}

static bool copy_generation(struct tg_look *look, tg_ref dir, uint32_t *generation) {
    uint8_t copy[4];
    if (!tg_look_copy(look, dir, offsetof(struct tg_dir, generation), copy, 4)) return false;
    *generation = tg_bytes4(copy);
    return true;
}

tg_status tg_reader_list_begin(struct tg_local *local, struct tg_key key,
                               struct tg_cursor *cursor) {
    struct tg_look look;
    struct tg_copied copied;
    tg_look_init(&look, local);
    while (tg_look_begin(&look, true)) {
        bool found = true;
        tg_ref dir = 0;
        *cursor = (struct tg_cursor){0};
        if (key.bytes == NULL) {
            dir = tg_load_relaxed32(&local->hot->root);
        } else {
            found = tg_look_walk(&look, key, &copied);
            if (found) dir = copied.view.dir;
        }
        if (found && is_dir(local, dir) && copy_generation(&look, dir, &cursor->generation))
            cursor->dir = dir;
        tg_status status = tg_look_end(&look, true);
        if (status == TG_RETRY) continue;
        if (status != TG_OK) return status;
        return found ? TG_OK : TG_ABSENT;
    }
    return TG_INTERRUPTED;
}

/* ---- slots ------------------------------------------------------------------------------ */

/* False: it is not the directory of the cursor any more, or trouble. */
static bool open_dir(struct place *place) {
    struct tg_look *look = place->look;
    struct tg_cursor *cursor = place->cursor;
    if (!is_dir(look->local, cursor->dir)) return false;
    /* Two equal copies: the state of the first was there before the generation of the second. */
    if (!tg_look_changing(look, cursor->dir, 0, place->dir, sizeof place->dir)) return false;
    bool same = TG_COPIED32(place->dir, tg_dir, generation) == cursor->generation ||
                TG_MUTANT(reader_any_generation);
    if (!same || TG_COPIED32(place->dir, tg_dir, state) != TG_DIR_LIVE) return false;
    place->first = place->next = TG_COPIED32(place->dir, tg_dir, first);
    place->slots = place->dir + offsetof(struct tg_dir, slot);
    place->slot_count = TG_DIR_SLOTS;
    return true;
}

/* Goes to a chunk, whose ordinal must be at least `least`. */
static bool open_chunk(struct place *place, tg_ref ref, uint64_t least) {
    if (!tg_look_changing(place->look, ref, 0, place->chunk, sizeof place->chunk)) return false;
    if (TG_COPIED64(place->chunk, tg_chunk, ordinal) < least)
        return tg_look_bad(place->look, TG_CORRUPT);
    place->slots = place->chunk + offsetof(struct tg_chunk, slot);
    place->slot_count = TG_CHUNK_SLOTS;
    place->next = TG_COPIED32(place->chunk, tg_chunk, next);
    return true;
}

/* Is the chunk where the cursor rests still one of the directory? */
static bool is_resting(const struct place *place) {
    const struct tg_cursor *cursor = place->cursor;
    if (TG_MUTANT(reader_chunk_unchecked)) return true;
    return TG_COPIED32(place->chunk, tg_chunk, dir) == cursor->dir &&
           TG_COPIED64(place->chunk, tg_chunk, ordinal) == cursor->ordinal &&
           TG_COPIED32(place->chunk, tg_chunk, used) != 0;
}

/* The chunk of the cursor if it is still the dir's, else the first behind it. False: there is
 * none, or trouble. */
static bool resume(struct place *place) {
    const struct tg_local *local = place->look->local;
    struct tg_cursor *cursor = place->cursor;
    if (cursor->chunk == 0 && cursor->ordinal == 0) return true; /* in the dir's own slots */
    if (tg_class_of_ref(local, cursor->chunk) == (int)tg_children_chunk_class(local)) {
        if (!open_chunk(place, cursor->chunk, 0)) return false;
        if (is_resting(place)) return true;
    }
    uint64_t least = 0;
    for (tg_ref ref = place->first; ref != 0; ref = place->next) {
        if (!open_chunk(place, ref, least)) return false;
        uint64_t ordinal = TG_COPIED64(place->chunk, tg_chunk, ordinal);
        least = ordinal + 1;
        if (ordinal < cursor->ordinal) continue;
        if (ordinal != cursor->ordinal) cursor->slot = 0;
        cursor->chunk = ref;
        cursor->ordinal = ordinal;
        return true;
    }
    return false;
}

/* The next record at or after the cursor, which moves behind it. 0: the end, or trouble. */
static tg_ref next_record(struct place *place) {
    struct tg_cursor *cursor = place->cursor;
    for (;;) {
        while (cursor->slot < place->slot_count) {
            tg_ref ref = tg_copied_slot(place->slots, cursor->slot++);
            if (ref != 0) return ref;
        }
        tg_ref next = place->next;
        if (next == 0 || !open_chunk(place, next, cursor->ordinal + 1)) return 0;
        cursor->chunk = next;
        cursor->ordinal = TG_COPIED64(place->chunk, tg_chunk, ordinal);
        cursor->slot = 0;
    }
}

/* ---- children --------------------------------------------------------------------------- */

/* False: the batch is full, or trouble. */
static bool add_child(struct tg_look *look, tg_ref ref, struct tg_listing *listing) {
    struct tg_local *local = look->local;
    struct tg_copied copied;
    if (!tg_look_record(look, ref, &copied)) return false;
    const struct tg_view *view = &copied.view;
    if (listing->count == listing->capacity ||
        listing->text_used + copied.name_size > listing->text_size)
        return false;
    bool has_value = view->flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT);
    struct tg_child child = {
        .name_offset = (uint32_t)listing->text_used,
        .name_size = copied.name_size,
        .expiry = view->expiry,
        .size = view->size,
        .has_value = has_value && !tg_expired(local, view->expiry),
    };
    uint8_t size[8];
    if (is_dir(local, view->dir)) {
        if (!copy_generation(look, view->dir, &child.generation)) return false;
        child.dir = view->dir;
        child.has_children = true;
    }
    if (view->object) {
        if (!tg_look_copy(look, view->object, offsetof(struct tg_object, size), size, 8))
            return false;
        child.size = tg_bytes8(size);
    }
    if (!child.has_value && !child.has_children) return true; /* expired: skipped */
    memcpy(listing->text + listing->text_used, copied.name, copied.name_size);
    listing->text_used += copied.name_size;
    listing->children[listing->count++] = child;
    return true;
}

static void read_batch(struct place *place, uint32_t most, struct tg_listing *listing) {
    struct tg_cursor *cursor = place->cursor;
    bool more = open_dir(place) && resume(place);
    for (uint32_t i = 0; more && i < most; i++) {
        struct tg_cursor before = *cursor;
        tg_ref ref = next_record(place);
        more = ref != 0;
        if (more && !add_child(place->look, ref, listing)) {
            *cursor = before;
            return;
        }
    }
    if (!more) cursor->dir = 0;
}

tg_status tg_reader_list_next(struct tg_local *local, struct tg_cursor *cursor,
                              struct tg_listing *listing) {
    struct tg_look look;
    uint32_t most = BATCH;
    tg_look_init(&look, local);
    while (cursor->dir != 0 && listing->count == 0) {
        struct tg_cursor before = *cursor;
        struct place place = {.look = &look, .cursor = cursor};
        if (!tg_look_begin(&look, false)) return TG_INTERRUPTED;
        read_batch(&place, most, listing);
        tg_status status = tg_look_end(&look, false);
        if (status == TG_OK) continue;
        *cursor = before;
        listing->count = listing->text_used = 0;
        if (status != TG_RETRY) return status;
        most = most > 1 ? most / 2 : 1;
    }
    return TG_OK;
}
