/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the namespace: set, remove, drop, rename, and the reaping of what was dropped.
 *
 * What
 *   Each is one transaction under the locks of the buckets and directories concerned, so
 *   a reader or a recoverer sees it whole or not at all. Parents that are missing are
 *   built out of sight first and linked, with the leaf, by the same transaction. A
 *   removal takes the ancestors that it leaves empty with it.
 *
 * Bits and states
 *   context.orphan: a directory that nobody can reach: being built, or being reaped.
 *   hot.reap_head: dropped directories, linked by dir.reap_next, state DEAD.
 *
 * Invariants
 *   Q1  A node exists only while it has a value or a child: parents come with their first
 *       child and go with their last, in the same transaction.
 *   Q2  Lock order: ns, gate, buckets by address, board, dirs by address, reap.
 *   Q3  A change under a path of several components commits only while no directory is
 *       moving (tg_path_still), so a path means one thing.
 *   Q4  A record goes to limbo in the transaction that unlinks it; what a DEAD directory
 *       still has is unlinked by the reaper, one record a transaction.
 *   Q5  What removes a value or everything succeeds without memory: the value expires where
 *       it lies, or one child of the root goes after the other until there is room.
 *   Q6  While an idle context owes something (an orphan, an in-flight run) hot.unsettled is not
 *       0, or the one that left it is about to count it on. It becomes 0 only from what it was
 *       before a look that found nothing left to do.
 *
 * Linearization points: set: the slot of the bucket; remove, drop: the slot of the
 *   topmost node that goes; rename: ns_seq even again.
 *
 * Ordering: PAIR publish, PAIR names.seq, PAIR gate (walk.h); PAIR unsettled.
 * Death: an orphan is put on the reap list by the next borrower of the context, or by who
 *   follows hot.unsettled (tg_names_settle_idle).
 * Progress: blocking (bucket, dir locks); a change restarts when the world moved under
 *   it, that is, when another change was completed.
 * API: below.
 */
#ifndef TG_NAMES_CHANGE_H
#define TG_NAMES_CHANGE_H

#include "../board/board.h"
#include "walk.h"

/* What tg_names_set is to do. The value is either inline parts or a private object. */
struct tg_update {
    struct tg_key key;
    enum tg_set_mode mode;
    uint64_t if_version;
    uint32_t expiry;
    uint32_t codec;
    const struct tg_part *parts;
    size_t part_count;
    uint32_t size;             /* of the inline value */
    struct tg_object *object;  /* or this one, */
    uint32_t entry;            /* owned by this ledger entry, */
    bool keep_pin;             /* which becomes a pin */
    uint64_t version;          /* 0: a new one; else kept (tg_pin_value moves a value) */
    const struct tg_build *build; /* NULL, or: only as long as this claim is there, which ends */
    tg_ref below;              /* 0 = the root, or: the directory that the key is below, */
    uint32_t below_generation; /* and its generation. TG_ABSENT: it is no more */
    struct tg_notice notice;   /* of the claim, once its stripe is locked */
    bool inserted;             /* out: there was no value before */
    uint64_t published;        /* out */
};

/* Once, on a formatted image: the root directory. */
TG_MUST_CHECK tg_status tg_names_format(struct tg_local *local);

/* All below: a call without a context; they borrow and return one. TG_RETRY never leaves. */
TG_MUST_CHECK tg_status tg_names_set(struct tg_call *call, struct tg_update *update);

struct tg_removal {
    struct tg_key key;
    bool subtree;        /* with all below it; else only the value */
    uint64_t if_version; /* 0 = any; else TG_MISMATCH, if ... */
    uint32_t if_expiry;  /* ... one of these two is another */
};
TG_MUST_CHECK tg_status tg_names_remove(struct tg_call *call, struct tg_removal *removal);
TG_MUST_CHECK tg_status tg_names_clear(struct tg_call *call);
TG_MUST_CHECK tg_status tg_names_rename(struct tg_call *call, struct tg_key from, struct tg_key to,
                                        bool replace);
TG_MUST_CHECK tg_status tg_names_touch(struct tg_call *call, struct tg_key key, uint32_t expiry);
/* For a value that can't be removed for want of memory: it has expired from now on, where it
 * lies. TG_MISMATCH, TG_ABSENT; TG_FULL for a subtree with children. */
TG_MUST_CHECK tg_status tg_names_expire(struct tg_call *call, const struct tg_removal *removal);

/* HELD, no locks: unlinks up to `most` records of dropped directories; *more says that
 * there is more to do. */
TG_MUST_CHECK tg_status tg_names_reap(struct tg_call *call, uint32_t most, bool *more);

/* Without a context: whatever idle contexts owe becomes the reaper's, or free. What could not
 * be had now is left, and hot.unsettled says so. */
TG_MUST_CHECK tg_status tg_names_settle_idle(struct tg_call *call);
/* A HELD context that may keep an orphan when it is given back says so. */
void tg_names_unsettled(struct tg_call *call);

/* ---- parts shared by the changes ------------------------------------------------- */

/* A bijection of (context, count), so unique; multiplied by an odd secret, so that other
 * bytes of the file are unlikely to look like one. Never 0, below 2^63. */
static inline uint64_t tg_version_of(const struct tg_call *call, uint64_t count) {
    uint64_t plain = (uint64_t)call->id << 48 | (count & 0xffffffffffffull);
    return plain * call->local->header.version_key & 0x7fffffffffffffffull;
}
uint64_t tg_next_version(struct tg_call *call); /* logs the counter: 1 entry */
void tg_log_account(struct tg_call *call, int64_t entries, int64_t bytes); /* 2 entries */
uint64_t tg_record_block_bytes(struct tg_local *local, const struct tg_record *record);

