# SPDX-License-Identifier: Apache-2.0
"""Goal: any str is a key, and nothing else is.

Method: keys of every odd kind through every call that takes one. Failure means a lost value, a
wrong error, or two keys taken for one.
"""

import enum
from collections.abc import Callable
from typing import Any

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True

ODD = [
    "",
    "/",
    "//",
    "a//b",
    "/a",
    "a/",
    "http://x/y",
    "a\nb",
    "a\0b",
    "\0",
    " ",
    ".",
    "..",
    "a/../b",
    "é",
    "日本/語",
    "😀",
    "\x7f",
    "\uffff",
    "x" * 255,
    "é" * 127,
    "/".join(["x" * 255] * 15),
    "/".join(["a"] * 2048),
    "/" * 300,
]


def test_odd_keys_are_all_different(store: tryget.Store) -> None:
    for number, key in enumerate(ODD):
        store[key] = number
    for number, key in enumerate(ODD):
        assert store[key] == number
        assert key in store
        assert store.stat(key).has_value
    assert sorted(store) == sorted(ODD)
    assert len(store) == len(ODD)
    for key in ODD:
        del store[key]
        assert key not in store
    assert list(store) == []


@pytest.mark.parametrize("key", ODD)
def test_odd_keys_by_themselves(store: tryget.Store, key: str) -> None:
    assert key not in store
    assert store.add(key, 1)
    assert list(store) == [key]
    assert list(store.walk(key)) == [key]
    assert list(store.keys(key)) == [key]
    store.rename(key, "elsewhere/new")
    assert list(store) == ["elsewhere/new"]
    store.rename("elsewhere/new", key)
    assert store.pop(key) == 1
    assert list(store) == []
    assert store.children() == []


@pytest.mark.parametrize("depth", [1, 2, 5, 6, 7, 8, 30, 1000])
def test_parents_vanish_with_their_last_child(store: tryget.Store, depth: int) -> None:
    store["/".join(["n"] * (depth + 1))] = 1
    assert store.children() == ["n"]
    del store["/".join(["n"] * (depth + 1))]
    assert store.children() == []
    with pytest.raises(KeyError):
        store.stat("n")


def test_the_root_is_none_and_the_empty_name_is_a_node(store: tryget.Store) -> None:
    store[""] = 0
    store["/x"] = 1
    store["x"] = 2
    assert sorted(store.children()) == ["", "x"]
    assert store.children("") == ["x"]
    assert sorted(store.walk("")) == ["", "/x"]
    assert sorted(store.walk()) == ["", "/x", "x"]
    assert store.drop("")
    assert list(store) == ["x"]


TAKERS: list[Callable[[tryget.Store, Any], Any]] = [
    lambda store, key: store[key],
    lambda store, key: store.get(key),
    lambda store, key: store.get(key, 1),
    lambda store, key: store.set(key, 1),
    lambda store, key: store.__setitem__(key, 1),
    lambda store, key: store.add(key, 1),
    lambda store, key: store.add(key, 1, ttl=0),
    lambda store, key: store.delete(key),
    lambda store, key: store.__delitem__(key),
    lambda store, key: store.pop(key),
    lambda store, key: store.pop(key, None),
    lambda store, key: store.setdefault(key, 1),
    lambda store, key: store.pin(key),
    lambda store, key: store.try_get(key),
    lambda store, key: store.get_many([key]),
    lambda store, key: store.set_many({key: 1}),
    lambda store, key: store.delete_many([key]),
    lambda store, key: store.touch(key, 5),
    lambda store, key: store.increment(key),
    lambda store, key: store.compare_and_set(key, 0, 1),
    lambda store, key: store.compare_and_set(key, -1, 1),
    lambda store, key: store.rename(key, "new"),
    lambda store, key: store.rename("there", key),
    lambda store, key: store.stat(key),
    lambda store, key: store.update({key: 1}),
    lambda store, key: store.usage(key) if key is not None else store.stat(key),
    lambda store, key: store.children(key) if key is not None else store.stat(key),
    lambda store, key: list(store.walk(key)) if key is not None else store.stat(key),
    lambda store, key: list(store.keys(key)) if key is not None else store.stat(key),
    lambda store, key: store.drop(key) if key is not None else store.stat(key),
]


class Shouting(str):
    """Its text is what counts."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"shouting"

    def __str__(self) -> str:
        return "SHOUTING"


class Name(enum.StrEnum):
    ONE = "one"


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(
    "key", [None, 1, 1.5, b"bytes", ("a", "b"), object(), bytearray(b"x"), True]
)
def test_what_is_no_str_is_a_type_error(
    store: tryget.Store, take: Callable[[tryget.Store, Any], Any], key: object
) -> None:
    store["there"] = 1
    with pytest.raises(TypeError):
        take(store, {key: 1} and key)
    assert dict(store) == {"there": 1}


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(
    "key",
    [
        "\ud800",
        "a/\udfff/b",
        "x" * 256,
        "a/" + "x" * 256,
        "é" * 128,
        "x" * 256 + "/a",
        "/".join(["x" * 255] * 17),
        "/".join(["ab"] * 1366),
        "/" * 4097,
        "x" * 1_000_000,
    ],
)
def test_what_is_over_the_limits_is_an_invalid_key(
    store: tryget.Store, take: Callable[[tryget.Store, Any], Any], key: str
) -> None:
    store["there"] = 1
    with pytest.raises(tryget.InvalidKey) as caught:
        take(store, key)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 500
    assert dict(store) == {"there": 1}


@pytest.mark.parametrize("key", [None, 1, b"bytes", ("a", "b"), object(), [], {}])
def test_what_is_no_str_is_not_in_it(store: tryget.Store, key: object) -> None:
    assert key not in store
    assert key not in store.keys()  # noqa: SIM118
    assert (key, 1) not in store.items()


@pytest.mark.parametrize("key", ["\ud800", "x" * 256, "/" * 4097])
def test_an_invalid_key_is_one_for_in_as_well(store: tryget.Store, key: str) -> None:
    with pytest.raises(tryget.InvalidKey):
        key in store  # noqa: B015


def test_the_limits_themselves_are_allowed(store: tryget.Store) -> None:
    longest = "/".join(["x" * 255] * 15 + ["x" * 255, ""])
    assert len(longest) == 4096
    store[longest] = 1
    assert store[longest] == 1
    store.drop("x" * 255)
    assert list(store) == []


def test_subclasses_count_as_their_text(store: tryget.Store) -> None:
    store[Shouting("quiet")] = 1
    store[Name.ONE] = 2
    assert dict(store) == {"quiet": 1, "one": 2}
    assert store[Shouting("one")] == 2
    assert all(type(key) is str for key in store)
    store.rename(Shouting("quiet"), Name.ONE, replace=True)
    assert dict(store) == {"one": 1}
    assert store.children(Shouting("nothing")) == []
    store[Shouting("a/b")] = 3
    assert list(store.walk(Shouting("a"))) == ["a/b"]
    assert list(store.keys(Shouting("a"))) == ["a/b"]
