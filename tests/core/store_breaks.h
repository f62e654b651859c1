/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of the checker, broken in the memory of a rich store: `breaks` has one row a way. */
#ifndef TG_TESTS_CORE_STORE_BREAKS_H
#define TG_TESTS_CORE_STORE_BREAKS_H

#include "store_rich.h"

/* ---- ways to break a store -------------------------------------------------------------- */

static void add32(tg_a32 *word, uint32_t more) {
    tg_store_relaxed32(word, tg_load_relaxed32(word) + more);
}
static void add64(tg_a64 *word, uint64_t more) {
    tg_store_relaxed64(word, tg_load_relaxed64(word) + more);
}

#define BREAK(NAME, STATEMENT)                                                                     \
    static void NAME(struct store_image *s) {                                                      \
        struct tg_local *l = s->local;                                                             \
        struct tg_hot *hot = l->hot;                                                               \
        (void)hot;                                                                                 \
        STATEMENT;                                                                                 \
    }

BREAK(header_byte, ((struct tg_header *)l->base)->limit++)
BREAK(epoch_zero, tg_store_relaxed64(&hot->epoch, 0))
BREAK(poisoned, tg_store_relaxed32(&hot->state, TG_STATE_POISONED))
BREAK(buckets_zero, tg_store_relaxed64(&hot->buckets, 0))
BREAK(buckets_huge, tg_store_relaxed64(&hot->buckets, UINT64_MAX))
BREAK(seq_odd, add64(&hot->ns_seq, 1))
BREAK(ns_owned, add64(&hot->ns_lock, 2))
BREAK(gate_owned, add64(&hot->gate_lock, 2))
BREAK(grow_owned, add64(&hot->grow_lock, 2))
BREAK(reap_owned, add64(&hot->reap_lock, 2))
BREAK(extent_awaited, add64(&hot->extent_lock, TG_LOCK_WAITERS))
BREAK(class_owned, add64(&l->classes[3].lock, 1))
BREAK(bucket_owned, add64(&l->buckets[7].lock, 1))
BREAK(unused_bucket_owned, add64(&l->buckets[tg_load_relaxed64(&hot->buckets)].lock, 1))
BREAK(bucket_heir, add64(&l->buckets[7].lock, 4000ull << TG_LOCK_HEIR_SHIFT))
BREAK(lock_bits, add64(&hot->ns_lock, 1ull << 30))
BREAK(dir_owned, add64(&rich_dir(s, "many")->lock, 1))
BREAK(process_owned, add64(&l->processes[1].lock, 1))
BREAK(context_held, tg_store_relaxed64(&tg_context_at(l, 2)->word, TG_WORD(TG_HELD, 1, 5)))
BREAK(context_log, tg_store_relaxed64(&tg_context_at(l, 2)->log_state, 1))
BREAK(context_intent, tg_store_relaxed64(&tg_context_at(l, 2)->held[3], 4096))
BREAK(context_mark_low, tg_store_relaxed64(&hot->context_high, 0))
BREAK(context_mark_beyond, tg_store_relaxed64(&hot->context_high, 5))
BREAK(process_state, tg_store_relaxed32(&l->processes[1].state, 9))

BREAK(pages_free, add64(&hot->pages_free, 1))
BREAK(committed, add64(&hot->committed_bytes, 1))
BREAK(page_head, add64(&l->pages[0].head, 1ull << 32))
BREAK(slab_free, add32(&l->pages[0].free, 1))
BREAK(unit_bit, add64(&l->units[0], (uint64_t)-1))
BREAK(entry_count, add64(&tg_context_at(l, 3)->delta[0].entries, 1))
BREAK(byte_count, add64(&tg_context_at(l, 3)->delta[0].bytes, 8))

