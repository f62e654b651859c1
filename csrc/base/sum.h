/* SPDX-License-Identifier: Apache-2.0 */
/* A check sum of large values, about as fast as memory is read: four independent lanes of
 * multiply and shift. It finds damage, not malice. */
#ifndef TG_BASE_SUM_H
#define TG_BASE_SUM_H

#include "bytes.h"

struct tg_sum {
    uint64_t lane[4];
    uint64_t done; /* bytes, a multiple of 32 */
};

static inline void tg_sum_begin(struct tg_sum *sum) {
    *sum = (struct tg_sum){{0x243f6a8885a308d3ull, 0x13198a2e03707344ull, 0xa4093822299f31d0ull,
                            0x082efa98ec4e6c89ull},
                           0};
}

static inline uint64_t tg_sum_mix(uint64_t lane, uint64_t word) {
    lane = (lane ^ word) * 0x9e3779b97f4a7c15ull;
    return lane ^ lane >> 32;
}

/* Takes what is new of the `filled` first bytes. */
static inline void tg_sum_advance(struct tg_sum *sum, const uint8_t *bytes, uint64_t filled) {
    for (; filled - sum->done >= 32; sum->done += 32)
        for (int i = 0; i < 4; i++)
            sum->lane[i] = tg_sum_mix(sum->lane[i], tg_bytes8(bytes + sum->done + 8 * i));
}

/* The next `size` bytes, a multiple of 32, where not all are at hand at once. */
static inline void tg_sum_piece(struct tg_sum *sum, const uint8_t *piece, uint64_t size) {
    uint64_t before = sum->done;
    sum->done = 0;
    tg_sum_advance(sum, piece, size);
    sum->done += before;
}

/* Of all `size` bytes, the last few of which, less than 32, are the tail. */
static inline uint32_t tg_sum_close(const struct tg_sum *sum, const uint8_t *tail, uint64_t size) {
    uint64_t all = size;
    for (uint64_t left = size - sum->done; left > 0; tail += 8) {
        uint64_t part = left < 8 ? left : 8;
        all = tg_sum_mix(all, tg_bytes_tail(tail, part));
        left -= part;
    }
    for (int i = 0; i < 4; i++) all = tg_sum_mix(all, sum->lane[i]);
    uint32_t result = (uint32_t)(all ^ all >> 32);
    return result ? result : 1;
}

/* Of all `size` bytes; never 0, which stands for "not computed". */
static inline uint32_t tg_sum_end(struct tg_sum *sum, const uint8_t *bytes, uint64_t size) {
    tg_sum_advance(sum, bytes, size);
    return tg_sum_close(sum, bytes + sum->done, size);
}

#endif
