# SPDX-License-Identifier: Apache-2.0
"""Goal: any byte of a store's file may be garbage when it is opened: no crash, abort or hang.

Method: bytes and words of a store with every kind of block are overwritten, at random and by words
from elsewhere in it; a forked child opens it and makes every call. Wrong values are allowed, errors
must be those of the contract. Failure prints the seed and what was overwritten.
"""

import contextlib
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import tryget

np = pytest.importorskip("numpy")
pytestmark = pytest.mark.torture

ALLOWED = (tryget.Error, KeyError, ValueError, TypeError, TimeoutError, MemoryError)
CHILD_SECONDS = 40
SIZES = (3, 30, 700, 1500, 9000, 70_000)


def image(folder: Path, chance: random.Random) -> bytes:
    """A store with records, directories, chunks, objects, runs and an expiry."""
    with tryget.open("good", size="4MiB") as store:
        for number in range(60):
            key = f"d{number % 5}/x{number % 3}/k{number}"
            store[key] = chance.randbytes(chance.choice(SIZES))
        for number in range(40):
            store[f"wide/{number}"] = number
        store["plain"] = {"a": [1, (2,)], "b": np.arange(300)}
        store["array"] = np.arange(5000)
        store["number"] = 5
        store.set("mortal", 1, ttl=100)
        del store["d1/x1/k1"]
        store.drop("d3")
    return (folder / "good.tryget").read_bytes()


def calls_of(store: tryget.Store) -> list[Callable[[], object]]:
    return [
        lambda: list(store),
        lambda: len(store),
        lambda: dict(store.items()),
        lambda: store.get("d2/x1/k7"),
        lambda: store.verify(deep=True),
        lambda: store.set("new", b"x" * 100),
        lambda: store.set("d2/x1/k7", b"y" * 2000),
        lambda: store.add("d1/q/r", 1),
        lambda: store.delete("d2/x2/k2"),
        lambda: store.pop("plain"),
        lambda: store.pin("array").value.sum(),
        lambda: store["array"].sum(),
        lambda: store.pin("number").value,
        lambda: store.rename("d4", "e4"),
        lambda: store.rename("e4/x0", "d0/zz"),
        lambda: store.drop("d0"),
        lambda: store.increment("number"),
        lambda: store.touch("mortal", 5),
        lambda: store.stat("d1"),
        lambda: store.usage(),
        lambda: store.statistics(),
        lambda: store.children("wide"),
        lambda: [store.set(f"m/{number}", bytes(50 * number)) for number in range(60)],
        lambda: store.get_many(f"m/{number}" for number in range(60)),
        lambda: store.raw_tidy(),
        lambda: store.clear(),
        lambda: store.set("last", bytes(100_000)),
        lambda: store.verify(),
    ]


def use(chance: random.Random) -> None:
    with tryget.open("bad", timeout=0.02) as store:
        calls = calls_of(store)
        chance.shuffle(calls)
        for call in calls:
            with contextlib.suppress(*ALLOWED):
                call()


def in_child(seed: int) -> int:
    """How a child that uses the bad store ends."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(CHILD_SECONDS)
        status = 1
        try:
            with contextlib.suppress(*ALLOWED):
                use(random.Random(seed))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def spoil(content: bytearray, used: list[int], chance: random.Random) -> list[tuple[int, bytes]]:
    """Overwrites some places, mostly where something is."""
    done = []
    for _ in range(chance.choice((1, 1, 2, 8, 50))):
        line = chance.choice(used[:2500] if chance.random() < 0.3 else used)
        at = line + chance.randrange(64)
        what = chance.randrange(5)
        if what == 0:
            new = bytes([content[at] ^ 1 << chance.randrange(8)])
        elif what == 1:
            new = chance.randbytes(1)
        else:
            at &= ~7
            other = chance.choice(used) + 8 * chance.randrange(8)
            small = chance.randrange(1 << 16).to_bytes(8, "little")
            words = (chance.randbytes(8), bytes(8), b"\xff" * 8, small, content[other : other + 8])
            new = bytes(chance.choice(words))
        content[at : at + len(new)] = new
        done.append((at, new))
    return done


def write_private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.mark.timeout(900)
def test_garbage_is_an_error_or_a_wrong_value(folder: Path, torture_seconds: float) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    good = image(folder, chance)
    lock = (folder / "good.tryget-lock").read_bytes()
    used = [at for at in range(0, len(good), 64) if any(good[at : at + 64])]
    end = time.monotonic() + torture_seconds
    rounds = 0
    while time.monotonic() < end or rounds < 20:
        rounds += 1
        content = bytearray(good)
        done = spoil(content, used, chance)
        write_private(folder / "bad.tryget", content)
        write_private(folder / "bad.tryget-lock", lock)
        child_seed = chance.randrange(1 << 30)
        assert in_child(child_seed) == 0, (seed, rounds, child_seed, done)


def test_every_byte_of_the_header(folder: Path) -> None:
    """It is compared with what this version would write."""
    good = image(folder, random.Random(1))
    size = int.from_bytes(good[12:16], "little") - 4  # the last word fills up to eight bytes
    with open(folder / "good.tryget", "r+b", buffering=0) as file:
        for at in range(size):
            os.pwrite(file.fileno(), bytes([good[at] ^ 0x41]), at)
            spoilt = os.pread(file.fileno(), 4096, 0)
            with pytest.raises((tryget.StoreCorrupt, tryget.LayoutMismatch), match="unlink"):
                tryget.open("good")
            (found,) = tryget.stores()
            assert found.state in ("corrupt", "layout")
            assert os.pread(file.fileno(), 4096, 0) == spoilt
            os.pwrite(file.fileno(), good[at : at + 1], at)
    with tryget.open("good") as store:
        assert store["number"] == 5
