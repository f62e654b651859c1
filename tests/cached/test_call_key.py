# SPDX-License-Identifier: Apache-2.0
"""Goal: equal calls have one key in every process, other calls have others, and what no key can be
made of is refused with its name. Method: tables, Hypothesis, and a second interpreter."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import subprocess
import sys
import uuid
import zoneinfo
from collections import namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tryget.store.cached.call_key import NAME_MAX, CallKey, Unkeyable, node_of, text_of


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclasses.dataclass
class Loose:
    x: int


Pair = namedtuple("Pair", "a b")


def plain(a, b=2, *, c=3):
    """What most functions look like."""


def simple(a, b=2):
    """One that is called by position."""


def variable(a, *rest, **named):
    """One that takes what comes."""


KEYABLE = [
    None,
    True,
    1,
    1.0,
    -0.0,
    float("inf"),
    1j,
    "1",
    b"1",
    ...,
    (),
    (1,),
    (1, (2,)),
    ("1",),
    frozenset({1, 2}),
    frozenset({"a", "b", "c"}),
    Colour.RED,
    Colour.BLUE,
    Rights.READ | Rights.WRITE,
    Point(1, 2),
    Pair(1, 2),
    range(3),
    decimal.Decimal("1.0"),
    decimal.Decimal("1.00"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=1),
    datetime.date(2026, 1, 2),
    datetime.datetime(2026, 1, 2),
    datetime.datetime(2026, 1, 2, fold=1),
    datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC")),
    datetime.time(1, 2),
    datetime.timedelta(seconds=1),
    datetime.timezone(datetime.timedelta(hours=1), "one"),
    datetime.timezone(datetime.timedelta(hours=2), "one"),
    pathlib.Path("a/b"),
    pathlib.PurePosixPath("a/b"),
    int,
    plain,
    len,
]


def test_each_value_has_a_text_of_its_own():
    texts = [text_of(value) for value in KEYABLE]
    assert len(set(texts)) == len(KEYABLE)


class Zone(datetime.tzinfo):
    """A zone that is known by its address."""


UNKEYABLE = [
    ([], "tuple"),
    ({}, "tuple"),
    (set(), "frozenset"),
    (bytearray(), "changed"),
    ((1, []), "tuple"),
    (object(), "address"),
    (Loose(1), "not hashable"),
    (lambda: 1, "inside a function"),
    ([].append, "address"),
    (datetime.datetime(2026, 1, 2, tzinfo=Zone()), "address"),
    (iter(()), "address"),
]


@pytest.mark.parametrize(("value", "why"), UNKEYABLE)
def test_what_can_change_or_is_known_by_its_address_is_refused(value, why):
    with pytest.raises(Unkeyable, match=why):
        text_of(value)


def test_the_argument_is_named():
    with pytest.raises(TypeError, match=r"plain\(\): the argument 'b'.*tuple.*key="):
        CallKey(plain, "n").of_call((1, [2]), {})
    with pytest.raises(TypeError, match="argument 'named'"):
        CallKey(variable, "n").of_call((1,), {"x": object()})


def test_numpy_scalars_are_keys_and_arrays_are_not():
    np = pytest.importorskip("numpy")
    assert text_of(np.int64(3)) == text_of(np.int64(3)) != text_of(np.int32(3))
    assert text_of(np.datetime64("2026-01-02")) != text_of(np.datetime64("2026-01-03"))
    with pytest.raises(Unkeyable, match="not hashable"):
        text_of(np.arange(3))


def test_one_call_has_one_key_however_it_is_written():
    key = CallKey(plain, "n").of_call
    same = [
        ((1,), {}),
        ((1, 2), {}),
        ((), {"a": 1}),
        ((1,), {"b": 2, "c": 3}),
        ((), {"b": 2, "a": 1}),
    ]
    assert {key(args, kwargs) for args, kwargs in same} == {"n/1,2,3"}
    assert key((1,), {"c": 4}) == "n/1,2,4"
    key = CallKey(variable, "n").of_call
    assert key((1,), {"x": 1, "y": 2}) == key((1,), {"y": 2, "x": 1}) != key((1, 2), {})


def test_a_short_way_gives_the_same_keys():
    key = CallKey(simple, "n").of_call
    for one, other in [
        (((1,), {}), ((), {"a": 1, "b": 2})),
        (((1, "x"), {}), ((1,), {"b": "x"})),
        ((((1, 2),), {}), ((), {"a": (1, 2)})),
    ]:
        assert key(*one) == key(*other)
    for wrong in [((), {}), ((1, 2, 3), {})]:
        with pytest.raises(TypeError, match="argument"):
            key(*wrong)


def test_a_call_that_python_would_refuse_is_refused_as_python_does():
    for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"d": 1}), ((1,), {"a": 1})]:
        with pytest.raises(TypeError, match="argument"):
            CallKey(plain, "n").of_call(args, kwargs)


def test_positions_do_not_run_together():
    key = CallKey(plain, "n").of_call
    assert key(("1,2",), {}) != key(("1", 2), {})
    assert key(("a/b",), {}) == "n/'a%2Fb',2,3"
    assert key(("a%2Fb",), {}) != key(("a/b",), {})


@given(st.text(max_size=400), st.text(max_size=400))
def test_a_text_is_one_name_and_others_have_others(one, other):
    key = CallKey(plain, "n").of_call
    node, _, name = key((one,), {}).partition("/")
    assert (node, "/" in name) == ("n", False)
    assert 0 < len(name.encode()) <= NAME_MAX
    assert (key((other,), {}) == f"n/{name}") == (one == other)


def test_long_arguments_become_a_digest():
    key = CallKey(plain, "n").of_call
    assert key(("x" * 1000,), {}).startswith("n/#")
    assert key(("x" * 1000,), {}) != key(("x" * 1001,), {})


SECOND = """
import sys
sys.path.insert(0, sys.argv[1])
import test_call_key as t
from tryget.store.cached.call_key import CallKey, node_of, text_of
texts = [text_of(value) for value in t.KEYABLE]
print(node_of(t.plain), *texts, *[node_of(function) for function in t.local()], sep="\\n")
"""


def local():
    def first():
        return 1

    def second():
        return 2

    def times(k):
        return lambda x: x * k

    return first, second, times(2), times(3)


def test_another_process_finds_the_same(monkeypatch):
    folder = str(pathlib.Path(__file__).parent)
    texts = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SECOND, folder],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]


def test_a_node_is_the_name_of_the_function():
    assert node_of(plain) == f"{__name__}.plain"


def test_functions_inside_functions_are_told_apart_by_what_they_do():
    assert len({node_of(function) for function in local()}) == 4
    assert [node_of(function) for function in local()] == [
        node_of(function) for function in local()
    ]
