/* SPDX-License-Identifier: Apache-2.0 */
/* One call into the core: what it borrowed, what it holds, until when it may wait.
 *
 * What
 *   struct tg_call lives on the caller's stack. It owns at most one context (a
 *   "virtual processor" of the store): every lock, log entry and read section of the
 *   call is recorded there, so that a death at any instruction can be mended.
 * Invariants
 *   C1  A call returns its context before it returns, and before any sleep that is
 *       not a wait for a lock word.
 *   C2  No call runs Python code, except that a reader may create a bytes object.
 * Death: the context's word names the process; owner/recover.h mends it.
 */
#ifndef TG_REGION_CALL_H
#define TG_REGION_CALL_H

#include "local.h"

#define TG_FOREVER UINT64_MAX

enum { TG_NEED_CAPACITY = 6 };

/* Blocks that the next transaction may take, by class (object/blocks.h). */
struct tg_need {
    uint32_t class, wanted, taken;
};

struct tg_call {
    struct tg_local *local;
    struct tg_context *context; /* NULL outside a section */
    uint32_t id;                /* of the context, from 1; 0 outside */
    uint32_t log_count;
    uint64_t logged; /* a bit for each word that is in the log; several share one */
    uint32_t held_count;
    uint32_t retired;       /* blocks whose retirement this log holds, */
    tg_ref retired_head;    /* and the last of them */
    uint64_t freed;         /* blocks that this call's drains gave back */
    uint32_t again;         /* how often it started over */
    bool grow_due;          /* an insert found its bucket full: split one afterwards */
    bool need_garbage;      /* a size that nothing has was asked for */
    uint32_t need_count;
    struct tg_need need[TG_NEED_CAPACITY];
    uint32_t hint;          /* a context to try first; the caller may keep it per thread */
    uint64_t word;          /* what we put into context->word */
    uint64_t deadline_ns;   /* monotonic; TG_FOREVER = none */
    tg_a64 *held[TG_HELD_CAPACITY]; /* in the order taken; slot i of context->held */
};

static inline void tg_call_begin(struct tg_call *call, struct tg_local *local, uint32_t hint,
                                 uint64_t deadline_ns) {
    call->local = local;
    call->context = NULL;
    call->id = 0;
    call->log_count = 0;
    call->logged = 0;
    call->held_count = 0;
    call->freed = 0;
    call->again = 0;
    call->grow_due = false;
    call->need_garbage = false;
    call->need_count = 0;
    call->retired = 0;
    call->retired_head = 0;
    call->hint = hint;
    call->word = 0;
    call->deadline_ns = deadline_ns;
}

/* Nothing sleeps, commits or frees inside a read section (E5 of epoch/epoch.h): whoever is about to
 * says so, and a build with assertions stops where it is wrong, also when nobody had to be waited
 * for. */
static inline void tg_call_in_no_section(const struct tg_call *call) {
    TG_ASSERT(call->context == NULL || TG_WORD_MODE(call->word) == TG_HELD);
}

/* Who starts over does so because somebody else got on. False: nobody gets on that often;
 * what was read is garbage. */
TG_MUST_CHECK static inline bool tg_call_again(struct tg_call *call) {
    enum { AGAIN_MAX = 100000 };
    return ++call->again < AGAIN_MAX;
}

#endif
