# SPDX-License-Identifier: Apache-2.0
"""`tryget ls`"""

import click

from tryget.cli.common import json_option, print_json, shown, sized, to_read
from tryget.store import Store


@click.command()
@to_read
@click.argument("key", required=False)
@click.option("-r", "--recursive", is_flag=True, help="All keys below, by their paths.")
@click.option("-l", "--long", "is_long", is_flag=True, help="With sizes and kinds.")
@json_option
def ls(store: Store, key: str | None, recursive: bool, is_long: bool, as_json: bool) -> None:
    """Lists the children of KEY, or of the root of store NAME."""
    names = sorted(store.walk(key) if recursive else store.children(key))
    if as_json:
        print_json(names)
        return
    for name in names:
        click.echo(
            _line(store, _path(key, name, recursive), shown(name)) if is_long else shown(name)
        )


def _path(key: str | None, name: str, recursive: bool) -> str:
    return name if recursive or key is None else f"{key}/{name}"


def _line(store: Store, path: str, name: str) -> str:
    try:
        found = store.stat(path)
    except KeyError:  # gone meanwhile
        return name
    children = f"{found.children} children" if found.children else ""
    return (
        f"{sized(found.nbytes) if found.has_value else '-':>10}  {found.kind:9}  {name}  {children}"
    )
