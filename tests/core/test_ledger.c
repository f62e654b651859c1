/* SPDX-License-Identifier: Apache-2.0 */
/* The pin ledger and objects: entries, growth, scans, adoption, parking; then threads that
 * pin what another one replaces. A failure of the last means that pinned bytes changed. */
#include <pthread.h>

#include "arena_image.h"
#include "ledger/adopt.h"
#include "object/object.h"

static const struct tg_region_options small = {.limit = 8 << 20, .context_count = 16};

static void make(struct image *image) {
    image_make(image, &small);
    tg_store_relaxed32(&image->local.processes[0].state, TG_PROCESS_LIVE);
}

static struct tg_object *make_object(struct tg_call *call, uint64_t size, uint32_t *entry) {
    struct tg_object *object;
    REQUIRE(tg_object_create(call, size, 3, &object, entry) == TG_OK);
    return object;
}

static struct tg_object *publish(struct tg_call *call, uint64_t version) {
    uint32_t entry;
    struct tg_object *object = make_object(call, 100, &entry);
    tg_store_relaxed64(&object->version, version);
    tg_object_log_publish(call, object, entry, false);
    tg_commit(call);
    tg_ledger_release(call->local, entry);
    return object;
}

static void unlink_object(struct tg_call *call, struct tg_object *object) {
    tg_object_log_unlink(call, object);
    tg_commit(call);
}

TEST(a_ledger_grows_until_it_is_full_and_entries_come_back) {
    struct image image;
    struct tg_call call;
    make(&image);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    EXPECT_EQ(tg_ledger_claim(local, TG_LEDGER_CLAIMED), 0);
    EXPECT(tg_ledger_entry(local, 0, 1) == NULL);
    uint32_t capacity = 0;
    for (uint32_t k = 0; k < 4; k++) {
        EXPECT_EQ(tg_ledger_grow(&call), TG_OK);
        EXPECT_EQ(tg_ledger_capacity(local, 0), capacity + (TG_LEDGER_FIRST << k));
        while (tg_ledger_claim(local, TG_LEDGER_CLAIMED)) capacity++;
        EXPECT_EQ(tg_ledger_capacity(local, 0), capacity);
    }
    EXPECT(tg_ledger_entry(local, 0, capacity) != NULL);
    EXPECT(tg_ledger_info(local, 0, capacity) != NULL);
    EXPECT(tg_ledger_entry(local, 0, capacity + 1) == NULL);
    EXPECT(tg_ledger_entry(local, 0, 0) == NULL);
    tg_ledger_release(local, 7);
    EXPECT_EQ(tg_ledger_claim(local, TG_LEDGER_CLAIMED), 7);
    EXPECT_EQ(tg_ledger_count(local, 0), 0); /* reserved is not pinned */
    tg_return(&call);
    image_free(&image);
}

TEST(a_pin_is_of_one_live_version) {
    struct image image;
    struct tg_call call;
    uint32_t number, entry;
    make(&image);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    struct tg_object *object = make_object(&call, 100, &entry);
    tg_store_relaxed64(&object->version, 5);
    EXPECT_EQ(tg_ledger_pin(local, object, 5, &number), TG_RETRY); /* private */
    tg_object_log_publish(&call, object, entry, false);
    tg_commit(&call);
    tg_ledger_release(local, entry);
    EXPECT_EQ(tg_ledger_pin(local, object, 4, &number), TG_RETRY);
    EXPECT_EQ(tg_ledger_pin(local, object, 5, &number), TG_OK);
    tg_ref ref = tg_ref_of(local, object);
    EXPECT_EQ(tg_ledger_count(local, ref), 1);
    EXPECT_EQ(tg_ledger_find(local, &ref, 1), 1);
    unlink_object(&call, object);
    uint32_t second;
    EXPECT_EQ(tg_ledger_pin(local, object, 5, &second), TG_RETRY);
    EXPECT_EQ(second, 0);
    tg_ledger_release(local, number);
    EXPECT_EQ(tg_ledger_find(local, &ref, 1), 0);
    EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
    EXPECT_EQ(tg_load_relaxed32(&object->state), TG_OBJECT_FREE);
    EXPECT(image_clean(&image));
    tg_return(&call);
    image_free(&image);
}

