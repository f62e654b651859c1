/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"
#include "linux_fork.h"

enum { NS = 1000000000, COOKIE_SIZE = 4096 };
static const uint64_t wait_ns_max = (uint64_t)NS * 3600; /* every wait looks round again */

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

/* FUTEX_WAIT_BITSET alone takes an absolute time, and alone takes a mask. */
static tg_status futex_wait(struct tg_os *os, const void *word, uint32_t expected,
                            uint64_t timeout_ns, uint32_t mask) {
    (void)os;
    uint64_t end = tg_linux_monotonic_ns();
    end += timeout_ns < wait_ns_max ? timeout_ns : wait_ns_max;
    struct timespec until = {.tv_sec = (time_t)(end / NS), .tv_nsec = (long)(end % NS)};
    long answer = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, &until, NULL,
                          mask ? mask : FUTEX_BITSET_MATCH_ANY);
    return answer < 0 && errno == EINTR ? TG_INTERRUPTED : TG_OK;
}

static void futex_wake(struct tg_os *os, const void *word, uint32_t count, uint32_t mask) {
    (void)os;
    int most = count > INT_MAX ? INT_MAX : (int)count;
    syscall(SYS_futex, word, FUTEX_WAKE_BITSET, most, NULL, NULL,
            mask ? mask : FUTEX_BITSET_MATCH_ANY);
}

uint64_t tg_linux_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static uint64_t monotonic_ns(struct tg_os *os) {
    (void)os;
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t coarse_ns(struct tg_os *os) {
    (void)os;
    return clock_ns(CLOCK_MONOTONIC_COARSE);
}

/* There is no coarse one of this clock, which goes on during suspend and is the same for all. */
static uint64_t boottime_ns(struct tg_os *os) {
    (void)os;
    return clock_ns(CLOCK_BOOTTIME);
}

static uint64_t random64(struct tg_os *os) {
    uint64_t value = 0;
    ssize_t got;
    do got = getrandom(&value, sizeof(value), 0);
    while (got < 0 && errno == EINTR);
    /* Only where a filter forbids the call: unlike, if not unpredictable. */
    if (got != sizeof(value)) value = clock_ns(CLOCK_MONOTONIC) * 0x9e3779b97f4a7c15ull;
    (void)os;
    return value;
}

static uint32_t process_id(struct tg_os *os) {
    (void)os;
    return (uint32_t)getpid();
}

static uint32_t thread_id(struct tg_os *os) {
    (void)os;
    return (uint32_t)tg_linux_thread();
}

static bool thread_lives(struct tg_os *os, uint32_t thread) {
    (void)os;
    return syscall(SYS_tgkill, getpid(), (pid_t)thread, 0) == 0 || errno != ESRCH;
}

static uint32_t processor(struct tg_os *os) {
    (void)os;
    int number = sched_getcpu();
    return number < 0 ? 0 : (uint32_t)number;
}

static void ask_helper(struct tg_os *os) { tg_helper_ask(&((struct tg_os_linux *)os)->helper); }

static bool await_helper(struct tg_os *os, uint64_t timeout_ns) {
    uint64_t end = tg_linux_monotonic_ns() + timeout_ns;
    while (tg_helper_works(&((struct tg_os_linux *)os)->helper)) {
        if (tg_linux_monotonic_ns() >= end) return false;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return true;
}

static const struct tg_os_ops linux_ops = {
    .life_take = tg_linux_life_take,
    .life_drop = tg_linux_life_drop,
    .life_probe = tg_linux_life_probe,
    .futex_wait = futex_wait,
    .futex_wake = futex_wake,
    .monotonic_ns = monotonic_ns,
    .coarse_ns = coarse_ns,
    .boottime_ns = boottime_ns,
    .commit = tg_linux_commit,
    .punch = tg_linux_punch,
    .read_at = tg_linux_read_at,
    .read_check = tg_linux_read_check,
    .random64 = random64,
    .process_id = process_id,
    .thread_id = thread_id,
    .thread_lives = thread_lives,
    .ask_helper = ask_helper,
    .await_helper = await_helper,
    .processor = processor,
};

void tg_linux_init(struct tg_os_linux *self) {
    memset(self, 0, offsetof(struct tg_os_linux, tokens));
    tg_linux_after_fork(self);
    tg_helper_init(&self->helper);
    self->os.ops = &linux_ops;
    self->store_fd = self->lock_fd = -1;
}

/* Reads before it writes: a table of thousands that were never used stays untouched memory. */
void tg_linux_after_fork(struct tg_os_linux *self) {
    for (uint32_t i = 0; i < TG_LINUX_PROCESS_MAX; i++)
        if (tg_load_relaxed64(&self->tokens[i])) tg_store_relaxed64(&self->tokens[i], 0);
}

tg_a64 *tg_linux_cookie(void) {
    void *page =
        mmap(NULL, COOKIE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return NULL;
    if (madvise(page, COOKIE_SIZE, MADV_WIPEONFORK) == 0) return page;
    munmap(page, COOKIE_SIZE);
    return NULL;
}

void tg_linux_cookie_free(tg_a64 *cookie) {
    if (cookie) munmap(cookie, COOKIE_SIZE);
}

void tg_linux_program_name(uint8_t name[16]) {
    memset(name, 0, 16);
    prctl(PR_GET_NAME, name);
}
