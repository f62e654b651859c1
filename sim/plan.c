/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdio.h>

static struct explore_plan *add(struct phase *phases, unsigned *count, const char *title,
                                enum explore_mode mode) {
    struct phase *p = &phases[(*count)++];
    *p = (struct phase){.plan.mode = mode};
    snprintf(p->title, sizeof p->title, "%s", title);
    return &p->plan;
}

/* A fixed number of runs: first, so that the time they leave goes to the exhaustive ones. */
static unsigned add_random(const struct sim_scenario *s, uint64_t seed, unsigned scale,
                           struct phase *phases, unsigned count) {
    for (unsigned i = 0; i < 2; i++) {
        enum explore_mode mode = i ? EXPLORE_RANDOM : EXPLORE_PCT;
        struct explore_plan *p = add(phases, &count, i ? "random" : "pct", mode);
        p->crashes = s->flags & SIM_CRASH ? 1 : 0;
        p->recover_crashes = s->flags & SIM_CRASH2 ? 1 : 0;
        p->stops = s->flags & SIM_STOP ? 1 : 0;
        p->delay = s->flags & SIM_DELAY ? DELAY_PSO : DELAY_NONE;
        p->runs_max = 2000 * (uint64_t)scale;
        p->seed = seed;
        /* Faults in every run would leave too few that end undisturbed. */
        if (s->flags & (SIM_CRASH | SIM_STOP)) {
            struct explore_plan copy = *p;
            p = add(phases, &count, i ? "random, no fault" : "pct, no fault", mode);
            *p = copy;
            p->crashes = p->recover_crashes = p->stops = 0;
        }
    }
    return count;
}

/* Bound 2 with a crash at every point is hours for a long operation: faults are explored
 * with one preemption, and the rest is left to chance. */
unsigned plan_phases(const struct sim_scenario *s, uint64_t seed, unsigned scale,
                     struct phase *phases) {
    unsigned count = 0, fault_bound = s->fault_bound ? s->fault_bound : 1;
    struct explore_plan *p = add(phases, &count, "interleavings", EXPLORE_EXHAUSTIVE);
    p->bound = s->bound ? s->bound : 2;
    count = add_random(s, seed, scale, phases, count);
    if (s->flags & SIM_CRASH) {
        p = add(phases, &count, "crash", EXPLORE_EXHAUSTIVE);
        p->bound = fault_bound;
        p->crashes = 1;
    }
    if (s->flags & SIM_CRASH2) {
        p = add(phases, &count, "crash, crash", EXPLORE_EXHAUSTIVE);
        p->bound = fault_bound - 1;
        p->crashes = p->recover_crashes = 1;
    }
    if (s->flags & SIM_STOP) {
        p = add(phases, &count, "stop", EXPLORE_EXHAUSTIVE);
        p->bound = fault_bound;
        p->stops = 1;
    }
    if (s->flags & SIM_DELAY) {
        p = add(phases, &count, "delayed (tso)", EXPLORE_EXHAUSTIVE);
        p->bound = fault_bound;
        p->delay = DELAY_TSO;
        p = add(phases, &count, "delayed (pso)", EXPLORE_EXHAUSTIVE);
        p->bound = fault_bound;
        p->delay = DELAY_PSO;
    }
    return count;
}
