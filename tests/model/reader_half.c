/* SPDX-License-Identifier: Apache-2.0 */
/* Who may only read, while a rename was killed or stopped half-way and nobody mends it.
 *
 * Goal: what moves is under its old name or its new one in each half of the move, so a reader that
 * asks for both finds it; what does not move is found; and all of that takes one wait of 20 ms,
 * not one a read. */
#include "reader_world.h"

static const uint64_t HALF_PATIENCE_NS = 25000000; /* ODD_WAIT_NS of look.c, and its slices */

/* `from` becomes `to`; that is seen at `old` and `new`. */
struct half {
    const char *old, *new;
};

static bool half_finds(const char *key, unsigned value) {
    struct names_buffer buffer;
    struct tg_info info;
    uint32_t hint = 0;
    tg_status status = tg_get(names_store(), &hint, names_key(key), names_sink, &buffer, &info);
    if (status == TG_ABSENT) return false;
    if (status != TG_OK) sim_fail("%s: %s", key, tg_status_name(status));
    unsigned found = names_value_of(buffer.bytes, info.size);
    if (found != value) sim_fail("%s is %u, not %u", key, found, value);
    return true;
}

/* Absent by the old name: the move has come that far, or further. */
static void half_read(void *argument) {
    const struct half *half = argument;
    struct tg_os *os = sim_self_os();
    uint64_t began = os->ops->monotonic_ns(os);
    for (int i = 0; i < 3; i++) {
        if (!half_finds(half->old, 1) && !half_finds(half->new, 1))
            sim_fail("%s is under neither of its names", half->old);
        if (!half_finds("z", 2)) sim_fail("what does not move is missed");
    }
    if (os->ops->monotonic_ns(os) - began > HALF_PATIENCE_NS)
        sim_fail("reads wait for a rename that nobody will finish");
}

#define HALF(NAME, DOC, BEFORE, FROM, TO, OLD, NEW)                                                \
    static const struct half NAME##_keys = {OLD, NEW};                                             \
    static const struct names_plan NAME##_plan = {                                                 \
        .relaxed = true, .unmended = true, .before = BEFORE};                                      \
    static void NAME##_setup(void) { reader_world_make(&NAME##_plan); }                            \
    const struct sim_scenario NAME = {                                                             \
        NAMES_SCENARIO(NAME, DOC, 2),                                                              \
        .actors = {NAMES_ACTOR("writer", 0, STEPS(RENAME(FROM, TO))),                              \
                   {.name = "reader",                                                              \
                    .process = READER,                                                             \
                    .run = half_read,                                                              \
                    .arg = (void *)(uintptr_t)&NAME##_keys}},                                      \
        .flags = SIM_ALL}

HALF(reader_half, "half of a leaf's move, that nobody finishes", STEPS(SET("a", 1), SET("z", 2)),
     "a", "b", "a", "b");
HALF(reader_half_dir, "half of a directory's move, below parents that come with it",
     STEPS(SET("d/x", 1), SET("z", 2)), "d", "e/f", "d/x", "e/f/x");
