/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny arena for scenarios: processes with contexts, and words that own blocks and runs.
 *
 *   Process p owns what its owner words name (arena_owner(p, i)); they change only in the
 *   transaction that takes or gives. `check`: the verifier is silent, and each block that
 *   is allocated is in exactly one magazine or owner word, each run in one owner word or
 *   in one context's hand. Crashed processes go on owning. */
#ifndef TG_MODEL_ARENA_WORLD_H
#define TG_MODEL_ARENA_WORLD_H

#include "arena/arena.h"
#include "arena/verify.h"
#include "owner/context.h"
#include "owner/recover.h"
#include "region/region.h"
#include "world.h"

enum {
    ARENA_WORLD_SIZE = 256 << 10,
    ARENA_OWNERS = 2, /* a process */
    ARENA_PAGE = 1 << 10,
    ARENA_UNIT_PAGES = 4,
};

static SIM_STATE struct tg_local *arena_locals[SIM_PROCESSES];

static inline struct tg_local *arena_local(void) { return arena_locals[sim_self_process()]; }

/* A word of the store that nothing else uses here. */
static inline tg_a32 *arena_owner(unsigned process, unsigned i) {
    return &arena_locals[0]->processes[process].ledger[i];
}

static inline void arena_live(struct tg_local *local) {
    struct tg_os *os = local->os;
    SIM_EXPECT(os->ops->life_take(os, local->process) == TG_OK);
    tg_store_relaxed32(&local->processes[local->process].state, TG_PROCESS_LIVE);
}

/* In setup: `units` of memory, `contexts` contexts, `actors` processes that live. */
static inline void arena_world_make(unsigned units, unsigned contexts, unsigned actors) {
    struct tg_region_options options;
    struct tg_header header;
    tg_region_tiny(&options);
    options.max_processes = SIM_PROCESSES;
    options.context_count = contexts;
    SIM_EXPECT(tg_region_plan(&options, &header) == TG_OK);
    SIM_EXPECT(header.file_size <= sim_arena_size());
    /* What the limit allows beyond what is there at first. */
    header.limit = header.fixed_size + header.bucket_unit * sizeof(struct tg_line) +
                   (uint64_t)units * ARENA_UNIT_PAGES * ARENA_PAGE;
    for (unsigned p = 0; p < SIM_PROCESSES; p++) {
        arena_locals[p] = sim_alloc(sizeof(struct tg_local));
        tg_region_bind(arena_locals[p], sim_arena(), sim_os(p), &header);
        arena_locals[p]->process = p;
    }
    SIM_EXPECT(tg_region_format(arena_locals[0]) == TG_OK);
    SIM_EXPECT(tg_arena_format(arena_locals[0]) == TG_OK);
    for (unsigned p = 0; p < actors; p++) arena_live(arena_locals[p]);
    struct tg_local *local = arena_locals[0];
    sim_name(&local->hot->extent_lock, 8, "extent_lock");
    sim_name(&local->hot->pages_free, 8, "pages_free");
    sim_name(&local->hot->committed_bytes, 8, "committed_bytes");
    sim_name(local->units, 8, "units");
    sim_name(local->pages, 24 * local->header.page_count, "pages");
}

/* Borrows a context and settles it; false: out of time, or no room for that. */
static inline bool arena_begin(struct tg_call *call) {
    struct tg_local *local = arena_local();
    struct tg_os *os = local->os;
    tg_call_begin(call, local, local->process + 1, os->ops->monotonic_ns(os) + 30000000);
    if (tg_borrow(call) != TG_OK) return false;
    if (tg_arena_settle(call) == TG_OK) return true;
    tg_return(call);
    return false;
}

/* Only a full store and a stopped process are excuses. */
static inline bool arena_good(tg_status status) {
    SIM_EXPECT(status == TG_OK || status == TG_FULL || status == TG_TIMEOUT);
    return status == TG_OK;
}

/* The top `count` blocks become ours. */
static inline bool arena_take(struct tg_call *call, uint32_t class, uint32_t count) {
    if (!arena_good(tg_block_prepare(call, class, count))) return false;
    for (uint32_t i = 0; i < count; i++) {
        tg_ref ref = tg_block_peek(call, class, i);
        SIM_EXPECT(tg_class_of_ref(call->local, ref) == (int)class);
        tg_log32(call, arena_owner(call->local->process, i), ref);
    }
    tg_block_take(call, class, count);
    tg_commit(call);
    return true;
}

static inline bool arena_give(struct tg_call *call, uint32_t class, unsigned owner) {
    tg_a32 *word = arena_owner(call->local->process, owner);
    if (!arena_good(tg_block_room(call, class, 1))) return false;
    tg_block_give(call, class, tg_load_relaxed32(word));
    tg_log32(call, word, 0);
    tg_commit(call);
    return true;
}

