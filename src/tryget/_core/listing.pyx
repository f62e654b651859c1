# SPDX-License-Identifier: Apache-2.0
"""Listings: batches of children from the core, made into names and paths."""

from cpython.unicode cimport PyUnicode_DecodeUTF8

cdef enum:
    BATCH = 128
    FEW = 4  # to see whether there is one
    TEXT_BYTES = 8192


cdef class Level:
    """A position in the listing of one directory, and the batch read last."""

    cdef str prefix  # of the paths below, with the slash at its end
    cdef uint32_t dir
    cdef uint32_t generation
    cdef tg_cursor cursor
    cdef tg_child children[BATCH]
    cdef char text[TEXT_BYTES]
    cdef size_t count
    cdef size_t next
    cdef size_t room  # children of a batch, at most

    cdef bint fill(self, Handle handle) except *:
        """Reads the next batch; False at the end."""
        cdef tg_status status
        self.next = 0
        while True:
            if handle.store == NULL:
                handle.raise_closed()
            self.count = 0
            if self.cursor.dir == 0:
                return False
            status = tg_list_next(handle.store, &tg_hint, &self.cursor, self.children, self.room,
                                  &self.count, self.text, TEXT_BYTES)
            if status == TG_OK:
                return self.count != 0
            if status == TG_ABSENT:  # the directory went away
                self.count = 0
                return False
            if not handle.awake(status):
                handle.raise_status(status, None)

    cdef str path(self, tg_child *child):
        """The path of a child. What is no UTF-8 can't be a key: a damaged store."""
        cdef str name
        try:
            name = PyUnicode_DecodeUTF8(self.text + child.name_offset, child.name_size, NULL)
        except UnicodeDecodeError:
            raise StoreCorrupt("a name in the store is not UTF-8: run verify()") from None
        return self.prefix + name if self.prefix is not None else name


cdef Level level_of(Handle handle, object node):
    """The children of a node; one that is absent has none."""
    cdef tg_key name
    cdef tg_status status
    cdef Level level = Level.__new__(Level)
    node_of(node, &name)
    level.prefix = None if node is None else exact(node) + "/"
    level.room = BATCH
    level.cursor.dir = 0
    while True:
        if handle.store == NULL:
            handle.raise_closed()
        status = tg_list_begin(handle.store, &tg_hint, name, &level.cursor)
        if status == TG_OK:
            level.dir = level.cursor.dir
            level.generation = level.cursor.generation
            return level
        if status == TG_ABSENT:
            level.cursor.dir = 0
            return level
        if not handle.awake(status):
            handle.raise_status(status, node)


cdef Level level_below(list levels, tg_child *child, size_t room=BATCH):
    """The children of a child; None where there are none. A directory that is found below itself,
    as it moved meanwhile or the store is damaged, is not begun again."""
    cdef Level level
    if not child.has_children or child.dir == 0:
        return None
    for level in levels:
        if level.dir == child.dir and level.generation == child.generation:
            return None
    level = Level.__new__(Level)
    level.room = room
    tg_list_below(child, &level.cursor)
    level.dir = child.dir
    level.generation = child.generation
    return level


cdef inline bint has_live_value(Handle handle, tg_child *child) noexcept:
    if not child.has_value:
        return False
    return child.expiry == 0 or tg_expiry_left(handle.store, child.expiry) != 0


cdef bint is_there(Handle handle, tg_child *child) except *:
    """Whether a child, or a node below it, has a value. When all of them have expired it is
    absent, though its records are still linked. A rename below it may take the only value from
    before us to behind us: we look again before we say no."""
    return has_value_below(handle, child) or has_value_below(handle, child)


cdef bint has_value_below(Handle handle, tg_child *child) except *:
    cdef list levels = []
    cdef Level level
    while not has_live_value(handle, child):
        level = level_below(levels, child, FEW)
        if level is not None:
            levels.append(level)
        while levels:
            level = <Level>levels[len(levels) - 1]
            if level.next != level.count or level.fill(handle):
                break
            levels.pop()
        if not levels:
            return False
        child = &level.children[level.next]
        level.next += 1
    return True


cdef class Walk:
    """Iterates over the paths of all values below a node, parents before their children."""

    cdef Handle handle
    cdef list levels

    def __cinit__(self, Handle handle, node):
        self.handle = handle
        self.levels = [level_of(handle, node)]

    def __iter__(self):
        return self

    def __next__(self):
        cdef Level level
        cdef Level below
        cdef tg_child *child
        while self.levels:
            level = <Level>self.levels[len(self.levels) - 1]
            if level.next == level.count and not level.fill(self.handle):
                self.levels.pop()
                continue
            if self.handle.store == NULL:
                self.handle.raise_closed()
            child = &level.children[level.next]
            level.next += 1
            path = level.path(child)
            below = level_below(self.levels, child)
            if below is not None:
                below.prefix = path + "/"
                self.levels.append(below)
            if has_live_value(self.handle, child):
                return path
        raise StopIteration


cdef class Lister(Builder):
    """The calls that list."""

    def children(self, key=None):
        """The names of a node's children, each once."""
        cdef Level level = level_of(self, key)
        cdef list names = []
        cdef size_t i
        level.prefix = None
        while level.fill(self):
            for i in range(level.count):
                if is_there(self, &level.children[i]):
                    names.append(level.path(&level.children[i]))
        if len(set(names)) != len(names):  # one went away and came back meanwhile
            names = list(dict.fromkeys(names))
        return names

    def raw_walk(self, key):
        """Iterates over the paths of values below a node, without its own."""
        return Walk(self, key)

    def raw_count(self, key):
        """(values, their bytes) below a node, without its own."""
        cdef uint64_t entries = 0
        cdef uint64_t nbytes = 0
        cdef list levels = [level_of(self, key)]
        cdef Level level
        cdef Level below
        cdef size_t i
        while levels:
            level = <Level>levels[len(levels) - 1]
            if not level.fill(self):
                levels.pop()
                continue
            for i in range(level.count):
                if has_live_value(self, &level.children[i]):
                    entries += 1
                    nbytes += level.children[i].size
                below = level_below(levels, &level.children[i])
                if below is not None:
                    levels.append(below)
        return entries, nbytes
