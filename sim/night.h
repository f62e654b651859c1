/* SPDX-License-Identifier: Apache-2.0 */
/* Every exhaustive exploration of every scenario, to its end.
 *
 * What
 *   One task is one exploration; a process of its own runs it, `jobs` of them at a time. All
 *   scenarios without faults come first, then all with a kill, and so on. What was found goes
 *   into the progress file, one line a task. Who begins again skips what is complete in there
 *   for the same program: a line carries a hash of the executable.
 *   In the end there is a table: complete or not, schedules, faults, time.
 */
#ifndef TG_SIM_NIGHT_H
#define TG_SIM_NIGHT_H

#include "plan.h"

struct night {
    const char *glob;
    const char *progress;   /* the file; NULL: none is kept */
    unsigned jobs;
    double budget;          /* seconds a task; 0 = as long as it takes */
    /* Explores and tells; false if something was found. */
    bool (*explore)(const struct sim_scenario *scenario, const struct phase *phase,
                    struct explore_result *result);
};

/* True if nothing was found. */
bool night_run(const struct night *night);

#endif
