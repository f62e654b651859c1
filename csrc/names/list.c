/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

enum { BATCH_MAX = 512 }; /* children a section, so that it stays short */

static void point_at(struct tg_local *local, tg_ref ref, struct tg_cursor *cursor) {
    struct tg_dir *dir = tg_dir_at(local, ref);
    *cursor = (struct tg_cursor){0};
    if (dir == NULL) return;
    cursor->dir = ref;
    cursor->generation = tg_load_relaxed32(&dir->generation);
}

tg_status tg_names_list_begin(struct tg_call *call, struct tg_key key, struct tg_cursor *cursor) {
    struct tg_local *local = call->local;
    for (;;) {
        bool corrupt = false, found = true;
        uint64_t seq = tg_names_seq(call);
        tg_status status = tg_read_enter(call);
        if (status != TG_OK) return status;
        *cursor = (struct tg_cursor){0};
        if (key.bytes == NULL) {
            point_at(local, tg_load_relaxed32(&local->hot->root), cursor);
        } else {
            struct tg_record *record = tg_walk(local, key, &corrupt);
            found = record != NULL;
            if (found) point_at(local, tg_record_dir(record), cursor);
        }
        bool unmoved = tg_names_unmoved(local, seq);
        if (!tg_read_leave(call) || !unmoved) continue;
        if (corrupt) return TG_CORRUPT;
        return found ? TG_OK : TG_ABSENT;
    }
}

/* False: the batch is full. */
static bool add_child(struct tg_local *local, struct tg_record *record,
                      struct tg_listing *listing) {
    uint32_t size = tg_record_name_size(record);
    if (listing->count == listing->capacity || listing->text_used + size > listing->text_size)
        return false;
    uint32_t expiry = tg_load_relaxed32(&record->expiry);
    bool gone = tg_expired(local, expiry);
    tg_ref dir_ref = tg_record_dir(record);
    struct tg_dir *dir = dir_ref ? tg_dir_at(local, dir_ref) : NULL;
    struct tg_object *object = tg_record_object_at(local, record);
    struct tg_child *child = &listing->children[listing->count];
    *child = (struct tg_child){
        .name_offset = (uint32_t)listing->text_used,
        .name_size = size,
        .expiry = expiry,
        .size = object ? tg_load_relaxed64(&object->size) : tg_record_value_size(record),
        .dir = dir ? dir_ref : 0,
        .generation = dir ? tg_load_relaxed32(&dir->generation) : 0,
        .has_value = tg_record_has_value(record) && !gone,
        .has_children = dir != NULL,
    };
    if (!child->has_value && dir == NULL) return true; /* expired: skipped */
    tg_copy_racy(listing->text + listing->text_used, tg_record_name(record), size);
    listing->text_used += size;
    listing->count++;
    return true;
}

static tg_status read_batch(struct tg_local *local, struct tg_cursor *cursor,
                            struct tg_listing *listing) {
    struct tg_dir *dir = tg_dir_at(local, cursor->dir);
    bool corrupt = false;
    if (dir == NULL || !tg_dir_is(dir, cursor->generation)) {
        cursor->dir = 0;
        return TG_OK;
    }
    struct tg_position position = {cursor->chunk, cursor->slot, cursor->ordinal, false};
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        struct tg_position before = position;
        struct tg_record *record = tg_children_next(local, dir, cursor->dir, &position, &corrupt);
        if (record == NULL) {
            cursor->dir = 0;
            return corrupt ? TG_CORRUPT : TG_OK;
        }
        if (!add_child(local, record, listing)) {
            position = before;
            break;
        }
    }
    cursor->chunk = position.chunk;
    cursor->slot = position.slot;
    cursor->ordinal = position.ordinal;
    return corrupt ? TG_CORRUPT : TG_OK;
}

tg_status tg_names_list_next(struct tg_call *call, struct tg_cursor *cursor,
                             struct tg_listing *listing) {
    while (cursor->dir != 0 && listing->count == 0) {
        struct tg_cursor before = *cursor;
        tg_status status = tg_read_enter(call);
        if (status != TG_OK) return status;
        status = read_batch(call->local, cursor, listing);
        if (!tg_read_leave(call)) {
            *cursor = before;
            listing->count = listing->text_used = 0;
            continue;
        }
        if (status != TG_OK) return status;
    }
    return TG_OK;
}
