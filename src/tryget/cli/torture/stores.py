# SPDX-License-Identifier: Apache-2.0
"""Steps on stores: made, opened, closed and unlinked by everybody at once, beside the main one."""

import pickle
from typing import Literal

from tryget._errors import StoreExists, StoreFull, StoreNotFound
from tryget.cli.torture.steps import Steps
from tryget.cli.torture.task import SIDES, STORES, Task
from tryget.store import Store, open, stores, unlink

_SIDE_BYTES = 4 << 20
_OPEN_MAX = 4


class StoreSteps(Steps):
    """Stores that come and go."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task, index, seed)
        self.sides: list[Store] = []

    def _side(self) -> str:
        return self.task.side(self.chance.randrange(SIDES))

    def side_open(self) -> None:
        """One of many makes it, the others attach; it may be unlinked while they do."""
        choices: tuple[bool | Literal["exclusive"], ...] = (True, True, False, "exclusive")
        create = self.chance.choice(choices)
        try:
            opened = open(
                self._side(), directory=self.task.directory, size=_SIDE_BYTES, create=create
            )
        except StoreNotFound:
            # With create=True somebody unlinked it again and again while we looked.
            return
        except StoreExists:
            self.expect(create == "exclusive", "side", "StoreExists was not asked for")
            return
        self.row[STORES] += 1
        self.sides.append(opened)
        if len(self.sides) > _OPEN_MAX:
            self.sides.pop(self.chance.randrange(len(self.sides))).close()

    def side_use(self) -> None:
        """Whether its name is still there or not."""
        if not self.sides:
            return
        side = self.chance.choice(self.sides)
        for _ in range(3):
            key = f"{self.chance.randrange(3)}/{self.chance.randrange(20)}"
            try:
                side[key] = self.value(key)
            except StoreFull:
                side.clear()
            self.judge(key, side.get(key))
        if self.chance.random() < 0.05:
            side.clear()
        if self.chance.random() < 0.05:
            self.expect(side.verify().violations == (), side.name, "verify")

    def side_close(self) -> None:
        if self.sides:
            side = self.sides.pop(self.chance.randrange(len(self.sides)))
            if self.chance.random() < 0.7:
                side.close()

    def side_unlink(self) -> None:
        try:
            unlink(self._side(), directory=self.task.directory)
        except StoreNotFound:
            pass

    def side_pickle(self) -> None:
        """It comes back as itself, or as nothing."""
        if not self.sides:
            return
        side = self.chance.choice(self.sides)
        try:
            with pickle.loads(pickle.dumps(side)) as again:
                self.expect(again.uuid == side.uuid, side.name, "another store was unpickled")
        except StoreNotFound:
            pass

    def main_again(self) -> None:
        with open(self.store.name, directory=self.task.directory, create=False) as again:
            self.expect(again.uuid == self.store.uuid, again.name, "another store has its name")
            self.judge("fixed/0", again.get("fixed/0"), optional=False)

    def list_stores(self) -> None:
        names = [info.name for info in stores(self.task.directory)]
        self.expect(self.store.name in names, self.store.name, "it is not listed")
