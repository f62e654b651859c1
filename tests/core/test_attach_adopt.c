/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a child has all that its parent kept pinned when it forked, or none of it and knows.
 * Method: our fork handlers come first: of all handlers our `prepare` runs last, our `parent`
 * and `child` run before the store's. There the child is stopped, its parent killed, a pin
 * given up or taken. Then the same by threads that don't wait for a moment.
 * Failure means: a view shows foreign bytes, or a pin that is nobody's keeps memory. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "ledger/adopt.h"
#include "stores.h"

enum { SMALL = 2000, BIG = 20000, HUGE = 200000 };

static void (*at_prepare)(void), (*at_parent)(void), (*at_child)(void);

static void call(void (*hook)(void)) {
    if (hook) hook();
}

static void prepare(void) { call(at_prepare); }
static void parent(void) { call(at_parent); }
static void child(void) { call(at_child); }

__attribute__((constructor)) static void come_first(void) {
    pthread_atfork(prepare, parent, child);
}

static struct tg_store *store;
static uint32_t hint;
static char value[HUGE];

static void open_with(const char *key) {
    begin();
    at_prepare = at_parent = at_child = NULL;
    memset(value, 'v', sizeof(value));
    struct tg_open_options options = {.directory = folder, .name = "a", .size = 64 << 20};
    REQUIRE(tg_store_open(&options, &store, &error) == TG_OK && put(store, key, value, BIG));
}

static void close_it(void) {
    tg_store_close(store);
    end();
}

static bool pin_key(const char *key, struct tg_pin *taken) {
    return tg_pin_value(store, &hint, (struct tg_key){key, strlen(key)}, taken, UINT64_MAX) ==
           TG_OK;
}

static uint32_t own_pins(void) {
    struct tg_local *local = &store->local;
    uint32_t pins = 0;
    for (uint32_t i = 1; i <= tg_ledger_capacity(local, local->process); i++)
        pins += tg_load_relaxed64(tg_ledger_entry(local, local->process, i)) != TG_LEDGER_FREE;
    return pins;
}

/* The key goes, and its memory gets other bytes. */
static void reuse_memory_of(const char *key) {
    char other[BIG];
    memset(other, 'o', sizeof(other));
    struct tg_key gone = {key, strlen(key)};
    EXPECT_EQ(tg_delete(store, &hint, gone, NULL, NULL, NULL, UINT64_MAX), TG_OK);
    EXPECT_EQ(tg_tidy(store, &hint, UINT64_MAX), TG_OK);
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d", i);
        EXPECT(put(store, name, other, sizeof(other)));
    }
}

/* In a child without its parent's pins; `stale` is one of those. 0: as it should be. */
static int start_anew(struct tg_pin *stale) {
    struct tg_pin own;
    if (tg_store_usable(store) || tg_pin_holds(store, stale)) return 1;
    if (tg_store_lost_pins() != store || tg_store_lost_pins() != NULL) return 6;
    if (tg_store_after_fork(store) != TG_OK || own_pins() != 0) return 2;
    if (!put(store, "own", value, BIG) || !pin_key("own", &own)) return 3;
    if (tg_pin_holds(store, stale) || !tg_pin_holds(store, &own)) return 7;
    tg_unpin(store, stale);
    if (own_pins() != 1 || memcmp(own.bytes, value, BIG) != 0) return 4;
    tg_unpin(store, &own);
    if (own_pins() != 0) return 5;
    tg_store_close(store);
    return 0;
}

static void stop(void) { raise(SIGSTOP); }

TEST(a_child_that_was_stopped_for_too_long_has_none_of_the_pins) {
    struct tg_pin taken;
    struct tg_usage usage;
    open_with("k");
    REQUIRE(pin_key("k", &taken));
    at_child = stop;
    uint64_t began = tg_linux_monotonic_ns();
    pid_t pid = fork();
    if (pid == 0) _exit(start_anew(&taken));
    EXPECT(tg_linux_monotonic_ns() - began < 3000000000);
    tg_unpin(store, &taken);
    EXPECT_EQ(own_pins(), 0);
    reuse_memory_of("k");
    EXPECT_EQ(kill(pid, SIGCONT), 0);
    EXPECT_EQ(wait_for(pid), 0);
    EXPECT_EQ(tg_tidy(store, &hint, UINT64_MAX), TG_OK);
    EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
    EXPECT_EQ(usage.pins, 0);
    close_it();
}

static int go[2], result[2];

