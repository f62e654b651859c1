/* SPDX-License-Identifier: Apache-2.0 */
/* Lockref in a buffer: counts add up under real threads, refusals change nothing, only the
 * holder unlocks, and a lock is taken from the dead alone. */
#include <pthread.h>
#include <sys/mman.h>

#include "os/linux_fork.h"
#include "parts/buffer_ref.h"
#include "region/call.h"
#include "stores.h"

enum { THREADS = 4, ROUNDS = 4000 };

static struct tg_os_linux os;

__attribute__((constructor)) static void make_os(void) { tg_linux_init(&os); }

static uint64_t soon(void) { return tg_linux_monotonic_ns() + 30000000; }

static struct tg_bufref view(tg_a64 *word, bool private) {
    struct tg_bufref ref;
    EXPECT_EQ(tg_bufref_init(&ref, word, &os.os, NULL, private), TG_OK);
    return ref;
}

static uint64_t counted(uint32_t count) { return (uint64_t)count << tg_bufref_shape.value_shift; }
static uint32_t count_of(const struct tg_bufref *ref) {
    return tg_bufref_count(tg_bufref_word(ref));
}

/* ---- many threads ------------------------------------------------------------------- */

static uint64_t plain; /* guarded */

static void *get_and_put(void *argument) {
    tg_a64 *word = argument;
    struct tg_bufref ref = view(word, true);
    uint64_t me = tg_linux_thread();
    uint32_t left;
    bool locked;
    for (unsigned i = 0; i < ROUNDS; i++) {
        EXPECT_EQ(tg_bufref_get(&ref, me, TG_FOREVER), TG_OK);
        EXPECT_EQ(tg_bufref_get_not_zero(&ref, me, TG_FOREVER), TG_OK);
        EXPECT_EQ(tg_bufref_get(&ref, me, TG_FOREVER), TG_OK);
        EXPECT_EQ(tg_bufref_put(&ref, me, TG_FOREVER, &left), TG_OK);
        EXPECT_EQ(tg_bufref_put_not_last(&ref, me, TG_FOREVER), TG_OK);
        EXPECT_EQ(tg_bufref_put_or_lock(&ref, me, TG_FOREVER, &locked), TG_OK);
        EXPECT(!locked);
        if (i % 16) continue;
        EXPECT_EQ(tg_bufref_lock(&ref, me, TG_FOREVER), TG_OK);
        uint32_t before = count_of(&ref);
        plain++;
        EXPECT_EQ(count_of(&ref), before);
        EXPECT_EQ(tg_bufref_unlock(&ref, me), TG_OK);
    }
    return NULL;
}

TEST(gets_and_puts_add_up) {
    pthread_t threads[THREADS];
    tg_a64 word;
    tg_store_relaxed64(&word, counted(1));
    plain = 0;
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, get_and_put, &word) == 0);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    EXPECT_EQ(tg_load_relaxed64(&word) & ~tg_bufref_shape.heir_mask, counted(1));
    EXPECT_EQ(plain, THREADS * (ROUNDS / 16));
}

/* ---- refusals ------------------------------------------------------------------------- */

TEST(refusals_leave_the_word_as_it_was) {
    static const struct {
        uint64_t word;
        tg_status get, not_zero, put, not_last;
    } rows[] = {
        {(uint64_t)TG_BUFREF_COUNT_MAX << 40, TG_OVERFLOW, TG_OVERFLOW, TG_OK, TG_OK},
        {TG_LOCK_DEAD | 2ull << 40, TG_DEAD, TG_ABSENT, TG_OK, TG_OK},
        {TG_LOCK_DEAD, TG_DEAD, TG_ABSENT, TG_INVALID, TG_ABSENT},
        {0, TG_OK, TG_ABSENT, TG_INVALID, TG_ABSENT},
        {1ull << 40, TG_OK, TG_OK, TG_OK, TG_ABSENT},
        {77 | 5ull << 40, TG_TIMEOUT, TG_TIMEOUT, TG_TIMEOUT, TG_TIMEOUT}, /* somebody's lock */
    };
    tg_a64 word;
    tg_store_relaxed64(&word, 0);
    struct tg_bufref ref = view(&word, false);
    uint64_t me = tg_linux_thread(), one = tg_shaped_one(&tg_bufref_shape);
    uint32_t left;
    EXAMPLES(row, rows) {
        tg_status found[4] = {TG_OK};
        for (int i = 0; i < 4; i++) {
            tg_store_relaxed64(&word, row->word);
            found[i] = i == 0   ? tg_bufref_get(&ref, me, 1)
                       : i == 1 ? tg_bufref_get_not_zero(&ref, me, 1)
                       : i == 2 ? tg_bufref_put(&ref, me, 1, &left)
                                : tg_bufref_put_not_last(&ref, me, 1);
            uint64_t step = found[i] != TG_OK ? 0 : i < 2 ? one : -one;
            EXPECT_EQ(tg_load_relaxed64(&word), row->word + step);
        }
        EXPECT_EQ(found[0], row->get);
        EXPECT_EQ(found[1], row->not_zero);
        EXPECT_EQ(found[2], row->put);
        EXPECT_EQ(found[3], row->not_last);
    }
}

