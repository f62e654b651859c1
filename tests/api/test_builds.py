# SPDX-License-Identifier: Apache-2.0
"""`get_or_create`: one builder, and what ends a build.

Goal: a missing value is made once, by one caller; whatever its factory does, nobody waits for
nothing. Method: threads, with events that say where the others are. A failure means two builds at
once, a value that comes after its removal, or a caller who sleeps for ever.
"""

import asyncio
import contextvars
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tryget

PATIENCE = 20.0


class Gate:
    """A factory that waits inside until it is let go."""

    def __init__(self, value: Any = "built") -> None:
        self.value = value
        self.calls = 0
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> Any:
        self.calls += 1
        self.entered.set()
        assert self.go.wait(PATIENCE)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def start(store: tryget.Store, pool: ThreadPoolExecutor) -> Callable[..., Future[Any]]:
    """Calls get_or_create in a thread, and returns when its factory has begun."""

    def start(key: str, gate: Gate, **options: Any) -> Future[Any]:
        future = pool.submit(store.get_or_create, key, gate, **options)
        assert gate.entered.wait(PATIENCE)
        return future

    return start


def refuse() -> Any:
    raise AssertionError("this factory should not be called")


# ---- hits and misses --------------------------------------------------------------------------


def test_a_missing_value_is_made_and_a_hit_makes_nothing(store: tryget.Store) -> None:
    made = {"rows": [1, 2]}
    assert store.get_or_create("a/b/c", lambda: made) is made
    assert store.get_or_create("a/b/c", refuse) == made
    assert store["a/b/c"] == made
    assert store.verify().ok


def test_none_and_false_are_values(store: tryget.Store) -> None:
    for key, value in (("none", None), ("false", False), ("empty", b"")):
        assert store.get_or_create(key, lambda value=value: value) == value
        assert store.get_or_create(key, refuse) == value


def test_an_expired_value_is_missing(store: tryget.Store) -> None:
    store.set("key", 1, ttl=0.1)
    while "key" in store:
        time.sleep(0.02)
    assert store.get_or_create("key", lambda: 2) == 2
    assert store["key"] == 2


def test_nothing_is_visible_before_the_value(store: tryget.Store) -> None:
    def factory() -> int:
        assert "deep/er/key" not in store
        assert store.children() == []
        assert len(store) == 0
        assert not store.delete("other")
        return 1

    store.get_or_create("deep/er/key", factory)
    assert store.children() == ["deep"]


def test_many_callers_one_build(store: tryget.Store, pool: ThreadPoolExecutor) -> None:
    for value in (7, b"x" * 5000, "y" * 500_000):
        gate = Gate(value)
        key = f"key/{type(value).__name__}"
        callers = [pool.submit(store.get_or_create, key, gate) for _ in range(24)]
        assert gate.entered.wait(PATIENCE)
        gate.go.set()
        assert [caller.result(PATIENCE) for caller in callers] == [value] * 24
        assert gate.calls == 1


def test_different_keys_are_built_at_the_same_time(
    store: tryget.Store, start: Callable[..., Future[Any]]
) -> None:
    gates = [Gate(number) for number in range(20)]
    futures = [start(f"key/{number}/x", gate) for number, gate in enumerate(gates)]
    for gate in gates:
        gate.go.set()
    assert [future.result(PATIENCE) for future in futures] == list(range(20))


# ---- the factory fails ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, GeneratorExit, SystemExit, asyncio.CancelledError]
)
def test_its_exception_is_its_callers_and_the_next_one_builds(
    store: tryget.Store,
    pool: ThreadPoolExecutor,
    start: Callable[..., Future[Any]],
    kind: type[BaseException],
) -> None:
    failing, next_one = Gate(kind("no")), Gate(2)
    next_one.go.set()
    first = start("a/key", failing)
    second = pool.submit(store.get_or_create, "a/key", next_one)
    failing.go.set()
    assert type(first.exception(PATIENCE)) is kind
    assert second.result(PATIENCE) == 2
    assert (failing.calls, next_one.calls) == (1, 1)


