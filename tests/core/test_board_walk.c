/* SPDX-License-Identifier: Apache-2.0 */
/* Builds by chance: two processes beside a model, then threads that want the same values. A failure
 * means an answer that no order of the calls explains, or a value that was made twice. */
#include <pthread.h>

#include "board_world.h"

/* ---- a random walk ---- */

enum { KEYS = 6, STEPS = 4000 };
static const char *const keys[KEYS] = {"k", "a/k", "a/b/k", "a/b/l", "a", "c/k"};
enum what { NONE, BUILDING, MEMO };
static struct {
    bool value;
    enum what what;
    struct tg_build build; /* of BUILDING; and the last one, that is over */
    uint32_t by;
} model[KEYS];

static bool concerned(uint32_t of, const char *above) {
    return above == NULL || strcmp(keys[of], above) == 0 || is_under(keys[of], above);
}

static void model_forget(const char *above, bool with_value) {
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!concerned(i, above)) continue;
        model[i].what = NONE;
        if (with_value) model[i].value = false;
    }
}

static bool model_any(const char *above) {
    for (uint32_t i = 0; i < KEYS; i++)
        if (model[i].value && concerned(i, above)) return true;
    return false;
}

static void step_begin(uint32_t p, uint32_t k) {
    tg_status expected = TG_OK;
    build[p].token = 0;
    if (model[k].what == BUILDING) {
        expected = model[k].by == p ? TG_RECURSION : TG_BUSY;
        if (expected == TG_RECURSION) build[p] = model[k].build;
    } else if (model[k].what == MEMO) {
        expected = TG_ABSENT;
    } else if (model[k].value) {
        expected = TG_EXISTS;
    }
    EXPECT_EQ(begin(p, keys[k]), expected);
    if (expected != TG_OK) return;
    model[k].what = BUILDING;
    model[k].build = build[p];
    model[k].by = p;
}

/* The end of a build, or of one that is over. */
static void step_end(uint32_t k, uint32_t how) {
    uint32_t p = model[k].by;
    bool on = model[k].what == BUILDING;
    if (model[k].build.token == 0) return;
    build[p] = model[k].build;
    if (how == 0) EXPECT_EQ(publish(p, keys[k], "built"), on ? TG_OK : TG_ABSENT);
    if (how == 1) EXPECT_EQ(give_up(p), on ? TG_OK : TG_ABSENT);
    if (how == 2) EXPECT_EQ(note_absent(p, 0), on ? TG_OK : TG_ABSENT);
    if (!on) return;
    model[k].what = how == 2 ? MEMO : NONE;
    model[k].value |= how == 0;
}

static void step_change(uint32_t p, uint32_t k, uint32_t how) {
    if (how == 0) {
        set(p, keys[k], "set");
        model[k].what = NONE;
        model[k].value = true;
    } else if (how == 1) {
        EXPECT_EQ(delete(p, keys[k]), model[k].value ? TG_OK : TG_ABSENT);
        model[k].what = NONE;
        model[k].value = false;
    } else {
        const char *above = k ? keys[k] : NULL;
        bool any = model_any(above);
        EXPECT_EQ(drop(p, above), any || above == NULL ? TG_OK : TG_ABSENT);
        model_forget(above, true);
    }
}

TEST(a_random_walk_agrees_with_a_model) {
    make();
    memset(model, 0, sizeof model);
    for (uint32_t i = 0; i < STEPS && tg_load_relaxed64(&check_failures) == 0; i++) {
        uint64_t random = image_random(&world.image);
        uint32_t p = random % 2, k = random / 2 % KEYS, how = random / 64 % 8;
        if (how < 4)
            step_begin(p, k);
        else if (how < 7)
            step_end(k, how - 4);
        else
            step_change(p, k, random / 4096 % 16 ? random / 512 % 2 : 2);
        uint32_t there = 0;
        for (k = 0; k < KEYS; k++) {
            there += model[k].what != NONE;
            EXPECT_EQ(value_of(keys[k])[0] != 0, model[k].value);
        }
        EXPECT_EQ(claims(), there);
        if (i % 64 == 0) EXPECT(clean());
    }
    finish();
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 300 };
static tg_a64 made[ROUNDS];
static pthread_barrier_t together;

/* As get_or_create: true when it is over, with a value. */
static bool try_once(struct tg_store *store, uint32_t *hint, const char *key, uint32_t round) {
    struct tg_build mine;
    struct tg_awaited other;
    struct tg_info info;
    struct tg_part part = {"v", 1};
    struct tg_build_options options = {.deadline_ns = TG_FOREVER};
    struct tg_set_options set_options = {.deadline_ns = TG_FOREVER};
    if (tg_contains(store, hint, key_of(key), &info) == TG_OK && info.has_value) return true;
    tg_status status = tg_build_begin(store, hint, key_of(key), &options, &mine, &other);
    if (status == TG_BUSY) EXPECT_EQ(tg_build_wait(store, hint, &other, &options), TG_OK);
    if (status != TG_OK) return !EXPECT(status == TG_BUSY || status == TG_EXISTS);
    tg_add_relaxed64(&made[round], 1);
    return EXPECT_EQ(
        tg_build_publish(store, hint, &mine, key_of(key), &part, 1, &set_options, NULL), TG_OK);
}

static void *want_all(void *argument) {
    struct tg_store *store = argument;
    uint32_t hint = 0;
    char key[32];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        snprintf(key, sizeof key, "d%u/e/k", i);
        pthread_barrier_wait(&together);
        while (!try_once(store, &hint, key, i)) {
        }
    }
    return NULL;
}

TEST(threads_of_two_processes_make_each_value_once) {
    pthread_t threads[THREADS];
    make();
    memset(made, 0, sizeof made);
    REQUIRE(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (uint32_t i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, want_all, &stores[i % 2]) == 0);
    for (uint32_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
    for (uint32_t i = 0; i < ROUNDS; i++) EXPECT_EQ(tg_load_relaxed64(&made[i]), 1);
    EXPECT_EQ(claims(), 0);
    finish();
}
