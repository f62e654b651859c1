/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a store: planned, written once, and checked before it is believed.
 *
 * What
 *   tg_region_plan chooses the few free numbers of a layout (limit, page, unit, counts,
 *   classes); all offsets follow from them. tg_region_check takes a header that anybody
 *   may have written, checks the free numbers, computes the rest again and compares: a
 *   header passes only if this code could have written it.
 *   tg_region_bind fills a process's tg_local; tg_region_format writes an empty image.
 *
 * Choices (format.h names the fields)
 *   ref       the smallest granule, from 8 bytes, whose 2^32 refs cover the file
 *   page      4 KiB up to 64 MiB, else 8 KiB: a large value wastes less than one
 *   slab      16 KiB up to 16 MiB, 32 KiB up to 64 MiB, else 64 KiB; at most half a unit
 *   unit      limit / 64, a power of two in [64 KiB, 4 MiB], at least a page
 *   contexts  limit / 4 MiB, in [16, 256]
 *   buckets   reserved for the smallest records that could fill the arena, at 70 %;
 *             committed in steps of limit / 256, a power of two in [4 KiB, 1 MiB]
 *   arena     could alone hold `limit` bytes: reserved, not committed
 *
 * Invariants
 *   Y1  Regions follow each other in the order of format.h and don't overlap; the arena
 *       begins at a multiple of the unit, the buckets at one of 4096.
 *   Y2  The general classes rise; then come two type-stable ones: dirs (index
 *       class_count) and objects (class_count + 1).
 *   Y3  An empty image is zero, but for what tg_region_format and the layers' own format
 *       functions write; the header is written by tg_region_seal, last.
 *
 * Death: an image that is being formatted has no name yet (store/attach.h).
 * API: tg_region_plan, tg_region_check, tg_region_bind, tg_region_hot_good, tg_region_format,
 *   tg_region_seal.
 */
#ifndef TG_REGION_REGION_H
#define TG_REGION_REGION_H

#include "local.h"

#define TG_LIMIT_MIN ((uint64_t)4 << 20)
#define TG_LIMIT_MAX ((uint64_t)1 << 40)

enum {
    TG_SMALLEST_BLOCK = 48,
    TG_PROCESS_MAX = 4096,
    TG_CONTEXT_MAX = 4094, /* owner fields have 12 bits */
};

/* Zero means: as chosen above. Only the first two are for users; the simulator sets all. */
struct tg_region_options {
    uint64_t limit;
    uint32_t max_processes; /* 512 */
    uint32_t context_count;
    uint32_t page_shift;
    uint32_t unit_shift;       /* given: the limit may be below TG_LIMIT_MIN */
    uint64_t bucket_unit;      /* lines, a power of two */
    uint64_t bucket_capacity;  /* lines, a multiple of bucket_unit */
    uint32_t class_count;      /* general classes in class_size */
    const uint32_t *class_size;
};

/* A layout as small as can be, so that full and wrap happen soon. */
void tg_region_tiny(struct tg_region_options *options);

/* TG_OK or TG_INVALID. Boot id, uuid, keys and time are left zero. */
TG_MUST_CHECK tg_status tg_region_plan(const struct tg_region_options *options,
                                       struct tg_header *out);

/* `untrusted` is any 4096 bytes; `checked` may be used after TG_OK only.
 * TG_CORRUPT, TG_LAYOUT (a store of another version of this format). */
TG_MUST_CHECK tg_status tg_region_check(const struct tg_header *untrusted,
                                        uint64_t actual_file_size, struct tg_header *checked);

/* Whether the global words can be true; other processes may be changing them. */
bool tg_region_hot_good(const struct tg_local *local);

/* Zeroes `local` and fills it; `process` is left for the caller. */
void tg_region_bind(struct tg_local *local, void *base, struct tg_os *os,
                    const struct tg_header *checked);

/* Commits what is fixed and the first buckets of a bound, zero image, and writes the global
 * words. TG_OK, TG_FULL, TG_SYSTEM. The other layers' parts: store/format.h. */
TG_MUST_CHECK tg_status tg_region_format(struct tg_local *local);
/* Writes page 0: the image is complete. */
void tg_region_seal(struct tg_local *local);

/* Lines in use at first: as many as are committed. */
static inline uint64_t tg_region_first_buckets(const struct tg_header *header) {
    return header->bucket_unit;
}

static inline uint64_t tg_region_round_up(uint64_t value, uint64_t step) {
    return (value + step - 1) / step * step;
}

#endif
