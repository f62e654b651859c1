# SPDX-License-Identifier: Apache-2.0
"""Read sections and grace periods for whatever users share through a store."""

import time
from collections.abc import Callable
from typing import NoReturn

from tryget import _core
from tryget._errors import SectionError
from tryget.parts.deferred import Deferred, queue_of
from tryget.parts.table import Table

_DELAYS = (0.0001, 0.005)  # between two looks, at first and at last


class Epoch(_core.RawEpoch):
    """Who reads now, and when all who read then are done.

    >>> import tryget
    >>> epoch = tryget.Epoch()           # of this process; store.epoch is for all of a store
    >>> current = ["old"]
    >>> with epoch.reading():            # readers: what they find in here stays until they leave
    ...     _ = current[0]
    >>> current[0] = "new"               # the writer: first make it unreachable,
    >>> epoch.synchronize()              # then wait for those who may have seen it
    >>> epoch.defer(lambda: print("ended"))
    >>> epoch.barrier()
    ended

    store  whose processes take part; None: the threads of this process only
    """

    def __init__(self, store: _core.RawStore | None = None) -> None:
        super().__init__(store, Table() if store is None else None)
        self._name = "a private epoch" if store is None else f"store {store.path}"
        self._uuid = None if store is None else store.uuid
        self._own: Deferred | None = None

    def synchronize(self, timeout: float | None = None) -> None:
        """Returns when all sections that may have begun before the call are over.

        TimeoutError after `timeout` seconds; SectionError inside a section, for ever so."""
        _core.refuse_to_wait("synchronize", timeout is None)
        end = time.monotonic() + _core.time_limit(timeout)
        cookie = self.snapshot()
        delay = _DELAYS[0]
        while (blocker := self.blocker(cookie)) != 0:
            left = end - time.monotonic()
            if left <= 0:
                raise self._late("synchronize", timeout, blocker)
            time.sleep(min(delay, left))
            delay = min(delay * 2, _DELAYS[1])

    def defer(self, function: Callable[[], object]) -> None:
        """Has a function called when all sections that may have begun by now are over.

        It runs in a thread of its own, never inside a section, in the order of the calls; what it
        raises goes to `threading.excepthook`. Never waits; allowed inside a section."""
        if not callable(function):
            raise TypeError(f"defer takes a function, not {type(function).__name__}")
        self._queue().add(self.snapshot(), function)

    def barrier(self, timeout: float | None = None) -> None:
        """Returns when all functions that this process deferred before have run."""
        _core.refuse_to_wait("barrier", timeout is None)
        end = time.monotonic() + _core.time_limit(timeout)
        queue = self._queue()
        if queue.is_runner:
            raise SectionError("barrier in a deferred function: it would wait for itself")
        if not queue.wait(None if timeout is None else max(0.0, end - time.monotonic())):
            cookie = queue.oldest()
            raise self._late("barrier", timeout, 0 if cookie is None else self.blocker(cookie))

    def __reduce__(self) -> NoReturn:
        raise TypeError("an epoch is not pickled: send its store, and use the `epoch` of that")

    def __repr__(self) -> str:
        return f"<tryget.Epoch of {self._name}>"

    def _queue(self) -> Deferred:
        if self._own is None:
            # Sections and cookies are the store's: any epoch of it can tell.
            self._own = queue_of(self._uuid, self.elapsed, self._name)
        return self._own

    def _late(self, what: str, timeout: float | None, blocker: int) -> TimeoutError:
        who = f"process {blocker} is" if 0 < blocker < _core.PROCESS_ONLY else "a thread is"
        return TimeoutError(
            f"{what}, {self._name}: {who} still in a section after {timeout} s: is it stopped, or "
            "does it read for long?"
        )
