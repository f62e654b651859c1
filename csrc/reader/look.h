/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a store: from the note of the epoch to the question whether it holds.
 *
 * What
 *   tg_look_begin, any number of tg_look_* calls, tg_look_end; again while that says TG_RETRY.
 *   A call that fails notes its trouble in the look and answers false; the end knows whether
 *   the trouble was real, or came of memory that was reused under the look.
 * Invariants: L1 to L5 of reader/reader.h.
 * Ordering: reader/reader.h.
 * Death: private memory.
 * Progress: a look has no loops but chains, which are bounded; copies of changing words are
 *   repeated when somebody changed one, a few times, then the whole look.
 * API: below.
 */
#ifndef TG_READER_LOOK_H
#define TG_READER_LOOK_H

#include "../names/lookup.h"
#include "../names/walk.h"

#ifdef TG_SIM
enum { TG_RECORD_FIRST = 32 }; /* bytes of a record that are copied at first */
#else
enum { TG_RECORD_FIRST = 640 }; /* a second copy costs as much as 1500 more bytes */
#endif

enum {
    TG_LOOKS_MAX = 1000,
    TG_RECORD_MAX = 32 + 8 + TG_NAME_MAX + TG_INLINE_MAX,
    TG_CHANGING_MAX = sizeof(struct tg_chunk) > sizeof(struct tg_dir) ? sizeof(struct tg_chunk)
                                                                      : sizeof(struct tg_dir),
};

struct tg_look {
    struct tg_local *local;
    uint64_t seq;
    uint64_t epoch;
    uint64_t dir_gen; /* while ns_seq was seq */
    tg_status trouble;
    uint32_t looks; /* begun so far */
};

/* A record's words and bytes, in private memory. */
struct tg_copied {
    struct tg_view view; /* of these bytes; its value only after tg_look_value */
    tg_ref ref;
    uint32_t hash, parent, name_size, have;
    const uint8_t *name;
    const tg_a64 *lock; /* of the bucket where it was found, */
    uint64_t lock_word; /* as it was before */
    uint8_t bytes[TG_RECORD_MAX];
};

static inline void tg_look_init(struct tg_look *look, struct tg_local *local) {
    *look = (struct tg_look){.local = local};
}

/* With `walks`: also waits for a rename to be over. False: often enough for now. */
bool tg_look_begin(struct tg_look *look, bool walks);
/* TG_OK: what was found holds. TG_RETRY: look again. TG_CORRUPT, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_look_end(struct tg_look *look, bool walks);

/* `size` bytes of the block or payload at `ref`, from byte `from` on. */
bool tg_look_copy(struct tg_look *look, tg_ref ref, uint64_t from, void *to, uint64_t size);
/* The same of at most TG_CHANGING_MAX bytes with words that others change (L3). */
bool tg_look_changing(struct tg_look *look, tg_ref ref, uint64_t from, void *to, uint32_t size);

/* A record, with its name. */
bool tg_look_record(struct tg_look *look, tg_ref ref, struct tg_copied *copied);
/* ... and with its inline value. */
bool tg_look_value(struct tg_look *look, struct tg_copied *copied);

/* False: absent, or trouble. */
bool tg_look_find(struct tg_look *look, uint64_t hash, tg_ref parent,
                  const struct tg_component *component, struct tg_copied *copied);
bool tg_look_walk(struct tg_look *look, struct tg_key key, struct tg_copied *copied);

/* What is believed of an object. */
struct tg_copied_object {
    tg_ref ref, payload;
    uint32_t state, pages, checksum;
    uint64_t version, size;
};
bool tg_look_object(struct tg_look *look, tg_ref ref, struct tg_copied_object *object);
/* After a copy of its payload, also when the look does not hold any more: was the object the one
 * that was looked up until now? (L4) */
bool tg_look_object_there(struct tg_look *look, const struct tg_copied_object *object);

static inline bool tg_look_bad(struct tg_look *look, tg_status trouble) {
    if (look->trouble == TG_OK) look->trouble = trouble;
    return false;
}

/* Words of a copy. */
#define TG_COPIED32(copy, type, field)                                                             \
    tg_bytes4((const uint8_t *)(copy) + offsetof(struct type, field))
#define TG_COPIED64(copy, type, field)                                                             \
    tg_bytes8((const uint8_t *)(copy) + offsetof(struct type, field))

static inline tg_ref tg_copied_slot(const uint8_t *slots, uint32_t index) {
    return tg_bytes4(slots + 4 * (size_t)index);
}

#endif
