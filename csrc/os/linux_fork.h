/* SPDX-License-Identifier: Apache-2.0 */
/* The one mutable global of the core: which parts of this process must hear of a fork.
 *
 * What
 *   pthread_atfork takes functions without an argument and never forgets them, so they
 *   are installed once, and walk a list. Two mutexes: one for the list, held by a fork from
 *   its first hook to its last, while the parent waits as well; one that forbids forks
 *   while a life token is made (O3 in os/linux.h), held by a fork only while it happens.
 *   Who a thread is lives here as well, for a fork makes it another one.
 *
 * Bits and states: a node is in the list or not. Nodes are called in the order they came.
 *
 * Invariants
 *   W1  Between `prepare` and the end of `parent` or `child` the list can't change, and
 *       there is no other fork. While the memory is copied no token is half made.
 *   W2  Hooks call nothing of this header, but `parent` and `child` ones may take tokens.
 *   W3  The mutex of the list is taken before the other one.
 *
 * Death: private memory; nothing to mend. A process made by a raw clone hears nothing.
 * Progress: the list is locked for a few instructions, or for a fork and its parent's wait;
 *   forks are forbidden for a few system calls. tg_fork_try_forbid gives up after 2 ms.
 * API: tg_fork_lock, tg_fork_unlock, tg_fork_forbid, tg_fork_try_forbid, tg_fork_allow,
 *   tg_fork_add_locked, tg_fork_remove_locked, tg_fork_first_locked, tg_fork_wait_*;
 *   tg_linux_thread.
 */
#ifndef TG_OS_LINUX_FORK_H
#define TG_OS_LINUX_FORK_H

#include <stdbool.h>

#include "../base/atomic.h"

/* until_ns (monotonic): all hooks of one fork together. */
struct tg_fork_node {
    void (*prepare)(struct tg_fork_node *node);
    void (*parent)(struct tg_fork_node *node, uint64_t until_ns);
    void (*child)(struct tg_fork_node *node, uint64_t until_ns);
    struct tg_fork_node *next;
};

/* The calling thread: its id in the low half, in the high half how many forks led to this
 * process; so it is another number in a forked child. Kept per thread: the kernel is asked once. */
uint64_t tg_linux_thread(void);

void tg_fork_lock(void);
void tg_fork_unlock(void);
/* No fork happens from here to tg_fork_allow. False: one is just happening. */
void tg_fork_forbid(void);
bool tg_fork_try_forbid(void);
void tg_fork_allow(void);
/* False: pthread_atfork has no memory. */
bool tg_fork_add_locked(struct tg_fork_node *node);
void tg_fork_remove_locked(struct tg_fork_node *node);
struct tg_fork_node *tg_fork_first_locked(void);

/* ---- the parent waits for its child --------------------------------------------- */

/* A pipe says when the child is ready, and as surely when it died or was never born. */
struct tg_fork_wait {
    int read_fd; /* -1: nobody waits */
    int write_fd;
    tg_a64 *shared; /* a word for both, 0 at first */
};

/* False: no descriptors or no memory left, so nobody can wait. */
bool tg_fork_wait_prepare(struct tg_fork_wait *wait);
/* Returns when the child has ended it, is dead, or out of time. */
void tg_fork_wait_parent(struct tg_fork_wait *wait, uint64_t until_ns);
void tg_fork_wait_child(struct tg_fork_wait *wait);
/* Both call it last, and so does who prepared it in vain. */
void tg_fork_wait_end(struct tg_fork_wait *wait);

#endif
