/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks for one transaction: wanted before the locks, used under them, taken by the log.
 *
 * What
 *   An operation says what it may need (tg_need_add), makes sure of it while it holds no
 *   lock (tg_need_prepare), uses blocks while it builds (tg_need_use), and logs how many
 *   it took (tg_need_log). Two needs of one size class are one need.
 * Death: blocks stay in the magazine until the transaction takes them (arena/arena.h).
 * API: below.
 */
#ifndef TG_OBJECT_BLOCKS_H
#define TG_OBJECT_BLOCKS_H

#include "../arena/arena.h"

static inline void tg_need_clear(struct tg_call *call) {
    call->need_count = 0;
    call->need_garbage = false;
}

static inline void tg_need_add(struct tg_call *call, uint32_t class, uint32_t count) {
    for (uint32_t i = 0; i < call->need_count; i++)
        if (call->need[i].class == class) {
            call->need[i].wanted += count;
            return;
        }
    TG_CHECK(call->need_count < TG_NEED_CAPACITY);
    call->need_garbage |= class == TG_CLASS_NONE; /* no record is that large */
    call->need[call->need_count++] = (struct tg_need){class, count, 0};
}

/* HELD, no locks. */
TG_MUST_CHECK static inline tg_status tg_need_prepare(struct tg_call *call) {
    if (TG_UNLIKELY(call->need_garbage)) return TG_CORRUPT;
    for (uint32_t i = 0; i < call->need_count; i++) {
        tg_status status = tg_block_prepare(call, call->need[i].class, call->need[i].wanted);
        if (status != TG_OK) return status;
        call->need[i].taken = 0;
    }
    return TG_OK;
}

/* The next block of a wanted class; the same ones again after tg_need_reuse. */
static inline tg_ref tg_need_use(struct tg_call *call, uint32_t class) {
    for (uint32_t i = 0; i < call->need_count; i++)
        if (call->need[i].class == class) {
            TG_CHECK(call->need[i].taken < call->need[i].wanted);
            return tg_block_peek(call, class, call->need[i].taken++);
        }
    TG_CHECK(!"a block of a class that was not asked for");
    return 0;
}

/* One entry a class that was used. */
static inline void tg_need_log(struct tg_call *call) {
    for (uint32_t i = 0; i < call->need_count; i++)
        if (call->need[i].taken) tg_block_take(call, call->need[i].class, call->need[i].taken);
    call->need_count = 0;
}

#endif
