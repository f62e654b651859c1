# SPDX-License-Identifier: Apache-2.0
"""Counters of this process that any number of threads count on."""

cdef extern from "base/atomic.h":
    uint64_t tg_add_relaxed64(tg_a64 *word, uint64_t operand) nogil
    uint64_t tg_load_relaxed64(const tg_a64 *word) nogil
    void tg_store_relaxed64(tg_a64 *word, uint64_t value) nogil


@cython.final
@cython.no_gc
cdef class Tally:
    """Calls that were answered from the store, and that ran the function."""

    cdef tg_a64 found
    cdef tg_a64 made

    def hit(self):
        tg_add_relaxed64(&self.found, 1)

    def miss(self):
        tg_add_relaxed64(&self.made, 1)

    @property
    def hits(self):
        return tg_load_relaxed64(&self.found)

    @property
    def misses(self):
        return tg_load_relaxed64(&self.made)

    def clear(self):
        tg_store_relaxed64(&self.found, 0)
        tg_store_relaxed64(&self.made, 0)
