/* SPDX-License-Identifier: Apache-2.0 */
/* How long others wait after a SIGKILL of a process that holds a lock they need.
 *
 *   recovery [KILLS] [MIB[s][xKILLS] ...]
 *
 * A victim touches MIB of memory, takes the lock of a key's bucket and sleeps; the measuring
 * process kills it and sets that very key. Printed per size: the median, 99th percentile and
 * maximum of the time until that set returned. The life token is given back by the kernel after
 * the victim's memory, so the time grows with it. The memory is private, in pages of 4 KiB; with
 * `s` it is a file in memory that lives on, as a large store is. */
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

static void touch(char *memory, size_t bytes) {
    need(memory != MAP_FAILED, "mmap");
    madvise(memory, bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)memory)[i] = 1;
}

/* file: -1, or a file in memory of that size. */
static void victim(size_t bytes, int file, int ready) {
    struct tg_store *store;
    struct tg_error error;
    struct tg_call call;
    struct tg_spot place;
    int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    if (bytes) touch(mmap(NULL, bytes, PROT_READ | PROT_WRITE, kind, file, 0), bytes);
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

static double kill_once(struct tg_store *store, size_t bytes, int file) {
    int ready[2];
    char byte;
    uint32_t hint = 0;
    need(pipe(ready) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) victim(bytes, file, ready[1]);
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

static void measure(struct tg_store *store, const char *what, unsigned kills) {
    char *rest;
    unsigned long mib = strtoul(what, &rest, 10);
    size_t bytes = (size_t)mib << 20;
    int file = -1;
    if (*rest == 's') {
        rest++;
        file = memfd_create("recovery-bench", MFD_CLOEXEC);
        need(file >= 0 && ftruncate(file, (off_t)bytes) == 0, "memfd_create");
    }
    if (*rest == 'x') kills = (unsigned)strtoul(rest + 1, &rest, 10);
    need(*rest == '\0' && kills > 0, "MIB[s][xKILLS]");
    double *took = calloc(kills, sizeof *took);
    need(took != NULL, "calloc");
    if (file >= 0) (void)kill_once(store, bytes, file); /* its pages are there from now on */
    for (unsigned k = 0; k < kills; k++) took[k] = kill_once(store, bytes, file);
    qsort(took, kills, sizeof *took, by_value);
    printf("%5lu MiB %s: %u kills, median %.2f ms, p99 %.2f ms, max %.2f ms\n", mib,
           file < 0 ? "private" : "of a file", kills, took[kills / 2],
           took[kills - 1 - kills / 100], took[kills - 1]);
    fflush(stdout);
    free(took);
    if (file >= 0) close(file);
}

int main(int count, char **arguments) {
    unsigned kills = count > 1 ? (unsigned)atoi(arguments[1]) : 1000;
    static char *usual[] = {"0", "64"};
    char **sizes = count > 2 ? arguments + 2 : usual;
    int size_count = count > 2 ? count - 2 : 2;
    struct tg_store *store;
    struct tg_error error;
    (void)!tg_store_unlink(NULL, options.name, &error);
    need(tg_store_open(&options, &store, &error) == TG_OK, "open");
    for (int i = 0; i < size_count; i++) measure(store, sizes[i], kills);
    tg_store_close(store);
    (void)!tg_store_unlink(NULL, options.name, &error);
    return 0;
}