static void kill_parent_and_wait(void) {
    char byte;
    kill(getppid(), SIGKILL);
    if (read(go[0], &byte, 1) != 1) _exit(1);
}

static _Noreturn void be_killed_while_waiting(void) {
    struct tg_pin taken;
    if (tg_store_after_fork(store) != TG_OK || !pin_key("k", &taken)) _exit(1);
    at_child = kill_parent_and_wait;
    pid_t pid = fork();
    if (pid != 0) _exit(1); /* it isn't waited for */
    char answer = (char)('0' + start_anew(&taken));
    _exit(write(result[1], &answer, 1) != 1);
}

TEST(a_child_whose_parent_died_meanwhile_has_none_of_the_pins) {
    char answer = 0;
    struct tg_usage usage;
    open_with("k");
    REQUIRE(pipe(go) == 0 && pipe(result) == 0);
    pid_t pid = fork();
    if (pid == 0) be_killed_while_waiting();
    EXPECT_EQ(wait_for(pid), SIGKILL);
    EXPECT_EQ(tg_tidy(store, &hint, UINT64_MAX), TG_OK); /* mends it */
    EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
    EXPECT_EQ(usage.pins, 0);
    reuse_memory_of("k");
    EXPECT_EQ(write(go[1], "x", 1), 1);
    close(result[1]);
    EXPECT_EQ(read(result[0], &answer, 1), 1);
    EXPECT_EQ(answer, '0');
    close(result[0]);
    close(go[0]);
    close(go[1]);
    close_it();
}

