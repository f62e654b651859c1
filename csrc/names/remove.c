/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a value, or a node with all below it. */
#include "removal.h"

/* Decides by what is there now; everything is looked at again under the locks. */
static tg_status plan_levels(struct tg_call *call, struct tg_unlink *unlink) {
    struct tg_local *local = call->local;
    const struct tg_path *path = unlink->path;
    const struct tg_level *level = &path->at;
    unlink->levels = 0;
    unlink->level[0] = path->at;
    for (;;) {
        struct tg_dir *dir = tg_dir_at(local, level->dir);
        if (dir == NULL) return TG_CORRUPT;
        if (unlink->levels == path->above_count || level->dir == unlink->spare_dir ||
            tg_load_relaxed32(&dir->count) != 1)
            return TG_OK;
        level = &path->above[unlink->levels++];
        unlink->level[unlink->levels] = *level;
        bool corrupt = false;
        /* Under no lock and in no section: the flags may be garbage; checked later. */
        tg_held_to_read(call);
        struct tg_record *record =
            tg_table_find(local, level->hash, level->dir, &level->name, &corrupt);
        bool has_value = record && tg_record_has_value(record);
        unlink->top_value_size = record ? tg_record_value_size(record) : 0;
        unlink->top_flags = record ? tg_record_flags(record) : 0;
        if (!tg_read_to_held(call)) return TG_RETRY;
        if (has_value) return TG_OK;
    }
}

tg_status tg_unlink_plan(struct tg_call *call, struct tg_unlink *unlink) {
    const struct tg_path *path = unlink->path;
    unlink->shrink = false;
    unlink->top_flags = path->flags;
    unlink->top_value_size = path->value_size;
    if (!unlink->subtree && (path->flags & TG_RECORD_DIR)) {
        /* The children stay: the record loses its value only. */
        unlink->levels = 0;
        unlink->level[0] = path->at;
        unlink->shrink = true;
        unlink->top_value_size = 0;
        return TG_OK;
    }
    tg_status status = plan_levels(call, unlink);
    if (status != TG_OK) return status;
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    unlink->shrink = unlink->levels > 0 && (unlink->top_flags & value);
    return TG_OK;
}

uint32_t tg_unlink_class(struct tg_call *call, const struct tg_unlink *unlink) {
    const struct tg_level *top = &unlink->level[unlink->levels];
    uint32_t flags = unlink->levels ? unlink->top_flags & ~(uint32_t)TG_RECORD_DIR : TG_RECORD_DIR;
    return tg_class_for(call->local, tg_record_size(flags, top->name.size, unlink->top_value_size));
}

/* Are the records what the plan supposed? Buckets are locked. */
static tg_status check_records(struct tg_call *call, struct tg_unlink *unlink) {
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    tg_ref inner = 0;
    for (uint32_t i = 0; i <= unlink->levels; i++) {
        struct tg_level *level = &unlink->level[i];
        struct tg_spot *place = &unlink->place[i];
        tg_status status = tg_table_find_locked(call, level->hash, level->dir, &level->name, place);
        if (status != TG_OK) return status;
        if (place->record == NULL) return i == 0 ? TG_ABSENT : TG_RETRY;
        uint32_t flags = tg_record_flags(place->record);
        /* It may have got a child since it was planned: that must not go along. */
        bool other = i == 0 && unlink->levels > 0 && flags != unlink->path->flags;
        if (other && !TG_MUTANT(unlink_node_unchecked)) return TG_RETRY;
        bool gap = unlink->deep && i == 1 && unlink->levels == 2;
        if (i > 0 && !gap && tg_record_dir(place->record) != inner) return TG_RETRY;
        if (i > 0 && i < unlink->levels && (flags & value)) return TG_RETRY;
        inner = level->dir;
    }
    struct tg_record *top = unlink->place[unlink->levels].record;
    uint32_t flags = tg_record_flags(top);
    if (flags != unlink->top_flags && !TG_MUTANT(unlink_flags_unchecked)) return TG_RETRY;
    if (unlink->shrink && unlink->levels && tg_record_value_size(top) != unlink->top_value_size)
        return TG_RETRY;
    return TG_OK;
}

/* All dirs whose lock the change needs: the dying ones, and the one that loses a child. */
static tg_status collect_dirs(struct tg_call *call, struct tg_unlink *unlink) {
    struct tg_local *local = call->local;
    for (uint32_t i = 0; i <= unlink->levels; i++) {
        unlink->dir[i] = tg_dir_at(local, unlink->level[i].dir);
        if (unlink->dir[i] == NULL) return TG_CORRUPT;
    }
    tg_ref own = tg_record_dir(unlink->place[0].record);
    unlink->own_dir = NULL;
    if (own == 0 || !unlink->subtree) return TG_OK;
    unlink->own_dir = tg_dir_at(local, own);
    return unlink->own_dir ? TG_OK : TG_CORRUPT;
}

tg_status tg_unlink_find(struct tg_call *call, struct tg_unlink *unlink) {
    tg_status status = check_records(call, unlink);
    return status == TG_OK ? collect_dirs(call, unlink) : status;
}