TEST(a_scan_tells_which_of_many_are_pinned) {
    struct image image;
    struct tg_call call;
    tg_ref refs[64];
    uint32_t number;
    make(&image);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    uint64_t expected = 0;
    for (uint64_t i = 0; i < 64; i++) {
        struct tg_object *object = publish(&call, i + 1);
        refs[i] = tg_ref_of(local, object);
        if (i % 3) continue;
        expected |= 1ull << i;
        REQUIRE(tg_ledger_pin(local, object, i + 1, &number) == TG_OK ||
                (tg_ledger_grow(&call) == TG_OK &&
                 tg_ledger_pin(local, object, i + 1, &number) == TG_OK));
    }
    EXPECT_EQ(tg_ledger_find(local, refs, 64), expected);
    tg_ledger_clear_pins(local, 0);
    EXPECT_EQ(tg_ledger_find(local, refs, 64), 0);
    tg_return(&call);
    image_free(&image);
}

TEST(a_pinned_object_is_parked_and_freed_when_its_last_pin_goes) {
    struct image image;
    struct tg_call call;
    uint32_t numbers[2];
    make(&image);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    REQUIRE(tg_ledger_grow(&call) == TG_OK);
    uint64_t owned = image_owned(&image);
    struct tg_object *object = publish(&call, 1);
    for (int i = 0; i < 2; i++) EXPECT_EQ(tg_ledger_pin(local, object, 1, &numbers[i]), TG_OK);
    unlink_object(&call, object);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
        EXPECT_EQ(tg_load_relaxed32(&call.context->parked_count), 1);
        tg_ledger_release(local, numbers[i]);
        tg_add_relaxed64(&local->hot->unpin_hint, 1);
    }
    tg_maintain(&call); /* the hint is enough */
    EXPECT_EQ(tg_load_relaxed32(&call.context->parked_count), 0);
    EXPECT_EQ(image_owned(&image), owned);
    EXPECT(image_clean(&image));
    tg_return(&call);
    image_free(&image);
}

TEST(private_objects_are_given_up_reaped_or_kept_as_pins) {
    struct image image;
    struct tg_call call;
    uint32_t entry;
    make(&image);
    image_call(&image, &call);
    struct tg_local *local = &image.local;
    REQUIRE(tg_ledger_grow(&call) == TG_OK);
    uint64_t owned = image_owned(&image), runs = image_runs(&image);
    static const uint64_t sizes[] = {0, 1, 100, 5000, 300000};
    EXAMPLES(size, sizes) {
        struct tg_object *object = make_object(&call, *size, &entry);
        EXPECT_EQ(tg_load_relaxed32(&object->state), TG_OBJECT_PRIVATE);
        tg_object_discard(&call, object, entry);
        (void)make_object(&call, *size, &entry);
        EXPECT_EQ(tg_object_reap_private(&call, 0), TG_OK);
        object = make_object(&call, *size, &entry);
        tg_object_log_publish(&call, object, entry, true);
        tg_commit(&call);
        EXPECT_EQ(tg_ledger_count(local, tg_ref_of(local, object)), 1);
        unlink_object(&call, object);
        EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
        EXPECT_EQ(tg_load_relaxed32(&call.context->parked_count), 1);
        tg_ledger_release(local, entry);
        EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
        EXPECT_EQ(image_owned(&image), owned);
        EXPECT_EQ(image_runs(&image), runs);
    }
    EXPECT(image_clean(&image));
    tg_return(&call);
    image_free(&image);
}

/* Process 0 has entries 1 kept, 2 free, 3 passing, 4 kept; 1 is its child. */
static void make_family(struct image *image, struct tg_call *call, struct tg_object **object) {
    struct tg_local *local = &image->local;
    uint32_t number;
    make(image);
    image_call(image, call);
    REQUIRE(tg_ledger_grow(call) == TG_OK);
    *object = publish(call, 1);
    for (uint32_t i = 1; i <= 4; i++)
        EXPECT(tg_ledger_pin(local, *object, 1, &number) == TG_OK && number == i);
    EXPECT_EQ(tg_ledger_keep(local, 1), local->ledger_epoch);
    EXPECT_EQ(tg_ledger_keep(local, 4), local->ledger_epoch);
    tg_ledger_release(local, 2);
    tg_store_relaxed32(&local->processes[0].state, TG_PROCESS_LIVE);
    tg_store_relaxed32(&local->processes[1].state, TG_PROCESS_LIVE);
    tg_store_relaxed32(&local->processes[0].generation, 7);
}

static void drop_family(struct image *image, struct tg_call *call) {
    image->local.process = 0;
    tg_return(call);
    image_free(image);
}

