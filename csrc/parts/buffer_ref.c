/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer_ref.h"

#include "../word/change.h"
#include "../word/wait.h"

enum { ENTRY_BITS = 12, GENERATIONS = 1023 };

static const struct tg_word_shape *const shape = &tg_bufref_shape;

/* ---- who is who -------------------------------------------------------------------- */

/* Never 0, so entry 0 has a name, too. */
static uint32_t entry_name(uint32_t process, uint32_t generation) {
    return process | (1 + generation % GENERATIONS) << ENTRY_BITS;
}

static uint64_t tag_of(const struct tg_store *store) {
    const uint8_t *uuid = store->local.header.uuid;
    return (1 + (uuid[0] | (uint64_t)uuid[1] << 8) % 255) << 32;
}

/* What the word calls us; 0: a store, and we are a forked child that is not attached yet. */
static uint32_t our_name(const struct tg_bufref *self, uint64_t me) {
    if (self->store == NULL) return (uint32_t)(me & shape->owner_mask);
    if (!tg_store_usable(self->store)) return 0;
    return entry_name(self->store->local.process, self->store->local.process_generation);
}

/* Is the process entry of this name another's by now, or nobody's? */
static bool entry_died(const struct tg_local *local, uint32_t name) {
    uint32_t process = name & ((1u << ENTRY_BITS) - 1);
    if (process >= local->header.process_count) return false; /* garbage */
    struct tg_os *os = local->os;
    if (os->ops->life_probe(os, process) == TG_LIFE_DEAD) return true;
    if (TG_MUTANT(bufref_generation_ignored)) return false;
    uint32_t generation = tg_load_relaxed32(&local->processes[process].generation);
    return entry_name(process, generation) != name;
}

static bool holder_died(const struct tg_bufref *self, uint32_t owner) {
    if (TG_MUTANT(bufref_robs_the_living)) return true;
    if (self->store) return entry_died(&self->store->local, owner);
    return self->private && !self->os->ops->thread_lives(self->os, owner);
}

/* Does this thread hold the lock that `word` shows, through this view? */
static bool is_holder(const struct tg_bufref *self, uint64_t me, uint64_t word) {
    return tg_bufref_owner(word) != 0 && tg_load_relaxed64(&self->holder) == me &&
           tg_bufref_owner(word) == our_name(self, me);
}

/* ---- the lock ------------------------------------------------------------------------ */

/* A dead holder's lock becomes free, and known to be orphaned, in one step. */
static tg_status ask(struct tg_wait *wait, uint64_t word) {
    const struct tg_bufref *self = wait->self;
    if (!holder_died(self, tg_bufref_owner(word))) return TG_BUSY;
    uint64_t next = word & ~shape->owner_mask;
    if (!TG_MUTANT(bufref_taken_silently)) next |= TG_BUFREF_ORPHANED;
    /* PAIR lock: from exactly this dead holder; all it wrote, before the next one's. */
    (void)tg_cas_acqrel64(self->word, &word, next);
    return TG_OK;
}

/* Nobody knows the age of an heir: the first one stays. */
static uint32_t weaker(const struct tg_wait *wait, uint32_t heir) {
    (void)wait, (void)heir;
    return 0;
}

static void began(struct tg_wait *wait, uint64_t now_ns) { (void)wait, (void)now_ns; }

static const struct tg_wait_rules rules = {&tg_bufref_shape, ask, weaker, began};

/* TG_BUSY: held or reserved; *old says by whom. */
static tg_status try_acquire(struct tg_bufref *self, const struct tg_wait *wait, uint64_t *old) {
    uint64_t next;
    *old = tg_load_relaxed64(self->word);
    for (int tries = 0; tries < 32; tries++) {
        if ((*old & TG_BUFREF_TAG_MASK) != self->tag) return TG_MISMATCH;
        if (!tg_shaped_acquire(shape, *old, wait->id, 0, wait->stale, wait->slept, &next))
            return TG_BUSY;
        /* PAIR lock: sees what the last holder wrote. Other end: tg_word_release. */
        if (tg_cas_acqrel64(self->word, old, next)) return TG_OK;
    }
    return TG_BUSY;
}

/* Not by a holder. On TG_OK we are `wait.id`. */
static tg_status acquire(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns) {
    struct tg_wait wait;
    uint64_t old;
    uint32_t id = our_name(self, me);
    if (id == 0) return TG_CLOSED;
    tg_wait_begin(&wait, &rules, self, self->os, self->word, id, deadline_ns);
    tg_status status = try_acquire(self, &wait, &old);
    while (status == TG_BUSY) {
        status = tg_wait_turn(&wait, old);
        if (status == TG_OK) status = try_acquire(self, &wait, &old);
    }
    if (status != TG_OK) tg_wait_give_up(&wait);
    return status;
}

static void release(struct tg_bufref *self, uint64_t also) {
    tg_word_release(self->os, shape, self->word, also);
}

tg_status tg_bufref_lock(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns) {
    if (is_holder(self, me, tg_bufref_word(self))) return TG_EXISTS;
    tg_status status = acquire(self, me, deadline_ns);
    if (status == TG_OK) tg_store_relaxed64(&self->holder, me);
    return status;
}

tg_status tg_bufref_unlock(struct tg_bufref *self, uint64_t me) {
    if (!is_holder(self, me, tg_bufref_word(self))) return TG_INVALID;
    tg_store_relaxed64(&self->holder, 0); /* before the next one's note */
    release(self, TG_BUFREF_ORPHANED);
    return TG_OK;
}

