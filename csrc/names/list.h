/* SPDX-License-Identifier: Apache-2.0 */
/* Listing children, a batch at a time, while others come and go.
 *
 * What
 *   A cursor remembers a slot; a batch reads on from there in one read section. A child
 *   keeps its slot while it is there (names/children.h), so it is met exactly once.
 * Invariants: children.h D1 to D3. A directory that ended reads as empty.
 * Ordering: PAIR publish, by children.h.
 * Death: reads only.
 * Progress: bounded by the batch.
 * API: tg_names_list_begin, tg_names_list_next.
 */
#ifndef TG_NAMES_LIST_H
#define TG_NAMES_LIST_H

#include "walk.h"

TG_MUST_CHECK tg_status tg_names_list_begin(struct tg_call *call, struct tg_key key,
                                            struct tg_cursor *cursor);

struct tg_listing {
    struct tg_child *children;
    size_t capacity, count;
    char *text;
    size_t text_size, text_used;
};
TG_MUST_CHECK tg_status tg_names_list_next(struct tg_call *call, struct tg_cursor *cursor,
                                           struct tg_listing *listing);

#endif
