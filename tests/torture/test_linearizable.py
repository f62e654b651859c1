# SPDX-License-Identifier: Apache-2.0
"""Goal: what processes see of each other's calls fits one order in which each call is one instant.

Method: three processes make random calls on a few keys, with rename and drop, and note when each
began and ended. Each short history is searched for an order of its calls that respects the
times and that a dict of paths agrees with (Wing and Gong's search, with a memory of dead ends).
A killed process's last call may have happened or not. Failure prints the history and the seed.
"""

import json
import mmap
import os
import random
import signal
import time
from typing import Any, NamedTuple

import pytest

import tryget

pytestmark = pytest.mark.torture

PROCESSES = 3
CALLS = 5
KEYS = ["a", "a/x", "b", "b/x"]
NODES = ["a", "b"]
PENDING = None


class Call(NamedTuple):
    """One call of a history."""

    began: int
    ended: int | None  # None: its process was killed in it
    name: str
    arguments: tuple[Any, ...]
    answer: Any


Model = tuple[tuple[str, int], ...]


def below(key: str, node: str) -> bool:
    return key == node or key.startswith(f"{node}/")


def act(store: tryget.Store, name: str, arguments: tuple[Any, ...]) -> Any:
    """Makes a call; its answer as JSON knows it."""
    if name == "get":
        return store.get(*arguments)
    if name == "set":
        return store.set(*arguments)
    if name == "rename":
        try:
            store.rename(*arguments, replace=True)
        except KeyError:
            return False
        return True
    return getattr(store, name)(*arguments)


def step(model: Model, name: str, arguments: tuple[Any, ...]) -> tuple[Model, Any]:
    """The same on the model."""
    table = dict(model)
    key = arguments[0]
    answer: Any = None
    if name == "get":
        answer = table.get(key)
    elif name == "set":
        table[key] = arguments[1]
    elif name == "add":
        answer = key not in table
        table.setdefault(key, arguments[1])
    elif name == "delete":
        answer = table.pop(key, None) is not None
    elif name == "drop":
        gone = [one for one in table if below(one, key)]
        answer = bool(gone)
        for one in gone:
            del table[one]
    elif name == "rename":
        moving = {one: table[one] for one in table if below(one, key)}
        answer = bool(moving)
        if moving:
            target = arguments[1]
            for one in [one for one in table if below(one, target) or one in moving]:
                del table[one]
            table |= {target + one[len(key) :]: value for one, value in moving.items()}
    return tuple(sorted(table.items())), answer


def random_call(chance: random.Random) -> tuple[str, tuple[Any, ...]]:
    roll = chance.random()
    key = chance.choice(KEYS)
    if roll < 0.35:
        return "get", (key,)
    if roll < 0.6:
        return "set", (key, chance.randrange(1_000_000))
    if roll < 0.7:
        return "add", (key, chance.randrange(1_000_000))
    if roll < 0.8:
        return "delete", (key,)
    if roll < 0.87:
        return "drop", (chance.choice(NODES),)
    return "rename", tuple(chance.sample(NODES, 2))


def is_linearizable(calls: list[Call], start: Model) -> set[Model]:
    """The models that the history may end in; none if no order explains it."""
    everything = (1 << len(calls)) - 1
    must = sum(1 << index for index, call in enumerate(calls) if call.ended is not None)
    ends: set[Model] = set()
    seen: set[tuple[int, Model]] = set()
    stack = [(0, start)]
    while stack:
        state = stack.pop()
        if state in seen:
            continue
        seen.add(state)
        done, model = state
        if done & must == must:
            ends.add(model)
        if done == everything:
            continue
        first_end = min(
            (
                call.ended
                for index, call in enumerate(calls)
                if not done >> index & 1 and call.ended
            ),
            default=float("inf"),
        )
        for index, call in enumerate(calls):
            if done >> index & 1 or call.began > first_end:
                continue
            after, answer = step(model, call.name, call.arguments)
            if call.ended is PENDING or answer == call.answer:
                stack.append((done | 1 << index, after))
    return ends


def worker(
    store: tryget.Store, getter: tryget.Store, board: mmap.mmap, tell: int, seed: int
) -> None:
    """Waits for each round's number, makes its calls, tells them one by one."""
    chance = random.Random(seed)
    turn = 1
    while True:
        while board[0] != turn:
            pass
        for _ in range(CALLS):
            name, arguments = random_call(chance)
            began = time.monotonic_ns()
            os.write(tell, (json.dumps([began, None, name, arguments, None]) + "\n").encode())
            began = time.monotonic_ns()
            answer = act(getter if name == "get" else store, name, arguments)
            ended = time.monotonic_ns()
            os.write(tell, (json.dumps([began, ended, name, arguments, answer]) + "\n").encode())
        os.write(tell, b"\n")
        turn = (turn + 1) % 256


