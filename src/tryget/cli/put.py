# SPDX-License-Identifier: Apache-2.0
"""`tryget put`"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from tryget.cli.common import with_store
from tryget.store import Store


@click.command()
@with_store
@click.argument("key")
@click.argument("value", required=False)
@click.option("--file", type=click.Path(exists=True, dir_okay=False), help="The bytes of a file.")
@click.option("--json", "as_json", is_flag=True, help="It is JSON: the value that it means.")
@click.option("--ttl", type=float, help="Seconds to live.")
def put(
    store: Store, key: str, value: str | None, file: str | None, as_json: bool, ttl: float | None
) -> None:
    """Stores VALUE as text under KEY; without it, the bytes of standard input."""
    content: Any
    if file is not None and value is not None:
        raise click.UsageError("give VALUE or --file, not both")
    if file is not None and as_json:
        raise click.UsageError("--json is not for --file: its bytes are stored")
    if file is not None:
        content = Path(file).read_bytes()
    else:
        content = sys.stdin.buffer.read() if value is None else value
        if as_json:
            content = _parsed(content)
    store.set(key, content, ttl=ttl)


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise ValueError(f"this is no JSON: {problem}") from problem
