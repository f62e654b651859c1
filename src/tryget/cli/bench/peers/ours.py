# SPDX-License-Identifier: Apache-2.0
"""tryget, three times: as it comes (`reuse="immutable"`: a second read may return the object of the
first); with `reuse="never"` (each read decodes anew, by what the process knows of the key); and so
with nothing kept: each read goes to the store."""

import os
from pathlib import Path
from typing import Any, Literal

from tryget.cli.bench.peers.base import Client, Peer, Place
from tryget.store import Store, open

NAME = "bench"


class TrygetClient(Client):
    """No wrapper: the calls are the store's own."""

    def __init__(self, store: Store) -> None:
        self.store = self.mapping = store
        self.get = self.get_object = self.get_array = store.get
        self.set = self.set_object = self.set_array = store.set
        self.delete = store.delete
        self.drop = store.drop
        self.create: Any = getattr(store, "get_or_create", None)

    def close(self) -> None:
        self.store.close()


class Tryget(Peer):
    """As it comes."""

    name = "tryget"
    text = 'tryget.open(reuse="immutable"), the default'
    entries_max = 10**7
    reuse: Literal["immutable", "never"] = "immutable"
    keeps = True

    def make(self, place: Place) -> None:
        """With room for everything; memory is taken as it fills."""
        open(NAME, directory=place.folder, size="16GiB", create=True).close()

    def attach(self, folder: Path) -> Client:
        return TrygetClient(open(NAME, directory=folder, create=False, reuse=self.reuse))

    def footprint(self, place: Place) -> int:
        with open(NAME, directory=place.folder, create=False) as store:
            return store.statistics().committed


class TrygetDecoding(Tryget):
    """The same store, never the same object."""

    name = "tryget, decoding"
    text = 'the same store with reuse="never"'
    reuse = "never"
    shares_with = Tryget.name


class TrygetKeepingNothing(TrygetDecoding):
    """The same, and the process keeps nothing of what it reads."""

    name = "tryget, keeping nothing"
    text = "the same with TRYGET_KEPT_MAX=0: each read goes to the store"
    keeps = False

    def attach(self, folder: Path) -> Client:
        before = os.environ.get("TRYGET_KEPT_MAX")
        os.environ["TRYGET_KEPT_MAX"] = "0"
        try:
            return super().attach(folder)
        finally:
            del os.environ["TRYGET_KEPT_MAX"]
            if before is not None:
                os.environ["TRYGET_KEPT_MAX"] = before
