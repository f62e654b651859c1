/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of tryget.h that change values and names. */
#include "../names/build.h"
#include "../names/list.h"
#include "../reader/reader.h"
#include "upkeep.h"

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

tg_status tg_store_writable(const struct tg_store *store) {
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

tg_status tg_update_begin(struct tg_call *call, struct tg_key key, const struct tg_part *parts,
                          size_t part_count, const struct tg_set_options *options,
                          struct tg_update *update) {
    uint64_t size;
    *update = (struct tg_update){.key = key};
    if (!tg_key_valid(key) || options->codec > 255) return TG_INVALID;
    tg_status status = add_sizes(parts, part_count, &size);
    if (status != TG_OK) return status;
    *update = (struct tg_update){
        .key = key,
        .mode = options->mode,
        .if_version = options->if_version,
        .expiry = options->expiry,
        .codec = options->codec,
        .parts = parts,
        .part_count = part_count,
        .size = size <= TG_INLINE_MAX ? (uint32_t)size : 0,
    };
    if (size <= TG_INLINE_MAX) return TG_OK;
    return tg_make_object(call, parts, part_count, size, options->codec, update);
}

tg_status tg_set(struct tg_store *store, uint32_t *hint, struct tg_key key,
                 const struct tg_part *parts, size_t part_count,
                 const struct tg_set_options *options, uint64_t *version) {
    struct tg_call call;
    struct tg_update update;
    tg_status status = tg_store_writable(store);
    if (status != TG_OK) return status;
    tg_call_begin(&call, &store->local, *hint, options->deadline_ns);
    status = tg_update_begin(&call, key, parts, part_count, options, &update);
    if (status == TG_OK) status = tg_names_set(&call, &update);
    if (status != TG_OK && update.object) tg_discard_object(&call, &update);
    if (version) *version = update.published;
    /* Who builds it finds out by itself; this only tells those who wait for that. */
    if (status == TG_OK && update.inserted && TG_UNLIKELY(!tg_board_is_empty(&store->local)))
        (void)!tg_names_forget(&call, key);
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

/* U4: before the removal. */
static tg_status forget(struct tg_store *store, uint32_t *hint, struct tg_key key, bool below,
                        uint64_t deadline_ns) {
    struct tg_call call;
    bool empty = tg_board_is_empty(&store->local);
    /* PAIR publish: no claim, then the value: one that has ended has shown its value before. */
    tg_fence_acquire();
    if (TG_LIKELY(empty)) return TG_OK;
    if (TG_MUTANT(build_not_forgotten)) return TG_OK;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    tg_status status = below ? tg_names_forget_below(&call, key) : TG_OK;
    if (status == TG_OK && key.bytes != NULL) status = tg_names_forget(&call, key);
    *hint = call.hint;
    return status;
}

tg_status tg_delete(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                    void *argument, struct tg_info *info, uint64_t deadline_ns) {
    struct tg_removal removal = {.key = key};
    struct tg_info unused;
    tg_status status;
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key)) return TG_INVALID;
    status = forget(store, hint, key, false, deadline_ns);
    if (status != TG_OK) return status;
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
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (key.bytes != NULL && !tg_key_valid(key)) return TG_INVALID;
    tg_status status = forget(store, hint, key, true, deadline_ns);
    if (status != TG_OK) return status;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    struct tg_removal removal = {.key = key, .subtree = true};
    status = key.bytes == NULL ? tg_names_clear(&call) : tg_names_remove(&call, &removal);
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_rename(struct tg_store *store, uint32_t *hint, struct tg_key from, struct tg_key to,
                    bool replace, uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(from) || !tg_key_valid(to)) return TG_INVALID;
    /* What is replaced goes as in a drop. */
    tg_status status = replace ? forget(store, hint, to, true, deadline_ns) : TG_OK;
    if (status != TG_OK) return status;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    status = tg_names_rename(&call, from, to, replace);
    if (status == TG_OK) (void)!tg_names_forget(&call, to); /* as after a set */
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

tg_status tg_touch(struct tg_store *store, uint32_t *hint, struct tg_key key, uint32_t expiry,
                   uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key)) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    tg_status status = tg_names_touch(&call, key, expiry);
    *hint = call.hint;
    return status;
}
