/* SPDX-License-Identifier: Apache-2.0 */
/* Builds: a missing value is made once, by one caller of all processes.
 *
 * What
 *   begin puts a claim on the board (board/board.h) or finds another's; publish is a set
 *   that ends the claim in its own transaction; abort and absent end it without a value.
 *   Who finds another's claim sleeps on its stripe, reads again, begins again.
 *
 * Bits and states: of a claim, see board/board.h. A build is over when its token is not on
 *   the board any more.
 *
 * Invariants
 *   U1  First the claim, then a look for the value. All values of builds are published
 *       under a claim; so if there is none by then, no build before this one gave one.
 *   U2  A claim is found by the text of its key; one that has moved, by the directory that
 *       the walk ends in and the text below it.
 *   U3  Only what is over is taken over: a memo or a lease that expired, a builder that is
 *       dead. The token changes, so what comes late from the former owner finds nothing.
 *   U4  A set that gave a key its first value, and every removal, forgets the key's claim:
 *       the removal before it removes (H4), the set after it.
 *   U5  Who is about to sleep writes what it waits for into its own claims, then follows
 *       what others wait for: of those in a circle, the last one to write sees it.
 *   U6  A published key is where its claim is: a claim that moved is published below its
 *       directory, whatever the path to that is by now.
 *   U7  A builder that can't take its claim away (a stopped process has the stripe) leaves it:
 *       the token is written into its process entry, without a lock, and counts as over.
 *
 * Ordering: PAIR lock. Of U5: each writes under one stripe's lock, then reads under others'.
 * Death: of a builder: U3, by whoever waits, or store/recover.h. Between a set and its
 *   forgetting: the builder finds the value when it publishes.
 * Progress: blocking, for locks; a wait takes 40 ms at most, then everything is looked at
 *   again, whatever was missed. No context is held in a sleep.
 * API: below.
 */
#ifndef TG_NAMES_BUILD_H
#define TG_NAMES_BUILD_H

#include "change.h"

/* All below: a call without a context, unless they say HELD. Answers as in tryget.h. */
TG_MUST_CHECK tg_status tg_names_begin(struct tg_call *call, struct tg_key key,
                                       const struct tg_build_options *options,
                                       struct tg_build *build, struct tg_awaited *wait);
/* A set under update->build. TG_OK, TG_EXISTS, TG_ABSENT: the build is over. */
TG_MUST_CHECK tg_status tg_names_publish(struct tg_call *call, struct tg_update *update);
/* Ends a build, without a value. With an expiry it is remembered that there is none. */
TG_MUST_CHECK tg_status tg_names_build_end(struct tg_call *call, const struct tg_build *build,
                                           const uint32_t *expiry);
/* U7: never waits, never fails. */
void tg_build_forsake(struct tg_local *local, const struct tg_build *build);
/* U4, for one key. */
TG_MUST_CHECK tg_status tg_names_forget(struct tg_call *call, struct tg_key key);
/* U4, for a node and all below it; bytes NULL: everything. */
TG_MUST_CHECK tg_status tg_names_forget_below(struct tg_call *call, struct tg_key key);

/* ---- for set.c: under the locks of buckets ------------------------------------------- */

/* Locks the stripe of update->build and finds its claim. TG_ABSENT: it is over. TG_MISMATCH:
 * it does not belong where this set would put the value. */
TG_MUST_CHECK tg_status tg_build_hold(struct tg_call *call, struct tg_update *update);
/* The claim goes (6 entries). */
void tg_build_log_over(struct tg_call *call, struct tg_update *update);

/* ---- build_wait.c ------------------------------------------------------------------- */

TG_MUST_CHECK tg_status tg_names_wait(struct tg_call *call, const struct tg_awaited *wait,
                                      const struct tg_build_options *options);
/* Nobody is building any more. No lock is held: it asks the system. */
bool tg_build_is_over(struct tg_local *local, const struct tg_awaited *wait);
/* Is it one of the caller's own? A forked child has none of its parent's. */
bool tg_build_is_own(const struct tg_local *local, const struct tg_build_options *options,
                     uint64_t token);

#endif
