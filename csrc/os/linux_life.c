/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"
#include "linux_fork.h"

enum { TOKEN_SIZE = 4096 };

bool tg_linux_is_file(int fd, struct tg_file_id id) {
    struct stat found;
    return fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
           found.st_dev == id.device && found.st_ino == id.inode;
}

int tg_linux_move_up(int fd) {
    if (fd < 0 || fd >= TG_LINUX_FD_KEPT) return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, TG_LINUX_FD_KEPT);
    if (high < 0) return fd; /* the limit on descriptors may be below: any number works */
    close(fd);
    return high;
}

int tg_linux_lock_byte(int fd, int type, uint64_t byte) {
    struct flock lock = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

uint64_t tg_linux_locked_byte(int fd, uint64_t begin, uint64_t end) {
    /* Asking for a read lock: a reader's lock, if somebody smuggled one in, is no life. */
    struct flock lock = {.l_type = F_RDLCK,
                         .l_whence = SEEK_SET,
                         .l_start = (off_t)begin,
                         .l_len = (off_t)(end - begin)};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return begin; /* can't tell: as if locked */
    if (lock.l_type == F_UNLCK) return end;
    return (uint64_t)lock.l_start > begin ? (uint64_t)lock.l_start : begin;
}

int tg_linux_open_file(const char *path, int access, struct tg_file_id id) {
    int fd = open(path, access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || tg_linux_is_file(fd, id)) return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* Another description of the lock file of attach; -1 when no way leads to it any more. */
static int open_lock_again(struct tg_os_linux *self) {
    if (tg_linux_is_file(self->lock_fd, self->lock_id)) {
        char link[32];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", self->lock_fd);
        /* Not O_NOFOLLOW: this link is the kernel's. It works for a file without a name. */
        int fd = open(link, O_RDWR | O_CLOEXEC);
        if (tg_linux_is_file(fd, self->lock_id)) return fd;
        if (fd >= 0) close(fd);
    }
    return tg_linux_open_file(self->path, O_RDWR, self->lock_id);
}

/* The caller forbids forks: no child may inherit the description (O3). */
static tg_status make_token(struct tg_os_linux *self, uint32_t process) {
    int fd = open_lock_again(self);
    if (fd < 0) return tg_linux_failed(self);
    int failure = tg_linux_lock_byte(fd, F_WRLCK, TG_LINUX_BYTE_LIFE + (uint64_t)process);
    if (failure != 0) {
        close(fd);
        if (failure == EAGAIN || failure == EACCES) return TG_BUSY;
        errno = failure;
        return tg_linux_failed(self);
    }
    void *token = mmap(NULL, TOKEN_SIZE, PROT_NONE, MAP_SHARED, fd, 0);
    if (token != MAP_FAILED && madvise(token, TOKEN_SIZE, MADV_DONTFORK) != 0) {
        munmap(token, TOKEN_SIZE);
        token = MAP_FAILED;
    }
    tg_status status = token == MAP_FAILED ? tg_linux_failed(self) : TG_OK;
    close(fd); /* the lock stays: the mapping refers to the description */
    if (status == TG_OK) tg_store_relaxed64(&self->tokens[process], (uint64_t)(uintptr_t)token);
    return status;
}

tg_status tg_linux_life_take(struct tg_os *os, uint32_t process) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    if (process >= TG_LINUX_PROCESS_MAX) return TG_INVALID;
    /* Who mends may hold locks and have a deadline; a fork of much memory takes long. */
    if (!tg_fork_try_forbid()) return TG_BUSY;
    tg_status status = make_token(self, process);
    tg_fork_allow();
    return status;
}

tg_status tg_linux_life_claim(struct tg_os_linux *self, uint32_t process) {
    if (process >= TG_LINUX_PROCESS_MAX) return TG_INVALID;
    tg_fork_forbid();
    tg_status status = make_token(self, process);
    tg_fork_allow();
    return status;
}

void tg_linux_life_drop(struct tg_os *os, uint32_t process) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    void *token = (void *)(uintptr_t)tg_load_relaxed64(&self->tokens[process]);
    if (token == NULL) return;
    tg_store_relaxed64(&self->tokens[process], 0); /* before the next taker can write it */
    munmap(token, TOKEN_SIZE);
}

enum tg_life tg_linux_life_probe(struct tg_os *os, uint32_t process) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    uint64_t byte = TG_LINUX_BYTE_LIFE + (uint64_t)process;
    int fd = self->lock_fd;
    bool kept = tg_linux_is_file(fd, self->lock_id);
    if (!kept) fd = tg_linux_open_file(self->path, O_RDWR, self->lock_id);
    if (fd < 0) return TG_LIFE_UNKNOWN;
    bool locked = tg_linux_locked_byte(fd, byte, byte + 1) == byte;
    if (!kept) close(fd);
    return locked ? TG_LIFE_ALIVE : TG_LIFE_DEAD;
}
