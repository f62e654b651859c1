/* SPDX-License-Identifier: Apache-2.0 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seen.h"

enum { FRAMES_MAX = 1 << 16, FREE_SWITCHES_MAX = 6, PCT_DEPTH = 3, WARM_UP_RUNS = 200 };
enum { STATES_MAX = 1 << 20 };

static uint64_t *states;

/* A decision of the running path. */
struct frame {
    uint32_t step, sub, record; /* ... and how many choices were recorded before */
    uint16_t picked, count;
    bool plain;                 /* what is decided before is followed by plain writes */
    uint64_t skip;              /* options that need not be tried */
};

/* The strategy of the running run. */
static struct {
    enum explore_mode mode;
    /* exhaustive */
    unsigned depth;
    struct frame frames[FRAMES_MAX];
    /* random and pct */
    uint64_t random;
    unsigned switch_shift;      /* a switch with probability 2^-shift */
    uint32_t crash_at, crash2_at, stop_at;
    uint32_t change_at[PCT_DEPTH];
    unsigned changes;
    int priority[SIM_FIBERS * 2]; /* fibers, then their drains */
    int lowest;
    uint32_t run_steps, recovery_steps; /* of earlier runs, for placing */
} now;

static uint64_t random_next(void) {
    now.random ^= now.random << 13;
    now.random ^= now.random >> 7;
    now.random ^= now.random << 17;
    return now.random;
}

static uint32_t random_below(uint32_t limit) {
    return limit ? (uint32_t)((random_next() >> 32) * limit >> 32) : 0;
}

/* --- exhaustive */

static unsigned choose_exhaustive(const struct sim_choice *options, unsigned count) {
    if (!sim.fresh) {
        struct frame *f = &now.frames[now.depth - 1];
        sim.fresh = true;
        sim.plain = f->plain;
        if (f->count != count)
            sim_fail("the same choices led to %u options, then to %u: state outside "
                     "SIM_STATE, or a dependence on addresses",
                     f->count, count);
        return f->picked;
    }
    if (now.depth == FRAMES_MAX) return 0;
    now.frames[now.depth++] = (struct frame){.step = sim.step,
                                             .sub = sim.sub,
                                             .record = sim_record.count,
                                             .count = (uint16_t)count,
                                             .plain = true, /* until it is known */
                                             .skip = sim.skip};
    sim.skip = 0;
    if (sim.merge && options[count > 1].kind == CHOICE_SWITCH && sim.sub < SUB_OF_PICK) {
        sim.watched = now.depth;
        sim.watched_plain = sim_plain_hash();
    }
    return 0;
}

void explore_note_plain(unsigned decision, bool plain) { now.frames[decision].plain = plain; }

/* The next path; false when all were seen. */
static bool next_path(void) {
    while (now.depth) {
        struct frame *f = &now.frames[now.depth - 1];
        while (++f->picked < f->count)
            if (f->picked >= 64 || !(f->skip >> f->picked & 1)) return true;
        now.depth--;
    }
    return false;
}

/* Up to its last decision a path is that of the run before: it is repeated by its record. */
static void prepare_path(void) {
    sim.fresh = now.depth == 0;
    sim.prefix = !sim.fresh;
    sim.skip = 0;
    if (sim.fresh) {
        sim_record.count = 0;
        return;
    }
    const struct frame *f = &now.frames[now.depth - 1];
    sim.decide_step = f->step;
    sim.decide_sub = f->sub;
    sim_record.count = f->record;
}

/* --- random and pct */

/* A planned crash or stop whose step has come. */
static unsigned choose_fault(const struct sim_choice *options, unsigned count) {
    for (unsigned i = 1; i < count; i++) {
        const struct sim_choice *c = &options[i];
        if (c->kind == CHOICE_CRASH) {
            bool second = c->who >= SIM_RECOVERER;
            uint32_t at = second ? now.crash2_at : now.crash_at;
            uint32_t step = sim.step - (second ? sim.steps_before_recovery : 0);
            if (at && step >= at) {
                *(second ? &now.crash2_at : &now.crash_at) = 0;
                return i;
            }
        }
        if (c->kind == CHOICE_STOP && now.stop_at && sim.step >= now.stop_at) {
            now.stop_at = 0;
            return i;
        }
    }
    return 0;
}

