/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "reaper.h"

enum { PAGE = 4096 };
static const uint64_t timeout_ns_default = 5000000000, pause_ns = 500000;

/* One look at the files. */
struct attempt {
    const struct tg_place *place;
    const struct tg_open_options *options;
    struct tg_error *error;
    struct tg_file store;
    struct tg_file lock;
    struct tg_header header;
};

struct tg_attached *tg_attached_new(bool readonly) {
    struct tg_attached *self = calloc(1, sizeof(*self));
    if (self == NULL) return NULL;
    self->store.readonly = readonly;
    if (readonly) self->store.cookie = &self->never;
    tg_linux_init(&self->os);
    tg_fork_hooks(self);
    self->os.helper.run = tg_reaper_run;
    self->wait = (struct tg_fork_wait){-1, -1, NULL};
    return self;
}

void tg_attached_free(struct tg_attached *self) {
    tg_linux_finish(&self->os);
    if (!self->store.readonly) tg_linux_cookie_free(self->store.cookie);
    free(self);
}

/* ---- may this file be attached? ---------------------------------------------------- */

static tg_status check_header(struct attempt *now) {
    union {
        struct tg_header header;
        uint8_t bytes[PAGE];
    } page;
    if (!tg_file_read(now->store.fd, page.bytes, sizeof(page)))
        return tg_error_set(now->error, TG_CORRUPT, "the file is too short for a store", 0);
    tg_status status = tg_region_check(&page.header, now->store.size, &now->header);
    if (status == TG_LAYOUT)
        return tg_error_set(now->error, status, "the store has another layout", 0);
    if (status != TG_OK) return tg_error_set(now->error, status, "the header is damaged", 0);
    /* Where memory was promised at creation there must be memory, or a load is a SIGBUS. */
    uint64_t first = tg_region_first_buckets(&now->header) * sizeof(struct tg_line);
    if (now->store.allocated < now->header.fixed_size + first)
        return tg_error_set(now->error, TG_CORRUPT, "parts of the file are missing", 0);
    return TG_OK;
}

static tg_status check_wishes(struct attempt *now) {
    const uint8_t *uuid = now->options->uuid;
    if (uuid && memcmp(uuid, now->header.uuid, sizeof(now->header.uuid)) != 0)
        return tg_error_set(now->error, TG_ABSENT, "the store of that name is another one", 0);
    if (now->options->size > now->header.limit)
        return tg_error_set(now->error, TG_INVALID, "the store is smaller than asked for", 0);
    return TG_OK;
}

static tg_status check_lock(struct attempt *now) {
    uint8_t uuid[16];
    tg_status status =
        tg_file_open(now->place, now->place->lock, now->options->mode, &now->lock, now->error);
    if (status == TG_ABSENT)
        return tg_error_set(now->error, TG_CORRUPT, "the lock file is missing", 0);
    if (status != TG_OK) return status;
    if (!tg_lock_text_read(now->lock.fd, uuid) || memcmp(uuid, now->header.uuid, 16) != 0)
        return tg_error_set(now->error, TG_CORRUPT, "the lock file belongs to another store", 0);
    return TG_OK;
}

/* TG_DEAD: void, to be replaced. */
static tg_status check_boot(struct attempt *now) {
    bool volatile_memory;
    uint8_t boot_id[16];
    tg_status status = tg_file_system_check(now->store.fd, &volatile_memory, now->error);
    if (status != TG_OK || volatile_memory) return status;
    tg_boot_id(boot_id);
    if (memcmp(boot_id, now->header.boot_id, sizeof(boot_id)) == 0) return TG_OK;
    /* Whoever may only read can't ask whether somebody of another container is attached. */
    if (now->options->readonly)
        return tg_error_set(now->error, TG_ABSENT, "the store is older than the last start", 0);
    uint64_t end = TG_LINUX_BYTE_LIFE + now->header.process_count;
    if (tg_linux_locked_byte(now->lock.fd, TG_LINUX_BYTE_LIFE, end) != end) return TG_OK;
    return tg_error_set(now->error, TG_DEAD, "the store is older than the last start", 0);
}

static tg_status check_all(struct attempt *now) {
    tg_status status = check_header(now);
    if (status == TG_OK) status = check_wishes(now);
    if (status == TG_OK && !now->options->readonly) status = check_lock(now);
    if (status == TG_OK) status = check_boot(now);
    return status;
}

