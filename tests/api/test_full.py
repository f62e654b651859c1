# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever removes works in a store that has no room for a single block more.

Method: a store is filled with values of every size and with directories until nothing fits; then
each call that takes something away. Failure means that a full store can't be emptied.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tryget

quiet_report = pytest.importorskip("tryget.cli.trial.tally").quiet_report
NODES = 40


@pytest.fixture
def full(folder: Path) -> Iterator[tryget.Store]:
    """Nodes with a value and children, and no room for a byte more."""
    with tryget.open("full", size="4MiB") as store:
        for number in range(NODES):
            store[f"node/{number}"] = f"value {number}"
            store[f"node/{number}/child"] = number
            store[f"deep/{number}"] = number
            store[f"deep/{number}/a/b"] = store[f"deep/{number}/a/c"] = number
        fill(store)
        yield store
        store.clear()
        report = quiet_report(store)
        assert report.exact
        assert report.ok
        assert store.statistics().entries == 0


def fill(store: tryget.Store) -> None:
    """The largest first; at last every class of blocks is used up, that of directories too."""
    size = 1 << 20
    for number in range(1_000_000):
        try:
            store[f"fill/{number}"] = bytes(size)
        except tryget.StoreFull:
            if size == 0:
                break
            size = size * 9 // 10
    with contextlib.suppress(tryget.StoreFull):
        for number in range(1_000_000):
            store[f"fill/{number}/d"] = b""
    for name in range(1, 250):
        with contextlib.suppress(tryget.StoreFull):
            store["n" * name] = b""


def test_it_is_full(full: tryget.Store) -> None:
    with pytest.raises(tryget.StoreFull):
        full["another/directory"] = b""
    with pytest.raises(tryget.StoreFull):
        full["another"] = bytes(900)


REMOVALS: dict[str, Callable[[tryget.Store, str], object]] = {
    "delete": lambda store, key: store.delete(key),
    "del": lambda store, key: store.__delitem__(key),
    "pop": lambda store, key: store.pop(key),
    "set with a ttl of 0": lambda store, key: store.set(key, 1, ttl=0),
    "touch with a ttl of 0": lambda store, key: store.touch(key, 0),
    "delete_many": lambda store, key: store.delete_many([key]),
}


@pytest.mark.parametrize("how", REMOVALS)
@pytest.mark.parametrize("what", ["node/{}", "node/{}/child"])
def test_a_value_beside_which_something_stays(full: tryget.Store, how: str, what: str) -> None:
    """The record that stays is written anew, where there is room."""
    for number in range(NODES):
        key = what.format(number)
        assert key in full
        REMOVALS[how](full, key)
        assert key not in full
        assert full.get(key) is None
        assert not full.delete(key)
        other = f"node/{number}" if key.endswith("child") else f"node/{number}/child"
        assert other in full
        assert list(full.walk(f"node/{number}")) == [other]
    assert full.usage("node").entries == NODES


def test_a_drop_beside_which_a_value_stays(full: tryget.Store) -> None:
    """Of a leaf it always works; of a node with children it is all or nothing."""
    for number in range(NODES):
        assert full.drop(f"node/{number}/child")
        assert not full.drop(f"node/{number}/child")
        assert list(full.walk(f"node/{number}")) == [f"node/{number}"]
    for number in range(NODES):
        node = f"deep/{number}"
        try:
            gone = full.drop(f"{node}/a")
        except tryget.StoreFull:
            gone = False
            assert len(list(full.walk(node))) == 3
        assert gone == (list(full.walk(node)) == [node])
        assert gone or len(full.children(f"{node}/a")) == 2


def test_a_removed_value_may_be_set_again(full: tryget.Store) -> None:
    for number in range(NODES):
        assert full.delete(f"node/{number}")
    full.drop("fill")
    for number in range(NODES):
        assert full.add(f"node/{number}", "again")
        assert full[f"node/{number}/child"] == number
    assert full.usage("node").entries == 2 * NODES


def test_clear(full: tryget.Store) -> None:
    full.clear()
    assert list(full) == []
    assert full.children() == []
    full["a/b"] = bytes(1 << 20)


def test_every_node_can_be_dropped(full: tryget.Store) -> None:
    for name in full.children():
        assert full.drop(name)
    assert list(full) == []


def test_everything_can_be_popped(full: tryget.Store) -> None:
    count = len(full)
    for _ in range(count):
        full.popitem()
    with pytest.raises(KeyError):
        full.popitem()
