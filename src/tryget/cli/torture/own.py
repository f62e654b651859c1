# SPDX-License-Identifier: Apache-2.0
"""Steps on keys that nobody else touches: what is there is known exactly, by a dict of paths.

A call that raises `StoreFull` or `TimeoutError` has changed nothing.
"""

import os
import time

from tryget._errors import KeyExists, StoreFull
from tryget.cli.torture.steps import Steps
from tryget.cli.torture.task import TIMEOUTS, Task
from tryget.cli.trial.values import tag_of
from tryget.store import open

_NAMES = ("a", "b", "c", "", "é")
_TIMING_SECONDS = 0.25
_MORTALS_MAX = 20


def below(key: str, node: str) -> bool:
    """Whether a key is of the node or below it."""
    return key == node or key.startswith(f"{node}/")


class OwnSteps(Steps):
    """A tree of this process."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task, index, seed)
        self.model: dict[str, bytes] = {}
        self.mortals: list[tuple[str, float]] = []  # keys with a time to live, and its end
        self.serial = 0

    @property
    def root(self) -> str:
        """Where the keys are."""
        return f"own/{self.index}/{os.getpid()}"

    def _own_node(self, depth: int) -> str:
        names = [self.chance.choice(_NAMES) for _ in range(depth)]
        return "/".join([self.root, *names])

    def _any(self) -> str:
        return self._own_node(self.chance.randrange(1, 5))

    def _same(self, key: str) -> None:
        found, wanted = self.store.get(key), self.model.get(key)
        if found != wanted:
            shown = None if found is None else tag_of(found)
            self.is_wrong(key, f"of {shown!r}, {None if wanted is None else 'another'} expected")

    def own_set(self) -> None:
        key = self._any()
        value = self.value(key)
        try:
            self.store[key] = value
        except (StoreFull, TimeoutError):
            self._same(key)
            raise
        self.model[key] = value
        self._same(key)

    def own_add(self) -> None:
        key = self._any()
        value = self.value(key)
        try:
            added = self.store.add(key, value)
        except (StoreFull, TimeoutError):
            self._same(key)
            raise
        self.expect(added is (key not in self.model), key, f"add answered {added}")
        self.model.setdefault(key, value)

    def own_get(self) -> None:
        self._same(self._any())

    def own_remove(self) -> None:
        key = self._any()
        try:
            if self.chance.random() < 0.5:
                removed = self.store.delete(key)
            else:
                removed = self.store.pop(key, None) is not None
        except StoreFull as problem:
            self.is_wrong(key, f"a removal needs no room: {problem}")
            return
        self.expect(removed is (key in self.model), key, f"removal answered {removed}")
        self.model.pop(key, None)
        self._same(key)

    def own_drop(self) -> None:
        node = self._own_node(self.chance.choice((1, 2, 2, 3, 3)))
        gone = [key for key in self.model if below(key, node)]
        dropped = self.store.drop(node)
        self.expect(dropped is bool(gone), node, f"drop answered {dropped}")
        for key in gone:
            del self.model[key]
            self._same(key)

    def own_rename(self) -> None:
        old, new = self._any(), self._any()
        if below(old, new) or below(new, old):
            return
        replace = self.chance.random() < 0.6
        moving = [key for key in self.model if below(key, old)]
        in_the_way = [key for key in self.model if below(key, new)]
        wanted = (not moving and "KeyError") or (in_the_way and not replace and "KeyExists") or ""
        answer = self._renamed(old, new, replace)
        self.expect(answer == wanted, old, f"rename to {new} answered {answer!r}, not {wanted!r}")
        if answer:
            return
        for key in in_the_way:
            self.model.pop(key, None)
        for key in moving:
            self.model[new + key[len(old) :]] = self.model.pop(key)
        for key in (*moving, *(new + key[len(old) :] for key in moving), *in_the_way):
            self._same(key)

    def _renamed(self, old: str, new: str, replace: bool) -> str:
        try:
            self.store.rename(old, new, replace=replace)
        except KeyExists:
            return "KeyExists"
        except KeyError:
            return "KeyError"
        return ""

    def own_list(self) -> None:
        node = self._own_node(self.chance.randrange(0, 3))
        wanted = sorted(key for key in self.model if below(key, node))
        found = sorted(self.store.keys(node))
        self.expect(found == wanted, node, f"lists {len(found)} keys, {len(wanted)} are there")
        entries = self.store.usage(node).entries
        self.expect(entries == len(wanted), node, f"usage counts {entries} of {len(wanted)}")
        names = {key[len(node) + 1 :].split("/")[0] for key in wanted if key != node}
        self.expect(set(self.store.children(node)) == names, node, "children")

    # ---- time to live --------------------------------------------------------------------------

    def mortal_set(self) -> None:
        """Absent when its time is over, present as long as it is not."""
        self.serial += 1
        key = f"ttl/{self.index}/{os.getpid()}/{self.serial}"
        ttl = self.chance.choice((0.3, 1, 2.5))
        began = time.monotonic()
        self.store.set(key, self.value(key), ttl=ttl)
        if time.monotonic() - began < 0.1:
            self.mortals.append((key, began + ttl))
        if len(self.mortals) > _MORTALS_MAX:
            self.store.delete(self.mortals.pop(0)[0])

    def mortal_get(self) -> None:
        if not self.mortals:
            return
        key, end = self.chance.choice(self.mortals)
        began = time.monotonic()
        value = self.store.get(key)
        if began > end + _TIMING_SECONDS:
            self.expect(value is None, key, f"outlives its time by {began - end:.2f} s")
            self.mortals.remove((key, end))
        elif time.monotonic() < end - _TIMING_SECONDS:
            self.judge(key, value, optional=False)

    # ---- no patience ---------------------------------------------------------------------------

    def impatient(self) -> None:
        """A time limit of next to nothing: a call does its work or nothing at all."""
        key = self._any()
        value = self.value(key)
        with open(
            self.store.name, directory=self.task.directory, timeout=self.chance.choice((0, 0.001))
        ) as hasty:
            try:
                hasty[key] = value
                self.model[key] = value
            except TimeoutError:
                self.row[TIMEOUTS] += 1
            finally:
                self._same(key)
