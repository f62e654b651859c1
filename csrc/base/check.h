/* SPDX-License-Identifier: Apache-2.0 */
/* Three grades of doubt.
 *
 *   TG_ASSERT   what must hold if our code is right; in test, sanitizer and sim builds.
 *   TG_CHECK    our bug, always on: stop before shared memory is damaged.
 *   TG_CORRUPT  (status.h) is returned: shared memory is input, any byte may be garbage.
 */
#ifndef TG_BASE_CHECK_H
#define TG_BASE_CHECK_H

#define TG_LIKELY(x) __builtin_expect(!!(x), 1)
#define TG_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* For what every call does: the compiler thinks it too large to inline. */
#define TG_HOT static inline __attribute__((always_inline))

/* Prints and aborts; in the sim it ends the run as a violation with its story. */
_Noreturn void tg_check_failed(const char *expression, const char *file, int line);

#define TG_CHECK(x) ((void)(TG_LIKELY(x) || (tg_check_failed(#x, __FILE__, __LINE__), 0)))
#if defined(TG_DEBUG) || defined(TG_SIM)
#define TG_ASSERT(x) TG_CHECK(x)
#else
#define TG_ASSERT(x) ((void)sizeof((x) ? 1 : 0))
#endif

/* A mutant is a build with one rule of a protocol removed: TG_MUTANT(name) is true in it.
 * `tg_mutant` is the number picked at run time, in sim builds only. sim/mutants.h lists them. */
#ifdef TG_SIM
#include "mutants.h"
extern int tg_mutant;
#define TG_MUTANT(name) TG_UNLIKELY(tg_mutant == TG_MUTANT_##name)
#else
#define TG_MUTANT(name) 0
#endif

#endif
