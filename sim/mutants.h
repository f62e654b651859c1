/* SPDX-License-Identifier: Apache-2.0 */
/* Rules removed one at a time: each mutant must be caught by the scenario it names.
 *
 *   X(name, "the rule that is removed", "scenario")
 *
 * In code: `if (!TG_MUTANT(name)) keep_the_rule();`. One line each, below the comment of
 * its layer, and each ends in a backslash; the numbers mean nothing. `tryget-sim --mutants` tries them all.
 */
#ifndef TG_SIM_MUTANTS_H
#define TG_SIM_MUTANTS_H

/* clang-format off */
#define TG_MUTANTS(X) \
    /* self-tests of the simulator */ \
    X(self_plain_increment, "increment is one read-modify-write", "self_lost_update") \
    X(self_no_full_fence, "Dekker: a full fence between own store and foreign load", "self_dekker") \
    X(self_relaxed_flag, "message passing: the flag is a release store", "self_message") \
    X(self_publish_first, "crash: data before the mark that makes it valid", "self_crash") \
    X(self_recover_once, "recovery clears its log only after the redo", "self_recover") \
    X(self_wait_forever, "a waiter has a deadline", "self_stopped_owner") \
    X(self_lock_order, "locks are taken in one order", "self_deadlock") \
    X(self_no_wake, "release wakes the sleeper", "self_futex") \
    X(self_spin_forever, "a spin ends when its owner is dead", "self_dead_owner") \
    X(self_use_uncommitted, "commit before use", "self_commit") \
    X(self_wild_pointer, "an offset is checked before use", "self_wild") \
    X(self_late_probe, "the token is taken before the words are read", "self_token") \
    /* base, os, region, word, owner */ \
    /* journal, epoch, arena */ \
    /* ledger, object */ \
    /* names, store */ \
    /* the end: keep this line last */
/* clang-format on */

enum tg_mutant_id {
    TG_MUTANT_none = 0,
#define TG_MUTANT_ENUM(name, rule, scenario) TG_MUTANT_##name,
    TG_MUTANTS(TG_MUTANT_ENUM)
#undef TG_MUTANT_ENUM
    TG_MUTANT_count
};

#endif
