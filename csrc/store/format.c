/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include "../arena/arena.h"
#include "../names/change.h"
#include "../region/region.h"

tg_status tg_store_format(struct tg_local *local) {
    tg_status status = tg_region_format(local);
    if (status == TG_OK) status = tg_arena_format(local);
    if (status == TG_OK) status = tg_names_format(local);
    if (status != TG_OK) return status;
    tg_region_seal(local);
    return TG_OK;
}
