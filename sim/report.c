/* SPDX-License-Identifier: Apache-2.0 */
/* A run as a story: one column per actor, and the command that repeats it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { STORY_STEPS = 200, COLUMN_WIDTH = 46 };

struct trace_step {
    uint32_t step;
    uint8_t fiber;
    char text[147];
};

static struct trace_step trace[TRACE_MAX];
static unsigned trace_count; /* ever; the last TRACE_MAX are kept */

static struct trace_step *next_line(unsigned fiber) {
    struct trace_step *line = &trace[trace_count++ % TRACE_MAX];
    line->step = sim.step;
    line->fiber = (uint8_t)fiber;
    return line;
}

const char *sim_short_where(const char *where) {
    const char *at = strstr(where, "csrc/");
    if (at) return at + 5;
    at = strrchr(where, '/');
    return at ? at + 1 : where;
}

void sim_trace_reset(void) { trace_count = 0; }

void sim_trace_text(unsigned fiber, const char *format, ...) {
    struct trace_step *line = next_line(fiber);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
}

void sim_trace(enum sim_op op, const void *address, unsigned size, uint64_t old, uint64_t new,
               const char *where) {
    static const char *const names[] = {"load", "store", "cas", "rmw", "fence", "pause"};
    static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel", "full"};
    if (sim.quiet && op == OP_LOAD) return; /* a checker's looks would bury the story */
    struct trace_step *line = next_line(sim.current);
    char name[80];
    (void)size;
    const char *symbol = sim_address_name(address, name, sizeof name);
    where = sim_short_where(where);
    if (op == OP_LOAD)
        snprintf(line->text, sizeof line->text, "load %s = %llx  %s", symbol,
                 (unsigned long long)old, where);
    else if (op == OP_FENCE)
        snprintf(line->text, sizeof line->text, "fence %s  %s", orders[old], where);
    else if (op == OP_PAUSE)
        snprintf(line->text, sizeof line->text, "pause  %s", where);
    else
        snprintf(line->text, sizeof line->text, "%s %s %llx -> %llx%s  %s", names[op], symbol,
                 (unsigned long long)old, (unsigned long long)new,
                 op == OP_STORE && sim.delay && !sim.quiet ? " (buffered)" : "", where);
}

void sim_event(const char *format, ...) {
    if (!sim.tracing) return;
    struct trace_step *line = next_line(sim.current);
    memcpy(line->text, "* ", 3);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->text + 2, sizeof line->text - 2, format, arguments);
    va_end(arguments);
}

/* --- columns */

static unsigned column_of(unsigned fiber) {
    if (fiber < sim.scenario->actor_count) return fiber;
    return sim.scenario->actor_count; /* recoverer, setup, check, the runner */
}

static void print_header(void) {
    const struct sim_scenario *s = sim.scenario;
    printf("\n  step  ");
    for (unsigned i = 0; i < s->actor_count; i++) {
        char title[48];
        snprintf(title, sizeof title, "%u %s (process %u)", i, s->actors[i].name,
                 s->actors[i].process);
        printf("%-*s", COLUMN_WIDTH, title);
    }
    printf("recovery, check\n");
}

static void print_story(void) {
    print_header();
    bool whole = trace_count <= STORY_STEPS || getenv("TRYGET_SIM_STORY");
    unsigned first = whole ? 0 : trace_count - STORY_STEPS;
    if (first) printf("  ... %u lines before\n", first);
    for (unsigned i = first; i < trace_count; i++) {
        const struct trace_step *line = &trace[i % TRACE_MAX];
        printf("%6u  %*s%s\n", line->step, (int)(column_of(line->fiber) * COLUMN_WIDTH), "",
               line->text);
    }
}

/* --- replay */

bool sim_replay_run(void) {
    bool before = sim.replaying, reduce = sim.reduce;
    sim.replaying = true;
    sim.reduce = sim.merge = false;
    sim.budget = (struct sim_budget){1u << 30, 1u << 30, 1u << 30, 1u << 30, 1u << 30};
    sim_run();
    sim.replaying = before;
    sim.reduce = reduce;
    return sim.failed;
}

static struct sim_record tried;

/* Leaves out `size` choices at `at`; keeps the shorter record if the run still fails. */
static bool leave_out(unsigned at, unsigned size) {
    memcpy(&tried, &sim_record, sizeof tried.count + sim_record.count * sizeof tried.items[0]);
    memmove(&sim_record.items[at], &sim_record.items[at + size],
            (sim_record.count - at - size) * sizeof sim_record.items[0]);
    sim_record.count -= size;
    if (sim_replay_run()) return true;
    memcpy(&sim_record, &tried, sizeof tried.count + tried.count * sizeof tried.items[0]);
    return false;
}

void sim_shrink(unsigned runs_max) {
    for (unsigned size = sim_record.count / 2; size && runs_max; size /= 2) {
        for (unsigned at = 0; at + size <= sim_record.count && runs_max; runs_max--)
            if (!leave_out(at, size)) at += size;
        if (size == 1 && sim_record.count > 1 && runs_max > 200) {
            runs_max -= 200; /* once more: a choice may have become superfluous */
            for (unsigned at = 0; at < sim_record.count;)
                if (!leave_out(at, 1)) at++;
        }
    }
}

static const char *mutant_name(void) {
    static const char *const names[] = {NULL,
#define NAME(name, rule, scenario) #name,
                                        TG_MUTANTS(NAME)
#undef NAME
    };
    return names[tg_mutant];
}

void sim_tell(void) {
    sim_trace_reset();
    sim.tracing = true;
    sim_replay_run();
    sim.tracing = false;
    print_story();
}

void sim_report(const char *mode, uint64_t seed) {
    static char text[64 * 1024];
    char found[sizeof sim.failure];
    memcpy(found, sim.failure, sizeof found);
    sim_trace_reset();
    sim.tracing = true;
    sim_replay_run();
    sim.tracing = false;
    printf("\nVIOLATION in %s (%s, seed %llu)\n  %s\n", sim.scenario->name, mode,
           (unsigned long long)seed, found);
    if (!sim.failed)
        printf("  The replay does not fail: the scenario depends on more than its schedule\n"
               "  (a static that is not SIM_STATE, an address, uninitialised memory).\n");
    else if (strcmp(found, sim.failure) != 0)
        printf("  (in the replay: %s)\n", sim.failure);
    print_story();
    printf("\nReplay: tryget-sim --scenario %s", sim.scenario->name);
    if (mutant_name()) printf(" --mutant %s", mutant_name());
    if (sim_record_format(&sim_record, sim.delay, text, sizeof text))
        printf(" --replay '%s'\n\n", text);
    else
        printf(" (too many choices; use the seed)\n\n");
    sim.failed = true;
}
