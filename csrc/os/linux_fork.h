/* SPDX-License-Identifier: Apache-2.0 */
/* The one mutable global of the core: which parts of this process must hear of a fork.
 *
 * What
 *   pthread_atfork takes functions without an argument and never forgets them, so they
 *   are installed once, and walk a list. The mutex of the list is also held while a
 *   life token is made (O3 in os/linux.h), and from before a fork until after it.
 *
 * Bits and states: a node is in the list or not. Nodes are called in the order they came.
 *
 * Invariants
 *   W1  Between `prepare` and `parent` or `child` the mutex is held by the forking thread,
 *       so the list can't change, and no token is half made.
 *   W2  Hooks call nothing of this header, but `child` ones may take tokens.
 *
 * Death: private memory; nothing to mend. A process made by a raw clone hears nothing.
 * Progress: the mutex is held for a few system calls, and by a fork for its duration.
 * API: tg_fork_lock, tg_fork_unlock, tg_fork_add_locked, tg_fork_remove_locked,
 *   tg_fork_first_locked.
 */
#ifndef TG_OS_LINUX_FORK_H
#define TG_OS_LINUX_FORK_H

#include <stdbool.h>

struct tg_fork_node {
    void (*prepare)(struct tg_fork_node *node);
    void (*parent)(struct tg_fork_node *node);
    void (*child)(struct tg_fork_node *node);
    struct tg_fork_node *next;
};

void tg_fork_lock(void);
void tg_fork_unlock(void);
/* False: pthread_atfork has no memory. */
bool tg_fork_add_locked(struct tg_fork_node *node);
void tg_fork_remove_locked(struct tg_fork_node *node);
struct tg_fork_node *tg_fork_first_locked(void);

/* ---- the parent waits for its child --------------------------------------------- */

/* A pipe says when the child is ready, and as surely when it died or was never born. */
struct tg_fork_wait {
    int read_fd; /* -1: nobody waits */
    int write_fd;
};

void tg_fork_wait_prepare(struct tg_fork_wait *wait);
void tg_fork_wait_parent(struct tg_fork_wait *wait, unsigned milliseconds);
void tg_fork_wait_child_begin(struct tg_fork_wait *wait);
void tg_fork_wait_child_ready(struct tg_fork_wait *wait);

#endif
