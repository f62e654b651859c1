/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of tryget.h that read values. */
#include "../names/walk.h"
#include "../reader/reader.h"
#include "reuse.h"
#include "upkeep.h"

/* Larger values are pinned while they are copied. */
#ifdef TG_SIM
enum { COPY_IN_SECTION = 32 };
#else
enum { COPY_IN_SECTION = 65536 };
#endif

enum large { PIN_LARGE, COPY_LARGE /* no pin is to be had */, LEAVE_LARGE /* TG_RETRY */ };

/* What a reading is asked for. */
struct reading {
    struct tg_key key;
    tg_sink sink;
    void *argument;
    struct tg_info *info;
    struct tg_token *token; /* NULL: not wanted */
    enum large large;
    const uint32_t *pin_from; /* NULL: no pin is wanted; else as tg_get_or_pin */
};

/* What a reading found in its section. */
struct finding {
    bool corrupt, found;
    struct tg_object *object; /* pinned by `entry`, copied after the section */
    uint32_t entry;
    bool given; /* or not copied: the pin is for the caller */
    tg_status status;
};

static void describe(struct tg_local *local, const struct tg_view *view, uint64_t size,
                     struct tg_info *info) {
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    *info = (struct tg_info){
        .size = size,
        .version = view->version,
        .expiry = view->expiry,
        .codec = view->codec,
        .has_value = (view->flags & value) && !tg_expired(local, view->expiry),
        .has_children = view->dir != 0,
    };
}

static const void *payload_of(struct tg_local *local, const struct tg_object *object,
                              uint64_t size) {
    return tg_at(local, tg_load_relaxed32(&object->payload), size);
}

static tg_status copy_out(const void *bytes, tg_sink sink, void *argument,
                          const struct tg_info *info) {
    if (bytes == NULL) return TG_CORRUPT;
    void *room = sink(argument, info);
    if (room == NULL) return TG_INVALID;
    tg_copy_racy(room, bytes, info->size);
    return TG_OK;
}

static bool wants_pin(const struct reading *reading) {
    if (reading->pin_from == NULL || reading->large == COPY_LARGE) return false;
    uint32_t from = reading->pin_from[reading->info->codec & 255];
    return from != 0 && reading->info->size >= from;
}

/* In the section: a small value is copied, a large one pinned. TG_RETRY, TG_PINS_FULL. */
static tg_status take_value(struct tg_local *local, const struct tg_view *view,
                            struct tg_object *object, const struct reading *reading,
                            struct finding *found) {
    const struct tg_info *info = reading->info;
    if (TG_LIKELY(view->object == 0))
        return copy_out(view->value, reading->sink, reading->argument, info);
    found->given = wants_pin(reading);
    if (!found->given && (info->size <= COPY_IN_SECTION || reading->large == COPY_LARGE))
        return copy_out(payload_of(local, object, info->size), reading->sink, reading->argument,
                        info);
    if (!found->given && reading->large == LEAVE_LARGE) return TG_RETRY;
    tg_status status = tg_ledger_pin(local, object, info->version, &found->entry);
    if (status == TG_OK) found->object = object;
    return status;
}

static void read_record(struct tg_local *local, struct tg_record *record,
                        const struct reading *reading, struct finding *found) {
    struct tg_view view;
    struct tg_object *object = NULL;
    uint64_t size;
    found->corrupt |= !tg_record_view(local, record, &view);
    if (found->corrupt) return;
    size = view.size;
    if (TG_UNLIKELY(view.object)) {
        object = tg_object_at(local, view.object);
        found->corrupt = object == NULL;
        if (object == NULL) return;
        size = tg_load_relaxed64(&object->size);
    }
    describe(local, &view, size, reading->info);
    bool has_value = reading->info->has_value;
    found->found = has_value || view.dir != 0;
    if (has_value && reading->sink)
        found->status = take_value(local, &view, object, reading, found);
}

/* U3: the count, and the record again after it. */
static void take_token(struct tg_local *local, const struct tg_level *leaf,
                       const struct tg_record *record, struct tg_token *token) {
    struct tg_token seen;
    struct tg_record *found;
    if (!tg_bucket_watch(local, leaf, &seen, &found) || found != record) return;
    seen.expiry = tg_load_relaxed32(&record->expiry);
    seen.dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
    *token = seen;
}

