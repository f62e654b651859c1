/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of tryget.h on pins and listings. */
#include "../ledger/adopt.h"
#include "../names/list.h"
#include "../reader/reader.h"
#include "upkeep.h"

/* What the section saw of the value. */
struct seen {
    tg_status status;
    bool small;               /* inline: it must move into an object first */
    uint8_t bytes[TG_INLINE_MAX];
    struct tg_info info;
    struct tg_object *object; /* pinned by */
    uint32_t entry;
};

static tg_status look_at(struct tg_local *local, struct tg_record *record, struct seen *seen) {
    struct tg_view view;
    if (!tg_record_view(local, record, &view)) return TG_CORRUPT;
    if (!(view.flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT)) || tg_expired(local, view.expiry))
        return TG_ABSENT;
    struct tg_object *object = view.object ? tg_object_at(local, view.object) : NULL;
    if (view.object && object == NULL) return TG_CORRUPT;
    seen->info = (struct tg_info){
        .size = object ? tg_load_relaxed64(&object->size) : view.size,
        .version = view.version,
        .expiry = view.expiry,
        .codec = view.codec,
        .has_value = true,
        .has_children = view.dir != 0,
    };
    seen->small = object == NULL;
    if (seen->small) {
        tg_copy_racy(seen->bytes, view.value, view.size);
        return TG_OK;
    }
    tg_status status = tg_ledger_pin(local, object, view.version, &seen->entry);
    if (status == TG_OK) seen->object = object;
    return status;
}

/* The first look, in one straight line, when the hinted context is idle and nothing is being
 * renamed. False: it is for the long way, and so is a key that isn't there. */
static inline bool look_quickly(struct tg_local *local, uint32_t hint, struct tg_key key,
                                struct seen *seen) {
    struct tg_call call; /* for a section needs no more: */
    struct tg_walk walk;
    bool corrupt = false;
    call.local = local;
    call.hint = hint;
    seen->object = NULL;
    /* PAIR names.seq: the first look, then the walk. */
    uint64_t seq = tg_load_acquire64(&local->hot->ns_seq);
    tg_walk_begin(local, key, &walk);
    if (TG_UNLIKELY(seq & 1) || !tg_read_try(&call)) return false;
    struct tg_record *record = tg_walk_on(local, &walk, &corrupt);
    if (record) seen->status = look_at(local, record, seen);
    bool unmoved = tg_names_unmoved(local, seq);
    bool left = tg_read_leave(&call);
    if (TG_LIKELY(left && unmoved && seen->object)) return true;
    if (seen->object && !TG_MUTANT(pin_look_kept)) tg_ledger_release(local, seen->entry);
    return false;
}

static bool look(struct tg_call *call, struct tg_key key, struct seen *seen) {
    struct tg_local *local = call->local;
    bool corrupt = false;
    struct tg_walk walk;
    seen->object = NULL;
    seen->small = false;
    uint64_t seq = tg_names_seq(call);
    tg_walk_begin(local, key, &walk);
    seen->status = tg_read_enter(call);
    if (seen->status != TG_OK) return true;
    struct tg_record *record = tg_walk_on(local, &walk, &corrupt);
    seen->status = corrupt ? TG_CORRUPT : TG_ABSENT;
    if (record) seen->status = look_at(local, record, seen);
    bool unmoved = tg_names_unmoved(local, seq);
    if (tg_read_leave(call) && unmoved) return true;
    if (seen->object) tg_ledger_release(local, seen->entry);
    return false;
}

/* Replaces an inline value by an object with the same bytes and version, and keeps its
 * creation entry as the pin. */
static tg_status move_out(struct tg_call *call, struct tg_key key, struct seen *seen) {
    struct tg_update update = {
        .key = key,
        .mode = TG_SET_IF_VERSION,
        .if_version = seen->info.version,
        .expiry = seen->info.expiry,
        .codec = seen->info.codec,
        .keep_pin = true,
        .version = seen->info.version,
    };
    struct tg_part part = {seen->bytes, seen->info.size};
    tg_status status = tg_make_object(call, &part, 1, seen->info.size, seen->info.codec, &update);
    if (status != TG_OK) return status;
    status = tg_names_set(call, &update);
    if (status != TG_OK) {
        tg_discard_object(call, &update);
        return status == TG_MISMATCH ? TG_RETRY : status;
    }
    seen->object = update.object;
    seen->entry = update.entry;
    return TG_OK;
}

tg_status tg_more_entries(struct tg_call *call) {
    struct tg_room room = {0};
    for (;;) {
        tg_status status = tg_borrow(call);
        if (status != TG_OK) return status;
        status = tg_names_settle(call);
        if (status == TG_OK) status = tg_ledger_grow(call);
        tg_return(call);
        if (status != TG_FULL) return status;
        status = tg_room_again(call, &room);
        if (status != TG_OK) return status;
    }
}

uint32_t tg_give_entry(struct tg_local *local, const struct tg_ledger_place *place) {
    struct tg_pin_info *note = tg_ledger_info_at(place);
    tg_store_relaxed32(&note->thread, local->os->ops->thread_id(local->os));
    tg_store_relaxed64(&note->since_ns, local->os->ops->coarse_ns(local->os));
    return tg_ledger_keep_at(local, place->chunk + place->index);
}

