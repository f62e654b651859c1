/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the simulator: the one world, and how its parts meet.
 *
 * What
 *   memory.c, os.c   the seams of base/atomic.h and os/os.h: each operation first calls
 *                    sim_step, then acts on memory
 *   turn.c           whose turn it is: points; choice.c: what can be chosen there
 *   run.c            one run: its phases
 *   world.c          memory of the world: snapshot, restore, guards
 *   explore.c        which choice is tried next; prune.c: which need not be;
 *                    seen.c: which states were there; night.c: everything to its end
 *   record.c         choices as text; report.c: a run as a story
 *
 * Words
 *   point      a place before an operation where a choice may be made
 *   choice     go on (the default), switch, crash, stop, drain
 *   record     the choices of a run that were not the default: they determine the run
 *
 * Invariants
 *   I1 A run is a function of (scenario, mutant, delay mode, record). Budgets and the
 *      reduction decide only which choices are offered.
 *   I2 sim.step and sim.sub number the decisions of a run independent of what is offered.
 *   I3 Only turn.c switches fibers.
 */
#ifndef TG_SIM_SIM_H
#define TG_SIM_SIM_H

#include "fiber.h"
#include "world.h"

enum {
    FIBER_RECOVERER = SIM_ACTORS_MAX,
    FIBER_QUIET,                        /* setup and check */
    SIM_FIBERS,
    FIBER_NONE = SIM_FIBERS,            /* the runner itself */
    PENDING_MAX = 32,
    RECORD_MAX = 1 << 16,
    OPTIONS_MAX = 160,
    TRACE_MAX = 1 << 14,
    SUB_OF_PICK = 100, /* I2: whether a point asks before its fiber leaves, or not */
};

enum sim_delay { DELAY_NONE, DELAY_TSO, DELAY_PSO };

enum sim_op {
    OP_LOAD,
    OP_STORE,
    OP_CAS,
    OP_RMW,
    OP_FENCE,
    OP_PAUSE,
    OP_SYSTEM,
    OP_POINT,
    OP_EXIT,
    OP_NOTE, /* a line of text only */
};

enum sim_choice_kind { CHOICE_GO, CHOICE_SWITCH, CHOICE_CRASH, CHOICE_STOP, CHOICE_DRAIN };

struct sim_choice {
    uint8_t kind;
    uint8_t who;      /* fiber, or process for a crash or stop */
    uint16_t index;   /* drain: the pending store that becomes visible */
};

struct sim_recorded {
    uint32_t step;
    uint32_t sub;
    struct sim_choice choice;
    bool plain;         /* plain writes follow the operation before which this was chosen */
};

struct sim_record {
    unsigned count;
    struct sim_recorded items[RECORD_MAX];
};

struct pending_store {
    char *address;
    uint64_t value;
    const char *where;
    uint32_t group;   /* stores before and after a release fence */
    uint8_t size;
    bool release;
};

struct sim_thread {
    struct fiber fiber;
    unsigned process;
    enum sim_op op;             /* at its last point */
    unsigned size;
    const void *address;
    /* Preempted there: whether another one did what depends on it since; of a load, what it
     * would have read. */
    bool met;
    uint64_t value, plain;
    const char *where;          /* its last point */
    const void *word;           /* futex it waits on */
    uint64_t deadline_ns;
    uint32_t expected;
    uint32_t mask;
    uint32_t group;
    uint32_t changes_seen;      /* sim.changes at its last operation */
    unsigned pending_count;
    struct pending_store pending[PENDING_MAX];
};

struct sim_budget {
    unsigned preemptions;
    unsigned free_switches;     /* other than the default, at a block or exit */
    unsigned crashes;
    unsigned recover_crashes;
    unsigned stops;
};

struct sim_world {
    const struct sim_scenario *scenario;
    /* What may happen in this run. */
    enum sim_delay delay;
    struct sim_budget budget;
    bool faults;                /* the plan has crashes or stops */
    bool reduce;
    bool merge;                 /* runs end where an earlier one was: seen.h */
    bool replaying;
    bool tracing;
    /* Where the run is. */
    unsigned current;
    unsigned phase;             /* of run.c */
    bool quiet;
    bool prefix;                /* it repeats the last run, up to decide_step */
    bool fresh;                 /* all choices that it shares with the last run are made */
    uint32_t decide_step, decide_sub;
    uint64_t skip;              /* options whose states were seen, or claimed by others */
    unsigned looks;             /* points since then */
    bool merged;                /* it came to a state of an earlier run */
    uint32_t step, sub, steps_max;
    uint32_t steps_before_recovery;
    /* Fibers, as masks. A fiber is in one of ready, paused, waiting, or in none. */
    uint32_t ready, paused, waiting;
    uint32_t stopped;           /* on top of the state above */
    uint32_t returned;
    uint32_t buffered;          /* have pending stores */
    uint32_t preempted;         /* on top of the state above, too */
    uint32_t immortal;
    /* Processes, as masks. */
    uint32_t crashed_processes, stopped_processes, recoverers;
    unsigned crash_count, stop_count, recovery_count;
    unsigned crashes_before_resume; /* of the stopped */
    unsigned idle_rounds;
    bool woke_spinner;          /* ... at the last operation: it may run before the next */
    uint32_t changes;           /* how often anything changed that a spinner may wait for */
    uint32_t writes;
    uint64_t atomic_hash;       /* the part of sim_region_hash that atomic operations made */
    bool plain;                 /* of the choice just made: see struct sim_recorded */
    unsigned watched;           /* 1 + the explorer's decision before the last operation */
    uint64_t watched_plain;
    uint64_t faults_skipped;    /* over all runs of a scenario */
    /* The end. */
    bool failed;
    char failure[600];
    /* Learned over all runs of a scenario; see turn.c. */
    uint16_t *footprint;
    bool footprint_grew;
    struct sim_thread threads[SIM_FIBERS + 1];
    struct fiber runner;
};

