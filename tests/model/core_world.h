/* SPDX-License-Identifier: Apache-2.0 */
/* A tiny store without names, for scenarios of the layers below them.
 *
 *   One block, the table, stands for all that names would be: locks, words that
 *   transactions change, and slots that own objects as records do. Whatever is killed or
 *   stopped, the check demands:
 *     - each context idle, its log empty, its intents gone; each lock free;
 *     - the arena as arena/verify.h says;
 *     - each block and run in exactly one place: a magazine, a limbo, a parked list, a slot,
 *       a private entry, a ledger, a context's hand;
 *     - the dead have no process entry and no pins;
 *     - after one more tidy-up, nothing is left in limbo. */
#ifndef TG_MODEL_CORE_WORLD_H
#define TG_MODEL_CORE_WORLD_H

#include "arena/arena.h"
#include "arena/verify.h"
#include "object/object.h"
#include "owner/recover.h"
#include "region/region.h"
#include "store/recover.h"
#include "world.h"

enum {
    CORE_WORLD_SIZE = 256 << 10,
    CORE_SLOTS = 3,
    CORE_LOCKS = 3,
    CORE_WORDS = 8,
    CORE_PAYLOAD = 64,
    CORE_TIDIER = SIM_PROCESSES - 1,
};

static const uint64_t CORE_PATIENCE_NS = 30000000;

struct core_table {
    tg_a64 lock[CORE_LOCKS];
    tg_a64 word[CORE_WORDS];
    tg_a64 version; /* of the last value; under lock[0] */
    tg_a32 slot[CORE_SLOTS]; /* objects; a slot is changed under lock[0] */
    tg_a32 spare;
};

static SIM_STATE struct tg_local *core_locals[SIM_PROCESSES];
static SIM_STATE struct core_table *core_table;
static SIM_STATE tg_ref core_table_ref;

/* Of the running actor's process: the scenario's helpers are called from fibers. */
static inline struct tg_local *world_local(void) { return core_locals[sim_self_process()]; }

static inline void core_live(struct tg_local *local) {
    struct tg_os *os = local->os;
    SIM_EXPECT(os->ops->life_take(os, local->process) == TG_OK);
    tg_store_relaxed32(&local->processes[local->process].state, TG_PROCESS_LIVE);
}

static inline void core_begin(struct tg_call *call) {
    struct tg_local *local = world_local();
    struct tg_os *os = local->os;
    tg_call_begin(call, local, sim_self_actor() + 1, os->ops->monotonic_ns(os) + CORE_PATIENCE_NS);
}

/* A stopped process is an excuse for not getting on; nothing else is. */
static inline bool core_good(tg_status status) {
    if (status == TG_TIMEOUT || status == TG_NO_CONTEXT) {
        bool excused = false;
        for (unsigned p = 0; p < SIM_PROCESSES; p++) excused |= sim_stopped(p) || sim_crashed(p);
        if (!excused) sim_fail("out of time, though nobody is stopped");
    } else if (status != TG_OK) {
        sim_fail("%s", tg_status_name(status));
    }
    return status == TG_OK;
}

/* A HELD context, settled. */
static inline bool core_borrow(struct tg_call *call) {
    core_begin(call);
    if (!core_good(tg_borrow(call))) return false;
    if (core_good(tg_arena_settle(call))) return true;
    tg_return(call);
    return false;
}

/* ---- setup ----------------------------------------------------------------------- */

/* Magazines and ledgers are filled in advance: that is the arena's own scenario. */
static inline void core_stock(struct tg_local *local, uint32_t id) {
    struct tg_call call;
    tg_call_begin(&call, local, id, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, id));
    SIM_EXPECT(tg_block_prepare(&call, TG_CLASS_OBJECT(local), 2) == TG_OK);
    SIM_EXPECT(tg_block_prepare(&call, tg_class_for(local, CORE_PAYLOAD), 2) == TG_OK);
    tg_return(&call);
}

