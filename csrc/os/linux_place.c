/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "linux_file.h"

static const char suffix[] = ".tryget";
static const char lock_magic[16] = "tryget-lock 1\n";

static tg_status failed(struct tg_error *error, const char *step) {
    return tg_error_set(error, TG_SYSTEM, step, errno);
}

/* ---- folders ------------------------------------------------------------------- */

/* /dev/shm is everybody's: somebody else may have made a folder of our name. */
static tg_status open_own_folder(const char *path, int *fd, struct tg_error *error) {
    struct stat found;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return failed(error, "make the folder");
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0) return tg_error_set(error, TG_NOT_OURS, "the folder can't be opened", errno);
    if (fstat(*fd, &found) == 0 && found.st_uid == geteuid()) return TG_OK;
    close(*fd);
    *fd = -1;
    return tg_error_set(error, TG_NOT_OURS, "another user owns the folder", 0);
}

/* `to_list`: else it is enough that names in it may be looked up. */
static tg_status open_folder(const char *directory, bool to_list, int *fd, struct tg_error *error) {
    char own[64];
    if (directory == NULL) directory = getenv("TRYGET_DIR");
    if (directory == NULL || *directory == 0) {
        snprintf(own, sizeof(own), "/dev/shm/tryget-%u", (unsigned)geteuid());
        return open_own_folder(own, fd, error);
    }
    *fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 && errno == EACCES && !to_list)
        *fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0) return TG_OK;
    if (errno == ENOENT) return tg_error_set(error, TG_ABSENT, "there is no such folder", errno);
    return failed(error, "open the folder");
}

/* Absolute, and right even after a chdir. Without /proc there is only the caller's word. */
static void find_path(struct tg_place *place, const char *directory) {
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", place->directory);
    ssize_t got = readlink(link, place->path, sizeof(place->path) - 1);
    if (got > 0)
        place->path[got] = 0;
    else
        snprintf(place->path, sizeof(place->path), "%s", directory ? directory : "");
}

static bool name_good(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= TG_STORE_NAME_MAX && strchr(name, '/') == NULL;
}

tg_status tg_place_open(struct tg_place *place, const char *directory, const char *name,
                        struct tg_error *error) {
    place->directory = -1;
    if (!name_good(name)) return tg_error_set(error, TG_INVALID, "the name is no file name", 0);
    snprintf(place->store, sizeof(place->store), "%s%s", name, suffix);
    snprintf(place->lock, sizeof(place->lock), "%s%s-lock", name, suffix);
    tg_status status = open_folder(directory, false, &place->directory, error);
    if (status == TG_OK) find_path(place, directory);
    return status;
}

void tg_place_close(struct tg_place *place) {
    if (place->directory >= 0) close(place->directory);
    place->directory = -1;
}

tg_status tg_place_file_path(const struct tg_place *place, const char *name, char *path,
                             size_t size, struct tg_error *error) {
    int length = snprintf(path, size, "%s/%s", place->path, name);
    if (length >= 0 && (size_t)length < size) return TG_OK;
    return tg_error_set(error, TG_INVALID, "the path is too long", ENAMETOOLONG);
}

tg_status tg_place_each(const char *directory, bool (*visit)(void *argument, const char *name),
                        void *argument, struct tg_error *error) {
    int fd;
    tg_status status = open_folder(directory, true, &fd, error);
    if (status != TG_OK) return status;
    DIR *listing = fdopendir(fd);
    if (listing == NULL) {
        status = failed(error, "list the folder");
        close(fd);
        return status;
    }
    struct dirent *entry;
    bool more = true;
    while (more && (entry = readdir(listing)) != NULL) {
        char name[TG_STORE_NAME_MAX + 1];
        size_t size = strlen(entry->d_name), tail = sizeof(suffix) - 1;
        if (size <= tail || size - tail > TG_STORE_NAME_MAX) continue;
        if (strcmp(entry->d_name + size - tail, suffix) != 0) continue;
        memcpy(name, entry->d_name, size - tail);
        name[size - tail] = 0;
        more = visit(argument, name);
    }
    closedir(listing);
    return TG_OK;
}

/* ---- the lock file --------------------------------------------------------------- */

void tg_nap(uint64_t nanoseconds) {
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000),
                            .tv_nsec = (long)(nanoseconds % 1000000000)};
    nanosleep(&time, NULL); /* a signal may end it early: the caller looks round */
}

