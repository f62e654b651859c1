/* SPDX-License-Identifier: Apache-2.0 */
/* Every transition of a lock word, over all combinations of a few values of each field.
 *
 * Goal: W1-W4 of word/lock_word.h. Each transition is compared with what the fields say in
 * plain words; a refusal must write nothing, and an acceptance must change nothing else. */
#include "check.h"
#include "word/lock_word.h"

static const uint32_t OWNERS[] = {0, 1, 2, 0xfff};
static const uint32_t HEIRS[] = {0, 1, 2, 3, 0xfff};
static const uint64_t FLAGS[] = {0, TG_LOCK_WAITERS, TG_LOCK_DEAD, TG_LOCK_WAITERS | TG_LOCK_DEAD,
                                 0xfcull << 24};
static const uint32_t VALUES[] = {0, 1, 2, TG_COUNT_MAX - 1, TG_COUNT_MAX, UINT32_MAX};
static const uint32_t IDS[] = {1, 2, 0xfff};

struct fields {
    uint32_t owner, heir, value;
    uint64_t flags;
};

static uint64_t pack(struct fields f) {
    return (uint64_t)f.owner | (uint64_t)f.heir << TG_LOCK_HEIR_SHIFT | f.flags |
           (uint64_t)f.value << TG_LOCK_VALUE_SHIFT;
}

#define COUNT(A) (sizeof(A) / sizeof(*(A)))
enum { WORDS = COUNT(OWNERS) * COUNT(HEIRS) * COUNT(FLAGS) * COUNT(VALUES) };

static struct fields nth(unsigned i) {
    struct fields f;
    f.owner = OWNERS[i % COUNT(OWNERS)], i /= COUNT(OWNERS);
    f.heir = HEIRS[i % COUNT(HEIRS)], i /= COUNT(HEIRS);
    f.flags = FLAGS[i % COUNT(FLAGS)], i /= COUNT(FLAGS);
    f.value = VALUES[i];
    return f;
}

static const uint64_t UNTOUCHED = 0x1234567890abcdefull;

/* `wanted`: it should succeed, with `after`. */
static bool agree(bool done, const uint64_t *next, bool wanted, struct fields after) {
    return EXPECT_EQ(done, wanted) && EXPECT_EQ(*next, wanted ? pack(after) : UNTOUCHED);
}

TEST(fields_are_read_back) {
    for (unsigned i = 0; i < WORDS; i++) {
        struct fields f = nth(i);
        EXPECT_EQ(tg_word_owner(pack(f)), f.owner);
        EXPECT_EQ(tg_word_heir(pack(f)), f.heir);
        EXPECT_EQ(tg_word_value(pack(f)), f.value);
        EXPECT_EQ(tg_word_dead(pack(f)), (f.flags & TG_LOCK_DEAD) != 0);
    }
}

static void acquire(struct fields f, uint32_t id, uint32_t stale, bool slept) {
    for (uint64_t bump = 0; bump <= TG_LOCK_VALUE_ONE; bump += TG_LOCK_VALUE_ONE) {
        uint64_t next = UNTOUCHED;
        bool wanted = f.owner == 0 && (f.heir == 0 || f.heir == id || f.heir == stale);
        struct fields after = f;
        after.owner = id, after.heir = 0;
        after.value += bump != 0;
        if (slept) after.flags |= TG_LOCK_WAITERS;
        agree(tg_next_acquire(pack(f), id, bump, stale, slept, &next), &next, wanted, after);
    }
}

TEST(only_a_free_word_is_taken_and_reservations_are_honoured) {
    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned n = 0; n < COUNT(IDS); n++)
            for (unsigned s = 0; s < COUNT(HEIRS); s++) {
                acquire(nth(i), IDS[n], HEIRS[s], false);
                acquire(nth(i), IDS[n], HEIRS[s], true);
            }
}

TEST(only_the_owner_releases_and_keeps_the_heir) {
    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned n = 0; n < COUNT(IDS); n++) {
            struct fields f = nth(i), after = f;
            uint64_t next = UNTOUCHED;
            after.owner = 0, after.flags &= ~TG_LOCK_WAITERS;
            agree(tg_next_release(pack(f), IDS[n], &next), &next, f.owner == IDS[n], after);
        }
}

TEST(a_turn_is_reserved_on_a_held_word_over_nobody_or_the_weaker) {
    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned n = 0; n < COUNT(IDS); n++)
            for (unsigned w = 0; w < COUNT(HEIRS); w++) {
                struct fields f = nth(i), after = f;
                uint64_t next = UNTOUCHED;
                uint32_t id = IDS[n], weaker = HEIRS[w];
                bool wanted = f.owner != 0 && f.heir != id && (f.heir == 0 || f.heir == weaker);
                after.heir = id;
                agree(tg_next_reserve(pack(f), id, weaker, &next), &next, wanted, after);
            }
}

TEST(only_the_heir_gives_its_turn_up) {
    for (unsigned i = 0; i < WORDS; i++)
        for (unsigned n = 0; n < COUNT(IDS); n++) {
            struct fields f = nth(i), after = f;
            uint64_t next = UNTOUCHED;
            after.heir = 0;
            agree(tg_next_disinherit(pack(f), IDS[n], &next), &next, f.heir == IDS[n], after);
        }
}

typedef bool (*transition)(uint64_t old, uint64_t *next);

static void counts(transition change, int step, bool (*wanted)(struct fields f)) {
    for (unsigned i = 0; i < WORDS; i++) {
        struct fields f = nth(i), after = f;
        uint64_t next = UNTOUCHED;
        after.value += (uint32_t)step;
        agree(change(pack(f), &next), &next, f.owner == 0 && wanted(f), after);
    }
}

static bool below_limit(struct fields f) { return f.value < TG_COUNT_MAX; }
static bool not_dead(struct fields f) { return below_limit(f) && !(f.flags & TG_LOCK_DEAD); }
static bool not_zero(struct fields f) { return not_dead(f) && f.value != 0; }
static bool positive(struct fields f) { return f.value != 0; }
static bool not_last(struct fields f) { return f.value > 1; }

TEST(counts_move_by_one_on_a_free_word_within_their_limits) {
    counts(tg_next_get, 1, below_limit);
    counts(tg_next_get_not_dead, 1, not_dead);
    counts(tg_next_get_not_zero, 1, not_zero);
    counts(tg_next_put, -1, positive);
    counts(tg_next_put_not_last, -1, not_last);
}
