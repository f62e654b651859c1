# SPDX-License-Identifier: Apache-2.0
"""Peers within one process: each process has a copy of everything, and a reader gets the very
object that was stored, which it may change under the others' feet."""

import functools
import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tryget.cli.bench.peers.base import Client, Pairs, Peer

_CAPACITY = 1 << 24  # of bounded caches: nothing is evicted


def _delete_prefix(mapping: Any, prefix: str) -> None:
    prefix += "/"
    for key in [key for key in mapping if key.startswith(prefix)]:
        del mapping[key]


class DictClient(Client):
    """The yardstick."""

    def __init__(self) -> None:
        self.mapping = mapping = dict[str, Any]()
        self.get = mapping.get
        self.set = mapping.__setitem__
        self.delete = mapping.__delitem__
        self.drop = functools.partial(_delete_prefix, mapping)
        self.get_array = self.get_object = mapping.get
        self.set_array = self.set_object = mapping.__setitem__

        def create(key: str, factory: Callable[[], Any]) -> Any:
            value = mapping.get(key)
            if value is None:
                value = mapping[key] = factory()
            return value

        self.create = create

    def fill(self, pairs: Pairs) -> None:
        """At once."""
        self.mapping.update(pairs)


class Dict(Peer):
    """The builtin."""

    name = "dict"
    text = "the builtin, no lock"
    shared = False
    entries_max = 10**7

    def attach(self, folder: Path) -> Client:
        return DictClient()


class LruClient(Client):
    """A call is "get or create": there is no set, no delete and no miss."""

    def __init__(self) -> None:
        source: dict[str, Any] = {}

        @functools.lru_cache(maxsize=None)  # noqa: UP033
        def load(key: str) -> Any:
            return source[key]

        self.source = source
        self.get = load
        self.get_array = self.get_object = load

        def create(key: str, _factory: Callable[[], Any]) -> Any:
            return load(key)

        self.create = create

    def fill(self, pairs: Pairs) -> None:
        """By calls; the source keeps nothing."""
        for key, value in pairs:
            self.source[key] = value
            self.get(key)
            self.source.clear()

    def set_array(self, key: str, value: Any) -> None:
        """As fill."""
        self.fill([(key, value)])

    set_object = set_array


class LruCache(Peer):
    """functools."""

    name = "lru_cache"
    text = "functools.lru_cache(maxsize=None)"
    shared = False
    entries_max = 10**6
    misses = False

    def attach(self, folder: Path) -> Client:
        return LruClient()


class CachetoolsClient(Client):
    """With a lock, as its documentation asks for."""

    def __init__(self) -> None:
        cachetools: Any = importlib.import_module("cachetools")
        cache = self.mapping = cachetools.LRUCache(_CAPACITY)
        lock = threading.Lock()

        def get(key: str) -> Any:
            with lock:
                return cache.get(key)

        def put(key: str, value: Any) -> None:
            with lock:
                cache[key] = value

        def delete(key: str) -> None:
            with lock:
                del cache[key]

        def create(key: str, factory: Callable[[], Any]) -> Any:
            with lock:
                value = cache.get(key)
                if value is None:
                    value = cache[key] = factory()
                return value

        def drop(prefix: str) -> None:
            with lock:
                _delete_prefix(cache, prefix)

        self.get = self.get_array = self.get_object = get
        self.set = self.set_array = self.set_object = put
        self.delete, self.create, self.drop = delete, create, drop


class Cachetools(Peer):
    """Pure Python."""

    name = "cachetools"
    text = "LRUCache under a threading.Lock"
    modules = ("cachetools",)
    shared = False
    entries_max = 10**6

    def attach(self, folder: Path) -> Client:
        return CachetoolsClient()


class CacheboxClient(Client):
    """It locks by itself."""

    def __init__(self) -> None:
        cachebox: Any = importlib.import_module("cachebox")
        cache = self.mapping = cachebox.LRUCache(_CAPACITY)

        def delete(key: str) -> None:
            del cache[key]

        def create(key: str, factory: Callable[[], Any]) -> Any:
            value = cache.get(key)
            if value is None:
                value = cache[key] = factory()
            return value

        self.get = self.get_array = self.get_object = cache.get
        self.set = self.set_array = self.set_object = cache.insert
        self.delete, self.create = delete, create
        self.drop = self._drop

    def _drop(self, prefix: str) -> None:
        for key in [key for key in list(self.mapping) if key.startswith(prefix + "/")]:
            self.mapping.pop(key, None)


class Cachebox(Peer):
    """In Rust."""

    name = "cachebox"
    text = "LRUCache, in Rust, its own lock"
    modules = ("cachebox",)
    shared = False
    entries_max = 10**6

    def attach(self, folder: Path) -> Client:
        return CacheboxClient()
