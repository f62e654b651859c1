/* SPDX-License-Identifier: Apache-2.0 */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

#include "prune.h"

enum { FREE_LEVELS = 8, PREEMPTION_LEVELS = 8, NOTED_MAX = 1 << 12 };
static const size_t ENTRIES_MAX = (size_t)1 << 26;

/* budgets: bit p * FREE_LEVELS + f = it was passed with p preemptions and f switches left. */
struct entry {
    uint64_t key, budgets;
};

static struct {
    struct entry *entries;
    size_t capacity, count;
    struct entry noted[NOTED_MAX];
    unsigned noted_count;
} table;

/* --- the table: open addressing, keys are never 0 */

static struct entry *slot_of(struct entry *entries, size_t capacity, uint64_t key) {
    size_t at = key & (capacity - 1);
    while (entries[at].key && entries[at].key != key) at = (at + 1) & (capacity - 1);
    return &entries[at];
}

static bool grow(void) {
    size_t capacity = table.capacity ? table.capacity * 4 : (size_t)1 << 14;
    if (capacity > ENTRIES_MAX) return false;
    struct entry *entries = calloc(capacity, sizeof *entries);
    if (!entries) return false;
    for (size_t i = 0; i < table.capacity; i++)
        if (table.entries[i].key)
            *slot_of(entries, capacity, table.entries[i].key) = table.entries[i];
    free(table.entries);
    table.entries = entries;
    table.capacity = capacity;
    return true;
}

void seen_forget(void) {
    free(table.entries);
    table.entries = NULL;
    table.capacity = table.count = 0;
    table.noted_count = 0;
}

uint64_t seen_count(void) { return table.count; }

static uint64_t budgets_of(uint64_t key) {
    return table.capacity ? slot_of(table.entries, table.capacity, key)->budgets : 0;
}

/* All budgets that are no larger: what is not offered to them was offered here. */
static uint64_t budgets_up_to(unsigned preemptions, unsigned free_switches) {
    uint64_t row = (2ull << free_switches) - 1, all = 0;
    for (unsigned p = 0; p <= preemptions; p++) all |= row << p * FREE_LEVELS;
    return all;
}

static void keep(uint64_t key, uint64_t budgets) {
    if (table.count * 2 >= table.capacity && !grow()) return; /* full: fewer are noticed */
    struct entry *e = slot_of(table.entries, table.capacity, key);
    table.count += e->key == 0;
    e->key = key;
    e->budgets |= budgets;
}

void seen_keep(void) {
    for (unsigned i = 0; i < table.noted_count; i++)
        keep(table.noted[i].key, table.noted[i].budgets);
    table.noted_count = 0;
}

/* --- the state */

/* Stores outlive their fiber's return. */
static uint64_t of_stores(unsigned f) {
    const struct sim_thread *t = &sim.threads[f];
    uint64_t sum = 0;
    for (unsigned i = 0; i < t->pending_count; i++) {
        const struct pending_store *p = &t->pending[i];
        uint64_t order = (uint64_t)(t->group - p->group) << 16 | i << 8 | p->size << 1 | p->release;
        sum += sim_mix((uintptr_t)p->address ^ sim_mix(p->value ^ sim_mix(order << 8 | f)));
    }
    return sum;
}

static uint64_t of_thread(unsigned f) {
    const struct sim_thread *t = &sim.threads[f];
    uint32_t bit = 1u << f;
    uint64_t sum = sim_hash(t->fiber.left, fiber_top(&t->fiber), f + 1);
    uint64_t flags = t->process;
    if (sim.preempted & bit) flags |= (prune_has_met(t) ? 3u : 1u) << 12;
    if (t->op == OP_PAUSE) flags |= (uint64_t)(1 + (t->changes_seen == sim.changes)) << 8;
    sum += sim_mix(flags ^ (uint64_t)(f + 1) << 32);
    if (sim.waiting & bit)
        sum += sim_mix((uintptr_t)t->word) * 3 + sim_mix(t->deadline_ns + f) +
               sim_mix((uint64_t)t->expected << 32 | t->mask) * 5;
    return sum;
}

static uint64_t of_turn(enum seen_place place, unsigned detail) {
    const uint64_t words[] = {
        (uint64_t)place << 32 | detail,
        (uint64_t)sim.ready << 32 | sim.paused,
        (uint64_t)sim.waiting << 32 | sim.stopped,
        (uint64_t)sim.returned << 32 | sim.buffered,
        (uint64_t)sim.crashed_processes << 32 | sim.stopped_processes,
        (uint64_t)sim.crash_count << 32 | sim.stop_count,
        (uint64_t)sim.recovery_count << 32 | sim.phase,
        (uint64_t)sim.current << 32 | sim.idle_rounds,
        (uint64_t)sim.budget.crashes << 32 | sim.budget.recover_crashes,
        (uint64_t)sim.budget.stops << 32 | sim.crashes_before_resume << 1 | sim.woke_spinner,
    };
    uint64_t sum = 0;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        sum += sim_mix(words[i] ^ (uint64_t)(i + 1) << 56);
    return sum;
}

static uint64_t of_world(enum seen_place place, unsigned detail) {
    uint64_t sum = sim_region_hash() + sim_variables_hash() + of_turn(place, detail);
    for (uint32_t left = sim.ready | sim.paused | sim.waiting; left; left &= left - 1)
        sum += of_thread((unsigned)__builtin_ctz(left));
    for (uint32_t left = sim.buffered; left; left &= left - 1)
        sum += of_stores((unsigned)__builtin_ctz(left));
    return sim_mix(sum) | 1;
}

bool seen_before(enum seen_place place, unsigned detail) {
    unsigned preemptions = sim.budget.preemptions, free_switches = sim.budget.free_switches;
    if (preemptions >= PREEMPTION_LEVELS || free_switches >= FREE_LEVELS) return false;
    uint64_t here = 1ull << (preemptions * FREE_LEVELS + free_switches);
    /* Resumed, a fiber may die here, and that is all. A point offers this too, if it is one
     * where a death counts (detail); a point without preemptions offers no more. */
    bool resumed = place == SEEN_RESUMED;
    uint64_t key = of_world(resumed ? SEEN_POINT : place, resumed ? 0 : detail);
    if ((!resumed || detail) && budgets_of(key) & here) return true;
    if (table.noted_count < NOTED_MAX)
        table.noted[table.noted_count++] =
            (struct entry){key, budgets_up_to(resumed ? 0 : preemptions, free_switches)};
    return false;
}

bool seen_claim(void) {
    unsigned preemptions = sim.budget.preemptions, free_switches = sim.budget.free_switches;
    if (preemptions >= PREEMPTION_LEVELS || free_switches >= FREE_LEVELS) return false;
    uint64_t here = 1ull << (preemptions * FREE_LEVELS + free_switches);
    uint64_t key = of_world(SEEN_FAULT, 0);
    if (budgets_of(key) & here) return true;
    keep(key, budgets_up_to(preemptions, free_switches));
    return false;
}
