/* SPDX-License-Identifier: Apache-2.0 */
/* The seam of os/os.h over virtual processes and virtual time.
 *
 * What
 *   Life tokens: byte p has a holder, a virtual process. A crash frees what it held; a
 *   stopped process keeps it. Any second taker is refused, the holder itself included.
 *   Time: passes a little with each look at a clock, and jumps to the next deadline when
 *   nobody can run. Nothing ever times out while another fiber could still act: real
 *   time-outs that come early are covered by the switch choices around them.
 *   Pages: commit and punch keep a map; the nth commit may be told to fail.
 *
 * Every call is a point and drains the caller's stores: the kernel takes locks on entry.
 */
#include <string.h>

#include "sim.h"

struct sim_os {
    struct tg_os base;
    unsigned process;
};

enum { PAGES = SIM_ARENA_MAX / SIM_PAGE, POISON_MAX = 16 };

struct poison {
    const char *address;
    size_t size;
};

/* All that a run may change; restored with the other SIM_STATE variables. */
struct machine {
    uint64_t now_ns;
    uint64_t random[SIM_PROCESSES];
    uint32_t processor[SIM_FIBERS];
    uint64_t mapped[SIM_PROCESSES]; /* of who may only read: so many bytes; 0 = all, to write */
    uint8_t holder[SIM_LIFE_BYTES]; /* process + 1; 0 = free */
    bool committed[PAGES];
    unsigned committed_count, page_limit;
    unsigned commits, commit_fails_at;
    unsigned poison_count;
    struct poison poison[POISON_MAX];
};

static SIM_STATE struct machine machine = {.page_limit = PAGES};
static struct sim_os systems[SIM_PROCESSES];

static unsigned process_of(struct tg_os *os) { return ((struct sim_os *)os)->process; }

static void system_call(const char *name, const void *address, unsigned size) {
    sim_step(OP_SYSTEM, address, size, name);
    if (sim.buffered & 1u << sim.current) sim_drain_all(sim.current);
}

#define SAY(...) ((void)(TG_UNLIKELY(sim.tracing) && (sim_trace_text(sim.current, __VA_ARGS__), 0)))

static tg_status life_take(struct tg_os *os, uint32_t process) {
    system_call("life_take", NULL, 0);
    if (process >= SIM_LIFE_BYTES) return TG_INVALID;
    if (machine.holder[process]) {
        SAY("life_take(%u) busy", process);
        return TG_BUSY;
    }
    machine.holder[process] = (uint8_t)(process_of(os) + 1);
    SAY("life_take(%u) ok", process);
    return TG_OK;
}

static void life_drop(struct tg_os *os, uint32_t process) {
    system_call("life_drop", NULL, 0);
    if (process >= SIM_LIFE_BYTES || machine.holder[process] != process_of(os) + 1)
        sim_fail("life_drop(%u) by a process that does not hold it", process);
    machine.holder[process] = 0;
    SAY("life_drop(%u)", process);
    sim_changed();
}

static enum tg_life life_probe(struct tg_os *os, uint32_t process) {
    (void)os;
    system_call("life_probe", NULL, 0);
    if (process >= SIM_LIFE_BYTES) return TG_LIFE_UNKNOWN;
    SAY("life_probe(%u) %s", process, machine.holder[process] ? "alive" : "dead");
    return machine.holder[process] ? TG_LIFE_ALIVE : TG_LIFE_DEAD;
}

static tg_status futex_wait(struct tg_os *os, const void *word, uint32_t expected,
                            uint64_t timeout_ns, uint32_t mask) {
    (void)os;
    system_call("futex_wait", word, 4);
    if (sim_peek(word, 4) != expected) {
        SAY("futex_wait: changed already");
        return TG_OK;
    }
    uint64_t deadline = machine.now_ns + timeout_ns;
    if (deadline < machine.now_ns) deadline = UINT64_MAX;
    SAY("futex_wait %x for %llu us", expected, (unsigned long long)(timeout_ns / 1000));
    if (sim.quiet) {
        if (deadline == UINT64_MAX) sim_fail("futex_wait in setup or check");
        machine.now_ns = deadline;
        return TG_OK;
    }
    struct sim_thread *t = &sim.threads[sim.current];
    t->word = word;
    t->expected = expected;
    t->mask = mask;
    t->deadline_ns = deadline;
    sim.ready &= ~(1u << sim.current);
    sim.waiting |= 1u << sim.current;
    sim_leave(false);
    SAY("woken");
    return TG_OK;
}

