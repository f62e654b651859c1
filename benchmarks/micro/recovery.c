/* SPDX-License-Identifier: Apache-2.0 */
/* How long others wait after a SIGKILL of a process that holds a lock they need.
 *
 *   recovery [KILLS] [MIB ...]
 *
 * A victim touches MIB of private memory, takes the lock of a key's bucket and sleeps; the
 * measuring process kills it and sets that very key. Printed per size: the median, 99th
 * percentile and maximum of the time until that set returned. The life token is given
 * back by the kernel after the victim's memory, so the time grows with it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "names/change.h"
#include "store/attach.h"
#include "tryget.h"

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void need(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "recovery: %s failed\n", what);
    exit(1);
}

static const struct tg_open_options options = {.name = "recovery-bench", .size = 64 << 20};

static void victim(size_t bytes, int ready) {
    struct tg_store *store;
    struct tg_error error;
    struct tg_call call;
    struct tg_spot place;
    if (bytes) {
        char *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        need(memory != MAP_FAILED, "mmap");
        madvise(memory, bytes, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
    }
    need(tg_store_open(&options, &store, &error) == TG_OK, "open");
    struct tg_local *local = &store->local;
    tg_call_begin(&call, local, 0, TG_FOREVER);
    struct tg_component name = {"key", 3};
    tg_ref root = tg_load_relaxed32(&local->hot->root);
    need(tg_borrow(&call) == TG_OK, "borrow");
    need(tg_table_lock(&call, tg_component_hash(local, root, &name), &place) == TG_OK, "lock");
    need(write(ready, "x", 1) == 1, "write");
    for (;;) pause();
}

static double kill_once(struct tg_store *store, size_t bytes) {
    int ready[2];
    char byte;
    uint32_t hint = 0;
    need(pipe(ready) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) victim(bytes, ready[1]);
    need(child > 0 && read(ready[0], &byte, 1) == 1, "the victim's start");
    close(ready[0]);
    close(ready[1]);
    struct tg_part part = {"value", 5};
    struct tg_set_options set = {.deadline_ns = UINT64_MAX};
    double began = now_ms();
    kill(child, SIGKILL);
    tg_status status = tg_set(store, &hint, (struct tg_key){"key", 3}, &part, 1, &set, NULL);
    double took = now_ms() - began;
    need(status == TG_OK, "set after the kill");
    waitpid(child, NULL, 0);
    return took;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    unsigned kills = count > 1 ? (unsigned)atoi(arguments[1]) : 1000;
    static const char *const usual[] = {"0", "64"};
    int sizes = count > 2 ? count - 2 : 2;
    struct tg_store *store;
    struct tg_error error;
    (void)!tg_store_unlink(NULL, options.name, &error);
    need(tg_store_open(&options, &store, &error) == TG_OK, "open");
    for (int i = 0; i < sizes; i++) {
        long mib = atol(count > 2 ? arguments[i + 2] : usual[i]);
        unsigned n = mib > 256 ? 10 : kills;
        double *took = calloc(n, sizeof *took);
        need(took != NULL, "calloc");
        for (unsigned k = 0; k < n; k++) took[k] = kill_once(store, (size_t)mib << 20);
        qsort(took, n, sizeof *took, by_value);
        printf("%5ld MiB: %u kills, median %.2f ms, p99 %.2f ms, max %.2f ms\n", mib, n,
               took[n / 2], took[n - 1 - n / 100], took[n - 1]);
        fflush(stdout);
        free(took);
    }
    tg_store_close(store);
    (void)!tg_store_unlink(NULL, options.name, &error);
    return 0;
}
