/* SPDX-License-Identifier: Apache-2.0 */
/* The walk: from a key to its record, without a lock or a shared store.
 *
 * What
 *   Component by component through the table, inside a read section. After the idea of
 *   the RCU path walk: nothing is written; what was found is validated at the end.
 *   Records never move and their keys never change, so a walk is never led astray; each
 *   match is a fact that held at some moment of the call. Only a rename could combine
 *   facts that never held together: hot.ns_seq is odd while one is applied.
 *
 * Bits and states
 *   ns_seq even: quiet. odd: a rename or drop is being applied (it is some stores long;
 *   a renamer that is stopped there is waited for once, then walks go on unvalidated).
 *
 * Invariants
 *   X1  A hit is returned only if ns_seq did not change from before the walk (or is odd
 *       and was waited for), and the section was not expelled.
 *   X2  A miss likewise: a key present throughout is found.
 *   X3  No sleep inside the section.
 *
 * Ordering: PAIR names.seq: ns_seq (acquire), the walk, an acquire fence, ns_seq; the
 *   renamer's journal stores it odd before, and even after, its changes (release).
 * Death: a renamer killed while it is odd: the waiter mends it (redo makes it even).
 * Progress: lock-free: a repeated walk means that a rename was completed.
 * API: tg_names_seq, tg_names_unmoved, tg_walk, tg_walk_begin, tg_walk_on,
 *   tg_path_find.
 */
#ifndef TG_NAMES_WALK_H
#define TG_NAMES_WALK_H

#include "../tryget.h"
#include "children.h"
#include "lookup.h"

/* Ancestors that a path remembers; deep.c goes beyond. */
#ifdef TG_SIM
enum { TG_LEVELS = 2 };
#else
enum { TG_LEVELS = 6 };
#endif

/* Waits for an odd sequence, once for each value and process. */
uint64_t tg_names_seq_odd(struct tg_call *call, uint64_t seq);

/* Outside a section. */
static inline uint64_t tg_names_seq(struct tg_call *call) {
    /* PAIR names.seq: the first look, then the walk. */
    uint64_t seq = tg_load_acquire64(&call->local->hot->ns_seq);
    return TG_LIKELY(!(seq & 1)) ? seq : tg_names_seq_odd(call, seq);
}

/* At the end of a walk: nothing was renamed since `seq`. */
static inline bool tg_names_unmoved(const struct tg_local *local, uint64_t seq) {
    /* PAIR names.seq: the walk's loads, then the second look. */
    tg_fence_acquire();
    if (TG_MUTANT(walk_unvalidated)) return true;
    return tg_load_relaxed64(&local->hot->ns_seq) == seq;
}

static inline bool tg_key_valid(struct tg_key key) {
    if (TG_LIKELY(key.size <= TG_NAME_MAX)) return true;
    if (key.size > TG_KEY_MAX) return false;
    const char *rest = key.bytes, *end = key.bytes + key.size;
    bool begun = false;
    struct tg_component component;
    while (tg_key_next(&rest, end, &begun, &component))
        if (component.size > TG_NAME_MAX) return false;
    return true;
}

/* One step on the way to a key: `name` is (to be) a child of `dir`. */
struct tg_level {
    tg_ref dir;
    uint32_t generation;
    uint64_t hash;
    struct tg_component name;
};

/* What of a walk can be done before its section, and after tg_names_seq: the first name is cut
 * and hashed, and its bucket is on its way into the cache while the section is entered. A root
 * that is replaced meanwhile moves ns_seq; a bucket that is split is looked for again (T4). */
struct tg_walk {
    struct tg_level at; /* the step that is looked up next, or was last */
    struct tg_line *head; /* of the first step */
    const char *rest, *end;
};

