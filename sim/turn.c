/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is, who dies, who stops.
 *
 * What
 *   sim_step is called before each operation of a fiber. It offers the explorer
 *     go on            the default, free
 *     switch to f      costs a preemption
 *     drain a store    of another fiber; costs a preemption, too: its timing is a choice
 *     crash or stop    the own process
 *   A fiber that blocks, pauses or ends leaves; sim_leave then picks the next one, round
 *   robin by default. Another pick is free at a block or end (up to a limit) and costs a
 *   preemption at a pause, so a spin loop does not multiply the schedules. Processes
 *   that are parked can be crashed or stopped there.
 *   A fiber that was preempted can be crashed or stopped when its turn comes again: its
 *   process was seen alive meanwhile.
 *
 * Reduction (switched off by --no-reduce)
 *   A preemption is offered only before an operation that depends on another fiber's:
 *   on an 8-byte word that two fibers touched, at least one writing, in any run so far.
 *   Sound: take any schedule and move each switch that stands before an independent
 *   operation forward over it; the operations commute, so every fiber sees the same
 *   values and the end is the same, with no more preemptions. A dependence not yet known
 *   shows up as soon as both fibers touch the word in one run, which the moved schedule
 *   does as well; the footprint has then grown and the explorer starts again.
 *   With crashes or stops in the plan the recoverer and `check` count as fibers, because
 *   where the dead one stood decides what they read.
 *   An operation that wakes a spinner is followed by a point in any case.
 *   A crash before a load (or an empty fence) is not offered: the same crash before the
 *   next operation leaves the same memory. What the reduction can't see: plain memory,
 *   and the virtual clock, whose few nanoseconds per look are not part of the property.
 */
#include <stdio.h>

#include "choice.h"
#include "prune.h"
#include "seen.h"

uint32_t sim_fibers_of(unsigned process) {
    uint32_t mask = 0;
    for (unsigned f = 0; f < SIM_FIBERS; f++)
        if (f != FIBER_QUIET && sim.threads[f].process == process) mask |= 1u << f;
    return mask & (sim.ready | sim.paused | sim.waiting);
}

void sim_wake(uint32_t fibers) {
    fibers &= sim.paused | sim.waiting;
    sim.paused &= ~fibers;
    sim.waiting &= ~fibers;
    sim.ready |= fibers;
}

void sim_changed(void) {
    struct sim_thread *self = &sim.threads[sim.current];
    if (self->changes_seen == sim.changes) self->changes_seen++; /* it knows what it did */
    sim.changes++;
    sim.idle_rounds = 0;
    if (!sim.paused) return;
    sim.woke_spinner = true;
    sim_wake(sim.paused);
}

void sim_switch_to(unsigned next) {
    unsigned self = sim.current;
    if (next == self) return;
    sim.current = next;
    fiber_switch(self == FIBER_NONE ? &sim.runner : &sim.threads[self].fiber,
                 next == FIBER_NONE ? &sim.runner : &sim.threads[next].fiber);
}

/* --- where a fiber can't go on */

static void fail_blocked(void) {
    int used = snprintf(sim.failure, sizeof sim.failure,
                        "deadlock%s:", sim.stopped ? " behind a stopped process" : "");
    for (unsigned f = 0; f < SIM_FIBERS && used < 500; f++)
        if (sim.waiting & ~sim.stopped & 1u << f)
            used += snprintf(sim.failure + used, sizeof sim.failure - (size_t)used,
                             " fiber %u in %s;", f, sim.threads[f].where);
    sim.failed = true;
}

/* Nobody can run and no store is pending: time passes. False if there is nobody left. */
static bool let_time_pass(void) {
    uint32_t paused = sim.paused & ~sim.stopped, waiting = sim.waiting & ~sim.stopped;
    if (!paused && !waiting) return false;
    uint64_t deadline = UINT64_MAX;
    for (uint32_t left = waiting; left; left &= left - 1) {
        uint64_t d = sim.threads[sim_bit_index(left)].deadline_ns;
        if (d < deadline) deadline = d;
    }
    uint64_t now = sim_now_ns(), then = deadline;
    if (paused) {
        /* Spinners look at the clock from time to time: pass quickly to what they wait for. */
        then = now + (1000ull << (sim.idle_rounds < 10 ? sim.idle_rounds : 10));
        sim.idle_rounds++;
        sim_wake(paused);
    } else if (deadline == UINT64_MAX) {
        fail_blocked();
        return false;
    }
    if (then > now) sim_os_add_time(then - now);
    now = sim_now_ns();
    for (uint32_t left = waiting; left; left &= left - 1)
        if (sim.threads[sim_bit_index(left)].deadline_ns <= now)
            sim_wake(1u << sim_bit_index(left));
    return true;
}

static unsigned round_robin(uint32_t fibers) {
    unsigned from = sim.current == FIBER_NONE ? 0 : sim.current + 1;
    uint32_t later = fibers & ~((1u << from) - 1);
    return sim_bit_index(later ? later : fibers);
}