tg_status tg_give_pin(struct tg_store *store, struct tg_object *object, uint32_t entry,
                      const struct tg_info *info, struct tg_pin *pin) {
    struct tg_local *local = &store->local;
    struct tg_ledger_place place = tg_ledger_find_place(local, local->process, entry);
    TG_CHECK(place.chunk != NULL);
    pin->bytes = tg_object_payload(local, object);
    pin->info = (struct tg_content){info->size, info->version, info->expiry, info->codec};
    pin->entry = entry;
    pin->object = tg_ref_of(local, object);
    pin->ledger = tg_give_entry(local, &place);
    pin->at = place.chunk + place.index;
    if (pin->bytes != NULL) return TG_OK;
    tg_unpin(store, pin);
    return TG_CORRUPT;
}

tg_status tg_pin_value(struct tg_store *store, uint32_t *hint, struct tg_key key,
                       struct tg_pin *pin, uint64_t deadline_ns) {
    struct tg_local *local = &store->local;
    struct tg_call call;
    struct seen seen;
    *pin = (struct tg_pin){0};
    if (!tg_store_usable(store)) return tg_store_refusal(store);
    if (TG_LIKELY(look_quickly(local, *hint, key, &seen)))
        return tg_give_pin(store, seen.object, seen.entry, &seen.info, pin);
    if (!tg_key_valid(key)) return TG_INVALID;
    tg_call_begin(&call, local, *hint, deadline_ns);
    for (;;) {
        if (!tg_call_again(&call)) return TG_CORRUPT;
        if (!look(&call, key, &seen)) continue;
        if (seen.status == TG_OK && seen.small) seen.status = move_out(&call, key, &seen);
        if (seen.status == TG_PINS_FULL) {
            seen.status = tg_more_entries(&call);
            if (seen.status == TG_OK) continue;
        }
        if (seen.status != TG_RETRY) break;
    }
    *hint = call.hint;
    if (seen.status != TG_OK) return seen.status;
    return tg_give_pin(store, seen.object, seen.entry, &seen.info, pin);
}

static inline void unpin(struct tg_local *local, tg_a64 *entry, uint32_t number,
                         struct tg_object *object) {
    bool unlinked = tg_load_relaxed32(&object->state) == TG_OBJECT_UNLINKED;
    tg_ledger_release_at(local, entry, number);
    /* A hint: whoever has it parked looks at it again. Missed, it waits for a tidy-up. */
    /* PAIR unpin.hint: the entry is free before the hint moves. */
    if (TG_UNLIKELY(unlinked)) tg_add_acqrel64(&local->hot->unpin_hint, 1);
}

void tg_unpin_entry(struct tg_local *local, uint32_t number, struct tg_object *object) {
    tg_a64 *entry = tg_ledger_entry(local, local->process, number);
    if (entry != NULL) unpin(local, entry, number, object);
}

/* In a forked child that did not adopt this one, the entry is another's, if any's. */
static inline tg_a64 *entry_of(const struct tg_store *store, const struct tg_pin *pin) {
    if (pin->entry == 0 || !tg_store_usable(store)) return NULL;
    return tg_ledger_kept_entry(&store->local, pin->entry, pin->ledger, pin->object, pin->at);
}

bool tg_pin_holds(struct tg_store *store, const struct tg_pin *pin) {
    return entry_of(store, pin) != NULL;
}

void tg_unpin(struct tg_store *store, struct tg_pin *pin) {
    struct tg_local *local = &store->local;
    tg_a64 *entry = entry_of(store, pin);
    /* It was checked when it was pinned. */
    struct tg_object *object = entry ? tg_at_start(local, pin->object) : NULL;
    if (object != NULL && !tg_ledger_defer(local, pin->entry))
        unpin(local, entry, pin->entry, object);
    pin->entry = 0;
}

/* ---- listing ------------------------------------------------------------------- */

tg_status tg_list_begin(struct tg_store *store, uint32_t *hint, struct tg_key key,
                        struct tg_cursor *cursor) {
    struct tg_call call;
    if (!tg_store_readable(store)) return TG_CLOSED;
    if (key.bytes != NULL && !tg_key_valid(key)) return TG_INVALID;
    if (store->readonly) return tg_reader_list_begin(&store->local, key, cursor);
    tg_call_begin(&call, &store->local, *hint, TG_FOREVER);
    tg_status status = tg_names_list_begin(&call, key, cursor);
    *hint = call.hint;
    return status;
}

void tg_list_below(const struct tg_child *child, struct tg_cursor *cursor) {
    *cursor = (struct tg_cursor){.dir = child->dir, .generation = child->generation};
}

tg_status tg_list_next(struct tg_store *store, uint32_t *hint, struct tg_cursor *cursor,
                       struct tg_child *children, size_t capacity, size_t *count, char *text,
                       size_t text_size) {
    struct tg_call call;
    *count = 0;
    if (!tg_store_readable(store)) return TG_CLOSED;
    if (capacity == 0 || text_size < TG_NAME_MAX + 1) return TG_INVALID;
    struct tg_listing listing = {
        .children = children, .capacity = capacity, .text = text, .text_size = text_size};
    tg_status status;
    if (store->readonly) {
        status = tg_reader_list_next(&store->local, cursor, &listing);
    } else {
        tg_call_begin(&call, &store->local, *hint, TG_FOREVER);
        status = tg_names_list_next(&call, cursor, &listing);
        *hint = call.hint;
    }
    *count = listing.count;
    return status;
}
