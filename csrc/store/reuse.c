/* SPDX-License-Identifier: Apache-2.0 */
#include "reuse.h"

#include "../names/walk.h"
#include "upkeep.h"

/* ---- absences -------------------------------------------------------------------------- */

/* Watches the bucket in which `name` is, or isn't; the one that was watched before is above.
 * False: it can't be relied on now. */
static bool watch(struct tg_local *local, tg_ref dir, const struct tg_component *name,
                  struct tg_absence *absence, struct tg_record **record) {
    bool corrupt = false;
    uint64_t hash = tg_component_hash(local, dir, name);
    const struct tg_line *head = tg_table_head(local, hash);
    /* PAIR lock: the count, then what is in the bucket (U3). */
    uint64_t word = tg_load_acquire64(&head->lock);
    *record = tg_table_find(local, hash, dir, name, &corrupt);
    if (tg_word_owner(word) != 0 || corrupt) return false;
    /* It was split: we have looked into another one. */
    if (tg_table_head(local, hash) != head && !TG_MUTANT(absence_of_split_bucket)) return false;
    absence->above = absence->token.lock;
    absence->above_count = absence->token.count;
    absence->token.lock = &head->lock;
    absence->token.count = tg_word_value(word);
    return true;
}

/* In a section: down to the first name that is missing, or has no directory or value. */
static tg_status find_absence(struct tg_local *local, struct tg_key key,
                              struct tg_absence *absence) {
    const char *rest = key.bytes, *end = key.bytes + key.size;
    struct tg_component name;
    struct tg_record *record = NULL;
    struct tg_view view;
    bool begun = false;
    tg_ref dir = tg_load_relaxed32(&local->hot->root);
    while (tg_key_next(&rest, end, &begun, &name)) {
        if (!watch(local, dir, &name, absence, &record)) return TG_RETRY;
        dir = record ? tg_record_dir(record) : 0;
        if (dir == 0) break;
    }
    if (record == NULL || rest != end) return TG_OK;
    if (!tg_record_view(local, record, &view)) return TG_RETRY;
    bool has_value = view.flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT);
    return has_value && !tg_expired(local, view.expiry) ? TG_EXISTS : TG_OK;
}

tg_status tg_absence_find(struct tg_store *store, uint32_t *hint, struct tg_key key,
                          struct tg_absence *absence) {
    struct tg_local *local = &store->local;
    struct tg_call call;
    *absence = (struct tg_absence){0};
    if (!tg_store_usable(store) || !tg_key_valid(key)) return TG_RETRY;
    tg_call_begin(&call, local, *hint, TG_FOREVER);
    uint64_t seq = tg_names_seq(&call);
    if (seq & 1) return TG_RETRY;
    tg_status status = tg_read_enter(&call);
    if (status != TG_OK) return status;
    absence->token.dir_gen = tg_load_relaxed64(&local->hot->dir_gen);
    status = find_absence(local, key, absence);
    bool unmoved = tg_names_unmoved(local, seq);
    bool left = tg_read_leave(&call);
    *hint = call.hint;
    return left && unmoved ? status : TG_RETRY;
}

/* ---- pins ---------------------------------------------------------------------------------- */

tg_status tg_pin_known(struct tg_store *store, const struct tg_known *known,
                       const struct tg_token *token, struct tg_pin *pin) {
    struct tg_local *local = &store->local;
    struct tg_ledger_place place;
    if (!tg_store_usable(store)) return TG_RETRY;
    if (TG_MUTANT(known_asked_first) && !tg_token_holds(store, token)) return TG_RETRY;
    /* PAIR pin: the claim is a full fence: the entry, then the count (U5). */
    uint32_t number = tg_ledger_claim_place(local, TG_ENTRY(TG_LEDGER_PIN, known->object), &place);
    if (TG_UNLIKELY(number == 0)) return TG_RETRY;
    if (TG_UNLIKELY(!tg_token_holds(store, token)) && !TG_MUTANT(known_asked_first)) {
        tg_ledger_release_at(local, place.chunk + place.index, number);
        /* Who had it parked for our sake may look again. */
        /* PAIR unpin.hint: the entry is free before the hint moves. */
        tg_add_acqrel64(&local->hot->unpin_hint, 1);
        return TG_RETRY;
    }
    pin->bytes = known->bytes;
    pin->info = known->info;
    pin->entry = number;
    pin->object = known->object;
    pin->ledger = tg_give_entry(local, &place);
    pin->at = place.chunk + place.index;
    return TG_OK;
}
