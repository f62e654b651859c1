/* SPDX-License-Identifier: Apache-2.0 */
#include "attached.h"
#include "format.h"

/* The lock file's bits: who may write the store must be able to lock, others must not. */
static uint32_t lock_mode(uint32_t mode) {
    return 0600 | (mode & 0020 ? 0060 : 0) | (mode & 0002 ? 0006 : 0);
}

static tg_status plan(const struct tg_open_options *options, struct tg_header *header,
                      struct tg_error *error) {
    struct tg_region_options layout = {.limit = options->size ? options->size : 1u << 30,
                                       .max_processes = options->max_processes};
    tg_status status = tg_region_plan(options->layout ? options->layout : &layout, header);
    if (status != TG_OK) return tg_error_set(error, status, "no layout for this size", 0);
    tg_boot_id(header->boot_id);
    return TG_OK;
}

static tg_status make_files(const struct tg_place *place, const struct tg_header *header,
                            uint32_t mode, struct tg_attached *self, struct tg_error *error) {
    int store_fd, lock_fd;
    tg_status status = tg_file_make(place, mode, header->file_size, &store_fd, error);
    if (status != TG_OK) return status;
    status = tg_file_make(place, lock_mode(mode), 0, &lock_fd, error);
    if (status != TG_OK) {
        struct tg_file made = {.fd = store_fd};
        tg_file_close(&made);
        return status;
    }
    status = tg_linux_keep(&self->os, store_fd, lock_fd, "");
    if (status == TG_OK) status = tg_linux_map(&self->os, header->file_size);
    if (status == TG_OK) return TG_OK;
    return tg_error_set(error, status, "map the new file",
                        (int)tg_load_relaxed32(&self->os.last_error));
}

/* Both files, complete, without names; CREATE of the new lock file is ours. */
static tg_status prepare(const struct tg_place *place, const struct tg_open_options *options,
                         struct tg_attached *self, struct tg_error *error) {
    struct tg_header header;
    tg_status status = plan(options, &header, error);
    if (status == TG_OK)
        status = make_files(place, &header, options->mode ? options->mode : 0600, self, error);
    if (status != TG_OK) return status;
    tg_region_bind(&self->store.local, self->os.base, &self->os.os, &header);
    status = tg_store_format(&self->store.local);
    if (status != TG_OK)
        return tg_error_set(error, status, "claim memory for the new store",
                            (int)tg_load_relaxed32(&self->os.last_error));
    status = tg_lock_text_write(self->os.lock_fd, self->store.local.header.uuid, error);
    if (status != TG_OK) return status;
    int code = tg_place_lock_new(self->os.lock_fd);
    if (code == 0) return TG_OK;
    return tg_error_set(error, TG_UNSUPPORTED, "lock a byte of the new file", code);
}

/* A lock file has the name. When no store comes with it, its maker died (or is about to
 * link the store, for as long as it holds CREATE). TG_OK: the name is free now. */
static tg_status clear_lock_name(const struct tg_place *place, uint32_t mode, uint64_t deadline_ns,
                                 struct tg_error *error) {
    struct tg_file lock;
    tg_status status = tg_file_open(place, place->lock, mode, &lock, error);
    if (status == TG_ABSENT) return TG_OK;
    if (status != TG_OK) return status;
    status = tg_place_lock(place, &lock, deadline_ns, error);
    if (status == TG_RETRY)
        status = TG_OK; /* it lost its name meanwhile */
    else if (status == TG_OK) {
        if (tg_file_exists(place, place->store))
            status = tg_error_set(error, TG_EXISTS, "somebody made the store", 0);
        else
            status = tg_file_unlink(place, place->lock, error);
        tg_place_unlock(lock.fd);
    }
    tg_file_close(&lock);
    return status;
}

static tg_status link_lock(const struct tg_place *place, int lock_fd, uint32_t mode,
                           uint64_t deadline_ns, struct tg_error *error) {
    for (int i = 0; i < 100; i++) {
        tg_status status = tg_file_link(place, place->lock, lock_fd, error);
        if (status != TG_EXISTS) return status;
        status = clear_lock_name(place, mode, deadline_ns, error);
        if (status != TG_OK) return status;
    }
    return tg_error_set(error, TG_TIMEOUT, "others make and remove the store all the time", 0);
}

tg_status tg_attach_make(const struct tg_place *place, const struct tg_open_options *options,
                         uint64_t deadline_ns, struct tg_error *error) {
    bool volatile_memory;
    tg_status status = tg_file_system_check(place->directory, &volatile_memory, error);
    if (status != TG_OK) return status;
    struct tg_attached *self = tg_attached_new(false);
    if (self == NULL) return tg_error_set(error, TG_SYSTEM, "allocate memory", 0);
    status = prepare(place, options, self, error);
    if (status == TG_OK)
        status = link_lock(place, self->os.lock_fd, options->mode, deadline_ns, error);
    if (status == TG_OK) {
        status = tg_file_link(place, place->store, self->os.store_fd, error);
        if (status != TG_OK) { /* a store without a lock file: a person's work */
            struct tg_error ignored;
            (void)!tg_file_unlink(place, place->lock, &ignored);
        }
        tg_place_unlock(self->os.lock_fd);
    }
    tg_attached_free(self);
    return status;
}

/* ---- removal --------------------------------------------------------------------- */

/* CREATE of `lock` is held. The store goes first: a lock file alone is nothing. */
static tg_status remove_locked(const struct tg_place *place, const struct tg_file *lock,
                               const struct tg_file_id *only, bool idle, struct tg_error *error) {
    if (only && !tg_file_named(place, place->store, *only)) return TG_RETRY;
    /* Until the descriptor is closed nobody can attach: they find every entry taken, look
     * at the name again, and see that the file lost it. */
    if (idle && !tg_place_lock_all_life(lock->fd)) return TG_RETRY;
    bool there = tg_file_exists(place, place->store);
    tg_status status = tg_file_unlink(place, place->store, error);
    if (status == TG_OK) status = tg_file_unlink(place, place->lock, error);
    if (status == TG_OK && !there) return tg_error_set(error, TG_ABSENT, "there is no store", 0);
    return status;
}

/* A store without a lock file gets one, so that there is something to hold. */
static tg_status open_or_make_lock(const struct tg_place *place, uint32_t mode,
                                   struct tg_file *lock, struct tg_error *error) {
    static const uint8_t nobody[16];
    tg_status status = tg_file_open(place, place->lock, mode, lock, error);
    if (status != TG_ABSENT || !tg_file_exists(place, place->store)) return status;
    int fd;
    status = tg_file_make(place, lock_mode(mode), 0, &fd, error);
    if (status != TG_OK) return status;
    status = tg_lock_text_write(fd, nobody, error);
    if (status == TG_OK) status = tg_file_link(place, place->lock, fd, error);
    struct tg_file made = {.fd = fd};
    tg_file_close(&made);
    return status == TG_OK || status == TG_EXISTS ? TG_RETRY : status;
}

tg_status tg_attach_remove(const struct tg_place *place, const struct tg_file_id *only, bool idle,
                           uint32_t mode, uint64_t deadline_ns, struct tg_error *error) {
    struct tg_file lock;
    tg_status status = open_or_make_lock(place, mode, &lock, error);
    if (status != TG_OK) return status;
    status = tg_place_lock(place, &lock, deadline_ns, error);
    if (status == TG_OK) {
        status = remove_locked(place, &lock, only, idle, error);
        tg_place_unlock(lock.fd);
    }
    tg_file_close(&lock);
    return status;
}
