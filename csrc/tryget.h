/* SPDX-License-Identifier: Apache-2.0 */
/* The core's whole interface: the only header that bindings see.
 *
 * What
 *   A store is attached with tg_store_open (store/attach.h). Every call below may be
 *   made by any thread; none runs foreign code, but for the `sink` of a read.
 *
 * Keys are UTF-8 bytes, split at '/'. Values are bytes with a codec number of the
 * caller's. Deadlines are monotonic nanoseconds (TG_FOREVER = none); reads don't take one:
 * they wait for nobody.
 *
 * A store that is only read (store/attach.h) answers TG_READ_ONLY to what would change it, and
 * to reads sometimes TG_INTERRUPTED: whoever has looked round calls again.
 *
 * After fork the child calls tg_store_after_fork (the atfork handler does) before all else.
 */
#ifndef TG_TRYGET_H
#define TG_TRYGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct tg_store;

struct tg_key {
    const char *bytes;
    size_t size;
};

struct tg_part {
    const void *bytes;
    size_t size;
};

/* What is known of a value beside its bytes. */
struct tg_info {
    uint64_t size;
    uint64_t version;  /* unique per published value, never 0 */
    uint32_t expiry;   /* tenths of seconds since the store was created, 0 = never */
    uint32_t codec;
    bool has_value;
    bool has_children;
    uint32_t children; /* only tg_stat */
    uint32_t pins;     /* only tg_stat */
};

struct tg_pin;

/* Room for `info->size` bytes, which are copied there. May be called again when the read
 * has to be repeated: the last call counts. It must not block nor call the core; NULL
 * refuses (the read then answers TG_INVALID). */
typedef void *(*tg_sink)(void *argument, const struct tg_info *info);

/* ---- values ------------------------------------------------------------------ */

TG_MUST_CHECK tg_status tg_get(struct tg_store *store, uint32_t *hint, struct tg_key key,
                               tg_sink sink, void *argument, struct tg_info *info);
/* As tg_get; but a value that lies apart (larger than 1 KiB) is pinned where it is, in the same
 * look, if it has pin_from[codec] bytes or more (0: never): then pin->bytes has it, and the sink
 * wasn't asked. Else pin->entry is 0. Where no pin is to be had, the sink is asked. */
TG_MUST_CHECK tg_status tg_get_or_pin(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                      tg_sink sink, void *argument, const uint32_t pin_from[256],
                                      struct tg_info *info, struct tg_pin *pin);
/* Is there a node (a value, or children)? TG_OK with info->has_*, or TG_ABSENT. */
TG_MUST_CHECK tg_status tg_contains(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                    struct tg_info *info);
TG_MUST_CHECK tg_status tg_stat(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                struct tg_info *info);

enum tg_set_mode { TG_SET_ALWAYS, TG_SET_IF_ABSENT, TG_SET_IF_VERSION };

struct tg_set_options {
    enum tg_set_mode mode;
    uint64_t if_version; /* of TG_SET_IF_VERSION; 0 = only if absent */
    uint32_t expiry;     /* as in tg_info */
    uint32_t codec;
    uint64_t deadline_ns;
};

/* TG_OK, TG_EXISTS, TG_MISMATCH, TG_FULL, TG_TIMEOUT, TG_INTERRUPTED, TG_INVALID (key). */
TG_MUST_CHECK tg_status tg_set(struct tg_store *store, uint32_t *hint, struct tg_key key,
                               const struct tg_part *parts, size_t part_count,
                               const struct tg_set_options *options, uint64_t *version);

/* Removes the value (its children stay). `sink` may be NULL; else it gets the old value. */
TG_MUST_CHECK tg_status tg_delete(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                  tg_sink sink, void *argument, struct tg_info *info,
                                  uint64_t deadline_ns);
/* Removes the node with all below it; key.bytes NULL = all below the root. */
TG_MUST_CHECK tg_status tg_drop(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                uint64_t deadline_ns);
TG_MUST_CHECK tg_status tg_rename(struct tg_store *store, uint32_t *hint, struct tg_key from,
                                  struct tg_key to, bool replace, uint64_t deadline_ns);
