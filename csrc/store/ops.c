/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of tryget.h on values and names. */
#include "../names/list.h"
#include "../reader/reader.h"
#include "reuse.h"
#include "upkeep.h"

/* Larger values are pinned while they are copied. */
#ifdef TG_SIM
enum { COPY_IN_SECTION = 32 };
#else
enum { COPY_IN_SECTION = 65536 };
#endif

/* What a reading is asked for. */
struct reading {
    struct tg_key key;
    tg_sink sink;
    void *argument;
    struct tg_info *info;
    struct tg_token *token; /* NULL: not wanted */
    bool copy_here;         /* no pin is to be had: copy in the section, however large */
};

/* What a reading found in its section. */
struct finding {
    bool corrupt, found;
    struct tg_object *object; /* pinned by `entry`, copied after the section */
    uint32_t entry;
    tg_status status;
};

static void describe(struct tg_local *local, const struct tg_view *view,
                     const struct tg_object *object, struct tg_info *info) {
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    info->size = object ? tg_load_relaxed64(&object->size) : view->size;
    info->version = view->version;
    info->expiry = view->expiry;
    info->codec = view->codec;
    info->has_value = (view->flags & value) && !tg_expired(local, view->expiry);
    info->has_children = view->dir != 0;
}

static const void *payload_of(struct tg_local *local, const struct tg_object *object,
                              uint64_t size) {
    return tg_at(local, tg_load_relaxed32(&object->payload), size);
}

static tg_status copy_out(const void *bytes, tg_sink sink, void *argument,
                          const struct tg_info *info) {
    if (bytes == NULL) return TG_CORRUPT;
    void *room = sink(argument, info);
    if (room == NULL) return TG_INVALID;
    tg_copy_racy(room, bytes, info->size);
    return TG_OK;
}

/* In the section: a small value is copied, a large one pinned. TG_RETRY, TG_PINS_FULL. */
static tg_status take_value(struct tg_local *local, const struct tg_view *view,
                            struct tg_object *object, const struct reading *reading,
                            struct finding *found) {
    const struct tg_info *info = reading->info;
    if (TG_LIKELY(view->object == 0))
        return copy_out(view->value, reading->sink, reading->argument, info);
    if (info->size <= COPY_IN_SECTION || reading->copy_here)
        return copy_out(payload_of(local, object, info->size), reading->sink, reading->argument,
                        info);
    tg_status status = tg_ledger_pin(local, object, info->version, &found->entry);
    if (status == TG_OK) found->object = object;
    return status;
}

static void read_record(struct tg_local *local, struct tg_record *record,
                        const struct reading *reading, struct finding *found) {
    struct tg_info *info = reading->info;
    struct tg_view view;
    struct tg_object *object = NULL;
    found->corrupt |= !tg_record_view(local, record, &view);
    if (view.object && !found->corrupt) {
        object = tg_object_at(local, view.object);
        found->corrupt |= object == NULL;
    }
    if (found->corrupt) return;
    describe(local, &view, object, info);
    found->found = info->has_value || info->has_children;
    if (info->has_value && reading->sink)
        found->status = take_value(local, &view, object, reading, found);
}

/* U3: the count of the unlocked bucket, and the record again after it. */
static void take_token(struct tg_local *local, const struct tg_level *leaf,
                       const struct tg_record *record, struct tg_token *token) {
    bool corrupt = false;
    const struct tg_line *head = tg_table_head(local, leaf->hash);
    /* PAIR lock: the count, then what is in the bucket. */
    uint64_t word = tg_load_acquire64(&head->lock);
    if (tg_word_owner(word) != 0) return;
    if (tg_table_find(local, leaf->hash, leaf->dir, &leaf->name, &corrupt) != record) return;
    /* A split between the two looks would have us watch the wrong bucket for ever. */
    if (tg_table_head(local, leaf->hash) != head && !TG_MUTANT(token_of_split_bucket)) return;
    token->count = tg_word_value(word);
    token->expiry = tg_load_relaxed32(&record->expiry);
    token->dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
    token->lock = &head->lock;
}

