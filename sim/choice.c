/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <string.h>

/* --- crash and stop */

static void tell_fault(unsigned process, uint32_t fibers, const char *what) {
    for (uint32_t left = fibers; left; left &= left - 1)
        sim_trace_text(sim_bit_index(left), "### process %u is %s before %s", process, what,
                       sim_short_where(sim.threads[sim_bit_index(left)].where));
}

static void crash_process(unsigned process) {
    uint32_t fibers = sim_fibers_of(process);
    if (sim.tracing) tell_fault(process, fibers, "killed");
    sim.ready &= ~fibers;
    sim.paused &= ~fibers;
    sim.waiting &= ~fibers;
    sim.preempted &= ~fibers;
    sim.crashed_processes |= 1u << process;
    sim.crash_count++;
    /* The prefix lemma: what was executed reaches memory before the token is free. */
    for (uint32_t left = fibers; left; left &= left - 1) sim_drain_all(sim_bit_index(left));
    sim_os_release(process);
}

static void stop_process(unsigned process) {
    if (sim.tracing) tell_fault(process, sim_fibers_of(process), "stopped");
    sim.stopped |= sim_fibers_of(process);
    sim.stopped_processes |= 1u << process;
    sim.stop_count++;
    for (uint32_t left = sim.stopped & sim.buffered; left; left &= left - 1)
        sim_drain_all(sim_bit_index(left));
}

unsigned choice_crashes_left(unsigned process) {
    if (process < SIM_ACTORS_MAX) return sim.immortal & 1u << process ? 0 : sim.budget.crashes;
    /* A recoverer with nothing to mend is not worth crashing. */
    bool work = sim.crash_count != 0 || sim.scenario->flags & SIM_DIE_AT_END;
    return work ? sim.budget.recover_crashes : 0;
}

unsigned choice_stops_left(unsigned process) {
    if (process >= SIM_ACTORS_MAX || sim.immortal & 1u << process) return 0;
    return sim.stopped_processes & 1u << process ? 0 : sim.budget.stops;
}

void choice_spend_crash(unsigned process) {
    if (process < SIM_ACTORS_MAX) {
        sim.budget.crashes -= sim.budget.crashes > 0;
    } else {
        sim.budget.recover_crashes -= sim.budget.recover_crashes > 0;
    }
}

/* --- choices */

/* In a replay, what is recorded for this step from decision `sub` on. Skips what no longer
 * fits, which happens when other choices were left out. */
const struct sim_recorded *choice_recorded(uint32_t sub) {
    for (; sim_replay_position < sim_record.count; sim_replay_position++) {
        const struct sim_recorded *next = &sim_record.items[sim_replay_position];
        if (next->step > sim.step) return NULL;
        if (next->step == sim.step && next->sub >= sub) return next;
    }
    return NULL;
}

static bool is_repeated(void) {
    if (sim.prefix && sim.step == sim.decide_step && sim.sub == sim.decide_sub) sim.prefix = false;
    return sim.replaying || sim.prefix;
}

struct sim_choice choice_decide(const struct sim_choice *options, unsigned count, bool free) {
    sim.sub++;
    if (is_repeated()) {
        const struct sim_recorded *next = choice_recorded(sim.sub);
        if (!next || next->sub != sim.sub) return options[0];
        sim_replay_position++;
        sim.plain = next->plain;
        return next->choice;
    }
    unsigned picked = count > 1 ? explore_choose(options, count, free) : 0;
    if (picked && sim_record.count < RECORD_MAX)
        sim_record.items[sim_record.count++] =
            (struct sim_recorded){sim.step, sim.sub, options[picked], sim.plain};
    return options[picked];
}

/* True if the word is one on which fibers depend on each other. */
bool choice_is_shared(uint16_t cell, bool with_recovery) {
    uint32_t fibers = cell & ((1u << SIM_FIBERS) - 1);
    if (!with_recovery) fibers &= (1u << SIM_ACTORS_MAX) - 1;
    return cell & 1u << 15 && (fibers & (fibers - 1));
}

unsigned choice_add(struct sim_choice *options, unsigned count, enum sim_choice_kind kind,
                    unsigned who, unsigned index) {
    if (count < OPTIONS_MAX)
        options[count++] = (struct sim_choice){(uint8_t)kind, (uint8_t)who, (uint16_t)index};
    return count;
}

unsigned choice_add_switches(struct sim_choice *options, unsigned count, uint32_t fibers) {
    for (; fibers; fibers &= fibers - 1)
        count = choice_add(options, count, CHOICE_SWITCH, sim_bit_index(fibers), 0);
    return count;
}

/* A store that nobody else looks at need not be seen to drain. */
static bool is_visible_to_others(const struct pending_store *p) {
    const uint16_t *cell = sim_cell(p->address);
    return !sim.reduce || !cell || choice_is_shared(*cell, sim.faults);
}

unsigned choice_add_drains(struct sim_choice *options, unsigned count, uint32_t fibers) {
    for (fibers &= sim.buffered; fibers; fibers &= fibers - 1) {
        unsigned f = sim_bit_index(fibers);
        for (unsigned i = 0; i < sim.threads[f].pending_count; i++)
            if (is_visible_to_others(&sim.threads[f].pending[i]))
                count = choice_add(options, count, CHOICE_DRAIN, f, i);
    }
    return count;
}

unsigned choice_add_faults(struct sim_choice *options, unsigned count, unsigned process, bool crash,
                           bool stop) {
    if (crash && choice_crashes_left(process))
        count = choice_add(options, count, CHOICE_CRASH, process, 0);
    if (stop && choice_stops_left(process))
        count = choice_add(options, count, CHOICE_STOP, process, 0);
    return count;
}

/* A choice from a replay string may not fit the run (another build, or a shrunk string). */
bool choice_fits(struct sim_choice c) {
    switch (c.kind) {
    case CHOICE_SWITCH: return c.who < SIM_FIBERS && (sim.ready & ~sim.stopped & 1u << c.who);
    case CHOICE_CRASH: return c.who < SIM_PROCESSES && !(sim.crashed_processes & 1u << c.who);
    case CHOICE_STOP: return c.who < SIM_PROCESSES && sim_fibers_of(c.who) != 0;
    case CHOICE_DRAIN: return c.who < SIM_FIBERS && c.index < sim.threads[c.who].pending_count;
    default: return true;
    }
}

/* Applies a crash, stop or drain; true if the current fiber can't go on. */
bool choice_apply(struct sim_choice c) {
    uint32_t self = 1u << sim.current;
    if (c.kind == CHOICE_CRASH) {
        choice_spend_crash(c.who);
        crash_process(c.who);
    } else if (c.kind == CHOICE_STOP) {
        sim.budget.stops -= sim.budget.stops > 0;
        stop_process(c.who);
    } else if (c.kind == CHOICE_DRAIN) {
        sim_drain_until(c.who, c.index);
    }
    return !(sim.ready & ~sim.stopped & self);
}