/* What a private record is to hold. */
struct tg_fill {
    uint64_t hash;
    tg_ref parent;
    struct tg_component name;
    tg_ref dir;     /* 0 = none */
    tg_ref object;  /* 0 = none */
    bool inline_value;
    uint32_t codec, expiry, size;
    uint64_t version;
    const struct tg_part *parts; /* the inline value; NULL with `from`: */
    size_t part_count;
    struct tg_record *from;      /* copied out of this record */
};
static inline uint32_t tg_fill_flags(const struct tg_fill *fill) {
    return (fill->dir ? TG_RECORD_DIR : 0u) | (fill->object ? TG_RECORD_OBJECT : 0u) |
           (fill->inline_value ? TG_RECORD_VALUE : 0u);
}
/* The class of the block that the record needs. */
static inline uint32_t tg_fill_class(const struct tg_local *local, const struct tg_fill *fill) {
    uint32_t size = fill->inline_value ? fill->size : 0;
    return tg_class_for(local, tg_record_size(tg_fill_flags(fill), fill->name.size, size));
}
TG_HOT void tg_fill_value(uint8_t *to, const struct tg_fill *fill) {
    if (fill->from != NULL) {
        memcpy(to, tg_record_value(fill->from), fill->size);
        return;
    }
    for (size_t i = 0; i < fill->part_count; i++) {
        tg_bytes_copy(to, fill->parts[i].bytes, fill->parts[i].size);
        to += fill->parts[i].size;
    }
}

/* As tg_fill_record, of a class that is known. */
TG_HOT struct tg_record *tg_fill_block(struct tg_call *call, const struct tg_fill *fill,
                                       uint32_t class) {
    struct tg_local *local = call->local;
    tg_ref ref = tg_need_use(call, class);
    uint32_t flags = tg_fill_flags(fill), word = 0;
    struct tg_record *record = tg_at_start(local, ref);
    TG_CHECK(record != NULL);
    tg_store_relaxed32(&record->hash, (uint32_t)fill->hash);
    tg_store_relaxed32(&record->chunk, 0);
    tg_store_relaxed64(&record->version, fill->version);
    tg_store_relaxed32(&record->parent, fill->parent);
    tg_store_relaxed32(&record->meta, TG_META(0, fill->name.size, flags, fill->codec));
    tg_store_relaxed32(&record->expiry, fill->expiry);
    tg_store_relaxed32(&record->size, fill->inline_value ? fill->size : 0);
    if (fill->dir) tg_store_relaxed32(&record->tail[word++], fill->dir);
    if (fill->object) tg_store_relaxed32(&record->tail[word++], fill->object);
    uint8_t *name = (uint8_t *)&record->tail[word];
    tg_bytes_copy(name, fill->name.name, fill->name.size);
    if (fill->inline_value) tg_fill_value(name + fill->name.size, fill);
    return record;
}

/* Fills a block of that class (tg_need_use). chunk and slot stay open. */
struct tg_record *tg_fill_record(struct tg_call *call, const struct tg_fill *fill);
/* As `from` is, under a new name or with another directory. */
void tg_fill_from(struct tg_fill *fill, struct tg_record *from, const struct tg_level *level,
                  tg_ref dir);

/* Locks the buckets of the hashes, in order of address, each once. */
TG_MUST_CHECK tg_status tg_lock_buckets(struct tg_call *call, const uint64_t *hashes,
                                        struct tg_spot *places, uint32_t count);
/* Locks dirs in order of address; NULLs and repetitions are skipped. */
TG_MUST_CHECK tg_status tg_lock_dirs(struct tg_call *call, struct tg_dir **dirs, uint32_t count);
/* Retires a record; its object too unless it moves on. Up to 9 entries. */
void tg_log_record_gone(struct tg_call *call, struct tg_record *record, bool with_object);
/* A dir that nobody can reach any more: DEAD and on the reap list (3 entries); the caller
 * holds its lock and reap_lock. */
void tg_log_dir_dead(struct tg_call *call, struct tg_dir *dir);

/* Unlocks, tidies up a little, gives the context back. */
void tg_change_done(struct tg_call *call);
/* Unlocks and returns, then waits until a new attempt makes sense. TG_OK: try again. */
TG_MUST_CHECK tg_status tg_change_again(struct tg_call *call);
/* The same, after TG_BUSY with a pause that lets a stopped writer's victims through. */
TG_MUST_CHECK tg_status tg_change_again_after(struct tg_call *call, tg_status why);
/* Without a context: one round over all idle ones. *more: readers are in the way. */
TG_MUST_CHECK tg_status tg_names_tidy(struct tg_call *call, uint64_t patience_ns, bool *more);
/* What one operation did for room; starts as zeros. */
struct tg_room {
    uint32_t attempts;
    uint64_t began_ns, freed, epoch;
};
/* Without a context, after TG_FULL: finishes what is pending, waits a little for readers. TG_OK:
 * try again. TG_FULL: nothing is to come. TG_TIMEOUT: there is, once somebody else goes on, but the
 * call's time is over. */
TG_MUST_CHECK tg_status tg_room_again(struct tg_call *call, struct tg_room *room);

/* A fresh private dir in a free block; its state is still to be logged. */
struct tg_dir *tg_dir_make(struct tg_call *call, tg_ref ref);

/* A private chain of directories for the components in `rest` (without the leaf). */
struct tg_chain {
    tg_ref top, bottom;
    struct tg_component leaf;
};
TG_MUST_CHECK tg_status tg_chain_build(struct tg_call *call, const char *rest, const char *end,
                                       uint32_t levels, struct tg_chain *chain);
/* Gives an unused chain to the reaper. */
TG_MUST_CHECK tg_status tg_chain_discard(struct tg_call *call);
void tg_chain_abandon(struct tg_call *call);

#endif
