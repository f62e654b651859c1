/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a drop leaves goes without another call, and the thread that does it is in nobody's
 * way: it ends before a fork, with a close, and whoever is next goes on when it is killed.
 * Method: a subtree too large for the drop itself; what is left is counted from outside.
 * Failure means: memory that stays, a fork with two threads, a close that does not come back. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stores.h"

enum { KEYS = 4000, PATIENCE_MS = 10000 };

static bool attached(struct tg_store *store) { return tg_store_after_fork(store) == TG_OK; }

static bool fill(struct tg_store *store) {
    char key[32];
    bool good = true;
    for (int i = 0; i < KEYS && good; i++) {
        snprintf(key, sizeof(key), "top/%d/%d", i % 50, i);
        good = put(store, key, "value", 5);
    }
    return good;
}

static bool drop_top(struct tg_store *store) {
    uint32_t hint = 0;
    return tg_drop(store, &hint, (struct tg_key){"top", 3}, UINT64_MAX) == TG_OK;
}

static uint64_t entries(struct tg_store *store) {
    struct tg_usage usage;
    uint32_t hint = 0;
    return tg_usage(store, &hint, &usage) == TG_OK ? usage.entries : UINT64_MAX;
}

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

/* Nobody makes a call that changes anything. */
static bool empties(struct tg_store *store) {
    for (int i = 0; i < PATIENCE_MS && entries(store) != 0; i++) nap();
    return entries(store) == 0;
}

/* Somebody writes now and then, and so notices the dead. */
static bool empties_in_use(struct tg_store *store) {
    uint32_t hint = 0;
    for (int i = 0; i < PATIENCE_MS && entries(store) != 0; i++) {
        nap();
        struct tg_key key = {"k", 1};
        if (!put(store, "k", "v", 1) || tg_drop(store, &hint, key, UINT64_MAX) != TG_OK)
            return false;
    }
    return entries(store) == 0;
}

static int threads(void) {
    char line[128];
    int count = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) (void)sscanf(line, "Threads: %d", &count);
    if (file) fclose(file);
    return count;
}

TEST(what_a_drop_leaves_goes_by_itself) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    for (int i = 0; i < 3; i++) EXPECT(fill(store) && drop_top(store) && empties(store));
    tg_store_close(store);
    end();
}

/* ThreadSanitizer has a thread of its own, and ends a child that makes one when its parent ever
 * had two: there these tests are left out. */
#if !defined(__SANITIZE_THREAD__)
static int threads_after_fork;

static void count_after_fork(void) { threads_after_fork = threads(); }

TEST(a_fork_has_one_thread) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL && pthread_atfork(NULL, count_after_fork, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        EXPECT(fill(store) && drop_top(store));
        pid_t child = fork();
        if (child == 0) _exit(threads() == 1 && attached(store) && put(store, "c", "x", 1) ? 0 : 1);
        EXPECT_EQ(wait_for(child), 0);
        EXPECT_EQ(threads_after_fork, 1);
    }
    uint32_t hint = 0;
    EXPECT_EQ(tg_drop(store, &hint, (struct tg_key){NULL, 0}, UINT64_MAX), TG_OK);
    EXPECT(empties_in_use(store));
    tg_store_close(store);
    end();
}

TEST(one_thread_serves_many_drops) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    for (int i = 0; i < 5; i++) {
        EXPECT(fill(store) && drop_top(store) && empties(store));
        EXPECT_EQ(threads(), 2);
        if (i > 2) nap(); /* it sleeps by then, or is about to */
    }
    tg_store_close(store);
    EXPECT_EQ(threads(), 1);
    end();
}

TEST(who_writes_much_has_it_already) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    for (int i = 0; i < 70000; i++) REQUIRE(put(store, "k", "v", 1));
    EXPECT_EQ(threads(), 2);
    EXPECT(fill(store) && drop_top(store));
    tg_store_close(store);
    EXPECT_EQ(threads(), 1);
    end();
}

TEST(when_it_is_killed_others_go_on) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (attached(store) && fill(store) && drop_top(store)) kill(getpid(), SIGKILL);
            _exit(1);
        }
        EXPECT_EQ(wait_for(child), SIGKILL);
        EXPECT(empties_in_use(store));
    }
    tg_store_close(store);
    end();
}

TEST(a_close_ends_it) {
    begin();
    struct tg_store *other = open_or_null();
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 10; i++) {
            struct tg_store *store = open_or_null();
            if (store == NULL || !fill(store) || !drop_top(store)) _exit(1);
            tg_store_close(store);
        }
        /* The store of the parent is still open here: close that one as well. */
        tg_store_close(other);
        _exit(threads() == 1 ? 0 : 2);
    }
    EXPECT_EQ(wait_for(child), 0);
    EXPECT(put(other, "k", "v", 1));
    tg_store_close(other);
    end();
}
#endif
