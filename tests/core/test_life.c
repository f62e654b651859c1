/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a life token says that its owner's memory exists, neither more nor less, and is
 * never judged by another file than the one of attach.
 * Method: real processes that are killed, stopped, forked, replaced.
 * Failure means: false death, and locks are robbed from the living; or a death that nobody
 * notices, and all wait for ever. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "check.h"
#include "os/linux_file.h"

static char folder[] = "/dev/shm/tryget-test-XXXXXX";
static struct tg_place place;
static struct tg_os_linux *mine; /* inherited by children, who make their own */

static struct tg_os_linux *attach(void) {
    struct tg_error error;
    struct tg_file store, lock;
    char path[TG_LINUX_PATH_MAX];
    struct tg_os_linux *os = calloc(1, sizeof(*os));
    tg_linux_init(os);
    if (tg_file_open(&place, place.store, 0600, &store, &error) != TG_OK ||
        tg_file_open(&place, place.lock, 0600, &lock, &error) != TG_OK ||
        tg_place_file_path(&place, place.lock, path, sizeof(path), &error) != TG_OK ||
        tg_linux_keep(os, store.fd, lock.fd, path) != TG_OK || tg_linux_map(os, 1 << 20) != TG_OK)
        abort();
    return os;
}

static void make_file(const char *name, uint64_t size) {
    struct tg_error error;
    int fd;
    REQUIRE(tg_file_make(&place, 0600, size, &fd, &error) == TG_OK);
    REQUIRE(tg_file_link(&place, name, fd, &error) == TG_OK);
    close(fd);
}

static void begin(void) {
    struct tg_error error;
    strcpy(folder, "/dev/shm/tryget-test-XXXXXX");
    REQUIRE(mkdtemp(folder) != NULL);
    REQUIRE(tg_place_open(&place, folder, "life", &error) == TG_OK);
    make_file(place.store, 1 << 20);
    make_file(place.lock, 0);
    mine = attach();
}

static void end(void) {
    struct tg_error error;
    tg_linux_finish(mine);
    free(mine);
    EXPECT_EQ(tg_file_unlink(&place, place.store, &error), TG_OK);
    EXPECT_EQ(tg_file_unlink(&place, place.lock, &error), TG_OK);
    tg_place_close(&place);
    EXPECT_EQ(rmdir(folder), 0);
}

static enum tg_life probe(uint32_t process) { return mine->os.ops->life_probe(&mine->os, process); }

static tg_status take(struct tg_os_linux *os, uint32_t process) {
    return os->os.ops->life_take(&os->os, process);
}

static int tell[2];