static void futex_wake(struct tg_os *os, const void *word, uint32_t count, uint32_t mask) {
    (void)os;
    system_call("futex_wake", word, 4);
    SAY("futex_wake");
    for (unsigned f = 0; f < SIM_FIBERS && count; f++) {
        if (!(sim.waiting & 1u << f)) continue;
        if (sim.threads[f].word != word || !(sim.threads[f].mask & mask)) continue;
        sim_wake(1u << f);
        count--;
    }
}

static uint64_t monotonic_ns(struct tg_os *os) {
    (void)os;
    return machine.now_ns += 100;
}

static uint64_t boottime_ns(struct tg_os *os) {
    (void)os;
    machine.now_ns += 100;
    return machine.now_ns + 5000000000ull;
}

static tg_status commit(struct tg_os *os, uint64_t offset, uint64_t length) {
    (void)os;
    system_call("commit", NULL, 0);
    if (offset > sim_arena_size() || length > sim_arena_size() - offset) return TG_INVALID;
    if (++machine.commits == machine.commit_fails_at) {
        SAY("commit(%llu, %llu) full", (unsigned long long)offset, (unsigned long long)length);
        return TG_FULL;
    }
    uint64_t first = offset / SIM_PAGE, end = (offset + length + SIM_PAGE - 1) / SIM_PAGE;
    for (uint64_t page = first; page < end; page++) {
        if (machine.committed[page]) continue;
        if (machine.committed_count >= machine.page_limit) return TG_FULL;
        machine.committed[page] = true;
        machine.committed_count++;
    }
    SAY("commit(%llu, %llu)", (unsigned long long)offset, (unsigned long long)length);
    return TG_OK;
}

static tg_status punch(struct tg_os *os, uint64_t offset, uint64_t length) {
    (void)os;
    system_call("punch", NULL, 0);
    if (offset % SIM_PAGE || length % SIM_PAGE) return TG_INVALID;
    if (offset > sim_arena_size() || length > sim_arena_size() - offset) return TG_INVALID;
    memset((char *)sim_arena() + offset, 0, length);
    sim.writes++;
    for (uint64_t page = offset / SIM_PAGE; page < (offset + length) / SIM_PAGE; page++) {
        machine.committed_count -= machine.committed[page];
        machine.committed[page] = false;
    }
    SAY("punch(%llu, %llu)", (unsigned long long)offset, (unsigned long long)length);
    sim_changed();
    return TG_OK;
}

/* The kernel's copy is not made of whole words: a point lies before each, and one within. Of
 * plain memory, whose words are none (sim_copy_racy), a point lies in the middle. */
static tg_status read_at(struct tg_os *os, uint64_t offset, void *bytes, uint64_t size) {
    (void)os;
    system_call("read_at", NULL, 0);
    if (offset > sim_arena_size() || size > sim_arena_size() - offset) return TG_CORRUPT;
    const char *from = (const char *)sim_arena() + offset;
    char *to = bytes;
    for (uint64_t done = 0; done < size;) {
        uint64_t inside = (offset + done) % 4, piece = inside ? 4 - inside : 1;
        if (piece > size - done) piece = size - done;
        /* A hole may be read: this is no access that must find memory. */
        sim_step(OP_LOAD, from + done - inside, 0, "read_at");
        memcpy(to + done, from + done, piece);
        done += piece;
        if (done == size / 2 / 4 * 4) sim_step(OP_POINT, NULL, 0, "read_at, half done");
    }
    SAY("read_at(%llu, %llu)", (unsigned long long)offset, (unsigned long long)size);
    return TG_OK;
}

static tg_status read_check(struct tg_os *os) {
    (void)os;
    return TG_OK;
}

