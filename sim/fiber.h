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
 */
#ifndef TG_SIM_FIBER_H
#define TG_SIM_FIBER_H

#include <stddef.h>

struct fiber {
    void *saved;         /* stack pointer, or a ucontext in the portable build */
    char *stack;         /* lowest usable byte; a guard page lies below */
    void (*run)(void *);
    void *argument;
};

enum { FIBER_STACK_SIZE = 256 * 1024 };

/* Maps the stack on first use and prepares a first switch into run(argument). */
void fiber_start(struct fiber *fiber, void (*run)(void *), void *argument);

/* Leaves `from` here and goes on in `to`. `from` may be a fiber that was never started
 * (the real thread's own stack). */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
