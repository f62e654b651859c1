/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"

#ifdef TG_SIM
enum { ODD_SPINS = 2, COPIES = 4 };
#else
enum { ODD_SPINS = 100, COPIES = 16 };
#endif
static const uint64_t ODD_WAIT_NS = 20000000;
static const uint64_t ODD_SLICE_NS = 1000000;

/* ---- the look ------------------------------------------------------------------------- */

/* A renamer is at it (some stores), or stopped or dead in the middle: then walks go on. */
static void wait_odd(struct tg_local *local, uint64_t seq) {
    struct tg_os *os = local->os;
    struct tg_hot *hot = local->hot;
    for (uint32_t i = 0; i < ODD_SPINS; i++) {
        if (tg_load_relaxed64(&hot->ns_seq) != seq) return;
        tg_pause();
    }
    uint64_t began = os->ops->monotonic_ns(os);
    while (tg_load_relaxed64(&hot->ns_seq) == seq) {
        if (os->ops->monotonic_ns(os) - began > ODD_WAIT_NS) {
            if (!TG_MUTANT(look_odd_forgotten)) tg_store_relaxed64(&local->odd_seq_seen, seq);
            return;
        }
        (void)!os->ops->futex_wait(os, &hot->ns_seq, (uint32_t)seq, ODD_SLICE_NS, ~0u);
    }
}

static uint64_t names_seq(struct tg_local *local) {
    for (;;) {
        /* PAIR names.seq: the first look, then the walk. */
        uint64_t seq = tg_load_acquire64(&local->hot->ns_seq);
        if (TG_LIKELY(!(seq & 1)) || tg_load_relaxed64(&local->odd_seq_seen) == seq) return seq;
        wait_odd(local, seq);
    }
}

bool tg_look_begin(struct tg_look *look, bool walks) {
    struct tg_local *local = look->local;
    if (look->looks++ == TG_LOOKS_MAX) return false;
    look->trouble = TG_OK;
    if (walks) look->seq = names_seq(local);
    look->dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
    /* PAIR epoch.tag: the note, a full fence, then the links (L2). */
    look->epoch = tg_load_seqcst64(&local->hot->epoch);
    tg_fence_full();
    return true;
}

tg_status tg_look_end(struct tg_look *look, bool walks) {
    const struct tg_local *local = look->local;
    struct tg_os *os = local->os;
    uint64_t steps = TG_MUTANT(look_three_steps) ? 2 : 1;
    /* PAIR epoch.leave: all that was read, then the epoch again. */
    tg_fence_acquire();
    bool holds = tg_load_relaxed64(&local->hot->epoch) - look->epoch <= steps;
    if (TG_MUTANT(look_unchecked)) holds = true;
    if (walks && !tg_names_unmoved(local, look->seq)) holds = false;
    tg_status status = os->ops->read_check(os);
    if (status != TG_OK) return status;
    if (look->trouble == TG_SYSTEM) return TG_SYSTEM;
    return holds ? look->trouble : TG_RETRY;
}

/* ---- blocks --------------------------------------------------------------------------- */

bool tg_look_copy(struct tg_look *look, tg_ref ref, uint64_t from, void *to, uint64_t size) {
    const struct tg_local *local = look->local;
    struct tg_os *os = local->os;
    uint64_t offset = ((uint64_t)ref << local->header.ref_shift) + from;
    if (offset < local->arena_begin || offset > local->arena_end ||
        size > local->arena_end - offset)
        return tg_look_bad(look, TG_CORRUPT);
    tg_status status = os->ops->read_at(os, offset, to, size);
    /* PAIR publish: a link, then what it leads to. PAIR dir.reuse: a state, then the rest. */
    tg_fence_acquire();
    return status == TG_OK ? true : tg_look_bad(look, status);
}

bool tg_look_changing(struct tg_look *look, tg_ref ref, uint64_t from, void *to, uint32_t size) {
    uint8_t again[TG_CHANGING_MAX];
    TG_CHECK(size <= sizeof again);
    if (!tg_look_copy(look, ref, from, to, size)) return false;
    if (TG_MUTANT(look_torn)) return true;
    for (uint32_t i = 0; i < COPIES; i++) {
        if (!tg_look_copy(look, ref, from, again, size)) return false;
        if (memcmp(to, again, size) == 0) return true;
        memcpy(to, again, size);
    }
    return tg_look_bad(look, TG_RETRY);
}

/* ---- records --------------------------------------------------------------------------- */

static bool have_bytes(struct tg_look *look, struct tg_copied *copied, uint32_t size) {
    if (size <= copied->have) return true;
    uint32_t from = copied->have;
    copied->have = size;
    return tg_look_copy(look, copied->ref, from, copied->bytes + from, size - from);
}