def test_a_value_that_cant_be_stored_is_an_error_of_its_builder(store: tryget.Store) -> None:
    with pytest.raises(TypeError, match="object"):
        store.get_or_create("key", object)
    assert store.get_or_create("key", lambda: 1) == 1


def test_a_value_too_large_is_store_full_and_the_next_one_builds(
    folder: Path, pool: ThreadPoolExecutor
) -> None:
    store = tryget.open("small", size="4MiB")
    gate = Gate(b"x" * (8 << 20))
    first = pool.submit(store.get_or_create, "key", gate)
    assert gate.entered.wait(PATIENCE)
    second = pool.submit(store.get_or_create, "key", lambda: b"small")
    gate.go.set()
    with pytest.raises(tryget.StoreFull):
        first.result(PATIENCE)
    assert second.result(PATIENCE) == b"small"
    assert store.verify().ok


def test_a_lost_ticket_is_given_up(store: tryget.Store) -> None:
    outcome, ticket = store.raw_build_begin("key", ())
    assert outcome == "mine"
    assert ticket.is_open
    del ticket
    gc.collect()
    assert store.get_or_create("key", lambda: 1, timeout=0) == 1


def test_close_within_a_factory_ends_the_build(folder: Path) -> None:
    store, other = tryget.open("twice", size="4MiB"), tryget.open("twice")

    def factory() -> int:
        store.close()
        return 1

    with pytest.raises(tryget.StoreClosed):
        store.get_or_create("key", factory)
    assert other.get_or_create("key", lambda: 2, timeout=0) == 2


# ---- what others do meanwhile -----------------------------------------------------------------


