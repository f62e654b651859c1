/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: opening a store together, and dying while at it, is as good as doing it alone.
 * Method: real processes: sixteen openers at once; openers, removers and makers killed at
 * random points; a file system without room.
 * Failure means: two stores under one name, one that nobody can open, or SIGBUS. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "stores.h"

static uint64_t random_state = 88172645463325252;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* ---- together --------------------------------------------------------------------- */

enum { OPENERS = 16 };

struct shared {
    tg_a64 go;
    tg_a64 entries;          /* a bit for each process entry that was seen */
    tg_a64 inode[OPENERS];
    tg_a64 status[OPENERS];
};

static struct shared *new_shared(void) {
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void one_opener(struct shared *all, int i, enum tg_create create) {
    struct tg_store *store;
    struct stat found;
    while (!tg_load_acquire64(&all->go)) sched_yield();
    tg_status status = open_store(create, 0, &store);
    tg_store_relaxed64(&all->status[i], status);
    if (status != TG_OK) _exit(0);
    if (stat(path_of("a.tryget"), &found) != 0) _exit(1);
    tg_store_relaxed64(&all->inode[i], found.st_ino);
    uint64_t bit = (uint64_t)1 << store->local.process;
    if (tg_or_acqrel64(&all->entries, bit) & bit) _exit(2); /* two have one entry */
    char key[32];
    snprintf(key, sizeof(key), "from-%d", i);
    if (!put(store, key, "x", 1)) _exit(3);
    /* Holds its entry until all have theirs, by a count of the bits. */
    for (int n = 0; n < 5000 && create == TG_CREATE_IF_ABSENT; n++) {
        if (__builtin_popcountll(tg_load_relaxed64(&all->entries)) == OPENERS) break;
        usleep(1000);
    }
    tg_store_close(store);
    _exit(0);
}

static void open_together(struct shared *all, enum tg_create create) {
    pid_t children[OPENERS];
    for (int i = 0; i < OPENERS; i++) {
        children[i] = fork();
        if (children[i] == 0) one_opener(all, i, create);
    }
    tg_store_release64(&all->go, 1);
    for (int i = 0; i < OPENERS; i++) EXPECT_EQ(wait_for(children[i]), 0);
}

TEST(sixteen_openers_share_one_store) {
    for (int round = 0; round < 10; round++) {
        struct shared *all = new_shared();
        REQUIRE(all != NULL);
        begin();
        open_together(all, TG_CREATE_IF_ABSENT);
        for (int i = 0; i < OPENERS; i++) {
            EXPECT_EQ(tg_load_relaxed64(&all->status[i]), TG_OK);
            EXPECT_EQ(tg_load_relaxed64(&all->inode[i]), tg_load_relaxed64(&all->inode[0]));
        }
        struct tg_store *store = open_or_null();
        REQUIRE(store != NULL);
        uint32_t hint = 0;
        struct tg_usage usage;
        EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
        EXPECT_EQ(usage.entries, OPENERS);
        tg_store_close(store);
        munmap(all, sizeof(*all));
        end();
    }
}

TEST(of_sixteen_exclusive_makers_one_wins) {
    for (int round = 0; round < 10; round++) {
        struct shared *all = new_shared();
        REQUIRE(all != NULL);
        begin();
        open_together(all, TG_CREATE_EXCLUSIVE);
        int winners = 0;
        for (int i = 0; i < OPENERS; i++) {
            uint64_t status = tg_load_relaxed64(&all->status[i]);
            winners += status == TG_OK;
            EXPECT(status == TG_OK || status == TG_EXISTS);
        }
        EXPECT_EQ(winners, 1);
        munmap(all, sizeof(*all));
        end();
    }
}

static void *open_in_thread(void *unused) {
    (void)unused;
    struct tg_open_options options = {.directory = folder, .name = "a", .size = SIZE};
    struct tg_error mine;
    struct tg_store *store;
    return tg_store_open(&options, &store, &mine) == TG_OK ? store : NULL;
}

TEST(threads_that_open_at_once_get_the_same_store) {
    enum { THREADS = 6 };
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        void *stores[THREADS];
        begin();
        for (int i = 0; i < THREADS; i++)
            REQUIRE(pthread_create(&threads[i], NULL, open_in_thread, NULL) == 0);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], &stores[i]);
        for (int i = 0; i < THREADS; i++) EXPECT(stores[i] && stores[i] == stores[0]);
        for (int i = 0; i < THREADS; i++)
            if (stores[i]) tg_store_close(stores[i]);
        end();
    }
}