/* One walk in one section. True: `found` is a fact (else: again). */
static bool look(struct tg_call *call, const struct reading *reading, struct finding *found) {
    struct tg_local *local = call->local;
    struct tg_level leaf;
    *found = (struct finding){.status = TG_OK};
    uint64_t seq = tg_names_seq(call);
    found->status = tg_read_enter(call);
    if (found->status != TG_OK) return true;
    struct tg_record *record = tg_walk_to(local, reading->key, &found->corrupt, &leaf);
    if (record != NULL) {
        if (reading->token) take_token(local, &leaf, record, reading->token);
        read_record(local, record, reading, found);
    }
    bool unmoved = tg_names_unmoved(local, seq);
    bool left = tg_read_leave(call);
    if (reading->token && (!left || !unmoved || (seq & 1))) reading->token->lock = NULL;
    if (left && unmoved) return true;
    if (found->object) tg_ledger_release(local, found->entry);
    return false;
}

static const uint64_t GROW_WAIT_NS = 2000000;

/* Reads wait for nobody for long: without a ledger the value is copied in the section. */
static tg_status grow_ledger(struct tg_call *call) {
    struct tg_os *os = call->local->os;
    call->deadline_ns = os->ops->monotonic_ns(os) + GROW_WAIT_NS;
    tg_status status = tg_borrow(call);
    if (status == TG_OK) {
        status = tg_names_settle(call);
        if (status == TG_OK) status = tg_ledger_grow(call);
        tg_return(call);
    }
    call->deadline_ns = TG_FOREVER;
    return status;
}

/* Without a context. */
static tg_status read_only(struct tg_store *store, const struct reading *reading) {
    struct tg_question question = {reading->key, reading->sink, reading->argument};
    struct tg_witness witness = {0};
    *reading->info = (struct tg_info){0};
    if (!store->readonly) return TG_CLOSED;
    tg_status status = tg_reader_get(&store->local, &question, reading->info, &witness);
    if (reading->token)
        *reading->token =
            (struct tg_token){witness.lock, witness.count, witness.expiry, witness.dir_gen};
    return status;
}

/* With `pin`: for tg_get_or_pin. */
static tg_status read_key(struct tg_store *store, uint32_t *hint, struct reading *reading,
                          struct tg_pin *pin) {
    struct tg_call call;
    struct finding found;
    struct tg_local *local = &store->local;
    if (!tg_store_usable(store)) return read_only(store, reading);
    tg_call_begin(&call, local, *hint, TG_FOREVER);
    for (;;) {
        bool true_now = look(&call, reading, &found);
        if (true_now && found.status != TG_RETRY && found.status != TG_PINS_FULL) break;
        if (!tg_call_again(&call)) return TG_CORRUPT;
        if (true_now && found.status == TG_PINS_FULL && grow_ledger(&call) != TG_OK)
            reading->large = COPY_LARGE;
    }
    *hint = call.hint;
    if (found.object && found.given)
        return tg_give_pin(store, found.object, found.entry, reading->info, pin);
    if (found.object) {
        const void *bytes = payload_of(local, found.object, reading->info->size);
        found.status = copy_out(bytes, reading->sink, reading->argument, reading->info);
        tg_unpin_entry(local, found.entry, found.object);
    }
    if (found.status != TG_OK) return found.status;
    if (found.found) return TG_OK;
    *reading->info = (struct tg_info){0};
    /* No record has an invalid key, so a hit needs no look at it. */
    if (!tg_key_valid(reading->key)) return TG_INVALID;
    return found.corrupt ? TG_CORRUPT : TG_ABSENT;
}

