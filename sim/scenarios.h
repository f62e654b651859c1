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
    X(pin_entry) \
    X(pin_keep) \
    X(pin_park) \
    X(pin_adopt) \
    X(pin_adopt_late) \
    X(pin_adopt_orphan) \
    X(pin_adopt_heir) \
    X(pin_adopt_threads) \
    X(ledger_grow) \
    X(pin_late) \
    /* names, store */ \
    X(names_one_set) \
    X(names_one_parents) \
    X(names_one_delete) \
    X(names_one_vanish) \
    X(names_one_overflow) \
    X(names_one_chunk) \
    X(names_one_chunks) \
    X(names_one_drop) \
    X(names_one_drop_last) \
    X(names_one_clear) \
    X(names_one_rename) \
    X(names_one_rename_dir) \
    X(names_one_rename_same) \
    X(names_one_rename_below) \
    X(names_one_touch) \
    X(names_one_pin) \
    X(names_one_deep) \
    X(names_one_deeper) \
    X(names_one_bare) \
    X(names_set_set) \
    X(names_set_set_threads) \
    X(names_set_object) \
    X(names_set_get) \
    X(names_insert_get) \
    X(names_set_delete) \
    X(names_add_add) \
    X(names_add_delete) \
    X(names_cas_cas) \
    X(names_pop_set) \
    X(names_insert_insert) \
    X(names_insert_deep) \
    X(names_insert_below_value) \
    X(names_insert_vanish) \
    X(names_expired) \
    X(names_set_three) \
    X(names_chain_lost) \
    X(names_delete_delete) \
    X(names_delete_siblings) \
    X(names_delete_value_child) \
    X(names_set_vanish) \
    X(names_drop_set) \
    X(names_drop_insert) \
    X(names_drop_delete) \
    X(names_drop_get) \
    X(names_drop_drop) \
    X(names_clear_set) \
    X(names_clear_insert) \
    X(names_clear_get) \
    X(names_root_reused) \
    X(names_dir_reused) \
    X(names_reap_late) \
    X(names_vanish_insert) \
    X(names_drop_set_get) \
    X(names_vanish_three) \
    X(names_delete_reused) \
    X(names_deep_insert) \
    X(names_deep_value) \
    X(names_deep_delete) \
    X(names_rename_get) \
    X(names_rename_dir_get) \
    X(names_rename_set) \
    X(names_rename_insert) \
    X(names_rename_delete) \
    X(names_rename_get_below) \
    X(names_rename_cross) \
    X(names_rename_swap) \
    X(names_rename_into) \
    X(names_rename_two) \
    X(names_rename_add) \
    X(names_rename_source_set) \
    X(names_rename_target_vanish) \
    X(names_rename_parent_vanish) \
    X(names_rename_drop) \
    X(names_rename_drop_leaf) \
    X(names_rename_into_dropped) \
    X(names_rename_clear) \
    X(names_move_over) \
    X(names_move_over_get) \
    X(names_rename_reused) \
    X(names_rename_set_get) \
    X(names_rename_drop_insert) \
    X(names_walk_through) \
    X(names_rename_threads) \
    X(names_list_insert) \
    X(names_list_delete) \
    X(names_list_replace) \
    X(names_list_rename) \
    X(names_list_churn) \
    X(names_list_move) \
    X(names_pin_set) \
    X(names_pin_pin) \
    X(names_pin_delete) \
    X(names_pin_drop) \
    X(names_pin_touch) \
    X(names_pin_child) \
    X(names_pin_rename) \
    X(names_touch_set) \
    X(names_touch_rename) \
    X(names_touch_delete) \
    X(names_pin_threads) \
    X(names_split) \
    X(names_token) \
    X(names_split_set) \
    X(names_split_add) \
    X(names_split_rename) \
    X(names_overflow) \
    X(names_apart_drop) \
    X(names_apart_chain) \
    X(names_apart_rename) \
    X(names_apart_get) \
    X(names_chain_one) \
    X(names_chain_values) \
    X(names_chain_drop) \
    X(names_chain_rename) \
    X(names_chain_get) \
    X(names_chain_same) \
    X(names_chain_set) \
    X(names_chain_pop) \
    X(names_chain_sibling) \
    X(names_chain_sibling_middle) \
    X(names_chain_sibling_top) \
    X(names_chain_value) \
    X(names_chain_value_top) \
    X(names_chain_below) \
    X(names_chain_drop_above) \
    X(names_chain_drop_middle) \
    X(names_chain_rename_above) \
    X(names_chain_rename_middle) \
    X(names_chain_clear) \
    X(names_chain_deep) \
    X(names_chain_fork) \
    X(names_chain_move) \
    X(names_chain_move_set) \
    X(names_chain_move_into) \
    X(names_chain_list) \
    X(names_chain_touch) \
    X(names_vanish_below) \
    X(names_apart_deep) \
    X(bufref_lock) \
    X(bufref_count) \
    X(bufref_last) \
    /* the end: keep this line last */
/* clang-format on */

/* Ends with NULL. */
extern const struct sim_scenario *const sim_scenarios[];

#endif
