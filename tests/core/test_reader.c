/* SPDX-License-Identifier: Apache-2.0 */
/* A store opened to read only: it answers as any other, and there is no way to write through it.
 * A failure means that an untrusted reader is wrong, is in the way, or can do harm. */
#include "stores.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/atomic.h"
#include "store/attached.h"
#include "store/reuse.h"

enum { LARGE = 300000, MANY = 3000 };

static uint8_t bytes[LARGE], room[LARGE];
static uint32_t hint;

static struct tg_key key_of(const char *text) { return (struct tg_key){text, strlen(text)}; }

static tg_status open_reading(uint32_t mode, struct tg_store **store) {
    struct tg_open_options options = {
        .directory = folder, .name = "a", .readonly = true, .mode = mode};
    return tg_store_open(&options, store, &error);
}

static struct tg_store *reading(void) {
    struct tg_store *store;
    REQUIRE(open_reading(0600, &store) == TG_OK);
    return store;
}

static void *sink(void *argument, const struct tg_info *info) {
    *(uint64_t *)argument = info->size;
    return info->size <= sizeof room ? room : NULL;
}

static tg_status get(struct tg_store *store, const char *key, uint64_t *size) {
    struct tg_info info;
    *size = 0;
    return tg_get(store, &hint, key_of(key), sink, size, &info);
}

static bool same(struct tg_store *store, const char *key, uint64_t size) {
    uint64_t found;
    memset(room, 0xee, size);
    return get(store, key, &found) == TG_OK && found == size && memcmp(room, bytes, size) == 0;
}

static void fill(void) {
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 31 + i / 251);
}

