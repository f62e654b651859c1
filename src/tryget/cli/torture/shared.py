# SPDX-License-Identifier: Apache-2.0
"""Steps on keys that all workers share: any value found must be one that somebody stored there."""

import os
import time
from typing import Any

from tryget.cli.torture.steps import Steps
from tryget.cli.torture.task import COUNTERS, COUNTING, FIXED, SWAPPING, SWAPS, TOKENS
from tryget.cli.trial import board
from tryget.cli.trial.board import bucket_of

_CLOCK = time.perf_counter_ns


class SharedSteps(Steps):
    """Values, counters, tokens, fixed keys."""

    def _key(self) -> str:
        number = self.chance.randrange(self.task.profile.keys)
        self.row[board.KEY] = number
        return self.task.key(number)

    # ---- values ----------------------------------------------------------------------------

    def get_value(self) -> None:
        key = self._key()
        began = _CLOCK()
        value = self.store.get(key)
        self.latencies[bucket_of(_CLOCK() - began)] += 1
        self.judge(key, value)

    def get_several(self) -> None:
        keys = [self._key() for _ in range(5)]
        found = self.store.get_many(keys)
        self.expect(set(found) <= set(keys), keys[0], f"get_many gave {sorted(found)}")
        for key, value in found.items():
            self.judge(key, value)

    def set_value(self) -> None:
        key = self._key()
        if self.chance.random() < 0.5:
            self.store[key] = self.value(key)
        else:
            self.store.set(key, self.value(key), ttl=self.chance.choice((None, 0.2, 3, 100)))

    def set_several(self) -> None:
        self.store.set_many({key: self.value(key) for key in {self._key() for _ in range(3)}})

    def add_value(self) -> None:
        key = self._key()
        self.store.add(key, self.value(key))

    def default_value(self) -> None:
        key = self._key()
        self.judge(key, self.store.setdefault(key, self.value(key)), optional=False)

    def delete_value(self) -> None:
        self.store.delete(self._key())

    def delete_several(self) -> None:
        self.store.delete_many([self._key() for _ in range(4)])

    def pop_value(self) -> None:
        key = self._key()
        self.judge(key, self.store.pop(key, None))

    def touch_value(self) -> None:
        self.store.touch(self._key(), self.chance.choice((None, 0.3, 50, 0)))

    def exchange_value(self) -> None:
        """A value is replaced only if it is still the one that was looked at."""
        key = self._key()
        pin = self.store.try_get(key)
        if pin is None:
            self.store.compare_and_set(key, 0, self.value(key))
            return
        with pin:
            self.judge(key, pin.value)
            self.expect(pin.version != 0, key, "version 0")
            self.store.compare_and_set(key, pin.version, self.value(key))
            self.judge(key, pin.value)

    def look_at_value(self) -> None:
        key = self._key()
        try:
            found = self.store.stat(key)
        except KeyError:
            return
        good = not found.has_value or (found.nbytes > 16 and found.version != 0)
        self.expect(good, key, f"stat says {found}")

    # ---- fixed keys: replaced, never absent --------------------------------------------------

    def get_fixed(self) -> None:
        key = f"fixed/{self.chance.randrange(FIXED)}"
        self.judge(key, self.store.get(key), optional=False)

    def replace_fixed(self) -> None:
        key = f"fixed/{self.chance.randrange(FIXED)}"
        self.store[key] = self.value(key)

    def list_fixed(self) -> None:
        """What is there all the time is listed exactly once, whatever else changes."""
        wanted = sorted(str(number) for number in range(FIXED))
        names = sorted(self.store.children("fixed"))
        self.expect(names == wanted, "fixed", f"children are {names}")
        keys = [key for key in self.store.keys("fixed") if key != "fixed"]
        self.expect(len(keys) == FIXED, "fixed", f"{len(keys)} keys")
        self.expect(len(set(keys)) == FIXED, "fixed", "a key is listed twice")

    # ---- counters: each acknowledged step is there -------------------------------------------

    def count(self) -> None:
        self.row[COUNTING] = 1
        try:
            self.store.increment(f"count/{self.chance.randrange(COUNTERS)}", initial=0)
            self.row[board.INCREMENTS] += 1
        finally:
            self.row[COUNTING] = 0

    def swap(self) -> None:
        """A counter by read, add and compare-and-set."""
        key = f"swap/{self.chance.randrange(COUNTERS)}"
        with self.store.pin(key) as pin:
            number, version = pin.value, pin.version
        self.row[SWAPPING] = 1
        try:
            if self.store.compare_and_set(key, version, number + 1):
                self.row[SWAPS] += 1
        finally:
            self.row[SWAPPING] = 0

    # ---- tokens: one winner --------------------------------------------------------------------

    def take_token(self) -> None:
        """Who adds the key holds the token alone, until he deletes it."""
        number, pid = self.chance.randrange(TOKENS), os.getpid()
        key, mine = f"token/{number}", f"{self.index}.{pid}"
        if not self.store.add(key, mine):
            return
        other = self.task.tokens[number]
        self.expect(other == 0, key, f"{mine} got it while {other} holds it")
        self.task.tokens[number] = pid
        found = self.store.get(key)
        self.expect(found == mine, key, f"{found!r} is there while {mine} holds it")
        self.task.tokens[number] = 0
        self.give_back(key, mine)

    def give_back(self, key: str, mine: str) -> None:
        """To give up now would block the token for ever."""
        while True:
            try:
                self.expect(self.store.delete(key), key, f"somebody took it from {mine}")
                return
            except TimeoutError as problem:
                self.row[board.STUCK] += 1
                self.tell("stuck", problem)

    # ---- the whole store -----------------------------------------------------------------------

    def list_values(self) -> None:
        for key in self.store.keys("val"):
            if self.chance.random() < 0.1:
                self.judge(key, self.store.get(key))

    def walk_all(self) -> None:
        for number, (key, value) in enumerate(self.store.items()):
            if key.startswith(("val/", "fixed/")):
                self.judge(key, value)
            if number > 300:
                break

    def take_any(self) -> None:
        """As `popitem` does, among the values."""
        for key in self.store.keys("val"):
            value: Any = self.store.pop(key, None)
            self.judge(key, value)
            break

    def verify_live(self) -> None:
        report = self.store.verify(deep=self.chance.random() < 0.2)
        for one in report.violations:
            self.is_wrong("verify", f"of a live store: {one}")
        self.expect(not report.exact or report.leaked_bytes == 0, "verify", f"leaked: {report}")

    def numbers(self) -> None:
        found = self.store.statistics()
        self.expect(0 < found.committed <= found.limit, "statistics", f"{found}")
        self.expect(found.processes >= 1, "statistics", f"{found}")
        self.expect(self.store.usage("fixed").entries == FIXED, "usage", "of the fixed keys")

    def drop_values(self) -> None:
        self.store.drop(f"val/{self.chance.randrange(7)}")

    def tidy(self) -> None:
        self.store.raw_tidy()