/* False: the bytes are those of no record within `room`. */
static bool parse(struct tg_copied *copied, uint32_t room) {
    struct tg_view *view = &copied->view;
    const uint8_t *bytes = copied->bytes;
    uint32_t meta = TG_COPIED32(bytes, tg_record, meta);
    uint32_t size = TG_COPIED32(bytes, tg_record, size);
    *view = (struct tg_view){
        .flags = TG_META_FLAGS(meta),
        .codec = TG_META_CODEC(meta),
        .expiry = TG_COPIED32(bytes, tg_record, expiry),
        .version = TG_COPIED64(bytes, tg_record, version),
    };
    view->size = view->flags & TG_RECORD_VALUE ? size : 0;
    copied->hash = TG_COPIED32(bytes, tg_record, hash);
    copied->parent = TG_COPIED32(bytes, tg_record, parent);
    copied->name_size = TG_META_NAME(meta);
    if (size > TG_INLINE_MAX) return false;
    copied->name = bytes + tg_record_size(view->flags, 0, 0);
    view->value = copied->name + copied->name_size;
    return tg_record_size(view->flags, copied->name_size, view->size) <= room;
}

bool tg_look_record(struct tg_look *look, tg_ref ref, struct tg_copied *copied) {
    const struct tg_local *local = look->local;
    uint32_t slab = 1u << local->header.slab_shift;
    uint32_t inside = (uint32_t)((uint64_t)ref << local->header.ref_shift) & (slab - 1);
    uint32_t room = slab - inside, first = room < TG_RECORD_FIRST ? room : TG_RECORD_FIRST;
    copied->ref = ref;
    copied->have = 0;
    if (room < sizeof(struct tg_record)) return tg_look_bad(look, TG_CORRUPT);
    if (!have_bytes(look, copied, first)) return false;
    if (!parse(copied, room)) return tg_look_bad(look, TG_CORRUPT);
    struct tg_view *view = &copied->view;
    if (!have_bytes(look, copied, tg_record_size(view->flags, copied->name_size, 0))) return false;
    const uint8_t *tail = copied->bytes + sizeof(struct tg_record);
    view->dir = view->flags & TG_RECORD_DIR ? tg_copied_slot(tail, 0) : 0;
    view->object = view->flags & TG_RECORD_OBJECT
                       ? tg_copied_slot(tail, view->flags & TG_RECORD_DIR ? 1 : 0)
                       : 0;
    /* The one word of a linked record that changes. */
    if (view->expiry == 0 || TG_MUTANT(look_torn_expiry)) return true;
    return tg_look_changing(look, ref, offsetof(struct tg_record, expiry), &view->expiry, 4);
}

bool tg_look_value(struct tg_look *look, struct tg_copied *copied) {
    const struct tg_view *view = &copied->view;
    return have_bytes(look, copied, tg_record_size(view->flags, copied->name_size, view->size));
}

/* ---- objects ---------------------------------------------------------------------------- */

bool tg_look_object(struct tg_look *look, tg_ref ref, struct tg_copied_object *object) {
    uint8_t copy[sizeof(struct tg_object)];
    if (tg_class_of_ref(look->local, ref) != (int)TG_CLASS_OBJECT(look->local))
        return tg_look_bad(look, TG_CORRUPT);
    if (!tg_look_copy(look, ref, 0, copy, sizeof copy)) return false;
    *object = (struct tg_copied_object){
        .ref = ref,
        .payload = TG_COPIED32(copy, tg_object, payload),
        .state = TG_COPIED32(copy, tg_object, state),
        .pages = TG_COPIED32(copy, tg_object, pages),
        .checksum = TG_COPIED32(copy, tg_object, checksum),
        .version = TG_COPIED64(copy, tg_object, version),
        .size = TG_COPIED64(copy, tg_object, size),
    };
    return true;
}

static bool version_is(struct tg_look *look, const struct tg_copied_object *object) {
    uint8_t version[8];
    uint64_t at = offsetof(struct tg_object, version);
    return tg_look_copy(look, object->ref, at, version, sizeof version) &&
           tg_bytes8(version) == object->version;
}

bool tg_look_object_there(struct tg_look *look, const struct tg_copied_object *object) {
    uint8_t state[4];
    if (TG_MUTANT(reader_payload_unchecked)) return true;
    if (TG_MUTANT(reader_version_first) && !version_is(look, object)) return false;
    uint64_t at = offsetof(struct tg_object, state);
    if (!tg_look_copy(look, object->ref, at, state, sizeof state)) return false;
    uint32_t now = tg_bytes4(state);
    if (now != TG_OBJECT_LINKED && now != TG_OBJECT_UNLINKED) return false;
    return TG_MUTANT(reader_version_first) || version_is(look, object);
}

