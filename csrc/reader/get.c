/* SPDX-License-Identifier: Apache-2.0 */
#include "look.h"
#include "reader.h"

/* Values up to IN_LOOK are copied within the look, which validates them too, unless that was
 * tried twice in vain. Larger ones in pieces: one that is gone is not copied to its end. */
#ifdef TG_SIM
enum { IN_LOOK = 32, PIECE = 32 };
#else
enum { IN_LOOK = 16384, PIECE = 4 << 20 };
#endif
enum { TRIES_IN_LOOK = 2, LEDGER_PIECE = 128 };

/* What a question has found. */
struct answer {
    struct tg_copied copied;
    struct tg_copied_object object;
    uint8_t *room; /* where the sink wants the value, */
    bool asked;    /* once it was asked */
};

static void describe(struct tg_local *local, const struct tg_view *view,
                     const struct tg_copied_object *object, struct tg_info *info) {
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    *info = (struct tg_info){
        .size = view->object ? object->size : view->size,
        .version = view->version,
        .expiry = view->expiry,
        .codec = view->codec,
        .has_value = (view->flags & value) && !tg_expired(local, view->expiry),
        .has_children = view->dir != 0,
    };
}

static void bear_witness(const struct tg_look *look, const struct tg_copied *copied,
                         struct tg_witness *witness) {
    *witness = (struct tg_witness){
        .lock = copied->lock,
        .count = (uint32_t)(copied->lock_word >> TG_LOCK_VALUE_SHIFT),
        .expiry = copied->view.expiry,
        .dir_gen = look->dir_gen,
    };
    /* Somebody may change it without another acquisition; or the path may be two halves. */
    bool locked = copied->lock_word & TG_LOCK_OWNER_MASK;
    if ((locked && !TG_MUTANT(reader_locked_witness)) || (look->seq & 1)) witness->lock = NULL;
}

/* TG_RETRY: the object went, and its memory was used again. */
static tg_status copy_payload(struct tg_look *look, const struct tg_copied_object *object,
                              uint8_t *room) {
    struct tg_os *os = look->local->os;
    bool there = true;
    for (uint64_t done = 0, piece; there && done < object->size; done += piece) {
        piece = object->size - done < PIECE ? object->size - done : PIECE;
        there = tg_look_copy(look, object->payload, done, room + done, piece) &&
                tg_look_object_there(look, object);
    }
    tg_status status = os->ops->read_check(os);
    if (status != TG_OK) return status;
    if (look->trouble != TG_OK) return look->trouble;
    return there ? TG_OK : TG_RETRY;
}

/* False: it was refused. */
static bool ask_sink(const struct tg_question *question, const struct tg_info *info,
                     struct answer *answer) {
    answer->asked = true;
    answer->room = question->sink(question->argument, info);
    return answer->room != NULL;
}

/* One look for a key. TG_ABSENT: nothing is there. */
static tg_status look_once(struct tg_look *look, const struct tg_question *question,
                           struct tg_info *info, struct answer *answer) {
    struct tg_copied *copied = &answer->copied;
    struct tg_copied_object *object = &answer->object;
    bool found = tg_look_walk(look, question->key, copied);
    answer->asked = false;
    if (found && copied->view.object) found = tg_look_object(look, copied->view.object, object);
    if (found) describe(look->local, &copied->view, object, info);
    if (found && question->sink && !copied->view.object) found = tg_look_value(look, copied);
    if (found && question->sink && copied->view.object && info->has_value &&
        info->size <= IN_LOOK && look->looks <= TRIES_IN_LOOK && ask_sink(question, info, answer))
        found = tg_look_copy(look, object->payload, 0, answer->room, info->size);
    tg_status status = tg_look_end(look, true);
    if (status != TG_OK) return status;
    if (!found) return TG_ABSENT;
    /* One transaction gave both their version. */
    bool strange = copied->view.object && object->version != copied->view.version;
    return strange ? TG_CORRUPT : TG_OK;
}

/* After a look that held. TG_RETRY: the value went before it was copied. */
static tg_status give(struct tg_look *look, const struct tg_question *question,
                      const struct tg_info *info, struct answer *answer) {
    const struct tg_view *view = &answer->copied.view;
    if (answer->asked) return answer->room ? TG_OK : TG_INVALID;
    if (info->size > look->local->arena_end - look->local->arena_begin) return TG_CORRUPT;
    if (!ask_sink(question, info, answer)) return TG_INVALID;
    if (view->object) return copy_payload(look, &answer->object, answer->room);
    memcpy(answer->room, view->value, info->size);
    return TG_OK;
}

