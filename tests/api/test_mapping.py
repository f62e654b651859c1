# SPDX-License-Identifier: Apache-2.0
"""Goal: a Store behaves as a dict does wherever the contract says nothing else.

Method: each call of a mapping, present and absent, with defaults. Failure means that code written
for a dict breaks.
"""

from collections.abc import Mapping, MutableMapping

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True


def test_it_is_a_mutable_mapping(store: tryget.Store) -> None:
    assert isinstance(store, MutableMapping)
    assert isinstance(store, Mapping)


def test_set_get_replace_delete(store: tryget.Store) -> None:
    store["a"] = 1
    assert store["a"] == 1
    store["a"] = "two"
    assert store["a"] == "two"
    del store["a"]
    with pytest.raises(KeyError) as caught:
        store["a"]
    assert caught.value.args == ("a",)
    with pytest.raises(KeyError):
        del store["a"]


def test_get_has_a_default(store: tryget.Store) -> None:
    assert store.get("a") is None
    assert store.get("a", 5) == 5
    assert store.get("a", default=6) == 6
    store["a"] = None
    assert store.get("a", 5) is None


def test_contains_is_about_values(store: tryget.Store) -> None:
    store["a/b"] = 1
    assert "a/b" in store
    assert "a" not in store
    assert store.get("a") is None
    with pytest.raises(KeyError):
        store["a"]


def test_delete_says_whether_it_was_there(store: tryget.Store) -> None:
    store["a"] = 1
    assert store.delete("a") is True
    assert store.delete("a") is False


def test_pop(store: tryget.Store) -> None:
    store["a"] = [1, 2]
    assert store.pop("a") == [1, 2]
    assert store.pop("a", None) is None
    assert store.pop("a", default=7) == 7
    with pytest.raises(KeyError):
        store.pop("a")


def test_pop_of_something_large(store: tryget.Store) -> None:
    store["a"] = bytes(5_000_000)
    assert store.pop("a") == bytes(5_000_000)
    assert "a" not in store


def test_popitem_takes_any(store: tryget.Store) -> None:
    wanted = {f"k/{number}": number for number in range(50)}
    store.update(wanted)
    found = dict(store.popitem() for _ in range(50))
    assert found == wanted
    with pytest.raises(KeyError):
        store.popitem()


def test_setdefault(store: tryget.Store) -> None:
    assert store.setdefault("a", 1) == 1
    assert store.setdefault("a", 2) == 1
    assert store.setdefault("b") is None
    assert store["b"] is None


def test_update_from_everything(store: tryget.Store) -> None:
    store.update({"a": 1}, b=2)
    store.update([("c", 3)])
    store.update(d=4)
    assert dict(store) == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_clear_and_len(store: tryget.Store) -> None:
    assert len(store) == 0
    assert not store
    store.update({f"{number % 7}/{number}": number for number in range(1000)})
    assert len(store) == 1000
    assert store
    store.clear()
    assert len(store) == 0
    assert list(store) == []
    assert store.children() == []
    store["a"] = 1
    assert len(store) == 1


def test_iteration_and_views(store: tryget.Store) -> None:
    wanted = {"a": 1, "b/c": 2, "b/d": 3}
    store.update(wanted)
    assert sorted(store) == sorted(wanted)
    assert set(store.keys()) == set(wanted)
    assert dict(store.items()) == wanted
    assert sorted(store.values()) == [1, 2, 3]
    assert len(store.keys()) == len(store.items()) == len(store.values()) == 3
    assert "a" in store.keys()  # noqa: SIM118
    assert ("a", 1) in store.items()
    assert ("a", 2) not in store.items()
    assert 3 in store.values()
    assert 4 not in store.values()
    assert store.keys() & {"a", "z"} == {"a"}


def test_views_show_later_changes(store: tryget.Store) -> None:
    keys = store.keys()
    store["a"] = 1
    assert list(keys) == ["a"]


def test_iteration_bears_changes(store: tryget.Store) -> None:
    store.update({f"a/{number}": number for number in range(500)})
    seen = []
    for key in store:
        seen.append(key)
        store.delete(key)
        store[f"b/{key}"] = 1
        if len(seen) == 600:
            break
    assert len(set(seen)) == len(seen)
    for key, _ in store.items():
        store.delete(key)
        store.delete(f"{key}x")
    assert list(store.items()) == []


def test_equality(store: tryget.Store, folder: object) -> None:
    store.update({"a": 1, "b": [2]})
    assert store == {"a": 1, "b": [2]}
    assert store != {"a": 1}
    assert store == tryget.open(store.name)
    with tryget.open("other", size="4MiB") as other:
        assert store != other
        other.update(store)
        assert store == other
    with pytest.raises(TypeError):
        hash(store)


def test_many(store: tryget.Store) -> None:
    store.set_many({"a": 1, "b": 2})
    assert store.get_many(["a", "x", "b"]) == {"a": 1, "b": 2}
    assert store.get_many(iter(["b"])) == {"b": 2}
    assert store.delete_many(["a", "x", "a"]) == 1
    assert dict(store) == {"b": 2}
    assert store.get_many([]) == {}
    for call in (store.get_many, store.delete_many):
        with pytest.raises(TypeError):
            call("ab")
    for pairs in ([("a", 1)], None, "ab", 5):
        with pytest.raises(TypeError, match="mapping"):
            store.set_many(pairs)  # type: ignore[arg-type]


def test_a_large_mapping(store: tryget.Store) -> None:
    wanted = {f"user/{number % 100}/{number}": number for number in range(20_000)}
    store.update(wanted)
    assert len(store) == len(wanted)
    assert dict(store) == wanted
    assert store.delete_many(list(wanted)[::2]) == 10_000
    assert len(store) == 10_000
    assert sorted(store) == sorted(list(wanted)[1::2])


def test_there_is_no_order_to_reverse(store: tryget.Store) -> None:
    with pytest.raises(TypeError):
        reversed(store)  # type: ignore[call-overload]


def test_repr_names_the_store(store: tryget.Store, folder: object) -> None:
    assert str(folder) in repr(store)
    assert "Store" in repr(store)
