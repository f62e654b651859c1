/* SPDX-License-Identifier: Apache-2.0 */
/* All scenarios, from tests/model/: one line each, `X(variable)`. */
#ifndef TG_SIM_SCENARIOS_H
#define TG_SIM_SCENARIOS_H

#include "world.h"

/* clang-format off */
/* The simulator's own: they need nothing but the two seams. */
#define SIM_SELF_SCENARIOS(X) \
    X(self_lost_update) \
    X(self_dekker) \
    X(self_message) \
    X(self_crash) \
    X(self_recover) \
    X(self_stopped_owner) \
    X(self_dead_owner) \
    X(self_deadlock) \
    X(self_futex) \
    X(self_commit) \
    X(self_wild) \
    X(self_token) \
    X(self_random) \
    /* the end */

/* The core's: a line below the comment of its layer, each ending in a backslash. */
#define SIM_CORE_SCENARIOS(X) \
    /* word, owner */ \
    X(owner_lock) \
    X(owner_lock_three) \
    X(owner_lock_pair) \
    X(owner_wake) \
    X(owner_heir_stale) \
    X(owner_heir) \
    X(owner_heir_dead) \
    X(owner_context) \
    X(lockref_count) \
    X(lockref_revive) \
    X(lockref_last) \
    X(lockref_not_zero) \
    X(lockref_limit) \
    X(lockref_double_put) \
    /* journal, epoch, arena */ \
    X(arena_stock) \
    X(arena_collect) \
    X(arena_runs) \
    X(arena_punch) \
    X(arena_expelled) \
    X(arena_refusal1) \
    X(arena_refusal2) \
    X(arena_refusal3) \
    X(journal_words) \
    X(recover_two) \
    X(recover_nested) \
    X(recover_three) \
    X(epoch_reader) \
    X(epoch_expel) \
    X(epoch_dead_writer) \
    X(epoch_join) \
    X(epoch_cookie) \
    X(epoch_upgrade) \
    X(epoch_tag) \
    /* ledger, object */ \
    X(pin_unlink) \
    X(pin_two) \
    X(pin_threads) \
    X(pin_recycled) \
    X(pin_private) \
    X(pin_keep) \
    X(pin_park) \
    X(pin_adopt) \
    X(ledger_grow) \
    X(pin_late) \
    /* names, store */ \
    /* the end: keep this line last */
/* clang-format on */

/* Ends with NULL. */
extern const struct sim_scenario *const sim_scenarios[];

#endif