TEST(a_child_adopts_its_parents_kept_pins_under_their_numbers) {
    struct image image;
    struct tg_call call;
    struct tg_object *object;
    make_family(&image, &call, &object);
    struct tg_local *local = &image.local;
    uint64_t adoptions = tg_load_relaxed64(&local->hot->adoptions);
    tg_a64 verdict = {0};
    REQUIRE(tg_ledger_fork_begin(local));
    local->process = 1; /* now we are the child */
    EXPECT_EQ(tg_ledger_adopt(&call, &(struct tg_adoption){0, 7, &verdict}), TG_OK);
    EXPECT_EQ(tg_load_relaxed64(&verdict), TG_ADOPTION_DONE);
    EXPECT(tg_load_relaxed64(&local->hot->adoptions) != adoptions);
    EXPECT_EQ(tg_ledger_count(local, 0), 5);
    for (uint32_t i = 1; i <= 4; i++) {
        uint64_t copied = tg_load_relaxed64(tg_ledger_entry(local, 1, i));
        uint64_t kept = tg_load_relaxed64(tg_ledger_entry(local, 0, i));
        EXPECT_EQ(copied, i == 1 || i == 4 ? kept : 0);
        EXPECT_EQ(tg_ledger_keeps(local, i, 0, tg_ref_of(local, object)), i == 1 || i == 4);
        EXPECT(!tg_ledger_keeps(local, i, 1, tg_ref_of(local, object)));
    }
    tg_ledger_refuse(&verdict); /* too late */
    EXPECT_EQ(tg_load_relaxed64(&verdict), TG_ADOPTION_DONE);
    tg_ledger_clear_pins(local, 0);
    tg_ref ref = tg_ref_of(local, object);
    EXPECT_EQ(tg_ledger_find(local, &ref, 1), 1);
    drop_family(&image, &call);
}

TEST(a_child_adopts_nothing_from_a_parent_that_gave_up_or_died) {
    static const struct {
        uint64_t verdict;
        uint32_t state, generation;
    } cases[] = {
        {TG_ADOPTION_REFUSED, TG_PROCESS_LIVE, 7},
        {TG_ADOPTION_OPEN, TG_PROCESS_MENDED, 7},
        {TG_ADOPTION_OPEN, TG_PROCESS_FREE, 7},
        {TG_ADOPTION_OPEN, TG_PROCESS_LIVE, 8}, /* another one by now */
    };
    EXAMPLES(row, cases) {
        struct image image;
        struct tg_call call;
        struct tg_object *object;
        make_family(&image, &call, &object);
        struct tg_local *local = &image.local;
        tg_a64 verdict = {row->verdict};
        REQUIRE(tg_ledger_fork_begin(local));
        tg_store_relaxed32(&local->processes[0].state, row->state);
        tg_store_relaxed32(&local->processes[0].generation, row->generation);
        uint64_t hint = tg_load_relaxed64(&local->hot->unpin_hint);
        local->process = 1;
        EXPECT_EQ(tg_ledger_adopt(&call, &(struct tg_adoption){0, 7, &verdict}), TG_TIMEOUT);
        for (uint32_t i = 1; i <= 4; i++)
            EXPECT_EQ(tg_load_relaxed64(tg_ledger_entry(local, 1, i)), 0);
        EXPECT(tg_load_relaxed64(&local->hot->unpin_hint) != hint);
        drop_family(&image, &call);
    }
}

TEST(what_is_unpinned_during_a_fork_stays_until_its_end) {
    struct image image;
    struct tg_call call;
    struct tg_object *object;
    make_family(&image, &call, &object);
    struct tg_local *local = &image.local;
    tg_a64 verdict = {0};
    EXPECT(!tg_ledger_defer(local, 1));
    REQUIRE(tg_ledger_fork_begin(local));
    EXPECT(tg_ledger_defer(local, 4));
    EXPECT_EQ(tg_ledger_count(local, 0), 3);
    local->process = 1; /* as the child saw it: 4 was given up before the fork */
    EXPECT_EQ(tg_ledger_adopt(&call, &(struct tg_adoption){0, 7, &verdict}), TG_OK);
    EXPECT(tg_load_relaxed64(tg_ledger_entry(local, 1, 1)) != 0);
    EXPECT_EQ(tg_load_relaxed64(tg_ledger_entry(local, 1, 4)), 0);
    local->process = 0;
    tg_ledger_fork_end(local);
    EXPECT_EQ(tg_load_relaxed64(tg_ledger_entry(local, 0, 4)), 0);
    EXPECT(!tg_ledger_defer(local, 1));
    tg_ledger_clear_pins(local, 0);
    EXPECT(!tg_ledger_fork_begin(local)); /* nothing is kept */
    EXPECT(!tg_ledger_defer(local, 1));
    tg_ledger_forked(local);
    drop_family(&image, &call);
}

