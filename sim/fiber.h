/* SPDX-License-Identifier: Apache-2.0 */
/* Stackful fibers: many virtual threads on one real one.
 *
 * What
 *   A fiber owns a stack for ever; each run starts it anew at its function. A killed
 *   fiber is simply never switched to again, which is exactly what SIGKILL does to a
 *   thread: no destructor, no unwinding.
 *
 * Invariants
 *   F1 fiber_switch saves all that the ABI lets a callee keep; nothing else lives in
 *      registers at a call.
 *   F2 A fiber's function never returns; it switches away for the last time.
 *   F3 Each fiber has a second stack, for the simulator's own work in its name. What the
 *      first one holds from `left` up is then all that the fiber will go on from, and a
 *      function of what the fiber was told: nothing of the simulator's remains there.
 */
#ifndef TG_SIM_FIBER_H
#define TG_SIM_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber {
    void *saved;         /* stack pointer, or a ucontext in the portable build */
    char *stack;         /* lowest usable byte; a guard page lies below */
    char *aside;         /* the second one */
    void *left; /* stack pointer at the last fiber_aside; what the ABI saves lies there */
    void (*run)(void *);
    void *argument;
};

enum { FIBER_STACK_SIZE = 256 * 1024, FIBER_ASIDE_SIZE = 64 * 1024 };

/* Whether F3 holds: the portable build has one stack a fiber. */
extern const bool fiber_has_aside;

/* Maps the stack on first use and prepares a first switch into run(argument). */
void fiber_start(struct fiber *fiber, void (*run)(void *), void *argument);

/* Leaves `from` here and goes on in `to`. `from` may be a fiber that was never started
 * (the real thread's own stack). */
void fiber_switch(struct fiber *from, struct fiber *to);

/* Calls `work` on the second stack of the running fiber. It may switch away in there. */
void fiber_aside(struct fiber *fiber, void (*work)(void));

/* One past the highest byte of the first stack. */
static inline const char *fiber_top(const struct fiber *fiber) {
    return fiber->stack + FIBER_STACK_SIZE;
}

#endif
