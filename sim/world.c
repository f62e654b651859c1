/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the world: one region, its snapshot, and what happens to wild accesses.
 *
 * What
 *   The region holds the private memory (sim_alloc), a gap, and the arena. After `setup`
 *   it is copied and made read-only; the first store to a page faults, the handler notes
 *   the page and opens it for good. Before each run only the noted pages are copied back,
 *   so a run costs by what it touches, not by the size of the arena.
 *   Any other fault (a garbage offset, a stack overflow, a division) ends the run as a
 *   violation with its story, and so does code that makes no step for some seconds.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim.h"

enum {
    REGION_PAGES = SIM_REGION_SIZE / SIM_PAGE,
    STATE_PAGES = 1 << 10,
    NAMES_MAX = 64,
    LOGS_MAX = 8,
    WATCHDOG_SECONDS = 5
};

struct name {
    const char *address;
    size_t size;
    const char *text;
};

/* The bounds of all SIM_STATE variables, from the linker. */
extern char __start_sim_state[], __stop_sim_state[];

char *sim_region;
int tg_mutant;

static char *snapshot;
static char *state_pristine, *state_snapshot;
static size_t arena_size, arena_mapped; /* the latter in pages of this machine */
static size_t host_page;
static bool armed; /* the region is write-protected but for the dirty pages */
static bool page_dirty[REGION_PAGES];
static unsigned dirty[REGION_PAGES];
static unsigned dirty_count;
/* The same for the whole pages among the SIM_STATE variables; what is left at both ends is
 * few bytes. */
static char *state_pages, *state_pages_end;
static bool state_dirty[STATE_PAGES];
static struct name names[NAMES_MAX];
static unsigned name_count;
static struct name logs[LOGS_MAX];
static unsigned log_count;
static SIM_STATE size_t allocated;
static const char *wild_reason;
static const void *wild_address;
static uint64_t watchdog_seen;
uint64_t sim_runs;

/* --- faults */

/* Where a faulting fiber goes on; the stack below it is not trusted. */
_Noreturn void sim_fail_wild(void) {
    const char *where = sim.threads[sim.current].where;
    if (wild_address) sim_fail("%s at %p after %s", wild_reason, wild_address, where ? where : "?");
    sim_fail("%s after %s", wild_reason, where ? where : "?");
}

static void redirect(ucontext_t *context, const char *reason, const void *address) {
    static char emergency[32 * 1024] __attribute__((aligned(64)));
    wild_reason = reason;
    wild_address = address;
    uintptr_t top = (uintptr_t)(emergency + sizeof emergency);
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RSP] = (greg_t)(top - 8);
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)sim_fail_wild;
#elif defined(__aarch64__)
    context->uc_mcontext.sp = top;
    context->uc_mcontext.pc = (uintptr_t)sim_fail_wild;
#else
    (void)context, (void)top;
    fprintf(stderr, "sim: %s\n", reason);
    _exit(3);
#endif
}

static void on_fault(int number, siginfo_t *info, void *context) {
    size_t offset = (size_t)((char *)info->si_addr - sim_region);
    if (number == SIGSEGV && armed && offset < SIM_REGION_SIZE) {
        size_t page = offset / host_page;
        bool mapped = offset < SIM_PRIVATE_MAX || (char *)info->si_addr - (char *)sim_arena() >= 0;
        mapped = mapped && (char *)info->si_addr < (char *)sim_arena() + arena_mapped;
        if (mapped && !page_dirty[page]) {
            page_dirty[page] = true;
            dirty[dirty_count++] = (unsigned)page;
            mprotect(sim_region + page * host_page, host_page, PROT_READ | PROT_WRITE);
            return;
        }
    }
    char *at = info->si_addr;
    if (number == SIGSEGV && armed && at >= state_pages && at < state_pages_end) {
        size_t page = (size_t)(at - state_pages) / host_page;
        if (!state_dirty[page]) {
            state_dirty[page] = true;
            mprotect(state_pages + page * host_page, host_page, PROT_READ | PROT_WRITE);
            return;
        }
    }
    if (sim.current == FIBER_NONE || sim.failed) {
        signal(number, SIG_DFL); /* our own bug: let it be seen */
        return;
    }
    redirect(context, number == SIGFPE ? "arithmetic fault" : "wild access", info->si_addr);
}

static void on_alarm(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    uint64_t now = sim_runs << 24 ^ sim.step;
    if (now == watchdog_seen && sim.current != FIBER_NONE && !sim.failed)
        redirect(context, "no step for seconds: an endless loop without a point", NULL);
    watchdog_seen = now;
}

