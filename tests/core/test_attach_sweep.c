/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: at each of its system calls an opener, a maker, a replacer or a remover may be
 * killed, or stopped while others go on, and there is never more than one store.
 * Method: the victim runs under ptrace; run n ends it, or holds it, before its nth system
 * call. So every state of the folder that can exist is seen.
 * Failure means: a store that can't be opened after a death, or two under one name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#include "check.h"
#include "store/attach.h"
#include "tryget.h"

static char folder[256];
static struct tg_error error;
static const uint64_t SIZE = 4 << 20, PATIENCE_NS = 1000000;

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void clear(void) {
    unlink(path_of("a.tryget"));
    unlink(path_of("a.tryget-lock"));
}

static struct tg_open_options options_with(uint64_t timeout_ns) {
    return (struct tg_open_options){
        .directory = folder, .name = "a", .size = SIZE, .timeout_ns = timeout_ns};
}

static tg_status put(struct tg_store *store, const char *key) {
    uint32_t hint = 0;
    uint64_t version;
    struct tg_part part = {"v", 1};
    struct tg_set_options options = {.deadline_ns = UINT64_MAX};
    return tg_set(store, &hint, (struct tg_key){key, strlen(key)}, &part, 1, &options, &version);
}

static void open_and_put(const char *key, bool keep) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    tg_status status = tg_store_open(&options, &store, &error);
    if (!EXPECT_EQ(status, TG_OK)) {
        fprintf(stderr, "    %s, errno %d\n", error.step, error.code);
        return;
    }
    EXPECT_EQ(put(store, key), TG_OK);
    if (!keep) tg_store_close(store);
}

static bool has(const char *key) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    uint32_t hint = 0;
    struct tg_info info;
    if (tg_store_open(&options, &store, &error) != TG_OK) return false;
    tg_status status = tg_contains(store, &hint, (struct tg_key){key, strlen(key)}, &info);
    tg_store_close(store);
    return status == TG_OK;
}

/* ---- victims: each runs in a child under ptrace -------------------------------------------- */

static struct shared {
    tg_a32 opened; /* the victim's open has returned */
    tg_a32 status;
    tg_a32 second; /* status of the second victim */
} *shared;

static void victim_open(void) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    tg_status status = tg_store_open(&options, &store, &error);
    tg_store_relaxed32(&shared->opened, 1);
    if (status == TG_OK) status = put(store, "victim");
    tg_store_relaxed32(&shared->status, status);
}

/* Two that don't wait long for each other. */
static tg_status open_impatiently(const char *key) {
    struct tg_open_options options = options_with(PATIENCE_NS);
    struct tg_store *store;
    tg_status status = tg_store_open(&options, &store, &error);
    return status == TG_OK ? put(store, key) : status;
}

static void victim_first(void) { tg_store_relaxed32(&shared->status, open_impatiently("first")); }

static void victim_second(void) { tg_store_relaxed32(&shared->second, open_impatiently("second")); }

static void victim_unlink(void) {
    tg_store_relaxed32(&shared->status, tg_store_unlink(folder, "a", &error));
}

static void victim_replace(void) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    options.new_on_mismatch = true;
    tg_store_relaxed32(&shared->status, tg_store_open(&options, &store, &error));
}

static void victim_close(void) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    tg_status status = tg_store_open(&options, &store, &error);
    if (status == TG_OK) tg_store_close(store);
    tg_store_relaxed32(&shared->status, status);
}

static void nothing(void) {}

static void a_store(void) { open_and_put("before", false); }

static void a_lock_alone(void) {
    a_store();
    unlink(path_of("a.tryget"));
}

static void another_layout(void) {
    uint32_t layout = TG_LAYOUT_VERSION + 1;
    a_store();
    int fd = open(path_of("a.tryget"), O_WRONLY);
    EXPECT_EQ(pwrite(fd, &layout, 4, offsetof(struct tg_header, layout)), 4);
    close(fd);
}

static const struct scenario {
    const char *name;
    void (*setup)(void);
    void (*victim)(void);
} scenarios[] = {
    {"make", nothing, victim_open},     {"make over a lock file", a_lock_alone, victim_open},
    {"attach", a_store, victim_open},   {"attach and close", a_store, victim_close},
    {"unlink", a_store, victim_unlink}, {"replace", another_layout, victim_replace},
};

/* ---- the sweep ------------------------------------------------------------------------------ */

static pid_t start(const struct scenario *scenario) {
    pid_t child = fork();
    if (child != 0) return child;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    raise(SIGSTOP);
    scenario->victim();
    _exit(0);
}

/* Lets the victim go until it is about to make its nth call. False: it ended before. */
static bool run_to(pid_t child, int n) {
    int status;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return false;
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (int stops = 0; stops < 2 * n - 1; stops++) { /* at the entry and at the exit of each */
        if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0) return false;
        if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return false;
    }
    return true;
}

static void run_on(pid_t child, bool held) {
    if (!held) return;
    ptrace(PTRACE_DETACH, child, NULL, NULL);
    waitpid(child, NULL, 0);
}

static void prepare(const struct scenario *scenario) {
    clear();
    memset(shared, 0xff, sizeof(*shared));
    tg_store_relaxed32(&shared->opened, 0);
    scenario->setup();
}

static bool may_trace(void) {
    pid_t child = start(&(struct scenario){"", nothing, nothing});
    bool traced = run_to(child, 1);
    kill(child, SIGKILL);
    if (traced) waitpid(child, NULL, 0);
    if (!traced) printf("skipped: ptrace is not allowed here\n");
    return traced;
}

