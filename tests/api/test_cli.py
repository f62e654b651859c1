# SPDX-License-Identifier: Apache-2.0
"""Goal: the command line shows and changes what is in a store, and fails in one line.

Method: each command in this process, with and without --json. Failure means that a person at a
terminal, or a script, is told something else than what is there.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tryget

testing = pytest.importorskip("click.testing")
pytest.importorskip("rich")


def run(*arguments: str, status: int = 0, stdin: bytes = b"") -> str:
    """What a command prints."""
    from tryget.cli.commands import tryget as program

    done = testing.CliRunner().invoke(program, arguments, input=stdin)
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return str(done.output)


@pytest.fixture
def filled(store: tryget.Store) -> tryget.Store:
    """A store with one value of each sort."""
    store.update({"a": "text", "b/c": b"\x00bytes", "b/d": {"x": (1,)}, "b/e/f": [1, 2]})
    return store


def test_the_package_is_the_program(filled: tryget.Store) -> None:
    command = [sys.executable, "-m", "tryget", "get", filled.name, "a"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "text\n", "")


COMMANDS = ["stores", "ls", "get", "put", "rm", "stat", "du", "verify", "demo", "torture", "bench"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    said = run(command, "--help")
    assert said.startswith("Usage: ")
    assert len(said.splitlines()) > 4


def test_the_program_lists_its_commands() -> None:
    said = run("--help")
    assert all(command in said for command in COMMANDS)
    assert "version" in run("--version")


def test_commands_that_only_read(filled: tryget.Store) -> None:
    for command in (
        ["ls", "test"],
        ["get", "test", "a"],
        ["du", "test"],
        ["ls", "-l", "test", "b"],
    ):
        assert run(*command, "--readonly") == run(*command)
    assert json.loads(run("stat", "test", "a", "--readonly", "--json"))["kind"] == "str"
    assert json.loads(run("verify", "test", "--deep", "--readonly", "--json"))["ok"]
    assert "No such option" in run("rm", "test", "a", "--readonly", status=2)


def test_stores(filled: tryget.Store, folder: Path) -> None:
    assert "test" in run("stores")
    (found,) = json.loads(run("stores", "--json"))
    assert found["name"] == "test"
    assert found["processes"] == 1
    assert json.loads(run("stores", "--directory", str(folder), "--json")) == [found]


def test_ls(filled: tryget.Store) -> None:
    assert run("ls", "test") == "a\nb\n"
    assert run("ls", "test", "b") == "c\nd\ne\n"
    assert run("ls", "test", "-r") == "a\nb/c\nb/d\nb/e/f\n"
    assert run("ls", "test", "nothing") == ""
    assert json.loads(run("ls", "test", "b", "--json")) == ["c", "d", "e"]
    said = run("ls", "-l", "test", "b").splitlines()
    assert [line.split()[-1] for line in said[:2]] == ["c", "d"]
    assert "bytes" in said[0]
    assert "1 children" in said[2]


@pytest.mark.parametrize(
    ("key", "printed", "as_json"),
    [
        ("a", "text\n", "text"),
        ("b/c", "\x00bytes", {"base64": "AGJ5dGVz"}),
        ("b/d", "{'x': (1,)}\n", {"x": [1]}),
        ("b/e/f", "[1, 2]\n", [1, 2]),
    ],
)
def test_get(filled: tryget.Store, key: str, printed: str, as_json: Any) -> None:
    assert run("get", "test", key) == printed
    assert json.loads(run("get", "test", key, "--json")) == as_json


def test_put(store: tryget.Store, tmp_path: Path) -> None:
    run("put", "test", "a", "text")
    run("put", "test", "b", "[1, 2.5]", "--json")
    run("put", "test", "c", stdin=b"\x00\xff")
    (tmp_path / "file").write_bytes(b"content")
    run("put", "test", "d", "--file", str(tmp_path / "file"))
    run("put", "test", "e", "short", "--ttl", "60")
    assert dict(store) == {
        "a": "text",
        "b": [1, 2.5],
        "c": b"\x00\xff",
        "d": b"content",
        "e": "short",
    }
    assert store.stat("e").expires is not None
    run("put", "test", "b", "[1", "--json", status=1)
    run("put", "test", "b", "--json", stdin=b'{"x": [1]}\n')
    assert store["b"] == {"x": [1]}
    for text in (b"[1", b"\xff", b""):
        assert "JSON" in run("put", "test", "b", "--json", stdin=text, status=1)


def test_a_store_that_is_not_there(folder: Path) -> None:
    for command in (["ls", "none"], ["put", "none", "k", "v"], ["verify", "none", "--readonly"]):
        said = run(*command, status=1)
        assert "there is no store none" in said
        assert "create" not in said  # no option of ours


def test_rm(filled: tryget.Store) -> None:
    run("rm", "test", "a", "b/c")
    assert sorted(filled) == ["b/d", "b/e/f"]
    assert "'b'" in run("rm", "test", "b", status=1)
    run("rm", "test", "-r", "b")
    assert len(filled) == 0
    run("rm", "test", "-f", "b")
    filled.update(x=1, y=2)
    assert "'p', 'q'" in run("rm", "test", "p", "x", "q", "y", status=1)
    assert len(filled) == 0


def test_stat(filled: tryget.Store) -> None:
    found = json.loads(run("stat", "test", "b/c", "--json"))
    assert found["nbytes"] == 6
    assert found["kind"] == "bytes"
    assert "kind" in run("stat", "test", "b")
    whole = json.loads(run("stat", "test", "--json"))
    assert whole["entries"] == 4


def test_du(filled: tryget.Store) -> None:
    filled["b/large"] = bytes(100_000)
    found = json.loads(run("du", "test", "--json"))
    assert [row["name"] for row in found] == ["b", "a"]
    assert found[0]["entries"] == 4
    assert found[0]["bytes"] > 100_000
    assert "97.7 KiB" in run("du", "test", "b")


def test_verify(filled: tryget.Store) -> None:
    assert "0 violations" in run("verify", "test")
    found = json.loads(run("verify", "test", "--deep", "--json"))
    assert found["ok"]
    assert found["violations"] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls", "nothing"),
        ("get", "test", "nothing"),
        ("get", "test", "b"),
        ("get", "test", "x" * 300),
        ("rm", "test", "nothing"),
        ("stat", "test", "nothing"),
        ("verify", "a/b"),
    ],
)
def test_errors_are_one_line(filled: tryget.Store, arguments: tuple[str, ...]) -> None:
    said = run(*arguments, status=1)
    assert said.startswith("Error: ")
    assert len(said.splitlines()) == 1


def test_pickled_values_are_not_run(folder: Path, store: tryget.Store) -> None:
    with tryget.open("test", codec="pickle") as writer:
        writer["p"] = range(3)
    assert "pickle" in run("get", "test", "p", status=1)
    assert run("ls", "test") == "p\n"


def test_a_folder_without_files_is_an_error(folder: Path, tmp_path: Path) -> None:
    assert "no file" in run("demo", str(tmp_path), status=1)
    assert list(folder.iterdir()) == []


ODD = ["", "-x", "--help", "a\nb", "a\0b", "tab\t", "\x1b[31mred", "x/\n/", "/", "é"]


def test_odd_keys(store: tryget.Store) -> None:
    """People see quoted names, scripts get JSON; every key can be given."""
    for number, key in enumerate(ODD):
        run("put", "test", "--", key, str(number))
    assert dict(store) == {key: str(number) for number, key in enumerate(ODD)}
    assert json.loads(run("ls", "test", "-r", "--json")) == sorted(ODD)
    said = run("ls", "test", "-r").splitlines()
    assert len(said) == len(ODD)
    assert "''" in said
    assert repr("a\nb") in said
    assert len(run("ls", "-l", "test").splitlines()) == len(store.children())
    assert len(run("du", "test").splitlines()) == len(store.children())
    names = [row["name"] for row in json.loads(run("du", "test", "--json"))]
    assert sorted(names) == sorted(store.children())
    for number, key in enumerate(ODD):
        assert run("get", "test", "--", key) == f"{number}\n"
        assert json.loads(run("stat", "test", "--json", "--", key))["kind"] == "str"
        run("rm", "test", "--", key)
    assert len(store) == 0
    assert len(run("rm", "test", "no\nkey", status=1).splitlines()) == 1


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "a\0b\r\n", "\ud800", "\xff\udcff", "é"])
def test_get_changes_no_character(store: tryget.Store, text: str) -> None:
    store["text"] = text
    import click.testing

    from tryget.cli.commands import tryget as program

    done = click.testing.CliRunner().invoke(program, ["get", "test", "text"])
    assert done.exit_code == 0
    if text == "\ud800":
        assert done.stdout_bytes == b"\\ud800\n"
    else:
        assert done.stdout_bytes == text.encode(errors="surrogateescape") + b"\n"
    assert json.loads(run("get", "test", "text", "--json")) == text or text == "\xff\udcff"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("put", "test", "k", "v", "--file", __file__), "not both"),
        (("put", "test", "k", "--file", __file__, "--json"), "--json"),
        (("demo", "--seconds", "0"), "--seconds"),
    ],
)
def test_arguments_that_contradict(
    store: tryget.Store, arguments: tuple[str, ...], message: str
) -> None:
    assert message in run(*arguments, status=2)
    assert len(store) == 0
