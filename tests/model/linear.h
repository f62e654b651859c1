/* SPDX-License-Identifier: Apache-2.0 */
/* Is there an order of these calls in which a plain tree would have answered the same?
 *
 * What
 *   A history is what a few actors did: calls with their begin, their end and their answer.
 *   The checker looks for an order that keeps "ended before the other began" and in which
 *   the sequential model answers as the store did (Wing and Gong 1993, Lowe 2017). A call
 *   without an end (its process was killed) happened at any time after its begin, or never.
 *
 *   The model is a flat list of keys: a node is there while it has a value, or a key below.
 *   An expired value is in the list, and nearly nowhere else.
 * API: linear_begin, linear_end, linear_check, linear_apply. */
#ifndef TG_MODEL_LINEAR_H
#define TG_MODEL_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum linear_kind {
    LINEAR_END = 0,
    LINEAR_SET,
    LINEAR_ADD,      /* if absent */
    LINEAR_CAS,      /* if the version is the one this actor saw last */
    LINEAR_GET,
    LINEAR_CONTAINS,
    LINEAR_DELETE,
    LINEAR_POP,
    LINEAR_DROP,
    LINEAR_CLEAR,
    LINEAR_RENAME,
    LINEAR_MOVE,     /* a rename that replaces */
    LINEAR_TOUCH,
    LINEAR_PIN,      /* reads; the pin is kept */
    LINEAR_UNPIN,    /* from here on: no change */
    LINEAR_LIST,
    LINEAR_TIDY,
    LINEAR_SETTLE,
    LINEAR_VERIFY,
    LINEAR_BUILD,    /* get or create */
    LINEAR_FAIL,     /* ..., and the factory raises */
    LINEAR_NONE,     /* ..., and it says that there is no value */
};

/* How a build ended. All but the first two change nothing. */
enum linear_outcome {
    LINEAR_FOUND = 0,
    LINEAR_STORED,
    LINEAR_LATE,
    LINEAR_GAVE_UP,
    LINEAR_NOTED,      /* that there is none */
    LINEAR_REMEMBERED, /* that somebody noted it */
};

enum { LINEAR_KEY = 48, LINEAR_OPS = 24, LINEAR_ENTRIES = 16, LINEAR_TEXT = 48 };
enum { LINEAR_EXPIRED = 1 }; /* an expiry that is past */

struct linear_op {
    enum linear_kind kind;
    const char *key, *to;
    unsigned value;     /* to be set; or the expiry of a touch */
    uint64_t expected;  /* version, of LINEAR_CAS */
    /* The answer. */
    tg_status status;
    unsigned found;     /* value, of those that read; of CONTAINS: 1 a value, 2 children */
    uint64_t version;   /* published, or found; 0 = unknown */
    uint32_t expiry;    /* found */
    enum linear_outcome outcome; /* of BUILD, FAIL, NONE */
    uint64_t token;         /* of its claim */
    uint32_t claimed;       /* when the build was ours; 0 = it never was */
    char text[LINEAR_TEXT]; /* of LIST: names, each followed by a blank */
    uint32_t begun, ended;  /* ended 0: never */
    uint32_t late;          /* the true end of a build that counts from its claim on */
};

struct linear_history {
    uint32_t clock, count;
    struct linear_op op[LINEAR_OPS];
};

struct linear_entry {
    char key[LINEAR_KEY];
    unsigned value;
    uint64_t version;
    uint32_t expiry;
};

struct linear_tree {
    uint32_t count;
    struct linear_entry entry[LINEAR_ENTRIES];
};

/* Notes that a call begins; its answer goes into what is returned, before linear_end. */
struct linear_op *linear_begin(struct linear_history *history, const struct linear_op *op);
void linear_end(struct linear_history *history, struct linear_op *op);

/* The call happens now. False: the tree would have answered something else. An answer that is
 * not known (ended 0) is never wrong. */
bool linear_apply(struct linear_tree *tree, const struct linear_op *op);

/* Can `before` have become `after` by this history? */
bool linear_check(const struct linear_history *history, const struct linear_tree *before,
                  const struct linear_tree *after);

/* Adds an entry to a tree that is being described. */
void linear_add(struct linear_tree *tree, const char *key, unsigned value, uint64_t version,
                uint32_t expiry);
const char *linear_name(enum linear_kind kind);

#endif
