/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a forked child is a process of its own: it has its own entry, and a pin of its own
 * for each that its parent had; it keeps nobody else alive.
 * Method: forks of real processes, with and without pins, while threads make tokens.
 * Failure means: a view in a child shows foreign bytes, or a death that nobody notices. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>

#include "stores.h"

TEST(a_forked_child_attaches_when_it_needs_to) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    EXPECT(put(store, "k", "v", 1));
    pid_t child = fork();
    if (child == 0) {
        if (tg_store_usable(store) || tg_store_lost_pins() != NULL) _exit(1);
        if (tg_store_after_fork(store) != TG_OK) _exit(2);
        if (store->local.process != 1 || !put(store, "child", "v", 1)) _exit(3);
        tg_store_close(store);
        _exit(0);
    }
    EXPECT_EQ(wait_for(child), 0);
    child = fork();
    if (child == 0) {
        tg_store_close(store); /* without ever using it */
        struct tg_store *again = open_or_null();
        _exit(again && again->local.process == 1 ? 0 : 1);
    }
    EXPECT_EQ(wait_for(child), 0);
    child = fork();
    if (child == 0) {
        struct tg_store *again = open_or_null();
        _exit(again == store && tg_store_usable(store) ? 0 : 1);
    }
    EXPECT_EQ(wait_for(child), 0);
    EXPECT(tg_store_usable(store));
    tg_store_close(store);
    end();
}

/* The parent drops its pin and the key at once after fork; the child still has its own. */
TEST(pins_taken_before_a_fork_hold_in_the_child) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    char value[20000], other[20000];
    memset(value, 'v', sizeof(value));
    memset(other, 'o', sizeof(other));
    for (int round = 0; round < 20; round++) {
        uint32_t hint = 0;
        struct tg_pin taken;
        int ready[2];
        char byte;
        REQUIRE(put(store, "k", value, sizeof(value)) && pin(store, &taken));
        REQUIRE(pipe(ready) == 0);
        pid_t child = fork();
        if (child == 0) {
            if (!tg_store_usable(store) || !tg_pin_holds(store, &taken)) _exit(1);
            if (tg_store_lost_pins() != NULL) _exit(4);
            close(ready[1]);
            if (read(ready[0], &byte, 1) != 1) _exit(2);
            if (memcmp(taken.bytes, value, sizeof(value)) != 0) _exit(3);
            tg_unpin(store, &taken);
            tg_store_close(store);
            _exit(0);
        }
        tg_unpin(store, &taken);
        EXPECT_EQ(tg_delete(store, &hint, (struct tg_key){"k", 1}, NULL, NULL, NULL, UINT64_MAX),
                  TG_OK);
        EXPECT_EQ(tg_tidy(store, &hint, UINT64_MAX), TG_OK);
        for (int i = 0; i < 40; i++) {
            char key[32];
            snprintf(key, sizeof(key), "n%d", i);
            EXPECT(put(store, key, other, sizeof(other)));
        }
        EXPECT_EQ(write(ready[1], "x", 1), 1);
        EXPECT_EQ(wait_for(child), 0);
        close(ready[0]);
        close(ready[1]);
        struct tg_usage usage;
        EXPECT_EQ(tg_drop(store, &hint, (struct tg_key){NULL, 0}, UINT64_MAX), TG_OK);
        EXPECT_EQ(tg_tidy(store, &hint, UINT64_MAX), TG_OK);
        EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
        EXPECT_EQ(usage.entries, 0);
        EXPECT_EQ(usage.pins, 0);
    }
    tg_store_close(store);
    end();
}

TEST(a_child_that_dies_in_fork_does_not_hold_its_parent_up) {
    begin();
    struct tg_store *store = open_or_null();
    struct tg_pin taken;
    REQUIRE(store != NULL && put(store, "k", "v", 1) && pin(store, &taken));
    for (int round = 0; round < 20; round++) {
        uint64_t began = tg_linux_monotonic_ns();
        pid_t child = fork();
        if (child == 0) {
            kill(getpid(), SIGKILL);
            _exit(1);
        }
        EXPECT(tg_linux_monotonic_ns() - began < 900000000);
        wait_for(child);
    }
    tg_unpin(store, &taken);
    tg_store_close(store);
    end();
}

static tg_a64 stop_forking;

static void *take_tokens(void *argument) {
    struct tg_store *store = argument;
    struct tg_os *os = store->local.os;
    while (!tg_load_relaxed64(&stop_forking)) {
        if (os->ops->life_take(os, 100) == TG_OK) os->ops->life_drop(os, 100);
    }
    return NULL;
}

/* A child forked while another thread makes a token must not inherit it: the byte would
 * look alive for as long as the child lives. */
TEST(no_child_inherits_a_token_in_the_making) {
    enum { CHILDREN = 60 };
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    pthread_t thread;
    pid_t children[CHILDREN];
    tg_store_relaxed64(&stop_forking, 0);
    REQUIRE(pthread_create(&thread, NULL, take_tokens, store) == 0);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (;;) pause();
        }
    }
    tg_store_relaxed64(&stop_forking, 1);
    pthread_join(thread, NULL);
    EXPECT_EQ(store->local.os->ops->life_probe(store->local.os, 100), TG_LIFE_DEAD);
    for (int i = 0; i < CHILDREN; i++) kill(children[i], SIGKILL);
    for (int i = 0; i < CHILDREN; i++) wait_for(children[i]);
    tg_store_close(store);
    end();
}

/* Who holds a pin is known by its thread, also in a child that forked again. */
static int check_thread(struct tg_store *store, int depth) {
    struct tg_local *local = &store->local;
    if (local->os->ops->thread_id(local->os) != (uint32_t)gettid()) return 1;
    if (depth == 0) return 0;
    pid_t child = fork();
    if (child == 0) _exit(check_thread(store, depth - 1));
    return wait_for(child);
}

TEST(a_forked_child_knows_its_own_thread) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    EXPECT_EQ(check_thread(store, 2), 0);
    tg_store_close(store);
    end();
}

/* Figures for the documentation: printed, not judged. */
TEST(what_forking_costs) {
    enum { ROUNDS = 100 };
    begin();
    struct tg_store *store = open_or_null();
    struct tg_pin taken;
    REQUIRE(store != NULL && put(store, "k", "v", 1));
    for (int pinned = 0; pinned <= 1; pinned++) {
        uint64_t spent = 0;
        if (pinned) REQUIRE(pin(store, &taken));
        for (int i = 0; i < ROUNDS; i++) {
            uint64_t began = tg_linux_monotonic_ns();
            pid_t child = fork();
            if (child == 0) _exit(0);
            spent += tg_linux_monotonic_ns() - began;
            wait_for(child);
        }
        printf("fork %s pins: %.0f us\n", pinned ? "with" : "without",
               (double)spent / ROUNDS / 1000);
        fflush(stdout); /* or a child prints it again */
    }
    tg_unpin(store, &taken);
    tg_store_close(store);
    end();
}