TG_HOT void tg_walk_begin(const struct tg_local *local, struct tg_key key, struct tg_walk *walk) {
    bool begun = false;
    walk->rest = key.bytes;
    walk->end = key.bytes + key.size;
    (void)tg_key_next(&walk->rest, walk->end, &begun, &walk->at.name);
    walk->at.dir = tg_load_relaxed32(&local->hot->root);
    walk->at.hash = tg_component_hash(local, walk->at.dir, &walk->at.name);
    walk->head = tg_lookup_head(local, walk->at.hash);
    __builtin_prefetch(walk->head);
}

/* The steps below `record`. */
struct tg_record *tg_walk_below(struct tg_local *local, struct tg_walk *walk,
                                struct tg_record *record, bool *corrupt);

/* Inside a read section. NULL: absent, or garbage. */
TG_HOT struct tg_record *tg_walk_on(struct tg_local *local, struct tg_walk *walk, bool *corrupt) {
    struct tg_record *record =
        tg_lookup_from(local, walk->head, walk->at.hash, walk->at.dir, &walk->at.name, corrupt);
    if (record == NULL || walk->rest == walk->end) return record;
    struct tg_walk below = *walk; /* so that `walk` may live in registers */
    bool garbage = false;
    record = tg_walk_below(local, &below, record, &garbage);
    *walk = below;
    *corrupt |= garbage;
    return record;
}

/* All of it, inside a read section. The last step in *leaf. */
struct tg_record *tg_walk_to(struct tg_local *local, struct tg_key key, bool *corrupt,
                             struct tg_level *leaf);

static inline struct tg_record *tg_walk(struct tg_local *local, struct tg_key key, bool *corrupt) {
    struct tg_level leaf;
    return tg_walk_to(local, key, corrupt, &leaf);
}

struct tg_path {
    uint64_t dir_gen;    /* moves when any directory moves */
    uint32_t depth;      /* components of the key */
    uint32_t missing;    /* components below `at` that have no directory yet */
    struct tg_level at;  /* the leaf, or the deepest step that a directory exists for */
    struct tg_dir *dir;  /* at.dir */
    uint32_t above_count;
    struct tg_level above[TG_LEVELS]; /* its ancestors, the nearest first */
    const char *rest;    /* the key's text after `at` */
    uint32_t flags;      /* of the record found there, 0 = none */
    uint32_t name_size, value_size;
};

/* Finds the way to `key` in a read section of its own and ends as a writer (HELD, no lock).
 * What it found may be stale: check it under the locks. Without `look`, what stands at a
 * key of one component is not looked at. */
TG_MUST_CHECK tg_status tg_path_find(struct tg_call *call, struct tg_key key, bool look,
                                     struct tg_path *path);

/* The same, from a directory on (of that generation; else TG_ABSENT). */
TG_MUST_CHECK tg_status tg_path_find_below(struct tg_call *call, tg_ref dir, uint32_t generation,
                                           struct tg_key key, struct tg_path *path);

TG_MUST_CHECK tg_status tg_names_settle_orphan(struct tg_call *call);
/* What a dead borrower, or a failed call, left in the context (chain.c). HELD, no locks. */
TG_MUST_CHECK static inline tg_status tg_names_settle(struct tg_call *call) {
    if (TG_UNLIKELY(tg_load_relaxed32(&call->context->orphan) != 0))
        return tg_names_settle_orphan(call);
    return tg_arena_settle(call);
}

/* Several keys in one section. */
TG_MUST_CHECK tg_status tg_paths_find(struct tg_call *call, const struct tg_key *keys,
                                      struct tg_path *paths, uint32_t count);

/* Under the locks of a change: nothing above it has moved since the path was found, and
 * nothing is about to. False: unlock, tg_return, tg_gate_wait, start again. */
bool tg_path_still(struct tg_call *call, const struct tg_path *path);
/* Under the bucket's lock: and the directory is the one that was found. Whatever stands there,
 * or does not, is then a fact about the path. */
bool tg_path_is(struct tg_call *call, const struct tg_path *path);
/* Without a context: until no directory is moving. */
TG_MUST_CHECK tg_status tg_gate_wait(struct tg_call *call);

#endif
