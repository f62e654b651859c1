/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "linux_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opening must neither wait (a FIFO), nor become a terminal of ours, nor follow a link. */
enum {
    OPEN_SAFELY = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
    OTHERS_WRITE = 0022,
    OTHERS_READ = 0044
};

static tg_status failed(struct tg_error *error, const char *step) {
    bool full = errno == ENOSPC || errno == EDQUOT;
    return tg_error_set(error, full ? TG_FULL : TG_SYSTEM, step, errno);
}

static tg_status cannot_open(struct tg_error *error) {
    switch (errno) {
    case ENOENT: return tg_error_set(error, TG_ABSENT, "there is no such file", ENOENT);
    case EACCES:
    case EPERM: return tg_error_set(error, TG_NOT_OURS, "opening the file is not permitted", errno);
    case ELOOP: return tg_error_set(error, TG_NOT_OURS, "the name is a symbolic link", ELOOP);
    case EISDIR:
    case ENXIO: /* a socket */
    case ENODEV: return tg_error_set(error, TG_CORRUPT, "it is no regular file", errno);
    default: return failed(error, "open the file");
    }
}

/* `shared`: the bits that say that another owner is meant. */
static tg_status judge(const struct stat *found, uint32_t mode, uint32_t shared,
                       struct tg_error *error) {
    if (!S_ISREG(found->st_mode))
        return tg_error_set(error, TG_CORRUPT, "it is no regular file", 0);
    if (found->st_uid != geteuid() && !(mode & shared))
        return tg_error_set(error, TG_NOT_OURS, "another user owns the file", 0);
    if (found->st_mode & OTHERS_WRITE & ~mode)
        return tg_error_set(error, TG_NOT_OURS, "others than its owner may write the file", 0);
    return TG_OK;
}

static tg_status open_file(const struct tg_place *place, const char *name, int access,
                           uint32_t mode, struct tg_file *file, struct tg_error *error) {
    struct stat found;
    uint32_t shared = access == O_RDONLY ? OTHERS_READ | OTHERS_WRITE : OTHERS_WRITE;
    file->fd = openat(place->directory, name, access | OPEN_SAFELY);
    if (file->fd < 0) return cannot_open(error);
    tg_status status = TG_OK;
    if (fstat(file->fd, &found) != 0)
        status = failed(error, "look at the file");
    else
        status = judge(&found, mode, shared, error);
    if (status != TG_OK) {
        tg_file_close(file);
        return status;
    }
    file->id = (struct tg_file_id){found.st_dev, found.st_ino};
    file->size = (uint64_t)found.st_size;
    file->allocated = (uint64_t)found.st_blocks * 512;
    return TG_OK;
}

tg_status tg_file_open(const struct tg_place *place, const char *name, uint32_t mode,
                       struct tg_file *file, struct tg_error *error) {
    return open_file(place, name, O_RDWR, mode, file, error);
}

tg_status tg_file_open_reading(const struct tg_place *place, uint32_t mode, struct tg_file *file,
                               struct tg_error *error) {
    return open_file(place, place->store, O_RDONLY, mode, file, error);
}

void tg_file_close(struct tg_file *file) {
    if (file->fd >= 0) close(file->fd);
    file->fd = -1;
}

tg_status tg_file_make(const struct tg_place *place, uint32_t mode, uint64_t size, int *fd,
                       struct tg_error *error) {
    *fd = openat(place->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd < 0) return failed(error, "make a file in the folder");
    /* Not by the argument of open: the umask would change it. */
    if (fchmod(*fd, mode & 0777) == 0 && ftruncate(*fd, (off_t)size) == 0) return TG_OK;
    tg_status status = failed(error, "set the size and mode of the new file");
    close(*fd);
    *fd = -1;
    return status;
}

tg_status tg_file_link(const struct tg_place *place, const char *name, int fd,
                       struct tg_error *error) {
    char link[32];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, link, place->directory, name, AT_SYMLINK_FOLLOW) == 0) return TG_OK;
    /* Without /proc: allowed to the opener from Linux 6.10 on, and to root. */
    if (errno == ENOENT && linkat(fd, "", place->directory, name, AT_EMPTY_PATH) == 0) return TG_OK;
    if (errno == EEXIST) return tg_error_set(error, TG_EXISTS, "the name is taken", EEXIST);
    return failed(error, "give the new file its name");
}

tg_status tg_file_unlink(const struct tg_place *place, const char *name, struct tg_error *error) {
    if (unlinkat(place->directory, name, 0) == 0 || errno == ENOENT) return TG_OK;
    return failed(error, "remove the file");
}

bool tg_file_named(const struct tg_place *place, const char *name, struct tg_file_id id) {
    struct stat found;
    return fstatat(place->directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           found.st_dev == id.device && found.st_ino == id.inode;
}

bool tg_file_exists(const struct tg_place *place, const char *name) {
    struct stat found;
    return fstatat(place->directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

bool tg_file_read(int fd, void *bytes, size_t size) {
    ssize_t got;
    do got = pread(fd, bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

tg_status tg_file_write(int fd, const void *bytes, size_t size, struct tg_error *error) {
    ssize_t put;
    do put = pwrite(fd, bytes, size, 0);
    while (put < 0 && errno == EINTR);
    if (put == (ssize_t)size) return TG_OK;
    if (put >= 0) errno = ENOSPC;
    return failed(error, "write the new file");
}
