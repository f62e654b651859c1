# SPDX-License-Identifier: Apache-2.0
"""Functions that run after a grace period, in a thread that lives while there are some.

The thread ends when it has had nothing to do for a while, and before a fork, so that a process
that forks has no thread that would not exist in the child.
"""

import atexit
import os
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

_LINGER = 0.5  # seconds without work, then the thread ends
_DELAYS = (0.0002, 0.02)  # between two looks whether a cookie has elapsed: at first, at last
_FORK_PATIENCE = 1.0  # a fork waits so long for a function that is running
_PIECE = 0.05  # of a wait: whether there is a thread is looked at in between
_EXIT_PATIENCE = 1.0  # and so does the end of the process for readers

_queues: "weakref.WeakSet[Deferred]" = weakref.WeakSet()
_by_store: "weakref.WeakValueDictionary[bytes, Deferred]" = weakref.WeakValueDictionary()
_making = threading.Lock()
_busy: "set[Deferred]" = set()  # they live until all has run


class Deferred:
    """The functions that this process has deferred on one store, in their order."""

    def __init__(self, elapsed: Callable[[int], bool], name: str) -> None:
        self._elapsed = elapsed
        self._name = name
        self._reset()
        _queues.add(self)

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()
        self._added = self._finished = 0
        self._thread: threading.Thread | None = None
        self._halted = self._ended = False

    # ---- of the callers ----------------------------------------------------------------------

    def add(self, cookie: int, function: Callable[[], object]) -> None:
        """Appends a function."""
        with self._changed:
            self._waiting.append((cookie, function))
            self._added += 1
            _busy.add(self)
            self._start()
            self._changed.notify_all()
        if self._ended:  # another handler of the end came after ours
            self.finish(time.monotonic() + _EXIT_PATIENCE)

    def wait(self, timeout: float | None) -> bool:
        """Until all that were added before have run; False when the time is over."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            last = self._added
        while True:
            with self._changed:
                if self._finished >= last:
                    return True
                left = _PIECE if end is None else min(_PIECE, end - time.monotonic())
                if left <= 0:
                    return False
                self._start()
                if self._thread is not None:
                    self._changed.wait(left)
                    continue
            # No thread is to be had: the caller does it.
            if not self._run_first_if_elapsed():
                time.sleep(min(left, _DELAYS[1]))

    @property
    def is_runner(self) -> bool:
        """Whether the calling thread is the one that runs the functions."""
        return threading.current_thread() is self._thread

    def oldest(self) -> int | None:
        """The cookie that is waited for."""
        with self._changed:
            return self._waiting[0][0] if self._waiting else None

    # ---- the thread --------------------------------------------------------------------------

    def _start(self) -> None:
        if self._thread is not None or self._halted or not self._waiting:
            return
        thread = threading.Thread(target=self._run, name=f"deferred of {self._name}", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends, or threads do: a caller runs them
            self._thread = None

    def _run(self) -> None:
        try:
            self._run_all()
        except BaseException:  # of the store: the next call tries again
            with self._changed:
                self._thread = None
                self._changed.notify_all()
            raise

    def _run_all(self) -> None:
        delay = _DELAYS[0]
        while True:
            with self._changed:
                if not self._waiting and not self._halted:
                    self._changed.wait(_LINGER)
                if not self._waiting or self._halted:
                    self._thread = None
                    self._changed.notify_all()
                    return
            if self._run_first_if_elapsed():
                delay = _DELAYS[0]
                continue
            with self._changed:
                if not self._halted:
                    self._changed.wait(delay)
            delay = min(delay * 2, _DELAYS[1])

    def _run_first_if_elapsed(self) -> bool:
        cookie = self.oldest()
        if cookie is None or not self._elapsed(cookie):
            return False
        with self._changed:
            if not self._waiting or self._waiting[0][0] > cookie:
                return True  # somebody else was at it
            _, function = self._waiting.popleft()
        self._call(function)
        return True

    def _call(self, function: Callable[[], object]) -> None:
        try:
            function()
        except BaseException as error:
            arguments = (type(error), error, error.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(arguments))
        del function
        with self._changed:
            self._finished += 1
            if self._finished == self._added:
                _busy.discard(self)
            self._changed.notify_all()

    # ---- forks, and the end --------------------------------------------------------------------

    def halt(self) -> None:
        """Before a fork: the thread ends, or we have waited for it."""
        with self._changed:
            self._halted = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_FORK_PATIENCE)

    def go_on(self) -> None:
        """After a fork, in the parent."""
        with self._changed:
            self._halted = self._ended
            self._start()

    def forked(self) -> None:
        """In the child: the functions are its parent's, who runs them."""
        self._reset()

    def finish(self, until: float) -> None:
        """At the end of the process: all that may run, runs."""
        self.wait(max(0.0, until - time.monotonic()))
        with self._changed:
            self._halted = self._ended = True
            self._changed.notify_all()
            if self._thread is not None:
                self._changed.wait_for(lambda: self._thread is None, _EXIT_PATIENCE)
        while self._run_first_if_elapsed():
            pass
        if self._waiting:
            warnings.warn(
                f"{self._name}: {len(self._waiting)} deferred functions did not run: readers that "
                "may see what they end are still in their sections",
                RuntimeWarning,
                stacklevel=1,
            )


def _each(action: Callable[[Deferred], Any]) -> None:
    for queue in list(_queues):
        action(queue)


def _finish_all() -> None:
    until = time.monotonic() + _EXIT_PATIENCE
    _each(lambda queue: queue.finish(until))


def queue_of(uuid: bytes | None, elapsed: Callable[[int], bool], name: str) -> Deferred:
    """The one of a store that all its epochs in this process share; without `uuid` a new one."""
    if uuid is None:
        return Deferred(elapsed, name)
    with _making:
        queue = _by_store.get(uuid)
        if queue is None:
            queue = _by_store[uuid] = Deferred(elapsed, name)
        return queue


def _after_fork() -> None:
    global _making
    _making = threading.Lock()
    _busy.clear()
    _each(Deferred.forked)


os.register_at_fork(
    before=lambda: _each(Deferred.halt),
    after_in_parent=lambda: _each(Deferred.go_on),
    after_in_child=_after_fork,
)
atexit.register(_finish_all)
