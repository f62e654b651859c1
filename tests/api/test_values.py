# SPDX-License-Identifier: Apache-2.0
"""Goal: what comes back equals what was stored, in value and in type, or storing is refused.

Method: every type that the codec `safe` names, alone and inside others; every neighbour of those
types that it must refuse. Failure means a value changed on its way, or code run by reading.
"""

import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import uuid
import zoneinfo
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tryget

THREADS_HAVE_A_STORE_EACH = True

UTC = datetime.UTC
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30, microseconds=1), "east")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

SAFE = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    -(2**63) - 1,
    10**1000,
    -(10**1000),
    0.0,
    -0.0,
    1.5e308,
    5e-324,
    math.inf,
    -math.inf,
    1j,
    complex(math.inf, -0.0),
    "",
    "text",
    "é" * 100,
    "\0",
    "\ud800",
    "a\udfffb",
    "😀",
    "x" * 3_000_000,
    b"",
    b"bytes",
    bytes(range(256)) * 20_000,
    bytearray(),
    bytearray(b"array"),
    bytearray(5000),
    [],
    [1, "two", [3.0, None]],
    (),
    (1,),
    ((), ((),)),
    {},
    {"a": {"b": {"c": 1}}},
    {1: "int", "s": "str", (1, 2): "tuple", None: "none", 2.5: "float", b"b": "bytes"},
    {frozenset({1}): {2}},
    {"\ud800": 1},
    set(),
    {1, "a", (2, 3)},
    frozenset(),
    frozenset({1, frozenset({2})}),
    [(1, [2, (3, {4: (5,)})])],
    [{"deep": [{"er": ()}]}],
    datetime.date(1, 1, 1),
    datetime.date(9999, 12, 31),
    datetime.time(1, 2, 3, 4),
    datetime.time(1, 2, tzinfo=UTC, fold=1),
    datetime.time(1, 2, tzinfo=EAST),
    datetime.datetime(2024, 2, 29, 23, 59, 59, 999999),
    datetime.datetime(2024, 2, 29, tzinfo=UTC),
    datetime.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    datetime.timedelta(days=-5, microseconds=7),
    datetime.timedelta.max,
    UTC,
    EAST,
    BERLIN,
    decimal.Decimal("1.10"),
    decimal.Decimal("-0"),
    decimal.Decimal("Infinity"),
    decimal.Decimal("1E+400"),
    uuid.UUID(int=0),
    uuid.uuid4(),
]


def assert_same(found: object, wanted: object) -> None:
    """Equal, of equal types, all the way down."""
    assert type(found) is type(wanted)
    if isinstance(wanted, float | complex):
        assert repr(found) == repr(wanted)
    elif isinstance(wanted, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert list(found) == list(wanted)
        for one, other in zip(found.items(), wanted.items(), strict=True):
            assert_same(one, other)
    elif isinstance(wanted, set | frozenset):
        assert isinstance(found, set | frozenset)
        assert {(type(one), one) for one in found} == {(type(one), one) for one in wanted}
    elif isinstance(wanted, datetime.datetime | datetime.time):
        assert repr(found) == repr(wanted)
    else:
        assert found == wanted


@pytest.mark.parametrize("value", SAFE, ids=lambda value: repr(value)[:30])
def test_safe_values_come_back(store: tryget.Store, value: Any) -> None:
    for wrapped in (value, [value], {"key": value}, (value, [value]), {"a": ({"b": value},)}):
        store["key"] = wrapped
        assert_same(store["key"], wrapped)
    if type(value) in (set, list, dict, bytearray):
        return
    store["key"] = {value: {value}}
    assert_same(store["key"], {value: {value}})


def test_nan_comes_back(store: tryget.Store) -> None:
    store["key"] = [
        math.nan,
        (complex(math.nan, 1),),
        decimal.Decimal("NaN"),
        decimal.Decimal("sNaN7"),
    ]
    plain, (number,), quiet, loud = store["key"]
    assert math.isnan(plain)
    assert math.isnan(number.real)
    assert quiet.is_nan()
    assert str(loud) == "sNaN7"


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b""),
        memoryview(b"bytes"),
        memoryview(bytes(3000)),
        memoryview(bytes(80)).cast("d"),
        memoryview(bytes(4000)).cast("i", [10, 100]),
        memoryview(bytes(8)).cast("d", []),
        memoryview(bytearray(b"abcdef"))[::2],
        memoryview(b"abcdef")[::-1],
    ],
)
def test_memoryviews_come_back_read_only(store: tryget.Store, view: memoryview) -> None:
    for wrapped in (view, [view]):
        store["key"] = wrapped
        found = store["key"] if wrapped is view else store["key"][0]
        assert type(found) is memoryview
        assert found.readonly
        assert found.format == view.format
        assert found.shape == view.shape
        assert found.tobytes() == view.tobytes()
    store["key"] = 0
    assert found.tobytes() == view.tobytes()


trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=600)
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(
            st.text(max_size=9) | st.integers() | st.binary(max_size=9), inner, max_size=5
        )
        | st.frozensets(st.integers() | st.text(max_size=5), max_size=5)
        | st.sets(st.integers() | st.text(max_size=5), max_size=5)
    ),
    max_leaves=30,
)


@given(trees)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_tree_comes_back(store: tryget.Store, value: Any) -> None:
    store["key"] = value
    assert_same(store["key"], value)


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()


class Int(int):
    pass


class Thing:
    pass


REFUSED = [
    object(),
    Thing(),
    Thing,
    len,
    lambda: None,
    Colour.RED,
    Number.ONE,
    Point(1, 2),
    Text("text"),
    Int(1),
    collections.OrderedDict(a=1),
    collections.defaultdict(list),
    collections.Counter("a"),
    collections.deque([1]),
    fractions.Fraction(1, 2),
    pathlib.PurePath("a"),
    range(3),
    slice(1),
    ...,
    NotImplemented,
    iter([]),
    (number for number in ()),
    KeyError("a"),
    datetime.tzinfo(),
    memoryview(bytes(8)).cast("B", [2, 4])[:0] if False else type,
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_other_types_are_refused_by_name(store: tryget.Store, value: Any) -> None:
    store["key"] = "before"
    for wrapped in (value, [value], {"a": (value,)}, {"a": [{"b": value}]}):
        with pytest.raises(TypeError, match=type(value).__qualname__) as caught:
            store["key"] = wrapped
        assert "pickle" in str(caught.value)
        with pytest.raises(TypeError):
            store.add("new", wrapped)
    assert dict(store) == {"key": "before"}


def test_a_value_that_contains_itself_is_refused(store: tryget.Store) -> None:
    loop: list[Any] = []
    loop.append(loop)
    table: dict[str, Any] = {}
    table["self"] = (table,)
    for value in (loop, table, [loop], (table,)):
        with pytest.raises((ValueError, RecursionError)):
            store["key"] = value
    assert list(store) == []


def test_nesting_up_to_200_is_fine_and_10000_is_refused(store: tryget.Store) -> None:
    def nested(depth: int, wrap: Any) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = wrap(value)
        return value

    for wrap in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {"a": inner}):
        store["key"] = nested(200, wrap)
        assert store["key"] == nested(200, wrap)
        with pytest.raises((ValueError, RecursionError)):
            store["key"] = nested(10_000, wrap)
        assert store["key"] == nested(200, wrap)


def test_containers_come_back_as_new_ones(store: tryget.Store) -> None:
    store["key"] = {"a": [1]}
    first = store["key"]
    first["a"].append(2)
    assert store["key"] == {"a": [1]}


def test_a_value_larger_than_the_store_is_refused(folder: object) -> None:
    with tryget.open("small", size="4MiB") as small:
        small["key"] = "before"
        for value in (bytes(4 << 20), bytes(100 << 20), "x" * (4 << 20), [bytes(5 << 20)]):
            with pytest.raises(tryget.StoreFull, match="larger") as caught:
                small["key"] = value
            assert isinstance(caught.value, MemoryError)
        assert dict(small) == {"key": "before"}


def test_a_full_store_loses_nothing(folder: object) -> None:
    with tryget.open("small", size="4MiB") as small:
        count = 0
        with contextlib.suppress(tryget.StoreFull):
            for count in range(10_000):
                small[f"key/{count}"] = bytes([count % 256]) * 1000
        assert count < 9999
        assert count > 1000
        assert len(small) == count
        assert all(
            small[f"key/{number}"] == bytes([number % 256]) * 1000 for number in range(count)
        )
        for number in range(0, count, 2):
            del small[f"key/{number}"]
        small["again"] = bytes(1000)
        small.clear()
        small["whole"] = bytes(1 << 20)
        assert small.verify().ok
