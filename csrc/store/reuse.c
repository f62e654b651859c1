/* SPDX-License-Identifier: Apache-2.0 */
#include "reuse.h"

#include "../names/walk.h"
#include "upkeep.h"

bool tg_bucket_watch(struct tg_local *local, const struct tg_level *level, struct tg_token *token,
                     struct tg_record **record) {
    bool corrupt = false;
    const struct tg_line *head = tg_table_head(local, level->hash);
    /* PAIR lock: the count, then what is in the bucket (U3). */
    uint64_t word = tg_load_acquire64(&head->lock);
    if (tg_word_owner(word) != 0) return false;
    *record = tg_table_find(local, level->hash, level->dir, &level->name, &corrupt);
    if (corrupt) return false;
    /* A split between the two looks would have us watch the wrong bucket for ever. */
    bool split = tg_table_head(local, level->hash) != head;
    if (split && !TG_MUTANT(token_of_split_bucket) && !TG_MUTANT(absence_of_split_bucket))
        return false;
    token->lock = &head->lock;
    token->count = tg_word_value(word);
    return true;
}

/* ---- absences -------------------------------------------------------------------------- */

/* In a section: down to the first name that is missing, or has no directory or value. */
static tg_status find_absence(struct tg_local *local, struct tg_key key,
                              struct tg_absence *absence) {
    const char *rest = key.bytes, *end = key.bytes + key.size;
    struct tg_level level = {.dir = tg_load_relaxed32(&local->hot->root)};
    struct tg_record *record = NULL;
    struct tg_view view;
    bool begun = false;
    while (level.dir != 0 && tg_key_next(&rest, end, &begun, &level.name)) {
        absence->above = absence->token.lock;
        absence->above_count = absence->token.count;
        level.hash = tg_component_hash(local, level.dir, &level.name);
        if (!tg_bucket_watch(local, &level, &absence->token, &record)) return TG_RETRY;
        level.dir = record ? tg_record_dir(record) : 0;
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
