/* SPDX-License-Identifier: Apache-2.0 */
/* Setting a value: replace, insert, or insert with missing parents. */
#include "build.h"

static void fill_leaf(const struct tg_update *update, const struct tg_level *level, tg_ref dir,
                      tg_ref object, struct tg_fill *fill) {
    *fill = (struct tg_fill){
        .hash = level->hash,
        .parent = level->dir,
        .name = level->name,
        .dir = dir,
        .object = object,
        .inline_value = object == 0,
        .codec = update->codec,
        .expiry = update->expiry,
        .size = update->size,
        .version = update->version,
        .parts = update->parts,
        .part_count = update->part_count,
    };
}

/* May the value `old` (NULL: none) be replaced? */
static tg_status allowed(struct tg_call *call, struct tg_update *update,
                         const struct tg_record *old) {
    bool there = old && tg_record_has_value(old) &&
                 !tg_expired(call->local, tg_load_relaxed32(&old->expiry));
    update->inserted = !there;
    if (update->mode == TG_SET_ALWAYS) return TG_OK;
    if (update->mode == TG_SET_IF_ABSENT) return there ? TG_EXISTS : TG_OK;
    uint64_t version = there ? tg_load_relaxed64(&old->version) : 0;
    /* A value that keeps its version moves out of its record once: a version names one object for
     * ever (U6 of store/reuse.h). Two may have seen it inside. */
    bool moved = update->version != 0 && old && (tg_record_flags(old) & TG_RECORD_OBJECT);
    if (moved && !TG_MUTANT(move_out_twice)) return TG_MISMATCH;
    return version == update->if_version ? TG_OK : TG_MISMATCH;
}

/* The version, logged if it is new. */
static uint64_t choose_version(struct tg_call *call, struct tg_update *update) {
    update->published = update->version ? update->version : tg_next_version(call);
    return update->published;
}

/* Before the record is: who finds it may pin at once, though we be stopped in between. */
static void log_value_published(struct tg_call *call, struct tg_update *update,
                                struct tg_record *record) {
    uint64_t version = choose_version(call, update);
    tg_store_relaxed64(&record->version, version);
    if (update->object == NULL) return;
    tg_store_relaxed64(&update->object->version, version);
    tg_object_log_publish(call, update->object, update->entry, update->keep_pin);
}

static void log_difference(struct tg_call *call, struct tg_record *fresh, struct tg_record *old) {
    struct tg_local *local = call->local;
    int64_t bytes = (int64_t)tg_record_block_bytes(local, fresh);
    if (old) bytes -= (int64_t)tg_record_block_bytes(local, old);
    tg_log_account(call, !(old && tg_record_has_value(old)), bytes);
}

/* The claim goes last: who sees none any more sees the value (PAIR publish, ops.c). */
static void commit(struct tg_call *call, struct tg_update *update) {
    if (update->build) tg_build_log_over(call, update);
    tg_need_log(call);
    tg_commit(call);
}

static tg_status replace_locked(struct tg_call *call, struct tg_update *update,
                                struct tg_spot *place, struct tg_dir *dir,
                                struct tg_record *fresh) {
    struct tg_record *old = place->record;
    tg_ref ref = tg_ref_of(call->local, fresh);
    tg_children_keep_slot(fresh, old);
    /* A value that only moves has the expiry that it has by now. */
    if (update->version && !TG_MUTANT(pin_old_expiry))
        tg_store_relaxed32(&fresh->expiry, tg_load_relaxed32(&old->expiry));
    log_value_published(call, update, fresh);
    tg_table_log_replace(call, place, ref);
    if (!tg_children_log_move(call, dir, old, ref)) return TG_CORRUPT;
    log_difference(call, fresh, old);
    tg_log_record_gone(call, old, true);
    commit(call, update);
    return TG_OK;
}

/* The common set: a small value takes the place of a small one. What replace_locked logs, in
 * its order, from one list. False: it is not that simple, and nothing has happened. */
