/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

#include "../base/crc.h"

enum { ALIGNMENT = 4096, BLOCKS_MIN = 3, REF_SHIFT_MIN = 3, REF_SHIFT_MAX = 9 };

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high) {
    return value < low ? low : value > high ? high : value;
}

static uint64_t power_of_two_below(uint64_t value) {
    return (uint64_t)1 << (63 - __builtin_clzll(value | 1));
}

static bool is_power_of_two(uint64_t value) { return value && (value & (value - 1)) == 0; }

/* ---- size classes ------------------------------------------------------------ */

static uint32_t slab_shift(const struct tg_header *header) {
    uint32_t wanted = header->limit < 16u << 20 ? 14 : header->limit < 64u << 20 ? 15 : 16;
    if (wanted >= header->unit_shift) wanted = header->unit_shift - 1;
    return wanted < header->page_shift ? header->page_shift : wanted;
}

/* The largest block of which `count` fit into a slab behind one line of bitmap. */
static uint32_t block_of(const struct tg_header *header, uint32_t count, uint32_t granule) {
    return ((1u << slab_shift(header)) - TG_LINE) / count / granule * granule;
}

/* Beyond it a run of pages loses less. */
static uint32_t block_max(const struct tg_header *header) {
    return block_of(header, BLOCKS_MIN, 1u << header->ref_shift);
}

/* Steps of 8 bytes up to 256, then eight sizes a doubling, then the shares of a slab, each
 * of one block less: at most 12.5 % is lost where more than eight fit. */
static uint32_t next_class(const struct tg_header *header, uint32_t size) {
    uint32_t granule = 1u << header->ref_shift;
    uint32_t fit = ((1u << slab_shift(header)) - TG_LINE) / size, share;
    uint32_t step = size < 256 ? 8 : (uint32_t)power_of_two_below(size) / 8;
    if (step < granule) step = granule;
    if (fit > 17) return (size + step) / step * step;
    do {
        if (--fit < BLOCKS_MIN) return UINT32_MAX;
        share = block_of(header, fit, granule);
    } while (share <= size);
    return share;
}

static bool choose_classes(struct tg_header *header) {
    uint32_t granule = 1u << header->ref_shift, count = 0;
    uint32_t size = (uint32_t)tg_region_round_up(TG_SMALLEST_BLOCK, granule);
    for (; size <= block_max(header); size = next_class(header, size)) {
        if (count == TG_CLASS_CAPACITY - 2) return false;
        header->class_size[count++] = size;
    }
    header->class_count = count;
    return count > 0;
}

static void append_stable_classes(struct tg_header *header) {
    uint32_t granule = 1u << header->ref_shift;
    uint32_t *stable = &header->class_size[header->class_count];
    stable[0] = (uint32_t)tg_region_round_up(sizeof(struct tg_dir), granule);
    stable[1] = (uint32_t)tg_region_round_up(sizeof(struct tg_object), granule);
}

static bool classes_good(const struct tg_header *header) {
    uint32_t granule = 1u << header->ref_shift, previous = 0;
    if (header->class_count == 0 || header->class_count > TG_CLASS_CAPACITY - 2) return false;
    for (uint32_t i = 0; i < header->class_count; i++) {
        uint32_t size = header->class_size[i];
        if (size <= previous || size % granule || size > block_max(header)) return false;
        previous = size;
    }
    return header->class_size[0] >= sizeof(struct tg_record);
}

/* ---- contexts ---------------------------------------------------------------- */

static uint32_t magazine_capacity(uint32_t size) {
    if (size <= 256) return TG_MAGAZINE_SMALL;
    return size <= 4096 ? TG_MAGAZINE_MIDDLE : TG_MAGAZINE_LARGE;
}

/* Class `i` of all, the two type-stable ones included. */
static struct tg_shape shape_of(const struct tg_header *header, uint32_t i) {
    uint32_t granule = 1u << header->ref_shift, slab = 1u << header->slab_shift;
    struct tg_shape shape = {.size = header->class_size[i]};
    if (i == header->class_count) shape.size = tg_round_up(sizeof(struct tg_dir), granule);
    if (i == header->class_count + 1) shape.size = tg_round_up(sizeof(struct tg_object), granule);
    if (shape.size == 0) return shape;
    shape.words = (slab / shape.size + 63) / 64;
    shape.first = tg_round_up(shape.words * 8, TG_LINE);
    if (shape.first < slab) shape.blocks = (slab - shape.first) / shape.size;
    shape.inverse = (uint32_t)(0x100000000ull / shape.size + 1);
    return shape;
}