TEST(the_holder_counts_and_nobody_else) {
    tg_a64 word;
    tg_store_relaxed64(&word, counted(1));
    struct tg_bufref ref = view(&word, false), other = view(&word, false);
    uint64_t me = tg_linux_thread(), somebody = me + 1;
    uint32_t left;
    bool locked;
    EXPECT_EQ(tg_bufref_put_or_lock(&ref, me, TG_FOREVER, &locked), TG_OK);
    EXPECT(locked);
    EXPECT_EQ(tg_bufref_lock(&ref, me, soon()), TG_EXISTS);
    EXPECT_EQ(tg_bufref_put_or_lock(&ref, me, soon(), &locked), TG_EXISTS);
    EXPECT_EQ(tg_bufref_lock(&other, somebody, soon()), TG_TIMEOUT);
    EXPECT_EQ(tg_bufref_unlock(&other, somebody), TG_INVALID);
    EXPECT_EQ(tg_bufref_unlock(&ref, somebody), TG_INVALID);
    EXPECT_EQ(tg_bufref_mark_dead(&ref, somebody), TG_INVALID);
    EXPECT_EQ(tg_bufref_get(&ref, me, 1), TG_OK);
    EXPECT_EQ(tg_bufref_put(&ref, me, 1, &left), TG_OK);
    EXPECT_EQ(tg_bufref_put(&ref, me, 1, &left), TG_OK);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(tg_bufref_put(&ref, me, 1, &left), TG_INVALID);
    EXPECT_EQ(tg_bufref_mark_dead(&ref, me), TG_OK);
    EXPECT_EQ(tg_bufref_get(&ref, me, 1), TG_DEAD);
    EXPECT_EQ(tg_bufref_unlock(&ref, me), TG_OK);
    EXPECT_EQ(tg_bufref_unlock(&ref, me), TG_INVALID);
    EXPECT_EQ(tg_load_relaxed64(&word) & ~tg_bufref_shape.heir_mask, TG_LOCK_DEAD);
}

/* ---- the dead ---------------------------------------------------------------------------- */

static void *lock_and_end(void *argument) {
    struct tg_bufref *ref = argument;
    EXPECT_EQ(tg_bufref_lock(ref, tg_linux_thread(), TG_FOREVER), TG_OK);
    return NULL;
}

TEST(a_thread_that_ended_is_dead_in_a_private_word_only) {
    for (int private = 0; private <= 1; private++) {
        tg_a64 word;
        tg_store_relaxed64(&word, 0);
        struct tg_bufref theirs = view(&word, private), ours = view(&word, private);
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, lock_and_end, &theirs) == 0);
        pthread_join(thread, NULL);
        uint64_t me = tg_linux_thread();
        EXPECT_EQ(tg_bufref_get(&ours, me, soon()), private ? TG_OK : TG_TIMEOUT);
        if (!private) continue;
        EXPECT(tg_bufref_orphaned(tg_bufref_word(&ours))); /* a count tells nobody */
        EXPECT_EQ(tg_bufref_lock(&ours, me, soon()), TG_OK);
        EXPECT(tg_bufref_orphaned(tg_bufref_word(&ours)));
        EXPECT_EQ(tg_bufref_unlock(&ours, me), TG_OK);
        EXPECT(!tg_bufref_orphaned(tg_bufref_word(&ours)));
    }
}

