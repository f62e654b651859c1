/* SPDX-License-Identifier: Apache-2.0 */
/* A store as its calls see it. Who attaches it (store/attach.h, or the simulator) embeds it. */
#ifndef TG_STORE_STORE_H
#define TG_STORE_STORE_H

#include "../region/local.h"

struct tg_store {
    struct tg_local local;
    /* In a page that fork wipes: 1 while attached, 0 in a forked child and after close. */
    tg_a64 *cookie;
};

/* The first thing that every call does: one load. */
static inline bool tg_store_usable(const struct tg_store *store) {
    return TG_LIKELY(tg_load_relaxed64(store->cookie) != 0);
}

#endif