static tg_a32 *stocked(struct store_image *s, uint32_t least) {
    for (uint32_t id = 1; id <= s->local->header.context_count; id++)
        for (uint32_t class = 0; class < TG_CLASS_TOTAL(s->local); class ++) {
            tg_a32 *magazine = tg_magazine(s->local, tg_context_at(s->local, id), class);
            if (tg_load_relaxed32(magazine) >= least) return magazine;
        }
    REQUIRE(!"a magazine with blocks");
    return NULL;
}
BREAK(stocked_twice, tg_a32 *m = stocked(s, 2); tg_store_relaxed32(&m[1], tg_load_relaxed32(&m[2])))
BREAK(stock_lost, add32(stocked(s, 1), (uint32_t)-1))
BREAK(stock_in_use, (void)l; tg_a32 *m = tg_magazine(l, tg_context_at(l, 4), TG_CLASS_OBJECT(l));
      tg_store_relaxed32(&m[1], tg_ref_of(l, rich_object(s, "block"))); tg_store_relaxed32(m, 1))

BREAK(record_hash, add32(&store_find(s, "small")->hash, 1))
BREAK(record_parent, add32(&store_find(s, "small")->parent, 128))
BREAK(record_no_parent, tg_store_relaxed32(&store_find(s, "small")->parent, 3))
BREAK(record_flag, add32(&store_find(s, "small")->meta, 8 << 16))
BREAK(record_two_values, add32(&store_find(s, "small")->meta, TG_RECORD_OBJECT << 16))
BREAK(record_size, tg_store_relaxed32(&store_find(s, "small")->size, 1000))
BREAK(record_huge, tg_store_relaxed32(&store_find(s, "small")->size, 100000))
BREAK(record_empty, add32(&store_find(s, "empty")->meta, -((uint32_t)TG_RECORD_VALUE << 16)))
BREAK(record_version, tg_store_relaxed64(&store_find(s, "small")->version, 12345))
BREAK(record_no_version, tg_store_relaxed64(&store_find(s, "small")->version, 0))
BREAK(record_next_version, tg_store_relaxed64(&tg_context_at(l, 1)->version_count, 1))
BREAK(slot_garbage, tg_store_relaxed32(rich_slot_of(s, "small"), 0xffffff))
BREAK(slot_unaligned, add32(rich_slot_of(s, "small"), 1))
BREAK(slot_cleared, tg_store_relaxed32(rich_slot_of(s, "small"), 0))
BREAK(slot_object,
      tg_store_relaxed32(rich_slot_of(s, "small"), tg_ref_of(l, rich_object(s, "block"))))
static void slot_twice(struct store_image *s) {
    struct tg_line *line;
    uint32_t number;
    tg_a32 *slot = rich_slot(s, "small", &line, &number);
    tg_store_relaxed32(&line->slot[(number + 1) % TG_LINE_SLOTS], tg_load_relaxed32(slot));
}
static void tag_wrong(struct store_image *s) {
    struct tg_line *line;
    uint32_t number;
    (void)rich_slot(s, "small", &line, &number);
    tg_store_relaxed64(&line->tags, tg_load_relaxed64(&line->tags) ^ 1ull << 6 * number);
}
static void other_bucket(struct store_image *s) {
    struct tg_line *line;
    uint32_t number;
    tg_a32 *slot = rich_slot(s, "small", &line, &number);
    tg_ref ref = tg_load_relaxed32(slot);
    struct tg_line *other = &s->local->buckets[line == s->local->buckets];
    tg_store_relaxed32(slot, 0);
    tg_store_relaxed32(&other->slot[0], ref);
}
static struct tg_record *short_name_in(struct store_image *s, struct tg_line *line, uint32_t slot) {
    struct tg_record *record = tg_record_at(s->local, tg_load_relaxed32(&line->slot[slot]));
    return record && tg_record_name_size(record) == 5 ? record : NULL;
}
/* Two records of one bucket and directory get one name. */
static void same_name(struct store_image *s) {
    struct tg_line *line = rich_long_bucket(s);
    for (uint32_t i = 0; i < TG_LINE_SLOTS; i++) {
        struct tg_record *first = short_name_in(s, line, i);
        for (uint32_t k = i + 1; first && k < TG_LINE_SLOTS; k++) {
            struct tg_record *record = short_name_in(s, line, k);
            if (!record || tg_load_relaxed32(&record->parent) != tg_load_relaxed32(&first->parent))
                continue;
            uint64_t tags = tg_load_relaxed64(&line->tags), tag = tags >> 6 * i & 63;
            tg_store_relaxed64(&line->tags, (tags & ~(63ull << 6 * k)) | tag << 6 * k);
            tg_store_relaxed32(&record->hash, tg_load_relaxed32(&first->hash));
            memcpy(tg_record_name(record), tg_record_name(first), 5);
            return;
        }
    }
    REQUIRE(!"two short names of one directory in that bucket");
}
BREAK(line_circle, struct tg_line *line = rich_long_bucket(s);
      struct tg_line *over = tg_at(l, tg_load_relaxed32(&line->next), 64);
      tg_store_relaxed32(&over->next, tg_load_relaxed32(&line->next)))
