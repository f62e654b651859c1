/* SPDX-License-Identifier: Apache-2.0 */
/* A store as its calls see it. Who attaches it (store/attach.h, or the simulator) embeds it. */
#ifndef TG_STORE_STORE_H
#define TG_STORE_STORE_H

#include "../region/local.h"

struct tg_store {
    struct tg_local local;
    /* In a page that fork wipes: 1 while attached, 0 in a forked child and after close. */
    tg_a64 *cookie;
    bool readonly; /* no process entry, no context: the cookie is 0 for ever (reader/reader.h) */
};

/* The first thing that every call does: one load. */
static inline bool tg_store_usable(const struct tg_store *store) {
    return TG_LIKELY(tg_load_relaxed64(store->cookie) != 0);
}

/* May words be loaded from it? Also of a store that is only read. */
static inline bool tg_store_readable(const struct tg_store *store) {
    return tg_store_usable(store) || store->readonly;
}

/* What a call that needs a context answers when the store is not usable. */
static inline tg_status tg_store_refusal(const struct tg_store *store) {
    return store->readonly ? TG_READ_ONLY : TG_CLOSED;
}

#endif
