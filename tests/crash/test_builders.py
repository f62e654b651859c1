# SPDX-License-Identifier: Apache-2.0
"""Builders that are killed, stopped, forked; 128 processes that want one value.

Goal: one build for all processes, and one more for each builder that died. Method: real processes;
each call of a factory writes a line into a file, so builds are counted even if their process is
killed. A failure means two builds at once, a successor that does not come, or waiters who spin.
"""

import multiprocessing as mp
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

import tryget

CONTEXT = mp.get_context("fork")
MANY = 128
PATIENCE = 60.0


def note(folder: Path) -> None:
    """One line for each build, whatever happens to its process."""
    with open(folder / "builds", "a") as file:
        file.write(f"{os.getpid()}\n")


def builds(folder: Path) -> list[int]:
    path = folder / "builds"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def ask(
    folder: Path,
    answers: "SimpleQueue[tuple[int, Any, float]]",
    key: str,
    seconds: float,
    options: dict[str, Any],
) -> None:
    """Wants the value; a build takes so long, or until a file `go` is there."""

    def factory() -> str:
        note(folder)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (folder / "go").exists():
            time.sleep(0.01)
        return f"built by {os.getpid()}"

    with tryget.open("builds", directory=folder) as store:
        used = time.process_time()
        value = store.get_or_create(key, factory, **options)
        answers.put((os.getpid(), value, time.process_time() - used))