TEST(a_forked_child_is_not_the_holder) {
    tg_a64 *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(word != MAP_FAILED);
    struct tg_bufref ref = view(word, false);
    EXPECT_EQ(tg_bufref_lock(&ref, tg_linux_thread(), TG_FOREVER), TG_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        uint64_t me = tg_linux_thread();
        bool good = tg_bufref_unlock(&ref, me) == TG_INVALID &&
                    tg_bufref_mark_dead(&ref, me) == TG_INVALID &&
                    tg_bufref_lock(&ref, me, soon()) == TG_TIMEOUT && !tg_bufref_abandon(&ref, me);
        _exit(good ? 0 : 1);
    }
    EXPECT_EQ(wait_for(child), 0);
    EXPECT_EQ(tg_bufref_unlock(&ref, tg_linux_thread()), TG_OK);
    munmap(word, 4096);
}

static struct tg_bufref view_in(tg_a64 *word, struct tg_store *store) {
    struct tg_bufref ref;
    EXPECT_EQ(tg_bufref_init(&ref, word, store->local.os, store, false), TG_OK);
    return ref;
}

TEST(a_process_of_the_store_that_died_is_followed) {
    tg_a64 *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(word != MAP_FAILED);
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    struct tg_bufref ref = view_in(word, store);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (tg_bufref_lock(&ref, tg_linux_thread(), TG_FOREVER) != TG_CLOSED) _exit(2);
        if (tg_store_after_fork(store) != TG_OK) _exit(3);
        if (tg_bufref_get(&ref, tg_linux_thread(), TG_FOREVER) != TG_OK) _exit(1);
        if (tg_bufref_lock(&ref, tg_linux_thread(), TG_FOREVER) != TG_OK) _exit(4);
        _exit(0);
    }
    EXPECT_EQ(wait_for(child), 0);
    uint64_t me = tg_linux_thread();
    EXPECT_EQ(tg_bufref_lock(&ref, me, tg_linux_monotonic_ns() + 1000000000), TG_OK);
    EXPECT(tg_bufref_orphaned(tg_bufref_word(&ref)));
    EXPECT_EQ(count_of(&ref), 1);
    EXPECT_EQ(tg_bufref_unlock(&ref, me), TG_OK);
    tg_store_close(store);
    end();
    munmap(word, 4096);
}

TEST(a_word_is_of_one_store_or_of_none) {
    tg_a64 word;
    struct tg_bufref ref, plain_ref;
    begin();
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL);
    tg_store_relaxed64(&word, counted(3));
    plain_ref = view(&word, false);
    uint64_t me = tg_linux_thread();
    EXPECT_EQ(tg_bufref_lock(&plain_ref, me, TG_FOREVER), TG_OK);
    EXPECT_EQ(tg_bufref_init(&ref, &word, store->local.os, store, false), TG_BUSY);
    EXPECT_EQ(tg_bufref_unlock(&plain_ref, me), TG_OK);
    EXPECT_EQ(tg_bufref_init(&ref, &word, store->local.os, store, false), TG_OK);
    EXPECT_EQ(count_of(&ref), 3);
    EXPECT_EQ(tg_bufref_get(&plain_ref, me, 1), TG_MISMATCH);
    EXPECT_EQ(tg_bufref_lock(&plain_ref, me, 1), TG_MISMATCH);
    EXPECT_EQ(tg_bufref_init(&plain_ref, &word, &os.os, NULL, false), TG_MISMATCH);
    EXPECT_EQ(tg_bufref_init(&ref, (tg_a64 *)((char *)&word + 4), &os.os, NULL, false), TG_INVALID);
    tg_store_close(store);
    end();
}

TEST(who_abandons_a_lock_leaves_it_orphaned) {
    tg_a64 word;
    tg_store_relaxed64(&word, 0);
    struct tg_bufref ref = view(&word, false), next = view(&word, false);
    uint64_t me = tg_linux_thread();
    EXPECT(!tg_bufref_abandon(&ref, me));
    EXPECT_EQ(tg_bufref_lock(&ref, me, TG_FOREVER), TG_OK);
    EXPECT(tg_bufref_abandon(&ref, me));
    EXPECT_EQ(tg_bufref_lock(&next, me, soon()), TG_OK);
    EXPECT(tg_bufref_orphaned(tg_bufref_word(&next)));
    EXPECT_EQ(tg_bufref_unlock(&next, me), TG_OK);
}
