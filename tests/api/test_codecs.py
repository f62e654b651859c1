# SPDX-License-Identifier: Apache-2.0
"""Goal: `pickle` and codecs that users bring work beside `safe`, and nothing unpickles unasked.

Method: values stored with one codec and read with another. Failure means code run by a reader
who did not ask for it, or a value that comes back wrong.
"""

import array
import collections
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True


class Bomb:
    """Runs code when it is unpickled."""

    fired = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Bomb, "fired", True))


Pair = collections.namedtuple("Pair", "left right")


def test_pickle_stores_what_safe_refuses(folder: Path) -> None:
    with tryget.open("a", size="16MiB", codec="pickle") as opened:
        for value in (
            range(3),
            Pair(1, [2]),
            {1: Pair, "os": os.path.join},
            collections.Counter("aab"),
        ):
            opened["key"] = value
            assert opened["key"] == value
            assert type(opened["key"]) is type(value)
            assert opened.stat("key").kind == "pickle"
        loop: list[Any] = []
        loop.append(loop)
        opened["key"] = loop
        found = opened["key"]
        assert found[0] is found


def test_pickle_leaves_safe_values_to_safe(folder: Path) -> None:
    with tryget.open("a", size="4MiB", codec="pickle") as writer, tryget.open("a") as reader:
        for value in (1, "text", b"bytes", [1, (2,)], {"a": {1}}):
            writer["key"] = value
            assert reader["key"] == value


def test_nobody_unpickles_unasked(folder: Path) -> None:
    with tryget.open("a", size="4MiB", codec="pickle") as writer, tryget.open("a") as reader:
        for value in (Bomb(), [Bomb()], {"a": Bomb()}, [Bomb(), bytes(3000)]):
            writer["key"] = value
            for read in (
                lambda: reader["key"],
                lambda: reader.get("key"),
                lambda: reader.pop("key"),
                lambda: reader.get_many(["key"]),
                lambda: dict(reader.items()),
                lambda: reader.pin("key").value,
                lambda: reader.increment("key"),
            ):
                with pytest.raises(tryget.CodecMissing, match="pickle") as caught:
                    read()
                assert isinstance(caught.value, TypeError)
            assert "key" in reader, "a value that can't be read isn't removed either"
        assert Bomb.fired is False
        assert reader.stat("key").kind == "pickle"
        assert reader.delete("key")


def test_what_pickle_refuses_is_an_error_and_nothing_happens(folder: Path) -> None:
    with tryget.open("a", size="4MiB", codec="pickle") as opened:
        opened["key"] = 1
        with pytest.raises((TypeError, AttributeError)):
            opened["key"] = (number for number in ())
        assert opened["key"] == 1


class Json:
    """Sequences of parts."""

    def encode(self, value: Any) -> list[bytes]:
        return [json.dumps(value).encode()]

    def decode(self, parts: Any) -> Any:
        (text,) = parts
        return json.loads(text)


