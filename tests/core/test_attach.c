/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: opening a store ends in a good store or a clear refusal, whatever lies in the
 * folder and whoever else opens, makes, removes or dies at the same time.
 * Method: real files and processes; files are damaged and replaced by hand; makers are
 * killed after random times and stopped at system calls.
 * Failure means: two stores under one name, a store that nobody can open, or SIGBUS. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/crc.h"
#include "check.h"
#include "ledger/ledger.h"
#include "store/attach.h"
#include "tryget.h"

static char folder[256];
static struct tg_error error;
static const uint64_t SIZE = 4 << 20;

static void begin_in(const char *parent) {
    snprintf(folder, sizeof(folder), "%s/tryget-test-XXXXXX", parent);
    REQUIRE(mkdtemp(folder) != NULL);
}

static void begin(void) { begin_in("/dev/shm"); }

static const char *path_of(const char *name) {
    static char paths[4][512];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void end(void) {
    unlink(path_of("a.tryget"));
    unlink(path_of("a.tryget-lock"));
    unlink(path_of("b.tryget"));
    unlink(path_of("b.tryget-lock"));
    EXPECT_EQ(rmdir(folder), 0);
}

static struct tg_open_options options_for(const char *name) {
    return (struct tg_open_options){.directory = folder, .name = name, .size = SIZE};
}

static struct tg_store *open_or_null(const char *name) {
    struct tg_open_options options = options_for(name);
    struct tg_store *store;
    return tg_store_open(&options, &store, &error) == TG_OK ? store : NULL;
}

static tg_status open_status(const struct tg_open_options *options) {
    struct tg_store *store;
    tg_status status = tg_store_open(options, &store, &error);
    if (status == TG_OK) tg_store_close(store);
    return status;
}

static tg_status reopen(void) {
    struct tg_open_options options = options_for("a");
    return open_status(&options);
}

static void *room(void *argument, const struct tg_info *info) {
    return info->size <= 64 ? argument : NULL;
}

static bool put(struct tg_store *store, const char *key, const char *value) {
    uint32_t hint = 0;
    uint64_t version;
    struct tg_part part = {value, strlen(value)};
    struct tg_set_options options = {.deadline_ns = UINT64_MAX};
    struct tg_key name = {key, strlen(key)};
    return tg_set(store, &hint, name, &part, 1, &options, &version) == TG_OK;
}

static bool has(struct tg_store *store, const char *key, const char *value) {
    uint32_t hint = 0;
    char text[65] = {0};
    struct tg_info info;
    struct tg_key name = {key, strlen(key)};
    return tg_get(store, &hint, name, room, text, &info) == TG_OK && strcmp(text, value) == 0;
}

static int wait_for(pid_t child) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

static bool write_at(const char *name, uint64_t offset, const void *bytes, size_t size) {
    int fd = open(path_of(name), O_WRONLY);
    bool good = pwrite(fd, bytes, size, (off_t)offset) == (ssize_t)size;
    close(fd);
    return good;
}

/* ---- one process ---------------------------------------------------------------------- */

TEST(what_one_attachment_stores_the_next_finds) {
    begin();
    struct tg_store *store = open_or_null("a");
    REQUIRE(store != NULL);
    EXPECT(tg_store_usable(store));
    EXPECT_EQ(store->local.header.limit, SIZE);
    EXPECT(put(store, "x/y", "value"));
    tg_store_close(store);
    store = open_or_null("a");
    REQUIRE(store != NULL);
    EXPECT(has(store, "x/y", "value"));
    EXPECT_EQ(store->local.process, 0); /* the entry was given back */
    EXPECT_EQ(store->local.process_generation, 2);
    tg_store_close(store);
    end();
}

TEST(a_store_opened_twice_is_one) {
    begin();
    struct tg_store *store = open_or_null("a"), *again = open_or_null("a");
    EXPECT(store != NULL && store == again);
    tg_store_close(again);
    EXPECT(tg_store_usable(store));
    EXPECT(put(store, "k", "v"));
    tg_store_close(store);
    end();
}

TEST(creation_follows_the_options) {
    begin();
    struct tg_open_options options = options_for("a");
    options.create = TG_CREATE_NEVER;
    EXPECT_EQ(open_status(&options), TG_ABSENT);
    EXPECT(access(path_of("a.tryget-lock"), F_OK) != 0);
    options.create = TG_CREATE_EXCLUSIVE;
    EXPECT_EQ(open_status(&options), TG_OK);
    EXPECT_EQ(open_status(&options), TG_EXISTS);
    options.create = TG_CREATE_NEVER;
    EXPECT_EQ(open_status(&options), TG_OK);
    options.size = SIZE / 2; /* the file decides */
    EXPECT_EQ(open_status(&options), TG_OK);
    options.size = SIZE + 1;
    EXPECT_EQ(open_status(&options), TG_INVALID);
    options = options_for("b");
    options.size = SIZE - 1;
    EXPECT_EQ(open_status(&options), TG_INVALID);
    EXPECT(access(path_of("b.tryget"), F_OK) != 0);
    end();
}

TEST(names_are_file_names) {
    static const char *const table[] = {"", "a/b", "/", "../a"};
    begin();
    EXAMPLES(name, table) {
        struct tg_open_options options = options_for(*name);
        EXPECT_EQ(open_status(&options), TG_INVALID);
    }
    struct tg_open_options options = options_for("a");
    options.directory = path_of("nowhere");
    EXPECT_EQ(open_status(&options), TG_ABSENT);
    end();
}

TEST(the_mode_is_that_of_the_options_whatever_the_umask) {
    struct stat found;
    begin();
    mode_t old = umask(0777);
    EXPECT_EQ(reopen(), TG_OK);
    struct tg_open_options options = options_for("b");
    options.mode = 0664;
    EXPECT_EQ(open_status(&options), TG_OK);
    umask(old);
    REQUIRE(stat(path_of("a.tryget"), &found) == 0);
    EXPECT_EQ(found.st_mode & 07777, 0600);
    REQUIRE(stat(path_of("b.tryget"), &found) == 0);
    EXPECT_EQ(found.st_mode & 07777, 0664);
    REQUIRE(stat(path_of("b.tryget-lock"), &found) == 0);
    EXPECT_EQ(found.st_mode & 07777, 0660); /* who may only read can't lock */
    end();
}

TEST(another_store_of_the_same_name_is_noticed_by_its_uuid) {
    begin();
    uint8_t uuid[16];
    struct tg_store *store = open_or_null("a");
    REQUIRE(store != NULL);
    memcpy(uuid, store->local.header.uuid, sizeof(uuid));
    tg_store_close(store);
    struct tg_open_options options = options_for("a");
    options.uuid = uuid;
    EXPECT_EQ(open_status(&options), TG_OK);
    uuid[3] ^= 1;
    EXPECT_EQ(open_status(&options), TG_ABSENT);
    EXPECT_EQ(reopen(), TG_OK);
    end();
}

/* ---- what may lie there instead ------------------------------------------------------- */

static void damage_symlink(void) {
    rename(path_of("a.tryget"), path_of("b.tryget"));
    EXPECT_EQ(symlink(path_of("b.tryget"), path_of("a.tryget")), 0);
}
static void damage_lock_symlink(void) {
    rename(path_of("a.tryget-lock"), path_of("b.tryget-lock"));
    EXPECT_EQ(symlink(path_of("b.tryget-lock"), path_of("a.tryget-lock")), 0);
}
static void damage_folder(void) {
    unlink(path_of("a.tryget"));
    EXPECT_EQ(mkdir(path_of("a.tryget"), 0700), 0);
}
static void damage_fifo(void) {
    unlink(path_of("a.tryget"));
    EXPECT_EQ(mkfifo(path_of("a.tryget"), 0600), 0);
}
static void damage_empty(void) { EXPECT_EQ(truncate(path_of("a.tryget"), 0), 0); }
static void damage_short(void) { EXPECT_EQ(truncate(path_of("a.tryget"), 4095), 0); }
static void damage_cut(void) { EXPECT_EQ(truncate(path_of("a.tryget"), 1 << 20), 0); }
static void damage_longer(void) { EXPECT_EQ(truncate(path_of("a.tryget"), 1 << 30), 0); }
static void damage_garbage(void) {
    uint8_t page[4096];
    memset(page, 0x5a, sizeof(page));
    EXPECT(write_at("a.tryget", 0, page, sizeof(page)));
}
static void damage_bit(void) { EXPECT(write_at("a.tryget", 17, "\x7f", 1)); }
static void damage_holes(void) {
    int fd = open(path_of("a.tryget"), O_RDWR);
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 65536), 0);
    close(fd);
}
static void damage_hot(void) {
    uint8_t page[4096];
    memset(page, 0xff, sizeof(page));
    EXPECT(write_at("a.tryget", 4096, page, sizeof(page)));
}
static void damage_layout(void) {
    struct tg_header header;
    int fd = open(path_of("a.tryget"), O_RDWR);
    EXPECT_EQ(pread(fd, &header, sizeof(header), 0), sizeof(header));
    header.layout = TG_LAYOUT_VERSION + 1;
    EXPECT_EQ(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
    close(fd);
}
static void damage_lock_gone(void) { EXPECT_EQ(unlink(path_of("a.tryget-lock")), 0); }
static void damage_lock_replaced(void) {
    struct tg_open_options options = options_for("b");
    EXPECT_EQ(open_status(&options), TG_OK);
    EXPECT_EQ(rename(path_of("b.tryget-lock"), path_of("a.tryget-lock")), 0);
}
static void damage_lock_empty(void) { EXPECT_EQ(truncate(path_of("a.tryget-lock"), 0), 0); }
static void damage_owner(void) { EXPECT_EQ(chown(path_of("a.tryget"), 12345, (gid_t)-1), 0); }
static void damage_lock_owner(void) {
    EXPECT_EQ(chown(path_of("a.tryget-lock"), 12345, (gid_t)-1), 0);
}
static void damage_writable(void) { EXPECT_EQ(chmod(path_of("a.tryget"), 0602), 0); }
static void damage_lock_writable(void) { EXPECT_EQ(chmod(path_of("a.tryget-lock"), 0660), 0); }

static const struct {
    void (*damage)(void);
    tg_status status;
    bool root;
} damages[] = {
    {damage_symlink, TG_NOT_OURS, false},      {damage_lock_symlink, TG_NOT_OURS, false},
    {damage_folder, TG_CORRUPT, false},        {damage_fifo, TG_CORRUPT, false},
    {damage_empty, TG_CORRUPT, false},         {damage_short, TG_CORRUPT, false},
    {damage_cut, TG_CORRUPT, false},           {damage_longer, TG_CORRUPT, false},
    {damage_garbage, TG_CORRUPT, false},       {damage_bit, TG_CORRUPT, false},
    {damage_holes, TG_CORRUPT, false},         {damage_hot, TG_CORRUPT, false},
    {damage_layout, TG_LAYOUT, false},         {damage_lock_gone, TG_CORRUPT, false},
    {damage_lock_replaced, TG_CORRUPT, false}, {damage_lock_empty, TG_CORRUPT, false},
    {damage_owner, TG_NOT_OURS, true},         {damage_lock_owner, TG_NOT_OURS, true},
    {damage_writable, TG_NOT_OURS, false},     {damage_lock_writable, TG_NOT_OURS, false},
};

TEST(what_is_no_good_store_is_refused_and_left_alone) {
    EXAMPLES(row, damages) {
        if (row->root && geteuid() != 0) {
            printf("skipped: only root gives files away\n");
            continue;
        }
        begin();
        EXPECT_EQ(reopen(), TG_OK);
        row->damage();
        EXPECT_EQ(reopen(), row->status);
        EXPECT(error.step[0] != 0);
        struct tg_open_options options = options_for("a");
        options.create = TG_CREATE_EXCLUSIVE;
        EXPECT_EQ(open_status(&options), TG_EXISTS);
        EXPECT_EQ(reopen(), row->status);
        rmdir(path_of("a.tryget"));
        end();
    }
}

TEST(what_is_refused_can_be_unlinked) {
    static void (*const table[])(void) = {damage_garbage, damage_lock_gone, damage_layout,
                                          damage_empty, damage_lock_empty};
    EXAMPLES(damage, table) {
        begin();
        EXPECT_EQ(reopen(), TG_OK);
        (*damage)();
        EXPECT(reopen() != TG_OK);
        EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_OK);
        EXPECT(access(path_of("a.tryget-lock"), F_OK) != 0);
        EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_ABSENT);
        EXPECT_EQ(reopen(), TG_OK);
        end();
    }
}

