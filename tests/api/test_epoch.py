# SPDX-License-Identifier: Apache-2.0
"""Goal: a grace period waits for the sections before it, and for nothing else; what may wait is
refused inside a section; what is deferred runs.

Method: a model that Hypothesis drives, over a store and over a private epoch; threads that hold
sections; asyncio tasks. Failure means something ended under a reader, or a wait that never ends.
"""

import asyncio
import contextvars
import gc
import pickle
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tryget


@pytest.fixture(params=["store", "private"])
def epoch(request: pytest.FixtureRequest) -> tryget.Epoch:
    if request.param == "private":
        return tryget.Epoch()
    opened: tryget.Store = request.getfixturevalue("store")
    return opened.epoch


@contextmanager
def reader(epoch: tryget.Epoch) -> Iterator[threading.Event]:
    """Another thread that is in a section until the event."""
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with epoch.reading():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=read)
    thread.start()
    inside.wait()
    try:
        yield leave
    finally:
        leave.set()
        thread.join()


def test_the_names_of_the_contract(store: tryget.Store) -> None:
    assert isinstance(store.epoch, tryget.Epoch)
    assert store.epoch is store.epoch
    with store.epoch.reading() as nothing:
        assert nothing is None
    cookie = store.epoch.snapshot()
    assert type(cookie) is int
    assert store.epoch.elapsed(cookie) is True
    assert store.epoch.synchronize() is None
    assert store.epoch.defer(print) is None
    assert store.epoch.barrier() is None
    assert "Epoch" in repr(store.epoch)


STEP = st.one_of(
    st.tuples(st.just("enter"), st.just(0)),
    st.tuples(st.sampled_from(["leave", "elapsed"]), st.integers(0, 9)),
    st.tuples(st.just("snapshot"), st.just(0)),
)


@given(st.lists(STEP, max_size=50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_does_what_the_model_does(
    epoch: tryget.Epoch, steps: list[tuple[str, int]]
) -> None:
    sections: list[Any] = []
    cookies: list[tuple[int, set[int]]] = []  # a cookie, and the sections that it waits for
    running: set[int] = set()
    with ExitStack() as stack:
        for step, which in steps:
            if step == "enter":
                section = epoch.reading()
                stack.enter_context(section)
                running.add(len(sections))
                sections.append(section)
            elif step == "leave" and running:
                number = sorted(running)[which % len(running)]
                sections[number].__exit__(None, None, None)
                running.discard(number)
            elif step == "snapshot":
                cookies.append((epoch.snapshot(), set(running)))
            elif step == "elapsed" and cookies:
                cookie, waited_for = cookies[which % len(cookies)]
                assert epoch.elapsed(cookie) == (not waited_for & running)
    for cookie, _ in cookies:
        assert epoch.elapsed(cookie)
    epoch.synchronize(timeout=5)


def test_a_section_of_another_thread_is_waited_for(epoch: tryget.Epoch) -> None:
    with reader(epoch) as leave:
        cookie = epoch.snapshot()
        assert not epoch.elapsed(cookie)
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="section"):
            epoch.synchronize(timeout=0.05)
        assert 0.04 < time.monotonic() - began < 2
        with epoch.reading():
            assert not epoch.elapsed(cookie)
        threading.Timer(0.1, leave.set).start()
        epoch.synchronize(timeout=10)
        assert epoch.elapsed(cookie)


def test_later_sections_are_not_waited_for(epoch: tryget.Epoch) -> None:
    cookie = epoch.snapshot()
    with reader(epoch):
        assert epoch.elapsed(cookie)


def test_what_waits_is_refused_inside(epoch: tryget.Epoch, store: tryget.Store) -> None:
    ref = tryget.LockRef()
    ref.get()
    ref.get()
    for depth in (1, 2):
        with ExitStack() as stack:
            for _ in range(depth):
                stack.enter_context(epoch.reading())
            for call in (
                epoch.synchronize,
                lambda: epoch.synchronize(timeout=0),
                epoch.barrier,
                store.epoch.synchronize,
                tryget.Epoch().synchronize,
                ref.put,
                ref.put_or_lock,
                ref.lock,
                ref.__enter__,
                lambda: ref.lock(timeout=0),
            ):
                with pytest.raises(tryget.SectionError, match="inside a read section") as caught:
                    call()
                assert isinstance(caught.value, (tryget.Error, RuntimeError))
            assert (ref.count, ref.is_locked) == (2, False)
            # What does not wait is fine: to take a reference is what sections are for.
            assert ref.get_not_dead()
            assert ref.put_not_zero()
            store["inside"] = 1
            assert store["inside"] == 1
    assert ref.put() == 1
    epoch.synchronize(timeout=5)


def test_a_reference_that_would_wait_is_refused_inside(epoch: tryget.Epoch) -> None:
    held = tryget.LockRef(bytearray([77, 0, 0, 0, 0, 0, 0, 0]))  # somebody has it locked
    with epoch.reading():
        for call in (held.get, held.get_not_dead, held.get_not_zero, held.put_not_zero):
            with pytest.raises(tryget.SectionError, match="waited for"):
                call()


def test_after_an_error_inside_the_section_is_over(epoch: tryget.Epoch) -> None:
    with pytest.raises(ZeroDivisionError), epoch.reading():
        raise ZeroDivisionError
    epoch.synchronize(timeout=5)


def test_a_section_is_used_once(epoch: tryget.Epoch) -> None:
    section = epoch.reading()
    assert "not begun" in repr(section)
    with section:
        assert "open" in repr(section)
        with pytest.raises(tryget.SectionError, match="once"):
            section.__enter__()
    assert "ended" in repr(section)
    section.__exit__(None, None, None)
    with pytest.raises(tryget.SectionError), section:
        pass
    epoch.synchronize(timeout=5)


def test_garbage_cookies(epoch: tryget.Epoch) -> None:
    for cookie in (0, -1, 2**63, 2**70, 10**6):
        with pytest.raises(ValueError, match="no cookie"):
            epoch.elapsed(cookie)
    for wrong in ("1", 1.0, None, True):
        with pytest.raises(TypeError, match="cookie"):
            epoch.elapsed(wrong)  # type: ignore[arg-type]


def test_wrong_arguments(epoch: tryget.Epoch) -> None:
    with pytest.raises(TypeError, match="function"):
        epoch.defer("text")  # type: ignore[arg-type]
    for call in (epoch.synchronize, epoch.barrier):
        with pytest.raises(TypeError):
            call(timeout="1")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="at least 0"):
            call(timeout=-1)
    with pytest.raises(TypeError, match="Store"):
        tryget.Epoch("default")  # type: ignore[arg-type]


