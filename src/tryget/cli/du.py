# SPDX-License-Identifier: Apache-2.0
"""`tryget du`"""

import click

from tryget.cli.common import json_option, print_json, shown, sized, to_read
from tryget.store import Store, Usage


@click.command()
@to_read
@click.argument("key", required=False)
@json_option
def du(store: Store, key: str | None, as_json: bool) -> None:
    """How much each child of KEY, or of the root of store NAME, holds with all below it."""
    rows: list[tuple[str, Usage]] = []
    for name in store.children(key):
        rows.append((name, store.usage(name if key is None else f"{key}/{name}")))
    rows.sort(key=lambda row: row[1].bytes, reverse=True)
    if as_json:
        print_json([{"name": name, "entries": u.entries, "bytes": u.bytes} for name, u in rows])
        return
    for name, usage in rows:
        click.echo(f"{sized(usage.bytes):>10}  {usage.entries:>8}  {shown(name)}")
