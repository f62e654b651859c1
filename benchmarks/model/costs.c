/* SPDX-License-Identifier: Apache-2.0 */
/* What the contention model is built from, and what it is checked against on two cores.
 *
 *   costs [CORE CORE]
 *
 * Two threads, each on its core, run the same loop at the same time; then one of them alone. A
 * round counts only if neither thread was preempted and the two ran side by side. Printed: one
 * JSON object, nanoseconds an operation by name, "1" of one thread and "2" of each of two. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../../csrc/base/atomic.h"

enum { LOOPS = 4000, GOOD = 31, TRIES = 20000, LINES = 64, LINE = 64, RING = 1024 };

struct line {
    tg_a64 word;
    char rest[LINE - sizeof(tg_a64)];
} __attribute__((aligned(LINE)));

static struct line lines[LINES], own[2], turns, ready[2];

static tg_a32 rings[2][RING];

struct job {
    void (*body)(unsigned side, uint64_t *state);
    unsigned side, others;
    int core;
    double began, ended;
    bool disturbed;
};

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void swap_up(tg_a64 *word, uint64_t add) {
    uint64_t old = tg_load_relaxed64(word);
    while (!tg_cas_acqrel64(word, &old, old + add)) continue;
}

/* Private loads, each of which needs the one before: what a walk does between two pins. */
static void work(unsigned side, uint64_t *state, unsigned steps) {
    uint64_t at = *state % RING;
    for (unsigned i = 0; i < steps; i++) at = tg_load_relaxed32(&rings[side][at]);
    *state = at;
}

static void make_rings(void) {
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < RING; i++)
            tg_store_relaxed32(&rings[side][i], (i * 5 + 7) % RING); /* one cycle of them all */
}

static unsigned any(uint64_t *state, unsigned range) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % range;
}

/* ---- the loops: one user of one object each ------------------------------------------------ */

static void pair(tg_a64 *word) {
    swap_up(word, 1);
    swap_up(word, (uint64_t)-1);
}

static void lockref(unsigned side, uint64_t *state) {
    (void)side, (void)state;
    pair(&lines[0].word);
}

static void lockref_own(unsigned side, uint64_t *state) {
    (void)state;
    pair(&lines[2 + side].word);
}

static void lockref_100(unsigned side, uint64_t *state) {
    lockref(side, state);
    work(side, state, 100);
}

static void lockref_400(unsigned side, uint64_t *state) {
    lockref(side, state);
    work(side, state, 400);
}

static void walk_100(unsigned side, uint64_t *state) { work(side, state, 100); }

static void walk_400(unsigned side, uint64_t *state) { work(side, state, 400); }

static void ranges_16(unsigned side, uint64_t *state) {
    (void)side;
    pair(&lines[any(state, 16)].word);
}

static void ranges_64(unsigned side, uint64_t *state) {
    (void)side;
    pair(&lines[any(state, 64)].word);
}

/* A count of the process's own, and a look at a line that nobody writes. */
static void sticky(unsigned side, uint64_t *state) {
    uint64_t count = tg_load_relaxed64(&own[side].word);
    (void)state;
    tg_store_relaxed64(&own[side].word, count + 1);
    (void)tg_load_acquire64(&lines[1].word);
    tg_store_relaxed64(&own[side].word, count);
}

/* An entry of the process's own: published by a swap, checked, given back by a store. */
static void ledger(unsigned side, uint64_t *state) {
    (void)state;
    (void)tg_xchg_seqcst64(&own[side].word, 7);
    (void)tg_load_acquire64(&lines[1].word);
    tg_store_release64(&own[side].word, 0);
}

static void epoch(unsigned side, uint64_t *state) {
    uint64_t idle = 0;
    uint64_t stamp = tg_load_relaxed64(&lines[1].word) + 1;
    (void)state;
    (void)tg_cas_seqcst64(&own[side].word, &idle, stamp);
    (void)tg_load_acquire64(&lines[1].word);
    tg_store_release64(&own[side].word, 0);
}

/* The line goes to and fro: each waits for the other's turn to end, then swaps the word. */
static void handover(unsigned side, uint64_t *state) {
    (void)state;
    while ((tg_load_acquire64(&turns.word) & 1) != side) continue;
    swap_up(&turns.word, 1);
}

/* ---- rounds -------------------------------------------------------------------------------- */

static long preemptions(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

static void *run(void *argument) {
    struct job *job = argument;
    uint64_t state = 0;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)job->core, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    tg_store_release64(&ready[job->side].word, 1);
    double give_up = now_ns() + 5e7;
    for (unsigned other = 0; other < job->others; other++)
        while (tg_load_acquire64(&ready[other].word) == 0 && now_ns() < give_up) continue;
    long before = preemptions();
    job->began = now_ns();
    for (unsigned i = 0; i < LOOPS; i++) job->body(job->side, &state);
    job->ended = now_ns();
    job->disturbed = preemptions() != before;
    return NULL;
}

/* Nanoseconds an operation of each of `threads`; negative when the round doesn't count. */
static double round_of(void (*body)(unsigned, uint64_t *), unsigned threads, const int *cores) {
    struct job jobs[2];
    pthread_t ids[2];
    for (unsigned side = 0; side < 2; side++) tg_store_relaxed64(&ready[side].word, 0);
    for (unsigned side = 0; side < threads; side++) {
        jobs[side] = (struct job){body, side, threads, cores[side], 0, 0, false};
        if (pthread_create(&ids[side], NULL, run, &jobs[side]) != 0) exit(1);
    }
    double took = 0, began = 0, ended = 1e300;
    bool good = true;
    for (unsigned side = 0; side < threads; side++) {
        pthread_join(ids[side], NULL);
        took += (jobs[side].ended - jobs[side].began) / threads;
        began = jobs[side].began > began ? jobs[side].began : began;
        ended = jobs[side].ended < ended ? jobs[side].ended : ended;
        good = good && !jobs[side].disturbed;
    }
    return good && ended - began > 0.9 * took ? took / LOOPS : -1;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(void (*body)(unsigned, uint64_t *), unsigned threads, const int *cores) {
    double good[GOOD];
    unsigned found = 0;
    for (unsigned i = 0; i < TRIES && found < GOOD; i++) {
        double ns = round_of(body, threads, cores);
        if (ns > 0) good[found++] = ns;
    }
    if (found < GOOD) {
        fprintf(stderr, "costs: the machine is too busy: %u of %u rounds count\n", found, GOOD);
        exit(1);
    }
    qsort(good, found, sizeof *good, by_value);
    return good[found / 2];
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*body)(unsigned, uint64_t *);
    } loops[] = {
        {"lockref", lockref},
        {"lockref_own", lockref_own},
        {"lockref_100", lockref_100},
        {"lockref_400", lockref_400},
        {"walk_100", walk_100},
        {"walk_400", walk_400},
        {"ranges_16", ranges_16},
        {"ranges_64", ranges_64},
        {"sticky", sticky},
        {"ledger", ledger},
        {"epoch", epoch},
    };
    int cores[2] = {0, 1};
    make_rings();
    for (int i = 0; i < 2 && i + 1 < count; i++) cores[i] = atoi(arguments[i + 1]);
    printf("{\n \"handover\": {\"2\": %.2f}", median_of(handover, 2, cores) / 2);
    for (unsigned i = 0; i < sizeof loops / sizeof *loops; i++)
        printf(",\n \"%s\": {\"1\": %.2f, \"2\": %.2f}", loops[i].name,
               median_of(loops[i].body, 1, cores), median_of(loops[i].body, 2, cores));
    printf("\n}\n");
    return 0;
}
