/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded default plan: which explorations a scenario's flags ask for. */
#ifndef TG_SIM_PLAN_H
#define TG_SIM_PLAN_H

#include "explore.h"

enum { PHASES_MAX = 16 };

struct phase {
    char title[32];
    struct explore_plan plan;
};

/* Fills phases in the order of cost; returns how many. `scale` multiplies the random runs. */
unsigned plan_phases(const struct sim_scenario *scenario, uint64_t seed, unsigned scale,
                     struct phase *phases);

#endif
