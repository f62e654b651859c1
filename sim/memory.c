/* SPDX-License-Identifier: Apache-2.0 */
/* The seam of base/atomic.h: shared memory with delayed stores.
 *
 * What
 *   Without delays an operation acts at once: sequential consistency. With them a store
 *   goes into its fiber's buffer; the fiber itself sees it (forwarding), others only
 *   after it has drained. When it drains is a choice of the explorer (turn.c).
 *
 *   TSO  entries leave in program order.
 *   PSO  an entry may leave before earlier ones, except: earlier stores to the same word;
 *        a release store waits for all earlier ones; a store after a release fence waits
 *        for all before the fence.
 *
 * What drains a buffer at once: a full fence, every read-modify-write (under PSO a
 * relaxed one drains its own word only), a system call, a full buffer, and the death of
 * the process: the hardware finishes what was executed, so the next owner of the life
 * token finds a program-order prefix.
 *
 * Not modelled: loads that are satisfied early (load-load and load-store reordering).
 */
#include "../csrc/base/atomic.h"
#include "sim.h"

static uint64_t read_memory(const void *address, unsigned size) {
    if (size == 4) return *(const volatile uint32_t *)address;
    return *(const volatile uint64_t *)address;
}

static bool overlaps(const char *a, unsigned a_size, const char *b, unsigned b_size) {
    return a < b + b_size && b < a + a_size;
}

/* A sleeper wakes when its word changed: futex_wait may end early without reason, so
 * this hides lost wake-ups; SIM_STRICT_FUTEX finds those. */
static void wake_word(const char *address, unsigned size) {
    for (unsigned f = 0; f < SIM_FIBERS; f++) {
        struct sim_thread *t = &sim.threads[f];
        if (!(sim.waiting & 1u << f) || !overlaps(address, size, t->word, 4)) continue;
        if (read_memory(t->word, 4) != t->expected) sim_wake(1u << f);
    }
}

static void write_memory(char *address, unsigned size, uint64_t value) {
    bool changed = read_memory(address, size) != value;
    if (changed) sim.atomic_hash -= sim_word_hash(address);
    if (size == 4)
        *(volatile uint32_t *)address = (uint32_t)value;
    else
        *(volatile uint64_t *)address = value;
    if (!changed) return;
    sim.atomic_hash += sim_word_hash(address);
    sim.writes++;
    sim_changed();
    if (sim.waiting && !(sim.scenario->flags & SIM_STRICT_FUTEX)) wake_word(address, size);
}

/* The value as this fiber sees it: memory, then its own pending stores in order. */
static uint64_t forward(const struct sim_thread *t, const char *address, unsigned size,
                        uint64_t value) {
    for (unsigned i = 0; i < t->pending_count; i++) {
        const struct pending_store *p = &t->pending[i];
        if (!overlaps(address, size, p->address, p->size)) continue;
        for (unsigned b = 0; b < p->size; b++) {
            ptrdiff_t at = p->address + b - address;
            if (at < 0 || at >= (ptrdiff_t)size) continue;
            value &= ~((uint64_t)0xff << at * 8);
            value |= (p->value >> b * 8 & 0xff) << at * 8;
        }
    }
    return value;
}

/* Must entry `first` leave before entry `second` of the same buffer? */
static bool precedes(const struct pending_store *first, const struct pending_store *second) {
    if (sim.delay == DELAY_TSO || second->release || first->group < second->group) return true;
    return overlaps(first->address, first->size, second->address, second->size);
}

void sim_drain_until(unsigned fiber, unsigned index) {
    const struct sim_thread *t = &sim.threads[fiber];
    uint32_t needed = 1u << index;
    _Static_assert(PENDING_MAX <= 32, "entries as bits");
    for (unsigned k = index; k > 0; k--)
        for (unsigned j = 0; needed & 1u << k && j < k; j++)
            if (precedes(&t->pending[j], &t->pending[k])) needed |= 1u << j;
    unsigned gone = 0;
    for (; needed; needed &= needed - 1)
        sim_drain_one(fiber, (unsigned)__builtin_ctz(needed) - gone++);
}

void sim_drain_one(unsigned fiber, unsigned index) {
    struct sim_thread *t = &sim.threads[fiber];
    struct pending_store p = t->pending[index];
    for (unsigned i = index + 1; i < t->pending_count; i++) t->pending[i - 1] = t->pending[i];
    if (--t->pending_count == 0) sim.buffered &= ~(1u << fiber);
    if (sim.tracing) {
        char name[80];
        sim_trace_text(fiber, "~ %s visible: %llx", sim_address_name(p.address, name, sizeof name),
                       (unsigned long long)p.value);
    }
    write_memory(p.address, p.size, p.value);
}

void sim_drain_all(unsigned fiber) {
    while (sim.threads[fiber].pending_count) sim_drain_one(fiber, 0);
}

