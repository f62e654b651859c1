# SPDX-License-Identifier: Apache-2.0
"""Goal: who made a mistake is told which one, where, and what to try.

Method: mistakes, and what their messages must name; the words between are free.
Failure means a message that names something else, advice that does not help, or inner names.
"""

import datetime
import decimal
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tryget

THREADS_SHARE_THE_STORE = True

Call = Callable[[tryget.Store, Any], object]

own_folder = pytest.mark.thread_unsafe(reason="it wants a folder of its own")

TIMES: dict[str, Call] = {
    "ttl": lambda store, value: store.set("k", 1, ttl=value),
    "timeout": lambda store, value: store.get_or_create("absent", int, timeout=value),
    "lease": lambda store, value: store.get_or_create("absent", int, lease=value),
    "absent_ttl": lambda store, value: store.get_or_create("absent", int, absent_ttl=value),
}
PARTS: list[Call] = [
    lambda store, value: store.epoch.synchronize(timeout=value),
    lambda store, value: store.epoch.barrier(timeout=value),
    lambda store, value: tryget.LockRef().lock(timeout=value),
    lambda store, value: tryget.open(store.name, directory=store.directory, timeout=value),
]
NO_TIMES = [True, "5", b"5", 1j, [1], datetime.timedelta(seconds=5), object()]


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_of_a_time(store: tryget.Store, name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name} is .*seconds.* {type(value).__name__}$"):
        TIMES[name](store, value)


@pytest.mark.parametrize("call", PARTS)
@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
def test_of_a_time_limit(store: tryget.Store, call: Call, value: object) -> None:
    with pytest.raises(TypeError, match=f"^timeout is .*seconds.* {type(value).__name__}$"):
        call(store, value)
    with pytest.raises(ValueError, match="timeout is at least 0"):
        call(store, float("nan"))


@pytest.mark.parametrize("name", ["ttl", "lease", "absent_ttl"])
def test_of_nan(store: tryget.Store, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is not a number"):
        TIMES[name](store, float("nan"))


@pytest.mark.parametrize("value", [10**400, decimal.Decimal(5), float("inf")], ids=repr)
def test_any_real_number_is_a_time(store: tryget.Store, value: Any) -> None:
    for call in TIMES.values():
        call(store, value)
        store.delete("absent")


@pytest.mark.parametrize("write", ["set", "add", "setdefault"])
def test_a_value_that_can_not_be_stored(store: tryget.Store, write: str) -> None:
    endless: list[Any] = []
    endless.append(endless)
    mistakes: list[tuple[object, type[Exception], str]] = [
        (object(), TypeError, "object"),
        ({"a": object()}, TypeError, "object"),
        (endless, ValueError, "contains itself"),
    ]
    for value, kind, what in mistakes:
        with pytest.raises(kind, match=what) as caught:
            getattr(store, write)("of/this", value)
        assert store.path in str(caught.value)
        assert "'of/this'" in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))  # from a worker, say
        assert isinstance(again, kind)
        assert str(again) == str(caught.value)


@own_folder
def test_a_store_that_is_not_there(folder: Path) -> None:
    with pytest.raises(tryget.StoreNotFound, match="create=True"):
        tryget.open("missing", directory=folder, create=False)
    with pytest.raises(tryget.StoreNotFound, match=r"missing.*stores\(\)"):
        tryget.unlink("missing", directory=folder)
    with tryget.open("old", directory=folder, size="4MiB") as old:
        pickled = pickle.dumps(old)
    tryget.unlink("old", directory=folder)
    tryget.open("old", directory=folder, size="4MiB").close()
    with pytest.raises(tryget.StoreNotFound, match="another one by now"):
        pickle.loads(pickled)


@own_folder
def test_a_file_in_the_way(folder: Path) -> None:
    (folder / "link.tryget").symlink_to(folder / "elsewhere.tryget")
    with pytest.raises(tryget.NotOwner, match="symbolic link") as caught:
        tryget.open("link", directory=folder, size="4MiB")
    assert "mode" not in str(caught.value)  # it would not help
    (folder / "folder.tryget").mkdir()
    with pytest.raises(tryget.Error, match="directory") as other:
        tryget.unlink("folder", directory=folder)
    assert "TG_" not in str(other.value)


@pytest.mark.parametrize("size", [2**40 + 1, "2TiB", 2**63, 10**30])
def test_a_size_beyond_the_largest(folder: Path, size: int | str) -> None:
    with pytest.raises(ValueError, match="at most 1 TiB"):
        tryget.open("large", directory=folder, size=size)


def test_a_full_store_says_how_much_it_has(store: tryget.Store) -> None:
    with pytest.raises(tryget.StoreFull, match=r"'k'.*\d of 64\.0 MiB are taken") as caught:
        store["k"] = bytes(65 << 20)
    assert "file system" in str(caught.value)
