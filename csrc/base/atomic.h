/* SPDX-License-Identifier: Apache-2.0 */
/* The seam for shared memory: the only file that may name an atomic builtin.
 *
 * What
 *   Shared fields are `tg_a32` or `tg_a64`: wrapper structs, so plain access does
 *   not compile. Every operation has its order in its name.
 *
 *   Production build: GCC builtins on volatile objects, each followed by a compiler
 *   barrier. The fault model (docs/internals/failure-model.md) needs it: a killed
 *   thread must leave a *program-order* prefix of its stores, and relaxed atomics
 *   alone may be reordered by the compiler.
 *   Sim build (TG_SIM): every operation is a call into sim/, which yields, crashes,
 *   stops, or delays the store.
 *   TSan build: fences become read-modify-writes on a dummy, since TSan ignores fences.
 *
 * Ordering: each acquire, release, seqcst and fence at a call site carries a
 *   `PAIR name:` comment; tools/pairs.py fails on a name that occurs at one end only.
 */
#ifndef TG_BASE_ATOMIC_H
#define TG_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bytes.h"

typedef struct {
    uint32_t raw;
} tg_a32;
typedef struct {
    uint64_t raw;
} tg_a64;

_Static_assert(sizeof(tg_a32) == 4 && sizeof(tg_a64) == 8, "shared words have no padding");

#ifdef TG_SIM

enum tg_order { TG_RELAXED, TG_ACQUIRE, TG_RELEASE, TG_ACQREL, TG_SEQCST };
enum tg_rmw { TG_RMW_XCHG, TG_RMW_ADD, TG_RMW_OR, TG_RMW_AND };

/* Implemented in sim/memory.c. `where` is "function:line". */
uint64_t tg_sim_load(const void *address, unsigned size, enum tg_order order, const char *where);
void tg_sim_store(void *address, unsigned size, uint64_t value, enum tg_order order,
                  const char *where);
bool tg_sim_cas(void *address, unsigned size, uint64_t *expected, uint64_t desired,
                enum tg_order order, const char *where);
uint64_t tg_sim_rmw(void *address, unsigned size, enum tg_rmw kind, uint64_t operand,
                    enum tg_order order, const char *where);
void tg_sim_fence(enum tg_order order, const char *where);
/* A spin: blocks this fiber until some other fiber made a step. */
void tg_sim_pause(const char *where);

#define TG_STR1(x) #x
#define TG_STR(x) TG_STR1(x)
#define TG_HERE (TG_SIM_FILE ":" TG_STR(__LINE__))
#ifndef TG_SIM_FILE
#define TG_SIM_FILE __FILE__
#endif

#define tg_load_relaxed32(a) ((uint32_t)tg_sim_load(&(a)->raw, 4, TG_RELAXED, TG_HERE))
#define tg_load_acquire32(a) ((uint32_t)tg_sim_load(&(a)->raw, 4, TG_ACQUIRE, TG_HERE))
#define tg_load_relaxed64(a) tg_sim_load(&(a)->raw, 8, TG_RELAXED, TG_HERE)
#define tg_load_acquire64(a) tg_sim_load(&(a)->raw, 8, TG_ACQUIRE, TG_HERE)
#define tg_load_seqcst64(a) tg_sim_load(&(a)->raw, 8, TG_SEQCST, TG_HERE)
#define tg_store_relaxed32(a, v) tg_sim_store(&(a)->raw, 4, (uint32_t)(v), TG_RELAXED, TG_HERE)
#define tg_store_release32(a, v) tg_sim_store(&(a)->raw, 4, (uint32_t)(v), TG_RELEASE, TG_HERE)
#define tg_store_relaxed64(a, v) tg_sim_store(&(a)->raw, 8, (v), TG_RELAXED, TG_HERE)
#define tg_store_release64(a, v) tg_sim_store(&(a)->raw, 8, (v), TG_RELEASE, TG_HERE)
#define tg_xchg_seqcst64(a, v) tg_sim_rmw(&(a)->raw, 8, TG_RMW_XCHG, (v), TG_SEQCST, TG_HERE)
#define tg_add_acqrel64(a, v) tg_sim_rmw(&(a)->raw, 8, TG_RMW_ADD, (v), TG_ACQREL, TG_HERE)
#define tg_add_relaxed64(a, v) tg_sim_rmw(&(a)->raw, 8, TG_RMW_ADD, (v), TG_RELAXED, TG_HERE)
#define tg_or_acqrel64(a, v) tg_sim_rmw(&(a)->raw, 8, TG_RMW_OR, (v), TG_ACQREL, TG_HERE)
#define tg_and_acqrel64(a, v) tg_sim_rmw(&(a)->raw, 8, TG_RMW_AND, (v), TG_ACQREL, TG_HERE)
#define tg_cas_acqrel64(a, e, d) tg_sim_cas(&(a)->raw, 8, (e), (d), TG_ACQREL, TG_HERE)
#define tg_cas_seqcst64(a, e, d) tg_sim_cas(&(a)->raw, 8, (e), (d), TG_SEQCST, TG_HERE)
#define tg_fence_acquire() tg_sim_fence(TG_ACQUIRE, TG_HERE)
#define tg_fence_release() tg_sim_fence(TG_RELEASE, TG_HERE)
#define tg_fence_full() tg_sim_fence(TG_SEQCST, TG_HERE)
/* A full fence right after a read-modify-write of our own: on x86-64 that was one already;
 * on arm64 the write half of a swap may still be overtaken by later loads. */
#define tg_fence_after_rmw() tg_sim_fence(TG_SEQCST, TG_HERE)
#define tg_pause() tg_sim_pause(TG_HERE)

#else

