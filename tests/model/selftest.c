/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator tests itself: each scenario passes as written, and its mutant is the
 * smallest program with the bug that one of the simulator's tools must find.
 *
 * They use the two seams only. They also serve as examples: self_lost_update is the
 * shortest, self_recover shows crashes, self_stopped_owner shows stops and time.
 */
#include "base/atomic.h"
#include "world.h"

enum { BYTE_A = 1, BYTE_B = 2 }; /* life bytes */

/* --- Two increments are never lost. Mutant: load, then store. */

struct counter {
    tg_a64 value;
};

static void increment(void *arg) {
    struct counter *c = sim_arena();
    (void)arg;
    if (TG_MUTANT(self_plain_increment))
        tg_store_relaxed64(&c->value, tg_load_relaxed64(&c->value) + 1);
    else
        tg_add_relaxed64(&c->value, 1);
}

static void counter_setup(void) {
    struct counter *c = sim_arena();
    sim_name(&c->value, 8, "value");
}

static void counter_check(void) {
    struct counter *c = sim_arena();
    SIM_EXPECT(tg_load_relaxed64(&c->value) == 2);
}

const struct sim_scenario self_lost_update = {
    .name = "self_lost_update",
    .doc = "two processes increment one word",
    .setup = counter_setup,
    .actors = {{.name = "one", .process = 0, .run = increment},
               {.name = "two", .process = 1, .run = increment}},
    .actor_count = 2,
    .check = counter_check,
    .flags = SIM_DELAY,
};

/* --- Dekker: of two who announce and then look, one sees the other. */

struct dekker {
    tg_a64 flag[2];
    tg_a64 saw[2];
};

static void announce_and_look(void *arg) {
    struct dekker *d = sim_arena();
    unsigned me = sim_self_actor();
    (void)arg;
    tg_store_relaxed64(&d->flag[me], 1);
    if (!TG_MUTANT(self_no_full_fence)) tg_fence_full();
    tg_store_relaxed64(&d->saw[me], tg_load_relaxed64(&d->flag[!me]));
}

static void dekker_setup(void) {
    struct dekker *d = sim_arena();
    sim_name(d->flag, sizeof d->flag, "flag");
    sim_name(d->saw, sizeof d->saw, "saw");
}

static void dekker_check(void) {
    struct dekker *d = sim_arena();
    SIM_EXPECT(tg_load_relaxed64(&d->saw[0]) || tg_load_relaxed64(&d->saw[1]));
}

const struct sim_scenario self_dekker = {
    .name = "self_dekker",
    .doc = "store buffering: fails without the fence, and only with delayed stores",
    .setup = dekker_setup,
    .actors = {{.name = "left", .process = 0, .run = announce_and_look},
               {.name = "right", .process = 1, .run = announce_and_look}},
    .actor_count = 2,
    .check = dekker_check,
    .flags = SIM_DELAY,
};

/* --- Message passing: who sees the flag sees the data. */

struct message {
    tg_a64 data, flag, got;
};

static void send_message(void *arg) {
    struct message *m = sim_arena();
    (void)arg;
    tg_store_relaxed64(&m->data, 7);
    /* PAIR self.message: data before flag. Other end: receive_message. */
    if (TG_MUTANT(self_relaxed_flag))
        tg_store_relaxed64(&m->flag, 1);
    else
        tg_store_release64(&m->flag, 1);
}

static void receive_message(void *arg) {
    struct message *m = sim_arena();
    (void)arg;
    /* PAIR self.message: other end in send_message. */
    if (tg_load_acquire64(&m->flag)) SIM_EXPECT(tg_load_relaxed64(&m->data) == 7);
}

const struct sim_scenario self_message = {
    .name = "self_message",
    .doc = "message passing: a relaxed flag fails under PSO, and only there",
    .actors = {{.name = "sender", .process = 0, .run = send_message},
               {.name = "receiver", .process = 1, .run = receive_message}},
    .actor_count = 2,
    .flags = SIM_DELAY,
};

/* --- A crash between two stores: the mark comes last. */

struct record {
    tg_a64 valid, left, right;
};

static void write_record(void *arg) {
    struct record *r = sim_arena();
    (void)arg;
    if (TG_MUTANT(self_publish_first)) tg_store_relaxed64(&r->valid, 1);
    tg_store_relaxed64(&r->left, 5);
    tg_store_relaxed64(&r->right, 5);
    tg_store_release64(&r->valid, 1); /* PAIR self.record: other end in record_check. */
}

