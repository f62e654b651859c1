/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator as a scenario sees it: a small world of virtual processes.
 *
 * What
 *   A scenario is a few actors over one shared arena. Each actor is a fiber that belongs
 *   to a virtual process; several may share one process. The explorer runs the actors
 *   again and again, each time with another interleaving, crash, stop or delayed store,
 *   always from the same snapshot taken after `setup`.
 *
 * One run
 *   1. The snapshot is restored: arena, sim_alloc memory, SIM_STATE variables, tokens.
 *   2. The actors run until each has returned, crashed, or is stopped.
 *   3. `recover` runs as a fresh process (SIM_RECOVERER and up). If it is crashed, it is
 *      started again in another fresh process.
 *   4. Stopped processes go on and finish. If one was crashed here, 3 is repeated.
 *   5. `check` runs without interruption. It sees memory with all stores drained.
 *
 * Rules for scenario code
 *   S1 What a run changes lies in the arena, in sim_alloc memory, in SIM_STATE variables
 *      or on the stack. Other statics survive into the next run: the run is then not a
 *      function of its schedule. The explorer says so if it notices, and it takes states for
 *      one that differ there only.
 *   S2 No malloc, no clock, no randomness except through sim_self_os().
 *   S3 Plain memory is not a scheduling point: what races goes through base/atomic.h, or
 *      sim_point() is called between the plain accesses.
 *
 * A minimal scenario is in tests/model/selftest.c; docs/internals/simulator.md explains.
 */
#ifndef TG_SIM_WORLD_H
#define TG_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../csrc/base/check.h"
#include "../csrc/os/os.h"

enum {
    SIM_ACTORS_MAX = 8,
    SIM_PROCESSES = 16,     /* 0..7 for actors, from SIM_RECOVERER on for `recover` */
    SIM_RECOVERER = 8,
    SIM_LIFE_BYTES = 512,
    SIM_PAGE = 4096,
};

#define SIM_ARENA_MAX ((size_t)4 << 20)
#define SIM_PRIVATE_MAX ((size_t)1 << 20)

/* A variable that goes back to its value after `setup` before each run:
 *     static SIM_STATE uint64_t popped[2];
 * Before `setup` it has its initialiser. */
#define SIM_STATE __attribute__((section("sim_state")))

enum sim_scenario_flags {
    SIM_CRASH = 1,          /* the plan includes a crash at every point */
    SIM_CRASH2 = 2,         /* ... and one of the recoverer at every point of its own */
    SIM_STOP = 4,           /* ... a stop at every point: all others must finish */
    SIM_DELAY = 8,          /* ... delayed stores (TSO, then PSO) */
    SIM_DIE_AT_END = 16,    /* an actor's process dies when its last actor returns */
    SIM_STRICT_FUTEX = 32,  /* futex_wait ends by futex_wake or timeout only */
    SIM_CHECK_COMMIT = 64,  /* an atomic access to an uncommitted page is a violation */
    SIM_ALL = SIM_CRASH | SIM_CRASH2 | SIM_STOP | SIM_DELAY,
};

struct sim_actor {
    const char *name;
    unsigned process;       /* < SIM_ACTORS_MAX */
    void (*run)(void *arg);
    void *arg;
    bool immortal;          /* its process is neither crashed nor stopped */
};

struct sim_scenario {
    const char *name;
    const char *doc;        /* the property; what a failure means */
    size_t arena_size;      /* rounded up to pages; 0 = one page */
    void (*setup)(void);    /* once, without interruption; acts as sim_self_process() 0 */
    struct sim_actor actors[SIM_ACTORS_MAX];
    unsigned actor_count;
    void (*recover)(void);  /* may be NULL */
    void (*check)(void);    /* may be NULL */
    unsigned flags;         /* enum sim_scenario_flags: what the plan includes */
    unsigned bound;         /* preemption bound without faults; 0 = 2 */
    unsigned fault_bound;   /* with a crash, a stop or delays; 0 = 1 */
    unsigned steps_max;     /* more steps in one run is a livelock; 0 = 20000 */
    /* Writes a name of the address for the story and returns true; may be NULL. */
    bool (*name_address)(const void *address, char *text, size_t size);
};

/* The arena: offset 0 of the store file. */
void *sim_arena(void);
size_t sim_arena_size(void);
/* Zeroed memory, 64-aligned, private by convention; in `setup` or in a run; never freed. */
void *sim_alloc(size_t size);
/* A name for the story: "name", or "name[i]" beyond the first 8 bytes. In `setup`. */
void sim_name(const void *address, size_t size, const char *name);

/* Of a SIM_STATE variable: each part is read, while actors run, by one actor only, or by whoever
 * writes it in the same breath, as a log is. In `setup`. It spares schedules: one that logged
 * something has told nobody. */
void sim_log(const void *variable, size_t size);

/* The operating system as process p sees it. p < SIM_PROCESSES. */
struct tg_os *sim_os(unsigned process);
struct tg_os *sim_self_os(void);
unsigned sim_self_process(void);
/* Index in actors[]; 8 for the recoverer; 9 in setup and check. */
unsigned sim_self_actor(void);
/* In setup: the next calls act as this process. */
void sim_act_as(unsigned process);

bool sim_crashed(unsigned process);
/* The process was stopped in this run (still, or before it was resumed). */
bool sim_stopped(unsigned process);
/* The actor has returned (not crashed, not stopped for ever). */
bool sim_returned(unsigned actor);
/* How many recoverers ran; 1 if none was crashed. */
unsigned sim_recoveries(void);

/* Ends the run as a violation. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define SIM_EXPECT(x) ((void)(TG_LIKELY(x) || (tg_check_failed(#x, __FILE__, __LINE__), 0)))
/* A line in the actor's column of the story; costs nothing otherwise. */
void sim_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A scheduling point of the scenario's own, between plain accesses that race. */
void sim_point(void);
/* A copy of plain memory that may be torn: a point lies in the middle. */
void sim_copy_racy(void *to, const void *from, size_t size);
/* From here on atomic accesses to the range are violations, until unpoisoned. */
void sim_poison(const void *address, size_t size);
void sim_unpoison(const void *address, size_t size);

/* Faults of the virtual system; usually called in `setup`. */
void sim_commit_fails_at(unsigned nth);          /* the nth commit from now answers TG_FULL */
void sim_page_limit(unsigned pages);             /* commit answers TG_FULL beyond */
bool sim_page_committed(uint64_t offset);
void sim_set_processor(unsigned actor, uint32_t processor);
/* The process has the first `mapped` bytes of the arena mapped, for loads alone. */
void sim_read_only(unsigned process, uint64_t mapped);
uint64_t sim_now_ns(void);
void sim_advance_ns(uint64_t ns);

#endif
