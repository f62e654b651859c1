# SPDX-License-Identifier: Apache-2.0
"""`get_or_create`: its times and other arguments, and absences that are remembered.

Goal: what is built lives as long as it was told to; an absence is known until it expires, or its
key changes in any way. A failure means a stale answer, or memory that is used up by absences.
"""

import copy
import math
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest

import tryget


def refuse() -> Any:
    raise AssertionError("this factory should not be called")


# ---- times ------------------------------------------------------------------------------------


def test_a_ttl_counts_from_the_end_of_the_build(store: tryget.Store) -> None:
    store.get_or_create("key", lambda: 1, ttl=50)
    expires = store.stat("key").expires
    assert expires is not None
    assert 45 < expires <= 50
    assert store.get_or_create("for ever", lambda: 1) == 1
    assert store.stat("for ever").expires is None


@pytest.mark.parametrize("ttl", [0, -1, -math.inf])
def test_a_ttl_that_is_over_stores_nothing(store: tryget.Store, ttl: float) -> None:
    assert store.get_or_create("key", lambda: 1, ttl=ttl) == 1
    assert "key" not in store
    assert store.get_or_create("key", lambda: 2, ttl=ttl, timeout=0) == 2


def test_wrong_arguments_are_errors_before_anything_is_built(store: tryget.Store) -> None:
    for options, kind in (
        ({"ttl": math.nan}, ValueError),
        ({"ttl": "5"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "5"}, TypeError),
        ({"timeout": math.nan}, ValueError),
        ({"lease": 0}, ValueError),
        ({"lease": math.nan}, ValueError),
        ({"absent_ttl": math.nan}, ValueError),
    ):
        with pytest.raises(kind):
            store.get_or_create("key", refuse, **options)
    with pytest.raises(TypeError, match="factory"):
        store.get_or_create("key", 5)
    with pytest.raises(TypeError):
        store.get_or_create(5, refuse)
    with pytest.raises(tryget.InvalidKey):
        store.get_or_create("x" * 300, refuse)
    assert store.get_or_create("key", lambda: 1, timeout=0) == 1


# ---- absence ----------------------------------------------------------------------------------


def test_absence_is_remembered(store: tryget.Store) -> None:
    assert store.get_or_create("a/key", lambda: tryget.ABSENT) is tryget.ABSENT
    assert store.get_or_create("a/key", refuse) is tryget.ABSENT
    assert "a/key" not in store
    assert store.get("a/key", "default") == "default"
    assert store.children() == []
    assert len(store) == 0
    assert store.verify().ok


def test_absence_ends_with_its_time(store: tryget.Store) -> None:
    store.get_or_create("key", lambda: tryget.ABSENT, absent_ttl=0.3)
    assert store.get_or_create("key", refuse) is tryget.ABSENT
    time.sleep(0.6)
    assert store.get_or_create("key", lambda: 1) == 1
    store.get_or_create("now", lambda: tryget.ABSENT, absent_ttl=0)
    assert store.get_or_create("now", lambda: 1) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.delete("d/key"),
        lambda store: store.drop("d"),
        lambda store: store.clear(),
        lambda store: (store.set("d/key", 1), store.delete("d/key")),
        lambda store: (store.add("d/key", 1), store.drop("d")),
        lambda store: (store.rename("d/other", "d/key"), store.delete("d/key")),
    ],
)
def test_absence_is_forgotten_when_the_key_changes(
    store: tryget.Store, change: Callable[[tryget.Store], Any]
) -> None:
    store["d/other"] = 1
    store.get_or_create("d/key", lambda: tryget.ABSENT)
    change(store)
    assert store.get_or_create("d/key", lambda: "new") == "new"


def test_absence_moves_with_its_parent(store: tryget.Store) -> None:
    store["d/other"] = 1
    store.get_or_create("d/key", lambda: tryget.ABSENT)
    store.rename("d", "e")
    assert store.get_or_create("e/key", refuse) is tryget.ABSENT
    assert store.get_or_create("d/key", lambda: 1) == 1


def test_any_number_of_absences_takes_a_little_memory(store: tryget.Store) -> None:
    for number in range(5000):
        store.get_or_create(f"missing/{number}", lambda: tryget.ABSENT)
    assert store.get_or_create("missing/4999", refuse) is tryget.ABSENT
    report = store.verify()
    assert report.ok
    assert len(store) == 0


def test_absent_is_one_false_object() -> None:
    assert not tryget.ABSENT
    assert repr(tryget.ABSENT) == "tryget.ABSENT"
    assert copy.deepcopy(tryget.ABSENT) is tryget.ABSENT
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(tryget.ABSENT, protocol)) is tryget.ABSENT
    assert type(tryget.ABSENT)() is tryget.ABSENT
