/* SPDX-License-Identifier: Apache-2.0 */
/* Moving a node with all below it; touching an expiry; clearing everything. */
#include "removal.h"

/* Everything that one rename knows. */
struct move {
    struct tg_key from, to;
    bool replace, deep;
    struct tg_path path[2]; /* from, to */
    struct tg_unlink unlink;
    struct tg_chain chain;  /* for the parents of `to` that are missing */
    bool has_chain;
    struct tg_level leaf;   /* where the node goes */
    struct tg_spot leaf_place, top_place;
    struct tg_dir *target_dir, *dead_dir; /* gets a child; ends with the replaced node */
};

static bool is_below(struct tg_key below, struct tg_key above) {
    return below.size > above.size && below.bytes[above.size] == '/' &&
           memcmp(below.bytes, above.bytes, above.size) == 0;
}

static bool same_key(struct tg_key a, struct tg_key b) {
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

static tg_status prepare_move(struct tg_call *call, struct move *move) {
    struct tg_local *local = call->local;
    struct tg_path *to = &move->path[1];
    const struct tg_path *from = &move->path[0];
    move->has_chain = to->missing > 0;
    if (move->has_chain) {
        const char *end = move->to.bytes + move->to.size;
        tg_status status = tg_chain_build(call, to->rest, end, to->missing, &move->chain);
        if (status != TG_OK) return status;
        move->leaf = (struct tg_level){.dir = move->chain.bottom, .name = move->chain.leaf};
        move->leaf.hash = tg_component_hash(local, move->leaf.dir, &move->leaf.name);
    } else {
        move->leaf = to->at;
    }
    move->unlink = (struct tg_unlink){
        .path = from, .subtree = true, .value_moves = true, .spare_dir = to->at.dir};
    if (TG_MUTANT(rename_spare_ignored)) move->unlink.spare_dir = 0;
    move->unlink.deep = move->deep;
    tg_status status = move->deep ? tg_unlink_plan_deep(call, move->from, &move->unlink)
                                  : tg_unlink_plan(call, &move->unlink);
    if (status != TG_OK) return status;
    tg_need_clear(call);
    uint32_t size = tg_record_size(from->flags, move->leaf.name.size, from->value_size);
    tg_need_add(call, tg_class_for(local, size), 1);
    size = tg_record_size(to->flags | TG_RECORD_DIR, to->at.name.size, to->value_size);
    if (move->has_chain) tg_need_add(call, tg_class_for(local, size), 1);
    if (move->unlink.shrink) tg_need_add(call, tg_unlink_class(call, &move->unlink), 1);
    tg_need_add(call, tg_table_line_class(local), 2);
    tg_need_add(call, tg_children_chunk_class(local), 1);
    return tg_need_prepare(call);
}

static tg_status lock_names(struct tg_call *call, struct move *move) {
    uint64_t hashes[TG_LEVELS + 3];
    struct tg_spot places[TG_LEVELS + 3];
    uint32_t levels = move->unlink.levels + 1;
    for (uint32_t i = 0; i < levels; i++) hashes[i] = move->unlink.level[i].hash;
    hashes[levels] = move->leaf.hash;
    hashes[levels + 1] = move->path[1].at.hash;
    tg_status status = tg_lock_buckets(call, hashes, places, levels + 2);
    if (status != TG_OK) return status;
    memcpy(move->unlink.place, places, levels * sizeof places[0]);
    move->leaf_place = places[levels];
    move->top_place = places[levels + 1];
    status = tg_unlink_find(call, &move->unlink);
    if (status != TG_OK) return status;
    struct tg_path *to = &move->path[1];
    return tg_table_find_locked(call, to->at.hash, to->at.dir, &to->at.name, &move->top_place);
}

/* What stands at the new name; its directory, if it ends, in move->dead_dir. */
static tg_status check_target(struct tg_call *call, struct move *move) {
    struct tg_local *local = call->local;
    struct tg_record *there = move->top_place.record;
    struct tg_path *to = &move->path[1];
    if ((there ? tg_record_flags(there) : 0) != to->flags) return TG_RETRY;
    if (there && tg_record_value_size(there) != to->value_size) return TG_RETRY;
    move->dead_dir = NULL;
    move->target_dir = tg_dir_at(local, to->at.dir);
    if (move->target_dir == NULL) return TG_CORRUPT;
    if (there == NULL || move->has_chain) return TG_OK;
    bool gone = !tg_record_dir(there) && tg_expired(local, tg_load_relaxed32(&there->expiry));
    if (!move->replace && !gone) return TG_EXISTS;
    if (tg_record_dir(there) == 0) return TG_OK;
    move->dead_dir = tg_dir_at(local, tg_record_dir(there));
    return move->dead_dir ? TG_OK : TG_CORRUPT;
}

static tg_status lock_move_dirs(struct tg_call *call, struct move *move) {
    struct tg_dir *dirs[TG_LEVELS + 5];
    uint32_t count = move->unlink.levels + 1;
    memcpy(dirs, move->unlink.dir, count * sizeof dirs[0]);
    dirs[count++] = move->target_dir;
    dirs[count++] = move->dead_dir;
    /* As in set_with_parents: it can be found before the log is emptied. */
    if (move->has_chain) dirs[count++] = tg_dir_at(call->local, move->chain.bottom);
    tg_status status = tg_lock_dirs(call, dirs, count);
    if (status == TG_OK) status = tg_lock(call, &call->local->hot->reap_lock, 0);
    if (status == TG_OK) status = tg_unlink_check(call, &move->unlink);
    if (status != TG_OK) return status;
    return tg_dir_is(move->target_dir, move->path[1].at.generation) ? TG_OK : TG_RETRY;
}

static void add_child(struct tg_call *call, struct tg_dir *dir, struct tg_record *record) {
    uint32_t meta = tg_load_relaxed32(&record->meta);
    tg_children_log_add(call, dir, record, TG_META_NAME(meta), TG_META_FLAGS(meta),
                        TG_META_CODEC(meta));
}

static int64_t block_size(struct tg_call *call, const struct tg_record *record) {
    int class = tg_class_of_ref(call->local, tg_ref_of(call->local, record));
    return class < 0 ? 0 : (int64_t)tg_class_size(call->local, (uint32_t)class);
}

/* `record` takes the place of `old` at the new name (NULL: a new child). */
static tg_status log_link(struct tg_call *call, struct move *move, struct tg_record *record,
                          struct tg_record *old) {
    struct tg_path *to = &move->path[1];
    tg_ref ref = tg_ref_of(call->local, record);
    if (old == NULL) {
        add_child(call, move->target_dir, record);
        tg_table_log_insert(call, &move->top_place, to->at.hash, ref);
        return TG_OK;
    }
    tg_children_keep_slot(record, old);
    tg_table_log_replace(call, &move->top_place, ref);
    return tg_children_log_move(call, move->target_dir, old, ref) ? TG_OK : TG_CORRUPT;
}

/* The moved record under its new name, directly or at the end of the new parents. */
static tg_status log_target(struct tg_call *call, struct move *move, struct tg_record *source) {
    struct tg_local *local = call->local;
    struct tg_record *old = move->top_place.record;
    struct tg_fill fill;
    tg_fill_from(&fill, source, &move->leaf, tg_record_dir(source));
    struct tg_record *record = tg_fill_record(call, &fill);
    int64_t bytes = (int64_t)tg_record_block_bytes(local, record);
    if (!move->has_chain) {
        tg_status status = log_link(call, move, record, old);
        if (status != TG_OK) return status;
        if (old) bytes -= (int64_t)tg_record_block_bytes(local, old);
        tg_log_account(call, old && tg_record_has_value(old) ? -1 : 0, bytes);
        if (old) tg_log_record_gone(call, old, true);
        if (move->dead_dir) tg_log_dir_dead(call, move->dead_dir);
        return TG_OK;
    }
    struct tg_dir *bottom = tg_dir_at(local, move->chain.bottom);
    if (bottom == NULL) return TG_CORRUPT;
    tg_ref ref = tg_ref_of(local, record);
    tg_log32(call, &bottom->slot[0], ref);
    tg_log32(call, &bottom->count, 1);
    tg_table_log_insert(call, &move->leaf_place, move->leaf.hash, ref);
    struct tg_fill top_fill = {.hash = move->path[1].at.hash,
                               .parent = move->path[1].at.dir,
                               .name = move->path[1].at.name,
                               .dir = move->chain.top};
    if (old) tg_fill_from(&top_fill, old, &move->path[1].at, move->chain.top);
    struct tg_record *top = tg_fill_record(call, &top_fill);
    tg_status status = log_link(call, move, top, old);
    if (status != TG_OK) return status;
    tg_log_account(call, 0, bytes + block_size(call, top) - (old ? block_size(call, old) : 0));
    if (old) tg_log_record_gone(call, old, false);
    tg_log32(call, &call->context->orphan, 0);
    return TG_OK;
}

static tg_status move_locked(struct tg_call *call, struct move *move) {
    bool directory = move->path[0].flags & TG_RECORD_DIR;
    tg_status status = lock_names(call, move);
    if (status == TG_OK) status = check_target(call, move);
    if (status != TG_OK) return status;
    struct tg_record *source = move->unlink.place[0].record;
    if (tg_record_flags(source) != move->path[0].flags ||
        tg_record_value_size(source) != move->path[0].value_size)
        return TG_RETRY;
    if (!directory && tg_expired(call->local, tg_load_relaxed32(&source->expiry))) return TG_ABSENT;
    status = lock_move_dirs(call, move);
    if (status != TG_OK) return status;
    tg_log_names_begin(call, directory || move->dead_dir || move->deep);
    /* First the new name: who reads half of this, as nobody finishes it, finds one of the two. */
    bool late = TG_MUTANT(rename_unlinks_first);
    if (late) status = tg_unlink_log(call, &move->unlink);
    if (status == TG_OK) status = log_target(call, move, source);
    if (status == TG_OK && !late) status = tg_unlink_log(call, &move->unlink);
    if (status != TG_OK) return status;
    tg_log_names_end(call);
    tg_need_log(call);
    tg_commit(call);
    return TG_OK;
}

static tg_status rename_once(struct tg_call *call, struct move *move) {
    struct tg_hot *hot = call->local->hot;
    tg_status status = prepare_move(call, move);
    if (status == TG_OK) status = tg_lock(call, &hot->ns_lock, 0);
    if (status != TG_OK) return status;
    if (move->deep || move->path[0].flags & TG_RECORD_DIR) {
        status = tg_gate_close(call, move->path[0].dir_gen);
        if (status == TG_OK && move->deep)
            status = tg_unlink_replan_deep(call, move->from, &move->unlink);
        if (status == TG_OK) status = tg_board_move(call, move->from);
        if (status != TG_OK) return status;
    } else if (tg_load_relaxed64(&hot->dir_gen) != move->path[0].dir_gen ||
               !tg_path_still(call, &move->path[0]) || !tg_path_still(call, &move->path[1])) {
        return TG_RETRY;
    }
    return move_locked(call, move);
}

tg_status tg_names_rename(struct tg_call *call, struct tg_key from, struct tg_key to,
                          bool replace) {
    struct move move = {.from = from, .to = to, .replace = replace};
    struct tg_key keys[2] = {from, to};
    struct tg_room room = {0};
    bool inside = is_below(to, from), outside = is_below(from, to);
    for (;;) {
        tg_status status = tg_paths_find(call, keys, move.path, 2);
        if (status != TG_OK) return status;
        bool there = !move.path[0].missing && move.path[0].flags;
        if (!there)
            status = TG_ABSENT;
        else if (inside)
            status = TG_INVALID;
        else if (same_key(from, to))
            status = replace ? TG_OK : TG_EXISTS;
        else if (outside)
            status = replace ? TG_INVALID : TG_EXISTS;
        else
            status = rename_once(call, &move);
        if (status != TG_OK) tg_log_abandon(call);
        tg_unlock_all(call);
        if (status != TG_OK) tg_chain_abandon(call);
        if (status == TG_FULL) {
            tg_return(call);
            status = tg_room_again(call, &room);
            if (status != TG_OK) return status;
            continue;
        }
        move.deep |= status == TG_OVERFLOW;
        if (status != TG_RETRY && status != TG_BUSY && status != TG_OVERFLOW) {
            tg_change_done(call);
            return status;
        }
        status = tg_change_again_after(call, status);
        if (status != TG_OK) return status;
    }
}

/* `removal` says which value is meant; with `subtree` it must be all that the node has. */
static tg_status touch_once(struct tg_call *call, struct tg_path *path, uint32_t expiry,
                            const struct tg_removal *removal) {
    struct tg_spot place;
    tg_status status = tg_table_lock(call, path->at.hash, &place);
    if (status != TG_OK) return status;
    status = tg_table_find_locked(call, path->at.hash, path->at.dir, &path->at.name, &place);
    if (status != TG_OK) return status;
    struct tg_dir *dir = tg_dir_at(call->local, path->at.dir);
    if (dir == NULL) return TG_CORRUPT;
    if (!tg_path_still(call, path) || !tg_dir_is(dir, path->at.generation)) return TG_RETRY;
    struct tg_record *record = place.record;
    if (record == NULL) return TG_ABSENT;
    if (removal->subtree && tg_record_dir(record) != 0) return TG_FULL;
    if (!tg_record_has_value(record) || tg_expired(call->local, tg_load_relaxed32(&record->expiry)))
        return TG_ABSENT;
    if (!tg_removal_means(removal, record)) return TG_MISMATCH;
    tg_log32(call, &record->expiry, expiry);
    tg_commit(call);
    return TG_OK;
}

static tg_status touch(struct tg_call *call, const struct tg_removal *removal, uint32_t expiry) {
    for (;;) {
        struct tg_path path;
        tg_status status = tg_path_find(call, removal->key, true, &path);
        if (status != TG_OK) return status;
        status = TG_ABSENT;
        if (!path.missing && path.flags != 0) status = touch_once(call, &path, expiry, removal);
        if (status != TG_RETRY) {
            tg_change_done(call);
            return status;
        }
        status = tg_change_again(call);
        if (status != TG_OK) return status;
    }
}

tg_status tg_names_touch(struct tg_call *call, struct tg_key key, uint32_t expiry) {
    struct tg_removal any = {.key = key};
    return touch(call, &any, expiry);
}

tg_status tg_names_expire(struct tg_call *call, const struct tg_removal *removal) {
    return touch(call, removal, tg_now_tenths(call->local));
}