/* An odd number of lines: the words of neighbouring contexts fall into different cache sets. */
static uint32_t context_size(const struct tg_header *header) {
    uint32_t size = sizeof(struct tg_context);
    for (uint32_t i = 0; i < header->class_count + 2; i++)
        size += 4 + 4 * magazine_capacity(header->class_size[i]);
    return (uint32_t)tg_region_round_up(size, TG_LINE) | TG_LINE;
}

/* ---- the layout -------------------------------------------------------------- */

static uint64_t place(uint64_t *end, uint64_t size, uint64_t alignment) {
    uint64_t offset = tg_region_round_up(*end, alignment);
    *end = offset + size;
    return offset;
}

/* Computes every dependent field. The free ones are within their ranges, so nothing overflows. */
static void lay_out(struct tg_header *header) {
    uint64_t unit = (uint64_t)1 << header->unit_shift, end = 2 * ALIGNMENT;
    uint64_t arena = tg_region_round_up(header->limit, unit);
    append_stable_classes(header);
    header->magic = TG_MAGIC;
    header->layout = TG_LAYOUT_VERSION;
    header->header_size = sizeof(struct tg_header);
    header->slab_shift = slab_shift(header);
    header->context_size = context_size(header);
    header->page_count = (uint32_t)(arena >> header->page_shift);
    header->hot_offset = ALIGNMENT;
    header->units_offset =
        place(&end, tg_region_round_up(arena >> header->unit_shift, 64) / 8, TG_LINE);
    header->processes_offset =
        place(&end, (uint64_t)header->process_count * sizeof(struct tg_process), TG_LINE);
    header->contexts_offset =
        place(&end, (uint64_t)header->context_count * header->context_size, TG_LINE);
    header->classes_offset =
        place(&end, (uint64_t)(header->class_count + 2) * sizeof(struct tg_class), TG_LINE);
    header->pages_offset =
        place(&end, (uint64_t)header->page_count * sizeof(struct tg_page), TG_LINE);
    header->buckets_offset =
        place(&end, header->bucket_capacity * sizeof(struct tg_line), ALIGNMENT);
    header->fixed_size = header->buckets_offset;
    header->arena_offset = place(&end, arena, unit);
    header->file_size = end;
}

/* The ranges within which lay_out can't overflow and every type of the format fits. */
static bool free_numbers_good(const struct tg_header *header) {
    if (header->limit == 0 || header->limit > TG_LIMIT_MAX) return false;
    if (header->ref_shift < REF_SHIFT_MIN || header->ref_shift > REF_SHIFT_MAX) return false;
    if (header->page_shift < 10 || header->page_shift > 16) return false;
    if (header->unit_shift < header->page_shift || header->unit_shift > 30) return false;
    if (header->unit_shift < 12) return false; /* memory comes in pages of 4096 */
    /* Page counts and indices + 1 have 28 bits in the places where they share a word. */
    if (header->limit >> header->page_shift >= (1u << 28) - (1u << 20)) return false;
    if (header->process_count == 0 || header->process_count > TG_PROCESS_MAX) return false;
    if (header->context_count == 0 || header->context_count > TG_CONTEXT_MAX) return false;
    if (!is_power_of_two(header->bucket_unit) || header->bucket_unit > 1u << 24) return false;
    if (header->bucket_capacity == 0 || header->bucket_capacity > (uint64_t)1 << 33) return false;
    return header->bucket_capacity % header->bucket_unit == 0;
}

static bool refs_cover(const struct tg_header *header) {
    return header->file_size <= (uint64_t)1 << 32 << header->ref_shift;
}