static inline void core_make_table(struct tg_local *local) {
    struct tg_call call;
    uint32_t class = tg_class_for(local, sizeof(struct core_table));
    tg_call_begin(&call, local, 1, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, 1));
    SIM_EXPECT(tg_block_prepare(&call, class, 1) == TG_OK);
    core_table_ref = tg_block_peek(&call, class, 0);
    core_table = tg_at(local, core_table_ref, sizeof *core_table);
    memset(core_table, 0, sizeof *core_table);
    tg_block_take(&call, class, 1);
    tg_commit(&call);
    tg_return(&call);
    sim_name(core_table->lock, sizeof core_table->lock, "lock");
    sim_name(core_table->word, sizeof core_table->word, "word");
    sim_name(&core_table->version, 8, "version");
    sim_name(core_table->slot, sizeof core_table->slot, "slot");
}

static inline void core_grow_ledger(struct tg_local *local) {
    struct tg_call call;
    tg_call_begin(&call, local, 1, TG_FOREVER);
    SIM_EXPECT(tg_borrow_one(&call, 1));
    SIM_EXPECT(tg_ledger_grow(&call) == TG_OK);
    tg_return(&call);
}

/* In setup: `actors` processes that live, with a ledger each; `contexts` contexts, of which the
 * first `used` were borrowed before. */
static inline void core_world_make_new(unsigned contexts, unsigned used, unsigned actors) {
    struct tg_region_options options;
    struct tg_header header;
    tg_region_tiny(&options);
    options.max_processes = SIM_PROCESSES;
    options.context_count = contexts;
    SIM_EXPECT(tg_region_plan(&options, &header) == TG_OK);
    SIM_EXPECT(header.file_size <= sim_arena_size());
    for (unsigned p = 0; p < SIM_PROCESSES; p++) {
        core_locals[p] = sim_alloc(sizeof(struct tg_local));
        tg_region_bind(core_locals[p], sim_arena(), sim_os(p), &header);
        core_locals[p]->process = p;
    }
    struct tg_local *local = core_locals[0];
    SIM_EXPECT(tg_region_format(local) == TG_OK);
    SIM_EXPECT(tg_arena_format(local) == TG_OK);
    for (unsigned p = 0; p < actors; p++) core_live(core_locals[p]);
    core_make_table(local);
    for (uint32_t id = 1; id <= contexts; id++) {
        if (id <= used) core_stock(local, id);
        sim_name(&tg_context_at(local, id)->word, 8, "context.word");
    }
    for (unsigned p = 0; p < actors; p++) core_grow_ledger(core_locals[p]);
    sim_name(&local->hot->epoch, 8, "epoch");
    sim_name(&local->hot->extent_lock, 8, "extent_lock");
    sim_name(&local->hot->unpin_hint, 8, "unpin_hint");
    sim_name(&local->hot->context_high, 8, "context_high");
}

static inline void core_world_make(unsigned contexts, unsigned actors) {
    core_world_make_new(contexts, contexts, actors);
}

/* ---- values ---------------------------------------------------------------------- */

static inline uint64_t core_pattern(uint64_t version, unsigned i) {
    return version << 8 | i | 0xa500000000000000ull;
}

static inline void core_fill(struct tg_local *local, struct tg_object *object, uint64_t version) {
    tg_a64 *word = tg_object_payload(local, object);
    SIM_EXPECT(word != NULL);
    for (unsigned i = 0; i < 2; i++) tg_store_relaxed64(&word[i], core_pattern(version, i));
}

static inline bool core_intact(struct tg_local *local, struct tg_object *object, uint64_t version) {
    const tg_a64 *word = tg_object_payload(local, object);
    for (unsigned i = 0; i < 2; i++)
        if (word == NULL || tg_load_relaxed64(&word[i]) != core_pattern(version, i)) return false;
    return true;
}

/* HELD, no locks: the slot's value becomes `fresh` (which may be NULL), as names/ would: the
 * new object is live before it can be found, the old one dead after. */
static inline bool core_replace(struct tg_call *call, unsigned slot, struct tg_object *fresh,
                                uint32_t entry, bool keep) {
    struct tg_local *local = call->local;
    if (!core_good(tg_lock(call, &core_table->lock[0], 0))) return false;
    tg_ref old = tg_load_relaxed32(&core_table->slot[slot]);
    if (fresh) tg_object_log_publish(call, fresh, entry, keep);
    tg_log32(call, &core_table->slot[slot], fresh ? tg_ref_of(local, fresh) : 0);
    if (old) {
        struct tg_object *object = tg_object_at(local, old);
        SIM_EXPECT(object != NULL && tg_load_relaxed32(&object->state) == TG_OBJECT_LINKED);
        tg_object_log_unlink(call, object);
    }
    tg_commit(call);
    if (fresh && !keep) tg_ledger_release(local, entry);
    tg_unlock(call, &core_table->lock[0]);
    return true;
}

