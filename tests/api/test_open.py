# SPDX-License-Identifier: Apache-2.0
"""Goal: `open`, `unlink` and `stores` do what the contract says, also with bad input.

Method: each parameter with good and bad arguments, files of every wrong kind in place of a store.
Failure means that a user gets the wrong store, a wrong error, or none.
"""

import importlib.metadata
import operator
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import tryget


def test_opening_makes_a_store_or_attaches_to_it(folder: Path) -> None:
    with tryget.open("a", size="8MiB") as first, tryget.open("a") as second:
        first["key"] = "value"
        assert second["key"] == "value"
        assert first.uuid == second.uuid
    assert sorted(path.name for path in folder.iterdir()) == ["a.tryget", "a.tryget-lock"]


def test_the_default_store_is_called_default(folder: Path) -> None:
    with tryget.open() as opened:
        assert opened.name == "default"
        assert opened.statistics().limit == 1 << 30
    assert (folder / "default.tryget").exists()


def test_a_store_stays_when_everybody_has_closed_it(folder: Path) -> None:
    with tryget.open("a", size="8MiB") as opened:
        opened["key"] = [1, 2]
    with tryget.open("a", create=False) as opened:
        assert opened["key"] == [1, 2]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (4 << 20, 4 << 20),
        ("4MiB", 4 << 20),
        ("8MB", 8_000_000),
        (" 0.5 GiB ", 1 << 29),
        ("5000KiB", 5000 << 10),
        ("6000000", 6_000_000),
        ("6000000 B", 6_000_000),
        ("16mib", 16 << 20),
    ],
)
def test_a_size_is_a_number_or_text(folder: Path, size: int | str, expected: int) -> None:
    with tryget.open("a", size=size) as opened:
        limit = opened.statistics().limit
    assert expected * 0.98 <= limit <= expected


@pytest.mark.parametrize(
    "size",
    [0, -1, (4 << 20) - 1, "1MiB", "", "MiB", "4 Mi B", "x", "1e9", "-4MiB", 1 << 70, "9999999TB"],
)
def test_a_bad_size_is_a_value_error(folder: Path, size: int | str) -> None:
    with pytest.raises(ValueError, match="size"):
        tryget.open("a", size=size)


@pytest.mark.parametrize("size", [1.5, b"4MiB", True, [4]])
def test_a_size_of_another_type_is_a_type_error(folder: Path, size: object) -> None:
    with pytest.raises(TypeError, match="size"):
        tryget.open("a", size=size)  # type: ignore[arg-type]


def test_a_larger_size_on_attach_is_an_error_a_smaller_one_is_not(folder: Path) -> None:
    with tryget.open("a", size="16MiB") as opened:
        tryget.open("a", size="8MiB").close()
        with pytest.raises(ValueError, match="size"):
            tryget.open("a", size="32MiB")
        opened["still"] = "good"