static bool begin(void) {
    strcpy(folder, "/dev/shm/tryget-test-XXXXXX");
    if (!EXPECT(mkdtemp(folder) != NULL)) return false;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (EXPECT(shared != MAP_FAILED) && may_trace()) return true;
    rmdir(folder);
    return false;
}

static void end(void) {
    munmap(shared, 4096);
    clear();
    EXPECT_EQ(rmdir(folder), 0);
}

static bool failed_at(const struct scenario *scenario, int n) {
    if (tg_load_relaxed64(&check_failures) == 0) return false;
    fprintf(stderr, "    scenario \"%s\", before system call %d\n", scenario->name, n);
    return true;
}

/* A replacement that died may not have begun: then the old layout is still there. */
static void expect_good(const struct scenario *scenario) {
    struct tg_open_options options = options_with(0);
    struct tg_store *store;
    options.new_on_mismatch = scenario->setup == another_layout;
    EXPECT_EQ(tg_store_open(&options, &store, &error), TG_OK);
    if (tg_load_relaxed64(&check_failures)) return;
    EXPECT_EQ(put(store, "after"), TG_OK);
    tg_store_close(store);
    EXPECT(has("after"));
}

TEST(a_victim_killed_before_any_system_call_leaves_what_can_be_opened) {
    if (!begin()) return;
    EXAMPLES(scenario, scenarios) {
        int n = 1;
        if (tg_load_relaxed64(&check_failures)) break;
        for (bool more = true; more && n < 2000; n++) {
            prepare(scenario);
            pid_t child = start(scenario);
            more = run_to(child, n);
            if (more) {
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
            }
            expect_good(scenario);
            if (failed_at(scenario, n)) break;
        }
        EXPECT(n > 10);
    }
    end();
}

/* While the victim is held, others open the store. Either they get it, or they wait in
 * vain because the victim is about to make it. Later everybody is in the same one. */
TEST(a_victim_stopped_before_any_system_call_and_the_others_share_one_store) {
    if (!begin()) return;
    EXAMPLES(scenario, scenarios) {
        if (scenario->victim != victim_open || tg_load_relaxed64(&check_failures)) continue;
        for (int n = 1; n < 2000; n++) {
            prepare(scenario);
            pid_t child = start(scenario);
            bool more = run_to(child, n);
            struct tg_open_options options = options_with(PATIENCE_NS);
            struct tg_store *store = NULL;
            tg_status status = tg_store_open(&options, &store, &error);
            EXPECT(status == TG_OK || (more && status == TG_TIMEOUT));
            if (status == TG_OK) EXPECT_EQ(put(store, "other"), TG_OK);
            run_on(child, more);
            EXPECT_EQ(tg_load_relaxed32(&shared->status), TG_OK);
            EXPECT(has("victim"));
            EXPECT(status != TG_OK || has("other"));
            if (status == TG_OK) tg_store_close(store);
            if (failed_at(scenario, n) || !more) break;
        }
    }
    end();
}

/* Who was about to attach when the store was replaced must notice; who had attached may
 * stay. The look at the name is the last thing but the closing of the folder. */
TEST(a_victim_stopped_while_the_store_is_replaced_attaches_to_the_new_one) {
    enum { CALLS_AFTER_THE_LOOK = 1 };
    if (!begin()) return;
    int late = 0;
    for (int n = 1; n < 2000; n++) {
        prepare(&scenarios[2]);
        pid_t child = start(&scenarios[2]);
        bool more = run_to(child, n);
        bool opened = tg_load_relaxed32(&shared->opened) != 0;
        EXPECT_EQ(tg_store_unlink(folder, "a", &error), TG_OK);
        open_and_put("other", false);
        run_on(child, more);
        EXPECT_EQ(tg_load_relaxed32(&shared->status), TG_OK);
        EXPECT(has("other"));
        late += !opened && !has("victim");
        if (failed_at(&scenarios[2], n) || !more) break;
    }
    EXPECT(late <= CALLS_AFTER_THE_LOOK);
    end();
}

/* The first is held at any of its calls, then the second at any of its own; then the first
 * goes on, which may have looked at what is no more, and the second last. */
TEST(two_makers_held_anywhere_make_one_store) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { STRIDE = 5 }; /* they look for other faults */
#else
    enum { STRIDE = 1 };
#endif
    static const struct scenario first = {"two, first", a_lock_alone, victim_first},
                                 second = {"two, second", nothing, victim_second};
    if (!begin()) return;
    bool first_held = true, second_held = true;
    for (int n = 1; first_held && n < 2000; n += STRIDE) {
        second_held = true;
        for (int m = 1; second_held && m < 2000; m += STRIDE) {
            prepare(&first);
            pid_t one = start(&first);
            first_held = run_to(one, n);
            pid_t two = start(&second);
            second_held = run_to(two, m);
            run_on(one, first_held);
            run_on(two, second_held);
            uint32_t status = tg_load_relaxed32(&shared->status);
            EXPECT(status == TG_OK || status == TG_TIMEOUT);
            EXPECT(status != TG_OK || has("first"));
            status = tg_load_relaxed32(&shared->second);
            EXPECT(status == TG_OK || status == TG_TIMEOUT);
            EXPECT(status != TG_OK || has("second"));
            expect_good(&second);
            if (failed_at(&first, n) && failed_at(&second, m)) return end();
        }
    }
    end();
}
