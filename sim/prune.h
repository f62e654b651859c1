/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs need not be made, or not be finished (switched off by --no-merge).
 *
 * What
 *   looks     A run ends where an earlier one was in the same state: seen.h.
 *   claims    A kill or stop is not tried where another one leads to the same state: the
 *             state is looked up before the run is made.
 *   in vain   A fiber was preempted before an operation, others ran, and now it would go on,
 *             but nothing that they did depends on that operation. Then the preemption came
 *             too early: the run in which it comes one operation later is made as well.
 *
 * Why "in vain" is sound
 *   Let a be the operation, with all behind it up to the next point where a switch is offered
 *   or the fiber leaves by itself: other operations there depend on nobody (turn.c). Let w be
 *   what others did meanwhile. If a commutes with w, then a w leads to the state of w a, each
 *   fiber sees the same values, and a w costs no more. Faults within w are offered in both.
 *   The argument is repeated until the switch stands before what does depend, or the
 *   fiber is done; so it ends. A death where it would have gone on is no part of it: between
 *   a store and none it makes a difference, and it stays on offer.
 *   a commutes with w if
 *     - it is one operation on one word of the world (or a fence, without delayed stores),
 *     - nobody sleeps or spins when it is preempted: nobody is woken by it earlier or later,
 *     - a load: the word has the value that it had. A write: nobody touched the word in w,
 *       nor made a system call, paused or passed a point of the scenario,
 *     - w changed nothing but by atomic operations, and a is followed by no plain write: the
 *       two can't meet in plain memory (P1, P2).
 *
 * Invariants
 *   P1 sim_plain_hash is a number for what differs from the snapshot less what atomic
 *      operations made of it: plain writes, SIM_STATE variables, the virtual clock.
 *   P2 Whether plain writes follow an operation is seen in the run that goes on there, before
 *      any that is preempted there; the explorer keeps it with the decision.
 *   P3 Whether a preempted fiber has met something is part of the state (seen.h E3).
 */
#ifndef TG_SIM_PRUNE_H
#define TG_SIM_PRUNE_H

#include "sim.h"

/* Before a decision: marks what need not be tried in sim.skip. */
void prune_skip(const struct sim_choice *options, unsigned count);

/* A fiber is preempted before its operation. The running one makes this operation. */
void prune_note_preempted(struct sim_thread *thread);
void prune_note_step(enum sim_op op, const void *address);
/* True if it matters that the preempted thread has not gone on before. */
bool prune_has_met(const struct sim_thread *thread);
/* The next switch is offered, or the fiber leaves: was there a plain write since the last (P2)? */
void prune_watch(void);

/* Is the state at this point worth a look? */
bool prune_worth_a_look(const void *address, bool shared);
/* Ends the run, which merged; comes back if no fiber runs. */
void prune_end_run(void);
/* At the end of a phase: true if the run ends here. */
bool prune_phase(void);

#endif