static bool replace_small(struct tg_call *call, struct tg_update *update, struct tg_spot *place,
                          const struct tg_path *path, struct tg_record *fresh, uint32_t class) {
    struct tg_local *local = call->local;
    struct tg_context *context = call->context;
    struct tg_record *old = place->record;
    if (update->object || update->version || update->build) return false;
    if (tg_record_flags(old) != TG_RECORD_VALUE) return false;
    uint32_t size = tg_record_size(TG_RECORD_VALUE, path->at.name.size, tg_record_value_size(old));
    tg_a32 *slot = tg_children_slot(local, path->dir, old);
    if (slot == NULL || tg_class_for(local, size) != class) return false;
    tg_ref ref = tg_ref_of(local, fresh), gone = tg_ref_of(local, old);
    uint64_t count = tg_load_relaxed64(&context->version_count) + 1;
    tg_a32 *magazine = tg_magazine(local, context, class);
    tg_ref open = tg_load_relaxed32(&context->limbo_open);
    tg_ref tail = open ? tg_load_relaxed32(&context->limbo_open_tail) : gone;
    update->published = tg_version_of(call, count);
    tg_store_relaxed64(&fresh->version, update->published);
    tg_children_keep_slot(fresh, old);
    const struct tg_step steps[] = {
        {&context->version_count, count, true},
        {&place->line->slot[place->slot], ref, false},
        {slot, TG_MUTANT(replace_forgets_child) ? gone : ref, false},
        {(uint8_t *)old + TG_LINK_OFFSET, open, false},
        {&context->limbo_open_tail, tail, false},
        {&context->limbo_open, gone, false},
        {&context->limbo_open_count, tg_load_relaxed32(&context->limbo_open_count) + 1, false},
        {magazine, tg_load_relaxed32(magazine) - 1, false},
    };
    tg_commit_steps(call, steps, sizeof steps / sizeof steps[0]);
    return true;
}

static tg_status insert_locked(struct tg_call *call, struct tg_update *update,
                               struct tg_spot *place, struct tg_path *path, struct tg_dir *dir,
                               struct tg_record *fresh) {
    tg_status status = tg_lock(call, &dir->lock, 0);
    if (status != TG_OK) return status;
    if (!tg_dir_is(dir, path->at.generation) && !TG_MUTANT(insert_dead_unchecked)) return TG_RETRY;
    uint32_t meta = tg_load_relaxed32(&fresh->meta);
    log_value_published(call, update, fresh);
    /* What is listed can be found: the table first, and last in a removal. */
    tg_table_log_insert(call, place, path->at.hash, tg_ref_of(call->local, fresh));
    tg_children_log_add(call, dir, fresh, TG_META_NAME(meta), TG_META_FLAGS(meta),
                        TG_META_CODEC(meta));
    log_difference(call, fresh, NULL);
    commit(call, update);
    return TG_OK;
}

/* The blocks for a leaf in an existing directory. */
static tg_status prepare_leaf(struct tg_call *call, uint32_t class) {
    tg_need_clear(call);
    tg_need_add(call, class, 1);
    tg_need_add(call, tg_table_line_class(call->local), 1);
    tg_need_add(call, tg_children_chunk_class(call->local), 1);
    return tg_need_prepare(call);
}

/* All parents are there. TG_RETRY: the world moved. */
static tg_status set_leaf(struct tg_call *call, struct tg_update *update, struct tg_path *path) {
    struct tg_local *local = call->local;
    tg_ref object = update->object ? tg_ref_of(local, update->object) : 0;
    /* The record has a word more when the node has children; guess what the walk saw. */
    tg_ref guess = path->flags & TG_RECORD_DIR ? 1 : 0;
    struct tg_fill fill;
    fill_leaf(update, &path->at, guess, object, &fill);
    uint32_t class = tg_fill_class(local, &fill);
    tg_status status = prepare_leaf(call, class);
    if (status != TG_OK) return status;
    struct tg_record *fresh = tg_fill_block(call, &fill, class);
    struct tg_spot place;
    status = tg_table_lock(call, path->at.hash, &place);
    if (status != TG_OK) return status;
    status = tg_lookup_locked(call, path->at.hash, path->at.dir, &path->at.name, &place);
    if (status != TG_OK) return status;
    tg_ref child_dir = place.record ? tg_record_dir(place.record) : 0;
    if ((child_dir != 0) != (guess != 0)) return TG_RETRY;
    if (child_dir) tg_store_relaxed32(&fresh->tail[0], child_dir);
    if (!tg_path_is(call, path)) return TG_RETRY;
    status = allowed(call, update, place.record);
    if (status == TG_OK && update->build) status = tg_build_hold(call, update);
    if (status != TG_OK) return status;
    if (place.record == NULL) return insert_locked(call, update, &place, path, path->dir, fresh);
    if (replace_small(call, update, &place, path, fresh, class)) return TG_OK;
    return replace_locked(call, update, &place, path->dir, fresh);
}

