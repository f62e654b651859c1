/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios.h"

#define DECLARE(variable) extern const struct sim_scenario variable;
#define LIST(variable) &variable,

SIM_SELF_SCENARIOS(DECLARE)
#ifndef SIM_SELFTEST
SIM_CORE_SCENARIOS(DECLARE)
#endif

const struct sim_scenario *const sim_scenarios[] = {
    SIM_SELF_SCENARIOS(LIST)
#ifndef SIM_SELFTEST
        SIM_CORE_SCENARIOS(LIST)
#endif
            NULL,
};
