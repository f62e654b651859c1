# SPDX-License-Identifier: Apache-2.0
"""Goal: any sequence of calls does what the same calls do to a dict of paths.

Method: a Hypothesis state machine; the model is a plain dict from path to value, where moving and
dropping nodes are loops over keys. Three handles of one store take turns: what they decoded they
return again when it can't be changed, always, never. After every step what is
looked at agrees; at the end everything, and the store's own check. Failure prints the steps.
The same again with handles in processes of their own, which are killed between calls.
"""

import functools
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import tryget

NAMES = ["", "a", "b", "c", "é", "n" * 255]
names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4)
deep_names = st.lists(st.sampled_from(["a", "b"]), min_size=5, max_size=12)
keys = (names | names | names | deep_names).map("/".join)
values = (
    st.integers()
    | st.text(max_size=20)
    | st.binary(max_size=40)
    | st.sampled_from([b"x" * 1000, b"y" * 1100, b"z" * 5000, b"w" * 100_000, ["list", (1,)]])
)


def below(key: str, node: str) -> bool:
    """Whether a key is a node, or below it."""
    return key == node or key.startswith(f"{node}/")


class Agreement(RuleBasedStateMachine):
    """The store and its model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="tryget-model-", dir="/dev/shm")
        self.model: dict[str, Any] = {}
        self.pins: list[tuple[tryget.Pin, Any]] = []

    @initialize()
    def open(self) -> None:
        self.handles = [
            tryget.open("model", directory=self.folder, size="32MiB", codec=codec, reuse=reuse)
            for codec, reuse in (("safe", "immutable"), ("pickle", "always"), ("safe", "never"))
        ]
        self.turn = 0

    @property
    def store(self) -> tryget.Store:
        self.turn += 1
        return self.handles[self.turn % len(self.handles)]

    @rule(key=keys, value=values)
    def set(self, key: str, value: Any) -> None:
        self.store[key] = value
        self.model[key] = value

    @rule(key=keys, value=values)
    def add(self, key: str, value: Any) -> None:
        assert self.store.add(key, value) == (key not in self.model)
        self.model.setdefault(key, value)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.store.delete(key) == (key in self.model)
        self.model.pop(key, None)

    @rule(key=keys)
    def pop(self, key: str) -> None:
        assert self.store.pop(key, "absent") == self.model.pop(key, "absent")

    @rule(key=keys, value=values)
    def compare_and_set(self, key: str, value: Any) -> None:
        version = self.store.stat(key).version if key in self.model else 0
        assert self.store.compare_and_set(key, version, value)
        assert not self.store.compare_and_set(key, version, "wrong")
        self.model[key] = value

    @rule(key=keys, delta=st.integers(-5, 5))
    def increment(self, key: str, delta: int) -> None:
        old = self.model.get(key, 0)
        if type(old) is not int:
            with pytest.raises(TypeError):
                self.store.increment(key, delta, initial=0)
        else:
            assert self.store.increment(key, delta, initial=0) == old + delta
            self.model[key] = old + delta

    @rule(key=keys)
    def drop(self, key: str) -> None:
        gone = [one for one in self.model if below(one, key)]
        assert self.store.drop(key) == bool(gone)
        for one in gone:
            del self.model[one]

    @rule(old=keys, new=keys, replace=st.booleans())
    def rename(self, old: str, new: str, replace: bool) -> None:
        moving = [one for one in self.model if below(one, old)]
        there = [one for one in self.model if below(one, new)]
        call = lambda: self.store.rename(old, new, replace=replace)  # noqa: E731
        if not moving:
            with pytest.raises((KeyError, ValueError)):
                call()
        elif new != old and below(new, old):
            with pytest.raises(ValueError, match="moved"):
                call()
        elif there and not replace:
            with pytest.raises(tryget.KeyExists):
                call()
        elif new != old and below(old, new):
            self._rename_onto_a_parent(old, new, moving, there, call)
        else:
            call()
            self._move(old, new, moving, there)

    def _rename_onto_a_parent(
        self, old: str, new: str, moving: list[str], there: list[str], call: Any
    ) -> None:
        """The contract leaves open whether this is refused."""
        try:
            call()
        except ValueError:
            return
        self._move(old, new, moving, there)

    def _move(self, old: str, new: str, moving: list[str], there: list[str]) -> None:
        moved = {new + one[len(old) :]: self.model[one] for one in moving}
        for one in {*moving, *there}:
            del self.model[one]
        self.model |= moved

    @rule()
    def clear(self) -> None:
        if self.turn % 5 == 0:
            self.store.clear()
            self.model.clear()

    @rule(key=keys)
    def pin(self, key: str) -> None:
        pin = self.store.try_get(key)
        assert (pin is not None) == (key in self.model)
        if pin is not None:
            self.pins.append((pin, self.model[key]))

    @precondition(lambda self: self.pins)
    @rule(number=st.integers(0, 100))
    def unpin(self, number: int) -> None:
        pin, value = self.pins.pop(number % len(self.pins))
        assert pin.value == value
        pin.release()

    @rule(key=keys)
    def look(self, key: str) -> None:
        assert self.store.get(key, "absent") == self.model.get(key, "absent")
        assert (key in self.store) == (key in self.model)
        listed = sorted(one for one in self.model if below(one, key))
        assert sorted(self.store.walk(key)) == listed
        assert self.store.usage(key).entries == len(listed)
        names = {one[len(key) + 1 :].split("/")[0] for one in listed if one != key}
        assert sorted(self.store.children(key)) == sorted(names)
        if listed:
            found = self.store.stat(key)
            assert found.has_value == (key in self.model)
            assert found.children == len(names)

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "handles"):
            assert sorted(self.store) == sorted(self.model)
            # Each handle by itself: the next look is at what it keeps.
            for handle in self.handles:
                assert handle.get_many(self.model) == self.model
            assert sorted(self.store.children()) == sorted({k.split("/")[0] for k in self.model})

    def teardown(self) -> None:
        try:
            if hasattr(self, "handles"):
                self._check_the_end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _check_the_end(self) -> None:
        assert dict(self.store.items()) == self.model
        for pin, value in self.pins:
            assert pin.value == value
            pin.release()
        assert self.store.statistics().pins == 0
        self.store.raw_tidy()
        report = self.store.verify(deep=True)
        assert report.violations == ()
        assert report.leaked_bytes == 0
        for handle in self.handles:
            handle.close()


class Elsewhere:
    """A store in a process of its own, which makes the calls that it is told."""

    def __init__(self, folder: str, reuse: Any) -> None:
        self.here, there = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.here.close()
                signal.alarm(600)
                serve(there, tryget.open("model", directory=folder, reuse=reuse))
            finally:
                os._exit(0)
        there.close()

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        self.here.send((name, arguments, named))
        is_good, answer = self.here.recv()
        if not is_good:
            raise answer
        return answer

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self.call, name)

    def __setitem__(self, key: str, value: Any) -> None:
        self.call("set", key, value)

    def __contains__(self, key: str) -> bool:
        return bool(self.call("__contains__", key))

    def __iter__(self) -> Iterator[str]:
        return iter(self.call("walk"))

    def try_get(self, key: str) -> "PinElsewhere | None":
        number = self.call("hold", key)
        return None if number is None else PinElsewhere(self, number)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.here.close()

    def close(self) -> None:
        self.here.send(("end", (), {}))
        self.here.close()
        os.waitpid(self.pid, 0)


class PinElsewhere:
    """A pin that another process holds."""

    def __init__(self, holder: Elsewhere, number: int) -> None:
        self.holder, self.number = holder, number

    @property
    def value(self) -> Any:
        return self.holder.call("held", self.number)

    def release(self) -> None:
        self.holder.call("let_go", self.number)


def plain(answer: Any) -> Any:
    """What goes through a pipe."""
    if isinstance(answer, memoryview):
        return bytes(answer)
    if isinstance(answer, str | bytes | int | dict | list | None | tryget.Stat | tryget.Usage):
        return answer
    return answer if isinstance(answer, tryget.Statistics | tryget.Report) else list(answer)


def serve(pipe: Connection, store: tryget.Store) -> None:
    pins: dict[int, tryget.Pin] = {}

    def hold(key: str) -> int | None:
        pin = store.try_get(key)
        if pin is not None:
            pins[max(pins, default=0) + 1] = pin
        return None if pin is None else max(pins)

    own: dict[str, Any] = {
        "hold": hold,
        "held": lambda number: pins[number].value,
        "let_go": lambda number: pins.pop(number).release(),
    }
    while True:
        name, arguments, named = pipe.recv()
        if name == "end":
            return
        try:
            call = own.get(name) or getattr(store, name)
            pipe.send((True, plain(call(*arguments, **named))))
        except Exception as problem:
            pipe.send((False, problem))


class AgreementOfProcesses(Agreement):
    """The same, each call by another process."""

    @initialize()
    def open(self) -> None:
        self.keeper = tryget.open("model", directory=self.folder, size="32MiB")
        self.handles: list[Any] = [self.another(0), self.another(1), self.another(2)]
        self.turn = 0

    def another(self, index: int) -> Elsewhere:
        return Elsewhere(self.folder, ("immutable", "never", "always")[index])

    @rule(index=st.integers(0, 2))
    def kill(self, index: int) -> None:
        """Its pins go with it; what it wrote stays."""
        victim = self.handles[index]
        victim.kill()
        self.pins = [(pin, value) for pin, value in self.pins if pin.holder is not victim]
        self.handles[index] = self.another(index)

    def _check_the_end(self) -> None:
        self.keeper.raw_tidy()
        assert self.keeper.statistics().pins == len(self.pins)
        assert self.keeper.statistics().processes == 1 + len(self.handles)
        super()._check_the_end()
        self.keeper.close()


AgreementOfProcesses.TestCase.settings = settings(
    max_examples=max(10, int(3 * float(os.environ.get("TRYGET_TORTURE_SECONDS", "3")))),
    stateful_step_count=40,
    deadline=None,
)
TestAgreementOfProcesses = AgreementOfProcesses.TestCase


Agreement.TestCase.settings = settings(
    max_examples=max(20, int(10 * float(os.environ.get("TRYGET_TORTURE_SECONDS", "3")))),
    stateful_step_count=50,
    deadline=None,
)
TestAgreement = Agreement.TestCase
