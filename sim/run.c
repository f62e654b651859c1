/* SPDX-License-Identifier: Apache-2.0 */
/* One run: its phases, as world.h lists them. turn.c decides within a phase. */
#include "prune.h"
#include "sim.h"

struct sim_world sim;

static void end_of_fiber(void) {
    uint32_t self = 1u << sim.current;
    unsigned process = sim.threads[sim.current].process;
    sim_step(OP_EXIT, NULL, 0, "its end");
    sim.ready &= ~self;
    sim.returned |= self;
    if (sim.tracing) sim_trace_text(sim.current, "returns");
    if (sim.scenario->flags & SIM_DIE_AT_END && !sim_fibers_of(process)) {
        sim_drain_all(sim.current);
        sim_os_release(process);
    }
    sim_leave(false);
}

static void fiber_main(void *argument) {
    if (sim.current == FIBER_RECOVERER) {
        sim.scenario->recover();
    } else if (sim.current == FIBER_QUIET) {
        ((struct sim_scenario *)argument)->setup();
        sim_switch_to(FIBER_NONE);
    } else {
        const struct sim_actor *actor = argument;
        actor->run(actor->arg);
    }
    end_of_fiber();
}

static void start(unsigned fiber, unsigned process, void *argument) {
    struct sim_thread *t = &sim.threads[fiber];
    t->process = process;
    t->pending_count = 0;
    t->group = 0;
    t->where = "its start";
    t->op = OP_NOTE;
    fiber_start(&t->fiber, fiber_main, argument);
    if (fiber != FIBER_QUIET) sim.ready |= 1u << fiber;
}

void sim_run_quiet(void (*function)(void)) {
    struct sim_scenario holder = {.setup = function};
    sim.quiet = true;
    sim.step = 0;
    start(FIBER_QUIET, 0, &holder);
    sim_switch_to(FIBER_QUIET);
    sim.current = FIBER_NONE;
    sim.quiet = false;
}

/* Runs the ready fibers until none is left that could go on. */
static bool run_phase(void) {
    sim.current = FIBER_NONE;
    sim.sub = 0;
    sim.step++;
    sim.phase++;
    sim_switch_to(sim_pick_next(false));
    sim.current = FIBER_NONE;
    return !sim.failed && !prune_phase();
}

/* Until one got through, and nobody was killed meanwhile: a stopped process may be, after the
 * recoverer has looked at it. */
static bool run_recoverers(void) {
    const struct sim_scenario *s = sim.scenario;
    if (!s->recover) return true;
    sim.steps_before_recovery = sim.step;
    for (;;) {
        unsigned process = SIM_RECOVERER + sim.recovery_count % SIM_RECOVERER;
        unsigned crashes = sim.crash_count;
        sim.recovery_count++;
        sim.returned &= ~(1u << FIBER_RECOVERER);
        start(FIBER_RECOVERER, process, NULL);
        if (!run_phase()) return false;
        bool through = sim.returned & 1u << FIBER_RECOVERER;
        if (through && sim.crash_count == crashes) return true;
    }
}

static void reset(void) {
    sim.current = FIBER_NONE;
    sim.quiet = false;
    sim.step = sim.sub = 0;
    sim.ready = sim.paused = sim.waiting = sim.stopped = 0;
    sim.returned = sim.buffered = sim.preempted = 0;
    sim.crashed_processes = sim.stopped_processes = 0;
    sim.crash_count = sim.stop_count = sim.recovery_count = 0;
    sim.steps_before_recovery = 0;
    sim.idle_rounds = 0;
    sim.woke_spinner = false;
    sim.failed = sim.merged = false;
    sim.atomic_hash = 0;
    sim.watched = 0;
    sim.phase = sim.looks = sim.crashes_before_resume = 0;
    sim_replay_position = 0;
    if (!sim.replaying && !sim.prefix) sim_record.count = 0;
    for (unsigned f = 0; f < SIM_FIBERS; f++) {
        sim.threads[f].pending_count = 0;
        sim.threads[f].process = SIM_PROCESSES; /* nobody's, until it is started */
    }
}

void sim_run(void) {
    const struct sim_scenario *s = sim.scenario;
    sim_restore();
    reset();
    for (unsigned i = 0; i < s->actor_count; i++)
        start(i, s->actors[i].process, (void *)&s->actors[i]);
    if (!run_phase() || !run_recoverers()) return;
    if (sim.stopped) {
        sim.crashes_before_resume = sim.crash_count;
        sim.stopped = 0;
        if (sim.tracing) sim_trace_text(FIBER_RECOVERER, "### the stopped go on");
        if (!run_phase()) return;
        if (sim.crash_count != sim.crashes_before_resume && !run_recoverers()) return;
    }
    if (s->check) {
        unsigned steps = sim.step;
        sim_run_quiet(s->check);
        sim.step += steps;
    }
}