/* ---- threads --------------------------------------------------------------------- */

enum { PINNERS = 3, ROUNDS = 2000, WORDS = 12 };

struct shared {
    struct image image;
    tg_a32 slot;
    tg_a64 done, pinned;
};

static bool intact(struct tg_local *local, struct tg_object *object, uint64_t version) {
    const tg_a64 *words = tg_object_payload(local, object);
    for (int i = 0; i < WORDS; i++)
        if (tg_load_relaxed64(&words[i]) != version) return false;
    return true;
}

static void *pin_all(void *argument) {
    struct shared *shared = argument;
    struct tg_local *local = &shared->image.local;
    struct tg_call call;
    while (tg_load_relaxed64(&shared->done) == 0) {
        uint32_t number = 0;
        uint64_t version = 0;
        tg_status status = TG_RETRY;
        tg_call_begin(&call, local, 0, TG_FOREVER);
        if (!EXPECT(tg_read_enter(&call) == TG_OK)) break;
        tg_ref ref = tg_load_acquire32(&shared->slot);
        struct tg_object *object = ref ? tg_object_at(local, ref) : NULL;
        if (object) {
            version = tg_load_relaxed64(&object->version);
            status = tg_ledger_pin(local, object, version, &number);
        }
        bool valid = tg_read_leave(&call);
        if (status != TG_OK) continue;
        for (int i = 0; valid && i < 5; i++) EXPECT(intact(local, object, version));
        bool unlinked = tg_load_relaxed32(&object->state) == TG_OBJECT_UNLINKED;
        tg_ledger_release(local, number);
        if (unlinked) tg_add_relaxed64(&local->hot->unpin_hint, 1);
        if (valid) tg_add_relaxed64(&shared->pinned, 1);
    }
    return NULL;
}

static void replace(struct tg_call *call, struct shared *shared, uint64_t version) {
    struct tg_local *local = call->local;
    uint32_t entry;
    struct tg_object *fresh = make_object(call, WORDS * 8, &entry);
    tg_a64 *words = tg_object_payload(local, fresh);
    for (int i = 0; i < WORDS; i++) tg_store_relaxed64(&words[i], version);
    tg_store_relaxed64(&fresh->version, version);
    tg_ref old = tg_load_relaxed32(&shared->slot);
    tg_object_log_publish(call, fresh, entry, false);
    tg_commit(call);
    tg_ledger_release(local, entry);
    tg_store_release32(&shared->slot, tg_ref_of(local, fresh));
    if (old) unlink_object(call, tg_object_at(local, old));
    EXPECT_EQ(tg_drain(call, UINT32_MAX, version % 4 == 0, version % 16 ? TG_FOREVER : 0), TG_OK);
}

TEST(pinned_bytes_stand_still_while_the_value_is_replaced) {
    static struct shared shared;
    pthread_t threads[PINNERS];
    struct tg_call call;
    memset(&shared, 0, sizeof shared);
    make(&shared.image);
    image_call(&shared.image, &call);
    REQUIRE(tg_ledger_grow(&call) == TG_OK);
    uint64_t owned = image_owned(&shared.image);
    for (int i = 0; i < PINNERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, pin_all, &shared) == 0);
    uint64_t version = 0;
    while (version < ROUNDS || (tg_load_relaxed64(&shared.pinned) == 0 && version < 1000000)) {
        replace(&call, &shared, ++version);
        if (version % 64 == 0) sched_yield();
    }
    tg_store_relaxed64(&shared.done, 1);
    for (int i = 0; i < PINNERS; i++) pthread_join(threads[i], NULL);
    unlink_object(&call, tg_object_at(&shared.image.local, tg_load_relaxed32(&shared.slot)));
    EXPECT_EQ(tg_drain(&call, UINT32_MAX, true, 0), TG_OK);
    EXPECT_EQ(image_owned(&shared.image), owned);
    EXPECT(image_clean(&shared.image));
    tg_return(&call);
    image_free(&shared.image);
}