TEST(no_more_processes_than_entries) {
    begin();
    struct tg_store *store, *second;
    REQUIRE(open_store(TG_CREATE_IF_ABSENT, 1, &store) == TG_OK);
    pid_t child = fork();
    if (child == 0) _exit(open_store(TG_CREATE_IF_ABSENT, 0, &second) == TG_NO_PROCESS ? 0 : 1);
    EXPECT_EQ(wait_for(child), 0);
    tg_store_close(store);
    child = fork(); /* takes the entry, pins a value, and dies without a word */
    if (child == 0) {
        struct tg_pin taken;
        if (open_store(TG_CREATE_NEVER, 0, &second) == TG_OK && put(second, "k", "v", 1) &&
            pin(second, &taken))
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    EXPECT(WIFSIGNALED(wait_for(child)));
    EXPECT_EQ(open_store(TG_CREATE_NEVER, 0, &store), TG_OK);
    EXPECT_EQ(store->local.process, 0);
    uint32_t hint = 0;
    struct tg_usage usage;
    EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
    EXPECT_EQ(usage.pins, 0);
    tg_store_close(store);
    end();
}

/* ---- dying ------------------------------------------------------------------------ */

static void open_put_close_unlink(void) {
    for (;;) {
        struct tg_store *store = open_or_null();
        if (store == NULL) continue; /* others remove it all the time */
        (void)!put(store, "k", "value", 5);
        if (next_random() % 2) (void)!tg_store_unlink(folder, "a", &error);
        tg_store_close(store);
    }
}

/* Two at it, each killed after a random time: the names are made and removed all along. */
TEST(killed_makers_and_removers_leave_nothing_to_trip_over) {
    begin();
    for (int round = 0; round < 150; round++) {
        pid_t children[2];
        for (int i = 0; i < 2; i++) {
            next_random();
            children[i] = fork();
            if (children[i] == 0) {
                random_state += (uint64_t)i;
                open_put_close_unlink();
            }
        }
        usleep(next_random() % 3000);
        for (int i = 0; i < 2; i++) kill(children[i], SIGKILL);
        for (int i = 0; i < 2; i++) EXPECT(WIFSIGNALED(wait_for(children[i])));
        struct tg_store *store = open_or_null();
        if (!EXPECT(store != NULL)) {
            fprintf(stderr, "    round %d: %s, errno %d\n", round, error.step, error.code);
            break;
        }
        EXPECT(put(store, "k", "value", 5));
        tg_store_close(store);
        if (next_random() % 4 == 0) EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_OK);
    }
    end();
}

/* The smallest schedule of it: the lock file has its name, the store not yet. */
TEST(a_lock_file_alone_is_cleared_away) {
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    tg_store_close(store);
    REQUIRE(unlink(path_of("a.tryget")) == 0);
    EXPECT_EQ(open_store(TG_CREATE_NEVER, 0, &store), TG_ABSENT);
    store = open_or_null();
    REQUIRE(store != NULL);
    EXPECT(put(store, "k", "v", 1));
    tg_store_close(store);
    EXPECT_EQ(open_store(TG_CREATE_NEVER, 0, &store), TG_OK);
    tg_store_close(store);
    end();
}

TEST(a_stopped_maker_is_waited_for_only_so_long) {
    begin();
    int fd = open(path_of("a.tryget-lock"), O_RDWR | O_CREAT, 0600);
    struct flock lock = {
        .l_type = F_WRLCK, .l_start = TG_LINUX_BYTE_CREATE, .l_len = 1, .l_whence = SEEK_SET};
    REQUIRE(fcntl(fd, F_OFD_SETLK, &lock) == 0);
    struct tg_open_options options = {
        .directory = folder, .name = "a", .size = SIZE, .timeout_ns = 20000000};
    struct tg_store *store;
    EXPECT_EQ(tg_store_open(&options, &store, &error), TG_TIMEOUT);
    close(fd); /* it died */
    EXPECT_EQ(tg_store_open(&options, &store, &error), TG_OK);
    tg_store_close(store);
    end();
}

