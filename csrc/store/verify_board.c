/* SPDX-License-Identifier: Apache-2.0 */
/* The board: each claim in its stripe, once, by somebody, for one key. */
#include "../board/board.h"
#include "verify_state.h"

static void say(struct tg_check *check, const struct tg_claim *claim, const char *rule,
                const char *problem) {
    tg_check_say(check, rule, tg_check_where(check, claim), "a claim", problem);
}

static struct tg_key text_of(const struct tg_claim *claim) {
    return (struct tg_key){(const char *)claim->key, tg_load_relaxed32(&claim->size)};
}

static void check_builder(struct tg_check *check, const struct tg_claim *claim) {
    struct tg_local *local = check->local;
    uint32_t process = tg_load_relaxed32(&claim->process);
    if (!tg_check_version(local, tg_load_relaxed64(&claim->token)))
        say(check, claim, "H3", "its token was not given out");
    if (process >= local->header.process_count) {
        say(check, claim, "H3", "its builder is no process");
        return;
    }
    const struct tg_process *entry = &local->processes[process];
    bool same = tg_load_relaxed32(&entry->generation) == tg_load_relaxed32(&claim->generation);
    if (!same || tg_load_relaxed32(&entry->state) == TG_PROCESS_FREE)
        say(check, claim, "H3", "its builder has gone without it");
}

/* H2: by comparing with those behind it. */
static void check_single(struct tg_check *check, const struct tg_claim *claim, uint32_t limit) {
    struct tg_local *local = check->local;
    struct tg_key text = text_of(claim);
    const struct tg_claim *other = claim;
    if (tg_claim_moved(claim)) return;
    for (uint32_t i = 0; i < limit; i++) {
        tg_ref ref = tg_load_relaxed32(&other->next);
        other = ref ? tg_claim_at(local, ref) : NULL;
        if (other == NULL) return;
        struct tg_key key = text_of(other);
        if (!tg_claim_moved(other) && key.size == text.size &&
            tg_bytes_equal(key.bytes, text.bytes, key.size))
            say(check, claim, "H2", "another one has the same key");
    }
}

static void check_stripe(struct tg_check *check, uint32_t stripe) {
    struct tg_local *local = check->local;
    const tg_a32 *from = &local->hot->claims[stripe];
    uint32_t memos = 0, count = 0;
    for (tg_ref ref; (ref = tg_load_relaxed32(from)) != 0;) {
        /* A circle comes back to one that is taken. */
        if (!tg_check_take(check, ref, TG_ANY_GENERAL_CLASS, "H1", "a claim")) break;
        const struct tg_claim *claim = tg_claim_at(local, ref);
        if (claim == NULL ||
            tg_class_of_ref(local, ref) != (int)tg_claim_class(local, text_of(claim).size)) {
            tg_check_say(check, "H1", tg_check_at(check, ref), "a claim", "it can't be one");
            break;
        }
        enum tg_claim_kind kind = tg_claim_kind(claim);
        if (tg_board_stripe(local, text_of(claim)) != stripe)
            say(check, claim, "H1", "it is in another stripe than its name");
        if (kind == TG_CLAIM_BUILD)
            check_builder(check, claim);
        else if (kind != TG_CLAIM_MEMO || tg_load_relaxed64(&claim->token) != 0)
            say(check, claim, "H3", "it is neither a build nor a memo");
        memos += kind == TG_CLAIM_MEMO;
        count++;
        from = &claim->next;
    }
    if (memos > TG_MEMOS_MAX)
        tg_check_say(check, "H4", tg_check_where(check, &local->hot->claims[stripe]), "a stripe",
                     "it remembers more than it may");
    tg_ref ref = tg_load_relaxed32(&local->hot->claims[stripe]);
    for (uint32_t i = 0; i < count; i++) {
        const struct tg_claim *claim = tg_claim_at(local, ref);
        if (claim == NULL) return;
        check_single(check, claim, count - i - 1);
        ref = tg_load_relaxed32(&claim->next);
    }
}

void tg_check_board(struct tg_check *check) {
    for (uint32_t i = 0; i < TG_STRIPES; i++) {
        tg_check_lock(check, &check->local->hot->stripes[i].lock, "the lock of a stripe");
        check_stripe(check, i);
    }
}
