# SPDX-License-Identifier: Apache-2.0
"""`tryget rm`"""

import click

from tryget.cli.common import with_store
from tryget.store import Store


@click.command()
@with_store
@click.argument("keys", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="With all below.")
@click.option("-f", "--force", is_flag=True, help="No error when it is absent.")
def rm(store: Store, keys: tuple[str, ...], recursive: bool, force: bool) -> None:
    """Removes KEYS from store NAME."""
    remove = store.drop if recursive else store.delete
    absent = [key for key in keys if not remove(key)]
    if absent and not force:
        raise KeyError(*absent)
