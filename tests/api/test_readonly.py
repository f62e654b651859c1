# SPDX-License-Identifier: Apache-2.0
"""Goal: a store opened with `readonly=True` answers as any other, and changes nothing.

Method: one store, opened twice; every call that reads is asked of both, every other is refused.
"""

import datetime
import multiprocessing
import operator
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tryget
from tryget.store import readonly

VALUES: dict[str, Any] = {
    "none": None,
    "int": -5,
    "text": "hé" * 10,
    "empty": b"",
    "bytes": b"x" * 300,
    "inline": b"y" * 1024,
    "object": b"z" * 1025,
    "page": b"p" * 100_000,
    "large": bytes(range(256)) * 2000,
    "plain": {"a": [1, 2.5, None], "b": "text"},
    "long": list(range(30_000)),
    "tagged": ({1, 2}, datetime.date(2026, 1, 2), 1 << 100),
    "a/b/c/d/e": "deep",
    "a/b": "value and children",
    "": "no name",
    "/": "two empty names",
    "n" * 255: "a long name",
}


@pytest.fixture
def reader(store: tryget.Store) -> Iterator[tryget.Store]:
    """The same store, to read only."""
    store.update(VALUES)
    with tryget.open("test", readonly=True) as opened:
        yield opened


@pytest.mark.parametrize("key", VALUES)
def test_values(store: tryget.Store, reader: tryget.Store, key: str) -> None:
    assert reader[key] == VALUES[key]
    assert type(reader.get(key)) is type(VALUES[key])
    assert key in reader
    assert reader.stat(key) == store.stat(key)
    assert reader.children(key) == store.children(key)
    assert reader.usage(key) == store.usage(key)


def test_what_is_absent(reader: tryget.Store) -> None:
    for key in ("nothing", "a/b/c/d/e/f", "a/x", "bytes/b"):
        assert key not in reader
        assert reader.get(key, "default") == "default"
        with pytest.raises(KeyError):
            reader[key]
        with pytest.raises(KeyError):
            reader.stat(key)
        assert reader.children(key) == []
    assert "a" not in reader  # only children
    assert reader.stat("a").kind == "directory"
    with pytest.raises(tryget.InvalidKey):
        reader["k" * 5000]
    with pytest.raises(TypeError):
        reader[1]  # type: ignore[index]


def test_the_whole(store: tryget.Store, reader: tryget.Store) -> None:
    assert dict(reader) == VALUES
    assert sorted(reader) == sorted(VALUES)
    assert len(reader) == len(VALUES)
    assert bool(reader)
    assert sorted(reader.walk("a")) == ["a/b", "a/b/c/d/e"]
    assert sorted(reader.keys("a/b")) == ["a/b", "a/b/c/d/e"]
    assert dict(reader.items()) == dict(store.items())
    assert len(list(reader.values())) == len(VALUES)
    assert reader.get_many(["int", "nothing", "text"]) == {"int": -5, "text": "hé" * 10}
    assert reader.usage() == store.usage()
    ours, others = reader.statistics(), store.statistics()
    assert (ours.entries, ours.bytes, ours.committed) == (
        others.entries,
        others.bytes,
        others.committed,
    )
    assert ours.processes == 1  # a reader is none
    assert reader == store
    assert "read-only" in repr(reader)
    report = reader.verify(deep=True)
    assert report.ok
    assert not report.exact
    assert report.records > len(VALUES)


def test_many_names(store: tryget.Store, reader: tryget.Store) -> None:
    store.update({f"many/{number}": number for number in range(5000)})
    assert sorted(reader.children("many"), key=int) == [str(number) for number in range(5000)]
    assert all(reader[f"many/{number}"] == number for number in range(5000))
    store.drop("many")
    assert reader.children("many") == []


def test_arrays_are_copies_of_their_own(store: tryget.Store, reader: tryget.Store) -> None:
    for size in (10, 1000, 100_000):
        store["array"] = np.arange(size)
        before = reader.statistics().pins
        array = reader["array"]
        assert not array.flags.writeable
        assert reader.statistics().pins == before
        store["array"] = np.zeros(size)
        assert array[-1] == size - 1
        assert reader["array"][-1] == 0


def test_changes_are_seen(store: tryget.Store, reader: tryget.Store) -> None:
    for number in range(100):
        store["int"] = number
        assert reader["int"] == number
    store.rename("a", "moved")
    assert "a/b" not in reader
    assert reader["moved/b/c/d/e"] == "deep"
    store.set("int", 1, ttl=0.2)
    assert 0 < (reader.stat("int").expires or 0) <= 0.3
    time.sleep(0.4)
    assert "int" not in reader
    assert "int" not in list(reader)
    store.clear()
    assert len(reader) == 0
    assert not reader


