/* SPDX-License-Identifier: Apache-2.0 */
/* Whose store may be opened to read only, and what is no store. */
#include "stores.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/attached.h"

enum { STRANGER = 54321 };

static tg_status open_reading(uint32_t mode, struct tg_store **store) {
    struct tg_open_options options = {
        .directory = folder, .name = "a", .readonly = true, .mode = mode};
    return tg_store_open(&options, store, &error);
}

static tg_status try(uint32_t mode) {
    struct tg_store *store;
    tg_status status = open_reading(mode, &store);
    if (status == TG_OK) tg_store_close(store);
    return status;
}

/* As another user, who may look into the folder and can't write there. */
static tg_status try_as_stranger(uint32_t mode) {
    pid_t child = fork();
    if (child == 0) {
        if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0) _exit(255);
        _exit((int)try(mode));
    }
    return (tg_status)WEXITSTATUS(wait_for(child));
}

static void make(uint32_t mode) {
    struct tg_store *store = open_or_null();
    REQUIRE(store != NULL && put(store, "k", "v", 1));
    tg_store_close(store);
    EXPECT_EQ(chmod(path_of("a.tryget"), mode), 0);
    EXPECT_EQ(chmod(folder, 0755), 0);
}

TEST(mode_says_whether_others_are_meant) {
    static const struct {
        uint32_t bits, mode;
        tg_status own, stranger;
    } rows[] = {
        {0600, 0600, TG_OK, TG_NOT_OURS},
        {0600, 0644, TG_OK, TG_NOT_OURS},
        {0644, 0600, TG_OK, TG_NOT_OURS},
        {0644, 0644, TG_OK, TG_OK},
        {0644, 0604, TG_OK, TG_OK},
        {0644, 0640, TG_OK, TG_OK},
        {0666, 0644, TG_NOT_OURS, TG_NOT_OURS},
        {0666, 0666, TG_OK, TG_OK},
        {0664, 0644, TG_NOT_OURS, TG_NOT_OURS},
        {0664, 0664, TG_OK, TG_OK},
    };
    if (geteuid() != 0) {
        puts("    not run: only root can become another user");
        return;
    }
    EXAMPLES(row, rows) {
        begin();
        make(row->bits);
        EXPECT_EQ(try(row->mode), row->own);
        EXPECT_EQ(try_as_stranger(row->mode), row->stranger);
        end();
    }
}

TEST(a_folder_that_can_not_be_listed_will_do) {
    if (geteuid() != 0) {
        puts("    not run: only root can become another user");
        return;
    }
    begin();
    make(0644);
    EXPECT_EQ(chmod(folder, 0711), 0);
    EXPECT_EQ(try_as_stranger(0644), TG_OK);
    EXPECT_EQ(chmod(folder, 0700), 0);
    EXPECT(try_as_stranger(0644) != TG_OK);
    end();
}

TEST(what_is_missing_is_not_made) {
    begin();
    EXPECT_EQ(try(0600), TG_ABSENT);
    EXPECT(access(path_of("a.tryget"), F_OK) != 0);
    EXPECT(access(path_of("a.tryget-lock"), F_OK) != 0);
    end();
}

static void write_at(uint64_t offset, const void *value, size_t size) {
    int fd = open(path_of("a.tryget"), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && pwrite(fd, value, size, (off_t)offset) == (ssize_t)size);
    close(fd);
}