static bool is_fault(struct sim_choice c) {
    return c.kind == CHOICE_CRASH || c.kind == CHOICE_STOP;
}

static unsigned choose_random(const struct sim_choice *options, unsigned count, bool free) {
    unsigned useful = count;
    while (useful > 1 && is_fault(options[useful - 1])) useful--; /* faults are last */
    if (useful == 1) return 0;
    if (!free && random_next() >> 32 & ((1u << now.switch_shift) - 1)) return 0;
    return random_below(useful);
}

static int *priority_of(struct sim_choice c) {
    if (c.kind == CHOICE_GO) return &now.priority[sim.current];
    if (c.kind == CHOICE_SWITCH) return &now.priority[c.who];
    return &now.priority[SIM_FIBERS + c.who];
}

static unsigned choose_pct(const struct sim_choice *options, unsigned count) {
    if (sim.current < SIM_FIBERS) {
        if (now.changes && sim.step >= now.change_at[now.changes - 1]) {
            now.changes--;
            now.priority[sim.current] = --now.lowest;
        } else if (sim.paused & 1u << sim.current) {
            now.priority[sim.current] = --now.lowest; /* a spinner must not starve others */
        }
    }
    unsigned best = 0;
    for (unsigned i = 1; i < count; i++)
        if (!is_fault(options[i]) && *priority_of(options[i]) > *priority_of(options[best]))
            best = i;
    return best;
}

unsigned explore_choose(const struct sim_choice *options, unsigned count, bool free) {
    if (now.mode == EXPLORE_EXHAUSTIVE) return choose_exhaustive(options, count);
    unsigned fault = choose_fault(options, count);
    if (fault) return fault;
    if (now.mode == EXPLORE_PCT) return choose_pct(options, count);
    return choose_random(options, count, free);
}

static uint32_t place(unsigned wanted, uint32_t steps) {
    return wanted ? 1 + random_below(steps + steps / 8 + 1) : 0;
}

static void prepare_random_run(const struct explore_plan *plan) {
    now.switch_shift = 1 + random_below(6);
    now.crash_at = place(plan->crashes, now.run_steps);
    now.crash2_at = place(plan->recover_crashes, now.recovery_steps);
    now.stop_at = place(plan->stops, now.run_steps);
    if (plan->crashes && plan->stops && random_next() >> 40 & 1) now.stop_at = 0;
    if (now.mode != EXPLORE_PCT) return;
    for (unsigned i = 0; i < SIM_FIBERS * 2; i++) now.priority[i] = (int)random_below(1 << 20);
    now.lowest = 0;
    now.changes = PCT_DEPTH - 1;
    for (unsigned i = 0; i < now.changes; i++) now.change_at[i] = 1 + random_below(now.run_steps);
    /* Taken from the end: the earliest must come last. */
    if (now.change_at[0] < now.change_at[1]) {
        uint32_t swap = now.change_at[0];
        now.change_at[0] = now.change_at[1];
        now.change_at[1] = swap;
    }
}

/* --- runs */

static double clock_seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The ends of runs seen so far, an open hash set. Also audits the replay: the record alone
 * must lead to the same end. */
static void note_state(struct explore_result *r) {
    uint64_t hash = sim_state_hash() | 1;
    struct sim_budget budget = sim.budget;
    r->failed = sim_replay_run();
    if (!r->failed && (sim_state_hash() | 1) != hash) {
        r->failed = sim.failed = true;
        snprintf(sim.failure, sizeof sim.failure, "the replay of a run came to another end");
    }
    sim.budget = budget;
    if (r->failed) return;
    if (!states) states = calloc(STATES_MAX, sizeof *states);
    if (!states || r->states > STATES_MAX / 2) return;
    for (uint64_t at = hash >> 40;; at++) {
        uint64_t *cell = &states[at % STATES_MAX];
        if (*cell == hash) return;
        if (*cell) continue;
        *cell = hash;
        r->states++;
        r->states_sum += hash;
        return;
    }
}

