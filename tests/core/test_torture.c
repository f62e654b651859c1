/* SPDX-License-Identifier: Apache-2.0 */
/* Real processes that change one store are killed and stopped at random, and replaced.
 *
 * Every value carries its key and a check sum, so a reader knows a torn or foreign one. At
 * the end all are killed at once; then recovery runs, and the checker must find nothing:
 * no lock, no pin, no byte that a dead process left. A failure prints the seed; the same
 * seed repeats the choices, not the timing.
 *
 * TRYGET_TORTURE_SECONDS: how long (2). TRYGET_TORTURE_SEED: the seed. */
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "check.h"
#include "names/change.h"
#include "store/attach.h"
#include "store/verify.h"
#include "tryget.h"

enum { WORKERS = 4, VALUE_MAX = 70000 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- values that know what they are ----------------------------------------------- */

static uint8_t value[VALUE_MAX];

/* A value is its size, then its key's number, then bytes that follow from both. */
static size_t make_value(uint32_t key, uint64_t random) {
    size_t size = 12 + (random % 16 == 0 ? random >> 8 & 0xffff : random >> 8 & 0xff);
    uint32_t seed = (uint32_t)(random >> 32);
    memcpy(value, &key, 4);
    memcpy(value + 4, &seed, 4);
    uint32_t length = (uint32_t)size;
    memcpy(value + 8, &length, 4);
    for (size_t i = 12; i < size; i++) value[i] = (uint8_t)(seed * (i + 1) >> 3);
    return size;
}

static bool good_value(const uint8_t *bytes, size_t size, uint32_t key) {
    uint32_t found, seed, length;
    if (size < 12) return false;
    memcpy(&found, bytes, 4);
    memcpy(&seed, bytes + 4, 4);
    memcpy(&length, bytes + 8, 4);
    if (found != key || length != size) return false;
    for (size_t i = 12; i < size; i++)
        if (bytes[i] != (uint8_t)(seed * (i + 1) >> 3)) return false;
    return true;
}

/* ---- a worker ---------------------------------------------------------------------- */

/* Of its own, as several builds may be tested at once. */
static char folder[] = "/dev/shm/tryget-test-XXXXXX";
static const struct tg_open_options options = {
    .directory = folder, .name = "torture", .size = 16 << 20};

struct shared {
    tg_a64 reads, writes, wrong, failed;
};
static struct shared *shared;

struct worker {
    struct tg_store *store;
    uint32_t hint;
    uint64_t random;
    uint8_t sunk[VALUE_MAX];
};

static void *sink(void *argument, const struct tg_info *info) {
    struct worker *worker = argument;
    return info->size <= VALUE_MAX ? worker->sunk : NULL;
}

static struct tg_key make_key(char *text, uint32_t number) {
    static const char *const forms[] = {"k%u", "d/k%u", "d/e/k%u", "f%u/g/x", "d/e/%u/y/z"};
    int size = sprintf(text, forms[number % 5], number);
    return (struct tg_key){text, (size_t)size};
}

/* Renamed values keep the number of their first key, so a move stays within one family. */
static bool is_fine(tg_status status) {
    return status == TG_OK || status == TG_ABSENT || status == TG_EXISTS || status == TG_FULL ||
           status == TG_TIMEOUT || status == TG_INVALID || status == TG_PINS_FULL ||
           status == TG_NO_CONTEXT;
}

static void check_read(struct worker *worker, struct tg_key key, uint32_t number) {
    struct tg_info info;
    tg_status status = tg_get(worker->store, &worker->hint, key, sink, worker, &info);
    if (status == TG_OK && !good_value(worker->sunk, info.size, number))
        tg_add_relaxed64(&shared->wrong, 1);
    if (!is_fine(status)) tg_add_relaxed64(&shared->failed, 1);
    tg_add_relaxed64(&shared->reads, 1);
}

static void check_pin(struct worker *worker, struct tg_key key, uint32_t number) {
    struct tg_pin pin;
    tg_status status = tg_pin_value(worker->store, &worker->hint, key, &pin, now_ns() + 1000000000);
    if (!is_fine(status)) tg_add_relaxed64(&shared->failed, 1);
    if (status != TG_OK) return;
    for (int i = 0; i < 3; i++)
        if (!good_value(pin.bytes, pin.info.size, number)) tg_add_relaxed64(&shared->wrong, 1);
    tg_unpin(worker->store, &pin);
}

static tg_status change(struct worker *worker, struct tg_key key, uint32_t number) {
    uint64_t random = next_random(&worker->random), deadline = now_ns() + 2000000000;
    struct tg_set_options set = {.deadline_ns = deadline};
    char text[64];
    struct tg_key below = {"d/e", 3}, away = {"moved/e", 7};
    switch (random % 16) {
    case 0:
    case 1:
    case 2: return tg_delete(worker->store, &worker->hint, key, NULL, NULL, NULL, deadline);
    case 3: return tg_delete(worker->store, &worker->hint, key, sink, worker, NULL, deadline);
    case 4: {
        struct tg_key top = make_key(text, number - number % 5 + 3);
        top.size = strchr(text, '/') ? (size_t)(strchr(text, '/') - text) : top.size;
        return tg_drop(worker->store, &worker->hint, top, deadline);
    }
    case 5:
        if (random >> 8 & 1)
            return tg_rename(worker->store, &worker->hint, below, away, true, deadline);
        return tg_rename(worker->store, &worker->hint, away, below, true, deadline);
    case 6:
        if ((random >> 8) % 64) return TG_OK;
        return tg_drop(worker->store, &worker->hint, (struct tg_key){0}, deadline);
    default: break;
    }
    struct tg_part part = {value, make_value(number, next_random(&worker->random))};
    return tg_set(worker->store, &worker->hint, key, &part, 1, &set, NULL);
}

static _Noreturn void work(uint64_t seed) {
    static struct worker worker;
    struct tg_error error;
    worker.random = seed | 1;
    if (tg_store_open(&options, &worker.store, &error) != TG_OK) _exit(3);
    for (;;) {
        char text[64];
        uint32_t number = (uint32_t)(next_random(&worker.random) % 200);
        struct tg_key key = make_key(text, number);
        uint64_t kind = next_random(&worker.random) % 8;
        if (kind < 4) {
            check_read(&worker, key, number);
        } else if (kind == 4) {
            check_pin(&worker, key, number);
        } else {
            if (!is_fine(change(&worker, key, number))) tg_add_relaxed64(&shared->failed, 1);
            tg_add_relaxed64(&shared->writes, 1);
        }
    }
}

/* ---- the supervisor ----------------------------------------------------------------- */

static pid_t start_worker(uint64_t seed) {
    pid_t child = fork();
    if (child == 0) work(seed);
    REQUIRE(child > 0);
    return child;
}

static uint64_t number_of(const char *name, uint64_t usual) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : usual;
}

