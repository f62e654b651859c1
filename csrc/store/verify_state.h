/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the checker share: private to verify*.c.
 *
 * What
 *   Two bits a block, in scratch: `reached` (something owns it) and `seen` (of directories:
 *   the way to it was walked). A run has the bits of block 0 of its first page.
 * Death: private memory.
 * API: tg_check_say, tg_check_take, tg_check_reached, tg_check_lock; the parts in order.
 */
#ifndef TG_STORE_VERIFY_STATE_H
#define TG_STORE_VERIFY_STATE_H

#include "../names/change.h"
#include "verify.h"

enum {
    TG_CHECK_DEPTH = 1024, /* levels that one descent remembers; deeper trees take more passes */
    TG_CHECK_CHAIN = 1024, /* lines of a bucket (names/table.c) */
    TG_ANY_GENERAL_CLASS = -2,
};

/* A directory on the way down, and the slot to look at next. */
struct tg_check_frame {
    tg_ref dir;
    tg_ref chunk; /* 0 = the dir's own slots */
    uint32_t slot;
};

struct tg_check {
    struct tg_local *local;
    const struct tg_verify_options *options;
    struct tg_report *report;
    uint64_t *reached, *seen;
    uint32_t words; /* of each a slab */
    struct tg_check_frame *stack;
    uint32_t depth;
    bool too_deep;
    bool readers; /* somebody else is in a read section */
    bool disturbed; /* a writer was seen, though there should be none */
    bool dropped; /* below a dropped or private directory */
    bool changed; /* another pass is due */
    tg_status status;
    struct tg_call *call;
    uint64_t mark_words;
    uint64_t *run_pages; /* a bit for each page of a run that is taken (repair) */
    uint64_t entries, bytes; /* found */
    uint64_t slots;          /* of children */
};

/* Notes a violation: "<what>: <problem>". */
void tg_check_say(struct tg_check *check, const char *rule, uint64_t where, const char *what,
                  const char *problem);

static inline uint64_t tg_check_where(const struct tg_check *check, const void *pointer) {
    return tg_offset_of(check->local, pointer);
}

/* Where `ref` points to, for reports. */
static inline uint64_t tg_check_at(const struct tg_check *check, tg_ref ref) {
    return (uint64_t)ref << check->local->header.ref_shift;
}

/* The global words, those of contexts and of processes, in a store that may be in use. */
void tg_check_words(struct tg_check *check);

/* Clears what is not the caller's. */
void tg_check_clear_report(struct tg_report *report);
/* Clears scratch and report; false: too little scratch. */
bool tg_check_begin(struct tg_check *check, struct tg_local *local,
                    const struct tg_verify_options *options, struct tg_report *report);

/* `ref` is owned by `what`: it must be an allocated block of the class (or any general one)
 * that nobody else owns. False: it was said why not. */
bool tg_check_take(struct tg_check *check, tg_ref ref, int class, const char *rule,
                   const char *what);
/* The same for a run. */
bool tg_check_take_run(struct tg_check *check, tg_ref ref, uint32_t pages, const char *rule,
                       const char *what);
bool tg_check_reached(const struct tg_check *check, tg_ref ref);
bool tg_check_run_reached(const struct tg_check *check, uint32_t first);
/* Sets the bit; false: it was set already. The ref is a block. */
bool tg_check_see(struct tg_check *check, tg_ref ref);
bool tg_check_seen(const struct tg_check *check, tg_ref ref);

/* Says what is wrong with a lock word at rest. */
void tg_check_lock(struct tg_check *check, const tg_a64 *lock, const char *what);
/* Only with options->settled. */
void tg_check_pending(struct tg_check *check, const void *where, const char *what);

/* ---- verify_record.c --------------------------------------------------------------- */

/* What is wrong with a record by itself, its object and its directory's ref included, or NULL.
 * No locks needed: for the live check too. */
const char *tg_check_record(struct tg_local *local, tg_ref ref, struct tg_record *record,
                            const char **rule);
/* Has the object a payload that fits? Else what is wrong. */
const char *tg_check_object(struct tg_local *local, const struct tg_object *object);
/* Does it agree with the object's checksum? */
bool tg_check_sum_good(struct tg_local *local, const struct tg_object *object);
/* Was this version given out? */
bool tg_check_version(const struct tg_local *local, uint64_t version);

/* The name of a record, and its hash below `dir`. */
struct tg_check_key {
    struct tg_component name;
    uint64_t hash;
    uint8_t bytes[TG_NAME_MAX];
};
void tg_check_key_of(struct tg_local *local, struct tg_record *record, tg_ref dir,
                     struct tg_check_key *key);

/* ---- verify_table.c ---------------------------------------------------------------- */

/* Buckets and records: each once, in its place; marks what they own. */
void tg_check_table(struct tg_check *check);
/* After the directories: each record has a parent that was seen. */
void tg_check_parents(struct tg_check *check);
/* Takes the object's block and payload. */
void tg_check_take_object(struct tg_check *check, tg_ref ref, enum tg_object_state state,
                          const char *rule, const char *what);

/* ---- verify_dirs.c ----------------------------------------------------------------- */

/* Takes the directories that no record names: root, dropped, private. */
void tg_check_roots(struct tg_check *check);
/* Walks down from them. */
void tg_check_dirs(struct tg_check *check);

/* ---- verify_board.c ----------------------------------------------------------------- */

/* Claims and memos; takes their blocks. */
void tg_check_board(struct tg_check *check);

/* ---- verify_blocks.c ---------------------------------------------------------------- */

void tg_check_ledgers(struct tg_check *check);
void tg_check_limbo(struct tg_check *check);
/* Magazines and runs in hand; what nobody has is leaked. */
void tg_check_leaks(struct tg_check *check);

/* ---- verify_repair.c, verify_rebuild.c ------------------------------------------------- */

typedef void tg_repair_visit(struct tg_check *check, tg_a32 *slot, struct tg_record *record);

/* Each record of the table; the visitor may clear its slot. */
void tg_repair_each(struct tg_check *check, tg_repair_visit *visit);
/* As tg_check_take and _run, without a word; bitmaps are not believed, overlaps refused. */
bool tg_check_take_quietly(struct tg_check *check, tg_ref ref, int class);
bool tg_check_take_run_quietly(struct tg_check *check, tg_ref ref, uint32_t pages);
void tg_check_clear_marks(struct tg_check *check);
/* An object with its payload, both or none. The header is sound (tg_check_object). */
bool tg_check_take_value(struct tg_check *check, tg_ref object);

/* Slabs whose first descriptor is lost, units whose bit is. TG_OK, TG_FULL, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_repair_pages(struct tg_check *check);
/* Marks what the records own, and makes everything else free. TG_OK, TG_FULL, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_repair_memory(struct tg_check *check);
/* Lists each record in its directory again, and counts. */
TG_MUST_CHECK tg_status tg_repair_children(struct tg_check *check);

#endif