extern struct sim_world sim;
extern struct sim_record sim_record; /* of the running run; in a replay, what to do */
extern unsigned sim_replay_position;

/* Asks the explorer. options[0] is the default. */
unsigned explore_choose(const struct sim_choice *options, unsigned count, bool free);
/* After an operation: did plain writes follow it? For what is chosen there later. */
void explore_note_plain(unsigned decision, bool plain);

/* --- run.c */
void sim_run(void);             /* one run, from the snapshot */
void sim_run_quiet(void (*function)(void));

/* --- turn.c */
void sim_step(enum sim_op op, const void *address, unsigned size, const char *where);
/* Blocks the current fiber in the state the caller put it in. */
void sim_leave(bool is_pause);
/* The next fiber to run; FIBER_NONE when the phase is over or the run failed. */
unsigned sim_pick_next(bool is_pause);
void sim_switch_to(unsigned next);
/* Those of the process that have not returned or crashed. */
uint32_t sim_fibers_of(unsigned process);
void sim_wake(uint32_t fibers);
/* Something changed: spinners look again. */
void sim_changed(void);

/* --- memory.c */
void sim_drain_all(unsigned fiber);
void sim_drain_one(unsigned fiber, unsigned index);
/* Drains entry `index` and what must leave before it. */
void sim_drain_until(unsigned fiber, unsigned index);
uint64_t sim_peek(const void *address, unsigned size);

/* --- os.c */
void sim_os_setup(void);
void sim_os_release(unsigned process);
/* Who holds which life token, to be restored. */
void sim_os_save_tokens(void);
void sim_os_restore_tokens(void);
/* A violation unless the current process may do this to that memory. */
void sim_os_guard(enum sim_op op, const void *address, unsigned size, const char *where);
void sim_os_add_time(uint64_t ns);

/* --- world.c */
_Noreturn void sim_fail_wild(void);
bool sim_load(const struct sim_scenario *scenario);   /* setup and snapshot; false = failed */
void sim_restore(void);
/* A number for the content of the world's memory and who crashed. */
uint64_t sim_state_hash(void);
/* One for all that differs from the snapshot in the region; one for SIM_STATE variables. */
uint64_t sim_region_hash(void);
uint64_t sim_variables_hash(void);
/* One for what differs, but not by atomic operations. */
uint64_t sim_plain_hash(void);
/* ... and in what others may see of it without leaving a trace there: without the logs. */
uint64_t sim_plain_shared_hash(void);
/* A word of the region is about to be, or was, written: takes it out of the sum, or into it. */
uint64_t sim_word_hash(const void *address);
/* One for the words between two addresses. */
uint64_t sim_hash(const void *from, const void *to, uint64_t seed);
static inline uint64_t sim_mix(uint64_t x) {
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
    x = (x ^ x >> 29) * 0x9e3779b97f4a7c15ull;
    return x ^ x >> 32;
}
/* The footprint cell of an address, or NULL outside the world's memory. */
static inline uint16_t *sim_cell(const void *address);
extern char *sim_region;
#define SIM_REGION_SIZE (SIM_PRIVATE_MAX + SIM_PAGE * 16 + SIM_ARENA_MAX)
const char *sim_address_name(const void *address, char *text, size_t size);

static inline uint16_t *sim_cell(const void *address) {
    size_t offset = (size_t)((const char *)address - sim_region);
    return offset < SIM_REGION_SIZE ? &sim.footprint[offset / 8] : NULL;
}

/* --- record.c */
/* Text as "tso:12>2,40.1x1"; at most size bytes. False if it does not fit. */
bool sim_record_format(const struct sim_record *record, enum sim_delay delay, char *text,
                       size_t size);
bool sim_record_parse(const char *text, struct sim_record *record, enum sim_delay *delay);

/* --- report.c */
void sim_trace(enum sim_op op, const void *address, unsigned size, uint64_t old, uint64_t new,
               const char *where);
void sim_trace_text(unsigned fiber, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace_reset(void);
/* "csrc/word/lock.c:12" as "word/lock.c:12". */
const char *sim_short_where(const char *where);
/* Replays sim_record, prints the story and the command that repeats it. */
void sim_report(const char *mode, uint64_t seed);
/* Replays sim_record and prints its story only. */
void sim_tell(void);
/* Runs with sim_record as the choices; returns sim.failed. */
bool sim_replay_run(void);
/* Tries to remove choices from sim_record while the run still fails. */
void sim_shrink(unsigned runs_max);

#endif
