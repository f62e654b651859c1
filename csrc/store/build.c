/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of tryget.h on builds. */
#include "../names/build.h"

#include "upkeep.h"

/* A build belongs to a process; a forked child is another one. */
static bool is_ours(const struct tg_store *store, const struct tg_build *build) {
    return build->token != 0 && build->stripe < TG_STRIPES &&
           build->process == store->local.process &&
           build->generation == store->local.process_generation;
}

/* U1: the claim is there already. */
static bool has_value(struct tg_store *store, uint32_t *hint, struct tg_key key) {
    struct tg_info info;
    if (TG_MUTANT(build_looks_once)) return false;
    return tg_contains(store, hint, key, &info) == TG_OK && info.has_value;
}

tg_status tg_build_begin(struct tg_store *store, uint32_t *hint, struct tg_key key,
                         const struct tg_build_options *options, struct tg_build *build,
                         struct tg_awaited *wait) {
    struct tg_call call;
    *build = (struct tg_build){0};
    *wait = (struct tg_awaited){0};
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (!tg_key_valid(key)) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, options->deadline_ns);
    tg_status status = tg_names_begin(&call, key, options, build, wait);
    *hint = call.hint;
    tg_upkeep(&store->local);
    if (status != TG_OK || !has_value(store, hint, key)) return status;
    status = tg_names_build_end(&call, build, NULL);
    *hint = call.hint;
    if (status != TG_OK && status != TG_ABSENT) tg_build_forsake(&store->local, build);
    *build = (struct tg_build){0};
    return TG_EXISTS;
}

tg_status tg_build_wait(struct tg_store *store, uint32_t *hint, const struct tg_awaited *wait,
                        const struct tg_build_options *options) {
    struct tg_call call;
    if (!tg_store_usable(store)) return tg_store_refusal(store);
    if (wait->stripe >= TG_STRIPES) return TG_INVALID;
    tg_call_begin(&call, &store->local, *hint, options->deadline_ns);
    tg_status status = tg_names_wait(&call, wait, options);
    *hint = call.hint;
    return status;
}

tg_status tg_build_publish(struct tg_store *store, uint32_t *hint, const struct tg_build *build,
                           struct tg_key key, const struct tg_part *parts, size_t part_count,
                           const struct tg_set_options *options, uint64_t *version) {
    struct tg_call call;
    struct tg_update update;
    tg_status status = tg_store_writable(store);
    if (status != TG_OK) return status;
    if (!is_ours(store, build)) return TG_ABSENT;
    tg_call_begin(&call, &store->local, *hint, options->deadline_ns);
    status = tg_update_begin(&call, key, parts, part_count, options, &update);
    update.mode = TG_SET_IF_ABSENT;
    update.build = build;
    if (status == TG_OK) status = tg_names_publish(&call, &update);
    if (status != TG_OK && update.object) tg_discard_object(&call, &update);
    if (version) *version = update.published;
    *hint = call.hint;
    tg_upkeep(&store->local);
    return status;
}

static tg_status end(struct tg_store *store, uint32_t *hint, const struct tg_build *build,
                     const uint32_t *expiry, uint64_t deadline_ns) {
    struct tg_call call;
    tg_status writable = tg_store_writable(store);
    if (writable != TG_OK) return writable;
    if (!is_ours(store, build)) return TG_ABSENT;
    tg_call_begin(&call, &store->local, *hint, deadline_ns);
    tg_status status = tg_names_build_end(&call, build, expiry);
    *hint = call.hint;
    return status;
}

tg_status tg_build_abort(struct tg_store *store, uint32_t *hint, const struct tg_build *build,
                         uint64_t deadline_ns) {
    return end(store, hint, build, NULL, deadline_ns);
}

void tg_build_leave(struct tg_store *store, const struct tg_build *build) {
    if (tg_store_usable(store) && is_ours(store, build)) tg_build_forsake(&store->local, build);
}

tg_status tg_build_absent(struct tg_store *store, uint32_t *hint, const struct tg_build *build,
                          uint32_t expiry, uint64_t deadline_ns) {
    return end(store, hint, build, &expiry, deadline_ns);
}