#define TG_KEEP_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#define TG_DEFINE_WORD(W, T)                                                                       \
    static inline T tg_load_relaxed##W(const tg_a##W *a) {                                         \
        T value = __atomic_load_n((volatile const T *)&a->raw, __ATOMIC_RELAXED);                  \
        TG_KEEP_ORDER();                                                                           \
        return value;                                                                              \
    }                                                                                              \
    static inline T tg_load_acquire##W(const tg_a##W *a) {                                         \
        T value = __atomic_load_n((volatile const T *)&a->raw, __ATOMIC_ACQUIRE);                  \
        TG_KEEP_ORDER();                                                                           \
        return value;                                                                              \
    }                                                                                              \
    static inline void tg_store_relaxed##W(tg_a##W *a, T value) {                                  \
        __atomic_store_n((volatile T *)&a->raw, value, __ATOMIC_RELAXED);                          \
        TG_KEEP_ORDER();                                                                           \
    }                                                                                              \
    static inline void tg_store_release##W(tg_a##W *a, T value) {                                  \
        __atomic_store_n((volatile T *)&a->raw, value, __ATOMIC_RELEASE);                          \
        TG_KEEP_ORDER();                                                                           \
    }

TG_DEFINE_WORD(32, uint32_t)
TG_DEFINE_WORD(64, uint64_t)
#undef TG_DEFINE_WORD

static inline uint64_t tg_load_seqcst64(const tg_a64 *a) {
    uint64_t value = __atomic_load_n((volatile const uint64_t *)&a->raw, __ATOMIC_SEQ_CST);
    TG_KEEP_ORDER();
    return value;
}

#define TG_DEFINE_RMW(NAME, BUILTIN, ORDER)                                                        \
    static inline uint64_t NAME(tg_a64 *a, uint64_t operand) {                                     \
        uint64_t old = BUILTIN((volatile uint64_t *)&a->raw, operand, ORDER);                      \
        TG_KEEP_ORDER();                                                                           \
        return old;                                                                                \
    }

TG_DEFINE_RMW(tg_xchg_seqcst64, __atomic_exchange_n, __ATOMIC_SEQ_CST)
TG_DEFINE_RMW(tg_add_acqrel64, __atomic_fetch_add, __ATOMIC_ACQ_REL)
TG_DEFINE_RMW(tg_add_relaxed64, __atomic_fetch_add, __ATOMIC_RELAXED)
TG_DEFINE_RMW(tg_or_acqrel64, __atomic_fetch_or, __ATOMIC_ACQ_REL)
TG_DEFINE_RMW(tg_and_acqrel64, __atomic_fetch_and, __ATOMIC_ACQ_REL)
#undef TG_DEFINE_RMW

/* Strong compare-and-swap; on failure *expected is what was found. */
static inline bool tg_cas_acqrel64(tg_a64 *a, uint64_t *expected, uint64_t desired) {
    bool done = __atomic_compare_exchange_n((volatile uint64_t *)&a->raw, expected, desired, false,
                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    TG_KEEP_ORDER();
    return done;
}

static inline bool tg_cas_seqcst64(tg_a64 *a, uint64_t *expected, uint64_t desired) {
    bool done = __atomic_compare_exchange_n((volatile uint64_t *)&a->raw, expected, desired, false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    TG_KEEP_ORDER();
    return done;
}

#if defined(__SANITIZE_THREAD__)
extern uint64_t tg_tsan_fence_word;
static inline void tg_fence_full(void) {
    __atomic_fetch_add(&tg_tsan_fence_word, 1, __ATOMIC_SEQ_CST);
}
static inline void tg_fence_acquire(void) { tg_fence_full(); }
static inline void tg_fence_release(void) { tg_fence_full(); }
#else
static inline void tg_fence_acquire(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
static inline void tg_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
static inline void tg_fence_full(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

/* A full fence right after a read-modify-write of our own: on x86-64 that was one already;
 * on arm64 the write half of a swap may still be overtaken by later loads. */
static inline void tg_fence_after_rmw(void) {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    TG_KEEP_ORDER();
#else
    tg_fence_full();
#endif
}

/* For a spin on a lock word only; never after a failed compare-and-swap (the line is ours then). */
static inline void tg_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif /* TG_SIM */

/* Payload bytes are plain memory: a reader that was expelled may race with their next
 * use, and its result is thrown away (epoch/epoch.h). These two read such bytes. */
#if defined(__SANITIZE_THREAD__)
#define TG_RACY __attribute__((no_sanitize("thread"), noinline))
#else
#define TG_RACY
#endif

#if defined(TG_SIM)
/* sim/memory.c: a scheduling point in the middle, so that a torn copy is seen. */
void sim_copy_racy(void *to, const void *from, size_t size);
static inline void tg_copy_racy(void *to, const void *from, size_t size) {
    sim_copy_racy(to, from, size);
}
static inline bool tg_equal_racy(const void *shared, const void *mine, size_t size) {
    return memcmp(shared, mine, size) == 0;
}
#elif defined(__SANITIZE_THREAD__)
TG_RACY static void tg_copy_racy(void *to, const void *from, size_t size) {
    volatile uint8_t *t = to;
    const volatile uint8_t *f = from;
    for (size_t i = 0; i < size; i++) t[i] = f[i];
}
TG_RACY static bool tg_equal_racy(const void *shared, const void *mine, size_t size) {
    const volatile uint8_t *s = shared;
    const volatile uint8_t *m = mine;
    for (size_t i = 0; i < size; i++)
        if (s[i] != m[i]) return false;
    return true;
}
#else
static inline void tg_copy_racy(void *to, const void *from, size_t size) {
    tg_bytes_copy(to, from, size);
}
static inline bool tg_equal_racy(const void *shared, const void *mine, size_t size) {
    return tg_bytes_equal(shared, mine, size);
}
#endif

#endif