class Whole:
    """One part."""

    name = "whole"

    def encode(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def decode(self, parts: Any) -> Any:
        return json.loads(bytes(parts))


class Views:
    """Parts that are read in place."""

    def encode(self, value: Any) -> list[Any]:
        return [memoryview(part) for part in value]

    def decode(self, parts: Any) -> Any:
        assert all(type(part) is memoryview and part.readonly for part in parts)
        return list(parts)


@pytest.mark.parametrize("codec", [Json(), Whole()])
def test_a_codec_of_ones_own(folder: Path, codec: Any) -> None:
    with tryget.open("a", size="16MiB", codec=codec) as opened:
        for value in (None, 1, "text", [1, {"a": 2}], "x" * 1_000_000, ""):
            opened["key"] = value
            assert opened["key"] == value
            assert opened.stat("key").kind == "custom"
        with pytest.raises(TypeError, match="JSON"):
            opened["key"] = object()
        opened["count"] = 5
        assert opened.increment("count") == 6
        assert opened.pop("count") == 6


def test_parts_are_read_in_place(folder: Path) -> None:
    with tryget.open("a", size="16MiB", codec=Views()) as opened:
        wanted = [b"", b"a", bytes(1000), bytes(range(256)) * 1000, bytearray(b"z" * 65)]
        opened["key"] = wanted
        found = opened["key"]
        assert opened.stat("key").pins == 1
        opened["key"] = []
        assert found == wanted
        assert opened["key"] == []
        del found
        assert opened.verify().ok


def test_another_codec_is_missing(folder: Path) -> None:
    with (
        tryget.open("a", size="4MiB", codec=Json()) as one,
        tryget.open("a", codec=Whole()) as other,
        tryget.open("a") as safe,
        tryget.open("a", codec="pickle") as pickling,
    ):
        one["key"] = [1]
        for reader in (other, safe, pickling):
            with pytest.raises(tryget.CodecMissing):
                reader["key"]
        safe["key"] = [2]
        assert one["key"] == other["key"] == pickling["key"] == [2]
        with tryget.open("a", codec=Json()) as again:
            one["key"] = [3]
            assert again["key"] == [3]


@pytest.mark.parametrize("codec", [object(), json, None, 5, type("Half", (), {"encode": len})()])
def test_what_is_no_codec_is_a_type_error(folder: Path, codec: Any) -> None:
    with pytest.raises(TypeError, match="codec"):
        tryget.open("a", codec=codec)


def test_errors_of_a_codec_are_the_callers(folder: Path) -> None:
    class Broken:
        def encode(self, value: Any) -> bytes:
            return b"x"

        def decode(self, parts: Any) -> Any:
            raise ZeroDivisionError

    with tryget.open("a", size="4MiB", codec=Broken()) as opened:
        opened["key"] = 1
        with pytest.raises(ZeroDivisionError):
            opened["key"]


@pytest.mark.parametrize("parts", [5, ["text"], [1], None, "text"])
def test_parts_of_a_wrong_type_are_a_type_error(folder: Path, parts: Any) -> None:
    class Wrong:
        def encode(self, value: Any) -> Any:
            return parts

        def decode(self, parts: Any) -> Any:
            return parts

    with tryget.open("a", size="4MiB", codec=Wrong()) as opened:
        with pytest.raises(TypeError, match=r"'key': codec .*encode returns"):
            opened["key"] = 1
        assert list(opened) == []


class Picky(Whole):
    """Reads what it wrote, most of the time."""

    def decode(self, parts: Any) -> Any:
        value = super().decode(parts)
        if value == "bad":
            raise ZeroDivisionError(value)
        return value


def test_what_can_not_be_decoded_is_not_removed(folder: Path) -> None:
    mine = tryget.open("a", size="16MiB", codec=Picky())
    other = tryget.open("a", codec=Json())
    mine["key"] = [1]
    for take in (lambda: other.pop("key"), lambda: other.pop("key", None), other.popitem):
        with pytest.raises(tryget.CodecMissing, match=r"a\.tryget: 'key': .*'whole'"):
            take()
    assert mine.pop("key") == [1]
    assert "key" not in mine
    mine["key"] = "bad"
    with pytest.raises(ZeroDivisionError):
        mine.pop("key")
    assert mine.delete("key")


def test_a_value_that_is_replaced_while_it_is_popped(folder: Path) -> None:
    class Meddler(Whole):
        def decode(self, parts: Any) -> Any:
            value = super().decode(parts)
            if value == 0:
                plain["key"] = 1  # of another codec: it is popped as what it is
            elif value == 2:
                opened["key"] = 3
            return value

    plain = tryget.open("a", size="16MiB")
    opened = tryget.open("a", codec=Meddler())
    for first, last in ((0, 1), (2, 3)):
        opened["key"] = first
        assert opened.pop("key") == last
        assert "key" not in opened


def test_any_buffer_is_one_part(folder: Path) -> None:
    class Arrays:
        def encode(self, value: Any) -> Any:
            return value

        def decode(self, parts: Any) -> Any:
            return bytes(parts)

    with tryget.open("a", size="16MiB", codec=Arrays()) as opened:
        for value in (array.array("i", [1, 2]), np.arange(6).reshape(2, 3).T, b"", np.array(5)):
            opened["key"] = value
            assert opened["key"] == memoryview(value).tobytes()