tg_status tg_unlink_check(struct tg_call *call, struct tg_unlink *unlink) {
    tg_ref root = tg_load_relaxed32(&call->local->hot->root);
    for (uint32_t i = 0; i <= unlink->levels; i++) {
        struct tg_dir *dir = unlink->dir[i];
        if (!tg_dir_is(dir, unlink->level[i].generation) && !TG_MUTANT(unlink_dir_unchecked))
            return TG_RETRY;
        uint32_t count = tg_load_relaxed32(&dir->count);
        bool dies = i < unlink->levels;
        bool stays = unlink->shrink || unlink->level[i].dir == root ||
                     unlink->level[i].dir == unlink->spare_dir;
        if (TG_MUTANT(unlink_count_unchecked)) continue;
        if (dies ? count == 1 : count != 1 || stays) continue;
        return i == TG_LEVELS ? TG_OVERFLOW : TG_RETRY;
    }
    return TG_OK;
}

/* The record at the top loses its value or its directory, and stays. */
static tg_status log_shrink(struct tg_call *call, struct tg_unlink *unlink) {
    struct tg_local *local = call->local;
    struct tg_spot *place = &unlink->place[unlink->levels];
    struct tg_record *old = place->record;
    struct tg_fill fill;
    tg_fill_from(&fill, old, &unlink->level[unlink->levels],
                 unlink->levels ? 0 : tg_record_dir(old));
    if (unlink->levels == 0) {
        fill.object = 0;
        fill.inline_value = false;
        fill.size = fill.codec = fill.expiry = 0;
        fill.version = 0;
    }
    struct tg_record *fresh = tg_fill_record(call, &fill);
    tg_children_keep_slot(fresh, old);
    tg_ref ref = tg_ref_of(local, fresh);
    tg_table_log_replace(call, place, ref);
    if (!tg_children_log_move(call, unlink->dir[unlink->levels], old, ref)) return TG_CORRUPT;
    int64_t bytes = (int64_t)tg_record_block_bytes(local, fresh);
    bytes -= (int64_t)tg_record_block_bytes(local, old);
    tg_log_account(call, unlink->levels ? 0 : -1, bytes);
    tg_log_record_gone(call, old, unlink->levels == 0);
    return TG_OK;
}

/* The record of one level leaves its bucket and its directory. */
static tg_status log_remove_level(struct tg_call *call, struct tg_unlink *unlink, uint32_t i) {
    struct tg_spot *place = &unlink->place[i];
    struct tg_record *old = place->record;
    if (!tg_children_log_remove(call, unlink->dir[i], old)) return TG_CORRUPT;
    tg_table_log_remove(call, place);
    tg_log_account(call, tg_record_has_value(old) && !unlink->value_moves ? -1 : 0,
                   -(int64_t)tg_record_block_bytes(call->local, old));
    tg_log_record_gone(call, old, !unlink->value_moves);
    return TG_OK;
}

/* Directories that became unreachable: all take no more children from now on; the outermost
 * is what the reaper starts from. */
static void log_dead_dirs(struct tg_call *call, struct tg_unlink *unlink) {
    uint32_t levels = unlink->levels;
    for (uint32_t i = 0; i + 1 < levels && !TG_MUTANT(vanish_leaves_alive); i++)
        tg_log32(call, &unlink->dir[i]->state, TG_DIR_DEAD);
    if (levels > 0) tg_log_dir_dead(call, unlink->dir[levels - 1]);
    if (unlink->own_dir == NULL || unlink->value_moves) return;
    if (levels > 0)
        tg_log32(call, &unlink->own_dir->state, TG_DIR_DEAD);
    else
        tg_log_dir_dead(call, unlink->own_dir);
}

tg_status tg_unlink_log(struct tg_call *call, struct tg_unlink *unlink) {
    uint32_t top = unlink->levels;
    tg_status status =
        unlink->shrink ? log_shrink(call, unlink) : log_remove_level(call, unlink, top);
    /* What moves must not be found by the reaper below a directory that ends. */
    if (status == TG_OK && unlink->value_moves && top > 0)
        status = log_remove_level(call, unlink, 0);
    if (status == TG_OK) log_dead_dirs(call, unlink);
    return status;
}

void tg_log_names_begin(struct tg_call *call, bool directory) {
    struct tg_hot *hot = call->local->hot;
    TG_ASSERT(tg_owns(call, &hot->ns_lock));
    uint64_t seq = tg_load_relaxed64(&hot->ns_seq);
    /* PAIR names.seq: odd before the first change. Other end: tg_names_unmoved. */
    if (!TG_MUTANT(rename_without_seq)) tg_log64(call, &hot->ns_seq, seq | 1);
    if (directory && !TG_MUTANT(names_keep_dir_gen))
        tg_log64(call, &hot->dir_gen, tg_load_relaxed64(&hot->dir_gen) + 1);
}

