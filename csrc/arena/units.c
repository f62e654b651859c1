/* SPDX-License-Identifier: Apache-2.0 */
#include "units.h"

/* Calls change(word, mask) for each word of the bit map that `run` touches. */
static void for_each_word(struct tg_local *local, struct tg_run run, bool set) {
    uint32_t shift = local->header.unit_shift - local->header.page_shift;
    uint32_t unit = run.first >> shift;
    uint32_t end = (run.first + run.pages) >> shift;
    while (unit < end) {
        uint32_t bit = unit % 64;
        uint32_t count = end - unit < 64 - bit ? end - unit : 64 - bit;
        uint64_t mask = (count == 64 ? UINT64_MAX : (1ull << count) - 1) << bit;
        tg_a64 *word = &local->units[unit / 64];
        if (set)
            /* PAIR arena.units: the memory is there before the bit, and the bit before the
             * run is listed. Other end: the clearing. */
            (void)tg_or_acqrel64(word, mask);
        else
            /* PAIR arena.units: no bit of a unit while it is punched. Other end: the setting. */
            (void)tg_and_acqrel64(word, ~mask);
        unit += count;
    }
}

void tg_units_set(struct tg_local *local, struct tg_run run) { for_each_word(local, run, true); }

void tg_units_clear(struct tg_local *local, struct tg_run run) { for_each_word(local, run, false); }
