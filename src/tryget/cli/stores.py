# SPDX-License-Identifier: Apache-2.0
"""`tryget stores`"""

import dataclasses

import click

from tryget._errors import Error
from tryget.cli.common import directory_option, json_option, print_json, shown, sized
from tryget.store import stores as list_stores


@click.command()
@directory_option
@json_option
def stores(directory: str | None, as_json: bool) -> None:
    """Lists the stores of a folder."""
    try:
        found = list_stores(directory)
    except Error as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        print_json([dataclasses.asdict(info) for info in found])
        return
    for info in found:
        click.echo(
            f"{shown(info.name)}\t{sized(info.allocated)} of {sized(info.size)}\t"
            f"{info.processes} processes\t{info.state}"
        )
