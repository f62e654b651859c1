# SPDX-License-Identifier: Apache-2.0
"""Steps that keep pins and views: what is held stays as it was, whatever becomes of the key."""

import gc
import importlib
from typing import Any, NamedTuple

from tryget.cli.torture.steps import Steps
from tryget.cli.torture.task import Task
from tryget.cli.trial.values import pack
from tryget.store import Pin


def _imported() -> Any:
    """NumPy, where it is; memoryviews are as good."""
    try:
        return importlib.import_module("numpy")
    except ModuleNotFoundError:
        return None


_numpy = _imported()
_ARRAYS = 12
_HELD_MAX = 40


class Held(NamedTuple):
    """Something that is kept."""

    key: str
    pin: Pin | None
    version: int
    view: Any  # an array or a memoryview, without a pin


class HoldSteps(Steps):
    """Pins and views, for a while."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task, index, seed)
        self.held: list[Held] = []

    def _array(self) -> str:
        return f"arr/{self.chance.randrange(_ARRAYS)}"

    def array_set(self) -> None:
        key = self._array()
        size = max(self.chance.choice(self.task.profile.value_bytes), 3000)
        content = pack(key, self.chance.randbytes(size))
        if _numpy is None:
            self.store[key] = memoryview(content)
        else:
            array = _numpy.frombuffer(content, dtype=_numpy.uint8)
            self.store[key] = array.reshape(1, -1) if self.chance.random() < 0.5 else array

    def array_get(self) -> None:
        key = self._array()
        view = self.store.get(key)
        self.judge_view(key, view)
        if view is not None:
            self._hold(Held(key, None, 0, view))

    def array_remove(self) -> None:
        self.store.delete(self._array())

    def hold_pin(self) -> None:
        number = self.chance.randrange(self.task.profile.keys)
        key = self.chance.choice((self.task.key(number), self._array()))
        pin = self.store.try_get(key)
        if pin is not None:
            self._hold(Held(key, pin, pin.version, None))

    def _hold(self, one: Held) -> None:
        self.held.append(one)
        if len(self.held) > _HELD_MAX:
            self.let_go()

    def judge_view(self, key: str, view: Any) -> None:
        """Of an array or a memoryview."""
        if view is not None:
            writable = not view.readonly if isinstance(view, memoryview) else view.flags.writeable
            self.expect(not writable, key, "it can be written to")
            self.judge(key, view if isinstance(view, memoryview) else memoryview(view.reshape(-1)))

    def look_at(self, one: Held) -> None:
        """It is what it was."""
        if one.pin is None:
            self.judge_view(one.key, one.view)
            return
        value = one.pin.value
        if isinstance(value, bytes | memoryview):
            self.judge(one.key, value)
        else:
            self.judge_view(one.key, value)
        self.expect(one.pin.version == one.version, one.key, "the version of a pin moved")

    def look_at_held(self) -> None:
        if self.held:
            self.look_at(self.chance.choice(self.held))

    def let_go(self) -> None:
        """By release, as a context manager, or by being forgotten."""
        if not self.held:
            return
        one = self.held.pop(self.chance.randrange(len(self.held)))
        self.look_at(one)
        if one.pin is not None and self.chance.random() < 0.7:
            one.pin.release()
            one.pin.release()

    def let_all_go(self) -> None:
        self.held.clear()
        if self.chance.random() < 0.2:
            gc.collect()
