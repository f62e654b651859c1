# SPDX-License-Identifier: Apache-2.0
"""Goal: what is pinned stays as it is, and is let go exactly once.

Method: pins released early, late, twice, by collection, in any order, while their keys change.
Failure means memory that changes under a view, or is never given back.
"""

import gc
import pickle
import threading
import weakref
from pathlib import Path

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True


def test_a_pin_holds_the_value(store: tryget.Store) -> None:
    store["a"] = bytes(range(256)) * 40
    pin = store.pin("a")
    assert type(pin) is tryget.Pin
    assert pin.key == "a"
    assert pin.nbytes == 10_240
    assert pin.version == store.stat("a").version
    assert type(pin.value) is memoryview
    assert pin.value.readonly
    assert pin.value is pin.value
    assert store.stat("a").pins == 1
    store["a"] = b"other"
    assert pin.version != store.stat("a").version
    store.clear()
    for number in range(1000):
        store[f"fill/{number}"] = bytes(10_000)
    assert pin.value == bytes(range(256)) * 40
    pin.release()


def test_small_values_can_be_pinned_too(store: tryget.Store) -> None:
    for value in (b"", b"x", b"y" * 64, b"z" * 1024):
        store["a"] = value
        with store.pin("a") as pin:
            assert pin.value == value
            assert store["a"] == value
            assert store.stat("a").pins == 1
            store["a"] = b"other"
            assert pin.value == value
    assert store.stat("a").pins == 0


def test_other_values_are_decoded(store: tryget.Store) -> None:
    for value in (1, "text", [1, (2,)], None, {"a": b"b"}, bytearray(b"c")):
        store["a"] = value
        with store.pin("a") as pin:
            assert pin.value == value
            assert type(pin.value) is type(value)


def test_absent_keys(store: tryget.Store) -> None:
    assert store.try_get("a") is None
    with pytest.raises(KeyError):
        store.pin("a")
    store["a/b"] = 1
    assert store.try_get("a") is None


def test_release_is_final_and_can_be_repeated(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    pin = store.pin("a")
    view = pin.value
    pin.release()
    pin.release()
    assert store.stat("a").pins == 0
    with pytest.raises(ValueError, match="released"):
        _ = pin.value
    with pytest.raises(ValueError, match="released"):
        view[0]
    assert pin.key == "a"
    assert pin.nbytes == 5000
    assert "released" in repr(pin)


def test_leaving_the_context_releases(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    with store.pin("a"):
        assert store.stat("a").pins == 1
    assert store.stat("a").pins == 0
    with pytest.raises(ZeroDivisionError), store.pin("a") as pin:
        _ = 1 / (pin.nbytes - 5000)
    assert store.stat("a").pins == 0


def test_a_view_of_a_view_keeps_the_memory(store: tryget.Store) -> None:
    store["a"] = b"x" * 5000
    with store.pin("a") as pin:
        part = pin.value[10:20]
    assert store.stat("a").pins == 1
    store["a"] = b"other"
    assert part == b"x" * 10
    part.release()
    assert store.verify().ok


def test_a_dropped_pin_lets_go(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    pin = store.pin("a")
    assert pin.value == bytes(5000)
    assert store.stat("a").pins == 1
    del pin
    assert store.stat("a").pins == 0, "without the cycle collector"


def test_many_pins_of_one_value(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    pins = [store.pin("a") for _ in range(100)]
    assert store.stat("a").pins == 100
    assert store.statistics().pins == 100
    for pin in pins[::2]:
        pin.release()
    assert store.stat("a").pins == 50
    del pins, pin
    assert store.stat("a").pins == 0


def test_a_pin_outlives_the_store_object(folder: Path) -> None:
    opened = tryget.open("a", size="8MiB")
    opened["a"] = b"x" * 5000
    pin = opened.pin("a")
    alive = weakref.ref(opened)
    value = pin.value
    opened.close()
    tryget.unlink("a")
    assert value == b"x" * 5000
    assert pin.value is value
    del opened
    pin.release()
    del pin, value
    gc.collect()
    assert alive() is None


def test_a_released_pin_refers_to_no_store(folder: Path) -> None:
    opened = tryget.open("a", size="8MiB")
    opened["a"] = b"x" * 5000
    pin = opened.pin("a")
    pin.release()
    alive = weakref.ref(opened)
    del opened
    assert alive() is None


def test_a_cycle_through_the_value_is_collected(store: tryget.Store) -> None:
    store["a"] = [1, 2]
    pin = store.pin("a")
    pin.value.append(pin)
    assert store.stat("a").pins == 1
    del pin
    gc.collect()
    assert store.stat("a").pins == 0


def test_only_a_store_makes_pins() -> None:
    with pytest.raises(TypeError, match="try_get"):
        tryget.Pin()
    empty = tryget.Pin.__new__(tryget.Pin)
    with pytest.raises(ValueError, match="released"):
        _ = empty.value
    with empty:
        empty.release()
    assert "released" in repr(empty)


def test_a_pin_that_is_released_while_it_decodes(folder: Path) -> None:
    class Codec:
        def encode(self, value: bytes) -> bytes:
            return value

        def decode(self, parts: memoryview) -> list[bytes]:
            pins.pop().release()
            return [bytes(parts)]

    with tryget.open("a", size="8MiB", codec=Codec()) as opened:
        opened["a"] = b"x" * 5000
        pins = [opened.pin("a")]
        pin = pins[0]
        assert pin.value == [b"x" * 5000]
        with pytest.raises(ValueError, match="released"):
            _ = pin.value
        assert opened.stat("a").pins == 0


def test_a_pin_is_no_value_and_no_pickle(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    with store.pin("a") as pin:
        with pytest.raises(TypeError):
            store["b"] = pin
        with pytest.raises(TypeError):
            pickle.dumps(pin)


def test_views_are_read_only(store: tryget.Store) -> None:
    store["a"] = bytes(5000)
    with store.pin("a") as pin, pytest.raises(TypeError):
        pin.value[0] = 1


def test_threads_pin_and_release(store: tryget.Store) -> None:
    for number in range(8):
        store[f"k/{number}"] = bytes([number]) * 20_000
    errors: list[str] = []

    def work(seed: int) -> None:
        for turn in range(300):
            number = (seed * 7 + turn) % 8
            with store.pin(f"k/{number}") as pin:
                if pin.value[turn] != number:
                    errors.append(f"{number}: {pin.value[turn]}")
            if turn % 10 == seed:
                store[f"k/{number}"] = bytes([number]) * 20_000

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.statistics().pins == 0
