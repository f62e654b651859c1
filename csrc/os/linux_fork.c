/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "linux_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/check.h"
#include "linux.h"

enum { NS_PER_MS = 1000000, TRIES = 20, SHARED_SIZE = 4096 };
/* The child's time is shorter: it begins later, and its answer should find a waiting parent. */
static const uint64_t parent_ns = 1000000000, child_ns = 900000000, try_ns = 100000;

static struct {
    pthread_mutex_t list; /* W3: before `forbidden` */
    pthread_mutex_t forbidden;
    struct tg_fork_node *first;
    tg_a32 installed; /* read without the lock */
    uint32_t forks; /* that made this process */
} registry = {.list = PTHREAD_MUTEX_INITIALIZER, .forbidden = PTHREAD_MUTEX_INITIALIZER};

/* The only thread of a new child is the one that forked. */
static _Thread_local uint64_t this_thread;

static void prepare(void) {
    pthread_mutex_lock(&registry.list);
    for (struct tg_fork_node *node = registry.first; node; node = node->next) node->prepare(node);
    pthread_mutex_lock(&registry.forbidden);
}

static void parent(void) {
    uint64_t until = tg_linux_monotonic_ns() + parent_ns;
    pthread_mutex_unlock(&registry.forbidden);
    for (struct tg_fork_node *node = registry.first; node; node = node->next)
        node->parent(node, until);
    pthread_mutex_unlock(&registry.list);
}

static void child(void) {
    uint64_t until = tg_linux_monotonic_ns() + child_ns;
    /* Both were locked by our thread's image, so they are ours to unlock; a hook may take
     * tokens, and no other thread exists yet. */
    pthread_mutex_unlock(&registry.forbidden);
    pthread_mutex_unlock(&registry.list);
    registry.forks++;
    this_thread = 0;
    for (struct tg_fork_node *node = registry.first; node; node = node->next)
        node->child(node, until);
}

void tg_fork_lock(void) { pthread_mutex_lock(&registry.list); }

void tg_fork_unlock(void) { pthread_mutex_unlock(&registry.list); }

void tg_fork_forbid(void) { pthread_mutex_lock(&registry.forbidden); }

bool tg_fork_try_forbid(void) {
    for (int i = 0; i < TRIES; i++) {
        if (pthread_mutex_trylock(&registry.forbidden) == 0) return true;
        nanosleep(&(struct timespec){.tv_nsec = (long)try_ns}, NULL);
    }
    return false;
}

void tg_fork_allow(void) { pthread_mutex_unlock(&registry.forbidden); }

static bool install_locked(void) {
    if (tg_load_relaxed32(&registry.installed)) return true;
    if (pthread_atfork(prepare, parent, child) != 0) return false;
    tg_store_relaxed32(&registry.installed, 1);
    return true;
}

uint64_t tg_linux_thread(void) {
    if (TG_LIKELY(this_thread != 0)) return this_thread;
    bool installed = tg_load_relaxed32(&registry.installed);
    if (!installed) {
        tg_fork_lock();
        installed = install_locked();
        tg_fork_unlock();
    }
    uint64_t found = (uint64_t)registry.forks << 32 | (uint32_t)syscall(SYS_gettid);
    if (installed) this_thread = found; /* else a child would not notice */
    return found;
}

bool tg_fork_add_locked(struct tg_fork_node *node) {
    if (!install_locked()) return false;
    struct tg_fork_node **end = &registry.first;
    while (*end) end = &(*end)->next;
    node->next = NULL;
    *end = node;
    return true;
}

void tg_fork_remove_locked(struct tg_fork_node *node) {
    for (struct tg_fork_node **at = &registry.first; *at; at = &(*at)->next) {
        if (*at != node) continue;
        *at = node->next;
        return;
    }
}

struct tg_fork_node *tg_fork_first_locked(void) { return registry.first; }

/* ---- the parent waits for its child --------------------------------------------- */

static void close_both(struct tg_fork_wait *wait) {
    if (wait->read_fd >= 0) close(wait->read_fd);
    if (wait->write_fd >= 0) close(wait->write_fd);
    wait->read_fd = wait->write_fd = -1;
}

static void unmap_shared(struct tg_fork_wait *wait) {
    if (wait->shared) munmap(wait->shared, SHARED_SIZE);
    wait->shared = NULL;
}

bool tg_fork_wait_prepare(struct tg_fork_wait *wait) {
    int fds[2];
    void *page = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    wait->shared = page;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        unmap_shared(wait);
        return false;
    }
    wait->read_fd = fds[0];
    wait->write_fd = fds[1];
    return true;
}

void tg_fork_wait_end(struct tg_fork_wait *wait) {
    close_both(wait);
    unmap_shared(wait);
}

static int milliseconds_until(uint64_t end_ns) {
    uint64_t now = tg_linux_monotonic_ns();
    return now >= end_ns ? 0 : (int)((end_ns - now) / NS_PER_MS);
}

void tg_fork_wait_parent(struct tg_fork_wait *wait, uint64_t until_ns) {
    close(wait->write_fd); /* now the child has the only writing end */
    wait->write_fd = -1;
    struct pollfd ended = {.fd = wait->read_fd, .events = POLLIN};
    while (poll(&ended, 1, milliseconds_until(until_ns)) < 0 && errno == EINTR) continue;
}

void tg_fork_wait_child(struct tg_fork_wait *wait) {
    close(wait->read_fd);
    wait->read_fd = -1;
}
