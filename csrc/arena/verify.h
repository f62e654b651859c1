/* SPDX-License-Identifier: Apache-2.0 */
/* Is the arena what arena.h says? For the checker, on a quiet store.
 *
 * What
 *   tg_arena_verify reports each violation of A1, A2, A4, A5 and of the lists' form.
 *   A3 needs to know what is reachable: the iterators give every allocated block, every
 *   block in a magazine, and every run; the caller marks.
 * Invariants
 *   V1  Any byte of shared memory may be garbage: it is reported, never followed
 *       out of bounds or for ever. What is not committed is not read.
 * Ordering: nobody else writes.
 * Death: it only reads.
 * Progress: each page, list entry, bitmap word and magazine once.
 * API: below.
 */
#ifndef TG_ARENA_VERIFY_H
#define TG_ARENA_VERIFY_H

#include "../region/local.h"

/* `where` is a page, a class, a context id or a ref, as the text says. */
typedef void (*tg_arena_report)(void *state, const char *rule, uint64_t where, const char *text);

/* The number of violations. `report` may be NULL. */
uint64_t tg_arena_verify(const struct tg_local *local, tg_arena_report report, void *state);

/* Every block whose bit is set: owned by somebody or in a magazine. */
void tg_arena_each_block(const struct tg_local *local,
                         void (*visit)(void *state, tg_ref ref, uint32_t class), void *state);

/* Every ref in a magazine that is a block of its class. */
void tg_arena_each_stocked(const struct tg_local *local,
                           void (*visit)(void *state, tg_ref ref, uint32_t class, uint32_t id),
                           void *state);

/* Every run of kind RUN; `id` is the context in whose hand it is, or 0. */
void tg_arena_each_run(const struct tg_local *local,
                       void (*visit)(void *state, uint32_t first, uint32_t pages, uint32_t id),
                       void *state);

#endif
