# SPDX-License-Identifier: Apache-2.0
"""What Python's calls cost, as ratios within one run.

Each line is a statement and the one that it is compared with. A round times every statement for a
fraction of a millisecond, one after the other, so that what disturbs the machine disturbs all of
them alike; printed are medians over the rounds of the time and of the ratio in the same round. The
loop of `timeit` (3 to 4 ns) is in all of them.
"""

import contextlib
import functools
import statistics
import sys
import tempfile
import threading
import timeit
from collections.abc import Iterator
from typing import Any

import msgspec

import tryget

ROUNDS, LOOPS, WARM = 151, 1000, 50
KEY, VALUE = "key-0000007", b"x" * 64
DEEP = "a/b/c/d/e"
FIELDS = {"a": 1, "b": 2.5, "c": "xyz", "d": None, "e": True}

# Statement, what it is compared with, what it is.
Row = tuple[str, str, str]
ROWS: list[Row] = [
    ("plain.get(key)", "plain.get(key)", "dict.get"),
    ("cached(key)", "plain.get(key)", "a hit of lru_cache"),
    ("store[key]", "plain.get(key)", "64 bytes, read before"),
    ("store[deep]", "plain.get(key)", "the same, 5 components"),
    ("store[key]", "cached(key)", "to a hit of lru_cache"),
    ("store.get(key)", "plain.get(key)", "64 bytes, read before, by get"),
    ("never.get(key)", "cached(key)", "64 bytes decoded each time"),
    ("never.get(deep)", "cached(key)", "the same, 5 components"),
    ("never.get('absent')", "plain.get('absent')", "nothing there"),
    ("'absent' in store", "'absent' in plain", "nothing there"),
    ("never.get('fields')", "decode(packed)", "a small dict; to msgspec alone"),
    ("store['array']", "array.view()", "an array of 1 MiB, pinned"),
    ("pin('array').release()", "array.view()", "its pin"),
    ("store.set(key, value)", "put(key, value)", "64 bytes; to a dict's"),
    ("lock.acquire(), lock.release()", "plain.get(key)", "threading.Lock"),
    ("ref.get(), ref.put()", "plain.get(key)", "LockRef: get and put"),
    ("ref.lock(), ref.unlock()", "plain.get(key)", "LockRef: lock and unlock"),
    ("ref.get(), ref.put()", "lock.acquire(), lock.release()", "both to a threading.Lock"),
    ("ref.lock(), ref.unlock()", "lock.acquire(), lock.release()", "both to a threading.Lock"),
    ("with epoch.reading(): pass", "with lock: pass", "a section of a store; to a lock"),
    ("with alone.reading(): pass", "with lock: pass", "one of a private epoch"),
    ("elapsed(cookie)", "with lock: pass", "a cookie known to be over"),
    ("elapsed(epoch.snapshot())", "with lock: pass", "a new one: a scan"),
]
LMDB_ROWS: list[Row] = [
    ("never.get(key)", "lmdb_get(lmdb_key)", "to LMDB, a transaction each"),
    ("store.set(key, value)", "lmdb_put(lmdb_key, value)", "to LMDB, without syncing"),
]


@contextlib.contextmanager
def stores() -> Iterator[dict[str, Any]]:
    """The names that the statements use."""
    plain = {KEY: VALUE}
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as folder,
        tryget.open("costs", directory=folder, size="64MiB") as store,
        tryget.open("costs", directory=folder, reuse="never") as never,
    ):
        store[KEY] = store[DEEP] = VALUE
        store["fields"] = FIELDS
        names = {
            "plain": plain,
            "cached": functools.lru_cache(None)(plain.__getitem__),
            "store": store,
            "never": never,
            "key": KEY,
            "deep": DEEP,
            "value": VALUE,
            "put": plain.__setitem__,
            "pin": store.pin,
            "decode": msgspec.msgpack.Decoder().decode,
            "packed": msgspec.msgpack.encode(FIELDS),
            "lock": threading.Lock(),
            "ref": tryget.LockRef(),
            "epoch": store.epoch,
            "alone": tryget.Epoch(),
            "elapsed": store.epoch.elapsed,
            "cookie": store.epoch.snapshot(),
        }
        with contextlib.suppress(ModuleNotFoundError):
            import numpy as np

            names["array"] = store["array"] = np.zeros(1 << 17)
        yield names


@contextlib.contextmanager
def lmdb_calls() -> Iterator[dict[str, Any]]:
    """The same of LMDB, in memory too; nothing when it is not installed."""
    try:
        import lmdb
    except ModuleNotFoundError:
        print("LMDB is not installed (pip install lmdb): not compared with")
        yield {}
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        environment = lmdb.open(folder, map_size=64 << 20, sync=False, metasync=False)

        def get(key: bytes) -> Any:
            with environment.begin() as transaction:
                return transaction.get(key)

        def put(key: bytes, value: bytes) -> None:
            with environment.begin(write=True) as transaction:
                transaction.put(key, value)

        put(KEY.encode(), VALUE)
        yield {"lmdb_get": get, "lmdb_put": put, "lmdb_key": KEY.encode()}
        environment.close()


def measure(rows: list[Row], names: dict[str, Any]) -> None:
    """Prints a line for each row."""
    statements = dict.fromkeys(text for row in rows for text in row[:2])
    timers = {text: timeit.Timer(text, globals=names) for text in statements}
    times: dict[str, list[float]] = {text: [] for text in statements}
    for _ in range(ROUNDS):
        for text, timer in timers.items():
            timer.timeit(WARM)  # a value that another statement replaced is read anew
            times[text].append(timer.timeit(LOOPS) / LOOPS * 1e9)
    for text, other, what in rows:
        ratio = statistics.median(
            mine / others for mine, others in zip(times[text], times[other], strict=True)
        )
        took = statistics.median(times[text])
        print(f"{text:31} {took:8.1f} ns {ratio:7.2f} x {other:26} {what}")


def main() -> None:
    print(f"\nPython {sys.version.split()[0]}")
    with stores() as names, lmdb_calls() as lmdb_names:
        rows = ROWS + (LMDB_ROWS if lmdb_names else [])
        if "array" not in names:
            print("NumPy is not installed (pip install numpy): arrays are left out")
            rows = [row for row in rows if "array" not in row[0]]
        measure(rows, names | lmdb_names)


if __name__ == "__main__":
    main()
