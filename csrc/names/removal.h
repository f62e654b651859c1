/* SPDX-License-Identifier: Apache-2.0 */
/* How a node is unlinked, with the ancestors that this leaves empty: used by remove, drop
 * and rename.
 *
 * What
 *   level[0] is the node; level[i] the ancestor whose directory contains level[i-1] as its
 *   only child. The topmost level's record goes, or stays without its directory when it
 *   has a value (shrink). Everything between is unreachable with one store and left to
 *   the reaper.
 * Death: one transaction (journal/journal.h).
 * API: plan (unlocked), find (buckets locked), check (dirs locked), log.
 */
#ifndef TG_NAMES_REMOVAL_H
#define TG_NAMES_REMOVAL_H

#include "change.h"

struct tg_unlink {
    const struct tg_path *path;
    bool subtree;      /* the node goes with its children */
    bool value_moves;  /* rename: the value and the directory live on under another name */
    tg_ref spare_dir;  /* rename: this directory gets a child, so it does not end */
    uint32_t levels;   /* directories that end */
    bool deep;         /* with more levels than a path remembers, see tg_unlink_plan_deep */
    bool shrink;       /* the top record is replaced, not removed */
    uint32_t top_flags, top_value_size; /* as planned */
    struct tg_level level[TG_LEVELS + 1];
    struct tg_spot place[TG_LEVELS + 1];
    struct tg_dir *dir[TG_LEVELS + 1];
    struct tg_dir *own_dir; /* of the node itself, when it goes too */
};

/* Is the value under the lock the one that is to go? A touch changes it without a new version. */
static inline bool tg_removal_means(const struct tg_removal *removal,
                                    const struct tg_record *record) {
    if (removal->if_version == 0) return true;
    bool version = tg_load_relaxed64(&record->version) == removal->if_version;
    bool expiry = tg_load_relaxed32(&record->expiry) == removal->if_expiry;
    return (version || TG_MUTANT(pop_any_version)) && (expiry || TG_MUTANT(pop_any_expiry));
}

TG_MUST_CHECK tg_status tg_unlink_plan(struct tg_call *call, struct tg_unlink *unlink);
/* For TG_OVERFLOW: the levels end anywhere above. While the gate is closed nothing below the
 * root's children changes, so what is between the node and the topmost directory that ends
 * needs no locks: level[0] is the node, level[levels - 1] stands in that directory, level[levels]
 * stays or shrinks; levels is 2 at most. Planned twice: before the locks, and behind the gate. */
TG_MUST_CHECK tg_status tg_unlink_plan_deep(struct tg_call *call, struct tg_key key,
                                            struct tg_unlink *unlink);
TG_MUST_CHECK tg_status tg_unlink_replan_deep(struct tg_call *call, struct tg_key key,
                                              struct tg_unlink *unlink);
/* The class of the block that a shrink needs. */
uint32_t tg_unlink_class(struct tg_call *call, const struct tg_unlink *unlink);
/* Under the buckets of all levels: TG_ABSENT, TG_RETRY. Fills place, dir, own_dir. */
TG_MUST_CHECK tg_status tg_unlink_find(struct tg_call *call, struct tg_unlink *unlink);
/* Under the locks of dir[] too: TG_RETRY; TG_OVERFLOW: more levels would end. */
TG_MUST_CHECK tg_status tg_unlink_check(struct tg_call *call, struct tg_unlink *unlink);
/* Under reap_lock too. */
TG_MUST_CHECK tg_status tg_unlink_log(struct tg_call *call, struct tg_unlink *unlink);

/* Under ns_lock: closes the gate and waits until every writer that was under way is done.
 * TG_RETRY: a directory has moved since dir_gen. TG_BUSY: one is stopped; open it for a while:
 * unlock, tg_return, tg_gate_give_way. */
TG_MUST_CHECK tg_status tg_gate_close(struct tg_call *call, uint64_t dir_gen);
TG_MUST_CHECK tg_status tg_gate_give_way(struct tg_call *call);

/* Under ns_lock: ns_seq odd, and dir_gen when a directory moves or goes; even again. */
void tg_log_names_begin(struct tg_call *call, bool directory);
void tg_log_names_end(struct tg_call *call);

#endif
