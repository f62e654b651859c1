/* SPDX-License-Identifier: Apache-2.0 */
/* A node whose removal ends more directories than a path remembers (removal.h). */
#include "removal.h"

/* What the way down has found so far. */
struct descent {
    struct tg_level at, above; /* this step, the one before */
    uint32_t levels;           /* directories that end, up to this step */
    struct tg_level top;       /* stands in the last directory that stays */
    struct tg_level below;     /* stands in the first that ends */
    uint32_t top_flags, top_value_size, above_flags, above_value_size;
};

static void note(struct descent *descent, const struct tg_record *record, bool ends) {
    uint32_t value = TG_RECORD_VALUE | TG_RECORD_OBJECT;
    uint32_t flags = tg_record_flags(record), size = tg_record_value_size(record);
    if (!ends) {
        descent->levels = 0;
        descent->top = descent->at;
        descent->top_flags = flags;
        descent->top_value_size = size;
    } else if (descent->above_flags & value) {
        descent->levels = 0; /* it keeps its value: a shrink */
        descent->top = descent->above;
        descent->top_flags = descent->above_flags;
        descent->top_value_size = descent->above_value_size;
    }
    if (ends && descent->levels++ == 0) descent->below = descent->at;
    descent->above = descent->at;
    descent->above_flags = flags;
    descent->above_value_size = size;
}

static tg_status descend(struct tg_local *local, struct tg_key key, tg_ref spare,
                         struct descent *descent) {
    const char *rest = key.bytes, *end = key.bytes + key.size;
    bool begun = false, corrupt = false;
    tg_ref root = tg_load_relaxed32(&local->hot->root), ref = root;
    struct tg_level *at = &descent->at;
    while (tg_key_next(&rest, end, &begun, &at->name)) {
        struct tg_dir *dir = ref ? tg_dir_at(local, ref) : NULL;
        if (dir == NULL) return TG_RETRY;
        at->dir = ref;
        /* PAIR publish: the dir's fields were written before the record that names it. */
        at->generation = tg_load_acquire32(&dir->generation);
        at->hash = tg_component_hash(local, ref, &at->name);
        struct tg_record *record = tg_table_find(local, at->hash, ref, &at->name, &corrupt);
        if (record == NULL) return corrupt ? TG_CORRUPT : TG_RETRY;
        bool ends = ref != root && ref != spare && tg_load_relaxed32(&dir->count) == 1;
        note(descent, record, ends);
        ref = tg_record_dir(record);
    }
    return TG_OK;
}

tg_status tg_unlink_plan_deep(struct tg_call *call, struct tg_key key, struct tg_unlink *unlink) {
    struct descent descent = {.levels = 0};
    tg_held_to_read(call);
    tg_status status = descend(call->local, key, unlink->spare_dir, &descent);
    if (!tg_read_to_held(call)) return TG_RETRY;
    if (status != TG_OK) return status;
    const struct tg_level *leaf = &descent.at, *found = &unlink->path->at;
    if (leaf->dir != found->dir || leaf->generation != found->generation) return TG_RETRY;
    unlink->levels = descent.levels < 2 ? descent.levels : 2;
    unlink->level[0] = *leaf;
    if (unlink->levels == 2) unlink->level[1] = descent.below;
    if (unlink->levels > 0) unlink->level[unlink->levels] = descent.top;
    unlink->top_flags = descent.top_flags;
    unlink->top_value_size = descent.top_value_size;
    unlink->shrink =
        unlink->levels > 0 && (descent.top_flags & (TG_RECORD_VALUE | TG_RECORD_OBJECT));
    return TG_OK;
}

tg_status tg_unlink_replan_deep(struct tg_call *call, struct tg_key key, struct tg_unlink *unlink) {
    bool shrink = unlink->shrink;
    uint32_t class = shrink ? tg_unlink_class(call, unlink) : 0;
    if (TG_MUTANT(deep_planned_once)) return TG_OK;
    tg_status status = tg_unlink_plan_deep(call, key, unlink);
    if (status != TG_OK) return status;
    /* The block was prepared before the locks. */
    bool same = unlink->shrink == shrink && (!shrink || tg_unlink_class(call, unlink) == class);
    return same ? TG_OK : TG_RETRY;
}