TEST(others_may_write_when_the_mode_says_so) {
    begin();
    struct tg_open_options options = options_for("a");
    options.mode = 0660;
    EXPECT_EQ(open_status(&options), TG_OK);
    EXPECT_EQ(reopen(), TG_NOT_OURS);
    EXPECT_EQ(open_status(&options), TG_OK);
    if (geteuid() == 0) {
        damage_owner();
        EXPECT_EQ(open_status(&options), TG_OK);
    }
    end();
}

TEST(another_layout_is_replaced_on_demand_and_its_users_keep_it) {
    begin();
    struct tg_store *old = open_or_null("a");
    REQUIRE(old != NULL);
    EXPECT(put(old, "k", "old"));
    damage_layout();
    struct tg_open_options options = options_for("a");
    options.create = TG_CREATE_NEVER;
    options.new_on_mismatch = true;
    EXPECT_EQ(open_status(&options), TG_LAYOUT);
    options.create = TG_CREATE_IF_ABSENT;
    struct tg_store *new;
    REQUIRE(tg_store_open(&options, &new, &error) == TG_OK);
    EXPECT(new != old);
    EXPECT(!has(new, "k", "old"));
    EXPECT(has(old, "k", "old"));
    EXPECT(put(old, "k", "still"));
    EXPECT(put(new, "k", "new"));
    EXPECT(has(old, "k", "still"));
    tg_store_close(old);
    tg_store_close(new);
    end();
}