TEST(what_is_no_store_is_refused) {
    begin();
    int fd = open(path_of("a.tryget"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    EXPECT_EQ(try(0600), TG_CORRUPT); /* empty */
    EXPECT_EQ(ftruncate(fd, 1 << 20), 0);
    EXPECT_EQ(try(0600), TG_CORRUPT); /* zeros */
    close(fd);
    unlink(path_of("a.tryget"));
    make(0600);
    write_at(100, "x", 1);
    EXPECT_EQ(try(0600), TG_CORRUPT);
    end();
    begin();
    EXPECT_EQ(mkdir(path_of("a.tryget"), 0700), 0);
    EXPECT_EQ(try(0600), TG_CORRUPT);
    EXPECT_EQ(rmdir(path_of("a.tryget")), 0);
    EXPECT_EQ(symlink("/dev/zero", path_of("a.tryget")), 0);
    EXPECT_EQ(try(0600), TG_NOT_OURS);
    end();
}

TEST(more_buckets_than_memory_are_refused) {
    struct tg_store *store;
    begin();
    make(0600);
    REQUIRE(open_reading(0600, &store) == TG_OK);
    const struct tg_header *header = &store->local.header;
    uint64_t all = header->bucket_capacity;
    uint64_t hot = header->hot_offset;
    tg_store_close(store);
    write_at(hot + offsetof(struct tg_hot, buckets_committed), &all, sizeof all);
    write_at(hot + offsetof(struct tg_hot, buckets), &all, sizeof all);
    EXPECT_EQ(try(0600), TG_CORRUPT);
    end();
}

/* ---- garbage after the header ----------------------------------------------------------- */

#if defined(__SANITIZE_THREAD__)
enum { ROUNDS = 60, POKES_MAX = 40 };
#else
enum { ROUNDS = 600, POKES_MAX = 40 };
#endif

static uint64_t state = 1;

static uint64_t pick(uint64_t count) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (state >> 33) % count;
}

/* Not the words that say how much is backed by memory: what is changed under an open store is
 * its owner's business; a file is checked when it is opened. */
static void poke(uint8_t *file, const struct tg_header *header) {
    const uint64_t ends[][2] = {
        {header->hot_offset, header->hot_offset + offsetof(struct tg_hot, buckets)},
        {header->hot_offset + offsetof(struct tg_hot, root), header->hot_offset + 64},
        {header->units_offset, header->processes_offset},
        {header->processes_offset, header->contexts_offset},
        {header->pages_offset, header->pages_offset + 40 * sizeof(struct tg_page)},
        {header->buckets_offset, header->buckets_offset + header->bucket_unit * 64},
        {header->arena_offset, header->arena_offset + (1 << 18)},
        {header->arena_offset, header->arena_offset + (1 << 14)},
    };
    uint64_t i = pick(sizeof ends / sizeof *ends);
    uint64_t at = ends[i][0] + pick(ends[i][1] - ends[i][0]);
    uint32_t word = (uint32_t)(pick(2) ? pick(1 << 15) + (header->arena_offset >> 3)
                                       : pick(1ull << 31) * pick(3));
    if (pick(2))
        file[at] = (uint8_t)pick(256);
    else
        memcpy(file + (at & ~3ull), &word, 4);
}

static void *refuse_much(void *argument, const struct tg_info *info) {
    static uint8_t room[1 << 20];
    (void)argument;
    return info->size <= sizeof room ? room : NULL;
}

static void list_all(struct tg_store *store, struct tg_key key) {
    struct tg_cursor cursor;
    struct tg_child children[50];
    char text[4096];
    size_t count = 1;
    uint32_t hint = 0;
    if (tg_list_begin(store, &hint, key, &cursor) != TG_OK) return;
    for (uint32_t i = 0; i < 200 && count; i++)
        if (tg_list_next(store, &hint, &cursor, children, 50, &count, text, sizeof text) != TG_OK)
            return;
}

static void read_all(struct tg_store *store) {
    static const char *const keys[] = {"small", "large", "deep/a/b/c", "many/k70", "x/y"};
    EXAMPLES(text, keys) {
        struct tg_key key = {*text, strlen(*text)};
        struct tg_info info;
        uint32_t hint = 0;
        (void)!tg_get(store, &hint, key, refuse_much, NULL, &info);
        (void)!tg_stat(store, &hint, key, &info);
        list_all(store, key);
    }
    list_all(store, (struct tg_key){0});
    list_all(store, (struct tg_key){"many", 4});
    struct tg_usage usage;
    uint32_t hint = 0;
    (void)!tg_usage(store, &hint, &usage);
    struct tg_report report = {0};
    (void)!tg_verify(store, &hint, true, &report);
}

TEST(garbage_makes_no_fault_and_no_endless_loop) {
    static uint8_t bytes[5000];
    char key[32];
    begin();
    struct tg_store *store = open_or_null(), *reader;
    REQUIRE(store != NULL && put(store, "small", bytes, 9) && put(store, "large", bytes, 5000) &&
            put(store, "deep/a/b/c", bytes, 20));
    for (uint32_t i = 0; i < 500; i++) {
        sprintf(key, "many/k%u", i);
        REQUIRE(put(store, key, bytes, 8));
    }
    uint8_t *file = store->local.base, *good;
    struct tg_header header = store->local.header;
    uint64_t used = header.arena_offset + (1 << 20);
    REQUIRE(open_reading(0600, &reader) == TG_OK && (good = malloc(used)) != NULL);
    memcpy(good, file, used);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint64_t pokes = 1 + pick(POKES_MAX);
        for (uint64_t i = 0; i < pokes; i++) poke(file, &header);
        read_all(reader);
        memcpy(file, good, used);
    }
    EXPECT_EQ(try(0600), TG_OK);
    free(good);
    tg_store_close(reader);
    tg_store_close(store);
    end();
}