def test_a_set_meanwhile_wins(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    gate = Gate("built")
    builder = start("key", gate)
    waiter = pool.submit(store.get_or_create, "key", refuse)
    store["key"] = "set"
    assert waiter.result(PATIENCE) == "set"
    gate.go.set()
    assert builder.result(PATIENCE) == "built"
    assert store["key"] == "set"


@pytest.mark.parametrize(
    "remove",
    [
        lambda store: store.delete("d/e/key"),
        lambda store: store.pop("d/e/key", None),
        lambda store: store.drop("d/e/key"),
        lambda store: store.drop("d/e"),
        lambda store: store.drop("d"),
        lambda store: store.clear(),
        lambda store: store.set("d/e/key", 1, ttl=0),
        lambda store: store.rename("other", "d", replace=True),
    ],
)
def test_what_began_before_a_removal_is_not_stored_after_it(
    store: tryget.Store,
    pool: ThreadPoolExecutor,
    start: Callable[..., Future[Any]],
    remove: Callable[[tryget.Store], Any],
) -> None:
    store["d/e/sibling"] = 1
    store["other/x"] = 2
    old = Gate("old")
    builder = start("d/e/key", old)
    waiter = pool.submit(store.get_or_create, "d/e/key", lambda: "new")
    remove(store)
    assert waiter.result(PATIENCE) == "new"  # it does not wait for the old one
    old.go.set()
    assert builder.result(PATIENCE) == "old"
    # The new one may have been so fast that it was removed, too.
    assert store.get("d/e/key", "new") == "new"
    assert store.verify().ok


def test_a_build_below_a_directory_that_moves_is_stored_where_that_went(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    store["a/b/sibling"] = 1
    gate = Gate()
    builder = start("a/b/c/key", gate)
    store.rename("a", "z")
    store.rename("z/b", "y")
    waiter = pool.submit(store.get_or_create, "y/c/key", refuse)
    gate.go.set()
    assert builder.result(PATIENCE) == waiter.result(PATIENCE) == "built"
    assert sorted(store) == ["y/c/key", "y/sibling"]
    assert store.verify().ok


def test_a_build_survives_its_parent(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    store["d/sibling"] = 1
    gate = Gate()
    builder = start("d/key", gate)
    del store["d/sibling"]
    assert store.children() == []
    waiter = pool.submit(store.get_or_create, "d/key", refuse)
    store["e/sibling"] = 1  # perhaps in the block of the directory that went
    gate.go.set()
    assert builder.result(PATIENCE) == waiter.result(PATIENCE) == "built"
    assert store["d/key"] == "built"
    assert "e/key" not in store


# ---- waiting ----------------------------------------------------------------------------------


def test_a_waiter_has_a_time_limit(store: tryget.Store, start: Callable[..., Future[Any]]) -> None:
    gate = Gate()
    builder = start("key", gate)
    for timeout in (0, 0.15):
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="key"):
            store.get_or_create("key", refuse, timeout=timeout)
        assert timeout <= time.monotonic() - began < timeout + 2
    gate.go.set()
    assert builder.result(PATIENCE) == "built"
    assert store.get_or_create("key", refuse, timeout=0) == "built"


def test_a_lease_that_is_over_lets_the_next_one_build(
    store: tryget.Store, start: Callable[..., Future[Any]]
) -> None:
    late = Gate("late")
    builder = start("key", late, lease=0.2)
    assert store.get_or_create("key", lambda: "next", timeout=PATIENCE) == "next"
    late.go.set()
    assert builder.result(PATIENCE) == "late"
    assert store["key"] == "next"


def test_without_a_lease_a_build_takes_as_long_as_it_takes(
    store: tryget.Store, start: Callable[..., Future[Any]]
) -> None:
    gate = Gate()
    builder = start("key", gate)
    with pytest.raises(TimeoutError):
        store.get_or_create("key", refuse, timeout=0.4, lease=0.1)
    gate.go.set()
    assert builder.result(PATIENCE) == "built"


def test_waiters_sleep(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    gate = Gate()
    start("key", gate)
    waiters = [pool.submit(store.get_or_create, "key", refuse) for _ in range(16)]
    used = time.process_time()
    time.sleep(1.0)
    used = time.process_time() - used
    gate.go.set()
    assert [waiter.result(PATIENCE) for waiter in waiters] == ["built"] * 16
    assert used < 0.5, "16 threads waited for a second"


def test_a_signal_ends_a_wait(store: tryget.Store, start: Callable[..., Future[Any]]) -> None:
    class Stop(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Stop

    gate = Gate()
    builder = start("key", gate)
    old = signal.signal(signal.SIGALRM, handler)
    try:
        for delay in (0.02, 0.1, 0.5):
            began = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, delay)
            with pytest.raises(Stop):
                store.get_or_create("key", refuse)
            assert time.monotonic() - began < delay + 1
    finally:
        signal.signal(signal.SIGALRM, old)
    gate.go.set()
    assert builder.result(PATIENCE) == "built"


def test_waiters_are_told_of_an_absence(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    gate = Gate(tryget.ABSENT)
    builder = start("key", gate)
    waiters = [pool.submit(store.get_or_create, "key", refuse) for _ in range(4)]
    gate.go.set()
    assert {future.result(PATIENCE) for future in [builder, *waiters]} == {tryget.ABSENT}


# ---- recursion --------------------------------------------------------------------------------


def test_a_key_within_its_own_factory_is_an_error(store: tryget.Store) -> None:
    def inner() -> Any:
        return store.get_or_create("a/key", refuse)

    def outer() -> Any:
        with pytest.raises(RecursionError, match="a/key"):
            inner()
        with pytest.raises(RecursionError, match="a/key"):
            store.get_or_create("other", inner)
        return store.get_or_create("third", lambda: 3)

    assert store.get_or_create("a/key", outer) == 3
    assert store["third"] == 3
    assert "other" not in store


def test_also_where_the_context_is_another(store: tryget.Store) -> None:
    def factory() -> Any:
        return contextvars.Context().run(store.get_or_create, "key", refuse)

    with pytest.raises(RecursionError, match="this thread"):
        store.get_or_create("key", factory)


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_circle_of_threads_is_an_error_for_one_of_them(
    store: tryget.Store, pool: ThreadPoolExecutor, length: int
) -> None:
    everybody = threading.Barrier(length)

    def build(number: int) -> Any:
        def factory() -> Any:
            everybody.wait(PATIENCE)
            return store.get_or_create(f"key/{(number + 1) % length}", lambda: "inner")

        return store.get_or_create(f"key/{number}", factory, timeout=PATIENCE)

    futures = [pool.submit(build, number) for number in range(length)]
    errors = [future.exception(PATIENCE) for future in futures]
    assert any(isinstance(error, RecursionError) for error in errors)
    assert all(error is None or isinstance(error, RecursionError) for error in errors)
    assert store.verify().ok


def test_no_circle_without_one(
    store: tryget.Store, pool: ThreadPoolExecutor, start: Callable[..., Future[Any]]
) -> None:
    """Both need a third; one needs the other."""
    gate = Gate(1)
    start("c", gate)
    needs_c = [
        pool.submit(store.get_or_create, key, lambda: store.get_or_create("c", refuse) + 1)
        for key in ("a", "b")
    ]
    chain = pool.submit(store.get_or_create, "d", lambda: store.get_or_create("a", lambda: 2) + 10)
    time.sleep(0.2)
    gate.go.set()
    assert [future.result(PATIENCE) for future in needs_c] == [2, 2]
    assert chain.result(PATIENCE) == 12


def test_two_tasks_of_one_thread_are_no_recursion(store: tryget.Store) -> None:
    gate = Gate()

    async def ask() -> Any:
        return await asyncio.to_thread(store.get_or_create, "key", gate)

    async def both() -> list[Any]:
        tasks = [asyncio.create_task(ask()) for _ in range(2)]
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        gate.go.set()
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(both()) == ["built", "built"]
    assert gate.calls == 1


def test_the_steps_can_be_made_by_tasks(store: tryget.Store) -> None:
    built = 0

    async def get(key: str) -> Any:
        nonlocal built
        while True:
            if (value := store.get(key)) is not None:
                return value
            outcome, found = store.raw_build_begin(key, ())
            if outcome == "mine":
                built += 1
                await asyncio.sleep(0.05)
                assert store.raw_build_publish(found, key, "value")
            elif outcome == "wait":
                assert found.is_here
                await asyncio.sleep(0.005)

    async def both() -> list[Any]:
        return list(await asyncio.gather(get("a/key"), get("a/key")))

    assert asyncio.run(both()) == ["value", "value"]
    assert built == 1


def test_nothing_is_made_inside_a_read_section(store: tryget.Store) -> None:
    @store.cached
    def double(number: int) -> int:
        return 2 * number

    @store.cached
    async def triple(number: int) -> int:
        return 3 * number

    epoch = store.epoch
    store["there"] = double(2)
    with epoch.reading(), tryget.Epoch().reading():
        # Whoever makes it may be waiting for the end of this section; nobody does, and yet.
        with pytest.raises(tryget.SectionError, match=r"'report'.*inside a read section"):
            store.get_or_create("report", lambda: pytest.fail("made inside"))
        with pytest.raises(tryget.SectionError, match="inside a read section"):
            double(1)
        assert (store.get_or_create("there", int), double(2)) == (4, 4)  # a hit is a read
    assert store.get_or_create("report", lambda: "made") == "made"
    assert double(1) == 2

    async def inside() -> None:
        with epoch.reading(), pytest.raises(tryget.SectionError, match="inside a read section"):
            await triple(1)
        assert await triple(1) == 3
        with epoch.reading():
            assert await triple(1) == 3

    asyncio.run(inside())