static unsigned pick_options(struct sim_choice *options, uint32_t runnable, bool is_pause) {
    unsigned first = round_robin(runnable);
    unsigned count = choice_add(options, 0, CHOICE_SWITCH, first, 0);
    unsigned left = is_pause ? sim.budget.preemptions : sim.budget.free_switches;
    if (left) {
        count = choice_add_switches(options, count, runnable & ~(1u << first));
        count = choice_add_drains(options, count, ~0u);
    } else if (is_pause && sim.budget.free_switches && sim.current < SIM_FIBERS) {
        count = choice_add_drains(options, count, 1u << sim.current); /* as when it is preempted */
    }
    if (!sim.faults) return count;
    uint32_t seen = 0;
    for (uint32_t f = (sim.paused | sim.waiting) & ~sim.stopped; f; f &= f - 1) {
        unsigned process = sim.threads[sim_bit_index(f)].process;
        if (seen & 1u << process) continue;
        seen |= 1u << process;
        count = choice_add_faults(options, count, process, true, true);
    }
    return count;
}

/* Nobody runs: the last stores appear. In which order matters only to who waits for them,
 * or where two fibers wrote the same word. */
static void drain_at_rest(void) {
    struct sim_choice options[OPTIONS_MAX];
    uint32_t sub = sim.sub;
    bool alone = (sim.buffered & (sim.buffered - 1)) == 0;
    bool matters = !alone || sim.paused || sim.waiting;
    unsigned count;
    while (matters && (count = choice_add_drains(options, 0, ~0u)) > 0) {
        struct sim_choice c = choice_decide(options, sim.budget.free_switches ? count : 1, true);
        if (c.kind != CHOICE_DRAIN || !choice_fits(c)) c = options[0];
        if (c.who != options[0].who || c.index != options[0].index)
            sim.budget.free_switches -= sim.budget.free_switches > 0;
        choice_apply(c);
        if (sim.ready & ~sim.stopped) break;
    }
    if (!(sim.ready & ~sim.stopped))
        for (unsigned f = 0; f < SIM_FIBERS; f++) sim_drain_all(f);
    sim.sub = sub + SIM_FIBERS * PENDING_MAX; /* I2: whatever was offered here */
}

/* The next fiber to run; FIBER_NONE when the phase is over or the run failed. */
unsigned sim_pick_next(bool is_pause) {
    prune_watch();
    if (sim.sub < SUB_OF_PICK) sim.sub = SUB_OF_PICK;
    for (;;) {
        uint32_t runnable = sim.ready & ~sim.stopped;
        struct sim_choice options[OPTIONS_MAX];
        if (!runnable && sim.buffered) {
            drain_at_rest();
            continue;
        }
        if (!runnable) {
            if (!let_time_pass()) return FIBER_NONE;
            continue;
        }
        unsigned count = pick_options(options, runnable, is_pause);
        if (sim.merge && sim.fresh && seen_before(SEEN_PICK, is_pause)) {
            prune_end_run();
            return FIBER_NONE;
        }
        prune_skip(options, count);
        struct sim_choice c = choice_decide(options, count, !is_pause);
        if (!choice_fits(c)) c = options[0];
        bool own_drain = c.kind == CHOICE_DRAIN && c.who == sim.current;
        if (c.kind == CHOICE_DRAIN || (c.kind == CHOICE_SWITCH && c.who != options[0].who)) {
            bool costs = is_pause && !own_drain;
            unsigned *left = costs ? &sim.budget.preemptions : &sim.budget.free_switches;
            *left -= *left > 0;
        }
        if (c.kind == CHOICE_SWITCH) return c.who;
        choice_apply(c);
        /* Whoever paused is gone now: what follows is a free pick. */
        if (c.kind != CHOICE_DRAIN && sim.current < SIM_FIBERS &&
            sim.threads[sim.current].process == c.who)
            is_pause = false;
    }
}

static void leave(bool is_pause) { sim_switch_to(sim_pick_next(is_pause)); }

static void leave_at_pause(void) { leave(true); }
static void leave_for_good(void) { leave(false); }

void sim_leave(bool is_pause) {
    fiber_aside(&sim.threads[sim.current].fiber, is_pause ? leave_at_pause : leave_for_good);
}

/* --- points */

/* Remembers the access; true if it may depend on another fiber. */
static bool note_access(enum sim_op op, const void *address) {
    bool drains = sim.buffered & 1u << sim.current && op != OP_LOAD && op != OP_STORE;
    if (op == OP_PAUSE) return false; /* blocks at once; see sim_leave */
    if (op == OP_EXIT) return sim.faults; /* to be killed later, when others saw it alive */
    if (op == OP_FENCE) return drains;
    if (!address || op > OP_RMW) return true;
    uint16_t *cell = sim_cell(address);
    if (!cell) return true;
    uint16_t old = *cell, new = old | (uint16_t)(1u << sim.current);
    if (op != OP_LOAD) new |= 1u << 15;
    if (new != old) {
        *cell = new;
        if (choice_is_shared(new, sim.faults) != choice_is_shared(old, sim.faults))
            sim.footprint_grew = true;
    }
    return drains || choice_is_shared(new, sim.faults);
}