/* Polls: a blocking lock has no time limit, and the wait is rare and short. */
tg_status tg_place_lock(const struct tg_place *place, const struct tg_file *lock,
                        uint64_t deadline_ns, struct tg_error *error) {
    for (uint64_t nap_ns = 50000;; nap_ns = nap_ns < 2000000 ? nap_ns * 2 : nap_ns) {
        int code = tg_linux_lock_byte(lock->fd, F_WRLCK, TG_LINUX_BYTE_CREATE);
        if (code == 0) break;
        if (code == EINTR) return tg_error_set(error, TG_INTERRUPTED, "lock the names", code);
        if (code != EAGAIN && code != EACCES)
            return tg_error_set(error, TG_SYSTEM, "lock the names", code);
        if (!tg_file_named(place, place->lock, lock->id)) return TG_RETRY;
        if (tg_linux_monotonic_ns() >= deadline_ns)
            return tg_error_set(error, TG_TIMEOUT, "another process is making the store", 0);
        struct timespec time = {.tv_nsec = (long)nap_ns};
        if (nanosleep(&time, NULL) != 0 && errno == EINTR)
            return tg_error_set(error, TG_INTERRUPTED, "lock the names", EINTR);
    }
    if (tg_file_named(place, place->lock, lock->id)) return TG_OK;
    tg_place_unlock(lock->fd);
    return TG_RETRY;
}

int tg_place_lock_new(int lock_fd) {
    return tg_linux_lock_byte(lock_fd, F_WRLCK, TG_LINUX_BYTE_CREATE);
}

void tg_place_unlock(int lock_fd) {
    (void)tg_linux_lock_byte(lock_fd, F_UNLCK, TG_LINUX_BYTE_CREATE);
}

bool tg_place_lock_all_life(int lock_fd) {
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = TG_LINUX_BYTE_LIFE,
                         .l_len = TG_LINUX_PROCESS_MAX};
    return fcntl(lock_fd, F_OFD_SETLK, &lock) == 0;
}

bool tg_lock_text_read(int lock_fd, uint8_t uuid[16]) {
    char text[TG_LOCK_TEXT_SIZE];
    if (!tg_file_read(lock_fd, text, sizeof(text))) return false;
    if (memcmp(text, lock_magic, sizeof(lock_magic)) != 0) return false;
    memcpy(uuid, text + sizeof(lock_magic), 16);
    return true;
}

tg_status tg_lock_text_write(int lock_fd, const uint8_t uuid[16], struct tg_error *error) {
    char text[TG_LOCK_TEXT_SIZE];
    memcpy(text, lock_magic, sizeof(lock_magic));
    memcpy(text + sizeof(lock_magic), uuid, 16);
    return tg_file_write(lock_fd, text, sizeof(text), error);
}

_Static_assert(TG_LOCK_TEXT_SIZE == sizeof(lock_magic) + 16, "the lock file is magic and uuid");

/* ---- the machine ------------------------------------------------------------------ */

/* Others (btrfs, ZFS, network file systems) may refuse a write to what they promised, which
 * is SIGBUS in a mapping, or substitute another file for the mapping, as overlayfs does. */
tg_status tg_file_system_check(int fd, bool *volatile_memory, struct tg_error *error) {
    enum { TMPFS = 0x01021994, EXT4 = 0xef53, XFS = 0x58465342 };
    struct statfs found;
    if (fstatfs(fd, &found) != 0) return failed(error, "ask for the kind of file system");
    uint64_t kind = (uint64_t)found.f_type & 0xffffffff;
    *volatile_memory = kind == TMPFS;
    if (kind == TMPFS || kind == EXT4 || kind == XFS) return TG_OK;
    return tg_error_set(error, TG_UNSUPPORTED, "only tmpfs, ext4 and xfs keep what they promise",
                        0);
}

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void tg_boot_id(uint8_t id[16]) {
    char text[36] = {0};
    memset(id, 0, 16);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t got = read(fd, text, sizeof(text));
    close(fd);
    uint32_t count = 0;
    for (ssize_t i = 0; i < got && count < 32; i++) {
        int value = digit(text[i]);
        if (value < 0) continue;
        id[count / 2] = (uint8_t)(id[count / 2] << 4 | value);
        count++;
    }
}
