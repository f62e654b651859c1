/* SPDX-License-Identifier: Apache-2.0 */
/* Short byte strings without a call: names are a few bytes long, and a call to the C
 * library for each of them costs more than the comparison. */
#ifndef TG_BASE_BYTES_H
#define TG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t tg_bytes8(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

static inline uint32_t tg_bytes4(const uint8_t *p) {
    uint32_t word;
    memcpy(&word, p, 4);
    return word;
}

/* Up to 8 bytes as a number; different strings of one size give different numbers. */
static inline uint64_t tg_bytes_tail(const uint8_t *p, size_t size) {
    if (size >= 8) return tg_bytes8(p);
    if (size >= 4) return tg_bytes4(p) | (uint64_t)tg_bytes4(p + size - 4) << 32;
    if (size == 0) return 0;
    return p[0] | (uint64_t)p[size / 2] << 8 | (uint64_t)p[size - 1] << 16;
}

static inline bool tg_bytes_equal(const void *left, const void *right, size_t size) {
    const uint8_t *a = left, *b = right;
    if (size <= 8) return tg_bytes_tail(a, size) == tg_bytes_tail(b, size);
    size_t i = 0;
    for (; i + 8 < size; i += 8)
        if (tg_bytes8(a + i) != tg_bytes8(b + i)) return false;
    return tg_bytes8(a + size - 8) == tg_bytes8(b + size - 8);
}

/* The first `wanted`, or NULL; as memchr. */
static inline const char *tg_bytes_find(const char *bytes, char wanted, size_t size) {
    const uint64_t ones = 0x0101010101010101ull, tops = ones << 7;
    const uint8_t *p = (const uint8_t *)bytes;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t different = tg_bytes8(p + i) ^ ones * (uint8_t)wanted;
        uint64_t zero = (different - ones) & ~different & tops;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (zero) return bytes + i + (size_t)__builtin_ctzll(zero) / 8;
#else
#error "the layout is little-endian"
#endif
    }
    for (; i < size; i++)
        if (bytes[i] == wanted) return bytes + i;
    return NULL;
}

#endif
