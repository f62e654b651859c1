# SPDX-License-Identifier: Apache-2.0
"""Goal: each peer does what the benchmark thinks it times, and a missing one is named.

Method: every peer that is installed keeps values, objects and arrays and gives them back, also to
another process's client; of one that is not, the reason says what to install. Failure means that
figures compare different work.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tiny import one
from tryget.cli.bench import peers
from tryget.cli.bench.peers import ALWAYS, PEERS
from tryget.cli.bench.peers.base import Peer
from tryget.cli.bench.peers.files import File
from tryget.cli.bench.timing import FIELDS, OPERATIONS


def forbidden() -> bytes:
    """A factory that must not run."""
    raise AssertionError


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: kind.name)
def test_a_peer_keeps_what_it_is_given(kind: type[Peer]) -> None:
    peer = kind()
    why = peer.missing()
    if why:
        assert peer.name not in ALWAYS
        assert "install" in why or "PATH" in why
        return
    numpy = pytest.importorskip("numpy")
    with one(peer) as place:
        client = peer.attach(place.folder)
        client.fill([("a", b"1"), ("dropped/a", b"2"), ("dropped/b", b"3"), ("droppe", b"4")])
        assert bytes(client.get("a")) == b"1"
        if peer.misses:
            assert client.get("absent") is None
        if client.create is not None:
            assert client.create("a", forbidden) == b"1"
        if client.set is not None:
            client.set("a", b"5")
            assert client.get("a") == b"5"
        if client.mapping is not None:
            assert client.mapping["a"] == client.get("a")
        if client.delete is not None:
            client.delete("a")
            assert client.get("a") is None
        if client.drop is not None:
            client.drop("dropped")
            assert [client.get(key) for key in ("dropped/a", "dropped/b")] == [None, None]
            assert client.get("droppe") == b"4"
        assert client.set_object is not None
        assert client.get_object is not None
        client.set_object("fields", FIELDS)
        assert client.get_object("fields") == FIELDS
        assert client.set_array is not None
        assert client.get_array is not None
        array = numpy.arange(1000, dtype="f4")
        client.set_array("array", array)
        assert (client.get_array("array") == array).all()
        client.release()
        if peer.shared:
            assert peer.footprint(place) > 0
        client.close()
    assert not place.folder.exists()


READ = """
import sys; from pathlib import Path; from tryget.cli.bench.peers import PEERS
kind = next(kind for kind in PEERS if kind.name == sys.argv[1])
print(kind().attach(Path(sys.argv[2])).get("a"))
"""


@pytest.mark.parametrize("kind", [k for k in PEERS if k.shared], ids=lambda kind: kind.name)
def test_another_process_reads_it(kind: type[Peer]) -> None:
    peer = kind()
    if peer.missing():
        assert peer.modules or peer.programs
        return
    with one(peer) as place:
        client = peer.attach(place.folder)
        client.fill([("a", b"shared")])
        command = [sys.executable, "-c", READ, peer.name, str(place.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "b'shared'"
        client.close()


def test_a_missing_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "lmdb", None)  # an import of it raises
    found, missing = peers.choose([])
    assert {peer.name for peer in found} >= {*ALWAYS, "sqlite", "file", "manager"}
    reasons = {lacking.peer: lacking.why for lacking in missing}
    assert "tryget[bench]" in reasons["lmdb"]
    assert {"redis", "memcached"} <= reasons.keys()


def test_peers_that_are_not_wanted_are_left_out() -> None:
    found, missing = peers.choose(["file"])
    assert [peer.name for peer in found] == [*ALWAYS, "file"]
    assert missing == []


def test_a_file_peer_takes_any_key(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    client = File().attach(tmp_path)
    client.fill([("a/../b", b"1"), ("x" * 60 + "/%", b"2")])
    assert client.get("a/../b") == b"1"
    assert client.get("x" * 60 + "/%") == b"2"


def test_every_operation_is_something_that_a_client_has() -> None:
    known = {"packed", "array", "store", "mapping", "get", "set", "delete", "create"}
    assert {operation.needs for operation in OPERATIONS.values()} <= known | {
        "get_object",
        "get_array",
    }
