/* SPDX-License-Identifier: Apache-2.0 */
/* Builds in a store in private memory, by two processes that stand in it: `stores[1]` is another
 * attachment of the same memory. */
#ifndef TG_TESTS_CORE_BOARD_WORLD_H
#define TG_TESTS_CORE_BOARD_WORLD_H

#include "board/board.h"
#include "names/build.h"
#include "names_model.h"
#include "store/verify.h"

static const struct tg_region_options plain = {.limit = 16 << 20};
static struct world world;
static struct tg_store stores[2];
static uint32_t hints[2];
static struct buffer buffer;

enum { ROOM = 1 << 20, LONG_AGO = 1 };
static uint8_t scratch[ROOM];

/* The store is 100 seconds old: an expiry of LONG_AGO has passed. */
static inline void make(void) {
    world_make(&world, &plain);
    struct tg_header *header = &world.store.local.header;
    header->created_ns -= 100000000000u;
    memcpy(world.image.base, header, sizeof *header);
    for (uint32_t p = 0; p < 2; p++) {
        stores[p] = world.store;
        stores[p].local.process = p;
        hints[p] = 0;
        tg_store_relaxed32(&world.image.local.processes[p].state, TG_PROCESS_LIVE);
    }
}

static inline bool clean(void) {
    struct tg_violation found[4];
    struct tg_verify_options options = {.deep = true};
    struct tg_report report = {.violations = found,
                               .violation_capacity = 4,
                               .scratch = scratch,
                               .scratch_size = tg_verify_scratch_size(&stores[0].local)};
    REQUIRE(report.scratch_size <= sizeof scratch);
    REQUIRE(tg_store_verify(&stores[0].local, &options, &report) == TG_OK);
    for (uint32_t i = 0; i < report.violation_count && i < 4; i++)
        fprintf(stderr, "    %s: %s\n", found[i].rule, found[i].text);
    return report.violation_count == 0;
}

static inline void finish(void) {
    EXPECT(clean());
    world_free(&world);
}

/* ---- calls -------------------------------------------------------------------------------- */

static struct tg_build build[2]; /* the last of each process */
static struct tg_awaited awaited;

static inline tg_status begin_lease(uint32_t p, const char *key, uint32_t lease) {
    struct tg_build made;
    struct tg_build_options options = {
        .lease = lease, .own = &build[p], .own_count = 1, .deadline_ns = TG_FOREVER};
    tg_status status =
        tg_build_begin(&stores[p], &hints[p], key_of(key), &options, &made, &awaited);
    EXPECT_EQ(status == TG_OK, made.token != 0);
    if (status == TG_OK) build[p] = made;
    return status;
}

static inline tg_status begin(uint32_t p, const char *key) { return begin_lease(p, key, 0); }

static inline tg_status publish(uint32_t p, const char *key, const char *value) {
    struct tg_part part = {value, strlen(value)};
    struct tg_set_options options = {.deadline_ns = TG_FOREVER};
    return tg_build_publish(&stores[p], &hints[p], &build[p], key_of(key), &part, 1, &options,
                            NULL);
}

static inline tg_status give_up(uint32_t p) {
    return tg_build_abort(&stores[p], &hints[p], &build[p], TG_FOREVER);
}

static inline tg_status note_absent(uint32_t p, uint32_t expiry) {
    return tg_build_absent(&stores[p], &hints[p], &build[p], expiry, TG_FOREVER);
}

static inline void set(uint32_t p, const char *key, const char *value) {
    struct tg_part part = {value, strlen(value)};
    struct tg_set_options options = {.deadline_ns = TG_FOREVER};
    EXPECT_EQ(tg_set(&stores[p], &hints[p], key_of(key), &part, 1, &options, NULL), TG_OK);
}

static inline tg_status delete (uint32_t p, const char *key) {
    struct tg_info info;
    return tg_delete(&stores[p], &hints[p], key_of(key), NULL, NULL, &info, TG_FOREVER);
}

static inline tg_status drop(uint32_t p, const char *key) {
    struct tg_key whole = key ? key_of(key) : (struct tg_key){NULL, 0};
    return tg_drop(&stores[p], &hints[p], whole, TG_FOREVER);
}

static inline void move(uint32_t p, const char *from, const char *to) {
    EXPECT_EQ(tg_rename(&stores[p], &hints[p], key_of(from), key_of(to), false, TG_FOREVER), TG_OK);
}

/* "" where there is none. */
static inline const char *value_of(const char *key) {
    struct tg_info info;
    tg_status status = tg_get(&stores[0], &hints[0], key_of(key), buffer_sink, &buffer, &info);
    if (status != TG_OK) return "";
    buffer.bytes[info.size] = 0;
    return (const char *)buffer.bytes;
}

static inline uint32_t claims(void) {
    const struct tg_local *local = &stores[0].local;
    uint32_t count = 0;
    for (uint32_t i = 0; i < TG_STRIPES; i++) {
        tg_ref ref = tg_load_relaxed32(&local->hot->claims[i]);
        for (; ref != 0; ref = tg_load_relaxed32(&tg_claim_at(local, ref)->next)) count++;
    }
    return count;
}

#endif
