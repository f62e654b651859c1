/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include "../owner/recover.h"

/* A round of a spin is a schedule in the simulator. */
#ifdef TG_SIM
enum { ODD_SPINS = 2, GATE_SPINS = 2 };
#else
enum { ODD_SPINS = 100, GATE_SPINS = 50 };
#endif
static const uint64_t ODD_WAIT_NS = 20000000;
static const uint64_t GATE_SLICE_NS = 2000000;

uint32_t tg_now_tenths(struct tg_local *local) {
    uint64_t now = local->os->ops->boottime_ns(local->os);
    /* From 1 on: 0 is never, and what expired at 1 has expired for everybody. */
    return 1 + (uint32_t)((now - local->header.created_ns) / 100000000u);
}

static void mend_owner(struct tg_local *local, const tg_a64 *lock) {
    const struct tg_context *context =
        tg_context_checked(local, tg_word_owner(tg_load_relaxed64(lock)));
    if (context == NULL) return;
    uint32_t process1 = TG_WORD_PROCESS1(tg_load_relaxed64(&context->word));
    if (process1 != 0) (void)tg_mend_if_dead(local, process1 - 1);
}

/* The renamer may be running (a few stores), dead (mend it) or stopped (give up waiting). */
static void wait_odd(struct tg_call *call, uint64_t seq) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    struct tg_hot *hot = local->hot;
    for (uint32_t i = 0; i < ODD_SPINS; i++) {
        if (tg_load_relaxed64(&hot->ns_seq) != seq) return;
        tg_pause();
    }
    uint64_t began = os->ops->monotonic_ns(os);
    while (tg_load_relaxed64(&hot->ns_seq) == seq) {
        mend_owner(local, &hot->ns_lock);
        if (os->ops->monotonic_ns(os) - began > ODD_WAIT_NS) {
            tg_store_relaxed64(&local->odd_seq_seen, seq);
            return;
        }
        (void)!os->ops->futex_wait(os, &hot->ns_seq, (uint32_t)seq, 1000000, ~0u);
    }
}

uint64_t tg_names_seq_odd(struct tg_call *call, uint64_t seq) {
    tg_call_in_no_section(call);
    struct tg_local *local = call->local;
    while ((seq & 1) && tg_load_relaxed64(&local->odd_seq_seen) != seq) {
        wait_odd(call, seq);
        /* PAIR names.seq: the first look, then the walk. */
        seq = tg_load_acquire64(&local->hot->ns_seq);
    }
    return seq;
}

struct tg_record *tg_walk_below(struct tg_local *local, struct tg_walk *walk,
                                struct tg_record *record, bool *corrupt) {
    struct tg_component name;
    bool begun = true;
    while (record != NULL && tg_key_next(&walk->rest, walk->end, &begun, &name)) {
        tg_ref dir = tg_record_dir(record);
        if (dir == 0) return NULL;
        walk->at.dir = dir;
        walk->at.name = name;
        walk->at.hash = tg_component_hash(local, dir, &name);
        record = tg_lookup(local, walk->at.hash, dir, &name, corrupt);
    }
    return record;
}

struct tg_record *tg_walk_to(struct tg_local *local, struct tg_key key, bool *corrupt,
                             struct tg_level *leaf) {
    struct tg_walk walk;
    tg_walk_begin(local, key, &walk);
    struct tg_record *record = tg_walk_on(local, &walk, corrupt);
    *leaf = walk.at;
    return record;
}

static void push_level(struct tg_path *path) {
    uint32_t count = path->above_count < TG_LEVELS ? path->above_count : TG_LEVELS - 1;
    memmove(&path->above[1], &path->above[0], count * sizeof path->above[0]);
    path->above[0] = path->at;
    path->above_count = count + 1;
}

static tg_status enter_dir(struct tg_local *local, tg_ref ref, struct tg_path *path) {
    struct tg_dir *dir = tg_dir_at(local, ref);
    if (dir == NULL) return TG_CORRUPT;
    path->dir = dir;
    path->at.dir = ref;
    /* PAIR publish: the dir's fields were written before the record that names it. */
    path->at.generation = tg_load_acquire32(&dir->generation);
    return TG_OK;
}

static uint32_t count_components(struct tg_key key) {
    uint32_t count = 1;
    for (size_t i = 0; i < key.size; i++) count += key.bytes[i] == '/';
    return count;
}

/* The walk of a writer: remembers the levels, stops where no directory goes on. */
static tg_status follow(struct tg_local *local, tg_ref dir, struct tg_key key,
                        struct tg_path *path) {
    const char *rest = key.bytes, *end = key.bytes + key.size;
    bool begun = false, corrupt = false;
    path->depth = count_components(key);
    path->above_count = 0;
    for (uint32_t i = 0; tg_key_next(&rest, end, &begun, &path->at.name); i++) {
        tg_status status = enter_dir(local, dir, path);
        if (status != TG_OK) return status;
        path->at.hash = tg_component_hash(local, dir, &path->at.name);
        path->rest = rest;
        path->missing = path->depth - 1 - i;
        struct tg_record *record = tg_lookup(local, path->at.hash, dir, &path->at.name, &corrupt);
        path->flags = record ? tg_record_flags(record) : 0;
        path->name_size = record ? tg_record_name_size(record) : 0;
        path->value_size = record ? tg_record_value_size(record) : 0;
        dir = record ? tg_record_dir(record) : 0;
        if (dir == 0 || path->missing == 0) break;
        push_level(path);
    }
    return corrupt ? TG_CORRUPT : TG_OK;
}