/* ---- finding ---------------------------------------------------------------------------- */

/* What one search is for. */
struct search {
    struct tg_look *look;
    uint64_t hash;
    tg_ref parent;
    const struct tg_component *component;
    struct tg_copied *copied;
};

static bool matches(const struct search *search, tg_ref ref) {
    struct tg_copied *copied = search->copied;
    const struct tg_component *component = search->component;
    return ref != 0 && tg_look_record(search->look, ref, copied) &&
           copied->hash == (uint32_t)search->hash && copied->parent == search->parent &&
           copied->name_size == component->size &&
           tg_bytes_equal(copied->name, component->name, component->size);
}

static bool in_head(const struct search *search, const struct tg_line *head) {
    uint64_t hits = tg_tags_equal(tg_load_relaxed64(&head->tags), tg_tag_of(search->hash));
    for (; hits != 0; hits &= hits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(hits) / TG_TAG_BITS;
        /* PAIR publish: a record is filled before its slot names it. */
        if (matches(search, tg_load_acquire32(&head->slot[i]))) return true;
    }
    return false;
}

/* Also the next line of the chain. */
static bool in_overflow(const struct search *search, tg_ref at, tg_ref *next) {
    uint8_t line[sizeof(struct tg_line)];
    *next = 0;
    /* Without the lock word: its high half is the limbo link. */
    uint32_t from = offsetof(struct tg_line, tags);
    if (!tg_look_changing(search->look, at, from, line + from, sizeof line - from)) return false;
    *next = TG_COPIED32(line, tg_line, next);
    uint64_t hits = tg_tags_equal(TG_COPIED64(line, tg_line, tags), tg_tag_of(search->hash));
    for (; hits != 0; hits &= hits - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(hits) / TG_TAG_BITS;
        if (matches(search, tg_copied_slot(line + offsetof(struct tg_line, slot), i))) return true;
    }
    return false;
}

static bool in_chain(const struct search *search, const struct tg_line *head) {
    if (in_head(search, head)) return true;
    /* PAIR publish: an overflow line is filled before it is linked. */
    tg_ref next = tg_load_acquire32(&head->next);
    for (uint32_t steps = 0; next != 0; steps++) {
        if (steps == TG_CHAIN_MAX) return tg_look_bad(search->look, TG_CORRUPT);
        if (in_overflow(search, next, &next)) return true;
    }
    return false;
}

/* Lines that are committed: a load beyond would take memory, or fault (L5). 0: garbage. */
static uint64_t count_buckets(const struct tg_local *local) {
    uint64_t count = tg_bucket_count(local);
    return count <= tg_load_relaxed64(&local->hot->buckets_committed) ? count : 0;
}

bool tg_look_find(struct tg_look *look, uint64_t hash, tg_ref parent,
                  const struct tg_component *component, struct tg_copied *copied) {
    const struct tg_local *local = look->local;
    const struct search search = {look, hash, parent, component, copied};
    uint64_t count = count_buckets(local);
    while (count != 0) {
        const struct tg_line *head = &local->buckets[tg_bucket_of(hash, count)];
        copied->lock = &head->lock;
        /* PAIR lock: the count, then what is in the bucket. */
        copied->lock_word = tg_load_acquire64(&head->lock);
        if (in_chain(&search, head)) return true;
        /* PAIR split: our loads of the slots, then the second look (T4). */
        tg_fence_acquire();
        uint64_t now = count_buckets(local);
        if (now != 0 && (tg_bucket_of(hash, now) == tg_bucket_of(hash, count) ||
                         TG_MUTANT(look_miss_unchecked)))
            return false;
        count = now;
    }
    return tg_look_bad(look, TG_CORRUPT);
}

bool tg_look_walk(struct tg_look *look, struct tg_key key, struct tg_copied *copied) {
    const struct tg_local *local = look->local;
    const char *rest = key.bytes, *end = key.bytes + key.size;
    bool begun = false;
    struct tg_component name;
    tg_ref dir = tg_load_relaxed32(&local->hot->root);
    while (tg_key_next(&rest, end, &begun, &name)) {
        if (dir == 0) return false;
        uint64_t hash = tg_component_hash(local, dir, &name);
        if (!tg_look_find(look, hash, dir, &name, copied)) return false;
        dir = copied->view.dir;
    }
    return true;
}
