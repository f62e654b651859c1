/* SPDX-License-Identifier: Apache-2.0 */
/* The two files of a store by their names: making, finding, naming and removing them.
 *
 * What
 *   A place is a folder and a store's name in it. Nothing here knows what a store contains.
 *
 * Bits and states of a place, and who changes them
 *   nothing         the lock file is linked, its CREATE byte locked before: one maker wins
 *   lock only       ... then the store is linked. A maker that died leaves this: whoever
 *                   gets CREATE then and still finds no store removes the lock file
 *   store and lock  a removal, under CREATE, takes the store first, the lock file second
 *   store only      only a person makes this; it is refused
 *
 * Invariants
 *   N1  A name is made or removed by who holds CREATE of the lock file that has its name
 *       now (compared after the byte was locked).
 *   N2  Files are complete before they get a name (O_TMPFILE).
 *   N3  No symbolic link is followed to a file; a file is regular and ours, unless the
 *       caller's mode says that others were meant to write (or, who only reads, to read).
 *
 * Death: CREATE is free again; what is left is one of the states above, and each of them
 *   is a beginning for the next. Nameless files vanish.
 * Progress: tg_place_lock waits, to its deadline, for another maker.
 * API: below.
 */
#ifndef TG_OS_LINUX_FILE_H
#define TG_OS_LINUX_FILE_H

#include "linux.h"

enum { TG_STORE_NAME_MAX = 200, TG_LOCK_TEXT_SIZE = 32 };

/* What failed, for the message: a step in words, and errno or 0. */
struct tg_error {
    const char *step;
    int code;
};

struct tg_place {
    int directory; /* a descriptor */
    char path[TG_LINUX_PATH_MAX];
    char store[TG_STORE_NAME_MAX + 16];
    char lock[TG_STORE_NAME_MAX + 16];
};

struct tg_file {
    int fd;
    struct tg_file_id id;
    uint64_t size;
    uint64_t allocated; /* bytes that the file system has set aside */
};

/* directory NULL: $TRYGET_DIR, else /dev/shm/tryget-<uid>, made 0700 when missing.
 * TG_OK, TG_INVALID (name), TG_ABSENT (no such folder), TG_NOT_OURS, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_place_open(struct tg_place *place, const char *directory,
                                      const char *name, struct tg_error *error);
void tg_place_close(struct tg_place *place);
/* The path of place->store or place->lock. TG_INVALID when it is too long. */
TG_MUST_CHECK tg_status tg_place_file_path(const struct tg_place *place, const char *name,
                                           char *path, size_t size, struct tg_error *error);

/* Opens place->store or place->lock to read and write. `mode`: permission bits that were
 * meant. TG_OK, TG_ABSENT, TG_NOT_OURS, TG_CORRUPT (no regular file), TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_file_open(const struct tg_place *place, const char *name, uint32_t mode,
                                     struct tg_file *file, struct tg_error *error);
/* The same of place->store, to read only. Another user's file needs a bit of `mode` that lets
 * others read. */
TG_MUST_CHECK tg_status tg_file_open_reading(const struct tg_place *place, uint32_t mode,
                                             struct tg_file *file, struct tg_error *error);
/* A file without a name, of `size` bytes, all of them holes. TG_OK, TG_FULL, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_file_make(const struct tg_place *place, uint32_t mode, uint64_t size,
                                     int *fd, struct tg_error *error);
/* TG_OK, TG_EXISTS, TG_FULL, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_file_link(const struct tg_place *place, const char *name, int fd,
                                     struct tg_error *error);
/* TG_OK also when it was gone. */
TG_MUST_CHECK tg_status tg_file_unlink(const struct tg_place *place, const char *name,
                                       struct tg_error *error);
bool tg_file_named(const struct tg_place *place, const char *name, struct tg_file_id id);
bool tg_file_exists(const struct tg_place *place, const char *name);
/* All of it, or false. */
bool tg_file_read(int fd, void *bytes, size_t size);
TG_MUST_CHECK tg_status tg_file_write(int fd, const void *bytes, size_t size,
                                      struct tg_error *error);
void tg_file_close(struct tg_file *file);

/* Locks CREATE of an open lock file and compares its name (N1). TG_OK, TG_RETRY (another
 * file has the name, or none), TG_TIMEOUT, TG_INTERRUPTED, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_place_lock(const struct tg_place *place, const struct tg_file *lock,
                                      uint64_t deadline_ns, struct tg_error *error);
/* Locks CREATE of a file that has no name yet: 0, or errno. */
int tg_place_lock_new(int lock_fd);
/* Also when a forked child shares the description. */
void tg_place_unlock(int lock_fd);
/* Locks all life bytes for as long as the descriptor is open: nobody is attached, and
 * nobody can attach. */
bool tg_place_lock_all_life(int lock_fd);

/* What the lock file says: `uuid` of its store. False: not a lock file. */
bool tg_lock_text_read(int lock_fd, uint8_t uuid[16]);
TG_MUST_CHECK tg_status tg_lock_text_write(int lock_fd, const uint8_t uuid[16],
                                           struct tg_error *error);

/* TG_UNSUPPORTED but for tmpfs, ext4 and xfs: there, what was claimed can be written to. */
TG_MUST_CHECK tg_status tg_file_system_check(int fd, bool *volatile_memory, struct tg_error *error);
/* Which boot of the machine this is; zeros when unknown. */
void tg_boot_id(uint8_t id[16]);
void tg_nap(uint64_t nanoseconds);

/* Calls `visit` with the name of each store in the folder, until it answers false. */
TG_MUST_CHECK tg_status tg_place_each(const char *directory,
                                      bool (*visit)(void *argument, const char *name),
                                      void *argument, struct tg_error *error);

static inline tg_status tg_error_set(struct tg_error *error, tg_status status, const char *step,
                                     int code) {
    error->step = step;
    error->code = code;
    return status;
}

#endif