def test_sections_use_up_nothing(store: tryget.Store) -> None:
    """More sections than the store has contexts; and all calls go on."""
    with ExitStack() as stack:
        for _ in range(3000):
            stack.enter_context(store.epoch.reading())
        store["a"] = bytes(100_000)
        assert store["a"] == bytes(100_000)
        with store.pin("a") as pin:
            assert pin.nbytes == 100_000
        cookie = store.epoch.snapshot()
    assert store.epoch.elapsed(cookie)
    assert store.statistics().pins == 0


def test_a_long_section_is_not_expelled(store: tryget.Store) -> None:
    with store.epoch.reading():
        cookie = store.epoch.snapshot()
        for number in range(300):
            store[f"k{number % 7}"] = bytes(20_000)
        store.raw_tidy()
        assert not store.epoch.elapsed(cookie)
    assert store.epoch.elapsed(cookie)


def test_a_closed_store(store: tryget.Store) -> None:
    epoch = store.epoch
    with epoch.reading():
        store.close()
        with pytest.raises(tryget.StoreClosed):
            _ = store.epoch
        cookie = epoch.snapshot()
        assert not epoch.elapsed(cookie)
    assert epoch.elapsed(cookie)
    epoch.synchronize(timeout=5)


def test_two_openings_are_one_epoch(store: tryget.Store) -> None:
    with tryget.open("test") as other, reader(other.epoch):
        cookie = store.epoch.snapshot()
        assert not store.epoch.elapsed(cookie)
        ran: list[int] = []
        other.epoch.defer(lambda: ran.append(1))
        with pytest.raises(TimeoutError):
            store.epoch.barrier(timeout=0.05)
    store.epoch.barrier(timeout=10)
    assert ran == [1]


# ---- defer -------------------------------------------------------------------------------------


def test_deferred_functions_run_in_order_after_the_readers(epoch: tryget.Epoch) -> None:
    ran: list[Any] = []
    with reader(epoch) as leave:
        for number in range(5):
            epoch.defer(lambda number=number: ran.append(number))  # type: ignore[misc]
        with epoch.reading():
            epoch.defer(lambda: ran.append(threading.current_thread()))
        with pytest.raises(TimeoutError, match="barrier"):
            epoch.barrier(timeout=0.1)
        assert ran == []
        leave.set()
        epoch.barrier(timeout=10)
    assert ran[:5] == [0, 1, 2, 3, 4]
    assert ran[5] is not threading.current_thread()


def test_they_run_without_another_call(epoch: tryget.Epoch) -> None:
    ran = threading.Event()
    epoch.defer(ran.set)
    assert ran.wait(10)


def test_they_are_never_inside_a_section(epoch: tryget.Epoch) -> None:
    ran: list[str] = []

    def function() -> None:
        epoch.synchronize(timeout=10)  # would be refused inside
        ran.append("synchronized")
        with pytest.raises(tryget.SectionError, match="itself"):
            epoch.barrier()
        with epoch.reading():
            epoch.defer(lambda: ran.append("deferred again"))

    epoch.defer(function)
    epoch.barrier(timeout=10)
    epoch.barrier(timeout=10)
    assert ran == ["synchronized", "deferred again"]


