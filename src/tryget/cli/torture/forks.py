# SPDX-License-Identifier: Apache-2.0
"""Steps that fork: children with live views, orphans, exec, other interpreters; and threads.

A descendant uses a row of the board of its own, holds no token and counts nothing. Half of them are
killed by their own timer, at any instruction.
"""

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable

from tryget.cli.torture.held import HoldSteps
from tryget.cli.torture.task import EXECS, FORKS, LOST, THREADS
from tryget.cli.trial.worker import forked

_LIFE_SECONDS = 30
_STEPS = 30
_OTHER = """
import pickle, sys
with pickle.loads(sys.stdin.buffer.read()) as store:
    assert store.get("fixed/0") is not None
    store.get_many(store.children())
"""


class ForkSteps(HoldSteps):
    """Forks and threads."""

    has_lost_pins = False

    def watch_warnings(self) -> None:
        """A child that could not take its parent's pins over is warned as soon as it is forked."""
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = self._take_warning

    def _take_warning(
        self, message: Warning | str, category: type[Warning], *_: object, **__: object
    ) -> None:
        if "could not take over" in str(message):
            self.has_lost_pins = True
        elif issubclass(category, RuntimeWarning):
            self.is_wrong("warning", str(message))

    def some_steps(self, count: int) -> None:
        """Any steps that a descendant, or a thread, may take."""
        raise NotImplementedError

    def for_a_thread(self) -> "ForkSteps":
        """Another worker, in this process."""
        raise NotImplementedError

    def become_lodger(self, seed: int) -> None:
        """Of the second row of a worker, in its process or in a descendant."""
        if self.index < self.task.workers:
            self.index += self.task.workers
        self.row = self.board.row(self.index)
        self.latencies = self.board.latencies(self.index)
        self.chance = random.Random(seed)

    def _become_descendant(self, seed: int) -> None:
        self.become_lodger(seed)
        if self.has_lost_pins:  # as the contract has it: these views are void here
            self.row[LOST] += 1
            self.held.clear()
            self.has_lost_pins = False
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LIFE_SECONDS)

    def _child(self, work: Callable[[], None], kill: bool) -> int:
        self.row[FORKS] += 1
        life = self.chance.uniform(0.0003, 0.05) if kill else 0.0
        seed = self.chance.getrandbits(60)

        def run() -> None:
            self._become_descendant(seed)
            if life:
                signal.setitimer(signal.ITIMER_REAL, life)
            self.attempt(work)

        return forked(run)

    def _wait(self, pid: int, *, may_die: bool) -> None:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        fine = status == 0 or (may_die and status == -signal.SIGALRM)
        self.expect(fine, "fork", f"a child ended with {status}")

    def _look_and_work(self) -> None:
        for one in self.held:
            self.look_at(one)
        self.some_steps(self.chance.randrange(_STEPS))
        for one in self.held:
            self.look_at(one)

    def fork_children(self) -> None:
        """Several at once; each has the views of its parent, who goes on working."""
        kill = self.chance.random() < 0.5
        count = self.chance.choice((1, 1, 2, 6))
        pids = [self._child(self._look_and_work, kill) for _ in range(count)]
        self.some_steps(5)
        if self.chance.random() < 0.3:
            self.let_all_go()
        for pid in pids:
            self._wait(pid, may_die=kill)

    def fork_orphan(self) -> None:
        """What the middle process read stays valid in the last one when the middle one is gone."""

        def middle() -> None:
            for _ in range(3):
                self.array_get()
            parent, seed = os.getpid(), self.chance.getrandbits(60)
            forked(lambda: last(parent, seed))

        def last(parent: int, seed: int) -> None:
            self._become_descendant(seed)
            while os.getppid() == parent:
                time.sleep(0)
            self.attempt(self._look_and_work)

        self._wait(self._child(middle, kill=False), may_die=False)

    def fork_exec(self) -> None:
        """For the store a process that becomes another program is dead."""
        self.row[EXECS] += 1

        def run() -> None:
            self.some_steps(3)
            os.execv("/bin/true", ["true"])

        self._wait(self._child(run, kill=False), may_die=False)

    def other_interpreter(self) -> None:
        """A store goes to a process that shares nothing else."""
        self.row[EXECS] += 1
        done = subprocess.run(
            [sys.executable, "-c", _OTHER],
            input=pickle.dumps(self.store),
            capture_output=True,
            timeout=60,
        )
        self.expect(done.returncode == 0, "subprocess", done.stderr.decode()[-1000:])

    def run_threads(self) -> None:
        """Threads of one process at work at once; it may fork meanwhile."""
        threads = []
        for _ in range(2):
            worker = self.for_a_thread()
            threads.append(threading.Thread(target=worker.some_steps, args=(_STEPS,)))
        for thread in threads:
            thread.start()
        self.row[THREADS] += 2
        if self.chance.random() < 0.3:
            self.fork_children()
        for thread in threads:
            thread.join()
