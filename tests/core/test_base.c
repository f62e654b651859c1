/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the base layer keeps its words: names of statuses, checks that stop, atomics that
 * return what their names say and order what they promise; short strings are cut, compared and
 * hashed the same whatever way their length takes.
 * Failure means: nothing above can be trusted. */
#include <pthread.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/status.h"
#include "check.h"

TEST(every_status_has_its_own_name) {
    static const struct {
        tg_status status;
        const char *name;
    } table[] = {
        {TG_OK, "TG_OK"},
        {TG_FULL, "TG_FULL"},
        {TG_CORRUPT, "TG_CORRUPT"},
        {TG_RETRY, "TG_RETRY"},
        {(tg_status)1000, "an unknown status"},
    };
    EXAMPLES(row, table) EXPECT_TEXT(tg_status_name(row->status), row->name);
    for (int a = TG_OK; a <= TG_RETRY; a++)
        for (int b = TG_OK; b < a; b++)
            EXPECT(strcmp(tg_status_name((tg_status)a), tg_status_name((tg_status)b)) != 0);
}

TEST(a_failed_check_stops_the_process) {
    volatile int one = 1;
    TG_CHECK(one == 1);
    TG_ASSERT(one == 1);
    EXPECT_ABORTS(TG_CHECK(one == 2));
    EXPECT_ABORTS(TG_ASSERT(one == 2)); /* TG_DEBUG is on in every build of this test. */
}

TEST(words_hold_what_was_stored) {
    static const uint64_t table[] = {0, 1, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX};
    tg_a32 narrow = {7};
    tg_a64 wide = {7};
    EXAMPLES(value, table) {
        tg_store_relaxed64(&wide, *value);
        EXPECT_EQ(tg_load_relaxed64(&wide), *value);
        tg_store_release64(&wide, ~*value);
        EXPECT_EQ(tg_load_acquire64(&wide), ~*value);
        EXPECT_EQ(tg_load_seqcst64(&wide), ~*value);
        tg_store_relaxed32(&narrow, (uint32_t)*value);
        EXPECT_EQ(tg_load_relaxed32(&narrow), (uint32_t)*value);
        tg_store_release32(&narrow, (uint32_t)~*value);
        EXPECT_EQ(tg_load_acquire32(&narrow), (uint32_t)~*value);
    }
}

TEST(read_modify_writes_return_the_old_value) {
    tg_a64 word = {12};
    EXPECT_EQ(tg_add_acqrel64(&word, 3), 12);
    EXPECT_EQ(tg_add_relaxed64(&word, UINT64_MAX), 15); /* minus one */
    EXPECT_EQ(tg_or_acqrel64(&word, 1), 14);
    EXPECT_EQ(tg_and_acqrel64(&word, ~(uint64_t)2), 15);
    EXPECT_EQ(tg_xchg_seqcst64(&word, 99), 13);
    EXPECT_EQ(tg_load_relaxed64(&word), 99);
}

TEST(a_failed_compare_and_swap_tells_what_it_found) {
    tg_a64 word = {5};
    uint64_t expected = 4;
    EXPECT(!tg_cas_acqrel64(&word, &expected, 6));
    EXPECT_EQ(expected, 5);
    EXPECT(tg_cas_acqrel64(&word, &expected, 6));
    EXPECT(!tg_cas_seqcst64(&word, &expected, 7));
    EXPECT_EQ(expected, 6);
    EXPECT(tg_cas_seqcst64(&word, &expected, 7));
    EXPECT_EQ(tg_load_relaxed64(&word), 7);
}

TEST(racy_copies_copy) {
    char from[] = "thirteen bytes", to[sizeof(from)] = {0};
    tg_copy_racy(to, from, sizeof(from));
    EXPECT_TEXT(to, from);
    EXPECT(tg_equal_racy(to, from, sizeof(from)));
    to[3] = '!';
    EXPECT(!tg_equal_racy(to, from, sizeof(from)));
    EXPECT(tg_equal_racy(to, from, 3));
}

