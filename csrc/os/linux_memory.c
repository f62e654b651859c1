/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

/* Linux 5.14; older headers lack it. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PIECE_MAX = 4 << 20, PIECE_MIN = 4096 };

tg_status tg_linux_failed(struct tg_os_linux *self) {
    int code = errno;
    tg_store_relaxed32(&self->last_error, (uint32_t)code);
    return code == ENOSPC || code == EDQUOT ? TG_FULL : TG_SYSTEM;
}

static int claim(struct tg_os_linux *self, bool kept, uint64_t offset, uint64_t length) {
    if (kept) return fallocate(self->store_fd, 0, (off_t)offset, (off_t)length);
    /* Somebody closed our descriptor: touch the pages, which answers as a fault would,
     * but without the signal. */
    int answer = madvise((char *)self->base + offset, length, MADV_POPULATE_WRITE);
    if (answer != 0 && (errno == EFAULT || errno == ENOMEM)) errno = ENOSPC;
    return answer;
}

/* tmpfs gives back all of a call that a signal interrupts, so each try is smaller. */
tg_status tg_linux_commit(struct tg_os *os, uint64_t offset, uint64_t length) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    bool kept = tg_linux_is_file(self->store_fd, self->store_id);
    uint64_t piece = PIECE_MAX, end = offset + length;
    while (offset < end) {
        uint64_t now = end - offset < piece ? end - offset : piece;
        if (claim(self, kept, offset, now) == 0) {
            offset += now;
        } else if (errno == EINTR || errno == EAGAIN) {
            piece = piece / 2 > PIECE_MIN ? piece / 2 : PIECE_MIN;
        } else {
            return tg_linux_failed(self);
        }
    }
    return TG_OK;
}

tg_status tg_linux_punch(struct tg_os *os, uint64_t offset, uint64_t length) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    bool kept = tg_linux_is_file(self->store_fd, self->store_id);
    int answer;
    do {
        if (kept)
            answer = fallocate(self->store_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               (off_t)offset, (off_t)length);
        else
            answer = madvise((char *)self->base + offset, length, MADV_REMOVE);
    } while (answer != 0 && errno == EINTR);
    return answer == 0 ? TG_OK : tg_linux_failed(self);
}

bool tg_linux_identify(int fd, struct tg_file_id *id) {
    struct stat found;
    if (fstat(fd, &found) != 0) return false;
    id->device = found.st_dev;
    id->inode = found.st_ino;
    return true;
}

tg_status tg_linux_keep(struct tg_os_linux *self, int store_fd, int lock_fd, const char *path) {
    self->store_fd = tg_linux_move_up(store_fd);
    self->lock_fd = lock_fd >= 0 ? tg_linux_move_up(lock_fd) : -1;
    snprintf(self->path, sizeof(self->path), "%s", path);
    if (!tg_linux_identify(self->store_fd, &self->store_id)) return tg_linux_failed(self);
    if (lock_fd >= 0 && !tg_linux_identify(self->lock_fd, &self->lock_id))
        return tg_linux_failed(self);
    return TG_OK;
}

tg_status tg_linux_map(struct tg_os_linux *self, uint64_t size) {
    void *base =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, self->store_fd, 0);
    if (base == MAP_FAILED) return tg_linux_failed(self);
    /* A core dump would write (and, for a hole, allocate) the whole store. A kernel without
     * the advice only dumps more. */
    (void)madvise(base, size, MADV_DONTDUMP);
    self->base = base;
    self->size = size;
    return TG_OK;
}

static void close_if_ours(int *fd, struct tg_file_id id) {
    /* The number may be somebody else's by now. */
    if (tg_linux_is_file(*fd, id)) close(*fd);
    *fd = -1;
}

void tg_linux_finish(struct tg_os_linux *self) {
    for (uint32_t i = 0; i < TG_LINUX_PROCESS_MAX; i++) tg_linux_life_drop(&self->os, i);
    if (self->base) munmap(self->base, self->size);
    self->base = NULL;
    close_if_ours(&self->store_fd, self->store_id);
    close_if_ours(&self->lock_fd, self->lock_id);
    int read_fd = (int)tg_load_relaxed32(&self->read_fd) - 1;
    close_if_ours(&read_fd, self->store_id);
    tg_store_relaxed32(&self->read_fd, 0);
}