/* One walk in one section. True: `found` is a fact (else: again). */
static bool look(struct tg_call *call, const struct reading *reading, struct finding *found) {
    struct tg_local *local = call->local;
    struct tg_level leaf;
    *found = (struct finding){.status = TG_OK};
    uint64_t seq = tg_names_seq(call);
    found->status = tg_read_enter(call);
    if (found->status != TG_OK) return true;
    struct tg_record *record = tg_walk_to(local, reading->key, &found->corrupt, &leaf);
    if (record != NULL) {
        if (reading->token) take_token(local, &leaf, record, reading->token);
        read_record(local, record, reading, found);
    }
    bool unmoved = tg_names_unmoved(local, seq);
    bool left = tg_read_leave(call);
    if (reading->token && (!left || !unmoved || (seq & 1))) reading->token->lock = NULL;
    if (left && unmoved) return true;
    if (found->object) tg_ledger_release(local, found->entry);
    return false;
}

static const uint64_t GROW_WAIT_NS = 2000000;

/* Reads wait for nobody for long: without a ledger the value is copied in the section. */
static tg_status grow_ledger(struct tg_call *call) {
    struct tg_os *os = call->local->os;
    call->deadline_ns = os->ops->monotonic_ns(os) + GROW_WAIT_NS;
    tg_status status = tg_borrow(call);
    if (status == TG_OK) {
        status = tg_names_settle(call);
        if (status == TG_OK) status = tg_ledger_grow(call);
        tg_return(call);
    }
    call->deadline_ns = TG_FOREVER;
    return status;
}

/* Without a context. */
static tg_status read_only(struct tg_store *store, const struct reading *reading) {
    struct tg_question question = {reading->key, reading->sink, reading->argument};
    struct tg_witness witness = {0};
    if (!store->readonly) return TG_CLOSED;
    tg_status status = tg_reader_get(&store->local, &question, reading->info, &witness);
    if (reading->token)
        *reading->token =
            (struct tg_token){witness.lock, witness.count, witness.expiry, witness.dir_gen};
    return status;
}

static tg_status read_key(struct tg_store *store, uint32_t *hint, struct reading *reading) {
    struct tg_call call;
    struct finding found;
    struct tg_local *local = &store->local;
    *reading->info = (struct tg_info){0};
    if (!tg_store_usable(store)) return read_only(store, reading);
    tg_call_begin(&call, local, *hint, TG_FOREVER);
    for (;;) {
        bool true_now = look(&call, reading, &found);
        if (true_now && found.status != TG_RETRY && found.status != TG_PINS_FULL) break;
        if (!tg_call_again(&call)) return TG_CORRUPT;
        if (true_now && found.status == TG_PINS_FULL)
            reading->copy_here = grow_ledger(&call) != TG_OK;
    }
    *hint = call.hint;
    if (found.object) {
        const void *bytes = payload_of(local, found.object, reading->info->size);
        found.status = copy_out(bytes, reading->sink, reading->argument, reading->info);
        tg_unpin_entry(local, found.entry, found.object);
    }
    if (found.status != TG_OK) return found.status;
    if (found.found) return TG_OK;
    /* No record has an invalid key, so a hit needs no look at it. */
    if (!tg_key_valid(reading->key)) return TG_INVALID;
    return found.corrupt ? TG_CORRUPT : TG_ABSENT;
}

tg_status tg_get(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                 void *argument, struct tg_info *info) {
    struct reading reading = {key, sink, argument, info, NULL, false};
    tg_status status = read_key(store, hint, &reading);
    return status == TG_OK && !info->has_value ? TG_ABSENT : status;
}

tg_status tg_get_with_token(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                            void *argument, struct tg_info *info, struct tg_token *token) {
    struct reading reading = {key, sink, argument, info, token, false};
    token->lock = NULL;
    tg_status status = read_key(store, hint, &reading);
    return status == TG_OK && !info->has_value ? TG_ABSENT : status;
}

tg_status tg_contains(struct tg_store *store, uint32_t *hint, struct tg_key key,
                      struct tg_info *info) {
    struct reading reading = {key, NULL, NULL, info, NULL, false};
    return read_key(store, hint, &reading);
}

