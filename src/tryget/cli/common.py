# SPDX-License-Identifier: Apache-2.0
"""What the commands share: how a store is named, how things are printed."""

import base64
import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tryget._errors import Error, StoreNotFound
from tryget.store import Store, open

F = TypeVar("F", bound=Callable[..., Any])

directory_option = click.option(
    "--directory", type=click.Path(exists=True, file_okay=False), help="Where the store's file is."
)
readonly_option = click.option(
    "--readonly", is_flag=True, help="Only read: also a store of another user that lets others."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value.")


def with_store(function: F) -> F:
    """A command on one store, which must exist: its name comes first, then `function`'s arguments.

    Errors become one line and exit status 1."""

    @functools.wraps(function)
    def run(name: str, directory: str | None, readonly: bool = False, **arguments: Any) -> Any:
        mode = 0o644 if readonly else 0o600
        try:
            with open(
                name, directory=directory, create=False, readonly=readonly, mode=mode
            ) as store:
                return function(store, **arguments)
        except KeyError as problem:
            absent = ", ".join(map(repr, problem.args))
            raise click.ClickException(f"{name}: there is no {absent}") from problem
        except StoreNotFound as problem:
            raise click.ClickException(
                f"there is no store {name}: `tryget stores` lists those that are"
            ) from problem
        except (Error, ValueError, TypeError, TimeoutError) as problem:
            raise click.ClickException(str(problem)) from problem

    return click.argument("name")(directory_option(run))  # type: ignore[return-value]


def to_read(function: F) -> F:
    """As `with_store`, for a command that changes nothing."""
    return with_store(readonly_option(function))


def plain(value: Any) -> Any:
    """A value as JSON knows it: bytes as {"base64": ...}, the rest as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def keyed(value: Any) -> Any:
    """The value with dict keys that JSON can have."""
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else str(key): keyed(part) for key, part in value.items()
        }
    return [keyed(part) for part in value] if isinstance(value, list | tuple) else value


def print_json(value: Any) -> None:
    """One line."""
    text = json.dumps(keyed(value), default=plain, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(keyed(value), default=plain)
    click.echo(text, color=True)


def print_text(text: str) -> None:
    """A value: every character as it is, also where click would leave something out."""
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        data = text.encode(errors="backslashreplace")
    click.echo(data + b"\n", nl=False)


def shown(name: str) -> str:
    """A name in a list for people: quoted when it is empty or has newlines and the like."""
    return name if name and name.isprintable() else repr(name)


def sized(nbytes: int) -> str:
    """Bytes for people: 512 B, 1.5 MiB."""
    size = float(nbytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def store_of(store: Store) -> dict[str, Any]:
    """A store's numbers, by name."""
    return dataclasses.asdict(store.statistics())
