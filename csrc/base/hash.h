/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed 64-bit hash of short names: multiply 64x64->128 and fold, eight bytes a step.
 * The key is the store's own, so that nobody who can only choose names can build a chain. */
#ifndef TG_BASE_HASH_H
#define TG_BASE_HASH_H

#include "bytes.h"

static inline uint64_t tg_fold(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The seed comes last: a name can be hashed before it is known where it is to be looked for. */
static inline uint64_t tg_hash(const uint64_t key[2], uint32_t seed, const void *bytes,
                               size_t size) {
    const uint8_t *p = bytes;
    uint64_t state = key[0], by = key[1] | 1;
    if (size > 8) state = tg_fold(state ^ tg_bytes8(p), by);
    for (size_t i = 8; i + 8 < size; i += 8) state = tg_fold(state ^ tg_bytes8(p + i), by);
    uint64_t last = size > 8 ? tg_bytes8(p + size - 8) : tg_bytes_tail(p, size);
    state = tg_fold(state ^ last, by + 2 * size);
    return tg_fold(state ^ seed * 0x9e3779b97f4a7c15ull, 0xd6e8feb86659fd93ull ^ key[0]);
}

#endif