BREAK(line_garbage, tg_store_relaxed32(&rich_long_bucket(s)->next, 12345))
BREAK(line_lost, tg_store_relaxed32(&rich_long_bucket(s)->next, 0))

BREAK(dir_count, add32(&rich_dir(s, "many")->count, 1))
BREAK(root_count, add32(&rich_dir(s, NULL)->count, 1))
BREAK(dir_partial, tg_store_relaxed32(&rich_dir(s, "many")->partial, 0))
BREAK(dir_partial_full, tg_store_relaxed32(&rich_dir(s, "many")->partial,
                                           tg_load_relaxed32(&rich_dir(s, "many")->last)))
BREAK(partial_circle, struct tg_dir *d = rich_dir(s, "many");
      struct tg_chunk *c = tg_at(l, tg_load_relaxed32(&d->partial), 64);
      tg_store_relaxed32(&c->partial_next, tg_load_relaxed32(&d->partial)))
BREAK(dir_last, tg_store_relaxed32(&rich_dir(s, "many")->last, 0))
BREAK(dir_first, tg_store_relaxed32(&rich_dir(s, "many")->first, 99999))
BREAK(dir_generation, tg_store_relaxed32(&rich_dir(s, "many")->generation, 0))
BREAK(chunk_previous, add32(&rich_chunk(s)->previous, 1))
BREAK(chunk_ordinal, tg_store_relaxed64(&rich_chunk(s)->ordinal, 5000))
BREAK(chunk_used, add32(&rich_chunk(s)->used, (uint32_t)-1))
BREAK(chunk_dir, tg_store_relaxed32(&rich_chunk(s)->dir, 1))
BREAK(chunk_circle, tg_store_relaxed32(&rich_chunk(s)->next, tg_ref_of(l, rich_chunk(s))))
BREAK(child_slot, add32(&store_find(s, "small")->meta, 1))
BREAK(child_chunk, tg_store_relaxed32(&store_find(s, "small")->chunk, 7))
BREAK(child_cleared, tg_store_relaxed32(&rich_chunk(s)->slot[3], 0))
BREAK(child_garbage, tg_store_relaxed32(&rich_chunk(s)->slot[3], 0xffffffff))
BREAK(child_twice,
      tg_store_relaxed32(&rich_chunk(s)->slot[3], tg_load_relaxed32(&rich_chunk(s)->slot[4])))
BREAK(dir_shared,
      tg_store_relaxed32(&store_find(s, "deep/a/b")->tail[0], tg_ref_of(l, rich_dir(s, "many"))))
BREAK(dir_circle,
      tg_store_relaxed32(&store_find(s, "deep/a/b")->tail[0], tg_ref_of(l, rich_dir(s, "deep/a"))))
BREAK(dir_none,
      tg_store_relaxed32(&store_find(s, "deep/a/b")->tail[0], tg_ref_of(l, store_find(s, "small"))))