static tg_status absent(struct tg_key key) { return tg_key_valid(key) ? TG_ABSENT : TG_INVALID; }

tg_status tg_reader_get(struct tg_local *local, const struct tg_question *question,
                        struct tg_info *info, struct tg_witness *witness) {
    struct tg_look look;
    struct answer answer;
    tg_look_init(&look, local);
    while (tg_look_begin(&look, true)) {
        *info = (struct tg_info){0};
        witness->lock = NULL;
        tg_status status = look_once(&look, question, info, &answer);
        if (status == TG_RETRY) continue;
        if (status == TG_ABSENT) {
            *info = (struct tg_info){0};
            return absent(question->key);
        }
        if (status != TG_OK) return status;
        bear_witness(&look, &answer.copied, witness);
        if (question->sink && info->has_value) status = give(&look, question, info, &answer);
        if (status == TG_RETRY) continue;
        if (status != TG_OK) return status;
        return info->has_value || info->has_children ? TG_OK : TG_ABSENT;
    }
    return TG_INTERRUPTED;
}

tg_status tg_reader_stat(struct tg_local *local, struct tg_key key, struct tg_info *info) {
    struct tg_look look;
    struct tg_copied copied;
    struct tg_copied_object object = {0};
    tg_look_init(&look, local);
    *info = (struct tg_info){0};
    while (tg_look_begin(&look, true)) {
        uint8_t children[4] = {0};
        bool found = tg_look_walk(&look, key, &copied);
        if (found && copied.view.object) found = tg_look_object(&look, copied.view.object, &object);
        if (found && copied.view.dir)
            found = tg_look_changing(&look, copied.view.dir, offsetof(struct tg_dir, count),
                                     children, sizeof children);
        tg_status status = tg_look_end(&look, true);
        if (status == TG_RETRY) continue;
        if (status != TG_OK) return status;
        if (!found) return absent(key);
        describe(local, &copied.view, &object, info);
        info->children = tg_bytes4(children);
        if (!info->has_value && !info->has_children) return TG_ABSENT;
        return copied.view.object ? tg_reader_pins(local, copied.view.object, &info->pins) : TG_OK;
    }
    return TG_INTERRUPTED;
}

/* ---- pins ------------------------------------------------------------------------------ */

/* Chunks of a ledger are never given back, so there is nothing to validate. */
static bool count_chunk(struct tg_look *look, tg_ref chunk, uint32_t entries, tg_ref object,
                        uint32_t *count) {
    uint8_t copy[LEDGER_PIECE * sizeof(tg_a64)];
    for (uint32_t done = 0, piece; done < entries; done += piece) {
        piece = entries - done < LEDGER_PIECE ? entries - done : LEDGER_PIECE;
        if (!tg_look_copy(look, chunk, done * sizeof(tg_a64), copy, piece * sizeof(tg_a64)))
            return false;
        for (uint32_t i = 0; i < piece; i++) {
            uint64_t entry = tg_bytes8(copy + i * sizeof(tg_a64));
            if (TG_ENTRY_STATE(entry) == TG_LEDGER_PIN &&
                (object == 0 || TG_ENTRY_REF(entry) == object))
                ++*count;
        }
    }
    return true;
}

static bool count_process(struct tg_look *look, const struct tg_process *process, tg_ref object,
                          uint32_t *count) {
    if (tg_load_relaxed32(&process->state) == TG_PROCESS_FREE) return true;
    /* PAIR publish: a chunk is zeroed before it is counted. */
    uint32_t chunks = tg_load_acquire32(&process->ledger_count);
    for (uint32_t k = 0; k < chunks && k < TG_LEDGER_CHUNKS; k++)
        if (!count_chunk(look, tg_load_relaxed32(&process->ledger[k]), TG_LEDGER_FIRST << k, object,
                         count))
            return false;
    return true;
}

tg_status tg_reader_pins(struct tg_local *local, tg_ref object, uint32_t *count) {
    struct tg_look look;
    uint64_t high = tg_load_relaxed64(&local->hot->process_high);
    if (high > local->header.process_count) high = local->header.process_count;
    tg_look_init(&look, local);
    while (tg_look_begin(&look, false)) {
        struct tg_os *os = local->os;
        bool good = true;
        *count = 0;
        for (uint64_t p = 0; p < high && good; p++)
            good = count_process(&look, &local->processes[p], object, count);
        tg_status status = os->ops->read_check(os);
        if (status == TG_RETRY) continue;
        return status == TG_OK ? look.trouble : status;
    }
    return TG_INTERRUPTED;
}
