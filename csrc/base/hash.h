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

static inline uint64_t tg_hash(const uint64_t key[2], uint32_t seed, const void *bytes,
                               size_t size) {
    const uint8_t *p = bytes;
    uint64_t state = tg_fold(key[0] ^ seed, 0x9e3779b97f4a7c15ull ^ size);
    for (; size > 8; size -= 8, p += 8) state = tg_fold(state ^ tg_bytes8(p), key[1] | 1);
    state = tg_fold(state ^ tg_bytes_tail(p, size), key[1] | 1);
    return tg_fold(state, 0xd6e8feb86659fd93ull ^ key[0]);
}

#endif