@pytest.mark.parametrize("name", ["", "a/b", "/", "a\0b", "x" * 201, "\udc80" * 201, "é" * 101])
def test_a_bad_name_is_a_value_error(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a store"):
        tryget.open(name)


@pytest.mark.parametrize("name", [None, 1, b"a", Path("a")])
def test_a_name_of_another_type_is_a_type_error(folder: Path, name: object) -> None:
    with pytest.raises(TypeError):
        tryget.open(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a b", "é", "x" * 200, "..", ".", "-", "a\nb"])
def test_names_may_be_odd(folder: Path, name: str) -> None:
    with tryget.open(name, size="4MiB") as opened:
        opened["x"] = 1
    assert [info.name for info in tryget.stores()] == [name]
    tryget.unlink(name)
    assert list(folder.iterdir()) == []


def test_create_decides_what_may_happen(folder: Path) -> None:
    with pytest.raises(tryget.StoreNotFound, match="create=True"):
        tryget.open("a", create=False)
    tryget.open("a", create="exclusive", size="4MiB").close()
    with pytest.raises(tryget.StoreExists):
        tryget.open("a", create="exclusive")
    tryget.open("a", create=False).close()


def test_not_found_and_exists_are_file_errors(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tryget.open("a", create=False)
    tryget.open("a", size="4MiB").close()
    with pytest.raises(FileExistsError):
        tryget.open("a", create="exclusive")


@pytest.mark.parametrize(
    "arguments",
    [
        {"create": "yes"},
        {"create": None},
        {"mode": -1},
        {"mode": 0o1777},
        {"mode": "rw"},
        {"mode": True},
        {"directory": ""},
        {"codec": "json"},
        {"reuse": "sometimes"},
        {"on_mismatch": "ignore"},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"max_processes": 0},
        {"max_processes": 10_000},
    ],
)
def test_a_choice_that_is_not_offered_is_a_value_error(
    folder: Path, arguments: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        tryget.open("a", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [{"codec": 5}, {"timeout": "5"}, {"max_processes": "many"}, {"directory": 5}]
)
def test_an_argument_of_another_type_is_a_type_error(
    folder: Path, arguments: dict[str, object]
) -> None:
    with pytest.raises(TypeError):
        tryget.open("a", **arguments)  # type: ignore[arg-type]


def test_options_are_keyword_only(folder: Path) -> None:
    with pytest.raises(TypeError):
        tryget.open("a", "4MiB")  # type: ignore[misc]


def test_the_file_is_private_unless_mode_says_otherwise(folder: Path) -> None:
    tryget.open("a", size="4MiB").close()
    tryget.open("b", size="4MiB", mode=0o660).close()
    assert stat.S_IMODE((folder / "a.tryget").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "b.tryget").stat().st_mode) == 0o660


def test_a_file_that_others_may_write_is_refused_unless_meant(folder: Path) -> None:
    tryget.open("a", size="4MiB").close()
    (folder / "a.tryget").chmod(0o666)
    with pytest.raises(tryget.NotOwner):
        tryget.open("a")
    tryget.open("a", mode=0o666).close()


def test_the_default_folder_is_made_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYGET_DIR", f"/dev/shm/tryget-test-made-{os.getpid()}")
    made = Path(os.environ["TRYGET_DIR"])
    try:
        tryget.open("a", size="4MiB").close()
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    finally:
        for file in made.iterdir():
            file.unlink()
        made.rmdir()


def test_a_folder_that_is_missing_is_not_found(folder: Path) -> None:
    with pytest.raises(tryget.StoreNotFound, match="no folder"):
        tryget.open("a", directory=folder / "missing")


def test_another_folder_may_be_named(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    for directory in (other, str(other)):
        with tryget.open("a", directory=directory, size="4MiB") as opened:
            opened["x"] = 1
    assert [info.name for info in tryget.stores(other)] == ["a"]
    assert tryget.stores() == []
    tryget.unlink("a", directory=other)
    assert list(other.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"x", b"garbage" * 1000, bytes(4 << 20), os.urandom(1 << 16)]
)
def test_a_file_that_is_no_store_is_a_clear_error(folder: Path, content: bytes) -> None:
    tryget.open("a", size="4MiB").close()
    (folder / "a.tryget").write_bytes(content)
    with pytest.raises((tryget.StoreCorrupt, tryget.LayoutMismatch), match="unlink"):
        tryget.open("a")
    tryget.unlink("a")
    tryget.open("a", size="4MiB").close()


def test_a_truncated_store_is_a_clear_error(folder: Path) -> None:
    tryget.open("a", size="4MiB").close()
    os.truncate(folder / "a.tryget", 8192)
    with pytest.raises(tryget.StoreCorrupt):
        tryget.open("a")


@pytest.mark.parametrize("suffix", ["", "-lock"])
def test_a_symlink_or_folder_in_the_place_of_a_file_is_refused(folder: Path, suffix: str) -> None:
    tryget.open("real", size="4MiB").close()
    tryget.open("link", size="4MiB").close()
    path = folder / f"link.tryget{suffix}"
    path.unlink()
    path.symlink_to(folder / f"real.tryget{suffix}")
    with pytest.raises(tryget.Error):
        tryget.open("link")
    path.unlink()
    path.mkdir()
    with pytest.raises(tryget.Error):
        tryget.open("link")


def test_unlinked_while_attached(folder: Path) -> None:
    with tryget.open("a", size="4MiB") as old:
        old["which"] = "old"
        tryget.unlink("a")
        with pytest.raises(tryget.StoreNotFound):
            tryget.unlink("a")
        with tryget.open("a", size="4MiB") as new:
            assert "which" not in new
            new["which"] = "new"
            assert old["which"] == "old"
            old["more"] = 1
            assert old.uuid != new.uuid
            text = pickle.dumps(old)
            with pytest.raises(tryget.StoreNotFound):
                pickle.loads(text)


def test_a_store_pickles_to_its_name(store: tryget.Store) -> None:
    store["key"] = "value"
    with pickle.loads(pickle.dumps(store)) as again:
        assert again["key"] == "value"
        assert again.uuid == store.uuid
        assert again.path == store.path


@pytest.mark.parametrize("timeout", [0.25, None])
def test_a_pickled_store_keeps_what_it_was_opened_with(folder: Path, timeout: float | None) -> None:
    with tryget.open("a", size="4MiB", timeout=timeout, reuse="never", mode=0o640) as opened:
        text = pickle.dumps(opened)
        with pickle.loads(text) as again:
            assert pickle.dumps(again) == text
            assert again._timeout == timeout


def test_a_pickled_store_never_brings_its_codec(folder: Path) -> None:
    with tryget.open("a", size="4MiB", codec="pickle") as opened:
        opened["key"] = range(3)
        with pickle.loads(pickle.dumps(opened)) as again, pytest.raises(tryget.CodecMissing):
            again["key"]


def test_a_pickled_store_that_is_gone_is_not_found(folder: Path) -> None:
    with tryget.open("a", size="4MiB") as opened:
        text = pickle.dumps(opened)
    tryget.unlink("a")
    with pytest.raises(tryget.StoreNotFound):
        pickle.loads(text)


def test_calls_after_close_say_so(folder: Path) -> None:
    opened = tryget.open("a", size="4MiB")
    opened["x"] = 1
    opened.close()
    opened.close()
    assert opened.closed
    assert "closed" in repr(opened)
    for call in (
        lambda: opened["x"],
        lambda: opened.get("x"),
        lambda: "x" in opened,
        lambda: opened.set("x", 1),
        lambda: opened.delete("x"),
        lambda: opened.pop("x"),
        lambda: opened.drop("x"),
        lambda: opened.rename("x", "y"),
        lambda: opened.touch("x", 5),
        lambda: opened.pin("x"),
        lambda: list(opened),
        lambda: len(opened),
        lambda: opened.children(),
        lambda: opened.stat("x"),
        lambda: opened.usage(),
        lambda: opened.statistics(),
        lambda: opened.verify(),
        lambda: opened.increment("x"),
    ):
        with pytest.raises(tryget.StoreClosed, match="closed"):
            call()


def test_stores_lists_what_is_there(folder: Path) -> None:
    assert tryget.stores() == []
    (folder / "garbage.tryget").write_bytes(b"?")
    (folder / "other").write_bytes(b"?")
    with tryget.open("b", size="8MiB"), tryget.open("a", size="4MiB"):
        found = {info.name: info for info in tryget.stores()}
    assert found["a"].size == 4 << 20
    assert found["a"].processes == 1
    assert found["a"].state == "good"
    assert found["b"].path == str(folder / "b.tryget")
    assert "other" not in found
    assert "garbage" not in found or found["garbage"].state != "good"


def test_as_many_processes_as_allowed(folder: Path) -> None:
    code = (
        "import tryget, sys; opened = tryget.open('a'); print('attached', flush=True); "
        "sys.stdin.read()"
    )
    with tryget.open("a", size="4MiB", max_processes=2):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"attached\n"
            third = subprocess.run([sys.executable, "-c", code], capture_output=True, input=b"")
            assert b"TooManyProcesses" in third.stderr
            other.communicate()
        fourth = subprocess.run([sys.executable, "-c", code], capture_output=True, input=b"")
        assert fourth.stdout == b"attached\n"


def test_the_version_is_that_of_the_package() -> None:
    assert tryget.__version__ == importlib.metadata.version("tryget")
    with pytest.raises(AttributeError, match="nothing"):
        operator.attrgetter("nothing")(tryget)


def test_importing_does_nothing(folder: Path) -> None:
    code = (
        "import sys, tryget; late = {'numpy', 'pyarrow', 'click', 'rich', 'multiprocessing'}; "
        "assert not (late | {'asyncio', 'logging', 'hashlib'}) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("timeout", [float("inf"), 10**400, 1e300])
def test_a_very_long_timeout_is_for_ever(folder: Path, timeout: float) -> None:
    with tryget.open("a", size="4MiB", timeout=timeout) as opened:
        opened["x"] = 1
        opened.set("y", 1, ttl=10**400)
        opened.set("x", 1, ttl=-(10**400))
        assert opened.stat("y").expires is None
        assert "x" not in opened


def test_a_closed_store_is_no_context(folder: Path) -> None:
    opened = tryget.open("a", size="4MiB")
    opened.close()
    with pytest.raises(tryget.StoreClosed), opened:
        pass