TEST(who_is_attached_keeps_an_unlinked_store) {
    begin();
    struct tg_store *old = open_or_null("a");
    REQUIRE(old != NULL);
    EXPECT(put(old, "k", "old"));
    EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_OK);
    struct tg_store *new = open_or_null("a");
    REQUIRE(new != NULL && new != old);
    EXPECT(!has(new, "k", "old"));
    EXPECT(has(old, "k", "old"));
    EXPECT_EQ(old->local.os->ops->life_probe(old->local.os, old->local.process), TG_LIFE_ALIVE);
    EXPECT_EQ(old->local.os->ops->life_take(old->local.os, 3), TG_OK);
    old->local.os->ops->life_drop(old->local.os, 3);
    tg_store_close(old);
    EXPECT(put(new, "k", "new"));
    tg_store_close(new);
    end();
}

/* ---- after a restart of the machine ----------------------------------------------------- */

/* A folder on a file system that survives a restart; false when there is none here. */
static bool begin_on_disk(void) {
    begin_in("/var/tmp");
    if (reopen() == TG_OK) return true;
    printf("skipped: /var/tmp is on a file system that is not supported\n");
    end();
    return false;
}

static void damage_boot(void) {
    struct tg_header header;
    int fd = open(path_of("a.tryget"), O_RDWR);
    EXPECT_EQ(pread(fd, &header, sizeof(header), 0), sizeof(header));
    header.boot_id[5] ^= 1;
    header.checksum = tg_crc32c(0, &header, offsetof(struct tg_header, checksum));
    EXPECT_EQ(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
    close(fd);
}

TEST(a_store_older_than_the_last_start_begins_anew) {
    if (!begin_on_disk()) return;
    struct tg_store *store = open_or_null("a");
    REQUIRE(store != NULL);
    EXPECT(put(store, "k", "v"));
    tg_store_close(store);
    damage_boot();
    struct tg_open_options options = options_for("a");
    options.create = TG_CREATE_NEVER;
    EXPECT_EQ(open_status(&options), TG_ABSENT);
    store = open_or_null("a");
    REQUIRE(store != NULL);
    EXPECT(!has(store, "k", "v"));
    tg_store_close(store);
    EXPECT_EQ(open_status(&options), TG_OK);
    end();
}

TEST(a_store_in_use_is_not_void_whatever_its_boot_id) {
    if (!begin_on_disk()) return;
    struct tg_store *store = open_or_null("a");
    REQUIRE(store != NULL);
    EXPECT(put(store, "k", "v"));
    damage_boot(); /* as a container with a boot id of its own sees it */
    pid_t child = fork();
    if (child == 0) {
        struct tg_store *same = open_or_null("a");
        _exit(same && has(same, "k", "v") ? 0 : 1);
    }
    EXPECT_EQ(wait_for(child), 0);
    tg_store_close(store);
    end();
}

TEST(in_memory_the_boot_id_does_not_count) {
    begin();
    EXPECT_EQ(reopen(), TG_OK);
    struct stat before, after;
    REQUIRE(stat(path_of("a.tryget"), &before) == 0);
    damage_boot();
    EXPECT_EQ(reopen(), TG_OK);
    REQUIRE(stat(path_of("a.tryget"), &after) == 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    end();
}