class Team:
    """The processes, and what they tell."""

    def __init__(self, store: tryget.Store, getter: tryget.Store, seed: int) -> None:
        self.store, self.getter = store, getter
        self.chance = random.Random(seed)
        self.board = mmap.mmap(-1, 1)
        self.pids = [0] * PROCESSES
        self.pipes = [0] * PROCESSES
        for index in range(PROCESSES):
            self.start(index)

    def start(self, index: int) -> None:
        reader, writer = os.pipe()
        seed = self.chance.getrandbits(60)
        turn = self.board[0]
        pid = os.fork()
        if pid == 0:
            try:
                signal.alarm(300)
                self.board_turn(turn, writer, seed)
            finally:
                os._exit(1)
        os.close(writer)
        self.pids[index], self.pipes[index] = pid, reader

    def board_turn(self, turn: int, writer: int, seed: int) -> None:
        board = self.board
        shifted = Shifted(board, turn)
        worker(self.store, self.getter, shifted, writer, seed)  # type: ignore[arg-type]

    def kill(self, index: int) -> None:
        os.kill(self.pids[index], signal.SIGKILL)
        os.waitpid(self.pids[index], 0)

    def told(self, index: int) -> list[Call]:
        """The calls of one process in this round, up to its end or the empty line."""
        text = b""
        while not text.endswith(b"\n\n"):
            part = os.read(self.pipes[index], 65536)
            if not part:
                break
            text += part
            if text == b"\n":
                break
        calls: list[Call] = []
        for line in text.decode().splitlines():
            if not line:
                continue
            began, ended, name, arguments, answer = json.loads(line)
            call = Call(began, ended, name, tuple(arguments), answer)
            if calls and calls[-1].ended is None:
                calls.pop()
            calls.append(call)
        return calls


class Shifted:
    """The board as a worker that began later sees it: its rounds count from 1."""

    def __init__(self, board: mmap.mmap, start: int) -> None:
        self.board, self.start = board, start

    def __getitem__(self, index: int) -> int:
        return (self.board[index] - self.start) % 256


@pytest.mark.parametrize("kind", ["undisturbed", "kills", "readonly"])
def test_histories_are_linearizable(store: tryget.Store, torture_seconds: float, kind: str) -> None:
    """Who only reads can't finish what the dead began: no kills there."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    kills = kind == "kills"
    getter = tryget.open("test", readonly=True) if kind == "readonly" else store
    team = Team(store, getter, seed)
    models: set[Model] = {()}
    end = time.monotonic() + torture_seconds
    rounds = 0
    while time.monotonic() < end:
        rounds += 1
        team.board[0] = (team.board[0] + 1) % 256
        victim = team.chance.randrange(PROCESSES) if kills and rounds % 3 == 0 else None
        if victim is not None:
            time.sleep(team.chance.uniform(0, 0.0005))
            team.kill(victim)
        calls = [call for index in range(PROCESSES) for call in team.told(index)]
        ends = set().union(*(is_linearizable(calls, model) for model in models))
        assert ends, f"no order explains seed {seed}, round {rounds}:\n" + "\n".join(
            map(str, [models, *sorted(calls)])
        )
        models = {model for model in ends if model == tuple(sorted(store.items()))}
        assert models, f"seed {seed}, round {rounds}: {dict(store)} is none of {ends}"
        if victim is not None:
            os.close(team.pipes[victim])
            team.start(victim)
    for index in range(PROCESSES):
        team.kill(index)
    assert rounds > 20


def test_the_search_finds_what_is_wrong() -> None:
    """A stale read, a lost update, two winners: no order explains them."""
    bad = [
        [Call(0, 1, "set", ("a", 1), None), Call(2, 3, "get", ("a",), None)],
        [Call(0, 1, "add", ("a", 1), True), Call(0, 2, "add", ("a", 2), True)],
        [
            Call(0, 1, "set", ("a/x", 1), None),
            Call(2, 3, "rename", ("a", "b"), True),
            Call(2, 5, "get", ("b/x",), 1),
            Call(6, 7, "get", ("a/x",), 1),
        ],
    ]
    for calls in bad:
        assert is_linearizable(calls, ()) == set()
    good = [Call(0, 5, "set", ("a", 1), None), Call(1, 2, "get", ("a",), 1)]
    assert is_linearizable(good, ()) == {(("a", 1),)}
    pending = [Call(0, None, "set", ("a", 1), None), Call(1, 2, "get", ("a",), None)]
    assert is_linearizable(pending, ()) == {(), (("a", 1),)}