static void record_check(void) {
    struct record *r = sim_arena();
    if (!tg_load_acquire64(&r->valid)) { /* PAIR self.record: other end in write_record. */
        SIM_EXPECT(sim_crashed(0));
        return;
    }
    SIM_EXPECT(tg_load_relaxed64(&r->left) == 5 && tg_load_relaxed64(&r->right) == 5);
}

const struct sim_scenario self_crash = {
    .name = "self_crash",
    .doc = "a writer killed anywhere leaves no valid half record",
    .actors = {{.name = "writer", .process = 0, .run = write_record}},
    .actor_count = 1,
    .check = record_check,
    .flags = SIM_CRASH | SIM_DELAY,
};

/* --- A redo log survives crashes of its recoverer. */

struct account {
    tg_a64 log;          /* 1: to and from have target values in new_* */
    tg_a64 new_from, new_to;
    tg_a64 from, to;
};

static void redo(struct account *a) {
    if (!tg_load_relaxed64(&a->log)) return;
    uint64_t from = tg_load_relaxed64(&a->new_from), to = tg_load_relaxed64(&a->new_to);
    if (TG_MUTANT(self_recover_once)) tg_store_relaxed64(&a->log, 0);
    tg_store_relaxed64(&a->from, from);
    tg_store_relaxed64(&a->to, to);
    tg_store_relaxed64(&a->log, 0);
}

static void transfer(void *arg) {
    struct account *a = sim_arena();
    (void)arg;
    tg_store_relaxed64(&a->new_from, tg_load_relaxed64(&a->from) - 30);
    tg_store_relaxed64(&a->new_to, tg_load_relaxed64(&a->to) + 30);
    tg_store_relaxed64(&a->log, 1);
    tg_store_relaxed64(&a->from, tg_load_relaxed64(&a->new_from));
    tg_store_relaxed64(&a->to, tg_load_relaxed64(&a->new_to));
    tg_store_relaxed64(&a->log, 0);
}

static void account_setup(void) {
    struct account *a = sim_arena();
    tg_store_relaxed64(&a->from, 100);
    sim_name(&a->log, 8, "log");
    sim_name(&a->from, 8, "from");
    sim_name(&a->to, 8, "to");
}

static void account_recover(void) { redo(sim_arena()); }

static void account_check(void) {
    struct account *a = sim_arena();
    SIM_EXPECT(tg_load_relaxed64(&a->log) == 0);
    SIM_EXPECT(tg_load_relaxed64(&a->from) + tg_load_relaxed64(&a->to) == 100);
}

const struct sim_scenario self_recover = {
    .name = "self_recover",
    .doc = "a transfer is whole after a crash, and a crash of the recoverer",
    .setup = account_setup,
    .actors = {{.name = "teller", .process = 0, .run = transfer}},
    .actor_count = 1,
    .recover = account_recover,
    .check = account_check,
    .flags = SIM_CRASH | SIM_CRASH2,
};

/* --- A lock whose owner was stopped: the waiter times out; the owner goes on later. */

struct locked {
    tg_a64 lock;         /* process + 1 */
    tg_a64 value;
};

static SIM_STATE bool timed_out[2];

/* False after 1 ms, or at once if the owner is dead and we are to notice. */
static bool lock_until(struct locked *l, tg_status (*owner_died)(uint64_t owner)) {
    struct tg_os *os = sim_self_os();
    uint64_t deadline = os->ops->monotonic_ns(os) + 1000000;
    for (;;) {
        uint64_t seen = 0;
        if (tg_cas_acqrel64(&l->lock, &seen, sim_self_process() + 1)) return true;
        if (owner_died && owner_died(seen) == TG_OK) return false;
        if (!TG_MUTANT(self_wait_forever) && os->ops->monotonic_ns(os) > deadline) return false;
        tg_pause();
    }
}

static void use_lock(void *arg) {
    struct locked *l = sim_arena();
    (void)arg;
    if (!lock_until(l, NULL)) {
        timed_out[sim_self_actor()] = true;
        return;
    }
    tg_store_relaxed64(&l->value, tg_load_relaxed64(&l->value) + 1);
    tg_store_release64(&l->lock, 0); /* PAIR self.lock: other end in lock_until. */
}