/* Under the locks: the topmost new link, and the leaf in the private bottom directory. */
static tg_status link_chain(struct tg_call *call, struct tg_update *update, struct tg_path *path,
                            const struct tg_chain *chain, struct tg_spot *top_place,
                            struct tg_spot *leaf_place, const struct tg_level *leaf,
                            const struct tg_fill *top_fill) {
    struct tg_local *local = call->local;
    struct tg_dir *dir = tg_dir_at(local, path->at.dir);
    struct tg_dir *bottom = tg_dir_at(local, chain->bottom);
    struct tg_record *old = top_place->record;
    if (dir == NULL || bottom == NULL) return TG_CORRUPT;
    tg_ref object = update->object ? tg_ref_of(local, update->object) : 0;
    struct tg_fill fill;
    fill_leaf(update, leaf, 0, object, &fill);
    struct tg_record *record = tg_fill_record(call, &fill);
    struct tg_record *top = tg_fill_record(call, top_fill);
    tg_ref ref = tg_ref_of(local, record), top_ref = tg_ref_of(local, top);
    log_value_published(call, update, record);
    tg_log32(call, &bottom->slot[0], ref);
    tg_log32(call, &bottom->count, 1);
    tg_table_log_insert(call, leaf_place, leaf->hash, ref);
    if (old == NULL) {
        uint32_t meta = tg_load_relaxed32(&top->meta);
        tg_children_log_add(call, dir, top, TG_META_NAME(meta), TG_META_FLAGS(meta),
                            TG_META_CODEC(meta));
        tg_table_log_insert(call, top_place, path->at.hash, top_ref);
    } else {
        tg_children_keep_slot(top, old);
        tg_table_log_replace(call, top_place, top_ref);
        if (!tg_children_log_move(call, dir, old, top_ref)) return TG_CORRUPT;
        tg_log_record_gone(call, old, false);
    }
    log_difference(call, record, NULL);
    int64_t bytes = (int64_t)tg_class_size(local, tg_fill_class(local, top_fill));
    int was = old ? tg_class_of_ref(local, tg_ref_of(local, old)) : -1;
    tg_log_account(call, 0, was < 0 ? bytes : bytes - tg_class_size(local, (uint32_t)was));
    tg_log32(call, &call->context->orphan, 0);
    commit(call, update);
    return TG_OK;
}

/* What the record above the chain will be: a new one, or a copy of `old` with a directory. */
static void fill_top(const struct tg_path *path, struct tg_record *old, tg_ref dir,
                     struct tg_fill *fill) {
    if (old != NULL)
        tg_fill_from(fill, old, &path->at, dir);
    else
        *fill = (struct tg_fill){
            .hash = path->at.hash, .parent = path->at.dir, .name = path->at.name, .dir = dir};
}

static tg_status prepare_chain_link(struct tg_call *call, const struct tg_update *update,
                                    const struct tg_path *path, const struct tg_level *leaf) {
    struct tg_local *local = call->local;
    struct tg_fill fill;
    fill_leaf(update, leaf, 0, update->object ? 1 : 0, &fill);
    tg_need_clear(call);
    tg_need_add(call, tg_fill_class(local, &fill), 1);
    uint32_t flags = path->flags | TG_RECORD_DIR;
    uint32_t size = tg_record_size(flags, path->at.name.size, path->value_size);
    tg_need_add(call, tg_class_for(local, size), 1);
    tg_need_add(call, tg_table_line_class(local), 2);
    tg_need_add(call, tg_children_chunk_class(local), 1);
    return tg_need_prepare(call);
}

