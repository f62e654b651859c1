/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and the board: who may make a value, what ends that right, where the value goes. A
 * failure means two builders, none, or a value in the wrong place. */
#include "board_world.h"

/* ---- the board ------------------------------------------------------------------------------ */

TEST(claims_of_one_last_name_share_a_stripe) {
    make();
    static const char *const same[] = {"k", "a/k", "b/k", "a/b/c/k"};
    EXAMPLES(key, same) {
        EXPECT_EQ(tg_board_stripe(&stores[0].local, key_of(*key)),
                  tg_board_stripe(&stores[1].local, key_of("k")));
    }
    uint32_t seen = 0;
    for (char name[] = "aa"; name[0] <= 'z'; name[0]++)
        seen |= 1u << tg_board_stripe(&stores[0].local, key_of(name));
    EXPECT(__builtin_popcount(seen) > TG_STRIPES / 4);
    finish();
}

TEST(below_means_by_whole_names) {
    static const struct {
        const char *key, *above;
        bool below, or_same;
    } rows[] = {
        {"a/k", "a", true, true},      {"a/b/k", "a", true, true},   {"a/b/k", "a/b", true, true},
        {"a", "a", false, true},       {"ab/k", "a", false, false},  {"a/k", "a/k/x", false, false},
        {"a/kk", "a/k", false, false}, {"b/a/k", "a", false, false},
    };
    EXAMPLES(row, rows) {
        uint64_t room[16] = {0};
        struct tg_claim *claim = (struct tg_claim *)room;
        REQUIRE(sizeof *claim + strlen(row->key) <= sizeof room);
        tg_store_relaxed32(&claim->size, (uint32_t)strlen(row->key));
        memcpy(claim->key, row->key, strlen(row->key));
        EXPECT_EQ(tg_claim_is_below(claim, key_of(row->above), false), row->below);
        EXPECT_EQ(tg_claim_is_below(claim, key_of(row->above), true), row->or_same);
    }
}

TEST(garbage_is_no_claim) {
    make();
    const struct tg_local *local = &stores[0].local;
    REQUIRE(begin(0, "a/k") == TG_OK);
    tg_a32 *head = &local->hot->claims[build[0].stripe];
    struct tg_claim *claim = tg_claim_at(local, tg_load_relaxed32(head));
    REQUIRE(claim != NULL);
    EXPECT(tg_claim_at(local, 0) == NULL);
    EXPECT(tg_claim_at(local, UINT32_MAX) == NULL);
    tg_store_relaxed32(&claim->size, TG_KEY_MAX + 1);
    EXPECT_EQ(begin(1, "a/k"), TG_CORRUPT);
    tg_store_relaxed32(&claim->size, 3);
    tg_store_relaxed32(&claim->rest, 4);
    EXPECT_EQ(publish(0, "a/k", "v"), TG_CORRUPT);
    tg_store_relaxed32(&claim->rest, 0);
    tg_store_relaxed32(&claim->next, tg_load_relaxed32(head)); /* a circle ends */
    EXPECT_EQ(begin(1, "b/k"), TG_CORRUPT);
    tg_store_relaxed32(&claim->next, 0);
    EXPECT_EQ(give_up(0), TG_OK);
    finish();
}

/* ---- one builder ---------------------------------------------------------------------------- */

TEST(a_miss_has_one_builder) {
    make();
    EXPECT_EQ(begin(0, "a/k"), TG_OK);
    EXPECT_EQ(begin(0, "a/k"), TG_RECURSION);
    EXPECT_EQ(begin(1, "a/k"), TG_BUSY);
    EXPECT_EQ(awaited.process, 0);
    EXPECT_EQ(awaited.token, build[0].token);
    EXPECT_EQ(awaited.stripe, build[0].stripe);
    EXPECT_EQ(begin(1, "b/k"), TG_OK); /* another key of the stripe */
    EXPECT_TEXT(value_of("a/k"), "");  /* and nothing of it can be seen */
    EXPECT_EQ(drop(1, "a"), TG_ABSENT);
    EXPECT_EQ(give_up(1), TG_OK);
    EXPECT_EQ(claims(), 0); /* the drop of what is not there took the claim, too */
    EXPECT_EQ(begin(0, "a/k"), TG_OK);
    EXPECT_EQ(publish(1, "a/k", "other"), TG_ABSENT);
    EXPECT_EQ(publish(0, "a/k", "v"), TG_OK);
    EXPECT_EQ(publish(0, "a/k", "again"), TG_ABSENT);
    EXPECT_EQ(begin(1, "a/k"), TG_EXISTS);
    EXPECT_TEXT(value_of("a/k"), "v");
    EXPECT_EQ(claims(), 0);
    finish();
}

