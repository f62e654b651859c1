/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

static int read_fd(struct tg_os_linux *self) { return (int)tg_load_relaxed32(&self->read_fd) - 1; }

/* pread has no use for the position of a description, so it can say which one this is, at less
 * than half the price of fstat. A forked child shares it. */
static void set_mark(struct tg_os_linux *self, int fd) {
    off_t mark = (off_t)self->read_mark;
    if (lseek(fd, mark, SEEK_SET) != mark) self->read_mark = 0;
}

static bool is_store(struct tg_os_linux *self, int fd) {
    if (self->read_mark && lseek(fd, 0, SEEK_CUR) == (off_t)self->read_mark) return true;
    return tg_linux_is_file(fd, self->store_id);
}

tg_status tg_linux_map_reading(struct tg_os_linux *self, int fd, const char *path, uint64_t size) {
    fd = tg_linux_move_up(fd);
    tg_store_relaxed32(&self->read_fd, (uint32_t)fd + 1);
    snprintf(self->path, sizeof(self->path), "%s", path);
    if (!tg_linux_identify(fd, &self->store_id)) return tg_linux_failed(self);
    /* Between 4 and 8 TiB: every file system allows it. */
    self->read_mark = self->os.ops->random64(&self->os) >> 22 | (uint64_t)1 << 42;
    set_mark(self, fd);
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) return tg_linux_failed(self);
    (void)madvise(base, size, MADV_DONTDUMP);
    self->base = base;
    self->size = size;
    return TG_OK;
}

uint64_t tg_linux_allocated(struct tg_os_linux *self) {
    struct stat found;
    return fstat(read_fd(self), &found) == 0 ? (uint64_t)found.st_blocks * 512 : 0;
}

tg_status tg_linux_read_at(struct tg_os *os, uint64_t offset, void *bytes, uint64_t size) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    uint8_t *to = bytes;
    while (size > 0) {
        ssize_t got = pread(read_fd(self), to, size, (off_t)offset);
        if (got == 0) return TG_CORRUPT;
        if (got < 0 && errno != EINTR) return tg_linux_failed(self);
        if (got < 0) continue;
        to += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return TG_OK;
}

/* The number may be closed by now, or another file's (O1). Two threads that find this at once
 * open it twice, and one descriptor stays open until the process ends. */
tg_status tg_linux_read_check(struct tg_os *os) {
    struct tg_os_linux *self = (struct tg_os_linux *)os;
    if (is_store(self, read_fd(self))) return TG_OK;
    int fd = tg_linux_open_file(self->path, O_RDONLY, self->store_id);
    if (fd < 0) return tg_linux_failed(self);
    fd = tg_linux_move_up(fd);
    if (self->read_mark) set_mark(self, fd);
    tg_store_relaxed32(&self->read_fd, (uint32_t)fd + 1);
    return TG_RETRY;
}