void tg_log_names_end(struct tg_call *call) {
    struct tg_hot *hot = call->local->hot;
    uint64_t seq = tg_load_relaxed64(&hot->ns_seq);
    /* PAIR names.seq: even again after the last change. */
    if (!TG_MUTANT(rename_without_seq)) tg_log64(call, &hot->ns_seq, (seq | 1) + 1);
}

static tg_status lock_and_commit(struct tg_call *call, const struct tg_removal *removal,
                                 struct tg_unlink *unlink) {
    struct tg_hot *hot = call->local->hot;
    uint64_t hashes[TG_LEVELS + 1];
    bool directory = removal->subtree && (unlink->path->flags & TG_RECORD_DIR);
    bool moves = directory || unlink->deep;
    tg_status status = TG_OK;
    if (moves) status = tg_lock(call, &hot->ns_lock, 0);
    if (status == TG_OK && unlink->deep) {
        status = tg_gate_close(call, unlink->path->dir_gen);
        if (status == TG_OK) status = tg_unlink_replan_deep(call, removal->key, unlink);
    }
    if (status != TG_OK) return status;
    for (uint32_t i = 0; i <= unlink->levels; i++) hashes[i] = unlink->level[i].hash;
    status = tg_lock_buckets(call, hashes, unlink->place, unlink->levels + 1);
    if (status == TG_OK) status = tg_unlink_find(call, unlink);
    if (status == TG_OK && !removal->subtree && !tg_record_has_value(unlink->place[0].record))
        status = TG_ABSENT;
    /* Absent, or has another directory taken the place of the one that was found? */
    if (status == TG_ABSENT && !TG_MUTANT(remove_absent_unchecked) &&
        !tg_path_is(call, unlink->path))
        status = TG_RETRY;
    if (status != TG_OK) return status;
    struct tg_record *leaf = unlink->place[0].record;
    if (!tg_removal_means(removal, leaf)) return TG_MISMATCH;
    if ((unlink->own_dir != NULL) != directory) return TG_RETRY;
    struct tg_dir *dirs[TG_LEVELS + 2];
    uint32_t count = unlink->levels + 1;
    memcpy(dirs, unlink->dir, count * sizeof dirs[0]);
    dirs[count++] = unlink->own_dir;
    status = tg_lock_dirs(call, dirs, count);
    if (status == TG_OK && (unlink->levels || unlink->own_dir))
        status = tg_lock(call, &hot->reap_lock, 0);
    if (status == TG_OK) status = tg_unlink_check(call, unlink);
    if (status == TG_OK && !tg_path_still(call, unlink->path)) status = TG_RETRY;
    if (status != TG_OK) return status;
    bool expired = !directory && tg_expired(call->local, tg_load_relaxed32(&leaf->expiry));
    if (moves) tg_log_names_begin(call, true);
    status = tg_unlink_log(call, unlink);
    if (status != TG_OK) return status;
    if (moves) tg_log_names_end(call);
    tg_need_log(call);
    tg_commit(call);
    return expired ? TG_ABSENT : TG_OK;
}

static tg_status remove_once(struct tg_call *call, const struct tg_removal *removal,
                             struct tg_path *path, bool deep) {
    struct tg_unlink unlink = {.path = path, .subtree = removal->subtree, .deep = deep};
    /* It may have children by now, which stay. */
    bool value_only = !removal->subtree && (path->flags & TG_RECORD_DIR);
    if (value_only && !TG_MUTANT(deep_takes_children)) unlink.deep = false;
    tg_status status = unlink.deep ? tg_unlink_plan_deep(call, removal->key, &unlink)
                                   : tg_unlink_plan(call, &unlink);
    if (status != TG_OK) return status;
    tg_need_clear(call);
    if (unlink.shrink) tg_need_add(call, tg_unlink_class(call, &unlink), 1);
    status = tg_need_prepare(call);
    if (status != TG_OK) return status;
    return lock_and_commit(call, removal, &unlink);
}

tg_status tg_names_remove(struct tg_call *call, struct tg_removal *removal) {
    struct tg_room room = {0};
    bool deep = false;
    for (;;) {
        struct tg_path path;
        tg_status status = tg_path_find(call, removal->key, true, &path);
        if (status != TG_OK) return status;
        uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
        if (path.missing || path.flags == 0 || (!removal->subtree && !(path.flags & value)))
            status = TG_ABSENT;
        else
            status = remove_once(call, removal, &path, deep);
        if (status != TG_OK) tg_log_abandon(call);
        tg_unlock_all(call);
        if (status == TG_FULL) {
            tg_return(call);
            status = tg_room_again(call, &room);
            if (status == TG_OK) continue;
            if (status != TG_FULL) return status;
            /* A record that stays would be written anew. A value can be let expire in place. */
            return tg_names_expire(call, removal);
        }
        deep |= status == TG_OVERFLOW;
        if (status != TG_RETRY && status != TG_BUSY && status != TG_OVERFLOW) {
            tg_change_done(call);
            return status;
        }
        status = tg_change_again_after(call, status);
        if (status != TG_OK) return status;
    }
}
