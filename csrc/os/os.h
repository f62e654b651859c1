/* SPDX-License-Identifier: Apache-2.0 */
/* The seam for the operating system: every effect the core asks for, in one table.
 *
 * What
 *   linux.c implements it over the two files of a store, sim/os.c over virtual
 *   processes and virtual time. Nothing else in csrc/ makes a system call.
 *
 * Life tokens
 *   Byte p of the lock file stands for process entry p. It is locked while the
 *   memory map (the mm) of its owner exists: an OFD lock whose only reference is a
 *   MADV_DONTFORK mapping, the descriptor closed at once. The kernel frees it at
 *   exec, exit and SIGKILL, after every thread has left user mode for ever, so who
 *   takes the byte sees a program-order prefix of the dead owner's stores.
 *   life_take is both a claim and the election of a recoverer. It conflicts
 *   with every other holder, another thread of this process included.
 *
 * Death: a token needs no mending. Everything else here has no shared state.
 */
#ifndef TG_OS_OS_H
#define TG_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/status.h"

struct tg_os;

enum tg_life { TG_LIFE_DEAD, TG_LIFE_ALIVE, TG_LIFE_UNKNOWN /* must be treated as alive */ };

struct tg_os_ops {
    /* Takes byte p. TG_OK, TG_BUSY (somebody holds it, or can't be asked now), TG_SYSTEM. */
    tg_status (*life_take)(struct tg_os *os, uint32_t process);
    /* Gives byte p back; only the taker may. */
    void (*life_drop)(struct tg_os *os, uint32_t process);
    enum tg_life (*life_probe)(struct tg_os *os, uint32_t process);

    /* Sleeps while *word == expected, at most timeout_ns; wakes early without reason.
     * TG_INTERRUPTED after a signal, TG_OK otherwise. `mask` as FUTEX_WAIT_BITSET. */
    tg_status (*futex_wait)(struct tg_os *os, const void *word, uint32_t expected,
                            uint64_t timeout_ns, uint32_t mask);
    void (*futex_wake)(struct tg_os *os, const void *word, uint32_t count, uint32_t mask);

    /* CLOCK_MONOTONIC in ns, for waits of one process. */
    uint64_t (*monotonic_ns)(struct tg_os *os);
    /* The same clock as of its last tick (10 ms at most), for a tenth of the price: for notes
     * that people read. Comparable between processes. */
    uint64_t (*coarse_ns)(struct tg_os *os);
    /* CLOCK_BOOTTIME (coarse enough for 0.1 s) in ns, comparable between processes. */
    uint64_t (*boottime_ns)(struct tg_os *os);

    /* Claims [offset, offset+length) of the store file: TG_OK, TG_FULL, TG_SYSTEM. */
    tg_status (*commit)(struct tg_os *os, uint64_t offset, uint64_t length);
    /* Gives the pages back to the file system; their content is zero afterwards. */
    tg_status (*punch)(struct tg_os *os, uint64_t offset, uint64_t length);

    /* Copies bytes of the store file: a hole reads as zeros, and stays one. What changes
     * meanwhile may be torn within a word. TG_OK, TG_CORRUPT (the file ends before), TG_SYSTEM. */
    tg_status (*read_at)(struct tg_os *os, uint64_t offset, void *bytes, uint64_t size);
    /* Before what was copied is believed. TG_OK: it came from the store. TG_RETRY: copy it
     * again. TG_SYSTEM: the program closed the store's descriptor, and no way leads back. */
    tg_status (*read_check)(struct tg_os *os);

    uint64_t (*random64)(struct tg_os *os);
    uint32_t (*process_id)(struct tg_os *os);
    uint32_t (*thread_id)(struct tg_os *os);
    /* Has this process such a thread? */
    bool (*thread_lives)(struct tg_os *os, uint32_t thread);
    /* There is work that nobody waits for: have it done soon, not here. */
    void (*ask_helper)(struct tg_os *os);
    /* Until it is done, at most timeout_ns; false: it isn't. */
    bool (*await_helper)(struct tg_os *os, uint64_t timeout_ns);
    /* A hint to spread contexts: the current processor, or any small number. */
    uint32_t (*processor)(struct tg_os *os);
};

/* Each implementation embeds this first in its own state. */
struct tg_os {
    const struct tg_os_ops *ops;
};

#endif