tg_status tg_bufref_mark_dead(struct tg_bufref *self, uint64_t me) {
    if (!is_holder(self, me, tg_bufref_word(self))) return TG_INVALID;
    /* PAIR lockref: dead before the lock is free. */
    tg_or_acqrel64(self->word, TG_LOCK_DEAD);
    return TG_OK;
}

/* ---- counts ------------------------------------------------------------------------- */

static bool next_get_not_zero(uint64_t old, uint64_t *next) {
    return tg_shaped_get_not_zero(shape, old, next);
}
static bool next_get_not_dead(uint64_t old, uint64_t *next) {
    return tg_shaped_get_not_dead(shape, old, next);
}
static bool next_put(uint64_t old, uint64_t *next) { return tg_shaped_put(shape, old, next); }
static bool next_put_not_last(uint64_t old, uint64_t *next) {
    return tg_shaped_put_not_last(shape, old, next);
}

/* The lock is ours: nobody else moves the count (W2); others set flags. */
static tg_status change_locked(struct tg_bufref *self, tg_transition change, uint64_t *old) {
    uint64_t next;
    *old = tg_bufref_word(self) & ~shape->owner_mask;
    if (!change(*old, &next)) return TG_RETRY;
    /* PAIR lockref: as the swap of word/change.h. */
    tg_add_acqrel64(self->word, next - *old);
    return TG_OK;
}

/* TG_OK; TG_RETRY: refused, because of *old. */
static tg_status change_count(struct tg_bufref *self, uint64_t me, tg_transition change,
                              uint64_t deadline_ns, uint64_t *old) {
    if (is_holder(self, me, tg_bufref_word(self))) return change_locked(self, change, old);
    tg_status status =
        tg_word_change(self->word, shape, TG_BUFREF_TAG_MASK, self->tag, change, old);
    if (status != TG_BUSY) return status;
    status = acquire(self, me, deadline_ns);
    if (status != TG_OK) return status;
    status = change_locked(self, change, old);
    release(self, TG_MUTANT(bufref_count_unorphans) ? TG_BUFREF_ORPHANED : 0);
    return status;
}

tg_status tg_bufref_get(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns) {
    uint64_t old;
    tg_status status = change_count(self, me, next_get_not_dead, deadline_ns, &old);
    if (status != TG_RETRY) return status;
    return tg_word_dead(old) ? TG_DEAD : TG_OVERFLOW;
}

tg_status tg_bufref_get_not_zero(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns) {
    uint64_t old;
    tg_status status = change_count(self, me, next_get_not_zero, deadline_ns, &old);
    if (status != TG_RETRY) return status;
    return tg_word_dead(old) || tg_bufref_count(old) == 0 ? TG_ABSENT : TG_OVERFLOW;
}

tg_status tg_bufref_put(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns, uint32_t *left) {
    uint64_t old;
    tg_status status = change_count(self, me, next_put, deadline_ns, &old);
    if (status == TG_RETRY) return TG_INVALID;
    if (status == TG_OK) *left = tg_bufref_count(old) - 1;
    return status;
}

tg_status tg_bufref_put_not_last(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns) {
    uint64_t old;
    tg_status status = change_count(self, me, next_put_not_last, deadline_ns, &old);
    return status == TG_RETRY ? TG_ABSENT : status;
}

tg_status tg_bufref_put_or_lock(struct tg_bufref *self, uint64_t me, uint64_t deadline_ns,
                                bool *locked) {
    uint64_t old;
    *locked = false;
    if (is_holder(self, me, tg_bufref_word(self))) return TG_EXISTS;
    tg_status status =
        tg_word_change(self->word, shape, TG_BUFREF_TAG_MASK, self->tag, next_put_not_last, &old);
    if (status != TG_BUSY && status != TG_RETRY) return status;
    status = acquire(self, me, deadline_ns);
    if (status != TG_OK) return status;
    /* Somebody may have taken a reference meanwhile. */
    if (!TG_MUTANT(bufref_last_unchecked) &&
        change_locked(self, next_put_not_last, &old) == TG_OK) {
        release(self, 0);
        return TG_OK;
    }
    tg_store_relaxed64(&self->holder, me);
    *locked = true;
    return TG_OK;
}

/* ---- the beginning and the end -------------------------------------------------------- */

/* The first user with a store says which: all see its names alike from then on. */
static tg_status set_tag(struct tg_bufref *self) {
    uint64_t old = tg_bufref_word(self);
    for (;;) {
        if ((old & TG_BUFREF_TAG_MASK) == self->tag) return TG_OK;
        if ((old & TG_BUFREF_TAG_MASK) != 0) return TG_MISMATCH;
        if (tg_bufref_owner(old) != 0) return TG_BUSY;
        /* PAIR lockref: continues the release sequence of the word. */
        if (tg_cas_acqrel64(self->word, &old, old | self->tag)) return TG_OK;
    }
}

tg_status tg_bufref_init(struct tg_bufref *self, tg_a64 *word, struct tg_os *os,
                         struct tg_store *store, bool private) {
    if ((uintptr_t)word % 8 != 0) return TG_INVALID;
    *self = (struct tg_bufref){.word = word, .os = os, .store = store, .private = private};
    self->tag = store ? tag_of(store) : 0;
    return set_tag(self);
}

bool tg_bufref_abandon(struct tg_bufref *self, uint64_t me) {
    uint64_t holder = tg_load_relaxed64(&self->holder);
    tg_store_relaxed64(&self->holder, 0);
    /* In a forked child the lock is its parent's. */
    if (holder == 0 || holder >> 32 != me >> 32) return false;
    /* PAIR lock: what we wrote, before it is free. */
    tg_or_acqrel64(self->word, TG_BUFREF_ORPHANED);
    release(self, 0);
    return true;
}
