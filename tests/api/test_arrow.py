# SPDX-License-Identifier: Apache-2.0
"""Goal: Arrow data comes back equal and is read where it lies.

Method: each kind of Arrow data, alone and inside others. Failure means a changed value or a copy.
"""

from typing import Any

import pytest

import tryget

pa = pytest.importorskip("pyarrow")


def values() -> list[Any]:
    """One of each kind."""
    table = pa.table({"a": [1, 2, None], "b": ["x", "y", "z"], "c": [[1], [], None]})
    return [
        table,
        pa.concat_tables([table, table]),
        table.to_batches()[0],
        pa.array([1, None, 3], pa.int16()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.chunked_array([[1, 2], [3]]),
        pa.scalar(5, pa.int8()),
        pa.scalar("text"),
        pa.table({}),
        pa.array([], pa.string()),
    ]


@pytest.mark.parametrize("value", values(), ids=lambda value: type(value).__name__)
def test_arrow_data_comes_back(store: tryget.Store, value: Any) -> None:
    for wrapped in (value, [value], {"a": (value,)}):
        store["key"] = wrapped
        assert store["key"] == wrapped
    store["key"] = value
    found = store["key"]
    assert type(found) is type(value)


def test_a_large_table_is_read_in_place(store: tryget.Store) -> None:
    wanted = pa.table({"a": list(range(100_000))})
    store["key"] = wanted
    found = store["key"]
    assert store.stat("key").pins == 1
    store["key"] = 0
    assert found == wanted
    del found
    assert store.verify().ok