/* Sets the expiry of a value, nothing else. */
TG_MUST_CHECK tg_status tg_touch(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                 uint32_t expiry, uint64_t deadline_ns);

/* ---- builds: one maker of a missing value ---------------------------------------------- */

/* The right to make a value, of this process. A forked child has none of its parent's. */
struct tg_build {
    uint64_t token; /* 0 = none */
    uint32_t stripe;
    uint32_t process, generation;
};

/* Somebody else is making it. */
struct tg_awaited {
    uint64_t token;
    uint32_t stripe;
    uint32_t seen;   /* of the word that moves when that build ends */
    uint32_t process, generation, thread; /* who */
    uint32_t expiry; /* of its lease, 0 = none */
};

struct tg_build_options {
    uint32_t lease; /* as expiry in tg_info: from then on others may begin, too; 0 = none */
    const struct tg_build *own; /* the builds that the caller is in the middle of */
    size_t own_count;
    uint64_t deadline_ns;
};

/* For a key that a read has missed. TG_OK: *build is ours, and must be published, given up, or
 * noted as absent. TG_EXISTS: there is a value, read again. TG_ABSENT: there is known to be
 * none. TG_BUSY: see *wait. TG_RECURSION: it is one of our own. And as tg_set. */
TG_MUST_CHECK tg_status tg_build_begin(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                       const struct tg_build_options *options,
                                       struct tg_build *build, struct tg_awaited *wait);
/* Sleeps until the build may have ended: read and begin again. It returns after 100 ms at the
 * latest, and at options->deadline_ns (TG_TIMEOUT). TG_RECURSION: that build waits, perhaps by
 * way of others, for one of our own. TG_INTERRUPTED. */
TG_MUST_CHECK tg_status tg_build_wait(struct tg_store *store, uint32_t *hint,
                                      const struct tg_awaited *wait,
                                      const struct tg_build_options *options);
/* Stores the value if the key still has none. TG_OK; TG_ABSENT: too late, the build was taken
 * over, or the key removed meanwhile; TG_EXISTS: another value is there. In these three cases
 * the build is over. Else as tg_set, and it goes on. `options`: expiry, codec, deadline. */
TG_MUST_CHECK tg_status tg_build_publish(struct tg_store *store, uint32_t *hint,
                                         const struct tg_build *build, struct tg_key key,
                                         const struct tg_part *parts, size_t part_count,
                                         const struct tg_set_options *options, uint64_t *version);
/* There will be no value from us: the next one may build. TG_OK, TG_ABSENT (it was over). */
TG_MUST_CHECK tg_status tg_build_abort(struct tg_store *store, uint32_t *hint,
                                       const struct tg_build *build, uint64_t deadline_ns);
/* For whom the calls above and below have answered TG_TIMEOUT or TG_INTERRUPTED, and who won't
 * try again: the build is over for those who wait. Never waits. */
void tg_build_leave(struct tg_store *store, const struct tg_build *build);
/* There is no value: tg_build_begin says so until the expiry. As tg_build_abort. */
TG_MUST_CHECK tg_status tg_build_absent(struct tg_store *store, uint32_t *hint,
                                        const struct tg_build *build, uint32_t expiry,
                                        uint64_t deadline_ns);

/* ---- pins -------------------------------------------------------------------- */

/* Of what is pinned no more is kept: a pin is made and dropped in the time of a few lines. */
struct tg_content {
    uint64_t size;
    uint64_t version;
    uint32_t expiry;
    uint32_t codec;
};

struct tg_pin {
    const void *bytes;
    struct tg_content info;
    uint32_t entry;  /* of the ledger; 0 = none */
    uint32_t object;
    uint32_t ledger; /* which ledger: a forked child has one of its own */
    void *at;        /* the entry, as long as that ledger is the process's */
};