/* HELD: a private object with this version's bytes. */
static inline struct tg_object *core_create(struct tg_call *call, uint64_t version,
                                            uint32_t *entry) {
    struct tg_object *object;
    if (!core_good(tg_object_create(call, CORE_PAYLOAD, 0, &object, entry))) return NULL;
    tg_store_relaxed64(&object->version, version);
    core_fill(call->local, object, version);
    return object;
}

static inline void core_set(unsigned slot, uint64_t version) {
    struct tg_call call;
    uint32_t entry;
    if (!core_borrow(&call)) return;
    struct tg_object *object = core_create(&call, version, &entry);
    if (object && !core_replace(&call, slot, object, entry, false))
        tg_object_discard(&call, object, entry);
    tg_return(&call);
}

/* HELD: frees whatever can be freed, expelling at once. */
static inline void core_drain(struct tg_call *call) {
    tg_status status = tg_drain(call, UINT32_MAX, true, 0);
    (void)core_good(status);
}

static inline void core_remove_and_drain(unsigned slot) {
    struct tg_call call;
    if (!core_borrow(&call)) return;
    if (core_replace(&call, slot, NULL, 0, false)) core_drain(&call);
    tg_return(&call);
}

struct core_pin {
    struct tg_object *object; /* NULL: nothing there */
    uint64_t version;
    uint32_t entry;
};

/* As store/pin.c: looks the slot up in a section, and pins what it finds. */
static inline bool core_try_pin(struct tg_call *call, unsigned slot, struct core_pin *pin) {
    struct tg_local *local = call->local;
    tg_status status = tg_read_enter(call);
    *pin = (struct core_pin){0};
    if (!core_good(status)) return true;
    tg_ref ref = tg_load_acquire32(&core_table->slot[slot]);
    struct tg_object *object = ref ? tg_object_at(local, ref) : NULL;
    if (object) {
        uint64_t version = tg_load_relaxed64(&object->version);
        status = tg_ledger_pin(local, object, version, &pin->entry);
        SIM_EXPECT(status == TG_OK || status == TG_RETRY);
        if (status == TG_OK) *pin = (struct core_pin){object, version, pin->entry};
    }
    if (tg_read_leave(call) && status == TG_OK) return true;
    if (pin->object) tg_ledger_release(local, pin->entry);
    pin->object = NULL;
    return false;
}

static inline struct core_pin core_pin(unsigned slot) {
    struct tg_call call;
    struct core_pin pin;
    core_begin(&call);
    /* Every retry is another's progress; each writer here writes a few times at most. */
    for (unsigned tries = 0; !core_try_pin(&call, slot, &pin); tries++)
        if (tries > 8) sim_fail("a pin is tried for ever");
    return pin;
}

static inline void core_unpin_at(const struct core_pin *pin, tg_a64 *entry) {
    struct tg_local *local = world_local();
    bool unlinked = tg_load_relaxed32(&pin->object->state) == TG_OBJECT_UNLINKED;
    tg_ledger_release_at(local, entry, pin->entry);
    if (unlinked) tg_add_relaxed64(&local->hot->unpin_hint, 1);
}
static inline void core_unpin(const struct core_pin *pin) {
    struct tg_local *local = world_local();
    core_unpin_at(pin, tg_ledger_entry(local, local->process, pin->entry));
}

/* ---- recovery -------------------------------------------------------------------- */

static inline void core_tidy(struct tg_local *local) {
    for (uint32_t id = 1; id <= local->header.context_count; id++) {
        struct tg_call call;
        struct tg_os *os = local->os;
        tg_call_begin(&call, local, id, os->ops->monotonic_ns(os) + CORE_PATIENCE_NS);
        if (!tg_borrow_one(&call, id)) continue;
        if (core_good(tg_arena_settle(&call))) core_drain(&call);
        tg_return(&call);
    }
}

/* A fresh process: sweeps the dead, then finishes what every idle context owes. */
static inline void core_world_recover(void) {
    struct tg_local *local = world_local();
    uint32_t found;
    core_live(local);
    if (core_good(tg_sweep_dead(local, &found))) core_tidy(local);
}

