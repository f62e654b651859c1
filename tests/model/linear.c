/* SPDX-License-Identifier: Apache-2.0 */
#include "linear.h"

#include <string.h>

#include "world.h"

const char *linear_name(enum linear_kind kind) {
    static const char *const names[] = {"end",    "set",   "add",   "cas",   "get",    "contains",
                                        "delete", "pop",   "drop",  "clear", "rename", "move",
                                        "touch",  "pin",   "unpin", "list",  "tidy",   "settle",
                                        "verify", "build", "fail",  "none"};
    return names[kind];
}

/* ---- history ------------------------------------------------------------------------ */

struct linear_op *linear_begin(struct linear_history *history, const struct linear_op *op) {
    SIM_EXPECT(history->count < LINEAR_OPS);
    struct linear_op *noted = &history->op[history->count++];
    *noted = *op;
    noted->begun = ++history->clock;
    noted->ended = 0;
    return noted;
}

void linear_end(struct linear_history *history, struct linear_op *op) {
    op->ended = ++history->clock;
}

/* ---- the tree ----------------------------------------------------------------------- */

static bool is_below(const char *key, const char *above) {
    size_t size = strlen(above);
    return strncmp(key, above, size) == 0 && key[size] == '/';
}

static struct linear_entry *find(struct linear_tree *tree, const char *key) {
    for (uint32_t i = 0; i < tree->count; i++)
        if (strcmp(tree->entry[i].key, key) == 0) return &tree->entry[i];
    return NULL;
}

static struct linear_entry *live(struct linear_tree *tree, const char *key) {
    struct linear_entry *entry = find(tree, key);
    return entry && entry->expiry != LINEAR_EXPIRED ? entry : NULL;
}

static bool has_children(const struct linear_tree *tree, const char *key) {
    for (uint32_t i = 0; i < tree->count; i++)
        if (is_below(tree->entry[i].key, key)) return true;
    return false;
}

static void forget(struct linear_tree *tree, struct linear_entry *entry) {
    *entry = tree->entry[--tree->count];
}

static void forget_all(struct linear_tree *tree, const char *key) {
    for (uint32_t i = tree->count; i > 0; i--) {
        struct linear_entry *entry = &tree->entry[i - 1];
        if (strcmp(entry->key, key) == 0 || is_below(entry->key, key)) forget(tree, entry);
    }
}

void linear_add(struct linear_tree *tree, const char *key, unsigned value, uint64_t version,
                uint32_t expiry) {
    SIM_EXPECT(tree->count < LINEAR_ENTRIES && strlen(key) < LINEAR_KEY);
    struct linear_entry *entry = &tree->entry[tree->count++];
    *entry = (struct linear_entry){.value = value, .version = version, .expiry = expiry};
    memcpy(entry->key, key, strlen(key) + 1);
}

/* ---- the calls ---------------------------------------------------------------------- */

static bool answers(const struct linear_op *op, tg_status status) {
    return op->ended == 0 || op->status == status;
}

static bool put(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = find(tree, op->key);
    if (entry) forget(tree, entry);
    linear_add(tree, op->key, op->value, op->version, 0);
    return answers(op, TG_OK);
}

static bool apply_set(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = live(tree, op->key);
    if (op->kind == LINEAR_ADD && entry) return answers(op, TG_EXISTS);
    if (op->kind == LINEAR_CAS) {
        /* The version of a value whose setter was killed is what its reader says. */
        bool known = entry && entry->version != 0;
        if (entry && !known && op->status == TG_OK) entry->version = op->expected;
        bool same = entry ? entry->version && entry->version == op->expected : op->expected == 0;
        if (!same) return answers(op, TG_MISMATCH);
    }
    return put(tree, op);
}

static bool matches(struct linear_entry *entry, const struct linear_op *op) {
    if (op->ended == 0) return true;
    if (op->found != entry->value || op->expiry != entry->expiry) return false;
    if (entry->version == 0) entry->version = op->version;
    return entry->version == op->version;
}

static bool apply_get(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = live(tree, op->key);
    if (entry == NULL) return answers(op, TG_ABSENT);
    return answers(op, TG_OK) && matches(entry, op);
}

static bool apply_contains(struct linear_tree *tree, const struct linear_op *op) {
    unsigned found = (live(tree, op->key) ? 1u : 0u) | (has_children(tree, op->key) ? 2u : 0u);
    if (found == 0) return answers(op, TG_ABSENT);
    return answers(op, TG_OK) && (op->ended == 0 || op->found == found);
}

static bool apply_delete(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = find(tree, op->key);
    if (entry == NULL) return answers(op, TG_ABSENT);
    bool gone = entry->expiry == LINEAR_EXPIRED;
    if (op->kind == LINEAR_POP) {
        if (gone) return answers(op, TG_ABSENT); /* and it stays */
        if (!matches(entry, op)) return false;
    }
    forget(tree, entry);
    return answers(op, gone ? TG_ABSENT : TG_OK);
}

static bool apply_drop(struct linear_tree *tree, const struct linear_op *op) {
    bool children = has_children(tree, op->key), there = live(tree, op->key) || children;
    forget_all(tree, op->key);
    return answers(op, there ? TG_OK : TG_ABSENT);
}

