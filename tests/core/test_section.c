/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of users with real processes and threads: what a cookie waits for, and what not. */
#include <pthread.h>
#include <signal.h>

#include "parts/section.h"
#include "region/call.h"
#include "stores.h"

static uint32_t hint;

static struct tg_section enter(struct tg_store *store) {
    struct tg_section section;
    EXPECT_EQ(tg_section_enter(store, &hint, TG_FOREVER, &section), TG_OK);
    return section;
}

static tg_status elapsed(struct tg_store *store, uint64_t cookie) {
    uint32_t process;
    return tg_section_elapsed(&store->local, cookie, &process);
}

static uint64_t snapshot(struct tg_store *store) { return tg_section_snapshot(&store->local); }

static struct tg_store *open_here(void) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    return store;
}

static void close_here(struct tg_store *store) {
    tg_store_close(store);
    end();
}

TEST(a_cookie_waits_for_the_sections_before_it_only) {
    struct tg_store *store = open_here();
    uint64_t none = snapshot(store);
    EXPECT(none != 0);
    EXPECT_EQ(elapsed(store, none), TG_OK);
    struct tg_section first = enter(store);
    uint64_t one = snapshot(store);
    struct tg_section second = enter(store);
    uint64_t both = snapshot(store);
    EXPECT_EQ(elapsed(store, one), TG_BUSY);
    EXPECT_EQ(elapsed(store, none), TG_OK); /* as before */
    tg_section_leave(store, &first);
    EXPECT_EQ(elapsed(store, both), TG_BUSY);
    EXPECT_EQ(elapsed(store, one), TG_OK);
    tg_section_leave(store, &second);
    tg_section_leave(store, &second); /* again: nothing */
    EXPECT_EQ(elapsed(store, both), TG_OK);
    EXPECT_EQ(elapsed(store, both + 1), TG_INVALID);
    EXPECT_EQ(elapsed(store, UINT64_MAX), TG_INVALID);
    close_here(store);
}

TEST(sections_are_as_many_as_the_ledger_can_grow) {
    static struct tg_section many[1000];
    struct tg_store *store = open_here();
    for (int i = 0; i < 1000; i++) many[i] = enter(store);
    uint64_t cookie = snapshot(store);
    for (int i = 999; i >= 0; i--) {
        EXPECT_EQ(elapsed(store, cookie), TG_BUSY);
        tg_section_leave(store, &many[i]);
    }
    EXPECT_EQ(elapsed(store, cookie), TG_OK);
    close_here(store);
}

TEST(sections_and_pins_live_side_by_side) {
    struct tg_store *store = open_here();
    static uint8_t value[5000];
    struct tg_pin taken;
    struct tg_usage usage;
    REQUIRE(put(store, "k", value, sizeof value));
    struct tg_section section = enter(store);
    REQUIRE(pin(store, &taken));
    uint64_t cookie = snapshot(store);
    EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
    EXPECT_EQ(usage.pins, 1);
    tg_section_leave(store, &section);
    EXPECT_EQ(elapsed(store, cookie), TG_OK); /* a pin is no section */
    tg_unpin(store, &taken);
    close_here(store);
}

/* A child in a section; it says so through a pipe, then waits to be killed. */
static pid_t child_in_section(struct tg_store *store) {
    int ends[2];
    char said = 0;
    REQUIRE(pipe(ends) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (tg_store_after_fork(store) != TG_OK) _exit(1);
        (void)enter(store);
        if (write(ends[1], "!", 1) != 1) _exit(1);
        for (;;) pause();
    }
    EXPECT_EQ(read(ends[0], &said, 1), 1);
    close(ends[0]), close(ends[1]);
    return child;
}

TEST(a_section_ends_with_its_process_and_not_before) {
    struct tg_store *store = open_here();
    pid_t child = child_in_section(store);
    uint64_t cookie = snapshot(store);
    EXPECT_EQ(elapsed(store, cookie), TG_BUSY);
    kill(child, SIGSTOP);
    EXPECT_EQ(elapsed(store, cookie), TG_BUSY);
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), SIGKILL);
    EXPECT_EQ(elapsed(store, cookie), TG_OK);
    EXPECT_EQ(tg_tidy(store, &hint, TG_FOREVER), TG_OK);
    uint32_t alive = 0;
    for (uint32_t p = 0; p < store->local.header.process_count; p++)
        alive += tg_ledger_least_stamp(&store->local, p) != UINT64_MAX;
    EXPECT_EQ(alive, 0);
    close_here(store);
}

TEST(a_forked_child_is_in_no_section_and_ends_none) {
    struct tg_store *store = open_here();
    struct tg_section section = enter(store);
    EXPECT(tg_section_is_ours(store, &section));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct tg_section copy = section;
        if (tg_section_is_ours(store, &copy)) _exit(1);
        tg_section_leave(store, &copy);
        if (tg_store_after_fork(store) != TG_OK) _exit(2);
        copy = section;
        if (tg_section_is_ours(store, &copy)) _exit(3);
        tg_section_leave(store, &copy);
        _exit(0);
    }
    EXPECT_EQ(wait_for(child), 0);
    uint64_t cookie = snapshot(store);
    EXPECT_EQ(elapsed(store, cookie), TG_BUSY);
    tg_section_leave(store, &section);
    EXPECT_EQ(elapsed(store, cookie), TG_OK);
    close_here(store);
}

/* ---- threads: the value that readers may see is whole ------------------------------------ */

enum { READERS = 3, SWAPS = 2000 };

static struct {
    struct tg_store *store;
    tg_a64 current, done;
    tg_a64 cell[4]; /* 0 once freed */
} world;

static void *read_on(void *unused) {
    uint32_t own_hint = 0;
    (void)unused;
    while (tg_load_relaxed64(&world.done) == 0) {
        struct tg_section section;
        EXPECT_EQ(tg_section_enter(world.store, &own_hint, TG_FOREVER, &section), TG_OK);
        uint64_t i = tg_load_acquire64(&world.current);
        for (int look = 0; look < 3; look++) EXPECT(tg_load_relaxed64(&world.cell[i % 4]) != 0);
        tg_section_leave(world.store, &section);
    }
    return NULL;
}

TEST(nothing_is_freed_under_a_reader) {
    pthread_t readers[READERS];
    world.store = open_here();
    tg_store_relaxed64(&world.cell[0], 1);
    for (int i = 0; i < READERS; i++)
        REQUIRE(pthread_create(&readers[i], NULL, read_on, NULL) == 0);
    for (uint64_t i = 0; i < SWAPS; i++) {
        tg_store_relaxed64(&world.cell[(i + 1) % 4], 1);
        tg_store_release64(&world.current, i + 1);
        uint64_t cookie = snapshot(world.store);
        while (elapsed(world.store, cookie) == TG_BUSY) tg_pause();
        tg_store_relaxed64(&world.cell[i % 4], 0);
    }
    tg_store_relaxed64(&world.done, 1);
    for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
    close_here(world.store);
}