/* ---- the check ------------------------------------------------------------------- */

struct core_census {
    uint8_t places[CORE_WORLD_SIZE / 8]; /* by ref: 1 = allocated, 2 = and in its place */
    unsigned limbo, parked, pins;
};

static struct core_census core_census; /* cleared by each check */

static inline void core_complain(void *state, const char *rule, uint64_t where, const char *text) {
    (void)state;
    sim_fail("%s at %llu: %s", rule, (unsigned long long)where, text);
}

static inline void core_note_block(void *state, tg_ref ref, uint32_t class) {
    (void)state, (void)class;
    core_census.places[ref] = 1;
}

static inline void core_note_place(tg_ref ref, const char *what) {
    if (ref >= sizeof core_census.places || core_census.places[ref] == 0)
        sim_fail("%s names %#x, which is free", what, ref);
    if (core_census.places[ref] == 2) sim_fail("%#x, in %s, is elsewhere too", ref, what);
    core_census.places[ref] = 2;
}

static inline void core_note_stocked(void *state, tg_ref ref, uint32_t class, uint32_t id) {
    struct tg_local *local = core_locals[0];
    (void)state, (void)id;
    core_note_place(ref, "a magazine");
    if (class != TG_CLASS_OBJECT(local)) return;
    const struct tg_object *object = tg_object_at(local, ref);
    if (tg_load_relaxed32(&object->state) != TG_OBJECT_FREE)
        sim_fail("object %#x is stocked, and not free", ref);
}

static inline void core_note_run(void *state, uint32_t first, uint32_t pages, uint32_t id) {
    (void)state, (void)pages;
    core_census.places[tg_run_ref(core_locals[0], first)] = id ? 2 : 1;
}

static inline void core_note_object(tg_ref ref, enum tg_object_state state, const char *what) {
    struct tg_object *object = tg_object_at(core_locals[0], ref);
    if (object == NULL) sim_fail("%s: %#x is no object", what, ref);
    if (tg_load_relaxed32(&object->state) != state)
        sim_fail("%s: object %#x has state %u", what, ref, tg_load_relaxed32(&object->state));
    core_note_place(ref, what);
    core_note_place(tg_load_relaxed32(&object->payload), what);
}

static inline unsigned core_note_list(tg_ref ref, const char *what) {
    struct tg_local *local = core_locals[0];
    unsigned count = 0;
    while (ref) {
        int class = tg_class_of_ref(local, ref);
        if (class < 0) sim_fail("%s: %#x is no block", what, ref);
        if ((uint32_t)class == TG_CLASS_OBJECT(local))
            core_note_object(ref, TG_OBJECT_UNLINKED, what);
        else
            core_note_place(ref, what);
        ref = tg_load_relaxed32((tg_a32 *)((uint8_t *)tg_at(local, ref, 8) + TG_LINK_OFFSET));
        count++;
    }
    return count;
}

static inline void core_check_context(uint32_t id) {
    const struct tg_context *context = tg_context_at(core_locals[0], id);
    if (tg_load_relaxed64(&context->word) != 0) sim_fail("context %u is not idle", id);
    if (tg_load_relaxed64(&context->log_state) != 0) sim_fail("context %u has a log", id);
    for (unsigned i = 0; i < TG_HELD_CAPACITY; i++)
        if (tg_load_relaxed64(&context->held[i])) sim_fail("context %u has an intent", id);
    if (tg_load_relaxed64(&context->wait_since_ns)) sim_fail("context %u waits", id);
    unsigned open = core_note_list(tg_load_relaxed32(&context->limbo_open), "limbo");
    if (open != tg_load_relaxed32(&context->limbo_open_count)) sim_fail("limbo is miscounted");
    core_census.limbo += open;
    for (uint32_t i = 0; i < tg_load_relaxed32(&context->batch_count); i++) {
        uint32_t slot = (tg_load_relaxed32(&context->batch_first) + i) % TG_LIMBO_BATCHES;
        const struct tg_limbo_batch *batch = &context->batch[slot];
        unsigned count = core_note_list(tg_load_relaxed32(&batch->head), "a batch");
        if (count != tg_load_relaxed32(&batch->count)) sim_fail("a batch is miscounted");
        core_census.limbo += count;
    }
    unsigned parked = core_note_list(tg_load_relaxed32(&context->parked), "parked");
    if (parked != tg_load_relaxed32(&context->parked_count)) sim_fail("parked are miscounted");
    core_census.parked += parked;
}