/* ---- no room ---------------------------------------------------------------------- */

/* In a child with a mount namespace of its own. 77: not allowed to. */
static int fill_small_file_system(const char *limit, tg_status expected) {
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    if (mount("tmpfs", folder, "tmpfs", 0, limit) != 0) return 77;
    struct tg_store *store;
    tg_status status = open_store(TG_CREATE_IF_ABSENT, 0, &store);
    if (status != expected) return 1;
    if (status != TG_OK) return access(path_of("a.tryget"), F_OK) == 0 ? 2 : 0;
    static char value[30000];
    int stored = 0;
    uint32_t hint = 0;
    struct tg_set_options options = {.deadline_ns = UINT64_MAX};
    for (int i = 0; i < 1000; i++) {
        char key[32];
        struct tg_part part = {value, sizeof(value)};
        uint64_t version;
        snprintf(key, sizeof(key), "k%d", i);
        status =
            tg_set(store, &hint, (struct tg_key){key, strlen(key)}, &part, 1, &options, &version);
        if (status != TG_OK) break;
        stored++;
    }
    if (status != TG_FULL) return 3;
    if (stored < 5) return 4;
    tg_store_close(store);
    return 0;
}

TEST(a_full_file_system_is_a_status_and_no_signal) {
    static const struct {
        const char *limit;
        tg_status status;
    } table[] = {
        {"size=64k", TG_FULL},
        {"size=256k", TG_FULL},
        {"size=1m", TG_OK},
        {"size=2m", TG_OK},
        {"size=64m,nr_inodes=2", TG_FULL},
    };
    EXAMPLES(row, table) {
        begin();
        pid_t child = fork();
        if (child == 0) _exit(fill_small_file_system(row->limit, row->status));
        int status = wait_for(child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            printf("skipped: mounting is not allowed here\n");
        else
            EXPECT_EQ(status, 0);
        end();
    }
}

/* ---- figures ---------------------------------------------------------------------- */

static bool count_store(void *argument, const struct tg_store_info *info) {
    if (strcmp(info->name, "a") == 0 && info->status == TG_OK && info->limit == SIZE)
        *(uint32_t *)argument += 1 + 100 * info->processes;
    return true;
}

TEST(a_listing_shows_stores_and_who_is_there) {
    uint32_t found = 0;
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    EXPECT_EQ(tg_store_each(folder, count_store, &found, &error), TG_OK);
    EXPECT_EQ(found, 101);
    tg_store_close(store);
    found = 0;
    EXPECT_EQ(tg_store_each(folder, count_store, &found, &error), TG_OK);
    EXPECT_EQ(found, 1);
    end();
}

TEST(what_opening_costs) {
    enum { ROUNDS = 300 };
    begin();
    uint64_t made = 0, attached = 0, closed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct tg_store *store;
        uint64_t t0 = tg_linux_monotonic_ns();
        store = open_or_null();
        uint64_t t1 = tg_linux_monotonic_ns();
        REQUIRE(store != NULL);
        tg_store_close(store);
        uint64_t t2 = tg_linux_monotonic_ns();
        store = open_or_null();
        uint64_t t3 = tg_linux_monotonic_ns();
        REQUIRE(store != NULL);
        tg_store_close(store);
        uint64_t t4 = tg_linux_monotonic_ns();
        made += t1 - t0;
        attached += t3 - t2;
        closed += t4 - t3;
        (void)t2;
        EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_OK);
    }
    printf("4 MiB store: made in %.0f us, attached in %.0f us, closed in %.0f us\n",
           (double)made / ROUNDS / 1000, (double)attached / ROUNDS / 1000,
           (double)closed / ROUNDS / 1000);
    end();
}
