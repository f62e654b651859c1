/* SPDX-License-Identifier: Apache-2.0 */
/* Choices as text, so that a run can be repeated from one line.
 *
 *   MODE:ITEM,ITEM,...     MODE is sc, tso or pso
 *   ITEM = STEP.SUB KIND   at decision SUB of step STEP:
 *          >F  switch to fiber F       xP  crash process P      sP  stop process P
 *          dF.I  drain up to entry I of fiber F      g  go on (where another choice is default)
 *   ".SUB" is left out when it is 1. What is not listed takes the default.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct sim_record sim_record;
unsigned sim_replay_position;

static const char *const delay_names[] = {"sc", "tso", "pso"};

bool sim_record_format(const struct sim_record *record, enum sim_delay delay, char *text,
                       size_t size) {
    size_t used = (size_t)snprintf(text, size, "%s:", delay_names[delay]);
    for (unsigned i = 0; i < record->count; i++) {
        const struct sim_recorded *item = &record->items[i];
        char sub[16] = "";
        if (size - used < 48) return false;
        if (item->sub != 1) snprintf(sub, sizeof sub, ".%u", item->sub);
        used += (size_t)snprintf(text + used, size - used, "%s%u%s%c", i ? "," : "", item->step,
                                 sub, "g>xsd"[item->choice.kind]);
        if (item->choice.kind != CHOICE_GO)
            used += (size_t)snprintf(text + used, size - used, "%u", item->choice.who);
        if (item->choice.kind == CHOICE_DRAIN)
            used += (size_t)snprintf(text + used, size - used, ".%u", item->choice.index);
    }
    return true;
}

static bool parse_item(const char **text, struct sim_recorded *item) {
    char *end;
    item->step = (uint32_t)strtoul(*text, &end, 10);
    if (end == *text) return false;
    item->sub = 1;
    if (*end == '.') item->sub = (uint32_t)strtoul(end + 1, &end, 10);
    static const char kinds[] = "g>xsd"; /* in the order of enum sim_choice_kind */
    const char *kind = *end ? strchr(kinds, *end) : NULL;
    if (!kind) return false;
    item->choice = (struct sim_choice){.kind = (uint8_t)(kind - kinds)};
    end++;
    if (item->choice.kind != CHOICE_GO) item->choice.who = (uint8_t)strtoul(end, &end, 10);
    if (item->choice.kind == CHOICE_DRAIN && *end == '.')
        item->choice.index = (uint16_t)strtoul(end + 1, &end, 10);
    *text = end;
    return true;
}

bool sim_record_parse(const char *text, struct sim_record *record, enum sim_delay *delay) {
    const char *colon = strchr(text, ':');
    if (!colon) return false;
    *delay = DELAY_NONE;
    for (unsigned d = 0; d < 3; d++)
        if (strncmp(text, delay_names[d], (size_t)(colon - text)) == 0) *delay = (enum sim_delay)d;
    record->count = 0;
    text = colon + 1;
    while (*text && record->count < RECORD_MAX) {
        if (!parse_item(&text, &record->items[record->count++])) return false;
        if (*text == ',') text++;
    }
    return true;
}
