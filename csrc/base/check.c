/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* The simulator has its own: there a failed check is a violation with its story. */
#ifndef TG_SIM

#include <stdio.h>
#include <stdlib.h>

_Noreturn void tg_check_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "tryget: internal check failed: %s (%s:%d)\n", expression, file, line);
    abort();
}

#endif
