# SPDX-License-Identifier: Apache-2.0
"""Peers with a server: Redis and memcached from the installed programs, over a Unix socket, and
`multiprocessing.Manager`. The keeper starts them and stops them, whatever becomes of us."""

import importlib
import os
import sys
import time
from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from tryget.cli.bench.peers import manager_server
from tryget.cli.bench.peers.base import Client, Pairs, Peer, Place
from tryget.cli.bench.peers.files import get_or_set, pickled

_START_SECONDS = 20.0
_BATCH = 1000


def _batches(pairs: Pairs) -> Iterator[list[tuple[str, Any]]]:
    source = iter(pairs)
    while batch := list(islice(source, _BATCH)):
        yield batch


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


class Served(Peer):
    """With a server of its own."""

    pid = 0

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """What starts the server."""

    @abstractmethod
    def ping(self, folder: Path) -> None:
        """Raises while the server doesn't answer."""

    def make(self, place: Place) -> None:
        self.pid = place.keeper.start(self.command(place.folder))
        end = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.ping(place.folder)
                return
            except Exception as problem:
                if time.monotonic() > end:
                    raise TimeoutError(f"{self.name}: its server does not answer") from problem
                time.sleep(0.02)

    def footprint(self, place: Place) -> int:
        return resident(self.pid)

    def remove(self, place: Place) -> None:
        place.keeper.stop(self.pid)


class RedisClient(Client):
    """redis-py, with hiredis where it is installed."""

    has_server = True

    def __init__(self, socket: Path) -> None:
        redis: Any = importlib.import_module("redis")
        self.redis = client = redis.Redis(unix_socket_path=str(socket))
        self.get, self.set, self.delete = client.get, client.set, client.delete
        pickled(self)
        self.create = get_or_set(self)
        self.drop = self._drop

    def _drop(self, prefix: str) -> None:
        keys = self.redis.scan_iter(match=f"{prefix}/*", count=_BATCH)
        while batch := list(islice(keys, _BATCH)):
            self.redis.unlink(*batch)

    def fill(self, pairs: Pairs) -> None:
        for batch in _batches(pairs):
            pipeline = self.redis.pipeline(transaction=False)
            for key, value in batch:
                pipeline.set(key, value)
            pipeline.execute()

    def close(self) -> None:
        self.redis.close()


class Redis(Served):
    """A server of one thread."""

    name = "redis"
    text = "redis-py over a Unix socket, no persistence; objects pickled"
    modules = ("redis",)
    programs = ("redis-server",)

    def command(self, folder: Path) -> list[str]:
        return [
            *("redis-server", "--port", "0", "--unixsocket", str(folder / "redis.sock")),
            *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        ]

    def ping(self, folder: Path) -> None:
        client = RedisClient(folder / "redis.sock")
        client.redis.ping()
        client.close()

    def attach(self, folder: Path) -> Client:
        return RedisClient(folder / "redis.sock")


class MemcachedClient(Client):
    """pymemcache, replies awaited."""

    has_server = True

    def __init__(self, socket: Path) -> None:
        base: Any = importlib.import_module("pymemcache.client.base")
        self.memcached = client = base.Client(str(socket), default_noreply=False)
        self.get, self.set, self.delete = client.get, client.set, client.delete
        pickled(self)
        self.create = get_or_set(self)

    def fill(self, pairs: Pairs) -> None:
        for batch in _batches(pairs):
            self.memcached.set_many(dict(batch))

    def close(self) -> None:
        self.memcached.close()


class Memcached(Served):
    """A server that keeps no list of its keys: no drop."""

    name = "memcached"
    text = "pymemcache over a Unix socket, two threads; objects pickled"
    modules = ("pymemcache",)
    programs = ("memcached",)
    threads = False

    def command(self, folder: Path) -> list[str]:
        user = ["-u", "root"] if os.geteuid() == 0 else []
        size = ["-m", "8192", "-I", "128m", "-t", "2"]
        return ["memcached", "-s", str(folder / "memcached.sock"), *size, *user]

    def ping(self, folder: Path) -> None:
        client = MemcachedClient(folder / "memcached.sock")
        client.memcached.version()
        client.close()

    def attach(self, folder: Path) -> Client:
        return MemcachedClient(folder / "memcached.sock")


class _Manager(BaseManager):
    """Its one object is a dict."""


_Manager.register("store")


class ManagerClient(Client):
    """A proxy of a dict."""

    has_server = True

    def __init__(self, socket: Path) -> None:
        manager = _Manager(address=str(socket), authkey=manager_server.KEY)
        manager.connect()
        self.proxy: Any = manager.store()  # type: ignore[attr-defined]
        self.get = self.get_array = self.get_object = self.proxy.get
        self.set = self.set_array = self.set_object = self.proxy.__setitem__
        self.delete = self.proxy.__delitem__
        self.create = get_or_set(self)
        self.drop = self._drop

    def _drop(self, prefix: str) -> None:
        for key in [key for key in list(self.proxy.keys()) if key.startswith(prefix + "/")]:
            del self.proxy[key]

    def fill(self, pairs: Pairs) -> None:
        for batch in _batches(pairs):
            self.proxy.update(batch)


class Manager(Served):
    """The standard library's server."""

    name = "manager"
    text = "multiprocessing.managers, a dict behind a Unix socket"
    entries_max = 10**5

    def command(self, folder: Path) -> list[str]:
        return [sys.executable, manager_server.__file__, str(folder / "manager.sock")]

    def ping(self, folder: Path) -> None:
        ManagerClient(folder / "manager.sock").get("")

    def attach(self, folder: Path) -> Client:
        return ManagerClient(folder / "manager.sock")
