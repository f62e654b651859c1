/* SPDX-License-Identifier: Apache-2.0 */
/* Attaching to a store: the files, the process entry, forks, and the end of it.
 *
 * What
 *   tg_store_open finds or makes the two files (os/linux_file.h), checks the header before
 *   it believes anything, maps the store, takes a process entry and its life token.
 *   A store that this process has open already is the same struct tg_store, counted (but one
 *   to read only is another one).
 *   To read only, the store's file is enough, opened so: no lock file, no entry, no token, and
 *   a forked child goes on with what it inherits.
 *
 * When a file is void and replaced
 *   Off tmpfs a file survives a reboot, but what it says about processes doesn't. It is
 *   void when its boot id is another one and nobody holds a life byte of it (containers
 *   may each have a boot id of their own). All life bytes are locked while the pair of
 *   files is removed, so nobody attaches to it meanwhile; then one is made as if there
 *   had been none.
 *
 * Bits and states of a process entry: FREE; LIVE; MENDED (owner/recover.h). The token is
 *   the truth, the state a memo: who has the token of an entry that isn't FREE knows that
 *   its owner is dead, and recovers it first.
 *
 * Invariants
 *   T1  An entry is written by the holder of its token.
 *   T2  What is mapped is the file whose header was checked and whose lock file has its uuid.
 *   T3  A forked child never uses its parent's entry: its cookie reads 0.
 *   T4  A store that is only read has no cookie but 0: a call that knows nothing of it
 *       answers TG_CLOSED or TG_READ_ONLY, and touches nothing.
 *
 * Ordering: nothing of its own; a token taken orders all that its last owner did.
 *
 * Death
 *   while making the files     nothing, or a lock file alone: the next maker removes it
 *   token taken, not yet LIVE  the entry is as it was
 *   LIVE                       store/recover.h, by whoever meets it or claims the entry
 *   in a removal               os/linux_file.h
 *
 * Fork
 *   The child has none of the parent's contexts and pins. When the parent has pins at the
 *   fork, the child attaches at once, inside fork, and pins the same objects under the
 *   same numbers, while the parent waits for it (1 s at most; ledger/adopt.h). Otherwise,
 *   and where that failed, the child attaches when it first calls tg_store_after_fork.
 *   It fails when the child was stopped meanwhile, its parent killed, or no descriptors
 *   or process entries were left. Then tg_store_usable says no right after the fork, and
 *   what the parent had pinned is void in the child: those bytes may become others, so they
 *   must not be read: tg_pin_holds says so of each, tg_store_lost_pins of all. To unpin
 *   them does nothing. A raw clone is not supported.
 *
 * Progress: open waits for another maker, at most timeout_ns.
 *
 * API: tg_store_open, tg_store_close, tg_store_after_fork, tg_store_lost_pins,
 *   tg_store_unlink, tg_store_each.
 */
#ifndef TG_STORE_ATTACH_H
#define TG_STORE_ATTACH_H

#include "../os/linux_file.h"
#include "../region/region.h"
#include "store.h"

enum tg_create { TG_CREATE_IF_ABSENT, TG_CREATE_NEVER, TG_CREATE_EXCLUSIVE };

struct tg_open_options {
    const char *directory; /* NULL: the default, see tg_place_open */
    const char *name;
    uint64_t size; /* limit of a new store; 0: 1 GiB. An old one must have at least this */
    enum tg_create create;
    uint32_t mode;          /* permission bits; 0: 0600 */
    uint32_t max_processes; /* of a new store; 0: 512 */
    bool new_on_mismatch;   /* another layout: make a new store in its place */
    bool readonly;          /* never creates, never writes (reader/reader.h) */
    uint64_t timeout_ns;    /* for another maker; 0: 5 s */
    const uint8_t *uuid;    /* NULL, or: only this one; never creates */
    const struct tg_region_options *layout; /* NULL; for tests: instead of size */
};

/* TG_OK; TG_ABSENT, TG_EXISTS, TG_FULL, TG_CORRUPT, TG_LAYOUT, TG_NOT_OURS, TG_UNSUPPORTED,
 * TG_NO_PROCESS, TG_INVALID (name, size), TG_TIMEOUT, TG_INTERRUPTED, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_store_open(const struct tg_open_options *options, struct tg_store **out,
                                      struct tg_error *error);

/* Undoes one tg_store_open. The last one leaves nothing of this process in the store and
 * unmaps it: no pin may be in use and no other thread in a call (the caller's business). */
void tg_store_close(struct tg_store *store);

/* In a forked child, before its first call, when tg_store_usable says no. TG_OK (also when
 * it was done), TG_CLOSED, TG_NO_PROCESS, TG_FULL, TG_SYSTEM. TG_READ_ONLY: it never will. */
TG_MUST_CHECK tg_status tg_store_after_fork(struct tg_store *store);

/* In a forked child: a store whose pins it could not take over, or NULL; each is told once. */
struct tg_store *tg_store_lost_pins(void);

/* Removes the names; who is attached keeps the files. TG_ABSENT, TG_NOT_OURS, ... */
TG_MUST_CHECK tg_status tg_store_unlink(const char *directory, const char *name,
                                        struct tg_error *error);

struct tg_store_info {
    const char *name;
    tg_status status; /* of its header: TG_OK, TG_LAYOUT, TG_CORRUPT; TG_NOT_OURS: not read */
    uint32_t layout;
    uint64_t limit;
    uint64_t allocated; /* bytes of memory, or of the disk */
    uint32_t processes; /* attached now */
    uint8_t uuid[16];
};

/* Looks at the stores of a folder without attaching; `visit` answers false to stop. */
TG_MUST_CHECK tg_status tg_store_each(const char *directory,
                                      bool (*visit)(void *argument,
                                                    const struct tg_store_info *info),
                                      void *argument, struct tg_error *error);

/* Where the store is, and why the last system call of it failed (errno). */
const char *tg_store_lock_path(const struct tg_store *store);
uint32_t tg_store_last_error(const struct tg_store *store);

#endif
