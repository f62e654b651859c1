# SPDX-License-Identifier: Apache-2.0
"""The C core as Cython sees it: tryget.h, name by name."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "<stdbool.h>":
    ctypedef bint bool_t "bool"

cdef extern from "base/status.h":
    ctypedef enum tg_status:
        TG_OK
        TG_ABSENT
        TG_EXISTS
        TG_TIMEOUT
        TG_INTERRUPTED
        TG_BUSY
        TG_FULL
        TG_PINS_FULL
        TG_NO_CONTEXT
        TG_NO_PROCESS
        TG_CORRUPT
        TG_LAYOUT
        TG_NOT_OURS
        TG_UNSUPPORTED
        TG_READ_ONLY
        TG_CLOSED
        TG_INVALID
        TG_OVERFLOW
        TG_DEAD
        TG_MISMATCH
        TG_RECURSION
        TG_SYSTEM
    const char *tg_status_name(tg_status status) nogil

cdef extern from "tryget.h":
    struct tg_store:
        pass

    struct tg_key:
        const char *bytes
        size_t size

    struct tg_part:
        const void *bytes
        size_t size

    struct tg_info:
        uint64_t size
        uint64_t version
        uint32_t expiry
        uint32_t codec
        bool_t has_value
        bool_t has_children
        uint32_t children
        uint32_t pins

    struct tg_content:
        uint64_t size
        uint64_t version
        uint32_t expiry
        uint32_t codec

    struct tg_pin:
        const void *bytes
        tg_content info
        uint32_t entry
        uint32_t object

    ctypedef void *(*tg_sink)(void *argument, const tg_info *info) noexcept nogil

    tg_status tg_get(tg_store *store, uint32_t *hint, tg_key key, tg_sink sink,
                     void *argument, tg_info *info) nogil
    tg_status tg_get_or_pin(tg_store *store, uint32_t *hint, tg_key key, tg_sink sink,
                            void *argument, const uint32_t *pin_from, tg_info *info,
                            tg_pin *pin) nogil
    tg_status tg_contains(tg_store *store, uint32_t *hint, tg_key key, tg_info *info) nogil
    tg_status tg_stat(tg_store *store, uint32_t *hint, tg_key key, tg_info *info) nogil

    enum tg_set_mode:
        TG_SET_ALWAYS
        TG_SET_IF_ABSENT
        TG_SET_IF_VERSION

    struct tg_set_options:
        tg_set_mode mode
        uint64_t if_version
        uint32_t expiry
        uint32_t codec
        uint64_t deadline_ns

    tg_status tg_set(tg_store *store, uint32_t *hint, tg_key key, const tg_part *parts,
                     size_t part_count, const tg_set_options *options,
                     uint64_t *version) nogil
    tg_status tg_delete(tg_store *store, uint32_t *hint, tg_key key, tg_sink sink,
                        void *argument, tg_info *info, uint64_t deadline_ns) nogil
    tg_status tg_drop(tg_store *store, uint32_t *hint, tg_key key, uint64_t deadline_ns) nogil
    tg_status tg_rename(tg_store *store, uint32_t *hint, tg_key source, tg_key to,
                        bool_t replace, uint64_t deadline_ns) nogil
    tg_status tg_touch(tg_store *store, uint32_t *hint, tg_key key, uint32_t expiry,
                       uint64_t deadline_ns) nogil

    struct tg_build:
        uint64_t token
        uint32_t stripe
        uint32_t process
        uint32_t generation

    struct tg_awaited:
        uint64_t token
        uint32_t process
        uint32_t generation
        uint32_t thread

    struct tg_build_options:
        uint32_t lease
        const tg_build *own
        size_t own_count
        uint64_t deadline_ns

    tg_status tg_build_begin(tg_store *store, uint32_t *hint, tg_key key,
                             const tg_build_options *options, tg_build *build,
                             tg_awaited *wait) nogil
    tg_status tg_build_wait(tg_store *store, uint32_t *hint, const tg_awaited *wait,
                            const tg_build_options *options) nogil
    tg_status tg_build_publish(tg_store *store, uint32_t *hint, const tg_build *build, tg_key key,
                               const tg_part *parts, size_t part_count,
                               const tg_set_options *options, uint64_t *version) nogil
    tg_status tg_build_abort(tg_store *store, uint32_t *hint, const tg_build *build,
                             uint64_t deadline_ns) nogil
    void tg_build_leave(tg_store *store, const tg_build *build) nogil
    tg_status tg_build_absent(tg_store *store, uint32_t *hint, const tg_build *build,
                              uint32_t expiry, uint64_t deadline_ns) nogil

    tg_status tg_pin_value(tg_store *store, uint32_t *hint, tg_key key, tg_pin *pin,
                           uint64_t deadline_ns) nogil
    bool_t tg_pin_holds(tg_store *store, const tg_pin *pin) nogil
    void tg_unpin(tg_store *store, tg_pin *pin) nogil

    struct tg_cursor:
        uint32_t dir
        uint32_t generation
        uint32_t chunk
        uint32_t slot
        uint64_t ordinal

    struct tg_child:
        uint32_t name_offset
        uint32_t name_size
        uint32_t expiry
        uint64_t size
        uint32_t dir
        uint32_t generation
        bool_t has_value
        bool_t has_children

    tg_status tg_list_begin(tg_store *store, uint32_t *hint, tg_key key,
                            tg_cursor *cursor) nogil
    void tg_list_below(const tg_child *child, tg_cursor *cursor) nogil
    tg_status tg_list_next(tg_store *store, uint32_t *hint, tg_cursor *cursor,
                           tg_child *children, size_t capacity, size_t *count, char *text,
                           size_t text_size) nogil

    # The function and the struct have one name in C.
    ctypedef struct usage_t "struct tg_usage":
        uint64_t entries
        uint64_t entry_bytes
        uint64_t limit
        uint64_t committed_bytes
        uint32_t processes
        uint32_t pins
    tg_status tg_usage_of "tg_usage"(tg_store *store, uint32_t *hint, usage_t *usage) nogil
    tg_status tg_tidy(tg_store *store, uint32_t *hint, uint64_t deadline_ns) nogil
    uint32_t tg_expiry_after(tg_store *store, double seconds) nogil
    double tg_expiry_left(tg_store *store, uint32_t expiry) nogil
    uint64_t tg_monotonic_ns(tg_store *store) nogil

    struct tg_violation:
        const char *rule
        uint64_t where
        char text[160]

    struct tg_report:
        bool_t exact
        uint64_t records
        uint64_t objects
        uint64_t dirs
        uint64_t blocks
        uint64_t pages
        uint64_t leaked_bytes
        uint32_t violation_count
        uint32_t violation_capacity
        tg_violation *violations
        void *scratch
        uint64_t scratch_size

    uint64_t tg_verify_scratch(tg_store *store) nogil
    tg_status tg_verify(tg_store *store, uint32_t *hint, bool_t deep,
                        tg_report *report) nogil

cdef extern from "store/attach.h":
    struct tg_error:
        const char *step
        int code

    enum tg_create:
        TG_CREATE_IF_ABSENT
        TG_CREATE_NEVER
        TG_CREATE_EXCLUSIVE

    struct tg_open_options:
        const char *directory
        const char *name
        uint64_t size
        tg_create create
        uint32_t mode
        uint32_t max_processes
        bool_t new_on_mismatch
        bool_t readonly
        uint64_t timeout_ns
        const unsigned char *uuid
        const void *layout

    tg_status tg_store_open(const tg_open_options *options, tg_store **out,
                            tg_error *error) nogil
    void tg_store_close(tg_store *store) nogil
    tg_status tg_store_after_fork(tg_store *store) nogil
    tg_store *tg_store_lost_pins() nogil
    const char *tg_store_lock_path(const tg_store *store) nogil
    tg_status tg_store_unlink(const char *directory, const char *name, tg_error *error) nogil

    struct tg_store_info:
        const char *name
        tg_status status
        uint32_t layout
        uint64_t limit
        uint64_t allocated
        uint32_t processes
        unsigned char uuid[16]

    ctypedef bool_t (*tg_store_visit)(void *argument, const tg_store_info *info) noexcept
    tg_status tg_store_each(const char *directory, tg_store_visit visit, void *argument,
                            tg_error *error)
    uint32_t tg_store_last_error(const tg_store *store) nogil
