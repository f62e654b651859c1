/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "linux_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t mutex;
    struct tg_fork_node *first;
    bool installed;
} registry = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void prepare(void) {
    pthread_mutex_lock(&registry.mutex);
    for (struct tg_fork_node *node = registry.first; node; node = node->next) node->prepare(node);
}

static void parent(void) {
    for (struct tg_fork_node *node = registry.first; node; node = node->next) node->parent(node);
    pthread_mutex_unlock(&registry.mutex);
}

static void child(void) {
    /* The mutex was locked by our thread's image, so it is ours to unlock; a hook may take
     * tokens, which needs it, and no other thread exists yet. */
    pthread_mutex_unlock(&registry.mutex);
    for (struct tg_fork_node *node = registry.first; node; node = node->next) node->child(node);
}

void tg_fork_lock(void) { pthread_mutex_lock(&registry.mutex); }

void tg_fork_unlock(void) { pthread_mutex_unlock(&registry.mutex); }

bool tg_fork_add_locked(struct tg_fork_node *node) {
    if (!registry.installed && pthread_atfork(prepare, parent, child) != 0) return false;
    registry.installed = true;
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

void tg_fork_wait_prepare(struct tg_fork_wait *wait) {
    int fds[2];
    wait->read_fd = wait->write_fd = -1;
    if (pipe2(fds, O_CLOEXEC) != 0) return; /* no descriptors left: nobody waits */
    wait->read_fd = fds[0];
    wait->write_fd = fds[1];
}

static int milliseconds_until(const struct timespec *end) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long left =
        (long long)(end->tv_sec - now.tv_sec) * 1000 + (end->tv_nsec - now.tv_nsec) / 1000000;
    return left < 0 ? 0 : (int)left;
}

void tg_fork_wait_parent(struct tg_fork_wait *wait, unsigned milliseconds) {
    if (wait->read_fd < 0) return;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    close(wait->write_fd); /* now the child has the only writing end */
    struct pollfd ended = {.fd = wait->read_fd, .events = POLLIN};
    while (poll(&ended, 1, milliseconds_until(&end)) < 0 && errno == EINTR) continue;
    close(wait->read_fd);
    wait->read_fd = wait->write_fd = -1;
}

void tg_fork_wait_child_begin(struct tg_fork_wait *wait) {
    if (wait->read_fd >= 0) close(wait->read_fd);
    wait->read_fd = -1;
}

void tg_fork_wait_child_ready(struct tg_fork_wait *wait) {
    if (wait->write_fd >= 0) close(wait->write_fd);
    wait->write_fd = -1;
}
