/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"

tg_status tg_attach_reading(const struct tg_place *place, struct tg_file *store,
                            const struct tg_header *header, struct tg_attached *self,
                            struct tg_error *error) {
    char path[TG_LINUX_PATH_MAX];
    struct tg_local *local = &self->store.local;
    tg_status status = tg_place_file_path(place, place->store, path, sizeof(path), error);
    if (status != TG_OK) return status;
    /* Buckets that are not committed yet lie within, but are never loaded (reader.h, L5). */
    status = tg_linux_map_reading(&self->os, store->fd, path, header->arena_offset);
    store->fd = -1;
    if (status != TG_OK)
        return tg_error_set(error, status, "map the store",
                            (int)tg_load_relaxed32(&self->os.last_error));
    tg_region_bind(local, self->os.base, &self->os.os, header);
    /* In this order: memory is there before it is counted. */
    uint64_t committed = tg_load_relaxed64(&local->hot->buckets_committed);
    if (!tg_region_hot_good(local) ||
        tg_linux_allocated(&self->os) < header->fixed_size + committed * sizeof(struct tg_line))
        return tg_error_set(error, TG_CORRUPT, "the global words are damaged", 0);
    return TG_OK;
}
