# SPDX-License-Identifier: Apache-2.0
"""`tryget stat`"""

import dataclasses

import click

from tryget.cli.common import json_option, print_json, store_of, to_read
from tryget.store import Store


@click.command()
@to_read
@click.argument("key", required=False)
@json_option
def stat(store: Store, key: str | None, as_json: bool) -> None:
    """What is known of KEY, or of the whole store NAME."""
    found = store_of(store) if key is None else dataclasses.asdict(store.stat(key))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name:10}  {value}")
