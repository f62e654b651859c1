/* SPDX-License-Identifier: Apache-2.0 */
/* What a large drop leaves is taken apart in the background.
 *
 * What
 *   A drop is one step; what was below is unlinked afterwards, a record a transaction. Each
 *   change takes a few of these steps upon itself. When more is left the process that made the
 *   change asks for a helper (os/linux_helper.h), which does the rest.
 * Invariants: none of its own: it makes calls as any thread does.
 * Ordering: none of its own.
 * Death: whoever makes the next change in any process goes on where it was.
 * Progress: it waits for nobody. Where a stopped process is in its way it tries again for a
 *   while, then ends; the next change asks anew. A fork ends it between two rounds.
 * API: tg_reaper_run.
 */
#ifndef TG_STORE_REAPER_H
#define TG_STORE_REAPER_H

#include "attached.h"

void tg_reaper_run(struct tg_helper *helper);

#endif