BREAK(root_none, tg_store_relaxed32(&hot->root, 5))
BREAK(root_other, tg_store_relaxed32(&hot->root, tg_ref_of(l, rich_dir(s, "deep"))))
BREAK(dir_dead, tg_store_relaxed32(&rich_dir(s, "deep/a")->state, TG_DIR_DEAD))
BREAK(dir_free, tg_store_relaxed32(&rich_dir(s, "deep/a")->state, TG_DIR_FREE))
BREAK(dropped_live, struct tg_dir *d = tg_dir_at(l, tg_load_relaxed32(&hot->reap_head));
      tg_store_relaxed32(&d->state, TG_DIR_LIVE))
BREAK(dropped_circle, struct tg_dir *d = tg_dir_at(l, tg_load_relaxed32(&hot->reap_head));
      tg_store_relaxed32(&d->reap_next, tg_load_relaxed32(&hot->reap_head)))
BREAK(dropped_lost, tg_store_relaxed32(&hot->reap_head, 0))
BREAK(orphan_shared,
      tg_store_relaxed32(&tg_context_at(l, 1)->orphan, tg_ref_of(l, rich_dir(s, "deep/a"))))
static void no_child(struct store_image *s) {
    tg_store_relaxed32(rich_slot_of(s, "deep/a/b/c"), 0);
    struct tg_dir *dir = rich_dir(s, "deep/a/b");
    tg_store_relaxed32(&dir->slot[0], 0);
    tg_store_relaxed32(&dir->count, 0);
}

BREAK(object_state, tg_store_relaxed32(&rich_object(s, "block")->state, TG_OBJECT_UNLINKED))
BREAK(object_version, add64(&rich_object(s, "block")->version, 1))
BREAK(object_shared,
      tg_store_relaxed32(&store_find(s, "block")->tail[0], tg_ref_of(l, rich_object(s, "pinned"))))
BREAK(payload_garbage, tg_store_relaxed32(&rich_object(s, "block")->payload, 3))
BREAK(payload_shared,
      tg_store_relaxed32(&rich_object(s, "pinned")->payload, tg_ref_of(l, store_find(s, "small"))))
BREAK(payload_size, tg_store_relaxed64(&rich_object(s, "run")->size, 500000))
BREAK(payload_huge, tg_store_relaxed64(&rich_object(s, "run")->size, UINT64_MAX))
BREAK(run_pages, add32(&rich_object(s, "run")->pages, 1))
BREAK(run_start,
      tg_store_relaxed32(&rich_object(s, "run")->payload, tg_ref_of(l, rich_object(s, "run"))))
BREAK(object_checksum, tg_store_relaxed32(&rich_object(s, "run")->checksum, 1))

BREAK(pin_of_nothing, tg_store_relaxed64(tg_ledger_entry(l, 0, 7), tg_ledger_kept(0, 77)))
BREAK(ledger_high, tg_store_relaxed64(&hot->process_high, 0))
BREAK(pin_unknown, tg_store_relaxed32(&rich_object(s, "pinned")->pinned, 0))
BREAK(pin_of_private, tg_ref ref = TG_ENTRY_REF(tg_load_relaxed64(tg_ledger_entry(l, 0, 1)));
      tg_store_relaxed64(tg_ledger_entry(l, 0, 9), tg_ledger_kept(0, ref)))
BREAK(pin_of_nobody, tg_store_relaxed32(&l->processes[0].state, TG_PROCESS_FREE))
BREAK(entry_garbage, tg_store_relaxed64(tg_ledger_entry(l, 0, 8), 5))
BREAK(entry_half_free, tg_store_relaxed64(tg_ledger_entry(l, 0, 8), 1ull << 40))
BREAK(ledger_count, tg_store_relaxed32(&l->processes[0].ledger_count, 99))
BREAK(ledger_ref, tg_store_relaxed32(&l->processes[0].ledger[0], 5))
BREAK(private_lost, tg_store_relaxed64(tg_ledger_entry(l, 0, 1), 0))
BREAK(private_twice,
      tg_store_relaxed64(tg_ledger_entry(l, 0, 6), tg_load_relaxed64(tg_ledger_entry(l, 0, 1))))