/* Pins the value of a key: its bytes stay where they are, unchanged, until tg_unpin.
 * A small value is moved into an object of its own first. TG_PINS_FULL, TG_ABSENT, ... */
TG_MUST_CHECK tg_status tg_pin_value(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                     struct tg_pin *pin, uint64_t deadline_ns);
/* False in a forked child that could not take the pin over: its bytes may become others. */
bool tg_pin_holds(struct tg_store *store, const struct tg_pin *pin);
/* Never waits. In a forked child it drops the child's own pin only (store/attach.h). */
void tg_unpin(struct tg_store *store, struct tg_pin *pin);

/* ---- listing ------------------------------------------------------------------ */

struct tg_cursor {
    uint32_t dir; /* 0 = the end (or start with tg_list_begin) */
    uint32_t generation;
    uint32_t chunk;
    uint32_t slot;
    uint64_t ordinal;
};

struct tg_child {
    uint32_t name_offset; /* into the text buffer */
    uint32_t name_size;
    uint32_t expiry;
    uint64_t size;
    uint32_t dir;         /* its directory, 0 = none */
    uint32_t generation;
    bool has_value;
    bool has_children;
};

/* Points the cursor at the children of a node; key.bytes NULL = the root. TG_ABSENT. */
TG_MUST_CHECK tg_status tg_list_begin(struct tg_store *store, uint32_t *hint, struct tg_key key,
                                      struct tg_cursor *cursor);
/* Points the cursor at the children of a child that a listing gave. */
void tg_list_below(const struct tg_child *child, struct tg_cursor *cursor);
/* The next children, as many as fit; *count 0 = the end. A child present all the time is
 * listed exactly once. text needs at least 256 bytes. */
TG_MUST_CHECK tg_status tg_list_next(struct tg_store *store, uint32_t *hint,
                                     struct tg_cursor *cursor, struct tg_child *children,
                                     size_t capacity, size_t *count, char *text, size_t text_size);

/* ---- the whole store ----------------------------------------------------------- */

struct tg_usage {
    uint64_t entries;         /* values */
    uint64_t entry_bytes;     /* of their blocks */
    uint64_t limit;
    uint64_t committed_bytes; /* memory taken from the file system */
    uint32_t processes;
    uint32_t pins;
};

TG_MUST_CHECK tg_status tg_usage(struct tg_store *store, uint32_t *hint, struct tg_usage *usage);
/* Finishes what is pending: deaths, dropped subtrees, limbo, parked objects. TG_TIMEOUT: the
 * thread that takes dropped subtrees apart is still at it. */
TG_MUST_CHECK tg_status tg_tidy(struct tg_store *store, uint32_t *hint, uint64_t deadline_ns);
/* Expiry for a ttl in seconds; 0 (never) for a negative one. */
uint32_t tg_expiry_after(struct tg_store *store, double seconds);
/* Seconds left, at least 0; a negative number for never. */
double tg_expiry_left(struct tg_store *store, uint32_t expiry);
uint64_t tg_monotonic_ns(struct tg_store *store);

struct tg_violation {
    const char *rule; /* "N1" ... (docs/internals) */
    uint64_t where;   /* offset in the file */
    char text[160];
};

struct tg_report {
    bool exact; /* the store was quiet: counts and leaks were checked too */
    uint64_t records, objects, dirs, blocks, pages;
    uint64_t leaked_bytes;
    uint32_t violation_count;
    /* Of the caller: */
    uint32_t violation_capacity;
    struct tg_violation *violations;
    void *scratch; /* tg_verify_scratch bytes, aligned to 8; NULL: never exact */
    uint64_t scratch_size;
};

uint64_t tg_verify_scratch(struct tg_store *store);

/* Checks every invariant when nobody writes; of a store in use, what each name says by itself.
 * `deep` also compares each value with its checksum (when exact). TG_OK: see the report. */
TG_MUST_CHECK tg_status tg_verify(struct tg_store *store, uint32_t *hint, bool deep,
                                  struct tg_report *report);

#endif
