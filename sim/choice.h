/* SPDX-License-Identifier: Apache-2.0 */
/* The choices of turn.c: what may be offered, what was recorded, and what it does. */
#ifndef TG_SIM_CHOICE_H
#define TG_SIM_CHOICE_H

#include "sim.h"

static inline unsigned sim_bit_index(uint32_t mask) { return (unsigned)__builtin_ctz(mask); }

/* What is recorded for this step from decision `sub` on; NULL: nothing. */
const struct sim_recorded *choice_recorded(uint32_t sub);
/* Asks the record or the explorer; options[0] is the default. `free`: it costs nothing. */
struct sim_choice choice_decide(const struct sim_choice *options, unsigned count, bool free);

/* Each adds to the options and returns their count. */
unsigned choice_add(struct sim_choice *options, unsigned count, enum sim_choice_kind kind,
                    unsigned who, unsigned index);
unsigned choice_add_switches(struct sim_choice *options, unsigned count, uint32_t fibers);
unsigned choice_add_drains(struct sim_choice *options, unsigned count, uint32_t fibers);
unsigned choice_add_faults(struct sim_choice *options, unsigned count, unsigned process, bool crash,
                           bool stop);

/* False for what a record names and this run has not. */
bool choice_fits(struct sim_choice c);
/* Applies a crash, stop or drain; true if the current fiber can't go on. */
bool choice_apply(struct sim_choice c);

/* What the budget still has for a process. */
unsigned choice_crashes_left(unsigned process);
unsigned choice_stops_left(unsigned process);
void choice_spend_crash(unsigned process);

/* True if fibers depend on each other by the word of this footprint. */
bool choice_is_shared(uint16_t cell, bool with_recovery);

#endif
