# SPDX-License-Identifier: Apache-2.0
"""Steps on trees: nodes that everybody moves and drops, and boxes that are whole or not there."""

import os

from tryget._errors import StoreFull
from tryget.cli.torture.steps import Steps
from tryget.cli.torture.task import BOX, SHELVES
from tryget.cli.trial.values import pack, tag_of

_LEAVES = ("leaf0", "leaf1", "leaf2", "leaf3")


class TreeSteps(Steps):
    """A value below tree/ is good by the last name of its path, wherever that was moved."""

    def _node(self) -> str:
        depth = self.chance.choice((1, 1, 2, 2, 3, 5))
        return "/".join(["tree", *(self.chance.choice("xyz") for _ in range(depth))])

    def _leaf(self) -> tuple[str, str]:
        name = self.chance.choice(_LEAVES)
        return f"{self._node()}/{name}", name

    def leaf_set(self) -> None:
        key, name = self._leaf()
        self.store[key] = self.value(name)

    def leaf_get(self) -> None:
        key, name = self._leaf()
        self.judge(name, self.store.get(key))

    def leaf_remove(self) -> None:
        key, name = self._leaf()
        self.judge(name, self.store.pop(key, None))

    def leaf_rename(self) -> None:
        key, name = self._leaf()
        self._rename(key, f"{self._node()}/{name}")

    def node_rename(self) -> None:
        self._rename(self._node(), self._node())

    def _rename(self, old: str, new: str) -> None:
        try:
            self.store.rename(old, new, replace=self.chance.random() < 0.5)
        except KeyError:
            pass  # it is not there, or the other is
        except ValueError as problem:
            around = f"{old}/".startswith(f"{new}/") or f"{new}/".startswith(f"{old}/")
            self.expect(around, old, f"to {new}: {problem}")

    def node_drop(self) -> None:
        self.store.drop(self._node())

    def node_list(self) -> None:
        node = self._node()
        for key in self.store.walk(node):
            self.expect(key == node or key.startswith(f"{node}/"), key, f"listed below {node}")
        names = self.store.children(node)
        self.expect(len(names) == len(set(names)), node, f"a child is listed twice: {names}")

    def node_look(self) -> None:
        node = self._node()
        try:
            self.store.stat(node)
        except KeyError:
            pass
        self.store.usage(node)

    # ---- boxes -------------------------------------------------------------------------------

    def _new_name(self) -> str:
        return f"{os.getpid()}.{self.chance.getrandbits(60):x}"

    def box_make(self) -> None:
        """Five values, put together where nobody looks, get onto a shelf in one step."""
        name = self._new_name()
        stage = f"stage/{name}"
        try:
            for part in BOX:
                self.store[f"{stage}/{part}"] = pack(f"box/{name}", self.chance.randbytes(200))
            shelf = f"shelf/{self.chance.randrange(SHELVES)}"
            self.store.rename(stage, shelf, replace=self.chance.random() < 0.7)
        except (StoreFull, KeyError):
            self.store.drop(stage)

    def box_take(self) -> None:
        """Who takes it from the shelf has all of it."""
        taken = f"taken/{self._new_name()}"
        try:
            self.store.rename(f"shelf/{self.chance.randrange(SHELVES)}", taken)
        except KeyError:
            return
        self.look_into(taken)
        self.expect(self.store.drop(taken), taken, "it was not there any more")

    def box_look(self) -> None:
        shelf = f"shelf/{self.chance.randrange(SHELVES)}"
        value = self.store.get(f"{shelf}/{self.chance.choice(BOX)}")
        if value is not None:
            tag = tag_of(value)
            self.judge(tag, value)
            self.expect(tag.startswith("box/"), shelf, f"of {tag}")

    def box_drop(self) -> None:
        self.store.drop(f"shelf/{self.chance.randrange(SHELVES)}")

    def look_into(self, box: str) -> None:
        """A box that nobody else can reach is whole, and of one maker."""
        found = {key[len(box) + 1 :]: self.store.get(key) for key in self.store.keys(box)}
        if set(found) != set(BOX):
            self.is_wrong(box, f"it holds {sorted(found)}")
            return
        tags = {tag_of(value) for value in found.values() if value is not None}
        self.expect(len(tags) == 1, box, f"its parts are of {sorted(tags)}")
        for tag in tags:
            for value in found.values():
                self.judge(tag, value, optional=False)
