# SPDX-License-Identifier: Apache-2.0
"""What must be true when all processes of a round are dead."""

import time

from tryget._errors import StoreFull, StoreNotFound
from tryget.cli.torture.crew import Crew
from tryget.cli.torture.task import BOX, COUNTERS, FIXED, SHELVES, SIDES, SWAPS
from tryget.cli.trial import board
from tryget.cli.trial.tally import Tally, quiet_report
from tryget.cli.trial.values import is_good, tag_of
from tryget.store import Report, Store, open

_EMPTY_SECONDS = 10.0


class Judge:
    """Looks at the store of a round, opened anew."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.tally: Tally = crew.tally

    def judge(self) -> None:
        """Stops at the first stage that finds something, and leaves the store as it is then."""
        task = self.crew.task
        with open(task.store.name, directory=task.directory, create=False) as store:
            for stage in (self._clean_at_once, self._values, self._counters, self._exact,
                          self._sides, self._empty):  # fmt: skip
                stage(store)
                tally = self.tally
                if tally.wrong or tally.stuck or tally.leaked_bytes or tally.violations:
                    return

    def _clean_at_once(self, store: Store) -> None:
        """The next open finds a clean store; nothing has to be called first."""
        for one in store.verify().violations:
            self.tally.is_wrong(f"right after the end: {one}")
        try:
            self._takes_a_value(store)
        except StoreFull:
            pass  # it may be

    def _takes_a_value(self, store: Store) -> None:
        store["after"] = "the end"
        if store["after"] != "the end":
            self.tally.is_wrong("the store does not take a value after the end")
        del store["after"]

    def _values(self, store: Store) -> None:
        for number in range(FIXED):
            key = f"fixed/{number}"
            if not is_good(key, store.get(key)):
                self.tally.is_wrong(f"{key} is missing or bad at the end")
        for key, value in store.items():
            self._judge(key, value)
        for number in range(SHELVES):
            self._judge_box(store, f"shelf/{number}")

    def _judge(self, key: str, value: object) -> None:
        top, _, last = key.partition("/")
        if top == "arr":
            value = memoryview(value).cast("B")  # type: ignore[arg-type]
        if top in ("val", "arr", "ttl"):
            good = is_good(key, value)
        elif top == "tree":
            good = is_good(last.rpartition("/")[2], value)
        elif top in ("own", "shelf", "stage", "taken"):
            # Moved about: good for what it was stored for.
            good = isinstance(value, bytes) and is_good(tag_of(value), value)
        else:
            good = top in ("count", "swap", "token", "fixed")
        if not good:
            self.tally.is_wrong(f"{key} is bad at the end: {value!r:.80}")

    def _judge_box(self, store: Store, shelf: str) -> None:
        found = {key[len(shelf) + 1 :]: value for key, value in store.items()
                 if key.startswith(f"{shelf}/")}  # fmt: skip
        if not found:
            return
        tags = {tag_of(value) for value in found.values()}
        if set(found) != set(BOX) or len(tags) != 1:
            self.tally.is_wrong(f"the box {shelf} holds {sorted(found)} of {sorted(tags)}")

    def _counters(self, store: Store) -> None:
        rows = self.crew.board
        for name, known, doubtful in (
            ("count", rows.total(board.INCREMENTS), self.crew.counting),
            ("swap", rows.total(SWAPS), self.crew.swapping),
        ):
            found = sum(store[f"{name}/{number}"] for number in range(COUNTERS))
            if not known <= found <= known + doubtful:
                self.tally.is_wrong(
                    f"{name}: {found} steps are there, {known} were acknowledged, "
                    f"{doubtful} were cut by kills"
                )

    def _exact(self, store: Store) -> None:
        self._take(quiet_report(store))

    def _sides(self, _: Store) -> None:
        """The stores that came and went are there, whole, or not there."""
        for number in range(SIDES):
            name = self.crew.task.side(number)
            try:
                with open(name, directory=self.crew.task.directory, create=False) as side:
                    self._take(quiet_report(side))
            except StoreNotFound:
                pass

    def _empty(self, store: Store) -> None:
        """When everything is dropped nothing is left."""
        store.clear()
        end = time.monotonic() + _EMPTY_SECONDS
        while left := self._left(store, report := quiet_report(store)):
            if time.monotonic() > end:
                self.tally.is_wrong(f"an empty store holds {left}: {report}")
                break
            time.sleep(0.01)  # a thread of this process is still taking apart what was dropped
        self._take(report)
        self._takes_a_value(store)

    def _left(self, store: Store, report: Report) -> dict[str, int]:
        """What is not 0 and should be."""
        found = store.statistics()
        counts = {
            "keys": len(store),
            "entries": found.entries,
            "bytes": found.bytes,
            "pins": found.pins,
            "records": report.records,
            "objects": report.objects,
            "other processes": found.processes - 1,
        }
        return {name: count for name, count in counts.items() if count}

    def _take(self, report: Report) -> None:
        self.tally.add_report(report)
        if not report.exact:
            self.tally.is_wrong("verify was not exact: the store is not quiet")
