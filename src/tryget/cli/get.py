# SPDX-License-Identifier: Apache-2.0
"""`tryget get`"""

import click

from tryget.cli.common import json_option, print_json, print_text, to_read
from tryget.store import Store


@click.command()
@to_read
@click.argument("key")
@json_option
def get(store: Store, key: str, as_json: bool) -> None:
    """Prints the value of KEY: bytes and text as they are, anything else as Python writes it."""
    value = store[key]
    if as_json:
        print_json(value)
    elif isinstance(value, bytes | bytearray | memoryview):
        click.echo(bytes(value), nl=False)
    else:
        print_text(value if isinstance(value, str) else repr(value))