static void install_handlers(void) {
    stack_t alternate = {.ss_size = 64 * 1024};
    alternate.ss_sp = malloc(alternate.ss_size);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_fault;
    int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    if (!alternate.ss_sp || sigaltstack(&alternate, NULL) != 0) abort();
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    action.sa_sigaction = on_alarm;
    action.sa_flags |= SA_RESTART;
    sigaction(SIGVTALRM, &action, NULL);
    struct itimerval timer = {.it_interval.tv_sec = WATCHDOG_SECONDS,
                              .it_value.tv_sec = WATCHDOG_SECONDS};
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

/* --- snapshot */

static void *map(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) {
        perror("sim: mmap");
        exit(2);
    }
    return p;
}

static size_t state_size(void) { return (size_t)(__stop_sim_state - __start_sim_state); }

static void initialise_once(void) {
    if (sim_region) return;
    host_page = (size_t)sysconf(_SC_PAGESIZE);
    sim_region = map(SIM_REGION_SIZE);
    snapshot = map(SIM_REGION_SIZE);
    sim.footprint = map(SIM_REGION_SIZE / 8 * sizeof *sim.footprint);
    state_pristine = map(state_size());
    state_snapshot = map(state_size());
    memcpy(state_pristine, __start_sim_state, state_size());
    uintptr_t first = ((uintptr_t)__start_sim_state + host_page - 1) / host_page * host_page;
    uintptr_t end = (uintptr_t)__stop_sim_state / host_page * host_page;
    if (end > first && (end - first) / host_page <= STATE_PAGES) {
        state_pages = (char *)first;
        state_pages_end = (char *)end;
    }
    install_handlers();
}

static void protect_state(int how) {
    size_t size = (size_t)(state_pages_end - state_pages);
    memset(state_dirty, 0, sizeof state_dirty);
    if (size && mprotect(state_pages, size, how) != 0) {
        perror("sim: mprotect");
        exit(2);
    }
}

static void protect(size_t offset, size_t size, int how) {
    if (mprotect(sim_region + offset, size, how) != 0) {
        perror("sim: mprotect");
        exit(2);
    }
}

