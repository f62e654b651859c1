# SPDX-License-Identifier: Apache-2.0
"""Stores for tests: each test has a folder of its own in shared memory."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tryget


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for stores, which is also the default one."""
    path = Path(tempfile.mkdtemp(prefix="tryget-test-", dir="/dev/shm"))
    monkeypatch.setenv("TRYGET_DIR", str(path))
    yield path
    shutil.rmtree(path, ignore_errors=True)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-run-parallel a test's threads share its fixtures: most tests want a store of
    their own. A module that says `THREADS_SHARE_THE_STORE` is made for it."""
    for item in items:
        module = getattr(item, "module", None)
        if not getattr(module, "THREADS_SHARE_THE_STORE", False):
            item.add_marker(pytest.mark.thread_unsafe(reason="it wants a store of its own"))