static void lock_check(void) {
    struct locked *l = sim_arena();
    uint64_t expected = 2u - timed_out[0] - timed_out[1];
    SIM_EXPECT(tg_load_relaxed64(&l->value) == expected);
    SIM_EXPECT(!timed_out[0] || sim_stopped(1));
    SIM_EXPECT(!timed_out[1] || sim_stopped(0));
}

const struct sim_scenario self_stopped_owner = {
    .name = "self_stopped_owner",
    .doc = "a lock held by a stopped process makes others time out, not hang",
    .actors = {{.name = "one", .process = 0, .run = use_lock},
               {.name = "two", .process = 1, .run = use_lock}},
    .actor_count = 2,
    .check = lock_check,
    .flags = SIM_STOP | SIM_DELAY,
};

/* --- A lock whose owner died: the waiter tests its life and takes over. */

static tg_status life_test(uint64_t owner) {
    struct tg_os *os = sim_self_os();
    if (TG_MUTANT(self_spin_forever) || owner == 0) return TG_BUSY;
    return os->ops->life_probe(os, (uint32_t)owner) == TG_LIFE_DEAD ? TG_OK : TG_BUSY;
}

static void use_lock_of_mortals(void *arg) {
    struct locked *l = sim_arena();
    (void)arg;
    if (!lock_until(l, life_test)) return;
    tg_store_relaxed64(&l->value, tg_load_relaxed64(&l->value) + 1);
    tg_store_release64(&l->lock, 0); /* PAIR self.lock: other end in lock_until. */
}

static void mortal_setup(void) {
    for (unsigned p = 0; p < 2; p++) {
        sim_act_as(p);
        struct tg_os *os = sim_self_os();
        SIM_EXPECT(os->ops->life_take(os, p + 1) == TG_OK);
        SIM_EXPECT(os->ops->life_take(os, p + 1) == TG_BUSY);
    }
}

static void mortal_check(void) {
    for (unsigned p = 0; p < 2; p++) {
        struct tg_os *os = sim_self_os();
        enum tg_life life = os->ops->life_probe(os, p + 1);
        SIM_EXPECT(life == (sim_crashed(p) ? TG_LIFE_DEAD : TG_LIFE_ALIVE));
    }
    /* Without noticing the death the survivor runs into its deadline, 1 ms later. */
    SIM_EXPECT(sim_now_ns() < 1001000000);
}

const struct sim_scenario self_dead_owner = {
    .name = "self_dead_owner",
    .doc = "a crash frees the life token at once, a waiter sees it",
    .setup = mortal_setup,
    .actors = {{.name = "one", .process = 0, .run = use_lock_of_mortals},
               {.name = "two", .process = 1, .run = use_lock_of_mortals}},
    .actor_count = 2,
    .check = mortal_check,
    .flags = SIM_CRASH,
};

/* --- Two locks in two orders. */

struct pair {
    tg_a32 lock[2];
};

static void futex_lock(tg_a32 *lock) {
    struct tg_os *os = sim_self_os();
    /* The mutant of self_futex sleeps for good: only a wake helps. */
    uint64_t seen;
    for (;;) {
        seen = 0;
        if (tg_sim_cas(lock, 4, &seen, 1, TG_ACQREL, "futex_lock")) return;
        SIM_EXPECT(os->ops->futex_wait(os, lock, 1, UINT64_MAX, 1) == TG_OK);
    }
}

static void futex_unlock(tg_a32 *lock) {
    struct tg_os *os = sim_self_os();
    tg_store_release32(lock, 0); /* PAIR self.futex: other end in futex_lock. */
    if (!TG_MUTANT(self_no_wake)) os->ops->futex_wake(os, lock, 1, 1);
}

static void lock_both(void *arg) {
    struct pair *p = sim_arena();
    unsigned first = arg != NULL && TG_MUTANT(self_lock_order);
    futex_lock(&p->lock[first]);
    futex_lock(&p->lock[!first]);
    futex_unlock(&p->lock[!first]);
    futex_unlock(&p->lock[first]);
}

static SIM_STATE int other;

const struct sim_scenario self_deadlock = {
    .name = "self_deadlock",
    .doc = "two sleeping locks taken in one order never deadlock",
    .actors = {{.name = "forth", .process = 0, .run = lock_both},
               {.name = "back", .process = 1, .run = lock_both, .arg = &other}},
    .actor_count = 2,
    .flags = SIM_STRICT_FUTEX,
};

