# SPDX-License-Identifier: Apache-2.0
"""Goal: a store goes wherever Python's ways to other processes lead, and survives their ends.

Method: pools of every start method; interpreters that end in every way while stores, pins and
views live. Failure means a worker that can't use its store, or noise, a crash or a leak at exit.
"""

import concurrent.futures
import multiprocessing
import operator
import subprocess
import sys
from pathlib import Path

import pytest

import tryget

METHODS = ["fork", "forkserver", "spawn"]


@pytest.mark.parametrize("method", METHODS)
def test_process_pool_executor(store: tryget.Store, method: str) -> None:
    store.update({str(number): number for number in range(50)})
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(operator.getitem, [store] * 50, map(str, range(50)), chunksize=10))
        assert found == list(range(50))
        pool.submit(operator.setitem, store, "answer", 42).result()
    assert store["answer"] == 42
    store.raw_tidy()
    assert store.statistics().processes == 1


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing_pool(store: tryget.Store, method: str) -> None:
    store["a"] = [1, 2]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.starmap(operator.getitem, [(store, "a")] * 10) == [[1, 2]] * 10
        pool.starmap(operator.setitem, [(store, f"k/{number}", number) for number in range(20)])
        pool.close()
        pool.join()
    assert sorted(store.children("k"), key=int) == [str(number) for number in range(20)]


@pytest.mark.parametrize("method", METHODS)
def test_a_store_as_an_argument_of_a_process(store: tryget.Store, method: str) -> None:
    process = multiprocessing.get_context(method).Process(
        target=operator.setitem, args=(store, "a", 1)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert store["a"] == 1


ENDS = {
    "closed": "store.close()",
    "left open": "pass",
    "a view is left": "view = store['array']",
    "a pin is left": "pin = store.pin('bytes'); value = pin.value",
    "dropped with a view": "view = store['array']; del store",
    "in a global cycle": (
        "class A: pass\na = A(); a.me = a; a.store = store; a.pin = store.pin('bytes')"
    ),
    "in a module": "import builtins; builtins.store = store; builtins.view = store['array']",
    "in a thread's local": (
        "import threading\nlocal = threading.local()\n"
        "def run():\n    local.store = store; local.view = store['array']\n"
        "t = threading.Thread(target=run); t.start(); t.join()"
    ),
    "a daemon thread runs on": (
        "import threading, time\n"
        "def run():\n    while True: store['bytes'] = bytes(5000); store.get('bytes')\n"
        "threading.Thread(target=run, daemon=True).start(); time.sleep(0.05)"
    ),
    "an atexit handler uses it": "import atexit; atexit.register(lambda: store.set('late', 1))",
    "an exception": "raise SystemExit(0)",
    "_exit": "view = store['array']; import os; os._exit(0)",
    "sys.exit in a with": "with store, store.pin('bytes'):\n    sys.exit(0)",
    "a finaliser uses it": (
        "class A:\n    def __del__(self):\n        store.get('bytes')\na = A()\nimport gc"
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_an_interpreter_may_end_in_any_way(store: tryget.Store, how: str) -> None:
    pytest.importorskip("numpy")
    store["array"] = __import__("numpy").arange(10_000)
    store["bytes"] = bytes(5000)
    code = f"import sys, tryget\nstore = tryget.open('test')\nassert 'array' in store\n{ENDS[how]}"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    store.raw_tidy()
    assert store.statistics().pins == 0
    assert store.statistics().processes == 1


def test_stores_are_collected(folder: Path) -> None:
    for number in range(300):
        opened = tryget.open(f"s{number % 3}", size="4MiB")
        opened["a"] = number
        assert opened["a"] == number
        if number % 2:
            opened.close()
    del opened
    maps = Path("/proc/self/maps").read_text()
    assert str(folder) not in maps
    descriptors = [str(path.resolve()) for path in Path("/proc/self/fd").iterdir()]
    assert not any(str(folder) in path for path in descriptors)


def test_one_process_one_entry(store: tryget.Store) -> None:
    more = [tryget.open("test") for _ in range(20)]
    assert store.statistics().processes == 1
    more[0]["a"] = 1
    assert more[-1]["a"] == 1
    for one in more:
        one.close()
    assert store["a"] == 1


def test_closing_every_descriptor_harms_nobody(store: tryget.Store) -> None:
    store["a"] = 1
    code = (
        "import os, sys, tryget\n"
        "store = tryget.open('test')\n"
        "os.closerange(3, 10_000)\n"
        "assert store['a'] == 1\n"
        "store['b'] = bytes(8 << 20)\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"done\n"
        store.raw_tidy()
        assert store.statistics().processes == 2, "it still counts as alive"
        other.communicate()
    assert other.returncode == 0
    assert store["b"] == bytes(8 << 20)