static inline void core_check_process(unsigned p) {
    struct tg_local *local = core_locals[0];
    struct tg_process *process = &local->processes[p];
    if (sim_crashed(p) && tg_load_relaxed32(&process->state) != TG_PROCESS_FREE)
        sim_fail("process %u is dead, and not mended", p);
    if (tg_word_owner(tg_load_relaxed64(&process->lock))) sim_fail("a process lock is held");
    for (uint32_t k = 0; k < tg_load_relaxed32(&process->ledger_count); k++)
        core_note_place(tg_load_relaxed32(&process->ledger[k]), "a ledger");
    for (uint32_t number = 1; number <= tg_ledger_capacity(local, p); number++) {
        uint64_t entry = tg_load_relaxed64(tg_ledger_entry(local, p, number));
        if (sim_crashed(p) && entry) sim_fail("process %u is dead, and pins", p);
        if (TG_ENTRY_STATE(entry) == TG_LEDGER_PRIVATE)
            core_note_object(TG_ENTRY_REF(entry), TG_OBJECT_PRIVATE, "a private entry");
        if (TG_ENTRY_STATE(entry) == TG_LEDGER_CLAIMED) sim_fail("an entry is left claimed");
        if (TG_ENTRY_STATE(entry) == TG_LEDGER_PIN) core_census.pins++;
    }
}

static inline void core_check_locks(void) {
    struct tg_local *local = core_locals[0];
    for (unsigned i = 0; i < CORE_LOCKS; i++)
        if (tg_word_owner(tg_load_relaxed64(&core_table->lock[i]))) sim_fail("lock[%u] is held", i);
    for (uint32_t class = 0; class < TG_CLASS_TOTAL(local); class ++)
        if (tg_word_owner(tg_load_relaxed64(&local->classes[class].lock)))
            sim_fail("the lock of class %u is held", class);
    if (tg_word_owner(tg_load_relaxed64(&local->hot->extent_lock))) sim_fail("extent_lock is held");
}

static inline void core_check_now(void) {
    struct tg_local *local = core_locals[0];
    memset(&core_census, 0, sizeof core_census);
    (void)tg_arena_verify(local, core_complain, NULL);
    tg_arena_each_block(local, core_note_block, NULL);
    tg_arena_each_run(local, core_note_run, NULL);
    tg_arena_each_stocked(local, core_note_stocked, NULL);
    core_note_place(core_table_ref, "the world");
    for (unsigned i = 0; i < CORE_SLOTS; i++)
        if (tg_load_relaxed32(&core_table->slot[i]))
            core_note_object(tg_load_relaxed32(&core_table->slot[i]), TG_OBJECT_LINKED, "a slot");
    for (uint32_t id = 1; id <= local->header.context_count; id++) core_check_context(id);
    for (unsigned p = 0; p < SIM_PROCESSES; p++) core_check_process(p);
    core_check_locks();
    if (tg_load_relaxed32(&local->hot->state)) sim_fail("the store is poisoned");
    for (tg_ref ref = 0; ref < sizeof core_census.places; ref++)
        if (core_census.places[ref] == 1) sim_fail("%#x is lost", ref);
}

/* All is as it should be now, and after the pending has been finished. Who was stopped while
 * it mended a dead process goes on after the recoverer gave up: one more sweep is due then. */
static inline void core_world_check(void) {
    struct tg_local *local = core_locals[CORE_TIDIER];
    bool stopped = false;
    uint32_t found;
    for (unsigned p = 0; p < SIM_ACTORS_MAX; p++) stopped |= sim_stopped(p);
    core_live(local);
    if (stopped) SIM_EXPECT(tg_sweep_dead(local, &found) == TG_OK);
    core_check_now();
    core_tidy(local);
    core_check_now();
    if (core_census.limbo) sim_fail("%u blocks don't leave limbo", core_census.limbo);
    if (core_census.parked > core_census.pins) sim_fail("an object nobody pins stays parked");
}

#define CORE_SCENARIO(NAME)                                                                        \
    .name = #NAME, .arena_size = CORE_WORLD_SIZE, .recover = core_world_recover

#endif