TEST(a_token_is_of_one_process) {
    make();
    REQUIRE(begin(0, "k") == TG_OK);
    struct tg_build mine = build[0];
    build[1] = mine;
    EXPECT_EQ(publish(1, "k", "v"), TG_ABSENT);
    EXPECT_EQ(give_up(1), TG_ABSENT);
    EXPECT_EQ(note_absent(1, 0), TG_ABSENT);
    stores[0].local.process_generation++; /* a fork's child in the same entry, or a later owner */
    EXPECT_EQ(publish(0, "k", "v"), TG_ABSENT);
    stores[0].local.process_generation--;
    build[0].token++;
    EXPECT_EQ(publish(0, "k", "v"), TG_ABSENT);
    build[0] = mine;
    EXPECT_EQ(publish(0, "k", "v"), TG_OK);
    finish();
}

/* ---- what happens meanwhile ---- */

static void nothing(void) {}
static void other_set(void) { set(1, "d/k", "other"); }
static void sibling_set(void) { set(1, "d/s", "other"); }
static void key_deleted(void) { EXPECT_EQ(delete(1, "d/k"), TG_ABSENT); }
static void parent_dropped(void) { EXPECT_EQ(drop(1, "d"), TG_OK); }
static void all_cleared(void) { EXPECT_EQ(drop(1, NULL), TG_OK); }
static void parent_vanished(void) { EXPECT_EQ(delete(1, "d/x"), TG_OK); }
static void parent_moved(void) { move(1, "d", "e"); }
static void moved_twice(void) { move(1, "d", "e"), move(1, "e", "f/g"); }
static void moved_and_back(void) { move(1, "d", "e"), move(1, "e", "d"); }
static void moved_and_dropped(void) { move(1, "d", "e"), (void)!EXPECT_EQ(drop(1, "e"), TG_OK); }
static void moved_and_set(void) { move(1, "d", "e"), set(1, "e/k", "other"); }
static void moved_and_replaced(void) { move(1, "d", "e"), set(1, "d/x", "another"); }
static void moved_and_deleted(void) {
    move(1, "d", "e");
    EXPECT_EQ(delete(1, "e/k"), TG_ABSENT);
}
static void given_up(void) { EXPECT_EQ(give_up(0), TG_OK); }
static void noted(void) { EXPECT_EQ(note_absent(0, 0), TG_OK); }
static void left(void) { tg_build_leave(&stores[0], &build[0]); }
static void left_and_taken(void) {
    tg_build_leave(&stores[0], &build[0]);
    EXPECT_EQ(begin(1, "d/k"), TG_OK);
}
static void died_and_taken(void) {
    tg_a32 *generation = &stores[0].local.processes[0].generation;
    tg_store_relaxed32(generation, tg_load_relaxed32(generation) + 1);
    EXPECT_EQ(begin(1, "d/k"), TG_OK);
    tg_store_relaxed32(generation, tg_load_relaxed32(generation) - 1);
}
static void taken_and_published(void) {
    died_and_taken();
    EXPECT_EQ(publish(1, "d/k", "other"), TG_OK);
}

