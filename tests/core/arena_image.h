/* SPDX-License-Identifier: Apache-2.0 */
/* An arena in private memory for tests: what is not committed can't be touched.
 *
 *   image_make plans, maps and formats one; image_call borrows a context; image_clean runs
 *   the verifier. commit and punch change the protection of the pages, and may be told to
 *   fail, so that a use of memory that isn't there ends the test. */
#ifndef TG_TESTS_CORE_ARENA_IMAGE_H
#define TG_TESTS_CORE_ARENA_IMAGE_H

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "arena/arena.h"
#include "arena/verify.h"
#include "check.h"
#include "owner/context.h"
#include "region/region.h"

struct image {
    struct tg_os os;
    struct tg_local local;
    void *base;
    uint64_t size;
    tg_a64 commits, punches;
    uint64_t fail_commit_at; /* the nth commit answers TG_FULL; 0 = none */
    uint64_t random;
};

static struct image *image_of(struct tg_os *os) { return (struct image *)os; }

static inline uint64_t image_random(struct image *image) {
    image->random ^= image->random << 13;
    image->random ^= image->random >> 7;
    image->random ^= image->random << 17;
    return image->random;
}

static tg_status image_life(struct tg_os *os, uint32_t process) {
    (void)os, (void)process;
    return TG_OK;
}
static void image_drop(struct tg_os *os, uint32_t process) { (void)os, (void)process; }
static enum tg_life image_probe(struct tg_os *os, uint32_t process) {
    (void)os, (void)process;
    return TG_LIFE_ALIVE;
}
static tg_status image_wait(struct tg_os *os, const void *word, uint32_t expected,
                            uint64_t timeout_ns, uint32_t mask) {
    (void)os, (void)word, (void)expected, (void)timeout_ns, (void)mask;
    sched_yield();
    return TG_OK;
}
static void image_wake(struct tg_os *os, const void *word, uint32_t count, uint32_t mask) {
    (void)os, (void)word, (void)count, (void)mask;
}
static uint64_t image_clock(struct tg_os *os) {
    struct timespec now;
    (void)os;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static tg_status image_commit(struct tg_os *os, uint64_t offset, uint64_t length) {
    struct image *image = image_of(os);
    uint64_t nth = tg_add_relaxed64(&image->commits, 1) + 1;
    if (nth == image->fail_commit_at) return TG_FULL;
    uint64_t begin = offset & ~(uint64_t)4095, end = (offset + length + 4095) & ~(uint64_t)4095;
    if (mprotect((uint8_t *)image->base + begin, end - begin, PROT_READ | PROT_WRITE))
        return TG_SYSTEM;
    return TG_OK;
}
static tg_status image_punch(struct tg_os *os, uint64_t offset, uint64_t length) {
    struct image *image = image_of(os);
    uint8_t *begin = (uint8_t *)image->base + offset;
    tg_add_relaxed64(&image->punches, 1);
    if (offset % 4096 || length % 4096) return TG_SYSTEM;
    if (madvise(begin, length, MADV_DONTNEED) || mprotect(begin, length, PROT_NONE))
        return TG_SYSTEM;
    return TG_OK;
}
static uint64_t image_random64(struct tg_os *os) { return image_random(image_of(os)); }
static uint32_t image_number(struct tg_os *os) {
    (void)os;
    return 0;
}

static bool image_no_wait(struct tg_os *os, uint64_t timeout_ns) {
    (void)os, (void)timeout_ns;
    return true;
}
static void image_nobody(struct tg_os *os) { (void)os; }

static const struct tg_os_ops image_ops = {
    .life_take = image_life,
    .life_drop = image_drop,
    .life_probe = image_probe,
    .futex_wait = image_wait,
    .futex_wake = image_wake,
    .monotonic_ns = image_clock,
    .coarse_ns = image_clock,
    .boottime_ns = image_clock,
    .commit = image_commit,
    .punch = image_punch,
    .random64 = image_random64,
    .process_id = image_number,
    .thread_id = image_number,
    .processor = image_number,
    .ask_helper = image_nobody,
    .await_helper = image_no_wait,
};

static inline void image_make(struct image *image, const struct tg_region_options *options) {
    struct tg_header header;
    *image = (struct image){.os = {&image_ops}, .random = 88172645463325252u};
    REQUIRE(tg_region_plan(options, &header) == TG_OK);
    image->size = header.file_size;
    image->base =
        mmap(NULL, image->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(image->base != MAP_FAILED);
    tg_region_bind(&image->local, image->base, &image->os, &header);
    REQUIRE(tg_region_format(&image->local) == TG_OK);
    REQUIRE(tg_arena_format(&image->local) == TG_OK);
    tg_store_relaxed64(&image->commits, 0);
}

static inline void image_free(struct image *image) { munmap(image->base, image->size); }

static inline void image_call(struct image *image, struct tg_call *call) {
    tg_call_begin(call, &image->local, 0, TG_FOREVER);
    REQUIRE(tg_borrow(call) == TG_OK);
}

static void image_complain(void *state, const char *rule, uint64_t where, const char *text) {
    (void)state;
    fprintf(stderr, "    %s at %llu: %s\n", rule, (unsigned long long)where, text);
}

static inline bool image_clean(struct image *image) {
    return tg_arena_verify(&image->local, image_complain, NULL) == 0;
}

static inline void image_tally(void *state, tg_ref ref, uint32_t class) {
    (void)ref, (void)class;
    ++*(uint64_t *)state;
}
static inline void image_tally_stocked(void *state, tg_ref ref, uint32_t class, uint32_t id) {
    (void)ref, (void)class, (void)id;
    ++*(uint64_t *)state;
}
static inline void image_tally_run(void *state, uint32_t first, uint32_t pages, uint32_t id) {
    (void)first, (void)pages, (void)id;
    ++*(uint64_t *)state;
}

/* Blocks that somebody owns: allocated and in no magazine. */
static inline uint64_t image_owned(struct image *image) {
    uint64_t all = 0, stocked = 0;
    tg_arena_each_block(&image->local, image_tally, &all);
    tg_arena_each_stocked(&image->local, image_tally_stocked, &stocked);
    return all - stocked;
}

static inline uint64_t image_runs(struct image *image) {
    uint64_t runs = 0;
    tg_arena_each_run(&image->local, image_tally_run, &runs);
    return runs;
}

#endif