tg_status tg_paths_find(struct tg_call *call, const struct tg_key *keys, struct tg_path *paths,
                        uint32_t count) {
    struct tg_local *local = call->local;
    for (;;) {
        uint64_t seq = tg_names_seq(call);
        tg_status status = tg_read_enter(call);
        if (status != TG_OK) return status;
        uint64_t dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
        tg_status found = TG_OK;
        for (uint32_t i = 0; i < count && found == TG_OK; i++) {
            paths[i].dir_gen = dir_gen;
            found = follow(local, tg_load_relaxed32(&local->hot->root), keys[i], &paths[i]);
        }
        bool unmoved = tg_names_unmoved(local, seq);
        bool valid = tg_read_to_held(call);
        if (valid && unmoved) {
            if (found == TG_OK) found = tg_names_settle(call);
            if (found != TG_OK) tg_return(call);
            return found;
        }
        tg_return(call);
    }
}

tg_status tg_path_find_below(struct tg_call *call, tg_ref ref, uint32_t generation,
                             struct tg_key key, struct tg_path *path) {
    struct tg_local *local = call->local;
    for (;;) {
        uint64_t seq = tg_names_seq(call);
        tg_status found = tg_read_enter(call);
        if (found != TG_OK) return found;
        const struct tg_dir *dir = tg_dir_at(local, ref);
        path->dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
        if (dir == NULL || !tg_dir_is(dir, generation))
            found = TG_ABSENT;
        else
            found = follow(local, ref, key, path);
        path->depth++; /* there is something above that may move */
        bool unmoved = tg_names_unmoved(local, seq);
        bool valid = tg_read_to_held(call);
        if (valid && unmoved && found == TG_OK) found = tg_names_settle(call);
        if (valid && unmoved && found == TG_OK) return TG_OK;
        tg_return(call);
        if (valid && unmoved) return found;
    }
}

/* A key of one component: its directory is the root, so there is nothing to walk. */
static tg_status find_in_root(struct tg_call *call, struct tg_key key, struct tg_path *path) {
    struct tg_local *local = call->local;
    tg_status status = tg_borrow(call);
    if (status != TG_OK) return status;
    /* PAIR publish: a new root's generation was written before it became the root. */
    tg_ref root = tg_load_acquire32(&local->hot->root);
    path->at.name = (struct tg_component){key.bytes, (uint32_t)key.size};
    path->depth = 1;
    path->missing = path->above_count = 0;
    path->rest = key.bytes + key.size;
    path->flags = path->name_size = path->value_size = 0;
    status = enter_dir(local, root, path);
    /* No section keeps this directory: is the generation the root's, or of a later life? */
    /* PAIR publish: as above; the generation, then the second look. */
    tg_fence_acquire();
    if (status == TG_OK && !TG_MUTANT(walk_root_unchecked) &&
        tg_load_relaxed32(&local->hot->root) != root)
        status = TG_RETRY;
    if (status == TG_OK) status = tg_names_settle(call);
    if (status != TG_OK) tg_return(call);
    path->at.hash = tg_component_hash(local, root, &path->at.name);
    return status;
}

tg_status tg_path_find(struct tg_call *call, struct tg_key key, bool look, struct tg_path *path) {
    if (!look && tg_bytes_find(key.bytes, '/', key.size) == NULL) {
        tg_status status = find_in_root(call, key, path);
        if (status != TG_RETRY) return status;
    }
    return tg_paths_find(call, &key, path, 1);
}

bool tg_path_still(struct tg_call *call, const struct tg_path *path) {
    if (path->depth == 1) return true; /* nothing above it can move */
    struct tg_hot *hot = call->local->hot;
    /* PAIR gate: we were published as HELD (a full fence), then we ask. The renamer closes
     * the gate, then waits for those who are HELD (Dekker). */
    uint64_t gate = tg_load_seqcst64(&hot->gate_lock);
    if (TG_MUTANT(gate_ignored)) return true;
    if (tg_word_owner(gate) != 0 && tg_word_owner(gate) != call->id) return false;
    return tg_load_relaxed64(&hot->dir_gen) == path->dir_gen;
}

bool tg_path_is(struct tg_call *call, const struct tg_path *path) {
    if (TG_MUTANT(path_dir_unchecked)) return tg_path_still(call, path);
    return tg_dir_is(path->dir, path->at.generation) && tg_path_still(call, path);
}

tg_status tg_gate_wait(struct tg_call *call) {
    struct tg_local *local = call->local;
    struct tg_os *os = local->os;
    TG_ASSERT(call->context == NULL);
    for (uint32_t spins = 0;; spins++) {
        uint64_t gate = tg_load_relaxed64(&local->hot->gate_lock);
        if (tg_word_owner(gate) == 0) return TG_OK;
        if (spins < GATE_SPINS) {
            tg_pause();
            continue;
        }
        mend_owner(local, &local->hot->gate_lock);
        uint64_t left = tg_time_left(call, GATE_SLICE_NS);
        if (left == 0) return TG_TIMEOUT;
        tg_status status =
            os->ops->futex_wait(os, &local->hot->gate_lock, (uint32_t)gate, left, ~0u);
        if (status != TG_OK) return status;
    }
}