static void one_run(const struct explore_plan *plan, unsigned bound, struct explore_result *r) {
    bool exhaustive = now.mode == EXPLORE_EXHAUSTIVE;
    sim.budget = (struct sim_budget){.preemptions = exhaustive ? bound : 1u << 30,
                                     .free_switches = exhaustive ? FREE_SWITCHES_MAX : 1u << 30,
                                     .crashes = plan->crashes,
                                     .recover_crashes = plan->recover_crashes,
                                     .stops = plan->stops};
    sim.prefix = sim.fresh = false;
    if (exhaustive) prepare_path();
    sim.merge = exhaustive && !plan->no_merge && !plan->no_reduce && fiber_has_aside;
    if (!exhaustive) prepare_random_run(plan);
    sim_run();
    if (sim.prefix && !sim.failed) {
        sim.failed = true;
        snprintf(sim.failure, sizeof sim.failure, "a run did not come to where the last one was");
    }
    sim.prefix = false;
    seen_keep();
    r->schedules++;
    r->merged += sim.merged;
    r->steps += sim.step;
    r->crash_runs += sim.crash_count > 0;
    r->crash2_runs += sim.recovery_count > 1;
    r->stop_runs += sim.stop_count > 0;
    uint32_t actors = sim.steps_before_recovery ? sim.steps_before_recovery : sim.step;
    if (actors > now.run_steps) now.run_steps = actors;
    if (sim.step - actors > now.recovery_steps) now.recovery_steps = sim.step - actors;
    r->failed = sim.failed;
    if (plan->count_states && !r->failed && !sim.merged) note_state(r);
}

static clockid_t clock_of(const struct explore_plan *plan) {
    return plan->seconds_are_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
}

static bool out_of_budget(const struct explore_plan *plan, const struct explore_result *r,
                          double start) {
    if (plan->runs_max && r->schedules >= plan->runs_max) return true;
    return plan->seconds > 0 && clock_seconds(clock_of(plan)) - start > plan->seconds;
}

static void run_random(const struct explore_plan *plan, struct explore_result *r, uint64_t runs,
                       double start) {
    for (uint64_t i = 0; i < runs && !r->failed; i++) {
        if (out_of_budget(plan, r, start)) return;
        one_run(plan, 0, r);
    }
}

/* All paths of one bound; false if the budget ended first. */
static bool run_bound(const struct explore_plan *plan, unsigned bound, struct explore_result *r,
                      double start) {
    now.depth = 0;
    sim.footprint_grew = false;
    for (;;) {
        one_run(plan, bound, r);
        if (r->failed) return false;
        if (sim.footprint_grew) { /* a dependence was unknown: see turn.c */
            sim.footprint_grew = false;
            now.depth = 0;
            seen_forget(); /* E3 of seen.h */
        } else if (!next_path()) {
            return true;
        }
        if (out_of_budget(plan, r, start)) return false;
    }
}

static void run_exhaustive(const struct explore_plan *plan, struct explore_result *r,
                           double start) {
    if (sim.reduce) { /* learns most dependences before the first path */
        now.mode = EXPLORE_RANDOM;
        struct explore_plan warm_up = *plan;
        warm_up.count_states = false; /* they know no bound */
        run_random(&warm_up, r, WARM_UP_RUNS, start);
        now.mode = EXPLORE_EXHAUSTIVE;
    }
    seen_forget();
    for (unsigned bound = 0; bound <= plan->bound && !r->failed; bound++) {
        if (!run_bound(plan, bound, r, start)) return;
        r->bound_reached = bound;
        r->complete = bound == plan->bound;
    }
}

void explore(const struct explore_plan *plan, struct explore_result *result) {
    double start = clock_seconds(CLOCK_MONOTONIC), budget_start = clock_seconds(clock_of(plan));
    double cpu_start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    memset(result, 0, sizeof *result);
    now.mode = plan->mode;
    now.random = plan->seed * 0x9e3779b97f4a7c15ull + 0x1234567;
    now.run_steps = now.recovery_steps = 0;
    sim.delay = plan->delay;
    sim.faults = plan->crashes || plan->stops;
    sim.reduce = !plan->no_reduce;
    sim.replaying = sim.tracing = false;
    sim.faults_skipped = 0;
    if (plan->mode == EXPLORE_EXHAUSTIVE)
        run_exhaustive(plan, result, budget_start);
    else
        run_random(plan, result, UINT64_MAX, budget_start);
    result->seconds = clock_seconds(CLOCK_MONOTONIC) - start;
    result->cpu_seconds = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    result->faults_skipped = sim.faults_skipped;
}