static tg_status lock_chain(struct tg_call *call, uint64_t top, uint64_t leaf,
                            struct tg_spot *top_place, struct tg_spot *leaf_place) {
    uint64_t hashes[2] = {top, leaf};
    struct tg_spot places[2];
    tg_status status = tg_lock_buckets(call, hashes, places, 2);
    *top_place = places[0];
    *leaf_place = places[1];
    return status;
}

/* Some parents are missing. TG_RETRY: the world moved; the chain is the reaper's then. */
static tg_status set_with_parents(struct tg_call *call, struct tg_update *update,
                                  struct tg_path *path) {
    struct tg_local *local = call->local;
    struct tg_chain chain;
    const char *end = update->key.bytes + update->key.size;
    tg_status status = allowed(call, update, NULL);
    if (status != TG_OK) return status;
    status = tg_chain_build(call, path->rest, end, path->missing, &chain);
    if (status != TG_OK) return status;
    struct tg_level leaf = {.dir = chain.bottom, .name = chain.leaf};
    leaf.hash = tg_component_hash(local, leaf.dir, &leaf.name);
    status = prepare_chain_link(call, update, path, &leaf);
    if (status != TG_OK) return status;
    struct tg_spot top_place, leaf_place;
    status = lock_chain(call, path->at.hash, leaf.hash, &top_place, &leaf_place);
    if (status != TG_OK) return status;
    status = tg_table_find_locked(call, path->at.hash, path->at.dir, &path->at.name, &top_place);
    if (status != TG_OK) return status;
    struct tg_record *old = top_place.record;
    uint32_t size =
        tg_record_size(path->flags | TG_RECORD_DIR, path->at.name.size, path->value_size);
    struct tg_fill top_fill;
    fill_top(path, old, chain.top, &top_fill);
    struct tg_dir *dir = tg_dir_at(local, path->at.dir);
    if (dir == NULL) return TG_CORRUPT;
    /* Somebody else was first? */
    if (old && tg_record_dir(old) != 0 && !TG_MUTANT(chain_second_unchecked)) return TG_RETRY;
    if (tg_fill_class(local, &top_fill) != tg_class_for(local, size)) return TG_RETRY;
    /* The bottom of the chain can be found before the log is emptied: a redo after others
     * changed it would undo them (J2). */
    struct tg_dir *dirs[2] = {old == NULL ? dir : NULL, tg_dir_at(local, chain.bottom)};
    if (TG_MUTANT(chain_unlocked)) dirs[1] = NULL;
    if (update->build) status = tg_build_hold(call, update);
    if (status == TG_OK) status = tg_lock_dirs(call, dirs, 2);
    if (status != TG_OK) return status;
    if (!tg_dir_is(dir, path->at.generation) || !tg_path_still(call, path)) return TG_RETRY;
    return link_chain(call, update, path, &chain, &top_place, &leaf_place, &leaf, &top_fill);
}

tg_status tg_names_set(struct tg_call *call, struct tg_update *update) {
    struct tg_room room = {0};
    bool look = false;
    for (;;) {
        struct tg_path path;
        tg_status status = update->below
                               ? tg_path_find_below(call, update->below, update->below_generation,
                                                    update->key, &path)
                               : tg_path_find(call, update->key, look, &path);
        if (status != TG_OK) return status;
        if (update->object && !tg_object_is_private(call->local, update->object, update->entry))
            status = TG_CORRUPT;
        else
            status = path.missing ? set_with_parents(call, update, &path)
                                  : set_leaf(call, update, &path);
        if (status != TG_OK) tg_log_abandon(call);
        tg_unlock_all(call);
        if (status != TG_OK) tg_chain_abandon(call);
        if (status == TG_FULL) {
            tg_return(call);
            status = tg_room_again(call, &room);
            if (status != TG_OK) return status;
            look = true;
            continue;
        }
        if (status == TG_OK && update->object && !update->keep_pin)
            tg_ledger_release(call->local, update->entry);
        if (status != TG_RETRY) {
            tg_change_done(call);
            return status;
        }
        look = true;
        status = tg_change_again(call);
        if (status != TG_OK) return status;
    }
}
