/* SPDX-License-Identifier: Apache-2.0 */
/* A store "a" in a folder of its own, for tests with processes. */
#ifndef TG_TESTS_CORE_STORES_H
#define TG_TESTS_CORE_STORES_H

#include "check.h"
#include "store/attach.h"
#include "tryget.h"

static char folder[256];
static struct tg_error error;
static const uint64_t SIZE = 4 << 20;

static inline const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static inline void begin(void) {
    strcpy(folder, "/dev/shm/tryget-test-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
}

static inline void end(void) {
    unlink(path_of("a.tryget"));
    unlink(path_of("a.tryget-lock"));
    EXPECT_EQ(rmdir(folder), 0);
}

static inline tg_status open_store(enum tg_create create, uint32_t max_processes,
                                   struct tg_store **store) {
    struct tg_open_options options = {.directory = folder,
                                      .name = "a",
                                      .size = SIZE,
                                      .create = create,
                                      .max_processes = max_processes};
    return tg_store_open(&options, store, &error);
}

static inline struct tg_store *open_or_null(void) {
    struct tg_store *store;
    return open_store(TG_CREATE_IF_ABSENT, 0, &store) == TG_OK ? store : NULL;
}

static inline int wait_for(pid_t child) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

static inline bool put(struct tg_store *store, const char *key, const void *value, size_t size) {
    uint32_t hint = 0;
    uint64_t version;
    struct tg_part part = {value, size};
    struct tg_set_options options = {.deadline_ns = UINT64_MAX};
    return tg_set(store, &hint, (struct tg_key){key, strlen(key)}, &part, 1, &options, &version) ==
           TG_OK;
}

static inline bool pin(struct tg_store *store, struct tg_pin *taken) {
    uint32_t hint = 0;
    return tg_pin_value(store, &hint, (struct tg_key){"k", 1}, taken, UINT64_MAX) == TG_OK;
}

#endif
