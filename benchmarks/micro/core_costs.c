/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's hot operations cost, as multiples of an uncontended compare-and-swap pair.
 *
 *   core_costs [ROUNDS [FILTER]]
 *
 * In each round every operation runs for a fraction of a millisecond, one after the other, so
 * that what disturbs the machine disturbs all of them alike. Printed are medians over the
 * rounds: of the time, and of the ratio to the pair (or to the row named) of the same round.
 * Then the same in two processes that start each round together: with one, on keys of their
 * own, and on one key. The store is a real one, in /dev/shm; run it with two idle processors. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "epoch/epoch.h"
#include "ledger/ledger.h"
#include "store/attach.h"
#include "tryget.h"

enum { KEYS = 100000, OWN = 64, ROUNDS_MAX = 2001, BIG = 65536 };

static void need(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "core_costs: %s failed\n", what);
    exit(1);
}

#define NEED(x) need((x), #x)

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static const struct tg_open_options options = {.name = "core-costs-bench", .size = 256 << 20};
static struct tg_store *store;
static uint32_t hint;
static struct tg_key keys[KEYS], own[2][OWN]; /* `own` of process 0 and 1 */
static uint32_t self;        /* which of the two we are */
static uint8_t payload[BIG], sunk[BIG];
static struct tg_pin pinned;

#define KEY(text) ((struct tg_key){text, sizeof(text) - 1})

static struct tg_key new_key(const char *format, uint32_t process, uint32_t i) {
    char *text;
    int size = asprintf(&text, format, process, i);
    need(size >= 0, "asprintf");
    return (struct tg_key){text, (size_t)size};
}

static void *sink(void *argument, const struct tg_info *info) {
    (void)argument, (void)info;
    return sunk;
}

static void attach(void) {
    struct tg_error error;
    NEED(tg_store_open(&options, &store, &error) == TG_OK);
}

static void set(struct tg_key key, size_t size) {
    struct tg_part part = {payload, size};
    struct tg_set_options how = {.deadline_ns = TG_FOREVER};
    need(tg_set(store, &hint, key, &part, 1, &how, NULL) == TG_OK, "tg_set");
}

static void get(struct tg_key key, tg_status wanted) {
    struct tg_info info;
    need(tg_get(store, &hint, key, sink, NULL, &info) == wanted, "tg_get");
}

/* ---- the operations ------------------------------------------------------------------ */

static void pair(uint32_t i) {
    static tg_a64 word;
    uint64_t old = tg_load_relaxed64(&word);
    (void)i;
    (void)tg_cas_acqrel64(&word, &old, old + 1);
    old = tg_load_relaxed64(&word);
    (void)tg_cas_acqrel64(&word, &old, old - 1);
}

static void section(uint32_t i) {
    struct tg_call call;
    (void)i;
    tg_call_begin(&call, &store->local, hint, TG_FOREVER);
    need(tg_read_enter(&call) == TG_OK, "tg_read_enter");
    need(tg_read_leave(&call), "tg_read_leave");
}

static void get_hot(uint32_t i) { (void)i, get(keys[7], TG_OK); }
static void get_random(uint32_t i) { get(keys[(i * 2654435761u >> 7) % KEYS], TG_OK); }
static void get_miss(uint32_t i) { (void)i, get(KEY("absent"), TG_ABSENT); }
static void get_deep(uint32_t i) { (void)i, get(KEY("one/two/three/four/five"), TG_OK); }

static void pin_value(uint32_t i) {
    struct tg_pin pin;
    (void)i;
    need(tg_pin_value(store, &hint, KEY("big"), &pin, TG_FOREVER) == TG_OK, "tg_pin_value");
    tg_unpin(store, &pin);
}

/* What a pin costs without the way to it. */
static void pin_alone(uint32_t i) {
    struct tg_local *local = &store->local;
    struct tg_object *object = tg_at(local, pinned.object, sizeof *object);
    uint32_t entry;
    (void)i;
    need(tg_ledger_pin(local, object, pinned.info.version, &entry) == TG_OK, "tg_ledger_pin");
    tg_ledger_release(local, entry);
}

static void replace(uint32_t i) { set(own[self][i % OWN], 64); }
static void replace_same(uint32_t i) { (void)i, set(KEY("hot"), 64); }
static void replace_deep(uint32_t i) { (void)i, set(KEY("one/two/three/four/five"), 64); }
static void replace_random(uint32_t i) { set(keys[(i * 2654435761u >> 7) % KEYS], 64); }

static void insert_delete(uint32_t i) {
    char key[16] = "new-";
    for (int at = 4; at < 8; at++, i >>= 3) key[at] = (char)('0' + (i & 7));
    key[8] = (char)('0' + self);
    set((struct tg_key){key, 9}, 64);
    tg_status status =
        tg_delete(store, &hint, (struct tg_key){key, 9}, NULL, NULL, NULL, TG_FOREVER);
    need(status == TG_OK, "tg_delete");
}

/* ---- rounds ---------------------------------------------------------------------------- */

struct row {
    const char *name;
    void (*body)(uint32_t);
    uint32_t loops;
    double ns[ROUNDS_MAX];
};