/* ---- attaching ----------------------------------------------------------------------- */

static tg_status os_error(struct tg_attached *self, tg_status status, const char *step,
                          struct tg_error *error) {
    return tg_error_set(error, status, step, (int)tg_load_relaxed32(&self->os.last_error));
}

/* Takes over the descriptors. */
static tg_status attach_files(struct attempt *now, struct tg_attached *self) {
    char path[TG_LINUX_PATH_MAX];
    tg_status status =
        tg_place_file_path(now->place, now->place->lock, path, sizeof(path), now->error);
    if (status != TG_OK) return status;
    status = tg_linux_keep(&self->os, now->store.fd, now->lock.fd, path);
    now->store.fd = now->lock.fd = -1;
    if (status != TG_OK) return os_error(self, status, "look at the files", now->error);
    status = tg_linux_map(&self->os, now->header.file_size);
    if (status != TG_OK) return os_error(self, status, "map the store", now->error);
    tg_region_bind(&self->store.local, self->os.base, &self->os.os, &now->header);
    if (!tg_region_hot_good(&self->store.local))
        return tg_error_set(now->error, TG_CORRUPT, "the global words are damaged", 0);
    self->store.cookie = tg_linux_cookie();
    if (self->store.cookie == NULL)
        return tg_error_set(now->error, TG_SYSTEM, "allocate a page that fork wipes", 0);
    status = tg_claim(self, TG_FOREVER, now->error);
    if (status == TG_OK) tg_store_relaxed64(self->store.cookie, 1);
    return status;
}

/* Another thread may have been as quick: then its store is the one. */
static tg_status enrol(struct tg_attached *self, struct tg_attached **out, struct tg_error *error) {
    tg_fork_lock();
    struct tg_attached *other = tg_attached_find_locked(self->os.store_id, self->store.readonly);
    bool added = other == NULL && tg_fork_add_locked(&self->node);
    *out = other ? other : self;
    if (other || added) (*out)->users++;
    tg_fork_unlock();
    if (added) return TG_OK;
    tg_claim_release(self);
    tg_attached_free(self);
    return other ? TG_OK : tg_error_set(error, TG_SYSTEM, "install the fork handlers", 0);
}

static tg_status attach_new(struct attempt *now, struct tg_attached **out) {
    bool readonly = now->options->readonly;
    struct tg_attached *self = tg_attached_new(readonly);
    if (self == NULL) return tg_error_set(now->error, TG_SYSTEM, "allocate memory", 0);
    tg_status status =
        readonly ? tg_attach_reading(now->place, &now->store, &now->header, self, now->error)
                 : attach_files(now, self);
    if (status == TG_OK) return enrol(self, out, now->error);
    tg_attached_free(self);
    return status;
}

static struct tg_attached *find_open(struct tg_file_id id, bool readonly) {
    tg_fork_lock();
    struct tg_attached *self = tg_attached_find_locked(id, readonly);
    if (self) self->users++;
    tg_fork_unlock();
    return self;
}

/* What a file says that lost its name meanwhile doesn't matter: look again. */
static tg_status attach_once(struct attempt *now, struct tg_attached **out) {
    const struct tg_place *place = now->place;
    uint32_t mode = now->options->mode;
    bool readonly = now->options->readonly;
    now->lock.fd = -1;
    tg_status status = readonly ? tg_file_open_reading(place, mode, &now->store, now->error)
                                : tg_file_open(place, place->store, mode, &now->store, now->error);
    if (status != TG_OK) return status;
    status = check_all(now);
    if (status == TG_OK) {
        *out = find_open(now->store.id, readonly);
        if (*out == NULL) status = attach_new(now, out);
    }
    tg_file_close(&now->store);
    tg_file_close(&now->lock);
    if (tg_file_named(place, place->store, now->store.id)) return status;
    if (status == TG_SYSTEM || status == TG_INTERRUPTED) return status;
    if (status == TG_OK) tg_store_close(&(*out)->store);
    return TG_RETRY;
}

/* ---- opening --------------------------------------------------------------------------- */