def test_pins_of_others_are_counted(store: tryget.Store, reader: tryget.Store) -> None:
    with store.pin("large"):
        assert reader.stat("large").pins == 1
        assert reader.statistics().pins == 1
    assert reader.stat("large").pins == 0


def test_reuse(store: tryget.Store, reader: tryget.Store) -> None:
    assert reader["text"] is reader["text"]
    assert reader["page"] is reader["page"]
    assert reader["plain"] is not reader["plain"]
    with tryget.open("test", readonly=True, reuse="always") as always:
        assert always["plain"] is always["plain"]
        store["plain"] = {"b": 2}
        assert always["plain"] == {"b": 2}
    with tryget.open("test", readonly=True, reuse="never") as never:
        assert never["bytes"] is not never["bytes"]
    store.rename("text", "elsewhere")
    assert reader.get("text") is None
    store["text"] = "new"
    assert reader["text"] == "new"


# ---- refused -----------------------------------------------------------------------------------

CALLS: dict[str, Callable[[tryget.Store], object]] = {
    "__delitem__": lambda store: operator.delitem(store, "nothing"),
    "__setitem__": lambda store: operator.setitem(store, "int", 1),
    "add": lambda store: store.add("int", 1, ttl=0),
    "cached": lambda store: store.cached(len),
    "clear": lambda store: store.clear(),
    "compare_and_set": lambda store: store.compare_and_set("int", -1, 1),
    "delete": lambda store: store.delete("nothing"),
    "delete_many": lambda store: store.delete_many([]),
    "drop": lambda store: store.drop("nothing"),
    "epoch": lambda store: store.epoch,
    "get_or_create": lambda store: store.get_or_create("int", int),
    "increment": lambda store: store.increment("text"),
    "pin": lambda store: store.pin("int"),
    "pop": lambda store: store.pop("nothing", None),
    "popitem": lambda store: store.popitem(),
    "rename": lambda store: store.rename("int", "int", replace=True),
    "set": lambda store: store.set("int", object(), ttl=0),
    "set_many": lambda store: store.set_many({}),
    "setdefault": lambda store: store.setdefault("int", 1),
    "touch": lambda store: store.touch("nothing", None),
    "try_get": lambda store: store.try_get("nothing"),
    "update": lambda store: store.update({}),
}


@pytest.mark.parametrize("name", CALLS)
def test_refused(store: tryget.Store, reader: tryget.Store, name: str) -> None:
    with pytest.raises(tryget.ReadOnly, match="readonly=True") as caught:
        CALLS[name](reader)
    assert isinstance(caught.value, PermissionError)
    assert dict(store) == VALUES


READS = {
    *("__contains__", "__getitem__", "__iter__", "__len__", "checked_key", "children", "close"),
    *("closed", "decode", "directory", "get", "get_many", "items", "keys", "name", "path"),
    *("raise_if_closed", "readonly", "stat", "statistics", "usage", "uuid", "values", "verify"),
    "walk",
}


def test_every_call_reads_or_is_refused() -> None:
    """A new call has to say which it is, here and in store/readonly.py."""
    kinds = tryget.Store.__mro__[: tryget.Store.__mro__.index(object)]
    names = {name for kind in kinds for name in vars(kind)} - {"raw_tidy"}
    special = {"__setitem__", "__delitem__", "__getitem__", "__contains__", "__iter__", "__len__"}
    public = {name for name in names if not name.startswith(("_", "raw_"))} | special
    assert set(readonly.REFUSED) == set(CALLS)
    assert public == READS | set(readonly.REFUSED)


def test_what_python_does_not_refuse_the_core_does(reader: tryget.Store) -> None:
    """The table of refusals is for clear words; this is what it stands on."""
    calls: list[Callable[[], object]] = [
        lambda: tryget.Store.set(reader, "int", 1),
        lambda: tryget.Store.delete(reader, "int"),
        lambda: tryget.Store.pop(reader, "int"),
        lambda: tryget.Store.drop(reader, None),
        lambda: tryget.Store.rename(reader, "int", "new"),
        lambda: tryget.Store.touch(reader, "int", 5),
        lambda: tryget.Store.pin(reader, "int"),
        lambda: reader.raw_tidy(),
    ]
    for call in calls:
        with pytest.raises(tryget.ReadOnly):
            call()
    assert reader["int"] == -5


# ---- opening -----------------------------------------------------------------------------------


def test_a_store_that_is_missing(folder: Path) -> None:
    with pytest.raises(tryget.StoreNotFound, match="without readonly"):
        tryget.open("missing", readonly=True)
    assert list(folder.iterdir()) == []
    with pytest.raises(tryget.StoreNotFound):
        tryget.open("missing", readonly=True, directory=folder / "none")


