/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs are tried: exhaustive within bounds, PCT, or random.
 *
 * What
 *   exhaustive  depth-first over all choices that the budget admits, by re-execution:
 *               the choices of a prefix are repeated, then defaults. Bounds 0, 1, ... up
 *               to the limit, so a violation is found with the fewest preemptions.
 *   pct         random priorities, changed at d-1 random steps: a bug of depth d is found
 *               with probability at least 1/(n k^(d-1)) per run.
 *   random      at each point a switch with a probability drawn per run.
 *   The last two place crashes and stops at random steps; they admit any number of
 *   preemptions and are driven by the seed alone.
 */
#ifndef TG_SIM_EXPLORE_H
#define TG_SIM_EXPLORE_H

#include "sim.h"

enum explore_mode { EXPLORE_EXHAUSTIVE, EXPLORE_PCT, EXPLORE_RANDOM };

struct explore_plan {
    enum explore_mode mode;
    enum sim_delay delay;
    unsigned bound;             /* preemptions, exhaustive only */
    unsigned crashes, recover_crashes, stops;
    bool no_reduce, no_merge;
    bool count_states;          /* exhaustive only */
    uint64_t runs_max;          /* 0 = no limit */
    double seconds;             /* 0 = no limit */
    bool seconds_are_cpu;       /* ... of this process, however busy the machine is */
    uint64_t seed;
};

struct explore_result {
    uint64_t schedules, steps;
    uint64_t merged;            /* schedules that ended in the state of an earlier one */
    uint64_t faults_skipped;    /* ... that would have begun there */
    uint64_t crash_runs, crash2_runs, stop_runs;
    double seconds, cpu_seconds;
    bool complete;              /* exhaustive: all of the bound was seen */
    bool failed;                /* sim.failure and sim_record say how */
    unsigned bound_reached;
    /* With count_states: distinct ends of runs, and their sum whatever the order. */
    uint64_t states, states_sum;
};

/* The scenario is loaded (sim_load). Stops at the first violation. */
void explore(const struct explore_plan *plan, struct explore_result *result);

#endif
