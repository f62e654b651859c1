/* SPDX-License-Identifier: Apache-2.0 */
/* An empty store, written into a zero image: each layer's part, in the order of LAYERS. */
#ifndef TG_STORE_FORMAT_H
#define TG_STORE_FORMAT_H

#include "../region/local.h"

/* `local` is bound to a zero image that nobody else can see, and acts as process 0, whose
 * life token nobody needs to hold. TG_OK, TG_FULL, TG_SYSTEM. */
TG_MUST_CHECK tg_status tg_store_format(struct tg_local *local);

#endif
