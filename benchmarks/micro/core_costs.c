/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's hot operations cost, as multiples of an uncontended compare-and-swap pair
 * measured in the same run. Build and run: benchmarks/micro/run. Prints one line each. */
#include <stdio.h>
#include <time.h>

#include "../../tests/core/names_model.h"

enum { ROUNDS = 9, LOOPS = 200000 };

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static struct world world;
static char keys[100000][16];
static uint8_t payload[65536];
static uint8_t sunk[65536];

static void *sink(void *argument, const struct tg_info *info) {
    (void)argument, (void)info;
    return sunk;
}

static void pair(uint32_t i) {
    static tg_a64 word;
    uint64_t old = tg_load_relaxed64(&word);
    (void)i;
    (void)tg_cas_acqrel64(&word, &old, old + 1);
    old = tg_load_relaxed64(&word);
    (void)tg_cas_acqrel64(&word, &old, old - 1);
}

static void get_hot(uint32_t i) {
    struct tg_info info;
    (void)i;
    REQUIRE(tg_get(&world.store, &world.hint, key_of(keys[7]), sink, NULL, &info) == TG_OK);
}

static void get_random(uint32_t i) {
    struct tg_info info;
    uint32_t k = (i * 2654435761u >> 7) % 100000;
    REQUIRE(tg_get(&world.store, &world.hint, key_of(keys[k]), sink, NULL, &info) == TG_OK);
}

static void get_miss(uint32_t i) {
    struct tg_info info;
    (void)i;
    REQUIRE(tg_get(&world.store, &world.hint, key_of("absent"), sink, NULL, &info) == TG_ABSENT);
}

static void get_deep(uint32_t i) {
    struct tg_info info;
    (void)i;
    REQUIRE(tg_get(&world.store, &world.hint, key_of("one/two/three/four/five"), sink, NULL,
                   &info) == TG_OK);
}

static void section(uint32_t i) {
    struct tg_call call;
    (void)i;
    tg_call_begin(&call, &world.store.local, world.hint, TG_FOREVER);
    REQUIRE(tg_read_enter(&call) == TG_OK);
    REQUIRE(tg_read_leave(&call));
}

static void pin_unpin(uint32_t i) {
    struct tg_pin pin;
    (void)i;
    REQUIRE(tg_pin_value(&world.store, &world.hint, key_of("big"), &pin, TG_FOREVER) == TG_OK);
    tg_unpin(&world.store, &pin);
}

static void replace(uint32_t i) { REQUIRE(world_set(&world, keys[i & 63], payload, 64) == TG_OK); }

static void insert_delete(uint32_t i) {
    char key[16];
    snprintf(key, sizeof key, "n%u", i & 1023);
    REQUIRE(world_set(&world, key, payload, 64) == TG_OK);
    REQUIRE(tg_delete(&world.store, &world.hint, key_of(key), NULL, NULL, NULL, TG_FOREVER) ==
            TG_OK);
}

static double median_ns(void (*body)(uint32_t)) {
    double times[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double began = now_ns();
        for (uint32_t i = 0; i < LOOPS; i++) body(i);
        double ns = (now_ns() - began) / LOOPS;
        int at = round;
        for (; at > 0 && times[at - 1] > ns; at--) times[at] = times[at - 1];
        times[at] = ns;
    }
    return times[ROUNDS / 2];
}

static void report(const char *name, void (*body)(uint32_t), double unit) {
    double ns = median_ns(body);
    printf("%-34s %8.1f ns  %6.2f x\n", name, ns, ns / unit);
}

TEST(costs) {
    static const struct tg_region_options options = {.limit = 256 << 20};
    world_make(&world, &options);
    for (uint32_t i = 0; i < 100000; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%07u", i);
        REQUIRE(world_set(&world, keys[i], payload, 64) == TG_OK);
    }
    REQUIRE(world_set(&world, "big", payload, sizeof payload) == TG_OK);
    REQUIRE(world_set(&world, "one/two/three/four/five", payload, 64) == TG_OK);
    double unit = median_ns(pair);
    printf("%-34s %8.1f ns  %6.2f x\n", "compare-and-swap pair", unit, 1.0);
    report("read section", section, unit);
    report("find + copy 64 B, one key", get_hot, unit);
    report("find + copy 64 B, 10^5 keys", get_random, unit);
    report("find + copy 64 B, 5 components", get_deep, unit);
    report("miss", get_miss, unit);
    report("find + pin + unpin 64 KiB", pin_unpin, unit);
    report("replace 64 B", replace, unit);
    report("insert + delete 64 B", insert_delete, unit);
    world_free(&world);
}