static void drain_word(unsigned fiber, const char *address, unsigned size) {
    struct sim_thread *t = &sim.threads[fiber];
    for (unsigned i = 0; i < t->pending_count;) {
        if (overlaps(address, size, t->pending[i].address, t->pending[i].size)) {
            sim_drain_one(fiber, i);
            i = 0;
        } else {
            i++;
        }
    }
}

static void before_rmw(const void *address, unsigned size, enum tg_order order) {
    if (!(sim.buffered & 1u << sim.current)) return;
    if (sim.delay == DELAY_PSO && order == TG_RELAXED)
        drain_word(sim.current, address, size);
    else
        sim_drain_all(sim.current);
}

uint64_t sim_peek(const void *address, unsigned size) { return read_memory(address, size); }

uint64_t tg_sim_load(const void *address, unsigned size, enum tg_order order, const char *where) {
    (void)order;
    sim_step(OP_LOAD, address, size, where);
    uint64_t value = read_memory(address, size);
    if (TG_UNLIKELY(sim.buffered & 1u << sim.current))
        value = forward(&sim.threads[sim.current], address, size, value);
    if (TG_UNLIKELY(sim.tracing)) sim_trace(OP_LOAD, address, size, value, value, where);
    return value;
}

void tg_sim_store(void *address, unsigned size, uint64_t value, enum tg_order order,
                  const char *where) {
    sim_step(OP_STORE, address, size, where);
    if (TG_UNLIKELY(sim.tracing))
        sim_trace(OP_STORE, address, size, read_memory(address, size), value, where);
    if (sim.delay == DELAY_NONE || sim.quiet) {
        write_memory(address, size, value);
        return;
    }
    (void)read_memory(address, size); /* a wild address fails here, at its store */
    struct sim_thread *t = &sim.threads[sim.current];
    if (t->pending_count == PENDING_MAX) sim_drain_one(sim.current, 0);
    t->pending[t->pending_count++] = (struct pending_store){.address = address,
                                                            .value = value,
                                                            .where = where,
                                                            .group = t->group,
                                                            .size = (uint8_t)size,
                                                            .release = order >= TG_RELEASE};
    sim.buffered |= 1u << sim.current;
}

bool tg_sim_cas(void *address, unsigned size, uint64_t *expected, uint64_t desired,
                enum tg_order order, const char *where) {
    sim_step(OP_CAS, address, size, where);
    before_rmw(address, size, order);
    uint64_t old = read_memory(address, size);
    bool done = old == *expected;
    if (TG_UNLIKELY(sim.tracing)) {
        if (done)
            sim_trace(OP_CAS, address, size, old, desired, where);
        else
            sim_trace_text(sim.current, "cas failed, found %llx  %s", (unsigned long long)old,
                           sim_short_where(where));
    }
    if (done)
        write_memory(address, size, desired);
    else
        *expected = old;
    return done;
}

uint64_t tg_sim_rmw(void *address, unsigned size, enum tg_rmw kind, uint64_t operand,
                    enum tg_order order, const char *where) {
    sim_step(OP_RMW, address, size, where);
    before_rmw(address, size, order);
    uint64_t old = read_memory(address, size);
    uint64_t new = operand;
    if (kind == TG_RMW_ADD) new = old + operand;
    if (kind == TG_RMW_OR) new = old | operand;
    if (kind == TG_RMW_AND) new = old & operand;
    if (TG_UNLIKELY(sim.tracing)) sim_trace(OP_RMW, address, size, old, new, where);
    write_memory(address, size, new);
    return old;
}

void tg_sim_fence(enum tg_order order, const char *where) {
    bool full = order == TG_SEQCST;
    if (full) {
        sim_step(OP_FENCE, NULL, 0, where);
        if (sim.buffered & 1u << sim.current) sim_drain_all(sim.current);
    }
    if (order >= TG_RELEASE) sim.threads[sim.current].group++;
    if (TG_UNLIKELY(sim.tracing)) sim_trace(OP_FENCE, NULL, 0, order, order, where);
}

void tg_sim_pause(const char *where) {
    sim_step(OP_PAUSE, NULL, 0, where);
    if (TG_UNLIKELY(sim.tracing)) sim_trace(OP_PAUSE, NULL, 0, 0, 0, where);
    if (sim.quiet) {
        sim_os_add_time(1000);
        return;
    }
    /* A spinner that would read the same again need not run: only a change wakes it, or
     * the passing of time when nobody can run. A change since its last look counts. */
    if (sim.threads[sim.current].changes_seen != sim.changes) return;
    sim.ready &= ~(1u << sim.current);
    sim.paused |= 1u << sim.current;
    sim_leave(true);
}

/* Payload is plain memory: a copy that races may be torn, once. */
void sim_copy_racy(void *to, const void *from, size_t size) {
    size_t half = size / 2 / 8 * 8;
    memcpy(to, from, half);
    if (half) sim_step(OP_POINT, NULL, 0, "a racy copy, half done");
    memcpy((char *)to + half, (const char *)from + half, size - half);
}

void sim_point(void) { sim_step(OP_POINT, NULL, 0, "scenario"); }
