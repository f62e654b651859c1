# SPDX-License-Identifier: Apache-2.0
"""Stores for tests: each test has a folder of its own in shared memory."""

import functools
import inspect
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tryget


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for stores, which is also the default one. By hand: what is made with
    `monkeypatch` is never run in threads."""
    path = Path(tempfile.mkdtemp(prefix="tryget-test-", dir="/dev/shm"))
    before = os.environ.get("TRYGET_DIR")
    os.environ["TRYGET_DIR"] = str(path)
    yield path
    shutil.rmtree(path, ignore_errors=True)
    if before is None:
        del os.environ["TRYGET_DIR"]
    else:
        os.environ["TRYGET_DIR"] = before


@pytest.fixture
def store(folder: Path) -> Iterator[tryget.Store]:
    """An empty store of 64 MiB that is whole at the end of the test."""
    with tryget.open("test", size="64MiB") as opened:
        yield opened
        if not opened.closed:
            assert_whole(opened)


def assert_whole(opened: tryget.Store) -> None:
    """Nothing is broken; nothing is lost, unless others still use the store."""
    opened.raw_tidy()
    report = opened.verify(deep=True)
    assert report.violations == ()
    if report.exact:
        assert report.leaked_bytes == 0


@pytest.fixture
def torture_seconds() -> float:
    """How long a test with real processes may torture them."""
    return float(os.environ.get("TRYGET_TORTURE_SECONDS", "3"))


@pytest.fixture
def whole() -> Callable[[tryget.Store], None]:
    """`assert_whole`, for stores that a test opened itself."""
    return assert_whole


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under pytest-run-parallel a test's threads share its fixtures. A module may say

    THREADS_SHARE_THE_STORE      that it is made for it;
    THREADS_HAVE_A_STORE_EACH    that its tests are, where `store` is another one for each thread:
                                 then they share the process, its modules and their caches.

    All other tests run in one thread."""
    if config.getoption("parallel_threads", 1) in (1, "1"):
        return
    for item in items:
        module = getattr(item, "module", None)
        if getattr(module, "THREADS_SHARE_THE_STORE", False):
            continue
        if getattr(module, "THREADS_HAVE_A_STORE_EACH", False) and has_only_a_store(item):
            item.obj = in_own_store(item.obj)  # type: ignore[attr-defined]
        else:
            item.add_marker(pytest.mark.thread_unsafe(reason="it wants a store of its own"))


def has_only_a_store(item: pytest.Item) -> bool:
    """Whether a test is given a store, and beside it only its parameters."""
    test = item.obj  # type: ignore[attr-defined]
    callspec = getattr(item, "callspec", None)
    wanted = set(inspect.signature(test).parameters)
    return wanted - set(callspec.params if callspec else ()) == {"store"}


def in_own_store(test: Callable[..., None]) -> Callable[..., None]:
    """The test with another store for each call."""
    numbers = itertools.count()

    @functools.wraps(test)
    def run(store: tryget.Store, **arguments: Any) -> None:
        name = f"own-{next(numbers)}"
        with tryget.open(name, directory=store.directory, size="64MiB") as own:
            test(store=own, **arguments)
            if not own.closed:
                assert_whole(own)

    return run