static struct row rows[] = {
    {"compare-and-swap pair", pair, 20000, {0}}, /* the unit */
    {"read section", section, 20000, {0}},
    {"find + copy 64 B, one key", get_hot, 8000, {0}},
    {"find + copy 64 B, 10^5 keys", get_random, 4000, {0}},
    {"find + copy 64 B, 5 components", get_deep, 3000, {0}},
    {"miss", get_miss, 8000, {0}},
    {"pin + unpin, no lookup", pin_alone, 8000, {0}},
    {"find + pin + unpin 64 KiB", pin_value, 3000, {0}},
    {"replace 64 B", replace, 2000, {0}},
    {"replace 64 B, 5 components", replace_deep, 1000, {0}},
    {"replace 64 B, 10^5 keys", replace_random, 1000, {0}},
    {"insert + delete 64 B", insert_delete, 1000, {0}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static struct row shared_rows[] = {
    {"find + copy 64 B, one key", get_hot, 8000, {0}},
    {"find + copy 64 B, 10^5 keys", get_random, 4000, {0}},
    {"find + pin + unpin, one key", pin_value, 3000, {0}},
    {"replace 64 B, own keys", replace, 2000, {0}},
    {"replace 64 B, one key", replace_same, 2000, {0}},
    {"insert + delete 64 B, own keys", insert_delete, 1000, {0}},
};
enum { SHARED_ROWS = sizeof shared_rows / sizeof shared_rows[0] };

static double run(const struct row *row) {
    static uint32_t next;
    double began = now_ns();
    for (uint32_t i = 0; i < row->loops; i++) row->body(next + i);
    next += row->loops;
    return (now_ns() - began) / row->loops;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(const double *values, const double *unit, uint32_t count) {
    static double sorted[ROUNDS_MAX];
    for (uint32_t i = 0; i < count; i++) sorted[i] = unit ? values[i] / unit[i] : values[i];
    qsort(sorted, count, sizeof sorted[0], compare);
    return sorted[count / 2];
}

static void alone(uint32_t rounds, const char *filter) {
    for (uint32_t round = 0; round < rounds; round++)
        for (uint32_t i = 0; i < ROWS; i++)
            if (i == 0 || strstr(rows[i].name, filter)) rows[i].ns[round] = run(&rows[i]);
    printf("%-34s %10s %9s\n", "one process", "median ns", "/ pair");
    for (uint32_t i = 0; i < ROWS; i++)
        if (i == 0 || strstr(rows[i].name, filter))
            printf("%-34s %10.1f %8.2fx\n", rows[i].name, median(rows[i].ns, NULL, rounds),
                   median(rows[i].ns, rows[0].ns, rounds));
}

/* ---- two processes ------------------------------------------------------------------------ */

struct meeting {
    tg_a64 arrived;
    double alone[ROUNDS_MAX], both[2][ROUNDS_MAX];
};

static void meet(struct meeting *meeting, uint64_t *turn) {
    *turn += 2;
    (void)tg_add_acqrel64(&meeting->arrived, 1);
    for (uint32_t spins = 0; tg_load_acquire64(&meeting->arrived) < *turn; spins++) {
        tg_pause();
        if (spins % 4096 == 4095) sched_yield();
    }
}

static void together(struct meeting *meeting, const struct row *row, uint32_t rounds) {
    uint64_t turn = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        meet(meeting, &turn);
        if (self == 0) meeting->alone[round] = run(row);
        meet(meeting, &turn);
        meeting->both[self][round] = run(row);
    }
}

/* A round is as long as the slower of the two took. */
static void report_both(const struct row *row, struct meeting *meeting, uint32_t rounds) {
    for (uint32_t i = 0; i < rounds; i++)
        if (meeting->both[1][i] > meeting->both[0][i]) meeting->both[0][i] = meeting->both[1][i];
    printf("%-34s %10.1f %10.1f %8.2fx\n", row->name, median(meeting->alone, NULL, rounds),
           median(meeting->both[0], NULL, rounds),
           median(meeting->both[0], meeting->alone, rounds));
}

static void both(const struct row *row, uint32_t rounds) {
    struct meeting *meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(meeting != MAP_FAILED);
    fflush(stdout);
    pid_t child = fork();
    NEED(child >= 0);
    if (child == 0) {
        self = 1;
        hint = 0;
        NEED(tg_store_after_fork(store) == TG_OK);
        together(meeting, row, rounds);
        _exit(0);
    }
    int status;
    together(meeting, row, rounds);
    NEED(waitpid(child, &status, 0) == child && status == 0);
    report_both(row, meeting, rounds);
    munmap(meeting, sizeof *meeting);
}

static void fill(void) {
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = new_key("key-%u%06u", 0, i);
        set(keys[i], 64);
    }
    for (uint32_t p = 0; p < 2; p++)
        for (uint32_t i = 0; i < OWN; i++) {
            own[p][i] = new_key("own-%u-%05u", p, i);
            set(own[p][i], 64);
        }
    set(KEY("hot"), 64);
    set(KEY("big"), BIG);
    set(KEY("one/two/three/four/five"), 64);
}

int main(int count, char **arguments) {
    uint32_t rounds = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 201;
    const char *filter = count > 2 ? arguments[2] : "";
    struct tg_error error;
    NEED(rounds > 0 && rounds <= ROUNDS_MAX);
    (void)!tg_store_unlink(options.directory, options.name, &error);
    attach();
    fill();
    NEED(tg_pin_value(store, &hint, KEY("big"), &pinned, TG_FOREVER) == TG_OK);
    alone(rounds, filter);
    tg_unpin(store, &pinned); /* a pin at a fork is shared by it, which is not measured here */
    printf("\n%-34s %10s %10s %9s\n", "two processes", "alone ns", "both ns", "/ alone");
    for (uint32_t i = 0; i < SHARED_ROWS; i++)
        if (strstr(shared_rows[i].name, filter)) both(&shared_rows[i], rounds);
    tg_store_close(store);
    return tg_store_unlink(options.directory, options.name, &error) == TG_OK ? 0 : 1;
}