void tg_region_tiny(struct tg_region_options *options) {
    static const uint32_t sizes[] = {48, 64, 96, 192, 256, 512};
    *options = (struct tg_region_options){
        .limit = 128 << 10,
        .max_processes = 4,
        .context_count = 6,
        .page_shift = 10,
        .unit_shift = 12,
        .bucket_unit = 8,
        .bucket_capacity = 64,
        .class_count = sizeof(sizes) / sizeof(*sizes),
        .class_size = sizes,
    };
}

static uint32_t choose_page_shift(uint64_t limit) { return limit < 64u << 20 ? 12 : 13; }

static uint32_t choose_unit_shift(uint64_t limit, uint32_t page_shift) {
    uint64_t unit = clamp(power_of_two_below(limit / 64), 64 << 10, 4 << 20);
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(unit);
    return shift < page_shift ? page_shift : shift;
}

static uint64_t choose_bucket_capacity(const struct tg_header *header) {
    uint64_t records = header->limit / TG_SMALLEST_BLOCK;
    uint64_t lines = records * 10 / (TG_LINE_SLOTS * 7) + 1;
    return tg_region_round_up(lines, header->bucket_unit);
}

static uint64_t choose_bucket_unit(uint64_t limit) {
    uint64_t bytes = clamp(power_of_two_below(limit / 256), 4 << 10, 1 << 20);
    return power_of_two_below(bytes / sizeof(struct tg_line));
}

tg_status tg_region_plan(const struct tg_region_options *options, struct tg_header *out) {
    uint64_t limit = options->limit;
    if (limit > TG_LIMIT_MAX || (limit < TG_LIMIT_MIN && !options->unit_shift)) return TG_INVALID;
    if (options->class_count > TG_CLASS_CAPACITY - 2) return TG_INVALID;
    struct tg_header header;
    memset(&header, 0, sizeof(header)); /* padding too: the checksum covers it */
    header.limit = limit;
    header.process_count = options->max_processes ? options->max_processes : 512;
    header.context_count = options->context_count ? options->context_count
                                                  : (uint32_t)clamp(limit / (4 << 20), 16, 256);
    header.page_shift = options->page_shift ? options->page_shift : choose_page_shift(limit);
    header.unit_shift =
        options->unit_shift ? options->unit_shift : choose_unit_shift(limit, header.page_shift);
    header.bucket_unit = options->bucket_unit ? options->bucket_unit : choose_bucket_unit(limit);
    header.bucket_capacity =
        options->bucket_capacity ? options->bucket_capacity : choose_bucket_capacity(&header);
    for (header.ref_shift = REF_SHIFT_MIN; header.ref_shift <= REF_SHIFT_MAX; header.ref_shift++) {
        if (!free_numbers_good(&header)) return TG_INVALID;
        header.class_count = options->class_count;
        memset(header.class_size, 0, sizeof(header.class_size));
        for (uint32_t i = 0; i < options->class_count; i++)
            header.class_size[i] = options->class_size[i];
        if (!options->class_count && !choose_classes(&header)) return TG_INVALID;
        if (!classes_good(&header)) return TG_INVALID;
        lay_out(&header);
        if (refs_cover(&header)) break;
    }
    /* A granule too small for the file, or a store with hardly any room but for its own needs. */
    if (header.ref_shift > REF_SHIFT_MAX || header.fixed_size > limit / 2) return TG_INVALID;
    *out = header;
    return TG_OK;
}

static uint32_t header_checksum(const struct tg_header *header) {
    return tg_crc32c(0, header, offsetof(struct tg_header, checksum));
}

tg_status tg_region_check(const struct tg_header *untrusted, uint64_t actual_file_size,
                          struct tg_header *checked) {
    struct tg_header header;
    memcpy(&header, untrusted, sizeof(header));
    if (header.magic != TG_MAGIC) return TG_CORRUPT;
    /* Before the checksum: only this version's has it at this place. */
    if (header.layout != TG_LAYOUT_VERSION) return TG_LAYOUT;
    if (header.checksum != header_checksum(&header)) return TG_CORRUPT;
    if (!free_numbers_good(&header) || !classes_good(&header)) return TG_CORRUPT;
    struct tg_header expected;
    memcpy(&expected, &header, sizeof(expected));
    lay_out(&expected);
    if (memcmp(&expected, &header, sizeof(expected)) != 0 || !refs_cover(&header))
        return TG_CORRUPT;
    if (header.file_size != actual_file_size || header.fixed_size > header.limit) return TG_CORRUPT;
    if (header.version_key % 2 == 0) return TG_CORRUPT;
    *checked = header;
    return TG_OK;
}