/* Words of a run, through the seam: a stale reader may look at them too. */
static inline void arena_fill(struct tg_call *call, uint32_t first, uint32_t pages, uint64_t tag) {
    for (uint32_t i = 0; i < pages; i++) {
        tg_ref ref = tg_run_ref(call->local, first + i);
        tg_a64 *word = tg_at(call->local, ref, ARENA_PAGE);
        SIM_EXPECT(word != NULL);
        sim_point(); /* a punch is no access to a word: the reduction would not stop here */
        tg_store_relaxed64(word, tag);
    }
}

static inline bool arena_run_take(struct tg_call *call, uint32_t pages, unsigned owner) {
    uint32_t first;
    if (!arena_good(tg_run_take(call, pages, &first))) return false;
    arena_fill(call, first, pages, call->local->process + 1);
    tg_run_hand_over(call);
    tg_log32(call, arena_owner(call->local->process, owner), tg_run_ref(call->local, first));
    tg_commit(call);
    return true;
}

static inline bool arena_run_free(struct tg_call *call, uint32_t pages, unsigned owner) {
    tg_a32 *word = arena_owner(call->local->process, owner);
    uint32_t first;
    SIM_EXPECT(tg_run_of_ref(call->local, tg_load_relaxed32(word), pages, &first));
    for (uint32_t i = 0; i < pages; i++) {
        const tg_a64 *data = tg_at(call->local, tg_run_ref(call->local, first + i), ARENA_PAGE);
        SIM_EXPECT(data != NULL && tg_load_relaxed64(data) == call->local->process + 1);
    }
    if (!arena_good(tg_run_free_begin(call, first, pages))) return false;
    tg_log32(call, word, 0);
    tg_run_free_end(call);
    return true;
}

/* The recoverer: the dead are mended, then each context is settled by its next borrower. */
static inline void arena_world_recover(void) {
    struct tg_local *local = arena_local();
    struct tg_os *os = local->os;
    arena_live(local);
    for (unsigned p = 0; p < SIM_PROCESSES; p++)
        if (tg_load_relaxed32(&local->processes[p].state) == TG_PROCESS_LIVE)
            (void)tg_mend_if_dead(local, p);
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        struct tg_call call;
        tg_call_begin(&call, local, id, os->ops->monotonic_ns(os) + 30000000);
        if (!tg_borrow_one(&call, id)) continue;
        (void)arena_good(tg_arena_settle(&call));
        tg_return(&call);
    }
}

/* ---- the check ------------------------------------------------------------------- */

struct arena_census {
    uint8_t places[ARENA_WORLD_SIZE / 8]; /* by ref: 1 = allocated, 2 = and in its place */
};

static struct arena_census arena_census; /* cleared by each check */

static inline void arena_complain(void *state, const char *rule, uint64_t where, const char *text) {
    (void)state;
    sim_fail("%s at %llu: %s", rule, (unsigned long long)where, text);
}

static inline void arena_note_block(void *state, tg_ref ref, uint32_t class) {
    (void)state, (void)class;
    arena_census.places[ref] = 1;
}

static inline void arena_note_place(tg_ref ref, const char *what) {
    if (ref >= sizeof arena_census.places || arena_census.places[ref] == 0)
        sim_fail("%s names %#x, which is free", what, ref);
    if (arena_census.places[ref] == 2) sim_fail("%#x, in %s, is elsewhere too", ref, what);
    arena_census.places[ref] = 2;
}

static inline void arena_note_stocked(void *state, tg_ref ref, uint32_t class, uint32_t id) {
    (void)state, (void)class, (void)id;
    arena_note_place(ref, "a magazine");
}

static inline void arena_note_run(void *state, uint32_t first, uint32_t pages, uint32_t id) {
    (void)state, (void)pages;
    arena_census.places[tg_run_ref(arena_locals[0], first)] = id ? 2 : 1;
}

static inline void arena_world_check(void) {
    struct tg_local *local = arena_locals[0];
    memset(&arena_census, 0, sizeof arena_census);
    (void)tg_arena_verify(local, arena_complain, NULL);
    tg_arena_each_block(local, arena_note_block, NULL);
    tg_arena_each_run(local, arena_note_run, NULL);
    tg_arena_each_stocked(local, arena_note_stocked, NULL);
    for (unsigned p = 0; p < SIM_PROCESSES; p++)
        for (unsigned i = 0; i < ARENA_OWNERS; i++) {
            tg_ref ref = tg_load_relaxed32(arena_owner(p, i));
            if (ref) arena_note_place(ref, "an owner word");
        }
    for (tg_ref ref = 0; ref < sizeof arena_census.places; ref++)
        if (arena_census.places[ref] == 1) sim_fail("%#x is lost", ref);
}

#endif
