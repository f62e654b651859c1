/* SPDX-License-Identifier: Apache-2.0 */
/* States that were explored before: a run that comes to one of them ends there.
 *
 * What
 *   What will happen from a state on is a function of the state and of the choices to come.
 *   So the explorer looks, now and then, whether the state of the whole world was there in
 *   an earlier run; if so, everything that can follow was tried, or will be before the
 *   exploration is complete. Two orders of independent operations lead to one state, and
 *   so do most places where a process may be killed: nearly all runs end soon.
 *
 * The state is all that a run goes on from, read as it is and not derived:
 *   memory     the words of the region and of the SIM_STATE variables (the virtual machine
 *              and its clock are among them) that differ from the snapshot
 *   fibers     of each that may go on: its first stack from where it left (fiber.h F3), with
 *              the registers; its delayed stores; what it sleeps on. The dead and those that
 *              returned go on from nothing.
 *   turn.c     who is ready, paused, asleep, stopped, dead, returned; what is being decided
 *   the plan   what is left of each budget
 *   Left out: numbers that count (steps, changes) where only their being equal matters, and
 *   the word of a spinner's last look where its next operation is another one.
 *
 * Invariants
 *   E1 A state is noted for the runs after this one: a run that comes back to a state of its
 *      own is a loop, and ends as a livelock, not here.
 *   E2 It is noted with what was left of preemptions and free switches. Whoever has no more
 *      of either may end: more of them offers the same choices and others.
 *   E3 Which choices are offered must be a function of the state. The footprint (turn.c) is
 *      not part of it: when it grows all is forgotten.
 *   E4 Only the exhaustive mode looks, and only where a run is on a path of its own: on the
 *      prefix that it shares with the last one the states are its own.
 *
 *   States are compared by a hash of 64 bits: of 10 million states of one exploration two
 *   are taken for one with probability 3e-6.
 *
 * API: seen_forget, seen_before, seen_claim, seen_keep, seen_count.
 */
#ifndef TG_SIM_SEEN_H
#define TG_SIM_SEEN_H

#include <stdbool.h>
#include <stdint.h>

/* What is being decided, where a state is looked at. */
enum seen_place {
    SEEN_POINT,     /* before an operation; its choices are to come */
    SEEN_RESUMED,   /* before an operation, preempted there: only its death is to be chosen */
    SEEN_PICK,      /* who is next */
    SEEN_PHASE,     /* the actors, a recoverer or the stopped are done */
    SEEN_FAULT,     /* a process was just killed or stopped */
};

/* No state was seen. */
void seen_forget(void);

/* True if another run passed this state with as large a budget. Notes it otherwise.
 * `detail` is what decides about the choices here and is no part of the state. */
bool seen_before(enum seen_place place, unsigned detail);

/* True if the state behind a fault was claimed by another fault with as large a budget, which
 * was or will be tried. Claims it at once otherwise: no run passes it but the one that tries
 * the fault. */
bool seen_claim(void);

/* The run is over: what it noted counts from now on. */
void seen_keep(void);

uint64_t seen_count(void);

#endif
