/* SPDX-License-Identifier: Apache-2.0 */
/* A reader was expelled while it looks at a run; the run is freed and given back.
 *
 * Goal: memory is not punched under the reader, though its result will be thrown away: the
 * load would allocate the page again, or fault. A failure is an access to memory that is
 * not committed. */
#include "arena_world.h"
#include "epoch/epoch.h"

static void expelled_setup(void) {
    struct tg_call call;
    arena_world_make(2, 4, 2);
    SIM_EXPECT(arena_begin(&call));
    /* Process 1 owns a unit. */
    uint32_t first;
    SIM_EXPECT(tg_run_take(&call, ARENA_UNIT_PAGES, &first) == TG_OK);
    tg_run_hand_over(&call);
    tg_log32(&call, arena_owner(1, 0), tg_run_ref(call.local, first));
    tg_commit(&call);
    tg_return(&call);
}

static void reader(void *unused) {
    struct tg_call call;
    (void)unused;
    tg_call_begin(&call, arena_local(), 0, TG_FOREVER);
    SIM_EXPECT(tg_read_enter(&call) == TG_OK);
    tg_ref ref = tg_load_relaxed32(arena_owner(1, 0));
    const tg_a64 *word = ref ? tg_at(call.local, ref, ARENA_PAGE) : NULL;
    sim_point(); /* a punch is no access to a word: the reduction would not stop here */
    if (word) (void)tg_load_relaxed64(word);
    if (!tg_read_leave(&call)) sim_event("expelled");
}

/* Unlinks the run, waits for the grace period by expelling, frees it, and trims. */
static void giver(void *unused) {
    struct tg_call call;
    uint32_t first;
    (void)unused;
    if (!arena_begin(&call)) return;
    SIM_EXPECT(
        tg_run_of_ref(call.local, tg_load_relaxed32(arena_owner(1, 0)), ARENA_UNIT_PAGES, &first));
    tg_store_relaxed32(arena_owner(1, 0), 0);
    uint64_t cookie = tg_cookie_get(call.local);
    for (uint64_t epoch = cookie - 2; epoch < cookie; epoch++)
        SIM_EXPECT(tg_epoch_advance(&call, epoch, 0));
    if (arena_good(tg_run_free_begin(&call, first, ARENA_UNIT_PAGES))) {
        tg_run_free_end(&call);
        tg_status status = tg_arena_trim(&call, 0);
        SIM_EXPECT(status == TG_BUSY || arena_good(status));
    }
    tg_return(&call);
}

const struct sim_scenario arena_expelled = {
    .name = "arena_expelled",
    .doc = "no memory is punched that an expelled reader may look at",
    .arena_size = ARENA_WORLD_SIZE,
    .setup = expelled_setup,
    .actors = {{.name = "reader", .process = 0, .run = reader},
               {.name = "giver", .process = 1, .run = giver, .immortal = true}},
    .actor_count = 2,
    .recover = arena_world_recover,
    .check = arena_world_check,
    .flags = SIM_STOP | SIM_DELAY | SIM_CHECK_COMMIT,
    .bound = 3,
};