/* What a point offers, and whether the state is looked at; for decide_at_point. */
static struct {
    bool shared, crash, look;
} point;

/* Preempted: the others run; then this fiber's turn comes again, or its process dies. */
static void preempt(unsigned next, bool offers_all) {
    struct sim_thread *thread = &sim.threads[sim.current];
    uint32_t self = 1u << sim.current;
    struct sim_choice options[OPTIONS_MAX];
    while (sim.buffered & self) {
        unsigned count = choice_add(options, 0, CHOICE_GO, 0, 0);
        count = choice_add_drains(options, count, self);
        struct sim_choice c = choice_decide(options, count, true);
        if (c.kind != CHOICE_DRAIN || !choice_fits(c)) break;
        choice_apply(c);
    }
    if (!(sim.ready & 1u << next)) return;
    prune_note_preempted(thread);
    sim.preempted |= self;
    sim_switch_to(next);
    sim.preempted &= ~self;
    if (sim.merge && sim.fresh && seen_before(SEEN_RESUMED, offers_all)) prune_end_run();
    unsigned process = thread->process;
    unsigned count = choice_add(options, 0, CHOICE_GO, 0, 0);
    if (sim.faults) count = choice_add_faults(options, count, process, true, true);
    prune_skip(options, count);
    struct sim_choice c = choice_decide(options, count, true);
    if ((c.kind == CHOICE_CRASH || c.kind == CHOICE_STOP) && choice_fits(c) && choice_apply(c))
        leave(false);
    if (c.kind == CHOICE_GO && sim.merge && sim.fresh && !prune_has_met(thread)) prune_end_run();
}

/* The choices before one operation. */
static void decide_at_point(void) {
    bool shared = point.shared, crash = point.crash;
    if (shared && sim.budget.preemptions) prune_watch();
    if (point.look && seen_before(SEEN_POINT, 0)) prune_end_run();
    for (;;) {
        struct sim_choice options[OPTIONS_MAX];
        unsigned count = choice_add(options, 0, CHOICE_GO, 0, 0);
        uint32_t others = ~(1u << sim.current);
        if (sim.budget.preemptions && shared) {
            count = choice_add_switches(options, count, sim.ready & ~sim.stopped & others);
            count = choice_add_drains(options, count, others);
        }
        if (sim.faults)
            count =
                choice_add_faults(options, count, sim.threads[sim.current].process, crash, shared);
        prune_skip(options, count);
        struct sim_choice c = choice_decide(options, count, false);
        if (!choice_fits(c) || c.kind == CHOICE_GO) return;
        if (c.kind == CHOICE_SWITCH || c.kind == CHOICE_DRAIN)
            sim.budget.preemptions -= sim.budget.preemptions > 0;
        if (c.kind == CHOICE_SWITCH) {
            if (c.who != sim.current) preempt(c.who, !sim.faults || (shared && crash));
            return;
        }
        if (choice_apply(c)) {
            leave(false);
            return; /* it was stopped, and goes on */
        }
    }
}

/* Offers what may be chosen before this operation, if anything. */
static void offer(enum sim_op op, const void *address) {
    bool shared = true, crash = true;
    if (sim.prefix && sim.step != sim.decide_step) sim.woke_spinner = false;
    if (sim.replaying || (sim.prefix && sim.step != sim.decide_step)) {
        if (TG_LIKELY(!choice_recorded(1))) return;
    } else if (sim.reduce) {
        shared = note_access(op, address) || sim.woke_spinner;
        sim.woke_spinner = false;
        crash = op != OP_LOAD && (op != OP_FENCE || shared);
    }
    bool others = (sim.ready & ~sim.stopped) != 1u << sim.current || sim.buffered;
    bool preemptible = shared && others && sim.budget.preemptions;
    bool choice = preemptible || (sim.faults && (crash || shared));
    bool look = prune_worth_a_look(address, shared || choice);
    if (!choice && !look) return;
    point.shared = shared;
    point.crash = crash;
    point.look = look;
    fiber_aside(&sim.threads[sim.current].fiber, decide_at_point);
}

void sim_step(enum sim_op op, const void *address, unsigned size, const char *where) {
    struct sim_thread *self = &sim.threads[sim.current];
    self->where = where;
    self->op = op;
    self->address = address;
    self->size = size;
    if (address && size && op <= OP_RMW) sim_os_guard(op, address, size, where);
    if (sim.quiet) {
        if (++sim.step > sim.steps_max) sim_fail("setup or check does not end (%s)", where);
        if (sim.faults) note_access(op, address);
        return;
    }
    if (TG_UNLIKELY(++sim.step > sim.steps_max))
        sim_fail("livelock: no end after %u steps, now in %s", sim.steps_max, where);
    sim.sub = 0;
    offer(op, address);
    if (TG_UNLIKELY(sim.preempted)) prune_note_step(op, address);
    if (op != OP_PAUSE) self->changes_seen = sim.changes;
}
