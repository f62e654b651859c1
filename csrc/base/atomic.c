/* SPDX-License-Identifier: Apache-2.0 */
#include "atomic.h"

/* ThreadSanitizer ignores fences, so in its build a fence is a read-modify-write of this word. */
#if defined(__SANITIZE_THREAD__) && !defined(TG_SIM)
uint64_t tg_tsan_fence_word;
#endif
