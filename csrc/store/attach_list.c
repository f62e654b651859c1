/* SPDX-License-Identifier: Apache-2.0 */
#include "attach.h"

struct visitor {
    const char *directory;
    bool (*visit)(void *argument, const struct tg_store_info *info);
    void *argument;
};

static uint32_t count_life(int lock_fd, uint32_t process_count) {
    uint64_t end = TG_LINUX_BYTE_LIFE + (uint64_t)process_count, byte = TG_LINUX_BYTE_LIFE;
    uint32_t count = 0;
    while ((byte = tg_linux_locked_byte(lock_fd, byte, end)) < end) {
        count++;
        byte++;
    }
    return count;
}

static void read_header(const struct tg_file *store, struct tg_header *header,
                        struct tg_store_info *info) {
    union {
        struct tg_header header;
        uint8_t bytes[4096];
    } page;
    info->allocated = store->allocated;
    info->status = TG_CORRUPT;
    if (!tg_file_read(store->fd, page.bytes, sizeof(page))) return;
    info->status = tg_region_check(&page.header, store->size, header);
    if (info->status != TG_CORRUPT) info->layout = page.header.layout;
    if (info->status != TG_OK) return;
    info->limit = header->limit;
    memcpy(info->uuid, header->uuid, sizeof(info->uuid));
}

static void look_at(const struct tg_place *place, struct tg_store_info *info) {
    enum { ANY_WRITER = 0666 };
    struct tg_header header;
    struct tg_file store, lock;
    struct tg_error ignored;
    info->status = tg_file_open(place, place->store, ANY_WRITER, &store, &ignored);
    if (info->status != TG_OK) return;
    read_header(&store, &header, info);
    tg_file_close(&store);
    if (info->status != TG_OK) return;
    if (tg_file_open(place, place->lock, ANY_WRITER, &lock, &ignored) != TG_OK) return;
    info->processes = count_life(lock.fd, header.process_count);
    tg_file_close(&lock);
}

static bool visit_name(void *argument, const char *name) {
    struct visitor *visitor = argument;
    struct tg_store_info info = {.name = name};
    struct tg_place place;
    struct tg_error ignored;
    if (tg_place_open(&place, visitor->directory, name, &ignored) != TG_OK) return true;
    look_at(&place, &info);
    tg_place_close(&place);
    if (info.status == TG_ABSENT) return true; /* removed while we looked */
    return visitor->visit(visitor->argument, &info);
}

tg_status tg_store_each(const char *directory,
                        bool (*visit)(void *argument, const struct tg_store_info *info),
                        void *argument, struct tg_error *error) {
    struct visitor visitor = {directory, visit, argument};
    *error = (struct tg_error){"", 0};
    return tg_place_each(directory, visit_name, &visitor, error);
}