/* ---- binding and formatting --------------------------------------------------- */

void tg_region_bind(struct tg_local *local, void *base, struct tg_os *os,
                    const struct tg_header *checked) {
    uint8_t *start = base;
    memset(local, 0, sizeof(*local));
    local->base = start;
    local->os = os;
    local->header = *checked;
    local->hot = (struct tg_hot *)(start + checked->hot_offset);
    local->units = (tg_a64 *)(start + checked->units_offset);
    local->processes = (struct tg_process *)(start + checked->processes_offset);
    local->contexts = start + checked->contexts_offset;
    local->classes = (struct tg_class *)(start + checked->classes_offset);
    local->pages = (struct tg_page *)(start + checked->pages_offset);
    local->buckets = (struct tg_line *)(start + checked->buckets_offset);
    local->arena_begin = checked->arena_offset;
    local->arena_end = checked->file_size;
    uint32_t words = 0;
    for (uint32_t i = 0; i < checked->class_count + 2; i++) {
        local->magazine_offset[i] = (uint16_t)words;
        local->magazine_capacity[i] = (uint16_t)magazine_capacity(checked->class_size[i]);
        words += 1u + local->magazine_capacity[i];
    }
    TG_CHECK(sizeof(struct tg_context) + 4 * (uint64_t)words <= checked->context_size);
    for (uint32_t i = 0; i < checked->class_count + 2; i++) local->shape[i] = shape_of(checked, i);
    for (uint32_t i = 0, class = 0; i <= TG_SMALL_SIZE / 8; i++) {
        while (class < checked->class_count && checked->class_size[class] < 8 * i) class++;
        local->small_class[i] = class < checked->class_count ? (uint8_t)class : 255;
    }
}

bool tg_region_hot_good(const struct tg_local *local) {
    const struct tg_header *header = &local->header;
    /* In this order: what is committed only grows, and before it is used. */
    uint64_t used = tg_load_relaxed64(&local->hot->buckets);
    uint64_t committed = tg_load_relaxed64(&local->hot->buckets_committed);
    if (used == 0 || committed > header->bucket_capacity || committed % header->bucket_unit)
        return false;
    if (used > committed || tg_load_relaxed64(&local->hot->epoch) == 0) return false;
    return tg_at(local, tg_load_relaxed32(&local->hot->root), sizeof(struct tg_dir)) != NULL;
}

tg_status tg_region_format(struct tg_local *local) {
    struct tg_os *os = local->os;
    struct tg_header *header = &local->header;
    uint64_t first = header->bucket_unit * sizeof(struct tg_line);
    tg_status status = os->ops->commit(os, 0, header->fixed_size + first);
    if (status != TG_OK) return status;
    for (size_t i = 0; i < sizeof(header->uuid); i += 8) {
        uint64_t random = os->ops->random64(os);
        memcpy(header->uuid + i, &random, 8);
    }
    header->hash_key[0] = os->ops->random64(os);
    header->hash_key[1] = os->ops->random64(os);
    header->version_key = os->ops->random64(os) | 1;
    header->created_ns = os->ops->boottime_ns(os);
    tg_store_relaxed64(&local->hot->epoch, 1);
    tg_store_relaxed64(&local->hot->buckets, tg_region_first_buckets(header));
    tg_store_relaxed64(&local->hot->buckets_committed, header->bucket_unit);
    tg_store_relaxed64(&local->hot->committed_bytes, first);
    return TG_OK;
}

void tg_region_seal(struct tg_local *local) {
    local->header.checksum = header_checksum(&local->header);
    memcpy(local->base, &local->header, sizeof(local->header));
}

_Static_assert(sizeof(struct tg_header) <= ALIGNMENT, "the header fits into page 0");
_Static_assert(sizeof(struct tg_hot) <= ALIGNMENT, "the global words fit into page 1");
_Static_assert(sizeof(struct tg_context) % 4 == 0, "magazines follow the context");