static void prepare_region(const struct sim_scenario *scenario) {
    armed = false;
    protect_state(PROT_READ | PROT_WRITE);
    arena_size = (scenario->arena_size + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE;
    if (arena_size == 0) arena_size = SIM_PAGE;
    if (arena_size > SIM_ARENA_MAX) {
        fprintf(stderr, "sim: %s: the arena is too large\n", scenario->name);
        exit(2);
    }
    arena_mapped = (arena_size + host_page - 1) / host_page * host_page;
    protect(0, SIM_REGION_SIZE, PROT_READ | PROT_WRITE);
    madvise(sim_region, SIM_REGION_SIZE, MADV_DONTNEED);
    madvise(snapshot, SIM_REGION_SIZE, MADV_DONTNEED);
    madvise(sim.footprint, SIM_REGION_SIZE / 8 * sizeof *sim.footprint, MADV_DONTNEED);
    memset(page_dirty, 0, sizeof page_dirty);
    dirty_count = 0;
    name_count = log_count = 0;
    memcpy(__start_sim_state, state_pristine, state_size());
    size_t arena_at = (size_t)((char *)sim_arena() - sim_region);
    protect(SIM_PRIVATE_MAX, arena_at - SIM_PRIVATE_MAX, PROT_NONE);
    if (arena_at + arena_mapped < SIM_REGION_SIZE)
        protect(arena_at + arena_mapped, SIM_REGION_SIZE - arena_at - arena_mapped, PROT_NONE);
}

bool sim_load(const struct sim_scenario *scenario) {
    initialise_once();
    sim.scenario = scenario;
    sim.current = FIBER_NONE;
    sim.steps_max = scenario->steps_max ? scenario->steps_max : 20000;
    sim.failed = sim.faults = false;
    sim.immortal = 0;
    for (unsigned i = 0; i < scenario->actor_count; i++)
        if (scenario->actors[i].immortal) sim.immortal |= 1u << scenario->actors[i].process;
    prepare_region(scenario);
    sim_os_setup();
    sim.crashed_processes = sim.stopped_processes = sim.recovery_count = 0;
    sim.ready = sim.paused = sim.waiting = sim.stopped = sim.buffered = sim.returned = 0;
    sim.preempted = 0;
    sim_replay_position = 0;
    if (scenario->setup) {
        uint32_t limit = sim.steps_max;
        sim.steps_max = 10000000;
        sim_run_quiet(scenario->setup);
        sim.steps_max = limit;
    }
    if (sim.failed) return false;
    size_t arena_at = (size_t)((char *)sim_arena() - sim_region);
    memcpy(snapshot, sim_region, allocated);
    memcpy(snapshot + arena_at, sim_region + arena_at, arena_size);
    memcpy(state_snapshot, __start_sim_state, state_size());
    protect(0, SIM_PRIVATE_MAX, PROT_READ);
    protect(arena_at, arena_mapped, PROT_READ);
    protect_state(PROT_READ);
    armed = true;
    return true;
}

/* What may have changed of the SIM_STATE variables: all but the pages that are clean. */
static void each_state_range(void (*f)(char *now, const char *then, size_t size)) {
    char *start = __start_sim_state, *stop = __stop_sim_state;
    if (state_pages == state_pages_end) {
        f(start, state_snapshot, state_size());
        return;
    }
    f(start, state_snapshot, (size_t)(state_pages - start));
    f(state_pages_end, state_snapshot + (state_pages_end - start),
      (size_t)(stop - state_pages_end));
    for (char *page = state_pages; page < state_pages_end; page += host_page)
        if (state_dirty[(size_t)(page - state_pages) / host_page])
            f(page, state_snapshot + (page - start), host_page);
}

static void restore_state(char *now, const char *then, size_t size) { memcpy(now, then, size); }

void sim_restore(void) {
    sim_runs++;
    for (unsigned i = 0; i < dirty_count; i++) {
        size_t at = (size_t)dirty[i] * host_page;
        memcpy(sim_region + at, snapshot + at, host_page);
    }
    each_state_range(restore_state);
}

uint64_t sim_state_hash(void) {
    uint64_t sum = sim.crashed_processes;
    for (unsigned i = 0; i < dirty_count; i++) {
        const uint64_t *now = (const uint64_t *)(sim_region + (size_t)dirty[i] * host_page);
        const uint64_t *then = (const uint64_t *)(snapshot + (size_t)dirty[i] * host_page);
        for (size_t word = 0; word < host_page / 8; word++) {
            if (now[word] == then[word]) continue;
            uint64_t place = dirty[i] * (host_page / 8) + word + 1;
            sum += (now[word] ^ place * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
            sum ^= (sum >> 29) * place;
        }
    }
    return sum * 0x94d049bb133111ebull;
}

static uint64_t word_hash(uint64_t now, uint64_t place) {
    return sim_mix(now ^ place * 0x9e3779b97f4a7c15ull);
}

/* The words of one line that differ, each with its place. */
static uint64_t line_hash(const uint64_t *now, const uint64_t *then, uint64_t place) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++)
        if (now[i] != then[i]) sum += word_hash(now[i], place + i);
    return sum;
}

typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));

/* Sums over what differs; the size is a multiple of 64 bytes. */
static uint64_t difference_hash(const void *now, const void *then, size_t size, uint64_t place) {
    const pair *a = now, *b = then;
    uint64_t sum = 0;
    for (size_t i = 0; i < size / 16; i += 4) {
        pair differs =
            (a[i] ^ b[i]) | (a[i + 1] ^ b[i + 1]) | (a[i + 2] ^ b[i + 2]) | (a[i + 3] ^ b[i + 3]);
        if (differs[0] | differs[1])
            sum += line_hash((const uint64_t *)&a[i], (const uint64_t *)&b[i], place + 2 * i);
    }
    return sum;
}

uint64_t sim_hash(const void *from, const void *to, uint64_t seed) {
    const uint64_t *at = from, *end = to;
    uint64_t sum = 0;
    for (seed <<= 48; at < end; at++) sum += sim_mix(*at ^ ++seed * 0x9e3779b97f4a7c15ull);
    return sum;
}

static uint64_t state_sum;

static uint64_t state_place(const char *at) {
    return SIM_REGION_SIZE / 8 + 2 + (uint64_t)(at - __start_sim_state) / 8;
}

static void hash_state(char *now, const char *then, size_t size) {
    size_t whole = size / 64 * 64;
    state_sum += difference_hash(now, then, whole, state_place(now));
    for (size_t i = whole; i < size; i++)
        if (now[i] != then[i])
            state_sum += word_hash((uint64_t)(uint8_t)now[i] << 32 | i, state_place(now + i));
}

uint64_t sim_variables_hash(void) {
    state_sum = 0;
    each_state_range(hash_state);
    return state_sum;
}

