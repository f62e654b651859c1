/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a layout is what region.h promises at every size, and a header is believed only if
 * tg_region_plan could have written it.
 * Method: a table of sizes; then every bit of a header flipped, and random fields with a
 * checksum that fits, as a careless writer of another version would leave them.
 * Failure means: a damaged file is mapped by wrong offsets. */
#include "base/crc.h"
#include "check.h"
#include "region/region.h"

static const uint64_t MIB = 1 << 20;

static struct tg_header planned(uint64_t limit) {
    struct tg_region_options options = {.limit = limit};
    struct tg_header header;
    memset(&header, 0, sizeof(header));
    EXPECT_EQ(tg_region_plan(&options, &header), TG_OK);
    return header;
}

static void seal(struct tg_header *header) {
    header->version_key |= 1;
    header->checksum = tg_crc32c(0, header, offsetof(struct tg_header, checksum));
}

TEST(the_checksum_is_the_well_known_one) {
    EXPECT_EQ(tg_crc32c(0, "123456789", 9), 0xe3069283);
    EXPECT_EQ(tg_crc32c(tg_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    uint8_t zeros[32] = {0};
    EXPECT_EQ(tg_crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
}

static const uint64_t limits[] = {
    (uint64_t)4 << 20,   ((uint64_t)4 << 20) + 1, (uint64_t)5 << 20,  (uint64_t)15 << 20,
    (uint64_t)16 << 20,  (uint64_t)100 << 20,     (uint64_t)1 << 30,  ((uint64_t)1 << 30) + 4097,
    (uint64_t)3 << 30,   (uint64_t)25 << 30,      (uint64_t)32 << 30, (uint64_t)60 << 30,
    (uint64_t)256 << 30, (uint64_t)300 << 30,     (uint64_t)1 << 40,
};

TEST(regions_follow_each_other) {
    EXAMPLES(limit, limits) {
        struct tg_header h = planned(*limit);
        uint64_t arena = h.file_size - h.arena_offset;
        EXPECT(h.hot_offset >= sizeof(h) && h.units_offset >= h.hot_offset + sizeof(struct tg_hot));
        EXPECT(h.processes_offset >= h.units_offset + (arena >> h.unit_shift) / 8);
        EXPECT(h.contexts_offset >=
               h.processes_offset + h.process_count * sizeof(struct tg_process));
        EXPECT(h.classes_offset >= h.contexts_offset + (uint64_t)h.context_count * h.context_size);
        EXPECT(h.pages_offset >= h.classes_offset + (h.class_count + 2) * sizeof(struct tg_class));
        EXPECT(h.buckets_offset >=
               h.pages_offset + (uint64_t)h.page_count * sizeof(struct tg_page));
        EXPECT(h.arena_offset >= h.buckets_offset + h.bucket_capacity * sizeof(struct tg_line));
        EXPECT_EQ(h.fixed_size, h.buckets_offset);
        EXPECT_EQ(h.buckets_offset % 4096, 0);
        EXPECT_EQ(h.arena_offset % ((uint64_t)1 << h.unit_shift), 0);
        EXPECT_EQ((uint64_t)h.page_count << h.page_shift, arena);
        EXPECT(arena >= *limit && h.unit_shift >= h.page_shift);
        EXPECT(h.file_size <= (uint64_t)1 << 32 << h.ref_shift);
        EXPECT(h.context_size % 64 == 0 && h.contexts_offset % 64 == 0);
    }
}

TEST(a_small_store_spends_little_on_itself) {
    struct tg_header h = planned(4 * MIB);
    uint64_t first = h.bucket_unit * sizeof(struct tg_line);
    EXPECT((h.fixed_size + first) * 100 < 12 * h.limit);
    EXPECT(first % 4096 == 0);
    EXPECT(h.bucket_unit >= 16 && (h.bucket_unit & (h.bucket_unit - 1)) == 0);
    EXPECT_EQ(h.page_shift, 12);
    EXPECT_EQ(h.slab_shift, 14);
    EXPECT_EQ(h.unit_shift, 16);
    EXPECT_EQ(h.context_count, 16);
    h = planned(1024 * MIB);
    EXPECT((h.fixed_size + first) * 100 < h.limit);
    EXPECT_EQ(h.page_shift, 13);
    EXPECT_EQ(h.slab_shift, 16);
    EXPECT_EQ(h.unit_shift, 22);
    EXPECT_EQ(h.context_count, 256);
    EXPECT_EQ(h.ref_shift, 3);
}

TEST(classes_rise_by_an_eighth_at_most) {
    EXAMPLES(limit, limits) {
        struct tg_header h = planned(*limit);
        bool has_64 = false, has_256 = false;
        EXPECT(h.class_count > 8 && h.class_count <= TG_CLASS_CAPACITY - 2);
        for (uint32_t i = 0; i < h.class_count; i++) {
            uint32_t size = h.class_size[i], before = i ? h.class_size[i - 1] : 0;
            has_64 |= size == 64;
            has_256 |= size == 256;
            EXPECT(size > before && size % (1u << h.ref_shift) == 0);
            bool few = (1u << h.slab_shift) / size <= 8; /* then a slab's blocks are its shares */
            EXPECT(i == 0 || few || size - before <= before / 8 + (1u << h.ref_shift));
            EXPECT(size <= (1u << h.slab_shift) / 3);
        }
        EXPECT(h.ref_shift > 6 || has_64);
        EXPECT(h.ref_shift > 8 || has_256);
        EXPECT(h.class_size[h.class_count] >= sizeof(struct tg_dir));
        EXPECT(h.class_size[h.class_count + 1] >= sizeof(struct tg_object));
    }
}

TEST(magazines_fit_into_their_context) {
    EXAMPLES(limit, limits) {
        struct tg_header h = planned(*limit);
        struct tg_local local;
        tg_region_bind(&local, NULL, NULL, &h);
        uint32_t end = 0;
        for (uint32_t i = 0; i < h.class_count + 2; i++) {
            EXPECT_EQ(local.magazine_offset[i], end);
            EXPECT(local.magazine_capacity[i] >= TG_MAGAZINE_LARGE);
            end += 1u + local.magazine_capacity[i];
        }
        EXPECT(sizeof(struct tg_context) + 4 * end <= h.context_size);
    }
}

TEST(options_out_of_range_are_refused) {
    static const uint32_t falling[] = {64, 48}, odd[] = {49}, too_large[] = {1 << 20};
    static const struct tg_region_options table[] = {
        {.limit = 0},
        {.limit = ((uint64_t)4 << 20) - 1},
        {.limit = ((uint64_t)1 << 40) + 1},
        {.limit = UINT64_MAX},
        {.limit = 4 << 20, .max_processes = 4097},
        {.limit = 4 << 20, .max_processes = UINT32_MAX},
        {.limit = 4 << 20, .context_count = 4095},
        {.limit = 4 << 20, .context_count = 4000}, /* more than half of the store */
        {.limit = 4 << 20, .page_shift = 9},
        {.limit = 4 << 20, .page_shift = 17},
        {.limit = 4 << 20, .unit_shift = 11},
        {.limit = 4 << 20, .unit_shift = 63},
        {.limit = 4 << 20, .bucket_unit = 3},
        {.limit = 4 << 20, .bucket_unit = 256, .bucket_capacity = 255},
        {.limit = 4 << 20, .bucket_capacity = UINT64_MAX - 255},
        {.limit = 4 << 20, .class_count = 2, .class_size = falling},
        {.limit = 4 << 20, .class_count = 1, .class_size = odd},
        {.limit = 4 << 20, .class_count = 1, .class_size = too_large},
        {.limit = 4 << 20, .class_count = TG_CLASS_CAPACITY, .class_size = odd},
    };
    EXAMPLES(options, table) {
        struct tg_header header;
        EXPECT_EQ(tg_region_plan(options, &header), TG_INVALID);
    }
}

TEST(a_planned_header_passes_its_check) {
    struct tg_header checked;
    EXAMPLES(limit, limits) {
        struct tg_header h = planned(*limit);
        seal(&h);
        EXPECT_EQ(tg_region_check(&h, h.file_size, &checked), TG_OK);
        EXPECT(memcmp(&h, &checked, sizeof(h)) == 0);
        EXPECT_EQ(tg_region_check(&h, h.file_size - 1, &checked), TG_CORRUPT);
        EXPECT_EQ(tg_region_check(&h, h.file_size + 4096, &checked), TG_CORRUPT);
        EXPECT_EQ(tg_region_check(&h, 0, &checked), TG_CORRUPT);
    }
    struct tg_region_options tiny;
    struct tg_header h;
    tg_region_tiny(&tiny);
    REQUIRE(tg_region_plan(&tiny, &h) == TG_OK);
    EXPECT(h.file_size < 256 << 10);
    seal(&h);
    EXPECT_EQ(tg_region_check(&h, h.file_size, &checked), TG_OK);
}

TEST(no_flipped_bit_is_believed) {
    struct tg_header h = planned(64 * MIB), checked;
    seal(&h);
    for (size_t bit = 0; bit < 8 * sizeof(h); bit++) {
        if (bit / 8 >= offsetof(struct tg_header, checksum) + 4) break; /* padding */
        struct tg_header damaged = h;
        ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        tg_status status = tg_region_check(&damaged, h.file_size, &checked);
        bool layout = bit / 8 >= offsetof(struct tg_header, layout) &&
                      bit / 8 < offsetof(struct tg_header, layout) + 4;
        if (!EXPECT_EQ(status, layout ? TG_LAYOUT : TG_CORRUPT)) break;
    }
}

TEST(garbage_is_no_store) {
    uint8_t page[4096];
    struct tg_header header, checked;
    for (int byte = 0; byte < 256; byte++) {
        memset(page, byte, sizeof(page));
        memcpy(&header, page, sizeof(header));
        EXPECT_EQ(tg_region_check(&header, sizeof(page), &checked), TG_CORRUPT);
    }
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Values that break arithmetic more often than random ones do. */
static uint64_t nasty(void) {
    switch (next_random() % 6) {
    case 0: return 0;
    case 1: return UINT64_MAX - next_random() % 4096;
    case 2: return (uint64_t)1 << next_random() % 64;
    case 3: return ((uint64_t)1 << next_random() % 64) - 1;
    case 4: return next_random() % 5000;
    default: return next_random();
    }
}

/* With a fitting checksum only the rules are left. Whatever passes must be a plain layout:
 * nothing outside the file, whatever the numbers. UBSan watches the arithmetic. */
TEST(a_checksum_alone_convinces_nobody) {
    enum { WORDS = offsetof(struct tg_header, checksum) / 4 };
    unsigned passed = 0;
    for (int round = 0; round < 300000; round++) {
        struct tg_header h = planned((4 + next_random() % 4000) * MIB), checked;
        for (uint64_t left = 1 + next_random() % 3; left; left--) {
            uint64_t value = nasty(), word = 3 + next_random() % (WORDS - 3);
            if (word % 2 == 0 && word + 2 <= WORDS && next_random() % 2)
                memcpy((uint8_t *)&h + 4 * word, &value, 8);
            else
                memcpy((uint8_t *)&h + 4 * word, &value, 4);
        }
        seal(&h);
        if (tg_region_check(&h, h.file_size, &checked) != TG_OK) continue;
        passed++; /* a key, the time, the uuid, or the value that was there */
        EXPECT(checked.arena_offset < checked.file_size);
        EXPECT(checked.buckets_offset < checked.arena_offset);
        EXPECT(checked.fixed_size <= checked.limit);
        struct tg_local local;
        tg_region_bind(&local, NULL, NULL, &checked);
    }
    EXPECT(passed > 0);
}