static void lock_once(void *arg) {
    struct pair *p = sim_arena();
    (void)arg;
    futex_lock(&p->lock[0]);
    futex_unlock(&p->lock[0]);
}

const struct sim_scenario self_futex = {
    .name = "self_futex",
    .doc = "a release wakes the sleeper",
    .actors = {{.name = "one", .process = 0, .run = lock_once},
               {.name = "two", .process = 1, .run = lock_once}},
    .actor_count = 2,
    .flags = SIM_STRICT_FUTEX | SIM_DELAY,
};

/* --- Pages are committed before use; the second commit fails. */

static SIM_STATE unsigned stored;

static void fill_pages(void *arg) {
    struct tg_os *os = sim_self_os();
    (void)arg;
    for (unsigned page = 0; page < 3; page++) {
        tg_status status = os->ops->commit(os, page * SIM_PAGE, SIM_PAGE);
        if (status == TG_FULL && !TG_MUTANT(self_use_uncommitted)) continue;
        tg_a64 *word = (tg_a64 *)((char *)sim_arena() + page * SIM_PAGE);
        tg_store_relaxed64(word, 1);
        stored++;
        SIM_EXPECT(os->ops->punch(os, page * SIM_PAGE, SIM_PAGE) == TG_OK);
        SIM_EXPECT(*(uint64_t *)word == 0 && !sim_page_committed(page * SIM_PAGE));
    }
}

static void commit_setup(void) { sim_commit_fails_at(2); }

static void commit_check(void) { SIM_EXPECT(stored == 2); }

const struct sim_scenario self_commit = {
    .name = "self_commit",
    .doc = "commit may fail; an uncommitted page is not touched; a punched one is zero",
    .arena_size = 3 * SIM_PAGE,
    .setup = commit_setup,
    .actors = {{.name = "filler", .process = 0, .run = fill_pages}},
    .actor_count = 1,
    .check = commit_check,
    .flags = SIM_CHECK_COMMIT,
};

/* --- A wild access is a violation, not the end of the program. */

static void follow_offset(void *arg) {
    tg_a64 *word = sim_arena();
    (void)arg;
    uint64_t offset = tg_load_relaxed64(word);
    if (offset >= sim_arena_size() && !TG_MUTANT(self_wild_pointer)) return;
    ((volatile char *)sim_arena())[offset] = 1;
}

static void wild_setup(void) {
    tg_a64 *word = sim_arena();
    tg_store_relaxed64(word, SIM_ARENA_MAX + (64 << 20));
}

const struct sim_scenario self_wild = {
    .name = "self_wild",
    .doc = "a garbage offset is caught and told as a story",
    .setup = wild_setup,
    .actors = {{.name = "reader", .process = 0, .run = follow_offset}},
    .actor_count = 1,
};

/* --- Who holds the token of a dead process sees all of its stores. */

struct token {
    tg_a64 begun, done;
};

static void work_and_finish(void *arg) {
    struct token *t = sim_arena();
    (void)arg;
    tg_store_relaxed64(&t->begun, 1);
    tg_store_relaxed64(&t->done, 1);
}

/* The owner finished, or is dead at a known place, or we learn nothing. */
static void watch(void *arg) {
    struct token *t = sim_arena();
    struct tg_os *os = sim_self_os();
    (void)arg;
    uint64_t early = tg_load_relaxed64(&t->begun);
    if (os->ops->life_take(os, BYTE_A) != TG_OK) return;
    uint64_t begun = TG_MUTANT(self_late_probe) ? early : tg_load_relaxed64(&t->begun);
    SIM_EXPECT(!tg_load_relaxed64(&t->done) || begun);
    os->ops->life_drop(os, BYTE_A);
}

static void token_setup(void) {
    struct tg_os *os = sim_self_os();
    SIM_EXPECT(os->ops->life_take(os, BYTE_A) == TG_OK);
    SIM_EXPECT(os->ops->life_probe(os, BYTE_B) == TG_LIFE_DEAD);
}

const struct sim_scenario self_token = {
    .name = "self_token",
    .doc = "the token of the dead is obtained after all their stores",
    .setup = token_setup,
    .actors = {{.name = "worker", .process = 0, .run = work_and_finish},
               {.name = "watcher", .process = 1, .run = watch, .immortal = true}},
    .actor_count = 2,
    .flags = SIM_CRASH | SIM_DELAY,
};
