# SPDX-License-Identifier: Apache-2.0
"""The commands, each from its file."""

import click

from tryget.cli.bench import bench
from tryget.cli.demo import demo
from tryget.cli.du import du
from tryget.cli.get import get
from tryget.cli.ls import ls
from tryget.cli.put import put
from tryget.cli.rm import rm
from tryget.cli.stat import stat
from tryget.cli.stores import stores
from tryget.cli.torture import torture
from tryget.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tryget")
def tryget() -> None:
    """Shared-memory object caches: look into them, and see what they stand."""


for command in (demo, torture, bench, stores, ls, get, put, rm, stat, du, verify):
    tryget.add_command(command)