TEST(values_of_all_sizes_are_the_same) {
    static const uint64_t sizes[] = {0, 1, 250, 300, 1023, 1024, 1025, 4096, 65537, LARGE};
    char key[300];
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader;
    REQUIRE(store != NULL);
    reader = reading();
    EXPECT(reader != store);
    memset(key, 'n', sizeof key);
    memcpy(key, "a/b/", 4);
    key[4 + TG_NAME_MAX] = 0;
    EXAMPLES(size, sizes) {
        EXPECT(put(store, "a/b/c", bytes, *size) && same(reader, "a/b/c", *size));
        EXPECT(put(store, key, bytes, *size) && same(reader, key, *size));
    }
    uint64_t size;
    EXPECT_EQ(get(reader, "a/b", &size), TG_ABSENT);
    EXPECT_EQ(get(reader, "a/b/d", &size), TG_ABSENT);
    key[4 + TG_NAME_MAX] = 'x';
    key[sizeof key - 1] = 0;
    EXPECT_EQ(get(reader, key, &size), TG_INVALID);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

TEST(what_is_known_of_a_value_is_the_same) {
    begin();
    struct tg_store *store = open_or_null(), *reader = reading();
    struct tg_info one, two;
    struct tg_pin pinned;
    REQUIRE(put(store, "k", bytes, 5000) && put(store, "k/1", bytes, 5) &&
            put(store, "k/2", "", 0));
    REQUIRE(pin(store, &pinned));
    EXPECT_EQ(tg_stat(store, &hint, key_of("k"), &one), TG_OK);
    EXPECT_EQ(tg_stat(reader, &hint, key_of("k"), &two), TG_OK);
    EXPECT(memcmp(&one, &two, sizeof one) == 0);
    EXPECT_EQ(two.pins, 1);
    EXPECT_EQ(two.children, 2);
    EXPECT_EQ(tg_stat(reader, &hint, key_of("k/3"), &two), TG_ABSENT);
    struct tg_usage usage, other;
    EXPECT_EQ(tg_usage(store, &hint, &usage), TG_OK);
    EXPECT_EQ(tg_usage(reader, &hint, &other), TG_OK);
    EXPECT(memcmp(&usage, &other, sizeof usage) == 0);
    EXPECT_EQ(other.processes, 1);
    tg_unpin(store, &pinned);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

static uint32_t count_children(struct tg_store *store, const char *key) {
    struct tg_cursor cursor;
    struct tg_child children[100];
    char text[4096];
    size_t count = 1;
    uint32_t all = 0;
    if (tg_list_begin(store, &hint, key_of(key), &cursor) != TG_OK) return UINT32_MAX;
    while (count) {
        if (tg_list_next(store, &hint, &cursor, children, 100, &count, text, sizeof text) != TG_OK)
            return UINT32_MAX;
        all += (uint32_t)count;
    }
    return all;
}

TEST(many_names_are_found_and_listed) {
    char key[32];
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader = reading();
    for (uint32_t i = 0; i < MANY; i++) {
        sprintf(key, "many/k%u", i);
        REQUIRE(put(store, key, bytes, i % 40));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        sprintf(key, "many/k%u", i);
        if (!EXPECT(same(reader, key, i % 40))) break;
    }
    EXPECT_EQ(count_children(reader, "many"), MANY);
    EXPECT_EQ(tg_drop(store, &hint, key_of("many"), TG_FOREVER), TG_OK);
    EXPECT_EQ(count_children(reader, "many"), UINT32_MAX);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

TEST(every_change_is_refused) {
    begin();
    struct tg_store *store = open_or_null(), *reader = reading();
    REQUIRE(put(store, "k", "v", 1));
    struct tg_part part = {"w", 1};
    struct tg_set_options options = {.deadline_ns = TG_FOREVER};
    struct tg_pin pinned;
    struct tg_key key = key_of("k");
    EXPECT_EQ(tg_set(reader, &hint, key, &part, 1, &options, NULL), TG_READ_ONLY);
    EXPECT_EQ(tg_delete(reader, &hint, key, NULL, NULL, NULL, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_drop(reader, &hint, key, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_drop(reader, &hint, (struct tg_key){0}, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_rename(reader, &hint, key, key_of("m"), false, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_touch(reader, &hint, key, 0, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_pin_value(reader, &hint, key, &pinned, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_tidy(reader, &hint, TG_FOREVER), TG_READ_ONLY);
    EXPECT_EQ(tg_store_after_fork(reader), TG_READ_ONLY);
    EXPECT(!tg_store_usable(reader));
    EXPECT(same(reader, "k", 0) || room[0] == 'v');
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

TEST(the_kernel_refuses_to_write_through_it) {
    begin();
    struct tg_store *store = open_or_null(), *reader = reading();
    struct tg_os_linux *os = (struct tg_os_linux *)reader->local.os;
    void *base = reader->local.base;
    int fd = (int)tg_load_relaxed32(&os->read_fd) - 1;
    errno = 0;
    EXPECT(mprotect(base, 4096, PROT_READ | PROT_WRITE) != 0 && errno == EACCES);
    EXPECT(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    EXPECT(pwrite(fd, "x", 1, 0) < 0 && errno == EBADF);
    EXPECT(fallocate(fd, 0, 0, 4096) != 0 && errno == EBADF);
    EXPECT(ftruncate(fd, 0) != 0);
    int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    REQUIRE(memory >= 0);
    uint8_t before = *(uint8_t *)base;
    EXPECT(pwrite(memory, "x", 1, (off_t)(uintptr_t)base) < 0);
    EXPECT_EQ(*(uint8_t *)base, before);
    close(memory);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

static uint64_t blocks(void) {
    struct stat found;
    return stat(path_of("a.tryget"), &found) == 0 ? (uint64_t)found.st_blocks : 0;
}

TEST(reading_takes_no_memory_and_no_process_entry) {
    struct tg_store *store, *reader;
    begin();
    fill();
    REQUIRE(open_store(TG_CREATE_IF_ABSENT, 1, &store) == TG_OK);
    REQUIRE(put(store, "k", bytes, LARGE) && put(store, "s", bytes, 9));
    uint64_t before = blocks();
    reader = reading();
    EXPECT_EQ(reading(), reader); /* counted */
    EXPECT(same(reader, "k", LARGE) && same(reader, "s", 9));
    EXPECT_EQ(count_children(reader, "k"), 0);
    EXPECT_EQ(blocks(), before);
    tg_store_close(reader);
    tg_store_close(reader);
    tg_store_close(store);
    EXPECT_EQ(unlink(path_of("a.tryget-lock")), 0);
    reader = reading(); /* it needs no lock file */
    EXPECT(same(reader, "k", LARGE));
    tg_store_close(reader);
    end();
}

TEST(a_forked_child_reads_on) {
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader = reading();
    REQUIRE(put(store, "k", bytes, 5000));
    pid_t child = fork();
    if (child == 0) {
        bool good = same(reader, "k", 5000) && reading() == reader;
        tg_store_close(reader);
        _exit(good && same(reader, "k", 5000) ? 0 : 1);
    }
    EXPECT_EQ(wait_for(child), 0);
    EXPECT(same(reader, "k", 5000));
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

TEST(a_descriptor_that_was_closed_is_opened_again) {
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader = reading();
    struct tg_os_linux *os = (struct tg_os_linux *)reader->local.os;
    REQUIRE(put(store, "k", bytes, 5000));
    int fd = (int)tg_load_relaxed32(&os->read_fd) - 1, other = open("/dev/zero", O_RDONLY);
    close(fd);
    EXPECT(same(reader, "k", 5000));
    fd = (int)tg_load_relaxed32(&os->read_fd) - 1;
    EXPECT_EQ(dup2(other, fd), fd); /* the number is another file's by now */
    EXPECT(same(reader, "k", 5000));
    EXPECT_EQ(count_children(reader, "k"), 0);
    EXPECT_EQ(unlink(path_of("a.tryget")), 0);
    close((int)tg_load_relaxed32(&os->read_fd) - 1);
    uint64_t size;
    EXPECT_EQ(get(reader, "k", &size), TG_SYSTEM); /* no way leads to it any more */
    close(fd);
    close(other);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

TEST(a_token_holds_while_its_value_does) {
    struct tg_info info;
    struct tg_token token;
    uint64_t size;
    begin();
    struct tg_store *store = open_or_null(), *reader = reading();
    REQUIRE(put(store, "a/k", "v", 1));
    EXPECT_EQ(tg_get_with_token(reader, &hint, key_of("a/k"), sink, &size, &info, &token), TG_OK);
    EXPECT(tg_token_holds(reader, &token));
    /* A change of another key moves the token only if they share a bucket. */
    uint32_t held = 0;
    char key[16];
    for (uint32_t i = 0; i < 16; i++) {
        sprintf(key, "b/%u", i);
        EXPECT_EQ(tg_get_with_token(reader, &hint, key_of("a/k"), sink, &size, &info, &token),
                  TG_OK);
        REQUIRE(put(store, key, "v", 1));
        held += tg_token_holds(reader, &token);
    }
    EXPECT(held > 0);
    EXPECT_EQ(tg_get_with_token(reader, &hint, key_of("a/k"), sink, &size, &info, &token), TG_OK);
    EXPECT(tg_token_holds(reader, &token));
    REQUIRE(put(store, "a/k", "w", 1));
    EXPECT(!tg_token_holds(reader, &token));
    EXPECT_EQ(tg_get_with_token(reader, &hint, key_of("a/k"), sink, &size, &info, &token), TG_OK);
    EXPECT_EQ(tg_rename(store, &hint, key_of("a"), key_of("c"), false, TG_FOREVER), TG_OK);
    EXPECT(!tg_token_holds(reader, &token));
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

static uint32_t violations(struct tg_store *store, struct tg_violation *first, bool deep) {
    struct tg_report report = {.violation_capacity = 1, .violations = first};
    EXPECT_EQ(tg_verify(store, &hint, deep, &report), TG_OK);
    EXPECT(!report.exact);
    return report.violation_count;
}

TEST(it_finds_what_is_wrong) {
    struct tg_violation first;
    char key[32];
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader = reading();
    REQUIRE(put(store, "a/b/small", bytes, 9) && put(store, "a/block", bytes, 3000) &&
            put(store, "run", bytes, LARGE));
    for (uint32_t i = 0; i < MANY; i++) {
        sprintf(key, "many/k%u", i);
        REQUIRE(put(store, key, bytes, 8));
    }
    EXPECT_EQ(violations(reader, &first, true), 0);
    struct tg_pin pinned;
    REQUIRE(tg_pin_value(store, &hint, key_of("run"), &pinned, TG_FOREVER) == TG_OK);
    uint8_t *payload = (uint8_t *)(uintptr_t)pinned.bytes;
    payload[LARGE - 1]++;
    EXPECT_EQ(violations(reader, &first, false), 0);
    EXPECT_EQ(violations(reader, &first, true), 1);
    EXPECT_TEXT(first.rule, "B3");
    payload[LARGE - 1]--;
    payload[40000]++;
    EXPECT_EQ(violations(reader, &first, true), 1);
    payload[40000]--;
    EXPECT_EQ(violations(reader, &first, true), 0);
    struct tg_object *object = tg_at(&store->local, pinned.object, sizeof *object);
    tg_store_relaxed32(&object->state, TG_OBJECT_FREE);
    EXPECT_EQ(violations(reader, &first, false), 1);
    EXPECT_TEXT(first.rule, "B1");
    tg_store_relaxed32(&object->state, TG_OBJECT_LINKED);
    for (uint64_t i = 0; i < tg_load_relaxed64(&store->local.hot->buckets); i++) {
        struct tg_line *line = &store->local.buckets[i];
        if (tg_load_relaxed32(&line->slot[0]) == 0) continue;
        tg_store_relaxed64(&line->tags, tg_load_relaxed64(&line->tags) ^ 1);
        EXPECT_EQ(violations(reader, &first, false), 1);
        EXPECT_TEXT(first.rule, "N1");
        tg_store_relaxed64(&line->tags, tg_load_relaxed64(&line->tags) ^ 1);
        break;
    }
    tg_unpin(store, &pinned);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}

/* ---- who does not let it finish ------------------------------------------------------------- */

static const struct tg_os_ops *usual;
static tg_a64 *epoch;
static uint64_t steps, turns; /* how far the epoch moves under each of so many copies */

static tg_status copy_late(struct tg_os *os, uint64_t offset, void *to, uint64_t size) {
    if (turns > 0) {
        turns--;
        tg_add_relaxed64(epoch, steps);
    }
    return usual->read_at(os, offset, to, size);
}

TEST(what_may_be_reused_is_not_believed) {
    struct tg_info info;
    uint64_t size;
    begin();
    fill();
    struct tg_store *store = open_or_null(), *reader = reading();
    REQUIRE(put(store, "a/k", bytes, 300) && put(store, "l", bytes, 200000));
    usual = reader->local.os->ops;
    struct tg_os_ops late = *usual;
    late.read_at = copy_late;
    reader->local.os->ops = &late;
    epoch = &store->local.hot->epoch;
    steps = 1, turns = 1;
    EXPECT(same(reader, "a/k", 300) && turns == 0);
    steps = 2, turns = 50;
    EXPECT(same(reader, "a/k", 300) && turns == 0);
    steps = 2, turns = UINT64_MAX; /* for ever: the caller may look round */
    EXPECT_EQ(get(reader, "a/k", &size), TG_INTERRUPTED);
    EXPECT_EQ(tg_contains(reader, &hint, key_of("a/k"), &info), TG_INTERRUPTED);
    EXPECT_EQ(tg_stat(reader, &hint, key_of("a"), &info), TG_INTERRUPTED);
    EXPECT_EQ(count_children(reader, "a"), UINT32_MAX);
    EXPECT_EQ(get(reader, "l", &size), TG_INTERRUPTED);
    steps = 2, turns = 5;
    EXPECT_EQ(count_children(reader, "a"), 1);
    EXPECT(same(reader, "l", 200000)); /* its object says that it was there */
    reader->local.os->ops = usual;
    tg_store_close(reader);
    tg_store_close(store);
    end();
}