def test_an_exception_is_told_and_harms_nobody(
    epoch: tryget.Epoch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_value))
    ran: list[int] = []
    epoch.defer(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    epoch.defer(lambda: ran.append(1))
    epoch.barrier(timeout=10)
    assert [type(error) for error in told] == [ZeroDivisionError]
    assert ran == [1]


def test_without_threads_the_barrier_runs_them(
    epoch: tryget.Epoch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ran: list[int] = []
    epoch.defer(lambda: ran.append(1))
    epoch.barrier(timeout=10)
    assert ran == [1]


def test_the_thread_ends_when_there_is_nothing_to_do(epoch: tryget.Epoch) -> None:
    before = threading.active_count()
    epoch.defer(lambda: None)
    epoch.barrier(timeout=10)
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.02)
    assert threading.active_count() == before


def test_an_epoch_and_what_it_ran_are_collected() -> None:
    class Thing:
        def end(self) -> None:
            pass

    epoch, thing = tryget.Epoch(), Thing()
    seen = [weakref.ref(epoch), weakref.ref(thing)]
    epoch.defer(thing.end)
    epoch.barrier(timeout=10)
    del epoch, thing
    end = time.monotonic() + 10
    while any(one() is not None for one in seen) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    assert [one() for one in seen] == [None, None]


def test_what_is_deferred_outlives_its_epoch() -> None:
    ran = threading.Event()
    epoch = tryget.Epoch()
    with reader(epoch):
        epoch.defer(ran.set)
        del epoch
        gc.collect()
        assert not ran.wait(0.05)
    assert ran.wait(10)


# ---- asyncio, contexts, generators --------------------------------------------------------------


def test_a_task_is_not_in_the_section_of_another(epoch: tryget.Epoch) -> None:
    ref = tryget.LockRef()
    for _ in range(4):
        ref.get()

    async def holder(inside: asyncio.Event, leave: asyncio.Event) -> None:
        with epoch.reading():
            inside.set()
            await leave.wait()
            with pytest.raises(tryget.SectionError):
                ref.put()
        ref.put()

    async def child_of_a_reader() -> None:
        ref.put()  # inherits the context, not the section

    async def main() -> None:
        inside, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(holder(inside, leave))
        await inside.wait()
        ref.put()
        with ref:
            pass
        with pytest.raises(TimeoutError):
            epoch.synchronize(timeout=0.02)  # it reads, and we are not inside
        with pytest.raises(tryget.SectionError, match="for ever"):
            epoch.synchronize()
        with pytest.raises(tryget.SectionError, match="for ever"):
            epoch.barrier()
        with epoch.reading():
            with pytest.raises(tryget.SectionError, match="inside"):
                ref.put()
            await asyncio.create_task(child_of_a_reader())
        later = asyncio.create_task(asyncio.to_thread(epoch.synchronize, 10))
        await asyncio.sleep(0.02)
        assert not later.done()
        leave.set()
        await task
        await later
        epoch.synchronize()

    asyncio.run(main())
    assert ref.count == 1


def test_a_generator_that_is_dropped_leaves_its_section(epoch: tryget.Epoch) -> None:
    def rows() -> Iterator[int]:
        with epoch.reading():
            yield 1
            yield 2

    running = rows()
    next(running)
    with pytest.raises(tryget.SectionError):
        epoch.synchronize(timeout=0)
    del running
    gc.collect()
    epoch.synchronize(timeout=5)


def test_a_section_that_ends_in_another_thread(epoch: tryget.Epoch) -> None:
    section = epoch.reading()
    section.__enter__()
    thread = threading.Thread(target=section.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    epoch.synchronize()
    tryget.LockRef(bytearray(8)).get()
    with epoch.reading(), pytest.raises(tryget.SectionError):
        epoch.synchronize()
    epoch.synchronize()


def test_a_section_in_a_copied_context(epoch: tryget.Epoch) -> None:
    section = epoch.reading()
    context = contextvars.copy_context()
    context.run(section.__enter__)
    with pytest.raises(tryget.SectionError, match="for ever"):
        epoch.synchronize()
    with pytest.raises(tryget.SectionError, match="inside"):
        context.run(epoch.synchronize)
    context.run(section.__exit__, None, None, None)
    epoch.synchronize()
    context.run(epoch.synchronize)


# ---- what it is for ------------------------------------------------------------------------------


def test_nothing_is_ended_under_a_reader(epoch: tryget.Epoch) -> None:
    class Model:
        usable = True

    current, stop, errors = [Model()], threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            with epoch.reading():
                model = current[0]
                for _ in range(3):
                    if not model.usable:
                        errors.append("ended under a reader")
                    time.sleep(0)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(60):
        old, current[0] = current[0], Model()
        if number % 2:
            epoch.synchronize(timeout=20)
            old.usable = False
        else:
            epoch.defer(lambda old=old: setattr(old, "usable", False))  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join()
    epoch.barrier(timeout=20)
    assert errors == []


def test_it_is_not_pickled(epoch: tryget.Epoch) -> None:
    with pytest.raises(TypeError, match="send its store"):
        pickle.dumps(epoch)
