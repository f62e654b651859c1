# SPDX-License-Identifier: Apache-2.0
"""The whole store: numbers, tidying, verification."""

cdef enum:
    VIOLATIONS_MAX = 256


cdef class RawStore(Lister):
    """All that the core offers; `tryget.Store` adds the rest in Python."""

    def raw_usage(self):
        """(values, bytes of their blocks, limit, committed, processes, pins) of the store."""
        cdef usage_t usage
        cdef tg_status status
        cdef Attachment attachment = self.attachment
        while True:
            if self.store == NULL:
                self.raise_closed()
            with nogil:
                status = tg_usage_of(attachment.store, &tg_hint, &usage)
            if status == TG_OK:
                return (usage.entries, usage.entry_bytes, usage.limit, usage.committed_bytes,
                        usage.processes, usage.pins)
            if not self.awake(status):
                self.raise_status(status, None)

    def raw_verify(self, deep):
        """(exact, counts by name, leaked bytes, number of violations, the first of them)."""
        cdef tg_report report
        cdef tg_status status
        cdef bint thorough = deep
        cdef uint32_t i
        cdef Attachment attachment = self.attachment
        cdef tg_violation *room = <tg_violation *>calloc(VIOLATIONS_MAX, sizeof(tg_violation))
        cdef uint64_t scratch_size = 0
        cdef void *scratch = NULL
        if room == NULL:
            raise MemoryError()
        try:
            while True:
                if self.store == NULL:
                    self.raise_closed()
                memset(&report, 0, sizeof(report))
                if scratch == NULL:
                    # Half a percent of the store, touched only where the store is in use.
                    scratch_size = tg_verify_scratch(attachment.store)
                    scratch = calloc(1, scratch_size)
                    if scratch == NULL:
                        raise MemoryError()
                report.scratch = scratch
                report.scratch_size = scratch_size
                report.violations = room
                report.violation_capacity = VIOLATIONS_MAX
                with nogil:
                    status = tg_verify(attachment.store, &tg_hint, thorough, &report)
                if status == TG_OK:
                    break
                if not self.awake(status):
                    self.raise_status(status, None)
            counts = {
                "records": report.records, "objects": report.objects, "dirs": report.dirs,
                "blocks": report.blocks, "pages": report.pages,
            }
            violations = []
            for i in range(min(report.violation_count, <uint32_t>VIOLATIONS_MAX)):
                rule = room[i].rule.decode() if room[i].rule != NULL else ""
                text = (<const char *>room[i].text).decode("utf-8", "replace")
                violations.append((rule, room[i].where, text))
            return (bool(report.exact), counts, report.leaked_bytes, report.violation_count,
                    violations)
        finally:
            free(scratch)
            free(room)