static uint64_t random64(struct tg_os *os) {
    uint64_t z = machine.random[process_of(os)] += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint32_t process_id(struct tg_os *os) { return 1000 + process_of(os); }

static uint32_t thread_id(struct tg_os *os) {
    (void)os;
    return 2000 + sim.current;
}

static bool thread_lives(struct tg_os *os, uint32_t thread) {
    (void)os, (void)thread;
    return true; /* threads end with their process here */
}

static uint32_t processor(struct tg_os *os) {
    (void)os;
    return machine.processor[sim.current];
}

/* Nobody: what is left to a helper, other calls do as well. */
static void ask_helper(struct tg_os *os) { (void)os; }

static bool await_helper(struct tg_os *os, uint64_t timeout_ns) {
    (void)os, (void)timeout_ns;
    return true;
}

static const struct tg_os_ops ops = {
    .life_take = life_take,
    .life_drop = life_drop,
    .life_probe = life_probe,
    .futex_wait = futex_wait,
    .futex_wake = futex_wake,
    .monotonic_ns = monotonic_ns,
    .coarse_ns = monotonic_ns,
    .boottime_ns = boottime_ns,
    .commit = commit,
    .punch = punch,
    .read_at = read_at,
    .read_check = read_check,
    .random64 = random64,
    .process_id = process_id,
    .thread_id = thread_id,
    .thread_lives = thread_lives,
    .ask_helper = ask_helper,
    .await_helper = await_helper,
    .processor = processor,
};

void sim_os_setup(void) {
    sim_log(&machine, sizeof machine); /* what is not one process's changes by system calls */
    machine.now_ns = 1000000000;
    for (unsigned p = 0; p < SIM_PROCESSES; p++) {
        systems[p].base.ops = &ops;
        systems[p].process = p;
        machine.random[p] = p * 0x1234567 + 1;
    }
    for (unsigned f = 0; f < SIM_FIBERS; f++) machine.processor[f] = f;
}

/* The kernel tears the process down. */
void sim_os_release(unsigned process) {
    for (unsigned byte = 0; byte < SIM_LIFE_BYTES; byte++)
        if (machine.holder[byte] == process + 1) machine.holder[byte] = 0;
    sim_changed();
}

static uint8_t saved_holder[SIM_LIFE_BYTES];

void sim_os_save_tokens(void) { memcpy(saved_holder, machine.holder, sizeof saved_holder); }

void sim_os_restore_tokens(void) { memcpy(machine.holder, saved_holder, sizeof saved_holder); }

void sim_os_add_time(uint64_t ns) { machine.now_ns += ns; }

/* What is mapped for loads only, or not at all. */
static void guard_reader(enum sim_op op, size_t offset, unsigned size, const char *where) {
    uint64_t mapped = machine.mapped[sim_self_process()];
    if (mapped == 0 || offset >= sim_arena_size()) return;
    if (op != OP_LOAD) sim_fail("a process that may only read writes in %s", where);
    if (offset + size > mapped) sim_fail("a load from memory that is not mapped in %s", where);
}

static bool is_there(const char *at, unsigned size) {
    for (unsigned i = 0; i < machine.poison_count; i++) {
        const struct poison *p = &machine.poison[i];
        if (at < p->address + p->size && p->address < at + size) return false;
    }
    if (!(sim.scenario->flags & SIM_CHECK_COMMIT)) return true;
    size_t offset = (size_t)(at - (char *)sim_arena());
    return offset >= sim_arena_size() || machine.committed[offset / SIM_PAGE];
}

void sim_os_guard(enum sim_op op, const void *address, unsigned size, const char *where) {
    guard_reader(op, (size_t)((const char *)address - (const char *)sim_arena()), size, where);
    if (!is_there(address, size)) sim_fail("access to poisoned or uncommitted memory in %s", where);
}

/* --- world.h */

struct tg_os *sim_os(unsigned process) {
    TG_CHECK(process < SIM_PROCESSES);
    return &systems[process].base;
}

struct tg_os *sim_self_os(void) { return sim_os(sim_self_process()); }

void sim_poison(const void *address, size_t size) {
    TG_CHECK(machine.poison_count < POISON_MAX);
    machine.poison[machine.poison_count++] = (struct poison){address, size};
}

void sim_unpoison(const void *address, size_t size) {
    unsigned kept = 0;
    for (unsigned i = 0; i < machine.poison_count; i++) {
        struct poison p = machine.poison[i];
        if (p.address != address || p.size != size) machine.poison[kept++] = p;
    }
    machine.poison_count = kept;
}

void sim_commit_fails_at(unsigned nth) {
    machine.commit_fails_at = nth ? machine.commits + nth : 0;
}

void sim_page_limit(unsigned pages) { machine.page_limit = pages; }

bool sim_page_committed(uint64_t offset) {
    return offset < SIM_ARENA_MAX && machine.committed[offset / SIM_PAGE];
}

void sim_set_processor(unsigned actor, uint32_t number) {
    TG_CHECK(actor < SIM_FIBERS);
    machine.processor[actor] = number;
}

void sim_read_only(unsigned process, uint64_t mapped) { machine.mapped[process] = mapped; }

uint64_t sim_now_ns(void) { return machine.now_ns; }

void sim_advance_ns(uint64_t ns) { machine.now_ns += ns; }
