# SPDX-License-Identifier: Apache-2.0
"""`tryget verify`"""

import dataclasses
import sys

import click

from tryget.cli.common import json_option, print_json, to_read
from tryget.store import Store


@click.command()
@to_read
@click.option("--deep", is_flag=True, help="Read the checksum of every value too.")
@json_option
def verify(store: Store, deep: bool, as_json: bool) -> None:
    """Checks every rule that the memory of store NAME must keep; exit status 1 if one is broken."""
    report = store.verify(deep=deep)
    if as_json:
        print_json(dataclasses.asdict(report) | {"ok": report.ok})
    else:
        for one in report.violations:
            click.echo(f"{one.rule} at {one.where:#x}: {one.text}")
        exact = "exact" if report.exact else "of a store in use: counts and leaks were not checked"
        click.echo(
            f"{report.records} records, {report.objects} objects, "
            f"{report.directories} directories; {report.violation_count} violations, "
            f"{report.leaked_bytes} bytes leaked ({exact})"
        )
    sys.exit(0 if report.ok else 1)
