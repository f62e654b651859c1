/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt.h"

static tg_a64 *word_of(tg_a64 *bits, uint32_t number) { return &bits[(number - 1) / 64]; }
static uint64_t bit_of(uint32_t number) { return 1ull << ((number - 1) % 64); }

static bool is_kept(uint64_t entry) {
    return TG_ENTRY_STATE(entry) == TG_LEDGER_PIN && TG_ENTRY_KIND(entry) == TG_PIN_KEPT;
}

/* ---- the parent ------------------------------------------------------------------ */

/* What was pinned after the noting isn't the child's, and there may be any number of it. */
static bool must_stay(const struct tg_fork_pins *fork, uint32_t number) {
    /* PAIR fork.noted: all of them, if it says so. */
    uint64_t under_way = tg_load_acquire64(&fork->under_way);
    if (TG_LIKELY(under_way == TG_FORK_NONE) || TG_MUTANT(unpin_in_fork)) return false;
    if (under_way == TG_FORK_NOTING) return true;
    return tg_load_relaxed64(&fork->noted[(number - 1) / 64]) & bit_of(number);
}

bool tg_ledger_defer_now(struct tg_local *local, uint32_t number) {
    struct tg_fork_pins *fork = &local->fork;
    if (!must_stay(fork, number)) return false;
    tg_a64 *word = word_of(fork->dropped, number);
    /* PAIR fork.dropped: the bit, then a look whether somebody will see it (Dekker). */
    (void)tg_or_acqrel64(word, bit_of(number));
    tg_fence_full();
    if (tg_load_relaxed64(&fork->under_way) != TG_FORK_NONE || TG_MUTANT(defer_unchecked))
        return true;
    /* The fork ended meanwhile: whoever takes the bit away has the entry to release. */
    /* PAIR fork.dropped: one of us two. */
    return !(tg_and_acqrel64(word, ~bit_of(number)) & bit_of(number));
}

void tg_ledger_fork_end(struct tg_local *local) {
    struct tg_fork_pins *fork = &local->fork;
    uint32_t words = (tg_ledger_capacity(local, local->process) + 63) / 64;
    bool any = false;
    tg_store_relaxed64(&fork->under_way, TG_FORK_NONE);
    /* PAIR fork.dropped: it is over, then the bits (Dekker). Other end: tg_ledger_defer. */
    tg_fence_full();
    for (uint32_t i = 0; i < words; i++) {
        if (tg_load_relaxed64(&fork->dropped[i]) == 0) continue;
        /* PAIR fork.dropped: a bit is taken once. */
        uint64_t bits = tg_xchg_seqcst64(&fork->dropped[i], 0);
        any |= bits != 0;
        for (; bits; bits &= bits - 1)
            tg_ledger_release(local, i * 64 + (uint32_t)__builtin_ctzll(bits) + 1);
    }
    /* PAIR unpin.hint: the entries are free before the hint moves. */
    if (any) tg_add_acqrel64(&local->hot->unpin_hint, 1);
}

bool tg_ledger_fork_begin(struct tg_local *local) {
    struct tg_fork_pins *fork = &local->fork;
    uint32_t capacity = tg_ledger_capacity(local, local->process);
    bool any = false;
    for (uint32_t i = 0; i < TG_LEDGER_WORDS; i++)
        if (tg_load_relaxed64(&fork->noted[i])) tg_store_relaxed64(&fork->noted[i], 0);
    tg_store_relaxed64(&fork->under_way, TG_FORK_NOTING);
    /* PAIR fork.dropped: it is under way, then the entries. An unpin that didn't see it was
     * begun before the fork: its pin is nobody's in the child. */
    tg_fence_full();
    for (uint32_t number = 1; number <= capacity; number++) {
        tg_a64 *entry = tg_ledger_entry(local, local->process, number);
        if (entry == NULL || !is_kept(tg_load_relaxed64(entry))) continue;
        tg_a64 *word = word_of(fork->noted, number);
        tg_store_relaxed64(word, tg_load_relaxed64(word) | bit_of(number));
        any = true;
    }
    /* PAIR fork.noted: all that we found, then that this was all. Other end: must_stay. */
    tg_store_release64(&fork->under_way, TG_FORK_NOTED);
    if (!any) tg_ledger_fork_end(local);
    return any;
}