static void report_violations(const struct tg_report *report) {
    for (uint32_t i = 0; i < report->violation_count && i < report->violation_capacity; i++)
        fprintf(stderr, "    %s at %llu: %s\n", report->violations[i].rule,
                (unsigned long long)report->violations[i].where, report->violations[i].text);
}

static void check_store(struct tg_store *store) {
    static struct tg_violation violations[16];
    struct tg_report report = {.violations = violations, .violation_capacity = 16};
    struct tg_verify_options verify = {.settled = true};
    uint32_t hint = 0;
    EXPECT_EQ(tg_tidy(store, &hint, TG_FOREVER), TG_OK);
    report.scratch_size = tg_verify_scratch_size(&store->local);
    report.scratch = malloc(report.scratch_size);
    REQUIRE(report.scratch != NULL);
    EXPECT_EQ(tg_store_verify(&store->local, &verify, &report), TG_OK);
    EXPECT_EQ(report.violation_count, 0);
    EXPECT_EQ(report.leaked_bytes, 0);
    report_violations(&report);
    free(report.scratch);
}

TEST(killed_and_stopped_at_random) {
    uint64_t seed = number_of("TRYGET_TORTURE_SEED", (uint64_t)time(NULL) * 2654435761u);
    uint64_t end = now_ns() + number_of("TRYGET_TORTURE_SECONDS", 2) * 1000000000u;
    uint64_t random = seed | 1, kills = 0, stops = 0;
    struct tg_store *store;
    struct tg_error error;
    pid_t workers[WORKERS], stopped = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    REQUIRE(mkdtemp(folder) != NULL);
    for (int i = 0; i < WORKERS; i++) workers[i] = start_worker(next_random(&random));
    while (now_ns() < end) {
        struct timespec nap = {0, (long)(next_random(&random) % 8000000)};
        nanosleep(&nap, NULL);
        uint64_t choice = next_random(&random);
        int i = (int)(choice % WORKERS);
        if (stopped && choice >> 8 & 1) {
            kill(stopped, SIGCONT);
            stopped = 0;
        } else if (!stopped && choice >> 9 & 1) {
            stopped = workers[i];
            kill(stopped, SIGSTOP);
            stops++;
        } else {
            if (workers[i] == stopped) stopped = 0;
            kill(workers[i], SIGKILL);
            waitpid(workers[i], NULL, 0);
            workers[i] = start_worker(next_random(&random));
            kills++;
        }
    }
    for (int i = 0; i < WORKERS; i++) kill(workers[i], SIGKILL);
    for (int i = 0; i < WORKERS; i++) waitpid(workers[i], NULL, 0);
    REQUIRE(tg_store_open(&options, &store, &error) == TG_OK);
    check_store(store);
    EXPECT_EQ(tg_load_relaxed64(&shared->wrong), 0);
    EXPECT_EQ(tg_load_relaxed64(&shared->failed), 0);
    EXPECT(tg_load_relaxed64(&shared->reads) > 0 && tg_load_relaxed64(&shared->writes) > 0);
    printf("%llu kills, %llu stops, %llu reads, %llu writes; TRYGET_TORTURE_SEED=%llu\n",
           (unsigned long long)kills, (unsigned long long)stops,
           (unsigned long long)tg_load_relaxed64(&shared->reads),
           (unsigned long long)tg_load_relaxed64(&shared->writes), (unsigned long long)seed);
    tg_store_close(store);
    (void)!tg_store_unlink(folder, options.name, &error);
    EXPECT_EQ(rmdir(folder), 0);
}
