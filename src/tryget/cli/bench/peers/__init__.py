# SPDX-License-Identifier: Apache-2.0
"""All peers, in the order of the report. Another one is a class and a line here."""

from dataclasses import dataclass

from tryget.cli.bench.peers.base import Peer
from tryget.cli.bench.peers.files import Diskcache, File, Lmdb, Sqlite
from tryget.cli.bench.peers.inprocess import Cachebox, Cachetools, Dict, LruCache
from tryget.cli.bench.peers.ours import Tryget, TrygetDecoding, TrygetKeepingNothing
from tryget.cli.bench.peers.servers import Manager, Memcached, Redis

PEERS: tuple[type[Peer], ...] = (
    *(Dict, LruCache, Cachebox, Cachetools),
    *(Tryget, TrygetDecoding, TrygetKeepingNothing),
    *(Lmdb, Sqlite, Diskcache, File),
    *(Redis, Memcached, Manager),
)
ALWAYS = (  # every ratio needs them
    *(Dict.name, LruCache.name),
    *(Tryget.name, TrygetDecoding.name, TrygetKeepingNothing.name),
)


@dataclass(frozen=True)
class Missing:
    """A peer that can't be measured here."""

    peer: str
    why: str


def choose(wanted: list[str]) -> tuple[list[Peer], list[Missing]]:
    """Those of the names, or all; and of these the ones that are missing."""
    found: list[Peer] = []
    missing: list[Missing] = []
    for kind in PEERS:
        peer = kind()
        if wanted and peer.name not in wanted and peer.name not in ALWAYS:
            continue
        why = peer.missing()
        if why:
            missing.append(Missing(peer.name, why))
        else:
            found.append(peer)
    return found, missing