BREAK(private_state,
      struct tg_object *o = tg_object_at(l,
                                         TG_ENTRY_REF(tg_load_relaxed64(tg_ledger_entry(l, 0, 1))));
      tg_store_relaxed32(&o->state, TG_OBJECT_LINKED))

BREAK(batch_count,
      add32(&rich_limbo(s)->batch[tg_load_relaxed32(&rich_limbo(s)->batch_first)].count, 1))
BREAK(batch_tag,
      add64(&rich_limbo(s)->batch[tg_load_relaxed32(&rich_limbo(s)->batch_first)].tag, 1000))
BREAK(ring_range, tg_store_relaxed32(&rich_limbo(s)->batch_first, 99))
BREAK(ring_lost, tg_store_relaxed32(&rich_limbo(s)->batch_count, 0))
BREAK(open_tail, tg_store_relaxed32(&tg_context_at(l, 1)->limbo_open_tail, 5))
BREAK(parked_count, add32(&tg_context_at(l, 1)->parked_count, 1))
BREAK(parked_lost, tg_store_relaxed32(&tg_context_at(l, 1)->parked, 0);
      tg_store_relaxed32(&tg_context_at(l, 1)->parked_count, 0))

BREAK(claim_garbage, tg_store_relaxed32(&rich_claims(s, 0)->next, 0xffffff))
BREAK(claim_circle, tg_store_relaxed32(&rich_claims(s, 1)->next, tg_ref_of(l, rich_claims(s, 0))))
BREAK(claim_size, tg_store_relaxed32(&rich_claims(s, 0)->size, 1000))
BREAK(claim_rest, tg_store_relaxed32(&rich_claims(s, 0)->rest, 6))
BREAK(claim_elsewhere, rich_claims(s, 0)->key[4] = 'x')
BREAK(claim_of_record,
      tg_store_relaxed32(&rich_claims(s, 1)->next, tg_ref_of(l, store_find(s, "small"))))
BREAK(claim_same_key, memcpy(rich_claims(s, 0)->key, rich_claims(s, 1)->key, 5))
BREAK(claim_token, tg_store_relaxed64(&rich_claims(s, 0)->token, 12345))
BREAK(claim_builder, tg_store_relaxed32(&rich_claims(s, 0)->process, 99))
BREAK(claim_builder_gone, add32(&rich_claims(s, 0)->generation, 1))
BREAK(claim_kind, tg_store_relaxed32(&rich_claims(s, 0)->state, TG_CLAIM_STATE(3, 0)))
BREAK(memo_token, tg_store_relaxed64(&rich_claims(s, 2)->token, 1))
BREAK(memo_too_many, struct tg_claim *c = rich_claims(s, 0); tg_store_relaxed64(&c->token, 0);
      tg_store_relaxed32(&c->state, TG_CLAIM_STATE(TG_CLAIM_MEMO, 0)))
BREAK(stripe_lost, (void)l; tg_store_relaxed32(&hot->claims[tg_board_stripe(l, store_key("k"))], 0))
BREAK(stripe_owned, add64(&hot->stripes[3].lock, 2))

BREAK(mended, tg_store_relaxed32(&l->processes[1].state, TG_PROCESS_MENDED))
BREAK(nothing, (void)0)

/* ---- the table ----------------------------------------------------------------------------- */

struct example {
    const char *rule;
    void (*corrupt)(struct store_image *store);
};