class Crowd:
    """Processes that want one value."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: SimpleQueue[tuple[int, Any, float]] = CONTEXT.SimpleQueue()
        self.members: list[BaseProcess] = []

    def add(
        self, count: int, key: str = "d/key", seconds: float = PATIENCE, **options: Any
    ) -> None:
        for _ in range(count):
            member = CONTEXT.Process(
                target=ask, args=(self.folder, self.answers, key, seconds, options)
            )
            member.start()
            self.members.append(member)

    def go(self) -> None:
        (self.folder / "go").touch()

    def answer(self, count: int) -> list[tuple[int, Any, float]]:
        return [self.answers.get() for _ in range(count)]

    def end(self) -> None:
        for member in self.members:
            if member.is_alive() and member.pid is not None:
                os.kill(member.pid, signal.SIGKILL)
            member.join()


@pytest.fixture
def big(folder: Path) -> Iterator[tryget.Store]:
    with tryget.open("builds", size="64MiB", directory=folder) as store:
        yield store


@pytest.fixture
def crowd(folder: Path, big: tryget.Store) -> Iterator[Crowd]:
    crowd = Crowd(folder)
    yield crowd
    crowd.end()
    big.raw_tidy()
    assert big.verify().violations == ()


def test_128_processes_one_build(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(MANY)
    until(lambda: big.statistics().processes == MANY + 1 and builds(crowd.folder))
    time.sleep(1.0)
    crowd.go()
    answers = crowd.answer(MANY)
    assert len(builds(crowd.folder)) == 1
    assert {value for _, value, _ in answers} == {f"built by {builds(crowd.folder)[0]}"}
    waited = sorted(used for pid, _, used in answers if pid not in builds(crowd.folder))
    assert waited[len(waited) // 2] < 0.1, "who waited for a second or more"


def test_a_killed_builder_has_one_successor(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(MANY)
    until(lambda: big.statistics().processes == MANY + 1 and builds(crowd.folder))
    (first,) = builds(crowd.folder)
    killed = time.monotonic()
    os.kill(first, signal.SIGKILL)
    until(lambda: len(builds(crowd.folder)) == 2)
    assert time.monotonic() - killed < 2.0
    crowd.go()
    answers = crowd.answer(MANY - 1)
    assert len(builds(crowd.folder)) == 2
    assert {value for _, value, _ in answers} == {f"built by {builds(crowd.folder)[1]}"}
    waited = sorted(used for pid, _, used in answers if pid not in builds(crowd.folder))
    assert waited[len(waited) // 2] < 0.1, "the death of a builder keeps who waits from sleeping"


def test_builders_killed_in_a_row(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(12)
    for count in range(1, 9):
        until(lambda count=count: len(builds(crowd.folder)) == count)
        os.kill(builds(crowd.folder)[-1], signal.SIGKILL)
    until(lambda: len(builds(crowd.folder)) == 9)
    crowd.go()
    assert len({value for _, value, _ in crowd.answer(4)}) == 1
    assert len(builds(crowd.folder)) == 9


def test_nobody_waits_for_what_a_dead_builder_has_left(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(1)
    until(lambda: builds(crowd.folder))
    os.kill(builds(crowd.folder)[0], signal.SIGKILL)
    crowd.members[0].join()
    assert big.children() == []
    assert big.get_or_create("d/key", lambda: "mine", timeout=2) == "mine"


def test_a_stopped_builder_is_waited_for(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(1, seconds=0.2)
    until(lambda: builds(crowd.folder))
    (first,) = builds(crowd.folder)
    os.kill(first, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            big.get_or_create("d/key", lambda: "mine", timeout=0.6)
    finally:
        os.kill(first, signal.SIGCONT)
    assert big.get_or_create("d/key", lambda: "mine") == f"built by {first}"


def test_unless_its_lease_is_over(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(1, seconds=0.2, lease=0.3)
    until(lambda: builds(crowd.folder))
    (first,) = builds(crowd.folder)
    os.kill(first, signal.SIGSTOP)
    try:
        assert big.get_or_create("d/key", lambda: "mine", timeout=PATIENCE) == "mine"
    finally:
        os.kill(first, signal.SIGCONT)
    assert crowd.answer(1)[0][1] == f"built by {first}"
    assert big["d/key"] == "mine"


def test_a_circle_of_processes_is_an_error_for_one(folder: Path, big: tryget.Store) -> None:
    ready = CONTEXT.Barrier(3)
    answers: SimpleQueue[str] = CONTEXT.SimpleQueue()

    def build(number: int) -> None:
        with tryget.open("builds", directory=folder) as store:

            def factory() -> Any:
                ready.wait(PATIENCE)
                return store.get_or_create(f"key/{(number + 1) % 3}", lambda: "inner")

            try:
                answers.put(str(store.get_or_create(f"key/{number}", factory, timeout=PATIENCE)))
            except RecursionError:
                answers.put("recursion")

    members = [CONTEXT.Process(target=build, args=(number,)) for number in range(3)]
    for member in members:
        member.start()
    assert "recursion" in [answers.get() for _ in members]
    for member in members:
        member.join(PATIENCE)
        assert member.exitcode == 0


def test_a_fork_within_a_factory_leaves_the_build_to_the_parent(
    folder: Path, big: tryget.Store
) -> None:
    answers: SimpleQueue[Any] = CONTEXT.SimpleQueue()

    def child() -> None:
        try:
            big.get_or_create("key", lambda: "child's", timeout=0.3)
        except TimeoutError:
            answers.put("waits")
        os._exit(0)

    def factory() -> str:
        member = CONTEXT.Process(target=child)
        member.start()
        member.join()
        return "parent's"

    assert big.get_or_create("key", factory) == "parent's"
    assert answers.get() == "waits"
    assert big["key"] == "parent's"


def test_a_forked_child_publishes_nothing(big: tryget.Store) -> None:
    def factory() -> str:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        return "parent's" if pid else "child's"

    parent = os.getpid()
    value = big.get_or_create("key", factory)
    if os.getpid() != parent:
        os._exit(0)
    assert value == big["key"] == "parent's"


def test_ctrl_c_ends_a_wait(big: tryget.Store, crowd: Crowd) -> None:
    crowd.add(1)
    until(lambda: builds(crowd.folder))
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            big.get_or_create("d/key", lambda: "mine")
        assert time.monotonic() - began < 1.2
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
