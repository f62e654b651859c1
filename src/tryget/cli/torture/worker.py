# SPDX-License-Identifier: Apache-2.0
"""A worker: all groups of steps, chosen by the weights of the profile, until it is killed."""

import random

from tryget.cli.torture.forks import ForkSteps
from tryget.cli.torture.own import OwnSteps
from tryget.cli.torture.shared import SharedSteps
from tryget.cli.torture.steps import Step
from tryget.cli.torture.stores import StoreSteps
from tryget.cli.torture.task import Task
from tryget.cli.torture.tree import TreeSteps
from tryget.cli.trial.pace import Pace


class Worker(SharedSteps, OwnSteps, TreeSteps, StoreSteps, ForkSteps):
    """One process."""

    def __init__(self, task: Task, index: int, seed: int) -> None:
        super().__init__(task, index, seed)
        self._common = self._weighted(self._of_all())
        self._all = self._weighted({**self._of_all(), **self._of_main()})
        self._forks: dict[Step, float] = {
            self.fork_children: 6,
            self.fork_orphan: 3,
            self.fork_exec: 1,
            self.run_threads: 2,
            self.other_interpreter: 0.2,
        }

    def _of_all(self) -> dict[Step, tuple[str, float]]:
        """Group and weight of the steps that descendants and threads take as well."""
        return {
            self.get_value: ("shared", 20),
            self.get_several: ("shared", 3),
            self.set_value: ("shared", 12),
            self.set_several: ("shared", 2),
            self.add_value: ("shared", 3),
            self.default_value: ("shared", 2),
            self.delete_value: ("shared", 3),
            self.delete_several: ("shared", 1),
            self.pop_value: ("shared", 2),
            self.touch_value: ("shared", 2),
            self.exchange_value: ("shared", 3),
            self.look_at_value: ("shared", 2),
            self.get_fixed: ("shared", 6),
            self.replace_fixed: ("shared", 3),
            self.list_fixed: ("whole", 0.5),
            self.list_values: ("whole", 0.5),
            self.walk_all: ("whole", 0.2),
            self.take_any: ("whole", 0.3),
            self.verify_live: ("whole", 0.03),
            self.numbers: ("whole", 0.5),
            self.drop_values: ("whole", 0.1),
            self.tidy: ("whole", 0.05),
            self.leaf_set: ("tree", 4),
            self.leaf_get: ("tree", 4),
            self.leaf_remove: ("tree", 1),
            self.leaf_rename: ("tree", 1.5),
            self.node_rename: ("tree", 1.5),
            self.node_drop: ("tree", 0.7),
            self.node_list: ("tree", 0.7),
            self.node_look: ("tree", 0.7),
            self.box_make: ("tree", 1),
            self.box_take: ("tree", 1),
            self.box_look: ("tree", 3),
            self.box_drop: ("tree", 0.2),
            self.array_set: ("held", 2),
            self.array_get: ("held", 4),
            self.array_remove: ("held", 0.3),
            self.hold_pin: ("held", 4),
            self.look_at_held: ("held", 4),
            self.let_go: ("held", 3),
            self.let_all_go: ("held", 0.1),
        }

    def _of_main(self) -> dict[Step, tuple[str, float]]:
        """Those of the worker itself: it counts, holds tokens, and knows what is its own."""
        return {
            self.count: ("shared", 3),
            self.swap: ("shared", 2),
            self.take_token: ("shared", 3),
            self.own_set: ("own", 5),
            self.own_add: ("own", 2),
            self.own_get: ("own", 5),
            self.own_remove: ("own", 3),
            self.own_drop: ("own", 0.7),
            self.own_rename: ("own", 2),
            self.own_list: ("own", 1),
            self.impatient: ("own", 0.3),
            self.mortal_set: ("own", 1),
            self.mortal_get: ("own", 2),
            self.side_open: ("stores", 0.3),
            self.side_use: ("stores", 1),
            self.side_close: ("stores", 0.2),
            self.side_unlink: ("stores", 0.15),
            self.side_pickle: ("stores", 0.1),
            self.main_again: ("stores", 0.2),
            self.list_stores: ("stores", 0.1),
        }

    def _weighted(self, steps: dict[Step, tuple[str, float]]) -> tuple[list[Step], list[float]]:
        profile = self.task.profile
        return list(steps), [profile.weight(group) * each for group, each in steps.values()]

    def _choose(self, table: tuple[list[Step], list[float]], count: int) -> list[Step]:
        return self.chance.choices(table[0], table[1], k=count)

    def some_steps(self, count: int) -> None:
        """Steps of a descendant or a thread."""
        for step in self._choose(self._common, count):
            self.attempt(step)

    def for_a_thread(self) -> "Worker":
        """A worker with a chance of its own, on the second row."""
        other = Worker(self.task, self.index, 0)
        other.become_lodger(self.chance.getrandbits(60))
        return other

    def run(self) -> None:
        """For ever; an orphan ends."""
        self.watch_warnings()
        forks = Pace(self.task.forks, random.Random(self.chance.getrandbits(60)))
        while not self.is_orphan():
            for step in self._choose(self._all, 50):
                self.attempt(step)
                if forks.is_due():
                    chosen = self.chance.choices(list(self._forks), list(self._forks.values()))
                    self.attempt(chosen[0])
