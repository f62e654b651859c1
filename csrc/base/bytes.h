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
    if (size <= 16) {
        uint64_t head = tg_bytes8(a) ^ tg_bytes8(b);
        return (head | (tg_bytes8(a + size - 8) ^ tg_bytes8(b + size - 8))) == 0;
    }
    size_t i = 0;
    for (; i + 8 < size; i += 8)
        if (tg_bytes8(a + i) != tg_bytes8(b + i)) return false;
    return tg_bytes8(a + size - 8) == tg_bytes8(b + size - 8);
}

/* Not 0 when a byte of the word is `wanted`; the lowest bit that is set is in the first. */
static inline uint64_t tg_bytes_match(uint64_t word, char wanted) {
    const uint64_t ones = 0x0101010101010101ull, tops = ones << 7;
    uint64_t different = word ^ ones * (uint8_t)wanted;
    return (different - ones) & ~different & tops;
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the layout is little-endian"
#endif

/* The first `wanted`, or NULL; as memchr. The last step looks at some bytes twice. */
static inline const char *tg_bytes_find(const char *bytes, char wanted, size_t size) {
    const uint8_t *p = (const uint8_t *)bytes;
    if (size < 8) {
        for (size_t i = 0; i < size; i++)
            if (bytes[i] == wanted) return bytes + i;
        return NULL;
    }
    uint64_t match = tg_bytes_match(tg_bytes8(p), wanted);
    uint64_t last = tg_bytes_match(tg_bytes8(p + size - 8), wanted);
    if (size <= 16 && (match | last) == 0) return NULL;
    for (size_t i = 0; i + 8 < size; i += 8) {
        match = tg_bytes_match(tg_bytes8(p + i), wanted);
        if (match) return bytes + i + (size_t)__builtin_ctzll(match) / 8;
    }
    return last ? bytes + size - 8 + (size_t)__builtin_ctzll(last) / 8 : NULL;
}

/* As memcpy; short ones without a call. */
static inline void tg_bytes_copy(void *to, const void *from, size_t size) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (size > 256) {
        memcpy(t, f, size);
        return;
    }
    if (size > 32) {
        for (size_t i = 0; i < size - 32; i += 32) memcpy(t + i, f + i, 32);
        memcpy(t + size - 32, f + size - 32, 32);
        return;
    }
    if (size >= 16) {
        memcpy(t, f, 16);
        memcpy(t + size - 16, f + size - 16, 16);
        return;
    }
    if (size >= 8) {
        uint64_t head = tg_bytes8(f), tail = tg_bytes8(f + size - 8);
        memcpy(t, &head, 8);
        memcpy(t + size - 8, &tail, 8);
        return;
    }
    if (size >= 4) {
        uint32_t head = tg_bytes4(f), tail = tg_bytes4(f + size - 4);
        memcpy(t, &head, 4);
        memcpy(t + size - 4, &tail, 4);
        return;
    }
    for (size_t i = 0; i < size; i++) t[i] = f[i];
}

#endif
