/* SPDX-License-Identifier: Apache-2.0 */
/* Rules removed one at a time: each mutant must be caught by the scenario it names.
 *
 *   X(name, "the rule that is removed", "scenario")
 *
 * In code: `if (!TG_MUTANT(name)) keep_the_rule();`. One line each, below the comment of
 * its layer, and each ends in a backslash; the numbers mean
 * nothing. `tryget-sim --mutants` tries them all.
 */
#ifndef TG_SIM_MUTANTS_H
#define TG_SIM_MUTANTS_H

/* clang-format off */
#define TG_MUTANTS(X) \
    /* self-tests of the simulator */ \
    X(self_plain_increment, "increment is one read-modify-write", "self_lost_update") \
    X(self_no_full_fence, "Dekker: a full fence before the foreign load", "self_dekker") \
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
    X(journal_apply_before_commit, "nothing is applied before the log is committed", \
      "journal_words") \
    X(journal_step_unlogged, "every store of a straight transaction is in its log", \
      "names_set_set") \
    X(journal_clear_before_apply, "the log is emptied after it is applied", "journal_words") \
    X(recover_skip_redo, "a committed log is redone", "journal_words") \
    X(recover_redo_second_entry_on, "redo starts at the first entry", "journal_words") \
    X(recover_release_before_redo, "redo comes before the release of locks", "recover_nested") \
    X(lock_no_intent, "an intent precedes the lock", "owner_lock") \
    X(lock_intent_cleared_first, "an intent outlives its lock", "owner_lock") \
    X(lock_sleeps_on_free, "nobody sleeps on a free lock", "owner_wake") \
    X(lock_slept_forgotten, "who was woken wakes those behind", "owner_wake") \
    X(lock_wakes_nobody, "a release wakes", "owner_wake") \
    X(lock_heir_for_ever, "a reservation ends", "owner_heir_stale") \
    X(recover_keeps_heir, "the dead leave no reservation", "owner_heir_dead") \
    X(recover_clears_intents_first, "intents go after all locks are free", "owner_lock_pair") \
    X(recover_idle_first, "a context is idle after its redo", "owner_context") \
    X(recover_not_elected, "one recoverer at a time", "recover_nested") \
    X(context_high_kept, "a context is below the mark before it is used", "names_rename_new") \
    X(context_high_late, "... also when its borrower dies at once", "owner_new") \
    X(context_high_section, "... for a section, too", "epoch_new") \
    X(context_high_blind, "the mark never falls", "owner_new_two") \
    X(count_under_lock, "the count stands still under the lock", "lockref_count") \
    X(count_beyond_limit, "a count stops at its limit", "lockref_limit") \
    X(count_below_zero, "a put at zero is refused", "lockref_double_put") \
    X(get_revives_dead, "dead is final", "lockref_revive") \
    X(last_put_unchecked, "the last put looks again under the lock", "lockref_last") \
    /* journal, epoch, arena */ \
    X(epoch_leave_unchecked, "an expelled reader throws its result away", "epoch_expel") \
    X(epoch_ignore_readers, "the epoch waits for readers of an older one", "epoch_reader") \
    X(epoch_tag_stale, "a batch is tagged with the epoch read after the unlink", "epoch_reader") \
    X(epoch_grace_one, "two steps make a grace period", "epoch_reader") \
    X(epoch_tag_unfenced, "unlink, full fence, tag", "epoch_tag") \
    X(epoch_swap_blind, "the epoch moves from where the scan began", "epoch_reader") \
    X(epoch_cookie_early, "a cookie is two steps", "epoch_cookie") \
    X(epoch_held_unchecked, "an upgrade tells of an expulsion", "epoch_upgrade") \
    X(limbo_join_keeps_tag, "who joins a batch moves its tag", "epoch_join") \
    X(arena_list_before_punch, "a run is punched before it is listed as a hole", "arena_punch") \
    X(arena_punch_under_expelled, "nothing is punched while a reader is expelled", \
      "arena_expelled") \
    X(arena_units_after_list, "unit bits are set before the run is listed", "arena_runs") \
    X(arena_settle_as_free, "what was filling or punching becomes a hole", "arena_runs") \
    X(arena_settle_forgets, "a dead borrower's run is returned", "arena_runs") \
    X(arena_bits_before_log, "a bitmap changes by its transaction only", "arena_stock") \
    X(arena_refill_unlocked, "a class is changed under its lock", "arena_stock") \
    /* ledger, object */ \
    X(pin_unchecked, "a pin is checked after it is published", "pin_late") \
    X(pin_scan_skipped, "ledgers are looked through before a free", "pin_unlink") \
    X(object_publish_frees_entry, "an entry is free only after its log is empty", "pin_entry") \
    X(object_publish_keeps_entry, "publishing clears the private entry", "pin_private") \
    X(pin_hint_late, "`pinned` is set before the check", "pin_unlink") \
    X(pin_checked_first, "a pin is published before the check", "pin_late") \
    X(pin_version_ignored, "a pin is of one version", "pin_late") \
    X(ledger_grow_unlocked, "a ledger grows under its lock", "ledger_grow") \
    X(ledger_grow_unchecked, "... by one chunk for all that wait", "ledger_grow") \
    X(clear_forgets_private, "private entries outlive the pins of the dead", "pin_private") \
    X(recover_without_hint, "the pins of the dead were pins of parked objects", "pin_park") \
    X(reap_unlocked, "a token does not guard a transaction: reaping takes a lock", "pin_private") \
    X(pin_scan_once, "a scan during which pins moved to a child is repeated", "pin_adopt") \
    X(adopt_uncounted, "pins that moved to a child are counted", "pin_adopt") \
    X(adopt_refused, "a child has nothing from a parent that gave up", "pin_adopt_late") \
    X(adopt_from_dead, "... nor from one that was mended", "pin_adopt_orphan") \
    X(adopt_any_generation, "... nor from its heir", "pin_adopt_heir") \
    X(adopt_unnoted, "a child has what was kept before the fork", "pin_adopt_threads") \
    X(unpin_in_fork, "what is kept stays until the fork is over", "pin_adopt_threads") \
    X(unpin_any_ledger, "a pin of another ledger is not ours to unpin", "pin_adopt_late") \
    X(unpin_at_parent, "... nor is the entry where its parent made it", "pin_adopt_late") \
    X(defer_unchecked, "an unpin that comes after a fork sees to itself", "pin_adopt_threads") \
    /* names, store */ \
    X(table_miss_unchecked, "a miss looks at the bucket count again", "names_split") \
    X(split_clear_first, "a split shows the new bucket before it clears the old", "names_split") \
    X(replace_forgets_child, "a replaced record keeps its child slot", "names_set_set") \
    X(walk_unvalidated, "a walk is validated at its end", "names_walk_through") \
    X(rename_without_seq, "a rename makes the sequence odd meanwhile", "names_rename_get") \
    X(gate_ignored, "a writer asks the gate before it commits", "names_rename_set") \
    X(token_of_split_bucket, "a token watches the bucket where its record is", "names_token") \
    X(absence_of_split_bucket, "... of an absence, where it would be", "names_absence_split") \
    X(absence_above_ignored, "an absence is of the directory that is there", \
      "names_absence_again") \
    X(verify_passing, "a pin is checked when it was given to somebody", "names_known_verify") \
    X(move_out_twice, "a value that keeps its version moves into one object", \
      "names_known_move") \
    X(known_asked_first, "a known place is asked for after its pin is published", \
      "names_known_delete") \
    X(gate_no_wait, "a renamer waits for the writers under way", "names_rename_set") \
    X(walk_root_unchecked, "the root is still the root once its generation is known", \
      "names_root_reused") \
    X(path_dir_unchecked, "an answer under locks is about the directory that was found", \
      "names_dir_reused") \
    X(remove_absent_unchecked, "absent under locks is absent by the path", "names_move_over") \
    X(pin_old_expiry, "a value that moves into an object keeps its expiry of now", \
      "names_pin_touch") \
    X(pin_look_kept, "a pin whose look was no fact is given back", "names_pin_moved") \
    X(look_pin_kept, "a get whose look was no fact gives its pin back", "names_look_pin_rename") \
    X(chain_unlocked, "the bottom of a new chain is locked until the log is empty", \
      "names_insert_deep") \
    X(chain_forgotten, "a chain that was given up goes to the reaper", "names_chain_lost") \
    X(recover_forgets_debts, "what the dead owed is announced", "names_owe_killed") \
    X(unsettled_unsaid, "who leaves an orphan says so", "names_owe_busy") \
    X(unsettled_cleared_blind, "a hint that came during the look stays", "names_owe_settle") \
    X(upkeep_waits, "what is done for others waits for nobody", "names_apart_drop") \
    X(insert_dead_unchecked, "a directory that ends takes no child", "names_insert_vanish") \
    X(chain_second_unchecked, "parents that somebody else made first are used", \
      "names_insert_insert") \
    X(unlink_count_unchecked, "a directory goes only while it has one child", \
      "names_delete_siblings") \
    X(unlink_dir_unchecked, "a removal is from the directory that was found", \
      "names_delete_reused") \
    X(unlink_flags_unchecked, "a removal is of the node that was planned", \
      "names_delete_value_child") \
    X(names_keep_dir_gen, "a dropped directory voids the paths through it", "names_rename_insert") \
    X(pop_any_version, "what is popped is what was read", "names_pop_set") \
    X(pop_any_expiry, "... and a touch in between changes that", "names_meet_touch_pop") \
    X(vanish_leaves_alive, "all directories that go take no more children", "names_vanish_insert") \
    X(rename_spare_ignored, "the directory that gets the node does not go", \
      "names_rename_parent_vanish") \
    X(dir_any_generation, "a directory of a later life is another one", "names_rename_reused") \
    X(list_chunk_unchecked, "a cursor's chunk is the one it rested in", "names_list_churn") \
    X(reap_unowned, "a dropped directory is somebody's at any time", "names_one_drop") \
    X(reap_unchecked, "the reaper's child is still the child once its bucket is locked", \
      "names_reap_late") \
    X(table_head_unchecked, "a locked bucket is still the one of its hash", "names_split_set") \
    X(buckets_head_unchecked, "so is each of several", "names_split_rename") \
    X(pending_ignored, "a word changed twice in a transaction: its value is the log's", \
      "names_one_rename_same") \
    X(clear_leaves_alive, "an old root takes no more children", "names_clear_insert") \
    X(deep_planned_once, "what ends with a deep node is looked at behind the gate", \
      "names_deep_insert") \
    X(deep_takes_children, "a node that got children since the last attempt keeps them", \
      "names_chain_below") \
    /* reader */ \
    X(rename_unlinks_first, "the new name is there before the old one goes", "reader_half") \
    X(look_odd_forgotten, "a rename that nobody finishes is waited for once", "reader_half") \
    X(look_unchecked, "what was read while the epoch made two steps is thrown away", \
      "reader_reused") \
    X(look_three_steps, "one step is no grace period, two are", "reader_reused") \
    X(look_torn, "a word that others change is copied until two copies agree", \
      "reader_overflow_set") \
    X(look_torn_expiry, "... an expiry, too", "reader_touch") \
    X(look_miss_unchecked, "a miss without a lock looks at the bucket count again", \
      "reader_split") \
    X(reader_payload_unchecked, "a payload is believed after another look at its object", \
      "reader_large") \
    X(reader_version_first, "... at the state, then at the version", "reader_object_again") \
    X(reader_any_generation, "a listing is of the directory that it began with", \
      "reader_list_reused") \
    X(reader_chunk_unchecked, "a cursor's chunk is the one it rested in, without a lock", \
      "reader_list_churn") \
    X(reader_locked_witness, "a token is of a bucket that nobody has locked", "reader_token") \
    X(unlink_node_unchecked, "what goes with its parents is the node that was planned", \
      "names_vanish_below") \
    /* parts */ \
    X(bufref_robs_the_living, "a lock is taken from the dead only", "bufref_lock") \
    X(bufref_taken_silently, "who takes a dead holder's lock is told", "bufref_lock") \
    X(bufref_generation_ignored, "an entry that was given anew is another's", "bufref_lock") \
    X(bufref_count_unorphans, "... and not by a count on its way", "bufref_count") \
    X(section_unfenced, "a section is published before it reads", "section_swap") \
    X(section_cookie_early, "a cookie is newer than all sections of its time", "section_swap") \
    X(section_living_ignored, "the sections of the living are waited for", "section_swap") \
    X(section_dead_wait, "those of the dead are not", "section_swap") \
    X(section_outlives, "a section is cleared with its process", "section_swap") \
    X(section_done_late, "what has elapsed was given before the scan", "section_two") \
    X(bufref_last_unchecked, "the last put looks again under the lock", "bufref_last") \
    /* board, builds */ \
    X(build_looks_once, "who has a claim looks for the value again", "build_two") \
    X(build_keeps_claim, "a value is published once a claim", "build_two") \
    X(build_same_token, "a claim that changes hands has another token", "build_lease") \
    X(build_not_forgotten, "a removal forgets the builds before it removes", "build_delete") \
    X(build_old_place, "a build is published where its claim belongs", "build_rename") \
    X(board_stays, "a claim is told when a directory above it moves", "build_rename") \
    X(board_wakes_nobody, "the end of a build wakes those who wait", "build_woken") \
    X(build_waits_unsaid, "who waits for a build says so before it looks for a circle", \
      "build_circle") \
    X(memos_without_end, "a stripe remembers so many absences", "build_memos") \
    X(recover_keeps_builds, "the builds of the dead go with their process", "build_death") \
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
