# SPDX-License-Identifier: Apache-2.0
"""What the workers count, in memory that outlives them: one row a worker, written by it alone.

Latencies fall into buckets, eight to an octave: their percentiles are right to 9 %.
"""

import mmap

READS, WRITES, WRONG, STUCK, KEY, STARTED_NS, BEATS, INCREMENTS, FULL = range(9)
_BUCKETS = 64
_BUCKET_COUNT = 320
_ROW = _BUCKETS + _BUCKET_COUNT


def bucket_of(nanoseconds: int) -> int:
    """The bucket of a latency."""
    if nanoseconds < 16:
        return max(nanoseconds, 0)
    octave = nanoseconds.bit_length() - 4
    return min(8 * octave + (nanoseconds >> octave), _BUCKET_COUNT - 1)


def latency_of(bucket: int) -> int:
    """The smallest latency of a bucket."""
    if bucket < 16:
        return bucket
    octave = bucket // 8 - 1
    return (bucket - 8 * octave) << octave


class Board:
    """The rows of all workers."""

    def __init__(self, rows: int) -> None:
        self._words = memoryview(mmap.mmap(-1, 8 * _ROW * rows)).cast("Q")
        self.rows = rows

    def row(self, index: int) -> memoryview:
        """The numbers of a worker, by the names above."""
        return self._words[index * _ROW : index * _ROW + _BUCKETS]

    def latencies(self, index: int) -> memoryview:
        """The buckets of a worker."""
        return self._words[index * _ROW + _BUCKETS : (index + 1) * _ROW]

    def total(self, field: int) -> int:
        """A number, of all workers."""
        return sum(self.row(index)[field] for index in range(self.rows))

    def percentile(self, share: float) -> int:
        """The latency in ns that this share of all reads did not exceed."""
        counts = [
            sum(self.latencies(index)[bucket] for index in range(self.rows))
            for bucket in range(_BUCKET_COUNT)
        ]
        rest = share * sum(counts)
        for bucket, count in enumerate(counts):
            rest -= count
            if rest <= 0 and count:
                return latency_of(bucket)
        return 0