def test_options(reader: tryget.Store) -> None:
    with pytest.raises(ValueError, match="exclusive"):
        tryget.open("test", readonly=True, create="exclusive")
    with pytest.raises(TypeError, match="readonly"):
        tryget.open("test", readonly=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size"):
        tryget.open("test", readonly=True, size="1GiB")
    with tryget.open("test", readonly=True, create=False, size="32MiB", timeout=0) as another:
        assert another["int"] == -5
        assert another.readonly
    assert reader.readonly


def test_another_layout_is_not_replaced(folder: Path, reader: tryget.Store) -> None:
    file = folder / "test.tryget"
    header = bytearray(file.read_bytes()[:16])
    header[8] ^= 0xFF
    with file.open("r+b") as opened:
        opened.write(header)
    with pytest.raises(tryget.LayoutMismatch):
        tryget.open("test", readonly=True, on_mismatch="new")
    with file.open("r+b") as opened:
        header[8] ^= 0xFF
        opened.write(header)
    assert reader["int"] == -5


def test_more_readers_than_processes(folder: Path) -> None:
    with tryget.open("one", size="4MiB", max_processes=1) as store:
        store["a"] = 1
        readers = [tryget.open("one", readonly=True) for _ in range(5)]
        assert [reader["a"] for reader in readers] == [1] * 5
        for reader in readers:
            reader.close()


def test_the_attached_keep_the_old_one(folder: Path) -> None:
    with tryget.open("old", size="4MiB") as store:
        store["a"] = "old"
        reader = tryget.open("old", readonly=True)
        copied = pickle.dumps(reader)
        tryget.unlink("old")
        with tryget.open("old", size="4MiB") as fresh:
            fresh["a"] = "new"
            store["b"] = 1
            assert reader["a"] == "old"
            assert reader["b"] == 1
            with tryget.open("old", readonly=True) as other:
                assert other["a"] == "new"
            with pytest.raises(tryget.StoreNotFound):
                pickle.loads(copied)
        reader.close()


def test_closed(store: tryget.Store, reader: tryget.Store) -> None:
    again = tryget.open("test", readonly=True)
    again.close()
    for call in (lambda: again["int"], lambda: again.set("int", 1), lambda: len(again)):
        with pytest.raises(tryget.StoreClosed):
            call()
    assert reader["int"] == -5
    store.close()
    assert reader["int"] == -5


def test_pickles_stay_readonly(reader: tryget.Store) -> None:
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.readonly
    assert copy["int"] == -5
    with pytest.raises(tryget.ReadOnly):
        copy["int"] = 1


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers(reader: tryget.Store, method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.starmap(operator.getitem, [(reader, "int")] * 10) == [-5] * 10
        assert pool.map(len, [reader] * 2) == [len(VALUES)] * 2


def test_a_forked_child(store: tryget.Store, reader: tryget.Store) -> None:
    text = reader["text"]
    pid = os.fork()
    if pid == 0:
        good = reader["text"] is text and reader["large"] == VALUES["large"]
        good = good and sorted(reader) == sorted(VALUES)
        os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    store["text"] = "new"
    assert reader["text"] == "new"


def test_closed_descriptors(folder: Path, reader: tryget.Store) -> None:
    """As a daemon does it; and the numbers are other files' by then."""
    pid = os.fork()
    if pid == 0:
        os.closerange(3, 200)
        others = [os.open("/dev/zero", os.O_RDONLY) for _ in range(100)]
        good = reader["large"] == VALUES["large"] and reader["a/b/c/d/e"] == "deep"
        os._exit(0 if good and others else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_codecs(folder: Path) -> None:
    with tryget.open("codecs", size="4MiB", codec="pickle") as store:
        store["a"] = Path("x")
        with tryget.open("codecs", readonly=True) as reader:
            with pytest.raises(tryget.CodecMissing, match="pickle"):
                reader["a"]
            assert reader.stat("a").kind == "pickle"
        with tryget.open("codecs", readonly=True, codec="pickle") as reader:
            assert reader["a"] == Path("x")


def test_threads(store: tryget.Store, reader: tryget.Store) -> None:
    end = time.monotonic() + 1
    problems: list[object] = []

    def read() -> None:
        while time.monotonic() < end:
            number = reader["number"]
            block = reader["block"]
            if number < 0 or block != block[:1] * len(block):
                problems.append((number, block[:4]))

    store["number"], store["block"] = 0, b"\0" * 2000
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    number = 0
    while time.monotonic() < end:
        number += 1
        store["number"] = number
        store["block"] = bytes([number % 256]) * (100 + number % 90_000)
    for thread in threads:
        thread.join()
    assert problems == []