/* A value inside its record, which has no children and does not expire; else as read_record. */
TG_HOT tg_status take_quickly(struct tg_local *local, struct tg_record *record,
                              const struct reading *reading, struct finding *found) {
    uint32_t meta = tg_load_relaxed32(&record->meta), size = tg_load_relaxed32(&record->size);
    uint32_t slab_size = 1u << local->header.slab_shift;
    uint32_t inside = (uint32_t)tg_offset_of(local, record) & (slab_size - 1);
    uint32_t before = (uint32_t)sizeof *record + TG_META_NAME(meta);
    bool plain = TG_META_FLAGS(meta) == TG_RECORD_VALUE && reading->sink != NULL &&
                 size <= TG_INLINE_MAX && before + size <= slab_size - inside &&
                 tg_load_relaxed32(&record->expiry) == 0;
    if (TG_UNLIKELY(!plain)) {
        *found = (struct finding){.status = TG_OK};
        read_record(local, record, reading, found);
        if (found->corrupt || found->status != TG_OK) return TG_RETRY;
        return reading->info->has_value ? TG_OK : TG_ABSENT;
    }
    *reading->info = (struct tg_info){
        .size = size,
        .version = tg_load_relaxed64(&record->version),
        .codec = TG_META_CODEC(meta),
        .has_value = true,
    };
    void *room = reading->sink(reading->argument, reading->info);
    if (room == NULL) return TG_INVALID;
    tg_copy_racy(room, (const uint8_t *)record + before, size);
    return TG_OK;
}

/* The common read in one straight line: as read_key, when the hinted context is idle, nothing
 * is being renamed, and no pin is needed but one for the caller. TG_RETRY: it is for read_key. */
TG_HOT tg_status read_quickly(struct tg_store *store, uint32_t hint, const struct reading *reading,
                              struct finding *found) {
    struct tg_local *local = &store->local;
    struct tg_call call; /* for a section needs no more: */
    struct tg_walk walk;
    bool corrupt = false;
    call.local = local;
    call.hint = hint;
    found->object = NULL;
    /* PAIR names.seq: the first look, then the walk. */
    uint64_t seq = tg_load_acquire64(&local->hot->ns_seq);
    tg_walk_begin(local, reading->key, &walk);
    if (TG_UNLIKELY(seq & 1) || !tg_read_try(&call)) return TG_RETRY;
    struct tg_record *record = tg_walk_on(local, &walk, &corrupt);
    tg_status status = record ? take_quickly(local, record, reading, found) : TG_ABSENT;
    bool unmoved = tg_names_unmoved(local, seq);
    bool left = tg_read_leave(&call);
    if (TG_UNLIKELY(!left || !unmoved || corrupt)) {
        if (found->object && !TG_MUTANT(look_pin_kept)) tg_ledger_release(local, found->entry);
        return TG_RETRY;
    }
    if (record == NULL && TG_UNLIKELY(!tg_key_valid(reading->key))) return TG_RETRY;
    return status;
}

tg_status tg_get(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                 void *argument, struct tg_info *info) {
    struct reading reading = {key, sink, argument, info, NULL, LEAVE_LARGE, NULL};
    struct finding found;
    tg_status status = TG_RETRY;
    if (tg_store_usable(store)) status = read_quickly(store, *hint, &reading, &found);
    if (TG_LIKELY(status != TG_RETRY)) return status;
    reading.large = PIN_LARGE;
    status = read_key(store, hint, &reading, NULL);
    return status == TG_OK && !info->has_value ? TG_ABSENT : status;
}

tg_status tg_get_or_pin(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                        void *argument, const uint32_t pin_from[256], struct tg_info *info,
                        struct tg_pin *pin) {
    struct reading reading = {key, sink, argument, info, NULL, LEAVE_LARGE, pin_from};
    struct finding found;
    tg_status status = TG_RETRY;
    pin->entry = 0;
    if (tg_store_usable(store)) status = read_quickly(store, *hint, &reading, &found);
    if (TG_LIKELY(status != TG_RETRY)) {
        if (TG_LIKELY(found.object == NULL)) return status;
        return tg_give_pin(store, found.object, found.entry, info, pin);
    }
    reading.large = PIN_LARGE;
    status = read_key(store, hint, &reading, pin);
    return status == TG_OK && !info->has_value ? TG_ABSENT : status;
}

tg_status tg_get_with_token(struct tg_store *store, uint32_t *hint, struct tg_key key, tg_sink sink,
                            void *argument, struct tg_info *info, struct tg_token *token) {
    struct reading reading = {key, sink, argument, info, token, PIN_LARGE, NULL};
    token->lock = NULL;
    tg_status status = read_key(store, hint, &reading, NULL);
    return status == TG_OK && !info->has_value ? TG_ABSENT : status;
}

tg_status tg_contains(struct tg_store *store, uint32_t *hint, struct tg_key key,
                      struct tg_info *info) {
    struct reading reading = {key, NULL, NULL, info, NULL, PIN_LARGE, NULL};
    return read_key(store, hint, &reading, NULL);
}
