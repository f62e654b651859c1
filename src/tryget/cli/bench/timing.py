# SPDX-License-Identifier: Apache-2.0
"""What is timed: loops over keys, each around one call. The loop's own time is not subtracted; it
is a row of the report (`nothing`), so that who wants to may."""

import importlib
import itertools
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tryget.cli.bench.peers.base import Client

VALUE = bytes(range(64))
FIELDS = {"id": 42, "name": "Ada Lovelace", "score": 0.75, "active": True, "tags": None}
_CLOCK = time.perf_counter_ns


def _missing() -> bytes:
    raise AssertionError("a hit builds nothing")


def _call(attribute: str) -> Callable[[Client, Iterable[str]], None]:
    def run(client: Client, keys: Iterable[str]) -> None:
        call = getattr(client, attribute)
        for key in keys:
            call(key)

    return run


def _items(client: Client, keys: Iterable[str]) -> None:
    mapping = client.mapping
    for key in keys:
        mapping[key]


def _sets(client: Client, keys: Iterable[str]) -> None:
    assert client.set is not None
    call, value = client.set, VALUE
    for key in keys:
        call(key, value)


def _creates(client: Client, keys: Iterable[str]) -> None:
    assert client.create is not None
    call, factory = client.create, _missing
    for key in keys:
        call(key, factory)


def _deletes(client: Client, keys: Iterable[str]) -> None:
    _call("delete")(client, keys)


def _pins(client: Any, keys: Iterable[str]) -> None:
    """The pin is gone as soon as nobody has it: at once."""
    pin = client.store.try_get
    for key in keys:
        pin(key)


def _views(client: Any, keys: Iterable[str]) -> None:
    view = client.array.view
    for _ in keys:
        view()


def _decodes(client: Any, keys: Iterable[str]) -> None:
    decode, packed = msgspec.msgpack.decode, client.packed
    for _ in keys:
        decode(packed)


def _nothing(_client: Any, keys: Iterable[str]) -> None:
    for _ in keys:
        pass


@dataclass(frozen=True)
class Operation:
    """One kind of call. `before` a pass, outside the clock."""

    run: Callable[[Any, Iterable[str]], None]
    needs: str  # attribute of the client
    before: Callable[[Client, Sequence[str]], None] | None = None


OPERATIONS: dict[str, Operation] = {
    "get": Operation(_call("get"), "get"),
    "item": Operation(_items, "mapping"),
    "set": Operation(_sets, "set"),
    "create": Operation(_creates, "create"),
    "delete": Operation(_deletes, "delete", before=_sets),
    "object": Operation(_call("get_object"), "get_object"),
    "array": Operation(_call("get_array"), "get_array"),
    "pin": Operation(_pins, "store"),
    "view": Operation(_views, "array"),
    "decode": Operation(_decodes, "packed"),
    "nothing": Operation(_nothing, "packed"),
}


class Yardsticks(Client):
    """What Python and its libraries take for their part: no store."""

    def __init__(self) -> None:
        self.packed = msgspec.msgpack.encode(FIELDS)
        self.get = {"": self.packed}.get
        try:
            numpy: Any = importlib.import_module("numpy")
            self.array = numpy.zeros(1 << 18, dtype="f4")
        except ImportError:
            pass  # without `array`: the row of views is left out


def preemptions() -> int:
    """How often this thread has lost its core to another."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def elapsed_ns(operation: Operation, client: Client, keys: Sequence[str]) -> int:
    """One pass over the keys."""
    if operation.before is not None:
        operation.before(client, keys)
    began = _CLOCK()
    operation.run(client, keys)
    return _CLOCK() - began


def passes_until(
    operation: Operation, client: Client, chunks: Sequence[Sequence[str]], end: float
) -> int:
    """Passes over chunks of keys until a point in time: how many calls that were."""
    count = 0
    for keys in itertools.cycle(chunks):
        operation.run(client, keys)
        count += len(keys)
        if time.perf_counter() >= end:
            break
    return count