/* Between two looks at one step no code of the core runs: only draining stores write. */
uint64_t sim_region_hash(void) {
    static uint64_t sum, run;
    static uint32_t step, writes;
    if (run == sim_runs && step == sim.step && writes == sim.writes) return sum;
    run = sim_runs;
    step = sim.step;
    writes = sim.writes;
    sum = 0;
    for (unsigned i = 0; i < dirty_count; i++) {
        size_t at = (size_t)dirty[i] * host_page;
        sum += difference_hash(sim_region + at, snapshot + at, host_page, 1 + at / 8);
    }
    return sum;
}

/* The part of sim_variables_hash that logs make. */
static uint64_t logs_hash(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < log_count; i++) {
        const uint64_t *now = (const uint64_t *)logs[i].address;
        size_t offset = (size_t)(logs[i].address - __start_sim_state);
        const uint64_t *then = (const uint64_t *)(state_snapshot + offset);
        uint64_t place = state_place(logs[i].address);
        for (size_t w = 0; w < logs[i].size / 8; w++)
            if (now[w] != then[w]) sum += word_hash(now[w], place + w);
    }
    return sum;
}

uint64_t sim_plain_hash(void) { return sim_region_hash() - sim.atomic_hash + sim_variables_hash(); }

uint64_t sim_plain_shared_hash(void) { return sim_plain_hash() - logs_hash(); }

uint64_t sim_word_hash(const void *address) {
    size_t offset = (size_t)((const char *)address - sim_region) / 8 * 8;
    if (offset >= SIM_REGION_SIZE) return 0;
    uint64_t now = *(const uint64_t *)(sim_region + offset);
    uint64_t then = *(const uint64_t *)(snapshot + offset);
    return now == then ? 0 : word_hash(now, 1 + offset / 8);
}

/* --- world.h */

void *sim_arena(void) { return sim_region + SIM_PRIVATE_MAX + SIM_PAGE * 16; }

size_t sim_arena_size(void) { return arena_size; }

void *sim_alloc(size_t size) {
    size = (size + 63) / 64 * 64;
    TG_CHECK(size <= SIM_PRIVATE_MAX - allocated);
    void *p = sim_region + allocated;
    allocated += size;
    return p;
}

void sim_log(const void *variable, size_t size) {
    const char *at = variable;
    TG_CHECK(at >= __start_sim_state && at + size <= __stop_sim_state && log_count < LOGS_MAX);
    TG_CHECK((at - __start_sim_state) % 8 == 0 && size % 8 == 0);
    logs[log_count++] = (struct name){at, size, NULL};
}

void sim_name(const void *address, size_t size, const char *name) {
    if (name_count < NAMES_MAX) names[name_count++] = (struct name){address, size, name};
}

const char *sim_address_name(const void *address, char *text, size_t size) {
    const char *at = address;
    if (!address) return "";
    if (sim.scenario->name_address && sim.scenario->name_address(address, text, size)) return text;
    for (unsigned i = 0; i < name_count; i++) {
        if (at < names[i].address || at >= names[i].address + names[i].size) continue;
        size_t index = (size_t)(at - names[i].address) / 8;
        if (names[i].size > 8)
            snprintf(text, size, "%s[%zu]", names[i].text, index);
        else
            snprintf(text, size, "%s", names[i].text);
        return text;
    }
    size_t offset = (size_t)(at - (char *)sim_arena());
    if (offset < arena_size)
        snprintf(text, size, "arena+%zx", offset);
    else if ((size_t)(at - sim_region) < SIM_PRIVATE_MAX)
        snprintf(text, size, "private+%zx", (size_t)(at - sim_region));
    else
        snprintf(text, size, "%p", address);
    return text;
}

unsigned sim_self_process(void) { return sim.threads[sim.current].process; }

unsigned sim_self_actor(void) { return sim.current; }

void sim_act_as(unsigned process) {
    TG_CHECK(sim.quiet && process < SIM_PROCESSES);
    sim.threads[FIBER_QUIET].process = process;
}

bool sim_crashed(unsigned process) { return sim.crashed_processes & 1u << process; }

bool sim_stopped(unsigned process) { return sim.stopped_processes & 1u << process; }

bool sim_returned(unsigned actor) { return sim.returned & 1u << actor; }

unsigned sim_recoveries(void) { return sim.recovery_count; }

void sim_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim.failure, sizeof sim.failure, format, arguments);
    va_end(arguments);
    if (sim.current == FIBER_NONE) {
        fprintf(stderr, "sim: outside a run: %s\n", sim.failure);
        abort();
    }
    sim.failed = true;
    unsigned self = sim.current;
    sim.current = FIBER_NONE;
    fiber_switch(&sim.threads[self].fiber, &sim.runner);
    abort();
}

void tg_check_failed(const char *expression, const char *file, int line) {
    sim_fail("check failed: %s (%s:%d)", expression, file, line);
}
