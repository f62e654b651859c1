# SPDX-License-Identifier: Apache-2.0
"""Goal: arrays come back as read-only views of the store, exact in type, and keep it alive.

Method: types x shapes x orders, alone and inside others; the key replaced, deleted, the store
closed while a view lives. Failure means a copy where none was needed, memory that changes under
a view, or a crash.
"""

import contextlib
import gc
import struct
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tryget

np = pytest.importorskip("numpy")

THREADS_HAVE_A_STORE_EACH = True

# What decoding may raise; the store makes StoreCorrupt of it.
DAMAGE = (ValueError, TypeError, IndexError, struct.error, msgspec.DecodeError)

TYPES = [
    *("?", "i1", "u2", "<i4", ">i4", "u8", "f2", "f4", ">f8", "g", "c8", "c16"),
    *("M8[ns]", "m8[D]", "S5", "U3", "V7"),
    [("a", "i4"), ("b", "f8", (2,))],
    [("a", ">u2"), ("inner", [("x", "S3"), ("y", "?")])],
    {"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 32},
]
SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 4), (60, 70)]


def filled(dtype: Any, shape: Any) -> Any:
    """An array of something else than zeros."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape)) * kind.itemsize
    content = bytes(
        number * 7 % 2 if kind.kind == "?" else number % 50 + 40 for number in range(count)
    )
    if kind.kind == "U":
        return np.full(shape, "é", kind)
    return np.ndarray(shape, kind, bytearray(content))


def assert_same(found: Any, wanted: Any) -> None:
    """The same type, shape, order and bytes; read-only."""
    assert type(found) is np.ndarray
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert repr(found.tolist()) == repr(wanted.tolist())
    assert not found.flags.writeable
    assert found.flags.f_contiguous == wanted.flags.f_contiguous or not wanted.flags.f_contiguous
    with pytest.raises(ValueError, match="WRITEABLE"):
        found.flags.writeable = True


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_type_and_shape(store: tryget.Store, dtype: Any, shape: Any) -> None:
    for order in "CF":
        array = np.array(filled(dtype, shape), order=order)
        store["a"] = array
        assert_same(store["a"], array)
        store["a"] = {"in": [(array, 1)]}
        assert_same(store["a"]["in"][0][0], array)


def test_gaps_and_negative_strides(store: tryget.Store) -> None:
    base = np.arange(10_000).reshape(100, 100)
    for array in (base[::2, ::3], base[::-1], base.T[::2], base[5], base[:, 5], base[5:6, 7:8]):
        store["a"] = array
        assert_same(store["a"], np.ascontiguousarray(array))
        store["a"] = [array]
        assert_same(store["a"][0], np.ascontiguousarray(array))


def test_scalars_keep_their_types(store: tryget.Store) -> None:
    for scalar in (
        np.float64(1.5),
        np.float16(2),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1j),
        np.datetime64("2020-01-01T00:00", "ns"),
        np.timedelta64(5, "h"),
        np.str_("text"),
        np.bytes_(b"bytes"),
        np.longdouble(1) / 3,
    ):
        for wrapped in (scalar, [scalar], {"a": (scalar,)}):
            store["a"] = wrapped
            assert store["a"] == wrapped
        store["a"] = scalar
        assert type(store["a"]) is type(scalar)
        assert store["a"].dtype == scalar.dtype


def test_a_record_scalar(store: tryget.Store) -> None:
    scalar = np.array((1, 2.5), [("a", "i4"), ("b", "f8")])[()]
    store["a"] = scalar
    assert store["a"].tolist() == (1, 2.5)
    assert store["a"].dtype == scalar.dtype


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array([1, "a"], dtype=object),
        np.zeros(3, [("a", "O")]),
        np.ma.masked_array([1, 2], [True, False]),
        np.rec.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]),
        np.dtype("f8"),
        np.random.default_rng(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_objects_is_refused(store: tryget.Store, value: Any) -> None:
    for wrapped in (value, [value]):
        with pytest.raises(TypeError, match="pickle"):
            store["a"] = wrapped
    assert list(store) == []


def test_pickle_takes_those_and_reads_their_buffers_in_place(folder: Path) -> None:
    with tryget.open("p", size="64MiB", codec="pickle") as opened:
        masked = np.ma.masked_array(np.arange(100_000), np.arange(100_000) % 2 == 0)
        opened["a"] = masked
        found = opened["a"]
        assert type(found) is type(masked)
        assert (found == masked).all()
        opened["a"] = np.array([object, None])
        assert opened["a"][0] is object


def test_more_kinds_of_arrays_than_are_remembered(store: tryget.Store) -> None:
    arrays = [filled(dtype, (5, n)) for dtype in ("i2", "f8") for n in range(1, 400)]
    for _ in range(2):
        for array in arrays:
            store["a"] = array
            assert_same(store["a"], array)


def test_flags_are_those_that_numpy_gives(store: tryget.Store) -> None:
    for dtype in ("u1", "f8", [("a", "u1"), ("b", "f8")]):
        for shape in SHAPES:
            for order in "CF":
                store["a"] = np.array(filled(dtype, shape), order=order)
                with store.pin("a") as pin:
                    assert str(store["a"].flags) == str(pin.value.flags)
                    assert store["a"].strides == pin.value.strides


def test_nobody_takes_the_memory_from_under_an_array(store: tryget.Store) -> None:
    store["a"] = np.arange(10_000)
    array = store["a"]
    base = array.base
    base.release()
    assert memoryview(base).readonly
    store["a"] = np.zeros(10_000)
    del base
    gc.collect()
    for _ in range(20):
        store["b"] = np.ones(10_000)
    assert array.sum() == 49_995_000
    assert store.statistics().pins == 1
    del array
    assert store.statistics().pins == 0


def test_a_large_array_is_no_copy(store: tryget.Store) -> None:
    store["a"] = np.arange(1_000_000)
    found = store["a"]
    assert store.stat("a").pins == 1
    again = store["a"]
    assert store.stat("a").pins == 2
    assert np.shares_memory(found, again)
    part = found[100:200]
    del found, again
    gc.collect()
    assert store.stat("a").pins == 1
    del part
    gc.collect()
    assert store.stat("a").pins == 0


def test_alignment(store: tryget.Store) -> None:
    for length in (3, 1000, 100_001):
        store["a"] = np.zeros(length, "g")
        assert store["a"].flags.aligned
        store["a"] = ["x" * length, np.zeros(length, "c16")]
        assert store["a"][1].flags.aligned


def test_a_view_outlives_everything(folder: Path) -> None:
    opened = tryget.open("a", size="64MiB")
    wanted = np.arange(500_000)
    opened["a"] = wanted
    opened["b"] = {"x": [wanted, wanted + 1]}
    first = opened["a"]
    second = opened["b"]["x"][1]
    opened["a"] = np.zeros(500_000)
    del opened["b"]
    assert (first == wanted).all()
    assert (second == wanted + 1).all()
    opened.clear()
    for number in range(200):
        opened[f"fill/{number}"] = np.full(20_000, number)
    assert (first == wanted).all()
    opened.close()
    del opened
    tryget.unlink("a")
    gc.collect()
    assert (first == wanted).all()
    assert (second == wanted + 1).all()
    assert first.sum() == wanted.sum()


def test_a_replaced_array_gives_its_memory_back(folder: Path) -> None:
    with tryget.open("a", size="16MiB") as opened:
        for number in range(200):
            opened["a"] = np.full(250_000, number, "i4")
            assert opened["a"][-1] == number
        opened.clear()
        opened.raw_tidy()
        report = opened.verify()
        assert report.ok
        assert report.objects == 0


def test_pins_run_out_into_copies(folder: Path) -> None:
    with tryget.open("a", size="64MiB") as opened:
        opened["a"] = np.arange(1000)
        held = [opened["a"] for _ in range(50_000)]
        assert all((array == held[0]).all() for array in held[::1000])
        pinned = opened.stat("a").pins
        assert pinned <= len(held)
        del held
        gc.collect()
        assert opened.stat("a").pins == 0


def test_reading_an_array_imports_numpy_only_then(store: tryget.Store) -> None:
    import subprocess

    store["a"] = np.arange(5000)
    store["b"] = 1
    code = (
        f"import tryget, sys; s = tryget.open({store.name!r}); assert s['b'] == 1; "
        "assert 'numpy' not in sys.modules; print(s['a'].sum())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(found.stdout) == sum(range(5000))


def test_damaged_heads_are_corrupt_not_worse(store: tryget.Store) -> None:
    from tryget.codecs import numbers, registry

    store["a"] = np.arange(3)
    codec, data, _ = store.raw_get("a")
    assert codec == numbers.ARRAY
    for cut in range(0, len(data), 3):
        for broken in (data[:cut], data[:cut] + b"\xff" + data[cut + 1 :]):
            with contextlib.suppress(*DAMAGE):
                registry.SAFE.decoders[codec](broken)  # type: ignore[misc]
