/* SPDX-License-Identifier: Apache-2.0 */
/* The reduction loses no end state: a random program is explored with and without it,
 * and both must reach the same set of states (tests/model/test_simulator.py compares
 * what --states prints). SIM_PROGRAM in the environment picks the program.
 *
 * SIM_PROGRAM_PLAIN=1 adds words that are no points. The reduction by footprints can't see
 * them; what is pruned after it (sim/prune.h) must lose nothing.
 *
 * No spin loops here: how many rounds a bounded spin makes depends on how many of the steps
 * around it may be interrupted, so that a run in which it gives up may need one preemption
 * more with the reduction (1 program in 500).
 */
#include <stdlib.h>

#include "base/atomic.h"
#include "world.h"

enum { ACTORS = 3, OPS = 4, WORDS = 5 };

struct program {
    tg_a64 word[WORDS];          /* some end up shared, some not */
    uint64_t read[ACTORS][OPS];  /* plain: not a point */
    uint64_t code[ACTORS][OPS];
    uint64_t plain[2], use_plain;
};

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 16;
}

static void random_setup(void) {
    struct program *p = sim_arena();
    const char *text = getenv("SIM_PROGRAM");
    uint64_t state = (text ? strtoull(text, NULL, 10) : 1) * 0x9e3779b97f4a7c15ull + 77;
    p->use_plain = getenv("SIM_PROGRAM_PLAIN") != NULL;
    for (unsigned i = 0; i < 10; i++) next_random(&state);
    for (unsigned a = 0; a < ACTORS; a++)
        for (unsigned i = 0; i < OPS; i++) p->code[a][i] = next_random(&state);
    for (unsigned a = 0; a < ACTORS; a++) {
        sim_act_as(a);
        SIM_EXPECT(sim_self_os()->ops->life_take(sim_self_os(), a) == TG_OK);
    }
    sim_name(p->word, sizeof p->word, "word");
}

static uint64_t sleep_on(tg_a64 *word) {
    struct tg_os *os = sim_self_os();
    SIM_EXPECT(os->ops->futex_wait(os, word, 0, 1000000, 1) == TG_OK);
    return tg_load_relaxed64(word);
}

static uint64_t plain_access(struct program *p, tg_a64 *word, uint64_t code, uint64_t value) {
    uint64_t read = tg_load_acquire64(word); /* PAIR self.random: the store below. */
    uint64_t *plain = &p->plain[code >> 20 & 1];
    if (!p->use_plain) return read;
    if (code >> 21 & 1) tg_store_relaxed64(word, value);
    if (code >> 22 & 1) *plain = *plain * 3 + value;
    return read * 1000 + *plain;
}

static void random_run(void *arg) {
    struct program *p = sim_arena();
    unsigned self = sim_self_actor();
    (void)arg;
    for (unsigned i = 0; i < OPS; i++) {
        uint64_t code = p->code[self][i], value = (self + 1) * 10 + i;
        tg_a64 *word = &p->word[code / 16 % WORDS];
        uint64_t *read = &p->read[self][i];
        switch (p->use_plain && code >> 23 & 1 ? 8 : code % 10) {
        case 0: tg_store_relaxed64(word, value); break;
        case 1: tg_store_release64(word, value); break; /* PAIR self.random: the load below. */
        case 2: *read = tg_add_acqrel64(word, 1); break;
        case 3: tg_cas_acqrel64(word, read, value); break;
        case 4: tg_fence_full(); break;
        case 6: *read = sim_self_os()->ops->life_probe(sim_self_os(), code / 16 % ACTORS); break;
        case 7: *read = sleep_on(word); break;
        case 8: *read = plain_access(p, word, code, value); break;
        default: *read = tg_load_acquire64(word); break; /* PAIR self.random: the store above. */
        }
    }
}

static void random_recover(void) {
    struct program *p = sim_arena();
    tg_store_relaxed64(&p->word[0], tg_load_relaxed64(&p->word[0]) * 3 + 1);
}

/* What a dead actor read died with it. */
static void random_check(void) {
    struct program *p = sim_arena();
    for (unsigned a = 0; a < ACTORS; a++)
        for (unsigned i = 0; i < OPS; i++)
            if (sim_crashed(a)) p->read[a][i] = 0;
    for (unsigned w = 0; w < WORDS; w++) tg_load_relaxed64(&p->word[w]);
}

const struct sim_scenario self_random = {
    .name = "self_random",
    .doc = "random programs, for the audit of the reduction",
    .setup = random_setup,
    .actors = {{.name = "a", .process = 0, .run = random_run},
               {.name = "b", .process = 1, .run = random_run},
               {.name = "c", .process = 2, .run = random_run}},
    .actor_count = ACTORS,
    .recover = random_recover,
    .check = random_check,
};