void tg_ledger_refuse(tg_a64 *verdict) {
    uint64_t open = TG_ADOPTION_OPEN;
    /* PAIR pin.verdict: our pins were there until now. Other end: the child's swap. */
    (void)tg_cas_acqrel64(verdict, &open, TG_ADOPTION_REFUSED);
}

/* ---- the child ------------------------------------------------------------------- */

/* Ours in the parent when it forked: noted, and not given up between that and the fork. */
static uint64_t wanted(const struct tg_local *local, uint32_t i) {
    uint64_t noted = tg_load_relaxed64(&local->fork.noted[i]);
    if (TG_MUTANT(adopt_unnoted)) return ~0ull;
    return noted & ~tg_load_relaxed64(&local->fork.dropped[i]);
}

static uint32_t highest_wanted(const struct tg_local *local) {
    for (uint32_t i = TG_LEDGER_WORDS; i-- > 0;) {
        uint64_t bits = wanted(local, i);
        if (bits) return i * 64 + 64 - (uint32_t)__builtin_clzll(bits);
    }
    return 0;
}

static tg_status copy_pins(struct tg_call *call, uint32_t parent) {
    struct tg_local *local = call->local;
    uint32_t highest = highest_wanted(local), most = tg_ledger_capacity(local, parent);
    if (highest > most) highest = most;
    while (tg_ledger_capacity(local, local->process) < highest) {
        tg_status status = tg_ledger_grow(call);
        if (status != TG_OK) return status;
    }
    for (uint32_t number = 1; number <= highest; number++) {
        if (!(wanted(local, (number - 1) / 64) & bit_of(number))) continue;
        tg_a64 *from = tg_ledger_entry(local, parent, number);
        tg_a64 *to = tg_ledger_entry(local, local->process, number);
        if (from == NULL || to == NULL) return TG_CORRUPT;
        /* PAIR unpin: what we miss here went before the fork, or the verdict is no. */
        uint64_t entry = tg_load_acquire64(from);
        if (is_kept(entry)) tg_store_release64(to, entry);
    }
    return TG_OK;
}

/* G5: all that we copied was there all the time, and the scans know. */
static bool settle(struct tg_local *local, const struct tg_adoption *adoption) {
    struct tg_process *parent = &local->processes[adoption->parent];
    uint64_t open = TG_ADOPTION_OPEN;
    /* PAIR pin.verdict: the pins are ours and counted, then this. Other end: the parent. */
    if (!tg_cas_acqrel64(adoption->verdict, &open, TG_ADOPTION_DONE) && !TG_MUTANT(adopt_refused))
        return false;
    /* PAIR pin.adopt: counted, then a look at the parent. Who mends it says so before it
     * clears its pins, so a scan that missed ours there finds that we counted. */
    tg_fence_full();
    if (TG_MUTANT(adopt_from_dead)) return true;
    /* PAIR process.state: LIVE again, in the hands of another, comes after its generation. */
    return tg_load_acquire32(&parent->state) == TG_PROCESS_LIVE &&
           (tg_load_relaxed32(&parent->generation) == adoption->generation ||
            TG_MUTANT(adopt_any_generation));
}

tg_status tg_ledger_adopt(struct tg_call *call, const struct tg_adoption *adoption) {
    struct tg_local *local = call->local;
    tg_status status = copy_pins(call, adoption->parent);
    /* PAIR pin.adopt: the child's entries, then this, before its parent may drop its own. Other
     * end: the scan. */
    if (status == TG_OK && !TG_MUTANT(adopt_uncounted)) tg_add_acqrel64(&local->hot->adoptions, 1);
    if (status == TG_OK && settle(local, adoption)) return TG_OK;
    tg_ledger_clear_pins(local, local->process);
    /* PAIR unpin.hint: a scan may have taken them for pins. */
    tg_add_acqrel64(&local->hot->unpin_hint, 1);
    return status == TG_OK ? TG_TIMEOUT : status;
}

void tg_ledger_forked(struct tg_local *local) {
    for (uint32_t i = 0; i < TG_LEDGER_WORDS; i++)
        if (tg_load_relaxed64(&local->fork.dropped[i]))
            tg_store_relaxed64(&local->fork.dropped[i], 0);
    tg_store_relaxed64(&local->fork.under_way, TG_FORK_NONE);
}
