/* SPDX-License-Identifier: Apache-2.0 */
/* What lies behind struct tg_store: private to attach*.c, claim.c and fork.c.
 *
 * What
 *   struct tg_attached is private memory, one for each store that this process has open:
 *   its tg_local and operating system, how many opened it, and its part in a fork.
 *
 * Death: nothing to mend but the process entry (store/attach.h).
 */
#ifndef TG_STORE_ATTACHED_H
#define TG_STORE_ATTACHED_H

#include "../os/linux_fork.h"
#include "../region/call.h"
#include "attach.h"

struct tg_attached {
    struct tg_store store; /* first */
    struct tg_fork_node node;
    struct tg_fork_wait wait;
    uint32_t users;
    bool claimed;     /* local.process is ours */
    bool adopt;       /* across a fork: the parent has pins, and waits */
    bool pinned;      /* it has pins, whether it waits or can't */
    bool lost;        /* in a child: it has none of them, and nobody was told */
    tg_a64 attaching; /* 1: a thread of a forked child is at it */
    tg_a64 never;     /* 0: the cookie of a store that is only read */
    struct tg_os_linux os;
};

/* ---- attach.c ------------------------------------------------------------------- */

struct tg_attached *tg_attached_new(bool readonly);
void tg_attached_free(struct tg_attached *self);

/* ---- attach_make.c: names come and go --------------------------------------------- */

/* Makes the pair of files. TG_OK, TG_EXISTS (somebody else did), ... */
TG_MUST_CHECK tg_status tg_attach_make(const struct tg_place *place,
                                       const struct tg_open_options *options, uint64_t deadline_ns,
                                       struct tg_error *error);
/* Removes the pair; with `only`, if that is still the store; with `idle`, if nobody is
 * attached. TG_OK, TG_RETRY (it isn't), TG_ABSENT, ... */
TG_MUST_CHECK tg_status tg_attach_remove(const struct tg_place *place,
                                         const struct tg_file_id *only, bool idle, uint32_t mode,
                                         uint64_t deadline_ns, struct tg_error *error);

/* ---- attach_read.c: to read only --------------------------------------------------- */

/* Takes over the descriptor, maps what is fixed and the buckets, for loads alone. */
TG_MUST_CHECK tg_status tg_attach_reading(const struct tg_place *place, struct tg_file *store,
                                          const struct tg_header *header, struct tg_attached *self,
                                          struct tg_error *error);

/* ---- claim.c: the process entry ---------------------------------------------------- */

/* Takes an entry: local->process. TG_OK, TG_NO_PROCESS, TG_UNSUPPORTED, ... After the
 * deadline no dead process is recovered for its entry. */
TG_MUST_CHECK tg_status tg_claim(struct tg_attached *self, uint64_t deadline_ns,
                                 struct tg_error *error);
/* Leaves nothing behind and gives the entry back. */
void tg_claim_release(struct tg_attached *self);

/* ---- fork.c -------------------------------------------------------------------------- */

void tg_fork_hooks(struct tg_attached *self);
/* The store that this process has open with that file, or NULL; the fork lock is held. */
struct tg_attached *tg_attached_find_locked(struct tg_file_id id, bool readonly);

#endif
