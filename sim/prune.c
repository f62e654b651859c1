/* SPDX-License-Identifier: Apache-2.0 */
#include "prune.h"

#include <stddef.h>
#include <string.h>

#include "choice.h"
#include "seen.h"

enum { LOOKS_AT_FIRST = 4, LOOKS_OFTEN = 40, LOOKS_APART = 8, LOOKS_FAR_APART = 128 };

static bool is_fault(struct sim_choice c) {
    return c.kind == CHOICE_CRASH || c.kind == CHOICE_STOP;
}

/* --- switches that come too early */

/* Its next operation commutes with whatever does not touch the word, as far as spinners and
 * sleepers don't notice. */
static bool is_movable(const struct sim_thread *t) {
    if (sim.delay != DELAY_NONE || sim.paused || sim.waiting) return false;
    return t->op == OP_FENCE || (t->op <= OP_RMW && sim_cell(t->address));
}

/* The running fiber's operation: does it depend on those that preempted ones stand before? */
void prune_note_step(enum sim_op op, const void *address) {
    if (op == OP_FENCE || op == OP_EXIT) return;
    for (uint32_t left = sim.preempted; left; left &= left - 1) {
        struct sim_thread *t = &sim.threads[sim_bit_index(left)];
        bool one_word = op > OP_RMW || sim_cell(address) == sim_cell(t->address);
        if (t->op != OP_FENCE && t->op != OP_LOAD && one_word) t->met = true;
    }
}

/* What a load reads; of a part of a word (os.c) the word of 4. */
static uint64_t value_of(const struct sim_thread *t) {
    return sim_peek(t->address, t->size == 8 ? 8 : 4);
}

bool prune_has_met(const struct sim_thread *t) {
    if (t->met || (t->op == OP_LOAD && value_of(t) != t->value)) return true;
    return sim_plain_shared_hash() != t->plain;
}

void prune_note_preempted(struct sim_thread *t) {
    t->met = sim.plain || !is_movable(t);
    if (t->met) return;
    if (t->op == OP_LOAD) t->value = value_of(t);
    t->plain = sim_plain_shared_hash();
}

void prune_watch(void) {
    if (sim.watched) explore_note_plain(sim.watched - 1, sim_plain_hash() != sim.watched_plain);
    sim.watched = 0;
}

/* Only its going on could matter, and that comes too early: a later preemption does as well. */
static bool returns_in_vain(unsigned fiber) {
    if (!(sim.preempted & 1u << fiber) || prune_has_met(&sim.threads[fiber])) return false;
    unsigned process = sim.threads[fiber].process;
    return !choice_crashes_left(process) && !choice_stops_left(process);
}

/* After a choice: nobody can go on but one who does so in vain. */
static bool is_in_vain(struct sim_choice c) {
    if (c.kind == CHOICE_SWITCH) return returns_in_vain(c.who);
    if (!is_fault(c)) return false;
    uint32_t others = sim.ready & ~sim.stopped & ~sim_fibers_of(c.who);
    if (!others || others & (others - 1)) return false;
    struct sim_budget before = sim.budget;
    if (c.kind == CHOICE_CRASH) choice_spend_crash(c.who);
    if (c.kind == CHOICE_STOP) sim.budget.stops--;
    bool vain = returns_in_vain(sim_bit_index(others));
    sim.budget = before;
    return vain;
}

/* --- faults that lead where others do */

/* The state behind a fault, without going there: apply, look, and take it back. */
static bool fault_was_claimed(struct sim_choice c) {
    static struct sim_world before;
    struct sim_thread *self = sim.current < SIM_FIBERS ? &sim.threads[sim.current] : NULL;
    uint32_t changes_seen = self ? self->changes_seen : 0;
    if (sim.buffered & sim_fibers_of(c.who)) return false; /* its stores would drain */
    memcpy(&before, &sim, offsetof(struct sim_world, threads));
    sim_os_save_tokens();
    choice_apply(c);
    bool claimed = seen_claim();
    sim_os_restore_tokens();
    memcpy(&sim, &before, offsetof(struct sim_world, threads));
    if (self) self->changes_seen = changes_seen;
    return claimed;
}

/* --- at a decision */

void prune_skip(const struct sim_choice *options, unsigned count) {
    if (!sim.merge || !sim.fresh || count > 64) return;
    uint64_t faults = 0;
    for (unsigned i = 1; i < count; i++) {
        bool fault = is_fault(options[i]);
        if (!is_in_vain(options[i]) && !(fault && fault_was_claimed(options[i]))) continue;
        sim.skip |= 1ull << i;
        faults += fault;
    }
    sim.faults_skipped += faults;
}

/* An earlier run was here: this one ends. */
void prune_end_run(void) {
    unsigned self = sim.current;
    sim.merged = true;
    if (self == FIBER_NONE) return;
    sim.current = FIBER_NONE;
    fiber_switch(&sim.threads[self].fiber, &sim.runner);
}

bool prune_phase(void) {
    if (sim.merge && sim.fresh && seen_before(SEEN_PHASE, 0)) sim.merged = true;
    return sim.merged;
}

/* Is the state here worth a look? All of the first points, where most runs merge; then fewer
 * and fewer, chosen by the operation, so that two runs in one state agree. */
bool prune_worth_a_look(const void *address, bool shared) {
    if (!sim.merge || !sim.fresh || !shared) return false;
    if (++sim.looks <= LOOKS_AT_FIRST) return true;
    uint64_t place = address ? (uint64_t)((const char *)address - sim_region) : sim.current;
    unsigned apart = sim.looks <= LOOKS_OFTEN ? LOOKS_APART : LOOKS_FAR_APART;
    return sim_mix(place + sim.current) % apart == 0;
}