static bool move_all(struct linear_tree *tree, const struct linear_op *op) {
    size_t size = strlen(op->key), more = strlen(op->to);
    forget_all(tree, op->to);
    for (uint32_t i = 0; i < tree->count; i++) {
        char *key = tree->entry[i].key, moved[LINEAR_KEY];
        if (strcmp(key, op->key) != 0 && !is_below(key, op->key)) continue;
        SIM_EXPECT(strlen(key) - size + more < LINEAR_KEY);
        memcpy(moved, op->to, more);
        memcpy(moved + more, key + size, strlen(key) - size + 1);
        memcpy(key, moved, sizeof moved);
    }
    return answers(op, TG_OK);
}

static bool apply_rename(struct linear_tree *tree, const struct linear_op *op) {
    bool replace = op->kind == LINEAR_MOVE, children = has_children(tree, op->key);
    if (!find(tree, op->key) && !children) return answers(op, TG_ABSENT);
    if (is_below(op->to, op->key)) return answers(op, TG_INVALID);
    if (strcmp(op->key, op->to) == 0) return answers(op, replace ? TG_OK : TG_EXISTS);
    if (is_below(op->key, op->to)) return answers(op, replace ? TG_INVALID : TG_EXISTS);
    bool stands = live(tree, op->to) || has_children(tree, op->to);
    if (stands && !replace) return answers(op, TG_EXISTS);
    if (!live(tree, op->key) && !children) return answers(op, TG_ABSENT);
    return move_all(tree, op);
}

static bool apply_touch(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = live(tree, op->key);
    if (entry == NULL) return answers(op, TG_ABSENT);
    entry->expiry = op->value;
    return answers(op, TG_OK);
}

static bool apply_build(struct linear_tree *tree, const struct linear_op *op) {
    struct linear_entry *entry = live(tree, op->key);
    /* Killed: it may have been stored. */
    if (op->ended == 0) return op->kind != LINEAR_BUILD || entry || put(tree, op);
    switch (op->outcome) {
    case LINEAR_FOUND: return entry && matches(entry, op);
    case LINEAR_STORED: return entry == NULL && put(tree, op);
    case LINEAR_REMEMBERED: return entry == NULL;
    default: return true;
    }
}

bool linear_apply(struct linear_tree *tree, const struct linear_op *op) {
    /* These answers say that nothing happened; the world says whether they may be given. */
    if (op->ended && (op->status == TG_TIMEOUT || op->status == TG_NO_CONTEXT)) return true;
    switch (op->kind) {
    case LINEAR_SET:
    case LINEAR_ADD:
    case LINEAR_CAS: return apply_set(tree, op);
    case LINEAR_GET:
    case LINEAR_PIN: return apply_get(tree, op);
    case LINEAR_CONTAINS: return apply_contains(tree, op);
    case LINEAR_DELETE:
    case LINEAR_POP: return apply_delete(tree, op);
    case LINEAR_DROP: return apply_drop(tree, op);
    case LINEAR_CLEAR: tree->count = 0; return answers(op, TG_OK);
    case LINEAR_RENAME:
    case LINEAR_MOVE: return apply_rename(tree, op);
    case LINEAR_TOUCH: return apply_touch(tree, op);
    case LINEAR_BUILD:
    case LINEAR_FAIL:
    case LINEAR_NONE: return apply_build(tree, op);
    default: return true;
    }
}

/* ---- the search --------------------------------------------------------------------- */

static bool agrees(const struct linear_tree *tree, const struct linear_tree *seen) {
    uint32_t lives = 0;
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct linear_entry *entry = &tree->entry[i];
        if (entry->expiry == LINEAR_EXPIRED) continue;
        const struct linear_entry *other = live((struct linear_tree *)seen, entry->key);
        if (other == NULL || other->value != entry->value) return false;
        if (entry->version && entry->version != other->version) return false;
        if (entry->expiry != other->expiry) return false;
        lives++;
    }
    return lives == seen->count;
}

struct search {
    const struct linear_history *history;
    const struct linear_tree *after;
};

/* May this one be next? Not if one that is still to come had ended before it began. */
static bool may_be_next(const struct linear_history *history, uint32_t done, uint32_t next) {
    for (uint32_t i = 0; i < history->count; i++) {
        const struct linear_op *other = &history->op[i];
        if (done >> i & 1 || i == next || other->ended == 0) continue;
        if (other->ended < history->op[next].begun) return false;
    }
    return true;
}

/* `done`: what happened so far. As deep as there are calls. */
static bool explain(const struct search *search, uint32_t done, const struct linear_tree *tree) {
    const struct linear_history *history = search->history;
    bool left = false;
    for (uint32_t i = 0; i < history->count; i++)
        left |= !(done >> i & 1) && history->op[i].ended != 0;
    if (!left && agrees(tree, search->after)) return true;
    for (uint32_t i = 0; i < history->count; i++) {
        if (done >> i & 1 || !may_be_next(history, done, i)) continue;
        struct linear_tree next = *tree;
        if (linear_apply(&next, &history->op[i]) && explain(search, done | 1u << i, &next))
            return true;
    }
    return false;
}

bool linear_check(const struct linear_history *history, const struct linear_tree *before,
                  const struct linear_tree *after) {
    struct search search = {history, after};
    return explain(&search, 0, before);
}