/* There is no store of that name, or one to be replaced. TG_RETRY: look again. */
static tg_status make_or_replace(struct attempt *now, tg_status found, uint64_t deadline_ns,
                                 bool *made) {
    const struct tg_open_options *options = now->options;
    tg_status status;
    if (found == TG_ABSENT) {
        status = tg_attach_make(now->place, options, deadline_ns, now->error);
        *made = status == TG_OK;
        return status == TG_OK || status == TG_EXISTS ? TG_RETRY : status;
    }
    status = tg_attach_remove(now->place, &now->store.id, found == TG_DEAD, options->mode,
                              deadline_ns, now->error);
    return status == TG_OK || status == TG_ABSENT ? TG_RETRY : status;
}

/* Is there something, good or bad, that an exclusive creation must not touch? */
static bool name_taken(tg_status status) {
    return status == TG_OK || status == TG_CORRUPT || status == TG_LAYOUT ||
           status == TG_NOT_OURS || status == TG_INVALID || status == TG_NO_PROCESS ||
           status == TG_UNSUPPORTED;
}

static tg_status open_at(const struct tg_place *place, const struct tg_open_options *options,
                         struct tg_attached **out, struct tg_error *error) {
    struct attempt now = {.place = place, .options = options, .error = error};
    uint64_t deadline =
        tg_linux_monotonic_ns() + (options->timeout_ns ? options->timeout_ns : timeout_ns_default);
    bool may_make =
        options->create != TG_CREATE_NEVER && options->uuid == NULL && !options->readonly;
    bool exclusive = options->create == TG_CREATE_EXCLUSIVE, made = false;
    for (;;) {
        tg_status status = attach_once(&now, out);
        if (exclusive && !made && name_taken(status)) {
            if (status == TG_OK) tg_store_close(&(*out)->store);
            return tg_error_set(error, TG_EXISTS, "there is a store of that name", 0);
        }
        if (may_make && (status == TG_ABSENT || status == TG_DEAD ||
                         (status == TG_LAYOUT && options->new_on_mismatch)))
            status = make_or_replace(&now, status, deadline, &made);
        if (status == TG_DEAD) return tg_error_set(error, TG_ABSENT, error->step, 0);
        if (status != TG_RETRY) return status;
        if (tg_linux_monotonic_ns() >= deadline)
            return tg_error_set(error, TG_TIMEOUT, "others make and remove the store", 0);
        if (!made) tg_nap(pause_ns);
    }
}

tg_status tg_store_open(const struct tg_open_options *options, struct tg_store **out,
                        struct tg_error *error) {
    struct tg_place place;
    struct tg_attached *self = NULL;
    *error = (struct tg_error){"", 0};
    tg_status status = tg_place_open(&place, options->directory, options->name, error);
    if (status != TG_OK) return status;
    status = open_at(&place, options, &self, error);
    tg_place_close(&place);
    if (status != TG_OK) return status;
    *out = &self->store;
    if (options->readonly) return TG_OK;
    status = tg_store_after_fork(*out); /* it may be one that a parent opened */
    if (status == TG_OK) return TG_OK;
    tg_store_close(*out);
    return tg_error_set(error, status, "attach to a store that the parent process opened", 0);
}

void tg_store_close(struct tg_store *store) {
    struct tg_attached *self = (struct tg_attached *)store;
    tg_fork_lock();
    bool last = --self->users == 0;
    if (last) tg_fork_remove_locked(&self->node);
    tg_fork_unlock();
    if (!last) return;
    tg_helper_bar(&self->os.helper);
    if (!store->readonly) tg_store_relaxed64(store->cookie, 0);
    tg_claim_release(self);
    tg_attached_free(self);
}

tg_status tg_store_unlink(const char *directory, const char *name, struct tg_error *error) {
    enum { ANY_WRITER = 0666 }; /* to remove it, the folder's permissions are enough */
    struct tg_place place;
    *error = (struct tg_error){"", 0};
    tg_status status = tg_place_open(&place, directory, name, error);
    if (status != TG_OK) return status;
    uint64_t deadline = tg_linux_monotonic_ns() + timeout_ns_default;
    do status = tg_attach_remove(&place, NULL, false, ANY_WRITER, deadline, error);
    while (status == TG_RETRY && tg_linux_monotonic_ns() < deadline);
    tg_place_close(&place);
    return status;
}

const char *tg_store_lock_path(const struct tg_store *store) {
    return ((const struct tg_attached *)store)->os.path;
}

uint32_t tg_store_last_error(const struct tg_store *store) {
    return tg_load_relaxed32(&((const struct tg_attached *)store)->os.last_error);
}
