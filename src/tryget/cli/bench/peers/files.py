# SPDX-License-Identifier: Apache-2.0
"""Peers that share by files, here in memory as tryget's is: LMDB, SQLite, diskcache, and a file
per value. Nothing is synced to a disk."""

import functools
import importlib
import os
import pickle
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tryget.cli.bench.peers.base import Client, Pairs, Peer, Place, allocated


def get_or_set(client: Client) -> Callable[[str, Callable[[], Any]], Any]:
    """What a user writes where there is no get-or-create: callers that miss together all build."""
    get, put = client.get, client.set
    assert put is not None

    def create(key: str, factory: Callable[[], Any]) -> Any:
        value = get(key)
        if value is None:
            value = factory()
            put(key, value)
        return value

    return create


def as_array(data: Any) -> Any:
    """A view of float32."""
    numpy: Any = importlib.import_module("numpy")
    return numpy.frombuffer(data, dtype="f4")


def pickled(client: Client) -> None:
    """Objects by pickle, arrays by their bytes, both through get and set."""
    get, put = client.get, client.set
    assert put is not None

    def get_object(key: str) -> Any:
        return pickle.loads(get(key))

    def set_object(key: str, value: Any) -> None:
        put(key, pickle.dumps(value, 5))

    def get_array(key: str) -> Any:
        return as_array(get(key))

    def set_array(key: str, value: Any) -> None:
        put(key, value.tobytes())

    client.get_object, client.set_object = get_object, set_object
    client.get_array, client.set_array = get_array, set_array


class LmdbClient(Client):
    """A transaction a call, as an unrelated reader or writer would."""

    def __init__(self, folder: Path) -> None:
        lmdb: Any = importlib.import_module("lmdb")
        self.environment = environment = lmdb.open(
            str(folder),
            map_size=16 << 30,
            sync=False,
            metasync=False,
            writemap=True,
            map_async=True,
            max_readers=256,
        )
        begin = environment.begin
        self.open = threading.local()  # a transaction belongs to its thread

        def get(key: str) -> Any:
            with begin() as transaction:
                return transaction.get(key.encode())

        def put(key: str, value: Any) -> None:
            with begin(write=True) as transaction:
                transaction.put(key.encode(), value)

        def delete(key: str) -> None:
            with begin(write=True) as transaction:
                transaction.delete(key.encode())

        self.get, self.set, self.delete = get, put, delete
        self.drop = self._drop
        pickled(self)
        self.create = get_or_set(self)
        self.get_array = self._get_array

    def _get_array(self, key: str) -> Any:
        """A view without a copy: it is valid while its transaction is open, so the last one is."""
        self.release()
        self.open.view = transaction = self.environment.begin(buffers=True)
        return as_array(transaction.get(key.encode()))

    def _drop(self, prefix: str) -> None:
        start = f"{prefix}/".encode()
        with self.environment.begin(write=True) as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(start)
            while found and cursor.key().startswith(start):
                found = cursor.delete()

    def fill(self, pairs: Pairs) -> None:
        with self.environment.begin(write=True) as transaction:
            for key, value in pairs:
                transaction.put(key.encode(), value)

    def release(self) -> None:
        """An open reader stops the reuse of pages."""
        transaction = getattr(self.open, "view", None)
        if transaction is not None:
            self.open.view = None
            transaction.abort()

    def close(self) -> None:
        self.release()
        self.environment.close()


class Lmdb(Peer):
    """A B-tree in one file."""

    name = "lmdb"
    text = "writemap, no sync, a transaction a call; arrays are views of an open transaction"
    modules = ("lmdb",)
    entries_max = 10**6

    def _folder(self, folder: Path) -> Path:
        return folder / "lmdb"

    def make(self, place: Place) -> None:
        self._folder(place.folder).mkdir()

    def attach(self, folder: Path) -> Client:
        return LmdbClient(self._folder(folder))

    def footprint(self, place: Place) -> int:
        return allocated(self._folder(place.folder))