TEST(without_descriptors_nobody_waits_and_the_child_has_no_pins) {
    struct tg_pin taken;
    struct rlimit limit, none;
    open_with("k");
    REQUIRE(pin_key("k", &taken) && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    pid_t pid = fork();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (pid == 0) _exit(start_anew(&taken));
    tg_unpin(store, &taken);
    EXPECT_EQ(own_pins(), 0);
    EXPECT_EQ(wait_for(pid), 0);
    close_it();
}

/* ---- other threads ------------------------------------------------------------------ */

static tg_a64 reading, may_end;

/* The value is pinned for this call, and stays so until we say. */
static void *linger(void *argument, const struct tg_info *info) {
    (void)info;
    tg_store_release64(&reading, 1);
    while (tg_load_acquire64(&may_end) == 0) usleep(1000);
    return argument;
}

static void *read_slowly(void *unused) {
    static char bytes[HUGE];
    struct tg_info info;
    uint32_t mine = 0;
    EXPECT_EQ(tg_get(store, &mine, (struct tg_key){"huge", 4}, linger, bytes, &info), TG_OK);
    return unused;
}

TEST(a_child_does_not_have_the_pins_of_calls_under_way) {
    struct tg_pin taken;
    pthread_t thread;
    open_with("k");
    REQUIRE(put(store, "huge", value, HUGE));
    tg_store_relaxed64(&reading, 0);
    tg_store_relaxed64(&may_end, 0);
    REQUIRE(pthread_create(&thread, NULL, read_slowly, NULL) == 0);
    while (tg_load_acquire64(&reading) == 0) usleep(1000);
    EXPECT_EQ(own_pins(), 1);
    pid_t pid = fork();
    if (pid == 0) _exit(tg_store_usable(store)); /* there was nothing to adopt */
    EXPECT_EQ(wait_for(pid), 0);
    REQUIRE(pin_key("k", &taken));
    EXPECT_EQ(own_pins(), 2);
    pid = fork();
    if (pid == 0) {
        if (!tg_store_usable(store) || own_pins() != 1) _exit(1);
        tg_unpin(store, &taken);
        _exit(own_pins() != 0);
    }
    EXPECT_EQ(wait_for(pid), 0);
    tg_store_release64(&may_end, 1);
    pthread_join(thread, NULL);
    tg_unpin(store, &taken);
    EXPECT_EQ(own_pins(), 0);
    close_it();
}

static struct tg_pin before, after, between, kept;

static void unpin_and_pin(void) {
    tg_unpin(store, &before);
    EXPECT_EQ(own_pins(), 3); /* it stays for now */
    EXPECT(pin_key("k", &between));
}

static void unpin_after(void) {
    tg_unpin(store, &after);
    EXPECT_EQ(own_pins(), 4);
}

static int check_exact(void) {
    struct tg_pin own[2];
    if (!tg_store_usable(store) || own_pins() != 2) return 1; /* after, kept */
    if (!pin_key("k", &own[0]) || !pin_key("k", &own[1])) return 2;
    tg_unpin(store, &between); /* was not there when the fork began */
    if (own_pins() != 4) return 3;
    if (memcmp(after.bytes, value, BIG) != 0 || memcmp(kept.bytes, value, BIG) != 0) return 4;
    tg_unpin(store, &after);
    tg_unpin(store, &kept);
    if (own_pins() != 2) return 5;
    tg_unpin(store, &own[0]);
    tg_unpin(store, &own[1]);
    return own_pins() == 0 ? 0 : 6;
}

TEST(what_is_unpinned_or_pinned_while_its_process_forks) {
    open_with("k");
    REQUIRE(pin_key("k", &before) && pin_key("k", &after) && pin_key("k", &kept));
    at_prepare = unpin_and_pin;
    at_parent = unpin_after;
    pid_t pid = fork();
    if (pid == 0) _exit(check_exact());
    EXPECT_EQ(own_pins(), 2); /* between, kept */
    EXPECT_EQ(wait_for(pid), 0);
    tg_unpin(store, &between);
    tg_unpin(store, &kept);
    EXPECT_EQ(own_pins(), 0);
    close_it();
}

static pthread_t taker;

static void *take_token(void *unused) {
    struct tg_os *os = store->local.os;
    uint64_t began = tg_linux_monotonic_ns();
    while (os->ops->life_take(os, 100) != TG_OK) usleep(1000);
    EXPECT(tg_linux_monotonic_ns() - began < 700000000);
    os->ops->life_drop(os, 100);
    return unused;
}

static void refuse_token(void) {
    struct tg_os *os = store->local.os;
    EXPECT_EQ(os->ops->life_take(os, 100), TG_BUSY);
}

static void start_taker(void) { EXPECT_EQ(pthread_create(&taker, NULL, take_token, NULL), 0); }

/* Who mends a dead process while it holds a lock must not wait for our child. */
TEST(a_fork_holds_no_recovery_up) {
    struct tg_pin taken;
    open_with("k");
    REQUIRE(pin_key("k", &taken));
    at_prepare = refuse_token;
    at_parent = start_taker;
    at_child = stop;
    pid_t pid = fork();
    if (pid == 0) _exit(start_anew(&taken));
    pthread_join(taker, NULL);
    kill(pid, SIGCONT);
    EXPECT_EQ(wait_for(pid), 0);
    tg_unpin(store, &taken);
    close_it();
}

static tg_a64 over;

static void *pin_and_unpin(void *key) {
    uint32_t mine = 0;
    while (tg_load_relaxed64(&over) == 0) {
        struct tg_pin taken;
        struct tg_key name = {key, strlen(key)};
        if (!EXPECT_EQ(tg_pin_value(store, &mine, name, &taken, UINT64_MAX), TG_OK)) break;
        const char *bytes = taken.bytes;
        EXPECT(bytes[0] == bytes[SMALL - 1]);
        tg_unpin(store, &taken);
    }
    return NULL;
}

static void *replace(void *key) {
    static char bytes[SMALL];
    for (int i = 0; tg_load_relaxed64(&over) == 0; i++) {
        memset(bytes, 'a' + i % 20, sizeof(bytes));
        EXPECT(put(store, key, bytes, sizeof(bytes)));
        usleep(100);
    }
    return NULL;
}

static int check_forked(struct tg_pin *taken) {
    if (!tg_store_usable(store)) return 1;
    if (memcmp(taken->bytes, value, BIG) != 0) return 2;
    uint32_t pins = own_pins();
    tg_unpin(store, taken);
    return own_pins() == pins - 1 ? 0 : 3;
}

TEST(threads_pin_and_unpin_while_their_process_forks) {
    enum { THREADS = 3, FORKS = 60 };
    pthread_t threads[THREADS];
    open_with("k");
    REQUIRE(put(store, "x", value, SMALL));
    tg_store_relaxed64(&over, 0);
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, i ? pin_and_unpin : replace, "x") == 0);
    for (int i = 0; i < FORKS; i++) {
        struct tg_pin taken;
        REQUIRE(pin_key("k", &taken));
        pid_t pid = fork();
        if (pid == 0) _exit(check_forked(&taken));
        tg_unpin(store, &taken);
        EXPECT_EQ(wait_for(pid), 0);
    }
    tg_store_relaxed64(&over, 1);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    EXPECT_EQ(own_pins(), 0);
    close_it();
}
