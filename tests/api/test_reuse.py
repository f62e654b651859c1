# SPDX-License-Identifier: Apache-2.0
"""Goal: a second read returns the object of the first exactly where `reuse` allows it, and never
after the value changed, whoever changed it.

Method: each type; each call that changes a key, by the same handle, another one, and another
process; handles that decode differently; limits. Failure means a stale value, an object that is
shared though it can be changed, or memory that is never let go.
"""

import datetime
import decimal
import gc
import os
import pickle
import subprocess
import sys
import time
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True

DAY = datetime.date(2026, 1, 2)
NOON = datetime.time(12, 0, tzinfo=datetime.UTC)
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))

FIXED: list[Any] = [
    None,
    True,
    10**6,
    10**40,
    2.5,
    1 + 2j,
    "text",
    "Zürich \N{SNOWMAN}",
    "\udc80",
    b"bytes",
    b"",
    bytes(100_000),
    (),
    (1, "a", (2.5, None, b"x")),
    tuple(f"name-{number}" for number in range(500)),  # large enough for a pin
    frozenset({1, "a", (2,)}),
    DAY,
    NOON,
    MOMENT,
    datetime.datetime(2026, 1, 2),
    datetime.timedelta(3),
    datetime.UTC,
    zoneinfo.ZoneInfo("UTC"),
    decimal.Decimal("1.50"),
    uuid.UUID(int=7),
]
CHANGEABLE: list[Any] = [
    [],
    {"a": 1},
    ("a", [1]),
    (1, (2, {3})),
    {1, 2},
    bytearray(b"x"),
    memoryview(b"abc"),
]


def name_of(value: Any) -> str:
    return f"{type(value).__name__}-{value!r:.20}"


@pytest.mark.parametrize("value", FIXED, ids=name_of)
def test_what_can_not_be_changed_is_returned_again(store: tryget.Store, value: Any) -> None:
    store["deep/er/key"] = value
    first = store["deep/er/key"]
    assert first == value
    assert type(first) is type(value)
    assert store["deep/er/key"] is first
    assert store.get("deep/er/key") is first
    assert store.get_many(["deep/er/key"])["deep/er/key"] is first
    assert "deep/er/key" in store


@pytest.mark.parametrize("value", CHANGEABLE, ids=name_of)
def test_what_can_be_changed_is_decoded_anew(folder: Path, value: Any) -> None:
    for reuse, same in (("immutable", False), ("always", True), ("never", False)):
        with tryget.open("test", size="64MiB", reuse=reuse) as store:  # type: ignore[arg-type]
            store["k"] = value
            first = store["k"]
            assert first == value
            assert (store["k"] is first) == same


def test_never_decodes_each_time(folder: Path) -> None:
    with tryget.open("test", size="64MiB", reuse="never") as store:
        store["k"] = ("a", 1.5)
        assert store["k"] == store["k"]
        assert store["k"] is not store["k"]
        assert store.statistics().kept == 0


def test_arrays_are_decoded_anew_and_views_are_never_kept(folder: Path) -> None:
    np = pytest.importorskip("numpy")
    reuses: tuple[Any, ...] = ("immutable", "always")
    for reuse in reuses:
        # A large store: its processes may keep values of this size.
        with tryget.open("test", size="1GiB", reuse=reuse) as store:
            store["large"] = np.zeros(10_000)
            store["within"] = (np.zeros(10_000), 1)
            first, within = store["large"], store["within"]
            assert store["large"] is not first
            assert store["within"] is not within
            assert store.stat("large").pins == 1
            del first, within
            gc.collect()
            assert store.stat("large").pins == 0
            assert store.stat("within").pins == 0
            store["small"] = np.zeros(3)
            small = store["small"]
            assert (store["small"] is small) == (reuse == "always")


def test_numpy_scalars_are_returned_again(store: tryget.Store) -> None:
    np = pytest.importorskip("numpy")
    for value in (np.float32(1.5), np.int64(7), np.bool_(True), np.datetime64("2026-01-02")):
        store["k"] = value
        assert store["k"] is store["k"]
    store["k"] = np.zeros((), dtype=[("a", "i4")])[()]  # np.void can be written to
    assert store["k"] is not store["k"]


# ---- changes -------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[Callable[[tryget.Store], Any], Any]] = {
    "set": (lambda store: store.set("a/b/k", "new"), "new"),
    "equal": (lambda store: store.set("a/b/k", "old"), "old"),
    "delete": (lambda store: store.delete("a/b/k"), None),
    "pop": (lambda store: store.pop("a/b/k"), None),
    "drop": (lambda store: store.drop("a/b/k"), None),
    "drop above": (lambda store: store.drop("a"), None),
    "clear": (lambda store: store.clear(), None),
    "rename": (lambda store: store.rename("a/b/k", "x"), None),
    "rename above": (lambda store: store.rename("a", "x"), None),
    "rename over": (lambda store: store.rename("other", "a/b/k", replace=True), "other"),
    "replace above": (lambda store: store.rename("z", "a", replace=True), "z"),
    "expire": (lambda store: store.touch("a/b/k", 0), None),
    "compare": (
        lambda store: store.compare_and_set("a/b/k", store.stat("a/b/k").version, "new"),
        "new",
    ),
}
CODE = """
import sys, tryget
sys.path.insert(0, {here!r})
from test_reuse import CHANGES
store = tryget.open({name!r})
for line in sys.stdin:
    CHANGES[line.strip()][0](store)
    print("done", flush=True)
"""


