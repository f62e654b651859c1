/* SPDX-License-Identifier: Apache-2.0 */
/* Who may only read, against values that change, go, and whose memory is used again.
 *
 * Goal: an answer is what was there at some moment of the call, whole; a name that is there all
 * the time is found; and nothing is written, whatever is killed or stopped. */
#include "reader_world.h"

#include "reader/look.h"

READER_PAIR(reader_set, "a value is replaced while it is read",
            PLAN(.before = STEPS(SET("a", 1), SET("b", 2))), STEPS(SET("a", 51), DELETE("b")),
            STEPS(GET("a"), GET("b"), GET("a")), .flags = SIM_ALL);

READER_PAIR(reader_reused, "a record is another's by the time that it is copied",
            PLAN(.before = STEPS(SET("a", 1), SET("b", 2))),
            STEPS(SET("a", 3), TIDY(), SET("c", 4), SET("d", 5)), STEPS(GET("a"), GET("b")),
            .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_touch, "an expiry changes while it is copied",
            PLAN(.before = STEPS(SET("a", 1), TOUCH("a", 0x10005))), STEPS(TOUCH("a", 0xff)),
            STEPS(GET("a"), GET("a")), .flags = SIM_ALL);

READER_PAIR(reader_expired, "an expired value is none",
            PLAN(.before = STEPS(SET("a", 1), SET("b", 101))), STEPS(EXPIRE("a"), EXPIRE("b")),
            STEPS(GET("a"), CONTAINS("b"), GET("b")), .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_object, "a value is replaced, and its memory used again, while it is copied",
            PLAN(.before = STEPS(SET("a", 101))),
            STEPS(SET("a", 102), TIDY(), SET("b", 103), SET("c", 104)), STEPS(GET("a"), GET("a")),
            .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_large, "... a large one, in pieces", PLAN(.before = STEPS(SET("a", 201))),
            STEPS(SET("a", 202), TIDY(), SET("b", 203), SET("c", 204)), STEPS(GET("a"), GET("a")),
            .flags = SIM_CRASH | SIM_STOP);

/* ---- an object goes, and comes back as another's --------------------------------------------
 *
 * The payload becomes a record, then the header another object's. The reader found the object
 * before all of that, and copies now. */

static SIM_STATE struct tg_copied_object reader_object_seen;

static const struct names_plan reader_object_again_plan = PLAN(.before = STEPS(SET("a", 101)));

static void reader_object_again_setup(void) {
    reader_world_make(&reader_object_again_plan);
    struct tg_look look;
    struct tg_copied copied;
    tg_look_init(&look, &names_stores[READER]->local);
    SIM_EXPECT(tg_look_begin(&look, true));
    SIM_EXPECT(tg_look_walk(&look, names_key("a"), &copied));
    SIM_EXPECT(tg_look_object(&look, copied.view.object, &reader_object_seen));
    SIM_EXPECT(tg_look_end(&look, true) == TG_OK);
}

static void reader_object_again_reads(void *unused) {
    struct tg_look look;
    uint8_t bytes[NAMES_BYTES_MAX];
    (void)unused;
    tg_look_init(&look, &names_store()->local);
    tg_ref payload = reader_object_seen.payload;
    SIM_EXPECT(tg_look_copy(&look, payload, 0, bytes, reader_object_seen.size));
    if (!tg_look_object_there(&look, &reader_object_seen)) return;
    if (names_value_of(bytes, reader_object_seen.size) != 101) sim_fail("it is not value 101");
}

const struct sim_scenario reader_object_again = {
    NAMES_SCENARIO(reader_object_again, "an object goes, and comes back as another's", 2),
    .actors = {NAMES_ACTOR("writer", 0, STEPS(DELETE("a"), TIDY(), SET("b", 3), SET("c", 104))),
               {.name = "reader", .process = READER, .run = reader_object_again_reads}},
    .flags = SIM_CRASH | SIM_STOP};

READER_PAIR(reader_insert, "parents come with their first child, and go with their last",
            PLAN(.before = STEPS(SET("z", 1))), STEPS(SET("d/e/x", 2), DELETE("d/e/x")),
            STEPS(GET("d/e/x"), CONTAINS("d"), GET("z")), .flags = SIM_ALL);

READER_PAIR(reader_dir_reused, "a directory that vanished is another's by the next step",
            PLAN(.before = STEPS(SET("d/x", 1))), STEPS(DELETE("d/x"), TIDY(), SET("e/x", 2)),
            STEPS(GET("d/x"), GET("d/x")), .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_drop, "a subtree is dropped while it is read",
            PLAN(.before = STEPS(SET("d/x", 1), SET("d/e/y", 102))),
            STEPS(DROP("d"), TIDY(), SET("d/x", 3)), STEPS(GET("d/e/y"), GET("d/x"), CONTAINS("d")),
            .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_clear, "everything goes while it is read",
            PLAN(.before = STEPS(SET("d/x", 1), SET("a", 2))), STEPS(CLEAR(), TIDY(), SET("a", 3)),
            STEPS(GET("a"), GET("d/x"), GET("a")), .flags = SIM_CRASH | SIM_STOP);

READER_PAIR(reader_rename, "a moving leaf has one name at any time",
            PLAN(.relaxed = true, .unmended = true, .before = STEPS(SET("a", 1))),
            STEPS(RENAME("a", "b")), STEPS(GET("b"), GET("a"), GET("b")), .flags = SIM_ALL);

READER_PAIR(reader_rename_dir, "what was set under the new name is not found under the old",
            PLAN(.relaxed = true, .unmended = true, .before = STEPS(SET("d/x", 1))),
            STEPS(RENAME("d", "e"), SET("e/x", 102)), STEPS(GET("d/x"), GET("e/x")),
            .flags = SIM_ALL);

READER_PAIR(reader_pin, "a value moves into an object, where it is pinned",
            PLAN(.before = STEPS(SET("a", 1))), STEPS(PIN("a"), SET("a", 2), UNPIN()),
            STEPS(GET("a"), GET("a")), .flags = SIM_ALL);