/* One thread publishes plain memory by each means; the other must see it whole. Under
 * ThreadSanitizer this also shows that it understands our fences. */
static struct {
    int payload[3];
    tg_a64 by_release, by_fence, by_cas;
} mail;

static void *publish(void *unused) {
    (void)unused;
    uint64_t expected = 0;
    mail.payload[0] = 1;
    tg_store_release64(&mail.by_release, 1);
    mail.payload[1] = 2;
    tg_fence_release();
    tg_store_relaxed64(&mail.by_fence, 1);
    mail.payload[2] = 3;
    (void)tg_cas_acqrel64(&mail.by_cas, &expected, 1);
    return NULL;
}

TEST(what_was_published_is_seen_whole) {
    for (int round = 0; round < 50; round++) {
        memset(&mail, 0, sizeof(mail));
        pthread_t thread;
        REQUIRE(pthread_create(&thread, NULL, publish, NULL) == 0);
        while (!tg_load_acquire64(&mail.by_release)) tg_pause();
        EXPECT_EQ(mail.payload[0], 1);
        while (!tg_load_relaxed64(&mail.by_fence)) tg_pause();
        tg_fence_acquire();
        EXPECT_EQ(mail.payload[1], 2);
        while (!tg_load_acquire64(&mail.by_cas)) tg_pause();
        EXPECT_EQ(mail.payload[2], 3);
        pthread_join(thread, NULL);
    }
}

static tg_a64 counter;

static void *count(void *unused) {
    (void)unused;
    for (int i = 0; i < 1000; i++) tg_add_relaxed64(&counter, 1);
    return NULL;
}

TEST(no_addition_is_lost) {
    pthread_t threads[4];
    tg_store_relaxed64(&counter, 0);
    for (int i = 0; i < 4; i++) REQUIRE(pthread_create(&threads[i], NULL, count, NULL) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    EXPECT_EQ(tg_load_relaxed64(&counter), 4000);
}

enum { STRING_MAX = 40 };

TEST(the_first_of_a_byte_is_found_at_any_length) {
    char text[STRING_MAX];
    for (size_t size = 0; size <= STRING_MAX; size++) {
        memset(text, 'x', sizeof text);
        EXPECT(tg_bytes_find(text, '/', size) == NULL);
        for (size_t first = 0; first < size; first++) {
            memset(text, 'x', sizeof text);
            text[first] = '/';
            EXPECT(tg_bytes_find(text, '/', size) == text + first);
            for (size_t second = first + 1; second < size; second++) text[second] = '/';
            EXPECT(tg_bytes_find(text, '/', size) == text + first);
        }
    }
}

TEST(one_byte_makes_strings_of_any_length_differ) {
    char left[STRING_MAX], right[STRING_MAX];
    memset(left, 'x', sizeof left);
    for (size_t size = 0; size <= STRING_MAX; size++) {
        memset(right, 'y', sizeof right);
        memcpy(right, left, size);
        EXPECT(tg_bytes_equal(left, right, size));
        for (size_t i = 0; i < size; i++) {
            right[i] ^= 1;
            EXPECT(!tg_bytes_equal(left, right, size));
            right[i] ^= 1;
        }
    }
}

/* Hashes are in the file: they are part of its layout. */
TEST(a_hash_is_what_it_was) {
    static const uint64_t key[2] = {0x0123456789abcdefull, 0xfedcba9876543210ull};
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    static const struct {
        size_t size;
        uint64_t hash;
    } table[] = {
        {0, 0x182980e0e7f9ffb3ull},  {1, 0xc5aea33a0c2976e9ull},  {7, 0x437bb070cc99d0d1ull},
        {8, 0xa93b134a92cb527cull},  {9, 0xf3fbff1d204a9259ull},  {16, 0xc91bf4ef74a9497bull},
        {17, 0x3fec69aa9ca23326ull}, {24, 0x18ef3ef220bd594aull}, {25, 0x6157f4601541ee79ull},
        {40, 0x7504f64abe29c65ull},
    };
    EXAMPLES(row, table) EXPECT_EQ(tg_hash(key, 7, text, row->size), row->hash);
}
