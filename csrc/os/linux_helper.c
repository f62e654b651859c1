/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "linux_helper.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

enum { STACK_SIZE = 256 * 1024, LINGER_SECONDS = 10 };

void tg_helper_init(struct tg_helper *helper) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&helper->more, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&helper->mutex, NULL);
    helper->running = helper->idle = helper->ended = helper->barred = helper->wanted = false;
    tg_store_relaxed64(&helper->stop, 0);
}

void tg_helper_forked(struct tg_helper *helper) { tg_helper_init(helper); }

bool tg_helper_stopped(const struct tg_helper *helper) {
    /* PAIR helper.stop: see tg_helper_bar. */
    return tg_load_acquire64(&helper->stop) != 0;
}

/* Under the mutex: sleeps until more is wanted. False: the thread ends. */
static bool linger(struct tg_helper *helper) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LINGER_SECONDS;
    helper->running = false;
    helper->idle = true;
    while (!helper->wanted && !helper->barred &&
           pthread_cond_timedwait(&helper->more, &helper->mutex, &until) == 0) {
    }
    helper->idle = false;
    return helper->wanted && !helper->barred;
}

static void *live(void *argument) {
    struct tg_helper *helper = argument;
    for (;;) {
        helper->run(helper);
        pthread_mutex_lock(&helper->mutex);
        bool more = linger(helper);
        if (more) helper->wanted = false;
        helper->running = more;
        helper->ended = !more;
        pthread_mutex_unlock(&helper->mutex);
        if (!more) return NULL;
    }
}

/* Signals are the program's: the thread takes none. */
static bool begin_thread(struct tg_helper *helper) {
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool made = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
                pthread_create(&helper->thread, &attributes, live, helper) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return made;
}

void tg_helper_ask(struct tg_helper *helper) {
    if (helper->run == NULL) return;
    pthread_mutex_lock(&helper->mutex);
    bool wake = helper->idle;
    if (helper->running || helper->barred || wake) {
        helper->wanted = true;
        helper->running |= wake;
    } else {
        if (helper->ended) pthread_join(helper->thread, NULL);
        helper->ended = helper->wanted = false;
        helper->running = begin_thread(helper);
    }
    pthread_mutex_unlock(&helper->mutex);
    if (wake) pthread_cond_signal(&helper->more);
}

bool tg_helper_works(struct tg_helper *helper) {
    pthread_mutex_lock(&helper->mutex);
    bool running = helper->running;
    pthread_mutex_unlock(&helper->mutex);
    return running;
}

void tg_helper_bar(struct tg_helper *helper) {
    pthread_mutex_lock(&helper->mutex);
    helper->barred = true;
    bool there = helper->running || helper->idle || helper->ended;
    /* PAIR helper.stop: what the caller did before is seen by who finds it set. */
    tg_store_release64(&helper->stop, 1);
    pthread_mutex_unlock(&helper->mutex);
    pthread_cond_signal(&helper->more);
    if (there) pthread_join(helper->thread, NULL);
    pthread_mutex_lock(&helper->mutex);
    helper->running = helper->ended = false;
    pthread_mutex_unlock(&helper->mutex);
}

void tg_helper_allow(struct tg_helper *helper) {
    pthread_mutex_lock(&helper->mutex);
    helper->barred = false;
    tg_store_relaxed64(&helper->stop, 0);
    pthread_mutex_unlock(&helper->mutex);
}