def fill(store: tryget.Store) -> None:
    store["a/b/k"] = "old"
    store["other"] = "other"
    store["z/b/k"] = "z"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", ["the same handle", "another handle"])
def test_a_change_is_seen_at_once(store: tryget.Store, change: str, by: str) -> None:
    work, expected = CHANGES[change]
    fill(store)
    first = store["a/b/k"]
    assert store["a/b/k"] is first
    with tryget.open(store.name) as other:
        work(store if by == "the same handle" else other)
        assert store.get("a/b/k") == expected
        assert ("a/b/k" in store) == (expected is not None)
        assert other.get("a/b/k") == expected


def test_a_change_by_another_process_is_seen_at_once(store: tryget.Store) -> None:
    code = CODE.format(here=os.path.dirname(__file__), name=store.name)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for change, (_, expected) in CHANGES.items():
            store.clear()
            fill(store)
            first = store["a/b/k"]
            assert store["a/b/k"] is first, change
            child.stdin.write(f"{change}\n")
            child.stdin.flush()
            assert child.stdout.readline() == "done\n", change
            assert store.get("a/b/k") == expected, change
        child.stdin.close()


def test_a_value_that_expires_is_not_returned_again(store: tryget.Store) -> None:
    store.set("k", "value", ttl=0.3)
    assert store["k"] is store["k"]
    end = time.monotonic() + 5
    while "k" in store:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert store.get("k") is None
    with pytest.raises(KeyError):
        store["k"]


def test_increment_and_touch(store: tryget.Store) -> None:
    store["n"] = 10**6
    assert store["n"] is store["n"]
    assert store.increment("n") == 10**6 + 1
    assert store["n"] == 10**6 + 1
    assert store.touch("n", 100)
    assert store["n"] == 10**6 + 1


# ---- who may have what ---------------------------------------------------------------------------


def test_handles_of_one_store_share_what_they_decoded(store: tryget.Store) -> None:
    store["k"] = ("a", 1.5)
    with tryget.open(store.name) as other, tryget.open(store.name, codec="pickle") as third:
        first = store["k"]
        assert other["k"] is first
        assert third["k"] is first
    assert store["k"] is first


def test_an_object_that_can_be_changed_stays_with_those_who_promised(folder: Path) -> None:
    with (
        tryget.open("test", size="64MiB", reuse="always") as always,
        tryget.open("test", reuse="always") as too,
        tryget.open("test") as careful,
        tryget.open("test", reuse="never") as never,
    ):
        always["k"] = [1]
        first = always["k"]
        assert always["k"] is first
        assert too["k"] is first
        assert careful["k"] is not first
        assert never["k"] is not first
        first.append(2)
        assert careful["k"] == [1]
        assert always["k"] is first


def test_what_was_unpickled_is_not_for_those_who_do_not_unpickle(folder: Path) -> None:
    with (
        tryget.open("test", size="64MiB", codec="pickle", reuse="always") as pickling,
        tryget.open("test", reuse="always") as safe,
    ):
        pickling["k"] = os.PathLike
        assert pickling["k"] is os.PathLike
        with pytest.raises(tryget.CodecMissing):
            safe["k"]
        assert "k" in safe


class Upper:
    """A codec whose values depend on the object."""

    name = "case"

    def __init__(self, loud: bool) -> None:
        self.loud = loud

    def encode(self, value: str) -> bytes:
        return value.encode()

    def decode(self, parts: bytes) -> str:
        return parts.decode().upper() if self.loud else parts.decode()


def test_codec_objects_do_not_share(folder: Path) -> None:
    with (
        tryget.open("test", size="64MiB", codec=Upper(True)) as loud,
        tryget.open("test", codec=Upper(False)) as quiet,
    ):
        loud["k"] = "Text"
        for _ in range(3):
            assert loud["k"] == "TEXT"
            assert quiet["k"] == "Text"
        assert loud["k"] is loud["k"]


def test_a_pickled_store_reuses_as_it_did(folder: Path) -> None:
    with tryget.open("test", size="64MiB", reuse="never") as store:
        store["k"] = (1.5, "a")
        with pickle.loads(pickle.dumps(store)) as again:
            assert again["k"] is not again["k"]


# ---- keys ----------------------------------------------------------------------------------------


class Odd(str):
    """A text that says of itself what it is not."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return True


def test_keys_are_texts_whatever_their_class_says(store: tryget.Store) -> None:
    store["a"], store["b"] = ("a", 1.5), ("b", 1.5)
    for _ in range(2):
        assert store[Odd("a")] == ("a", 1.5)
        assert store[Odd("b")] == ("b", 1.5)
        assert store.get(Odd("c")) is None
    assert store["a"] is store["".join(["", "a"])]
    assert store[Odd("a")] is store["a"]


@pytest.mark.parametrize("key", ["é", "\N{SNOWMAN}/a", "\N{GRINNING FACE}", "a\0b", "", "/"])
def test_any_text_is_found_again(store: tryget.Store, key: str) -> None:
    store[key] = ("value", key)
    assert store[key] is store[(key + "x")[:-1]]
    assert store.get(key + "y") is None


def test_who_may_only_read_reuses_too(store: tryget.Store) -> None:
    with tryget.open(store.name, readonly=True) as reader:
        store["a/k"] = ("old", 1.5)
        first = reader["a/k"]
        assert reader["a/k"] is first
        store["a/k"] = "new"
        assert reader["a/k"] == "new"
        store.rename("a", "b")
        assert reader.get("a/k") is None
        assert reader["b/k"] == "new"
