/* SPDX-License-Identifier: Apache-2.0 */
/* What a process keeps of its own for one attached store, and refs turned into pointers.
 *
 * What
 *   struct tg_local: one per attach. The header's fields are copied here after they
 *   were checked, so that nothing later trusts page 0. tg_at is the one accessor for
 *   refs found in shared memory.
 * Invariants
 *   P1  No other private state: no mutable globals, no thread-local variables.
 *   P2  tg_at returns memory inside the arena, aligned for its type and committed,
 *       or NULL; whatever the ref.
 * Death: private memory; nothing to mend.
 */
#ifndef TG_REGION_LOCAL_H
#define TG_REGION_LOCAL_H

#include "../base/check.h"
#include "../os/os.h"
#include "format.h"

enum {
    TG_SMALL_SIZE = 2048,
    TG_LEDGER_CAPACITY = TG_LEDGER_FIRST * ((1 << TG_LEDGER_CHUNKS) - 1), /* entries a process */
    TG_LEDGER_WORDS = (TG_LEDGER_CAPACITY + 63) / 64,
};

enum {
    TG_FORK_NONE = 0,
    TG_FORK_NOTING = 1, /* kept pins stay, */
    TG_FORK_NOTED = 2,  /* or those that were noted, until the child has its own */
};

/* One bit for each entry of our ledger, across a fork (ledger/adopt.c). */
struct tg_fork_pins {
    tg_a64 under_way;                /* TG_FORK_* */
    tg_a64 noted[TG_LEDGER_WORDS];   /* kept when the fork began */
    tg_a64 dropped[TG_LEDGER_WORDS]; /* given up since, and still there */
};

/* How a slab of one class is cut. */
struct tg_shape {
    uint32_t size;   /* of a block */
    uint32_t first;  /* offset of block 0 in the slab */
    uint32_t blocks; /* 0: the class does not fit a slab */
    uint32_t words;  /* of the bitmap */
    uint32_t inverse; /* 2^32 / size, rounded up: n * size * inverse >> 32 = n */
};

struct tg_local {
    uint8_t *base;
    struct tg_os *os;
    struct tg_header header; /* the checked copy */
    struct tg_hot *hot;
    tg_a64 *units;
    struct tg_process *processes;
    uint8_t *contexts;
    struct tg_class *classes;
    struct tg_page *pages;
    struct tg_line *buckets;
    uint64_t arena_begin; /* offsets */
    uint64_t arena_end;
    uint32_t process; /* our entry */
    uint32_t process_generation;
    uint32_t ledger_epoch; /* moves when a forked child gets a ledger of its own */
    tg_a32 context_high;   /* hot.context_high was at least this */
    uint8_t small_class[TG_SMALL_SIZE / 8 + 1]; /* by size in steps of 8; 255 = none */
    uint16_t magazine_offset[TG_CLASS_CAPACITY + 2]; /* in words, into context.magazines */
    uint16_t magazine_capacity[TG_CLASS_CAPACITY + 2];
    struct tg_shape shape[TG_CLASS_CAPACITY + 2];
    /* Threads of one process write these; hints and statistics only. */
    tg_a64 borrowings;
    tg_a64 changes;
    tg_a64 odd_seq_seen; /* an ns_seq value whose owner was waited for once already */
    tg_a64 suspect;      /* the section that blocked the last advance, and since when */
    tg_a64 suspect_since_ns;
    tg_a64 statistics[16];
    tg_a64 ledger_hint; /* an entry that is probably free */
    struct tg_fork_pins fork;
};

static inline uint32_t tg_round_up(uint32_t value, uint32_t to) {
    return (value + to - 1) & ~(to - 1);
}

static inline void *tg_at_offset(const struct tg_local *local, uint64_t offset) {
    return local->base + offset;
}

static inline uint64_t tg_offset_of(const struct tg_local *local, const void *pointer) {
    return (uint64_t)((const uint8_t *)pointer - local->base);
}

static inline tg_ref tg_ref_of(const struct tg_local *local, const void *pointer) {
    return (tg_ref)(tg_offset_of(local, pointer) >> local->header.ref_shift);
}

static inline struct tg_context *tg_context_at(const struct tg_local *local, uint32_t id) {
    return (struct tg_context *)(local->contexts + (uint64_t)(id - 1) * local->header.context_size);
}

static inline bool tg_unit_committed(const struct tg_local *local, uint64_t offset) {
    uint64_t unit = (offset - local->arena_begin) >> local->header.unit_shift;
    return tg_load_relaxed64(&local->units[unit / 64]) >> (unit % 64) & 1;
}

/* The first byte only: the caller knows that the rest is in the same commit unit. */
static inline void *tg_at_start(const struct tg_local *local, tg_ref ref) {
    uint64_t offset = (uint64_t)ref << local->header.ref_shift;
    if (TG_UNLIKELY(offset < local->arena_begin || offset >= local->arena_end)) return NULL;
    if (TG_UNLIKELY(!tg_unit_committed(local, offset))) return NULL;
    return local->base + offset;
}

/* `size` must not exceed a page for blocks; callers with larger payloads check their run. */
static inline void *tg_at(const struct tg_local *local, tg_ref ref, uint64_t size) {
    uint64_t offset = (uint64_t)ref << local->header.ref_shift;
    if (TG_UNLIKELY(offset < local->arena_begin || size > local->arena_end - local->arena_begin ||
                    offset > local->arena_end - size))
        return NULL;
    if (TG_UNLIKELY(!tg_unit_committed(local, offset))) return NULL;
    if (TG_UNLIKELY(size && !tg_unit_committed(local, offset + size - 1))) return NULL;
    return local->base + offset;
}

#endif
