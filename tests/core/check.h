/* SPDX-License-Identifier: Apache-2.0 */
/* A harness for the C unit tests: one program a file, no library.
 *
 *   TEST(name_of_the_property) { EXPECT_EQ(tg_add(1, 1), 2); }
 *
 *   EXPECT...   notes a failure and goes on; safe from any thread.
 *   REQUIRE     ends the test; only from the thread that runs it.
 *   EXAMPLES    runs a body for each row of a table; a failure names the row.
 *   EXPECT_ABORTS runs a statement in a child, which must die of SIGABRT.
 *
 * The program runs all tests, or those whose name contains an argument; `--list` names
 * them. It prints "N passed, M failed" and the command that repeats each failure.
 */
#ifndef TG_TESTS_CORE_CHECK_H
#define TG_TESTS_CORE_CHECK_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"

struct check_test {
    const char *name;
    void (*run)(void);
    struct check_test *next;
};

static struct check_test *check_first, **check_last = &check_first;
static tg_a64 check_failures; /* of the running test; atomic, threads may fail too */
static size_t check_row = SIZE_MAX;
static jmp_buf check_end;

#define TEST(NAME)                                                                                 \
    static void NAME(void);                                                                        \
    __attribute__((constructor)) static void check_register_##NAME(void) {                         \
        static struct check_test test = {#NAME, NAME, NULL};                                       \
        *check_last = &test;                                                                       \
        check_last = &test.next;                                                                   \
    }                                                                                              \
    static void NAME(void)

#define EXAMPLES(ROW, TABLE)                                                                       \
    for (size_t check_i = 0; check_row = check_i,                                                  \
                check_i < sizeof(TABLE) / sizeof(*(TABLE)) || (check_row = SIZE_MAX, false);       \
         check_i++)                                                                                \
        for (const __typeof__(*(TABLE)) *ROW = &(TABLE)[check_i]; ROW; ROW = NULL)

static inline bool check_note(bool good, const char *file, int line, const char *text) {
    if (good) return true;
    tg_add_relaxed64(&check_failures, 1);
    fprintf(stderr, "%s:%d: expected %s", file, line, text);
    if (check_row != SIZE_MAX) fprintf(stderr, " [example %zu]", check_row);
    fputc('\n', stderr);
    return false;
}

static inline bool check_equal(uint64_t a, uint64_t b, const char *file, int line,
                               const char *text) {
    if (check_note(a == b, file, line, text)) return true;
    fprintf(stderr, "    found %llu (0x%llx) and %llu (0x%llx)\n", (unsigned long long)a,
            (unsigned long long)a, (unsigned long long)b, (unsigned long long)b);
    return false;
}

static inline bool check_same_text(const char *a, const char *b, const char *file, int line,
                                   const char *text) {
    if (check_note(strcmp(a, b) == 0, file, line, text)) return true;
    fprintf(stderr, "    found \"%s\" and \"%s\"\n", a, b);
    return false;
}

static inline bool check_child_aborted(pid_t child) {
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    return WIFSIGNALED(status) && WTERMSIG(status) == 6 /* SIGABRT */;
}

#define EXPECT(X) check_note((X), __FILE__, __LINE__, #X)
#define EXPECT_EQ(A, B) check_equal((uint64_t)(A), (uint64_t)(B), __FILE__, __LINE__, #A " == " #B)
#define EXPECT_TEXT(A, B) check_same_text((A), (B), __FILE__, __LINE__, #A " is " #B)
#define REQUIRE(X)                                                                                 \
    do {                                                                                           \
        if (!EXPECT(X)) longjmp(check_end, 1);                                                     \
    } while (0)

/* The child's complaint goes to stderr, as in life; SIGABRT is what we look for. */
#define EXPECT_ABORTS(STATEMENT)                                                                   \
    do {                                                                                           \
        fflush(NULL);                                                                              \
        pid_t check_child = fork();                                                                \
        if (check_child == 0) {                                                                    \
            STATEMENT;                                                                             \
            _exit(0);                                                                              \
        }                                                                                          \
        check_note(check_child_aborted(check_child), __FILE__, __LINE__,                           \
                   "an abort from " #STATEMENT);                                                   \
    } while (0)

static bool check_run(const struct check_test *test, const char *program) {
    tg_store_relaxed64(&check_failures, 0);
    check_row = SIZE_MAX;
    if (setjmp(check_end) == 0) test->run();
    if (tg_load_relaxed64(&check_failures) == 0) return true;
    fprintf(stderr, "FAILED %s; replay: %s %s\n", test->name, program, test->name);
    return false;
}

static bool check_wanted(const struct check_test *test, int count, char **names) {
    if (count == 0) return true;
    for (int i = 0; i < count; i++)
        if (strstr(test->name, names[i])) return true;
    return false;
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0;
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    for (const struct check_test *test = check_first; test; test = test->next) {
        if (list) puts(test->name);
        if (list || !check_wanted(test, argc - 1, argv + 1)) continue;
        if (check_run(test, argv[0]))
            passed++;
        else
            failed++;
    }
    if (list) return 0;
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed; /* Running nothing proves nothing. */
}

#endif
