/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that exists only while there is work nobody waits for, and a little longer.
 *
 * What
 *   tg_helper_ask has `run` called soon, by a thread that sleeps for ten seconds afterwards, and
 *   ends when nobody asked for more. There is one at a time; what is asked for while it is at it
 *   is done by the same one, afterwards. A fork ends it first, so no child has a half of one, and
 *   programs that count threads at a fork count none.
 *
 * Bits and states (under the mutex)
 *   running   the thread is in `run`, or about to be
 *   idle      it sleeps, in case that more is wanted
 *   ended     it is over and waits to be joined
 *   barred    none may begin: a fork is under way, or the store is being closed
 *   wanted    somebody asked while it could not begin, or was at it
 *
 * Invariants
 *   H1  Who asks is heard: `wanted` is looked at under the mutex before the thread ends.
 *   H2  `thread` names a thread that was not joined, or nothing says running, idle or ended.
 *
 * Ordering: the mutex; PAIR helper.stop: `stop` by release, and `run` looks at it by acquire.
 * Death: private memory, and a thread of the process that dies with it. What `run` did in the
 *   store is a sequence of calls like any other's.
 * Progress: tg_helper_bar waits for one look of `run` at tg_helper_stopped. Who asks pays for the
 *   making of a thread when there is none: 30 to 60 us, more on a busy machine; where one sleeps,
 *   for its waking: 10 to 25 us.
 * API: tg_helper_init, tg_helper_ask, tg_helper_works, tg_helper_stopped, tg_helper_bar,
 *   tg_helper_allow, tg_helper_forked.
 */
#ifndef TG_OS_LINUX_HELPER_H
#define TG_OS_LINUX_HELPER_H

#include <pthread.h>
#include <stdbool.h>

#include "../base/atomic.h"

struct tg_helper {
    void (*run)(struct tg_helper *helper); /* NULL: nobody is ever asked */
    pthread_mutex_t mutex;
    pthread_cond_t more; /* wanted, or barred */
    pthread_t thread;
    bool running, idle, ended, barred, wanted;
    tg_a64 stop;
};

void tg_helper_init(struct tg_helper *helper);
/* Never waits for the thread. Where none can be made, nothing happens. */
void tg_helper_ask(struct tg_helper *helper);
bool tg_helper_works(struct tg_helper *helper);
/* For `run`: leave off soon. */
bool tg_helper_stopped(const struct tg_helper *helper);
/* Ends the thread and lets none begin. */
void tg_helper_bar(struct tg_helper *helper);
/* One may begin again, when somebody asks: a thread that began here would be seen by who counts
 * them after a fork. */
void tg_helper_allow(struct tg_helper *helper);
/* In a forked child, where there is no thread. */
void tg_helper_forked(struct tg_helper *helper);

#endif