tg_status tg_stat(struct tg_store *store, uint32_t *hint, struct tg_key key, struct tg_info *info) {
    if (store->readonly) return tg_reader_stat(&store->local, key, info);
    tg_status status = tg_contains(store, hint, key, info);
    if (status != TG_OK) return status;
    struct tg_call call;
    struct tg_local *local = &store->local;
    tg_call_begin(&call, local, *hint, TG_FOREVER);
    bool corrupt = false;
    status = tg_read_enter(&call);
    if (status != TG_OK) return status;
    struct tg_record *record = tg_walk(local, key, &corrupt);
    tg_ref object = record ? tg_record_object(record) : 0;
    struct tg_dir *dir = record ? tg_dir_at(local, tg_record_dir(record)) : NULL;
    if (dir) info->children = tg_load_relaxed32(&dir->count);
    if (!tg_read_leave(&call)) info->children = 0;
    if (object) info->pins = tg_ledger_count(local, object);
    return TG_OK;
}

/* ---- changes ------------------------------------------------------------------ */

/* A store whose log was garbage takes no more changes; what is there can be read. */
static tg_status check_writable(const struct tg_store *store) {
    if (!tg_store_usable(store)) return tg_store_refusal(store);
    if (tg_load_relaxed32(&store->local.hot->state) != TG_STATE_GOOD) return TG_CORRUPT;
    return TG_OK;
}

static tg_status add_sizes(const struct tg_part *parts, size_t count, uint64_t *size) {
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > (1ull << 48) - *size) return TG_INVALID;
        *size += parts[i].size;
    }
    return TG_OK;
}

tg_status tg_set(struct tg_store *store, uint32_t *hint, struct tg_key key,
                 const struct tg_part *parts, size_t part_count,
                 const struct tg_set_options *options, uint64_t *version) {
    struct tg_call call;
    uint64_t size;
    tg_status writable = check_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key) || options->codec > 255) return TG_INVALID;
    tg_status status = add_sizes(parts, part_count, &size);
    if (status != TG_OK) return status;
    struct tg_update update = {
        .key = key,
        .mode = options->mode,
        .if_version = options->if_version,
        .expiry = options->expiry,
        .codec = options->codec,
        .parts = parts,
        .part_count = part_count,
        .size = size <= TG_INLINE_MAX ? (uint32_t)size : 0,
    };
    tg_call_begin(&call, &store->local, *hint, options->deadline_ns);
    if (size > TG_INLINE_MAX)
        status = tg_make_object(&call, parts, part_count, size, options->codec, &update);
    if (status == TG_OK) status = tg_names_set(&call, &update);
    if (status != TG_OK && update.object) tg_discard_object(&call, &update);
    if (version) *version = update.published;
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_delete(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                    void *argument, struct tg_info *info, uint64_t deadline_ns) {
    struct tg_removal removal = {.key = key};
    struct tg_info unused;
    tg_status status;
    tg_status writable = check_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key)) return TG_INVALID;
    do {
        /* Read, then remove that very version: nothing is copied under a lock. */
        if (sink) {
            if (!info) info = &unused;
            status = tg_get(store, hint, key, sink, argument, info);
            if (status != TG_OK) return status;
            removal.if_version = info->version;
            removal.if_expiry = info->expiry;
        }
        struct tg_call call;
        tg_call_begin(&call, &store->local, *hint, deadline_ns);
        status = tg_names_remove(&call, &removal);
        *hint = call.hint;
    } while (status == TG_MISMATCH);
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_drop(struct tg_store *store, uint32_t *hint, struct tg_key key, uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = check_writable(store);
    if (writable != TG_OK) return writable;
    if (key.bytes != NULL && !tg_key_valid(key)) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    struct tg_removal removal = {.key = key, .subtree = true};
    tg_status status = key.bytes == NULL ? tg_names_clear(&call) : tg_names_remove(&call, &removal);
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_rename(struct tg_store *store, uint32_t *hint, struct tg_key from, struct tg_key to,
                    bool replace, uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = check_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(from) || !tg_key_valid(to)) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    tg_status status = tg_names_rename(&call, from, to, replace);
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_touch(struct tg_store *store, uint32_t *hint, struct tg_key key, uint32_t expiry,
                   uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = check_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key)) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    tg_status status = tg_names_touch(&call, key, expiry);
    *hint = call.hint;
    return status;
}
