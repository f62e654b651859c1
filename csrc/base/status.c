/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

/* No default: the compiler reports an enumerator that has no name here. */
const char *tg_status_name(tg_status status) {
#define TG_NAME(x)                                                                                 \
    case x: return #x
    switch (status) {
        TG_NAME(TG_OK);
        TG_NAME(TG_ABSENT);
        TG_NAME(TG_EXISTS);
        TG_NAME(TG_TIMEOUT);
        TG_NAME(TG_INTERRUPTED);
        TG_NAME(TG_BUSY);
        TG_NAME(TG_FULL);
        TG_NAME(TG_PINS_FULL);
        TG_NAME(TG_NO_CONTEXT);
        TG_NAME(TG_NO_PROCESS);
        TG_NAME(TG_CORRUPT);
        TG_NAME(TG_LAYOUT);
        TG_NAME(TG_NOT_OURS);
        TG_NAME(TG_UNSUPPORTED);
        TG_NAME(TG_READ_ONLY);
        TG_NAME(TG_CLOSED);
        TG_NAME(TG_INVALID);
        TG_NAME(TG_OVERFLOW);
        TG_NAME(TG_DEAD);
        TG_NAME(TG_MISMATCH);
        TG_NAME(TG_RECURSION);
        TG_NAME(TG_SYSTEM);
        TG_NAME(TG_RETRY);
    }
#undef TG_NAME
    return "an unknown status";
}
