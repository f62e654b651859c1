# SPDX-License-Identifier: Apache-2.0
"""What a peer is: something that keeps values by keys, driven as its users would drive it."""

import importlib
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tryget.cli.bench.keeper import Keeper

Pairs = Iterable[tuple[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a run keeps what it makes, and who takes it away."""

    folder: Path
    keeper: Keeper


class Client:
    """A peer as one process uses it. What a peer can't do stays None.

    Values are bytes, so that nobody has to serialise; an `object` is a small dict, which those
    that share have to; an `array` is a NumPy array, read-only as it comes.
    """

    has_server = False  # waits for another process in each call
    get: Callable[[str], Any]  # None when absent
    set: Callable[[str, Any], Any] | None = None
    delete: Callable[[str], Any] | None = None
    mapping: Any = None  # for `mapping[key]`
    create: Callable[[str, Callable[[], Any]], Any] | None = None  # get or create
    get_object: Callable[[str], Any] | None = None
    set_object: Callable[[str, Any], Any] | None = None
    get_array: Callable[[str], Any] | None = None
    set_array: Callable[[str, Any], Any] | None = None
    drop: Callable[[str], Any] | None = None  # all keys that begin with `prefix/`

    def fill(self, pairs: Pairs) -> None:
        """Stores many, in the way that suits the peer best."""
        if self.set is None:
            raise TypeError(f"{type(self).__name__} can't be filled")
        for key, value in pairs:
            self.set(key, value)

    def release(self) -> None:
        """Lets go of what a read may still hold."""

    def close(self) -> None:
        """Ends the use."""


class Peer:
    """One kind of store. `make` and `remove` are the parent's, `attach` is every process's."""

    name: str
    text: str  # how it is set up and driven
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    shared = True  # by processes; else each has its own
    entries_max = 10**5  # more would take too long to fill, or too much memory
    shares_with = ""  # the peer that fills the same store
    threads = True  # may share a client
    misses = True  # it can be asked for what it has not got
    keeps = False  # what a process has read makes its next read of the key shorter

    def missing(self) -> str:
        """Why it can't be measured here, and what to do; empty when it can."""
        for module in self.modules:
            try:
                importlib.import_module(module)
            except ImportError:
                return f"needs the Python module {module}: pip install 'tryget[bench]'"
        for program in self.programs:
            if shutil.which(program) is None:
                return f"needs the program {program} in PATH"
        return ""

    def make(self, place: Place) -> None:
        """Starts its server, or makes its folder."""

    @abstractmethod
    def attach(self, folder: Path) -> Client:
        """For one process."""

    def footprint(self, place: Place) -> int:
        """Bytes that it takes outside its clients."""
        return 0

    def remove(self, place: Place) -> None:
        """Stops its server. Its files go with the folder of the run."""


def allocated(folder: Path) -> int:
    """Bytes that the files of a folder take."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())