static const struct example breaks[] = {
    {"header", header_byte},
    {"hot", epoch_zero},
    {"hot", poisoned},
    {"hot", buckets_zero},
    {"hot", buckets_huge},
    {"X1", seq_odd},
    {"K1", ns_owned},
    {"K1", gate_owned},
    {"K1", grow_owned},
    {"K1", reap_owned},
    {"K1", extent_awaited},
    {"K1", class_owned},
    {"K1", bucket_owned},
    {"K1", unused_bucket_owned},
    {"K1", bucket_heir},
    {"K1", lock_bits},
    {"K1", dir_owned},
    {"K1", process_owned},
    {"O1", context_held},
    {"O1", context_log},
    {"O1", context_intent},
    {"O4", context_mark_low},
    {"O4", context_mark_beyond},
    {"T1", process_state},
    {"A4", pages_free},
    {"A4", committed},
    {"A1", page_head},
    {"A2", slab_free},
    {"A5", unit_bit},
    {"sums", entry_count},
    {"sums", byte_count},
    {"A3", stocked_twice},
    {"A3", stock_lost},
    {"A3", stock_in_use},
    {"N1", record_hash},
    {"N1", record_parent},
    {"D6", record_no_parent},
    {"N3", record_flag},
    {"N3", record_two_values},
    {"N3", record_size},
    {"N3", record_huge},
    {"N4", record_empty},
    {"V1", record_version},
    {"V1", record_no_version},
    {"V1", record_next_version},
    {"N1", slot_garbage},
    {"N1", slot_unaligned},
    {"D5", slot_cleared},
    {"N1", slot_object},
    {"N1", slot_twice},
    {"N1", tag_wrong},
    {"N1", other_bucket},
    {"N2", same_name},
    {"T2", line_circle},
    {"T2", line_garbage},
    {"A3", line_lost},
    {"D1", dir_count},
    {"D1", root_count},
    {"D2", dir_partial},
    {"D2", dir_partial_full},
    {"D2", partial_circle},
    {"D4", dir_last},
    {"D4", dir_first},
    {"D3", dir_generation},
    {"D4", chunk_previous},
    {"D4", chunk_ordinal},
    {"D4", chunk_used},
    {"D4", chunk_dir},
    {"D4", chunk_circle},
    {"D5", child_slot},
    {"D5", child_chunk},
    {"D5", child_cleared},
    {"D5", child_garbage},
    {"D5", child_twice},
    {"D6", dir_shared},
    {"D6", dir_circle},
    {"D6", dir_none},
    {"D6", root_none},
    {"D6", root_other},
    {"Q4", dir_dead},
    {"Q4", dir_free},
    {"Q4", dropped_live},
    {"D6", dropped_circle},
    {"D6", dropped_lost},
    {"D6", orphan_shared},
    {"Q1", no_child},
    {"B1", object_state},
    {"B1", object_version},
    {"B1", object_shared},
    {"B2", payload_garbage},
    {"B2", payload_shared},
    {"B2", payload_size},
    {"B2", payload_huge},
    {"B2", run_pages},
    {"B2", run_start},
    {"B3", object_checksum},
    {"G1", ledger_high},
    {"G1", pin_of_nothing},
    {"G2", pin_unknown},
    {"G2", pin_of_private},
    {"G3", pin_of_nobody},
    {"G3", entry_garbage},
    {"G3", entry_half_free},
    {"G3", ledger_count},
    {"G3", ledger_ref},
    {"A3", private_lost},
    {"G4", private_twice},
    {"G4", private_state},
    {"limbo", batch_count},
    {"limbo", batch_tag},
    {"limbo", ring_range},
    {"A3", ring_lost},
    {"limbo", open_tail},
    {"limbo", parked_count},
    {"A3", parked_lost},
    {"H1", claim_garbage},
    {"H1", claim_circle},
    {"H1", claim_size},
    {"H1", claim_rest},
    {"H1", claim_elsewhere},
    {"H1", claim_of_record},
    {"H2", claim_same_key},
    {"H3", claim_token},
    {"H3", claim_builder},
    {"H3", claim_builder_gone},
    {"H3", claim_kind},
    {"H3", memo_token},
    {"H4", memo_too_many},
    {"A3", stripe_lost},
    {"K1", stripe_owned},
    {"pending", mended},
    {"pending", nothing},
};

#endif
