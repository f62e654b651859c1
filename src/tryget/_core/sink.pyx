# SPDX-License-Identifier: Apache-2.0
"""Where a read puts its bytes. In C: the core calls these inside a read section, where nothing
may wait and no Python code may run; creating a bytes object is the one exception."""

from cpython.object cimport PyObject
from libc.stdint cimport uint32_t

from tryget._core.core cimport *

cdef extern from *:
    """
    #include "tryget.h"

    enum {
        TG_READ_FINE,
        TG_READ_WANTS_PIN,
        TG_READ_IS_LARGE,
        TG_READ_NO_MEMORY,
        TG_READ_NO_CODEC,
        TG_READ_UNTRIED
    };

    /* From a read with the interpreter lock: straight into a bytes object. */
    struct tg_reading {
        PyObject *bytes;
        const uint32_t *view_from; /* by codec: from this size on a pin is better; 0 = never */
        uint64_t most;             /* larger ones are not copied here; 0 = no matter */
        int refused;
    };

    static void *tg_read_bytes(void *argument, const struct tg_info *info) {
        struct tg_reading *reading = argument;
        uint32_t from = reading->view_from ? reading->view_from[info->codec & 255] : 0;
        if (from != 0 && info->size >= from) {
            reading->refused = TG_READ_WANTS_PIN;
            return NULL;
        }
        if (reading->most != 0 && info->size > reading->most) {
            reading->refused = TG_READ_IS_LARGE;
            return NULL;
        }
        reading->refused = TG_READ_FINE;
        if (reading->bytes != NULL && (uint64_t)PyBytes_GET_SIZE(reading->bytes) == info->size)
            return PyBytes_AS_STRING(reading->bytes); /* the read is being repeated */
        Py_CLEAR(reading->bytes);
        if (info->size <= (uint64_t)PY_SSIZE_T_MAX / 2)
            reading->bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)info->size);
        if (reading->bytes == NULL) {
            PyErr_Clear();
            reading->refused = TG_READ_NO_MEMORY;
            return NULL;
        }
        return PyBytes_AS_STRING(reading->bytes);
    }

    /* The caller owns what it takes. */
    static PyObject *tg_take_bytes(struct tg_reading *reading) {
        PyObject *bytes = reading->bytes;
        reading->bytes = NULL;
        return bytes;
    }

    /* Room for a size that an earlier read told; for another one it refuses, and tells it. */
    struct tg_filling {
        char *bytes;
        uint64_t size;
        uint64_t wanted;
    };

    static void *tg_fill_bytes(void *argument, const struct tg_info *info) {
        struct tg_filling *filling = argument;
        filling->wanted = info->size;
        return info->size == filling->size ? filling->bytes : NULL;
    }

    static void tg_drop_bytes(struct tg_reading *reading) { Py_CLEAR(reading->bytes); }

    /* From a call without the interpreter lock. A codec that is not known refuses, so that a
     * value that can't be read isn't removed either; nor is one that may turn out so, but in the
     * version that was decoded before. */
    struct tg_taking {
        char *bytes;
        uint64_t size;
        const unsigned char *known;
        uint32_t always; /* codecs up to this one can be decoded by everybody */
        uint64_t tried;  /* this version can */
        uint32_t codec;
        int refused;
    };

    static void *tg_take_raw(void *argument, const struct tg_info *info) {
        struct tg_taking *taking = argument;
        taking->codec = info->codec;
        if (!taking->known[info->codec & 255]) {
            taking->refused = TG_READ_NO_CODEC;
            return NULL;
        }
        if (info->codec > taking->always && info->version != taking->tried) {
            taking->refused = TG_READ_UNTRIED;
            return NULL;
        }
        taking->refused = TG_READ_FINE;
        if (taking->bytes != NULL && taking->size == info->size) return taking->bytes;
        PyMem_RawFree(taking->bytes);
        taking->size = info->size;
        taking->bytes = info->size <= (uint64_t)PY_SSIZE_T_MAX / 2
                            ? PyMem_RawMalloc((size_t)info->size)
                            : NULL;
        if (taking->bytes == NULL) taking->refused = TG_READ_NO_MEMORY;
        return taking->bytes;
    }

    /* A context that this thread used last: it will be tried first. Any number will do. */
    static _Thread_local uint32_t tg_hint;
    /* For calls that keep the interpreter lock: who has it used this one last, or it is found busy
     * and another is taken. To find a variable of the thread costs as much as to hash a name. */
    #ifdef Py_GIL_DISABLED
    #define tg_held_hint tg_hint
    #else
    static uint32_t tg_held_hint;
    #endif
    """
    enum:
        TG_READ_FINE
        TG_READ_WANTS_PIN
        TG_READ_IS_LARGE
        TG_READ_NO_MEMORY
        TG_READ_NO_CODEC
        TG_READ_UNTRIED

    struct tg_reading:
        PyObject *bytes
        const uint32_t *view_from
        uint64_t most
        int refused

    void *tg_read_bytes(void *argument, const tg_info *info) noexcept nogil
    object tg_take_bytes(tg_reading *reading)

    struct tg_filling:
        char *bytes
        uint64_t size
        uint64_t wanted

    void *tg_fill_bytes(void *argument, const tg_info *info) noexcept nogil
    void tg_drop_bytes(tg_reading *reading)

    struct tg_taking:
        char *bytes
        uint64_t size
        const unsigned char *known
        uint32_t always
        uint64_t tried
        uint32_t codec
        int refused

    void *tg_take_raw(void *argument, const tg_info *info) noexcept nogil

    uint32_t tg_hint
    uint32_t tg_held_hint