TEST(what_happens_meanwhile_decides) {
    static const struct {
        void (*meanwhile)(void);
        tg_status published;
        const char *at, *value; /* then */
    } rows[] = {
        {nothing, TG_OK, "d/k", "v"},
        {other_set, TG_ABSENT, "d/k", "other"},
        {sibling_set, TG_OK, "d/k", "v"},
        {key_deleted, TG_ABSENT, "d/k", ""},
        {parent_dropped, TG_ABSENT, "d/k", ""},
        {all_cleared, TG_ABSENT, "d/k", ""},
        {parent_vanished, TG_OK, "d/k", "v"},
        {parent_moved, TG_OK, "e/k", "v"},
        {moved_twice, TG_OK, "f/g/k", "v"},
        {moved_and_back, TG_OK, "d/k", "v"},
        {moved_and_dropped, TG_ABSENT, "e/k", ""},
        {moved_and_set, TG_ABSENT, "e/k", "other"},
        {moved_and_replaced, TG_OK, "e/k", "v"},
        {moved_and_deleted, TG_ABSENT, "e/k", ""},
        {given_up, TG_ABSENT, "d/k", ""},
        {noted, TG_ABSENT, "d/k", ""},
        {left, TG_OK, "d/k", "v"},
        {left_and_taken, TG_ABSENT, "d/k", ""},
        {died_and_taken, TG_ABSENT, "d/k", ""},
        {taken_and_published, TG_ABSENT, "d/k", "other"},
    };
    EXAMPLES(row, rows) {
        make();
        set(0, "d/x", "first");
        REQUIRE(begin(0, "d/k") == TG_OK);
        row->meanwhile();
        EXPECT_EQ(publish(0, "d/k", "v"), row->published);
        EXPECT_TEXT(value_of(row->at), row->value);
        EXPECT_EQ(give_up(0), TG_ABSENT); /* it is over, whatever the answer was */
        finish();
    }
}

/* ---- memos, leases, circles ------------------------------------------------------------------ */

TEST(an_absence_is_remembered_until_it_ends) {
    make();
    REQUIRE(begin(0, "k") == TG_OK);
    EXPECT_EQ(note_absent(0, 0), TG_OK);
    EXPECT_EQ(begin(0, "k"), TG_ABSENT);
    EXPECT_EQ(begin(1, "k"), TG_ABSENT);
    set(1, "k", "v");
    EXPECT_EQ(begin(0, "k"), TG_EXISTS);
    EXPECT_EQ(claims(), 0);
    REQUIRE(delete(1, "k") == TG_OK);
    REQUIRE(begin(0, "k") == TG_OK);
    EXPECT_EQ(note_absent(0, LONG_AGO), TG_OK);
    EXPECT_EQ(begin(1, "k"), TG_OK);
    EXPECT_EQ(publish(1, "k", "v"), TG_OK);
    finish();
}

TEST(a_stripe_remembers_so_much_and_forgets_what_ends_first) {
    enum { MORE = 10 };
    char key[32];
    make();
    for (uint32_t i = 0; i < TG_MEMOS_MAX + MORE; i++) {
        snprintf(key, sizeof key, "d%u/k", i);
        REQUIRE(begin(0, key) == TG_OK);
        /* The first ones would end last; number 20 has no end. */
        EXPECT_EQ(note_absent(0, i == 20 ? 0 : 1000000 - i), TG_OK);
    }
    EXPECT_EQ(claims(), TG_MEMOS_MAX);
    for (uint32_t i = 0; i < TG_MEMOS_MAX; i++) {
        snprintf(key, sizeof key, "d%u/k", i);
        /* What went were those just before the last that came. */
        EXPECT_EQ(begin(1, key), i < TG_MEMOS_MAX - 1 ? TG_ABSENT : TG_OK);
    }
    EXPECT_EQ(give_up(1), TG_OK);
    EXPECT_EQ(drop(0, NULL), TG_OK);
    EXPECT_EQ(claims(), 0);
    finish();
}

