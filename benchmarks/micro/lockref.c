/* SPDX-License-Identifier: Apache-2.0 */
/* A LockRef in a buffer, as multiples of an uncontended compare-and-swap pair of the same run:
 * alone, and two processes on one word. Prints one line each. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/linux.h"
#include "os/linux_fork.h"
#include "parts/buffer_ref.h"

enum { ROUNDS = 9, LOOPS = 500000 };

static struct tg_os_linux os;
static struct tg_bufref ref;
static uint64_t me;

static void pair(void) {
    uint64_t old = tg_load_relaxed64(ref.word);
    (void)tg_cas_acqrel64(ref.word, &old, old + (1ull << 40));
    old = tg_load_relaxed64(ref.word);
    (void)tg_cas_acqrel64(ref.word, &old, old - (1ull << 40));
}

static void get_put(void) {
    uint32_t left;
    if (tg_bufref_get(&ref, me, UINT64_MAX) != TG_OK) _exit(1);
    if (tg_bufref_put(&ref, me, UINT64_MAX, &left) != TG_OK) _exit(1);
}

static void lock_unlock(void) {
    if (tg_bufref_lock(&ref, me, UINT64_MAX) != TG_OK) _exit(1);
    if (tg_bufref_unlock(&ref, me) != TG_OK) _exit(1);
}

/* The median of the rounds, in ns. */
static double cost(void (*operation)(void)) {
    double took[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began = tg_linux_monotonic_ns();
        for (int i = 0; i < LOOPS; i++) operation();
        took[round] = (double)(tg_linux_monotonic_ns() - began) / LOOPS;
    }
    for (int i = 1; i < ROUNDS; i++)
        for (int j = i; j > 0 && took[j] < took[j - 1]; j--) {
            double other = took[j];
            took[j] = took[j - 1], took[j - 1] = other;
        }
    return took[ROUNDS / 2];
}

/* While another process does the same on the same word. */
static double contended(void (*operation)(void)) {
    pid_t other = fork();
    if (other == 0) {
        me = tg_linux_thread();
        for (;;) operation();
    }
    double took = cost(operation);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return took;
}

static void say(const char *name, double took, double unit) {
    printf("%-34s %8.1f ns  %6.2f x\n", name, took, took / unit);
}

int main(void) {
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    tg_linux_init(&os);
    if (memory == MAP_FAILED || tg_bufref_init(&ref, memory, &os.os, NULL, false) != TG_OK)
        return 1;
    me = tg_linux_thread();
    double unit = cost(pair);
    say("compare-and-swap pair", unit, unit);
    say("LockRef get + put", cost(get_put), unit);
    say("LockRef lock + unlock", cost(lock_unlock), unit);
    double two = contended(pair);
    say("the pair, two processes", two, unit);
    say("get + put, two processes", contended(get_put), unit);
    return 0;
}