/* A child with a token of its own, that has said so and then did `more`. */
static pid_t child_with_token(uint32_t process, void (*more)(void)) {
    char byte;
    REQUIRE(pipe(tell) == 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        struct tg_os_linux *os = attach();
        if (take(os, process) != TG_OK) _exit(1);
        if (more) more();
        if (write(tell[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    REQUIRE(read(tell[0], &byte, 1) == 1);
    close(tell[0]);
    close(tell[1]);
    return child;
}

static void kill_and_reap(pid_t child) {
    kill(child, SIGKILL);
    EXPECT_EQ(waitpid(child, NULL, 0), child);
}

static bool dies_within(uint32_t process, int milliseconds) {
    for (int i = 0; i < milliseconds * 10; i++) {
        if (probe(process) == TG_LIFE_DEAD) return true;
        usleep(100);
    }
    return false;
}

TEST(a_token_lives_until_it_is_dropped) {
    begin();
    EXPECT_EQ(probe(7), TG_LIFE_DEAD);
    EXPECT_EQ(take(mine, 7), TG_OK);
    EXPECT_EQ(probe(7), TG_LIFE_ALIVE);
    EXPECT_EQ(probe(6), TG_LIFE_DEAD);
    EXPECT_EQ(probe(8), TG_LIFE_DEAD);
    mine->os.ops->life_drop(&mine->os, 7);
    EXPECT_EQ(probe(7), TG_LIFE_DEAD);
    EXPECT_EQ(take(mine, TG_LINUX_PROCESS_MAX), TG_INVALID);
    end();
}

TEST(one_process_conflicts_with_itself) {
    begin();
    struct tg_os_linux *second = attach();
    EXPECT_EQ(take(mine, 3), TG_OK);
    EXPECT_EQ(take(mine, 3), TG_BUSY); /* as another thread of ours would */
    EXPECT_EQ(take(second, 3), TG_BUSY);
    mine->os.ops->life_drop(&mine->os, 3);
    EXPECT_EQ(take(second, 3), TG_OK);
    tg_linux_finish(second);
    free(second);
    EXPECT_EQ(probe(3), TG_LIFE_DEAD);
    end();
}

TEST(death_by_sigkill_frees_the_token_before_anybody_waits_for_the_child) {
    begin();
    pid_t child = child_with_token(1, NULL);
    EXPECT_EQ(probe(1), TG_LIFE_ALIVE);
    EXPECT_EQ(take(mine, 1), TG_BUSY);
    kill(child, SIGKILL);
    EXPECT(dies_within(1, 2000));
    EXPECT_EQ(take(mine, 1), TG_OK);
    EXPECT_EQ(waitpid(child, NULL, 0), child);
    end();
}

TEST(a_stopped_process_is_alive) {
    begin();
    pid_t child = child_with_token(1, NULL);
    int status;
    kill(child, SIGSTOP);
    REQUIRE(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    EXPECT_EQ(probe(1), TG_LIFE_ALIVE);
    kill_and_reap(child);
    EXPECT_EQ(probe(1), TG_LIFE_DEAD);
    end();
}

static void close_all(void) {
    for (int fd = 3; fd < 1024; fd++)
        if (fd != tell[1]) close(fd);
}

TEST(closing_every_descriptor_kills_nobody) {
    begin();
    pid_t child = child_with_token(1, close_all);
    EXPECT_EQ(probe(1), TG_LIFE_ALIVE);
    kill_and_reap(child);
    EXPECT_EQ(probe(1), TG_LIFE_DEAD);
    end();
}

static void fork_and_wait(void) {
    if (fork() == 0) {
        alarm(1); /* nobody will reap it */
        for (;;) pause();
    }
}

static void raw_clone(void) {
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) {
        alarm(1);
        for (;;) pause();
    }
}

TEST(a_forked_child_does_not_keep_its_parent_alive) {
    static void (*const table[])(void) = {fork_and_wait, raw_clone};
    EXAMPLES(how, table) {
        begin();
        pid_t child = child_with_token(1, *how);
        EXPECT_EQ(probe(1), TG_LIFE_ALIVE);
        kill_and_reap(child);
        EXPECT_EQ(probe(1), TG_LIFE_DEAD);
        end();
    }
}

TEST(exec_frees_the_token) {
    begin();
    int out[2];
    char byte;
    REQUIRE(pipe(out) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct tg_os_linux *os = attach();
        if (take(os, 2) != TG_OK) _exit(1);
        dup2(out[1], 1);
        execl("/bin/sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL);
        _exit(1);
    }
    REQUIRE(read(out[0], &byte, 1) == 1);
    EXPECT_EQ(probe(2), TG_LIFE_DEAD);
    EXPECT_EQ(waitpid(child, NULL, WNOHANG), 0); /* and the process goes on */
    kill_and_reap(child);
    close(out[0]);
    close(out[1]);
    end();
}

TEST(a_file_that_took_the_name_says_nothing_about_life) {
    begin();
    pid_t child = child_with_token(5, NULL);
    struct tg_error error;
    REQUIRE(tg_file_unlink(&place, place.lock, &error) == TG_OK);
    make_file(place.lock, 0);
    EXPECT_EQ(probe(5), TG_LIFE_ALIVE); /* by the kept descriptor */
    EXPECT_EQ(take(mine, 5), TG_BUSY);
    EXPECT_EQ(take(mine, 6), TG_OK);
    /* Our descriptor's number is somebody else's file now, and the path too. */
    int other = open("/dev/null", O_RDWR);
    REQUIRE(dup2(other, mine->lock_fd) == mine->lock_fd);
    EXPECT_EQ(probe(5), TG_LIFE_UNKNOWN);
    EXPECT_EQ(take(mine, 5), TG_SYSTEM);
    EXPECT_EQ(take(mine, 9), TG_SYSTEM);
    close(other);
    close(mine->lock_fd);
    EXPECT_EQ(probe(5), TG_LIFE_UNKNOWN);
    kill_and_reap(child);
    end();
}

TEST(a_lost_descriptor_is_replaced_by_the_path) {
    begin();
    pid_t child = child_with_token(5, NULL);
    REQUIRE(close(mine->lock_fd) == 0);
    EXPECT_EQ(probe(5), TG_LIFE_ALIVE);
    EXPECT_EQ(take(mine, 5), TG_BUSY);
    EXPECT_EQ(take(mine, 6), TG_OK);
    EXPECT_EQ(probe(6), TG_LIFE_ALIVE);
    kill_and_reap(child);
    EXPECT_EQ(probe(5), TG_LIFE_DEAD);
    end();
}

TEST(a_reader_of_the_store_has_no_say) {
    begin();
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    /* Even a read lock on every life byte, if somebody got hold of the lock file. */
    char path[TG_LINUX_PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, place.lock);
    fd = open(path, O_RDONLY);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
    REQUIRE(fcntl(fd, F_OFD_SETLK, &lock) == 0);
    EXPECT_EQ(probe(1), TG_LIFE_DEAD);
    close(fd);
    end();
}

/* ---- the rest of the seam ------------------------------------------------------------ */

static uint64_t blocks(void) {
    struct tg_file file;
    struct tg_error error;
    REQUIRE(tg_file_open(&place, place.store, 0600, &file, &error) == TG_OK);
    tg_file_close(&file);
    return file.allocated;
}

TEST(commit_claims_and_punch_gives_back_with_and_without_a_descriptor) {
    begin();
    for (int lost = 0; lost <= 1; lost++) {
        struct tg_os *os = &mine->os;
        if (lost) close(mine->store_fd);
        EXPECT_EQ(blocks(), 0);
        EXPECT_EQ(os->ops->commit(os, 65536, 131072), TG_OK);
        EXPECT_EQ(blocks(), 131072);
        uint8_t *at = (uint8_t *)mine->base + 65536;
        at[0] = 77;
        EXPECT_EQ(os->ops->commit(os, 65536, 131072), TG_OK); /* again: nothing changes */
        EXPECT_EQ(at[0], 77);
        EXPECT_EQ(os->ops->punch(os, 65536, 131072), TG_OK);
        EXPECT_EQ(blocks(), 0);
    }
    end();
}

static struct {
    tg_a32 word;
    struct tg_os *os;
} sleeper;

static void *sleep_on_word(void *unused) {
    (void)unused;
    while (tg_load_relaxed32(&sleeper.word) == 0)
        (void)!sleeper.os->ops->futex_wait(sleeper.os, &sleeper.word, 0, UINT64_MAX, 4);
    return NULL;
}

TEST(a_futex_wakes_by_mask_times_out_and_is_interrupted) {
    struct tg_os_linux os;
    pthread_t thread;
    tg_linux_init(&os);
    sleeper.os = &os.os;
    tg_store_relaxed32(&sleeper.word, 0);
    uint64_t began = os.os.ops->monotonic_ns(&os.os);
    EXPECT_EQ(os.os.ops->futex_wait(&os.os, &sleeper.word, 0, 2000000, 0), TG_OK);
    EXPECT(os.os.ops->monotonic_ns(&os.os) - began >= 2000000);
    EXPECT_EQ(os.os.ops->futex_wait(&os.os, &sleeper.word, 1, UINT64_MAX, 0), TG_OK);
    REQUIRE(pthread_create(&thread, NULL, sleep_on_word, NULL) == 0);
    usleep(1000);
    tg_store_relaxed32(&sleeper.word, 1);
    os.os.ops->futex_wake(&os.os, &sleeper.word, UINT32_MAX, 4);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static void on_alarm(int number) { (void)number; }

TEST(a_signal_interrupts_a_wait) {
    struct tg_os_linux os;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, old;
    tg_a32 word = {0};
    tg_linux_init(&os);
    sigaction(SIGALRM, &action, &old);
    ualarm(20000, 0);
    EXPECT_EQ(os.os.ops->futex_wait(&os.os, &word, 0, 5000000000, 0), TG_INTERRUPTED);
    sigaction(SIGALRM, &old, NULL);
}

TEST(a_page_forgets_in_a_forked_child) {
    tg_a64 *cookie = tg_linux_cookie();
    REQUIRE(cookie != NULL);
    tg_store_relaxed64(cookie, 1);
    pid_t child = fork();
    if (child == 0) _exit(tg_load_relaxed64(cookie) == 0 ? 0 : 1);
    int status;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(tg_load_relaxed64(cookie), 1);
    tg_linux_cookie_free(cookie);
}

/* Figures for the documentation: printed, not judged. */
TEST(what_life_costs) {
    enum { ROUNDS = 20000 };
    begin();
    for (uint32_t p = 100; p < 350; p++) EXPECT_EQ(take(mine, p), TG_OK);
    uint64_t began = tg_linux_monotonic_ns();
    for (int i = 0; i < ROUNDS; i++) EXPECT_EQ(probe(349), TG_LIFE_ALIVE);
    uint64_t alive = tg_linux_monotonic_ns();
    for (int i = 0; i < ROUNDS; i++) EXPECT_EQ(probe(1), TG_LIFE_DEAD);
    uint64_t dead = tg_linux_monotonic_ns();
    for (int i = 0; i < ROUNDS / 10; i++) {
        EXPECT_EQ(take(mine, 1), TG_OK);
        mine->os.ops->life_drop(&mine->os, 1);
    }
    uint64_t taken = tg_linux_monotonic_ns();
    printf("among 250 tokens: probe of a living one %.0f ns, of a dead one %.0f ns, "
           "take and drop %.0f ns\n",
           (double)(alive - began) / ROUNDS, (double)(dead - alive) / ROUNDS,
           (double)(taken - dead) / (ROUNDS / 10));
    end();
}
