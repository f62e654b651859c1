# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, freethreading_compatible=True
"""The only extension: converts, calls the core, raises."""

cdef extern from "base/status.h":
    ctypedef enum tg_status:
        TG_OK
    const char *tg_status_name(tg_status status)


def status_name(int status) -> str:
    """The core's name of a status."""
    return (<bytes>tg_status_name(<tg_status>status)).decode()
