/* SPDX-License-Identifier: Apache-2.0 */
/* An edit: several changes planned on the stack, seen by later reads of the same plan,
 * and logged together at the end.
 *
 * What
 *   List surgery reads words that it has just changed (a neighbour that is also a list
 *   head). The log can't be read, so changes are collected here first; each word appears
 *   once. Abandoning an edit costs nothing: nothing was logged.
 * Invariants
 *   E1  The words are guarded by locks that the call holds, from the first read to the
 *       commit, or are private to its context.
 * Death: private memory.  Progress: a linear search of at most TG_EDIT_CAPACITY words.
 * API: tg_edit_get32/64, tg_edit_set32/64, tg_edit_room, tg_edit_log.
 */
#ifndef TG_ARENA_EDIT_H
#define TG_ARENA_EDIT_H

#include "../journal/journal.h"

enum { TG_EDIT_CAPACITY = TG_LOG_CAPACITY };

struct tg_edit {
    struct tg_call *call;
    uint32_t count;
    struct {
        void *word;
        uint64_t value;
        bool wide;
    } entry[TG_EDIT_CAPACITY];
};

static inline void tg_edit_begin(struct tg_edit *edit, struct tg_call *call) {
    edit->call = call;
    edit->count = 0;
}

static inline uint32_t tg_edit_room(const struct tg_edit *edit) {
    return TG_EDIT_CAPACITY - edit->count;
}

/* The entry of this word, or the count. */
static inline uint32_t tg_edit_find(const struct tg_edit *edit, const void *word) {
    uint32_t i = 0;
    while (i < edit->count && edit->entry[i].word != word) i++;
    return i;
}

static inline uint64_t tg_edit_get64(const struct tg_edit *edit, const tg_a64 *word) {
    uint32_t i = tg_edit_find(edit, word);
    return i < edit->count ? edit->entry[i].value : tg_load_relaxed64(word);
}

static inline uint32_t tg_edit_get32(const struct tg_edit *edit, const tg_a32 *word) {
    uint32_t i = tg_edit_find(edit, word);
    return i < edit->count ? (uint32_t)edit->entry[i].value : tg_load_relaxed32(word);
}

static inline void tg_edit_set(struct tg_edit *edit, void *word, uint64_t value, bool wide) {
    uint32_t i = tg_edit_find(edit, word);
    TG_CHECK(i < TG_EDIT_CAPACITY);
    edit->entry[i].word = word;
    edit->entry[i].value = value;
    edit->entry[i].wide = wide;
    if (i == edit->count) edit->count++;
}

static inline void tg_edit_set64(struct tg_edit *edit, tg_a64 *word, uint64_t value) {
    tg_edit_set(edit, word, value, true);
}

static inline void tg_edit_set32(struct tg_edit *edit, tg_a32 *word, uint32_t value) {
    tg_edit_set(edit, word, value, false);
}

static inline void tg_edit_log(const struct tg_edit *edit) {
    for (uint32_t i = 0; i < edit->count; i++) {
        if (edit->entry[i].wide)
            tg_log64(edit->call, edit->entry[i].word, edit->entry[i].value);
        else
            tg_log32(edit->call, edit->entry[i].word, (uint32_t)edit->entry[i].value);
    }
}

#endif