TEST(a_lease_that_passed_ends_the_right_only) {
    make();
    REQUIRE(begin_lease(0, "k", LONG_AGO) == TG_OK);
    EXPECT_EQ(publish(0, "k", "late, and nobody else came"), TG_OK);
    REQUIRE(delete(0, "k") == TG_OK);
    REQUIRE(begin_lease(0, "k", LONG_AGO) == TG_OK);
    uint64_t token = build[0].token;
    EXPECT_EQ(begin(1, "k"), TG_OK);
    EXPECT(build[1].token != token);
    EXPECT_EQ(begin(0, "k"), TG_BUSY);
    EXPECT_EQ(publish(0, "k", "late"), TG_ABSENT);
    EXPECT_EQ(publish(1, "k", "v"), TG_OK);
    finish();
}

TEST(a_left_build_counts_as_over_for_all) {
    make();
    /* More than a process entry has room for: the oldest is most likely over by now. */
    for (uint32_t i = 0; i < 3 * TG_LEFT; i++) {
        REQUIRE(begin(0, "k") == TG_OK);
        tg_build_leave(&stores[0], &build[0]);
        REQUIRE(begin(1, "k") == TG_OK);
        tg_build_leave(&stores[1], &build[1]);
    }
    EXPECT_EQ(claims(), 1);
    EXPECT_EQ(begin(0, "k"), TG_OK);
    EXPECT_EQ(publish(0, "k", "v"), TG_OK);
    finish();
}

static tg_status wait_briefly(uint32_t p) {
    struct tg_build_options options = {.own = &build[p], .own_count = 1, .deadline_ns = 0};
    return tg_build_wait(&stores[p], &hints[p], &awaited, &options);
}

TEST(who_waits_in_a_circle_is_told) {
    make();
    REQUIRE(begin(0, "a") == TG_OK && begin(1, "b") == TG_OK);
    REQUIRE(begin(0, "b") == TG_BUSY);
    EXPECT_EQ(wait_briefly(0), TG_TIMEOUT);
    struct tg_notice notice = {.stripe = build[0].stripe};
    struct tg_call call;
    tg_call_begin(&call, &stores[0].local, 0, TG_FOREVER);
    REQUIRE(tg_board_find(&call, build[0].stripe, build[0].token, &notice) == TG_OK);
    EXPECT_EQ(tg_load_relaxed64(&notice.claim->waits_for), 0); /* no more */
    /* As while it sleeps: */
    tg_store_relaxed64(&notice.claim->waits_for, build[1].token);
    tg_store_relaxed32(&notice.claim->waits_on, build[1].stripe);
    REQUIRE(begin(1, "a") == TG_BUSY);
    EXPECT_EQ(wait_briefly(1), TG_RECURSION);
    tg_store_relaxed64(&notice.claim->waits_for, 12345); /* garbage leads nowhere */
    tg_store_relaxed32(&notice.claim->waits_on, TG_STRIPES);
    EXPECT_EQ(wait_briefly(1), TG_TIMEOUT);
    tg_store_relaxed64(&notice.claim->waits_for, 0);
    tg_store_relaxed32(&notice.claim->waits_on, 0);
    awaited.stripe = TG_STRIPES;
    EXPECT_EQ(wait_briefly(1), TG_INVALID);
    EXPECT_EQ(give_up(0), TG_OK);
    EXPECT_EQ(give_up(1), TG_OK);
    finish();
}

TEST(the_dead_leave_no_claims_and_keep_their_memos) {
    char key[32];
    make();
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "d/%u", i);
        REQUIRE(begin(i % 2, key) == TG_OK);
        if (i >= 30) EXPECT_EQ(note_absent(i % 2, 0), TG_OK);
    }
    struct tg_call call;
    tg_call_begin(&call, &stores[0].local, 0, TG_FOREVER);
    REQUIRE(tg_borrow(&call) == TG_OK);
    EXPECT_EQ(tg_board_bury(&call, 1), TG_OK);
    tg_return(&call);
    EXPECT_EQ(claims(), 15 + 10);
    EXPECT_EQ(begin(0, "d/1"), TG_OK);
    EXPECT_EQ(begin(1, "d/2"), TG_BUSY);
    EXPECT_EQ(begin(1, "d/31"), TG_ABSENT);
    finish();
}
