/* SPDX-License-Identifier: Apache-2.0 */
/* A store in private memory, and a model of it: a plain array of keys and values. */
#ifndef TG_TESTS_CORE_NAMES_MODEL_H
#define TG_TESTS_CORE_NAMES_MODEL_H

#include "arena_image.h"
#include "names/change.h"
#include "store/store.h"
#include "tryget.h"

enum { MODEL_KEYS = 400 };

struct world {
    struct image image;
    tg_a64 cookie;
    struct tg_store store;
    uint32_t hint;
};

static inline void world_make(struct world *world, const struct tg_region_options *options) {
    image_make(&world->image, options);
    tg_store_relaxed32(&world->image.local.processes[0].state, TG_PROCESS_LIVE);
    REQUIRE(tg_names_format(&world->image.local) == TG_OK);
    tg_store_relaxed64(&world->cookie, 1);
    world->store = (struct tg_store){.local = world->image.local, .cookie = &world->cookie};
    world->hint = 0;
}

static inline void world_free(struct world *world) { image_free(&world->image); }

static inline struct tg_key key_of(const char *text) { return (struct tg_key){text, strlen(text)}; }

static inline tg_status world_set(struct world *world, const char *key, const void *bytes,
                                  size_t size) {
    struct tg_part part = {bytes, size};
    struct tg_set_options options = {.deadline_ns = TG_FOREVER};
    return tg_set(&world->store, &world->hint, key_of(key), &part, 1, &options, NULL);
}

struct buffer {
    uint8_t bytes[200000];
};
static inline void *buffer_sink(void *argument, const struct tg_info *info) {
    struct buffer *buffer = argument;
    return info->size <= sizeof buffer->bytes ? buffer->bytes : NULL;
}

/* ---- the model ------------------------------------------------------------------ */

struct entry {
    bool used;
    char key[512];
    uint32_t seed, size; /* the value: size bytes made from the seed */
};
struct model_names {
    struct entry entry[MODEL_KEYS];
    uint32_t count;
};

static inline void value_fill(uint8_t *to, uint32_t seed, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) to[i] = (uint8_t)((seed + i) * 2654435761u >> 13);
}

static inline struct entry *model_find(struct model_names *model, const char *key) {
    for (uint32_t i = 0; i < MODEL_KEYS; i++)
        if (model->entry[i].used && strcmp(model->entry[i].key, key) == 0) return &model->entry[i];
    return NULL;
}

static inline bool is_under(const char *key, const char *above) {
    size_t size = strlen(above);
    return strncmp(key, above, size) == 0 && key[size] == '/';
}

static inline bool model_node(struct model_names *model, const char *key, bool *children) {
    *children = false;
    for (uint32_t i = 0; i < MODEL_KEYS; i++)
        if (model->entry[i].used && is_under(model->entry[i].key, key)) *children = true;
    return *children || model_find(model, key) != NULL;
}

static inline bool model_put(struct model_names *model, const char *key, uint32_t seed,
                             uint32_t size) {
    struct entry *entry = model_find(model, key);
    for (uint32_t i = 0; entry == NULL && i < MODEL_KEYS; i++)
        if (!model->entry[i].used) entry = &model->entry[i];
    if (entry == NULL) return false;
    model->count += !entry->used;
    entry->used = true;
    snprintf(entry->key, sizeof entry->key, "%s", key);
    entry->seed = seed;
    entry->size = size;
    return true;
}

static inline bool model_remove(struct model_names *model, const char *key, bool subtree) {
    bool any = false;
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct entry *entry = &model->entry[i];
        if (!entry->used) continue;
        if (strcmp(entry->key, key) != 0 && !(subtree && is_under(entry->key, key))) continue;
        entry->used = false;
        model->count--;
        any = true;
    }
    return any;
}

/* Would a rename make a key longer than the model holds? */
static inline bool model_too_long(struct model_names *model, const char *from, const char *to) {
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct entry *entry = &model->entry[i];
        if (entry->used && is_under(entry->key, from) &&
            strlen(entry->key) - strlen(from) + strlen(to) > 200)
            return true;
    }
    return false;
}

static inline void model_rename(struct model_names *model, const char *from, const char *to) {
    (void)model_remove(model, to, true);
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        struct entry *entry = &model->entry[i];
        if (!entry->used) continue;
        if (strcmp(entry->key, from) != 0 && !is_under(entry->key, from)) continue;
        char moved[sizeof entry->key];
        snprintf(moved, sizeof moved, "%.255s%.255s", to, entry->key + strlen(from));
        memcpy(entry->key, moved, sizeof moved);
    }
}

#endif
