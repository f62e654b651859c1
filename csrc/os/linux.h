/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system under a store: Linux, and two files.
 *
 * What
 *   NAME.tryget        the memory (region/format.h). No lock is ever taken on it.
 *   NAME.tryget-lock   all locks: open file description (OFD) locks on its bytes, and the
 *                      uuid of the store that it belongs to. Who may only read the store
 *                      can't open this file, so can't mislead anybody about life.
 *
 * Bytes of the lock file
 *   CREATE    held while the names of the two files are made or removed
 *   LIFE + p  the life token of process entry p
 *
 * Life tokens
 *   A fresh open description locks the byte; one page of it is mapped PROT_NONE and
 *   MADV_DONTFORK; the descriptor is closed. So the token lives as long as the memory
 *   map: it survives a program that closes all descriptors, isn't inherited by fork, ends
 *   with exec and SIGKILL. A file system where this fails is refused at attach.
 *   Descriptors are numbers that others may close and reuse, and a path may name another
 *   file by now: whatever is used is compared with the file of attach first. Order: the
 *   kept descriptor (from 64 up, so that few collide with it); /proc/self/fd, to open it
 *   again; the path. If none fits, life is UNKNOWN, which is treated as alive.
 *
 * A store that is only read
 *   is opened O_RDONLY, so the kernel refuses every way to write to it. What is fixed and
 *   backed by memory is mapped; blocks are copied by pread, to which a hole is zeros (a load
 *   would take memory for it, or fault when the file system is full).
 *
 * Invariants
 *   O1  Nothing but a descriptor whose (device, inode) were compared is locked or probed.
 *   O2  tokens[p] is written by the taker of p only, and there is one at a time.
 *   O3  No fork happens between the opening of a description that will hold a lock and
 *       MADV_DONTFORK (os/linux_fork.h).
 *
 * Death: the kernel releases every lock once the memory map is gone.
 *   A child of vfork that hangs keeps its dead parent's map, so the parent looks alive; so
 *   does a descriptor copied by pidfd_getfd or a raw clone in the window of O3.
 * Progress: no call waits, but futex_wait; commit and punch take as long as the kernel does.
 *
 * API: tg_linux_init, tg_linux_keep, tg_linux_map, tg_linux_map_reading, tg_linux_finish,
 *   tg_linux_after_fork.
 */
#ifndef TG_OS_LINUX_H
#define TG_OS_LINUX_H

#include "linux_helper.h"
#include "os.h"

enum {
    TG_LINUX_PROCESS_MAX = 4096,
    TG_LINUX_BYTE_CREATE = 0,
    TG_LINUX_BYTE_LIFE = 64,
    TG_LINUX_FD_KEPT = 64, /* the lowest number of a descriptor that stays open */
    TG_LINUX_PATH_MAX = 4096,
};

/* Which file it is, whatever its name. */
struct tg_file_id {
    uint64_t device;
    uint64_t inode;
};

struct tg_os_linux {
    struct tg_os os;
    void *base; /* the mapping of the store; NULL before tg_linux_map */
    uint64_t size;
    int store_fd; /* kept descriptors: -1, or numbers that must be compared before use */
    int lock_fd;
    struct tg_file_id store_id;
    struct tg_file_id lock_id;
    struct tg_helper helper;
    tg_a32 read_fd; /* of a store that is only read, instead of store_fd: the number + 1 */
    uint64_t read_mark; /* the position of its description; 0: there is none */
    tg_a32 last_error; /* errno of the last call that answered TG_SYSTEM */
    char path[TG_LINUX_PATH_MAX]; /* of the lock file, or of a store that is only read */
    tg_a64 tokens[TG_LINUX_PROCESS_MAX]; /* address of the mapping that holds byte p */
};

/* No files yet: clocks, futexes and identities work. */
void tg_linux_init(struct tg_os_linux *self);
/* Takes over both descriptors (moved up, close-on-exec). The lock file's path is absolute. */
TG_MUST_CHECK tg_status tg_linux_keep(struct tg_os_linux *self, int store_fd, int lock_fd,
                                      const char *path);
/* Maps the store, shared; kept out of core dumps. Its memory isn't touched. */
TG_MUST_CHECK tg_status tg_linux_map(struct tg_os_linux *self, uint64_t size);
/* For a store that is only read: takes over its descriptor, opened so, and maps the first
 * `size` bytes for loads alone. The path is the store's. */
TG_MUST_CHECK tg_status tg_linux_map_reading(struct tg_os_linux *self, int fd, const char *path,
                                             uint64_t size);
/* Bytes that the file system has set aside for the store that is read. */
uint64_t tg_linux_allocated(struct tg_os_linux *self);
/* Unmaps and closes. A token still held is dropped. */
void tg_linux_finish(struct tg_os_linux *self);
/* In a forked child: the parent's tokens are not ours, and not mapped here. */
void tg_linux_after_fork(struct tg_os_linux *self);

/* A page that reads as zero in a forked child, though this process wrote it. NULL: none. */
tg_a64 *tg_linux_cookie(void);
void tg_linux_cookie_free(tg_a64 *cookie);
uint64_t tg_linux_monotonic_ns(void);
/* The name of this program, zero-padded. */
void tg_linux_program_name(uint8_t name[16]);

/* ---- for the files of this folder ------------------------------------------------ */

/* Writes errno down and answers TG_FULL for a full file system, else TG_SYSTEM. */
tg_status tg_linux_failed(struct tg_os_linux *self);
bool tg_linux_is_file(int fd, struct tg_file_id id);
/* Opens that very file, which may have another name by now: -1 then. */
int tg_linux_open_file(const char *path, int access, struct tg_file_id id);
bool tg_linux_identify(int fd, struct tg_file_id *id);
/* A small number is replaced by one from TG_LINUX_FD_KEPT up, where there is room. */
int tg_linux_move_up(int fd);
/* Locks, unlocks (F_WRLCK, F_UNLCK) a byte of the lock file: 0, or errno. */
int tg_linux_lock_byte(int fd, int type, uint64_t byte);
/* The first byte in [begin, end) that some other description has locked; end when none. */
uint64_t tg_linux_locked_byte(int fd, uint64_t begin, uint64_t end);

/* For recoveries: TG_BUSY also while a fork is under way. The other one waits for its end. */
tg_status tg_linux_life_take(struct tg_os *os, uint32_t process);
tg_status tg_linux_life_claim(struct tg_os_linux *self, uint32_t process);
void tg_linux_life_drop(struct tg_os *os, uint32_t process);
enum tg_life tg_linux_life_probe(struct tg_os *os, uint32_t process);
tg_status tg_linux_commit(struct tg_os *os, uint64_t offset, uint64_t length);
tg_status tg_linux_punch(struct tg_os *os, uint64_t offset, uint64_t length);
tg_status tg_linux_read_at(struct tg_os *os, uint64_t offset, void *bytes, uint64_t size);
tg_status tg_linux_read_check(struct tg_os *os);

#endif
