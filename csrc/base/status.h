/* SPDX-License-Identifier: Apache-2.0 */
/* What a call of the core may answer. Zero is success; none is ever ignored. */
#ifndef TG_BASE_STATUS_H
#define TG_BASE_STATUS_H

#define TG_MUST_CHECK __attribute__((warn_unused_result))

typedef enum tg_status {
    TG_OK = 0,
    TG_ABSENT,        /* no such key, or nothing there */
    TG_EXISTS,        /* there already */
    TG_TIMEOUT,       /* the deadline passed; nothing happened */
    TG_INTERRUPTED,   /* a signal came during a wait; nothing happened */
    TG_BUSY,          /* a try-call found the lock taken */
    TG_FULL,          /* the store (or the file system) has no room */
    TG_PINS_FULL,     /* this process's ledger has no room */
    TG_NO_CONTEXT,    /* every context is taken */
    TG_NO_PROCESS,    /* every process entry is taken */
    TG_CORRUPT,       /* shared memory holds what no run of this code writes */
    TG_LAYOUT,        /* the file has another layout */
    TG_NOT_OURS,      /* another owner, or writable by others */
    TG_UNSUPPORTED,   /* the file system fails the self-test */
    TG_READ_ONLY,     /* the store was opened to read only */
    TG_CLOSED,        /* not attached any more, or not yet in a forked child */
    TG_INVALID,       /* an argument out of its range */
    TG_OVERFLOW,      /* a count at its limit; the word is unchanged */
    TG_DEAD,          /* marked dead: no new reference */
    TG_MISMATCH,      /* compare-and-set: another version is there */
    TG_RECURSION,     /* the caller would wait for itself */
    TG_SYSTEM,        /* a system call failed; tg_os keeps errno */
    TG_RETRY,         /* internal: the world moved, start the operation again */
} tg_status;

/* A name for messages, e.g. "TG_FULL". */
const char *tg_status_name(tg_status status);

#endif