class SqliteClient(Client):
    """Write-ahead log, no sync."""

    def __init__(self, path: Path) -> None:
        self.connection = connection = sqlite3.connect(
            path, isolation_level=None, timeout=30, check_same_thread=False
        )
        for pragma in ("journal_mode=wal", "synchronous=off", "mmap_size=1000000000"):
            connection.execute(f"pragma {pragma}")
        execute = connection.execute
        execute("create table if not exists pair(key text primary key, value blob)")

        def get(key: str) -> Any:
            row = execute("select value from pair where key=?", (key,)).fetchone()
            return None if row is None else row[0]

        def put(key: str, value: Any) -> None:
            execute("insert or replace into pair values(?,?)", (key, value))

        def delete(key: str) -> None:
            execute("delete from pair where key=?", (key,))

        def drop(prefix: str) -> None:
            execute("delete from pair where key >= ? and key < ?", (f"{prefix}/", f"{prefix}0"))

        self.get, self.set, self.delete, self.drop = get, put, delete, drop
        pickled(self)
        self.create = get_or_set(self)

    def fill(self, pairs: Pairs) -> None:
        self.connection.execute("begin")
        self.connection.executemany("insert or replace into pair values(?,?)", pairs)
        self.connection.execute("commit")

    def close(self) -> None:
        self.connection.close()


class Sqlite(Peer):
    """A table of pairs."""

    name = "sqlite"
    text = "one table, write-ahead log, synchronous=off"
    entries_max = 10**6

    def make(self, place: Place) -> None:
        (place.folder / "sqlite").mkdir()
        SqliteClient(place.folder / "sqlite" / "pairs.db").close()

    def attach(self, folder: Path) -> Client:
        return SqliteClient(folder / "sqlite" / "pairs.db")

    def footprint(self, place: Place) -> int:
        return allocated(place.folder / "sqlite")


class DiskcacheClient(Client):
    """Its own serialisation."""

    def __init__(self, folder: Path) -> None:
        diskcache: Any = importlib.import_module("diskcache")
        self.mapping = cache = diskcache.Cache(str(folder), size_limit=16 << 30, timeout=30)
        self.get = self.get_array = self.get_object = cache.get
        self.set = self.set_array = self.set_object = cache.set
        self.delete = cache.delete
        self.create = get_or_set(self)
        self.drop = self._drop

    def _drop(self, prefix: str) -> None:
        for key in [key for key in self.mapping if key.startswith(prefix + "/")]:
            self.mapping.delete(key)

    def fill(self, pairs: Pairs) -> None:
        with self.mapping.transact():
            for key, value in pairs:
                self.mapping.set(key, value)

    def close(self) -> None:
        self.mapping.close()


class Diskcache(Peer):
    """SQLite and files."""

    name = "diskcache"
    text = "diskcache.Cache, defaults, size_limit 16 GiB"
    modules = ("diskcache",)
    entries_max = 10**4

    def make(self, place: Place) -> None:
        (place.folder / "diskcache").mkdir()

    def attach(self, folder: Path) -> Client:
        return DiskcacheClient(folder / "diskcache")

    def footprint(self, place: Place) -> int:
        return allocated(place.folder / "diskcache")


class FileClient(Client):
    """Written beside, then renamed: a reader sees the old value or the new one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quote = functools.lru_cache(maxsize=1 << 20)(self._path)
        path, beside, thread = self.quote, f"{folder}/.new-{os.getpid()}-", threading.get_ident

        def get(key: str) -> Any:
            try:
                with open(path(key), "rb", buffering=0) as file:
                    return file.read()
            except FileNotFoundError:
                return None

        def put(key: str, value: Any) -> None:
            temporary = f"{beside}{thread()}"
            with open(temporary, "wb", buffering=0) as file:
                file.write(value)
            os.replace(temporary, path(key))

        def delete(key: str) -> None:
            os.unlink(path(key))

        self.get, self.set, self.delete = get, put, delete
        pickled(self)
        self.create = get_or_set(self)
        self.drop = self._drop

    def _path(self, key: str) -> str:
        return f"{self.folder}/{urllib.parse.quote(key, safe='')}"

    def _drop(self, prefix: str) -> None:
        start = urllib.parse.quote(f"{prefix}/", safe="")
        for entry in os.scandir(self.folder):
            if entry.name.startswith(start):
                os.unlink(entry.path)


class File(Peer):
    """One a value."""

    name = "file"
    text = "a file a value in one folder of tmpfs, replaced by rename"
    entries_max = 10**5

    def make(self, place: Place) -> None:
        (place.folder / "files").mkdir()

    def attach(self, folder: Path) -> Client:
        return FileClient(folder / "files")

    def footprint(self, place: Place) -> int:
        return allocated(place.folder / "files")
