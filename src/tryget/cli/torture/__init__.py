# SPDX-License-Identifier: Apache-2.0
"""`tryget torture`: every operation at once, by processes that are killed, stopped and forked."""

import json
import os
import sys

import click

from tryget._errors import Error
from tryget.cli.torture.plan import CHOICES, SIZES, rounds_of
from tryget.cli.torture.rounds import Rates, Torture
from tryget.cli.torture.show import TortureDisplay

ROUND_SECONDS = 6.0
RATE = click.FloatRange(min=0)


@click.command()
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="How long, all rounds together.",
)
@click.option("--seed", type=int, help="Of all that is left to chance.")
@click.option("--workers", default=4, show_default=True, type=click.IntRange(2, 64))
@click.option("--kill-rate", default=12.0, show_default=True, type=RATE, help="Kills a second.")
@click.option("--stop-rate", default=3.0, show_default=True, type=RATE, help="Stops a second.")
@click.option("--forks", default=0.5, show_default=True, type=RATE, help="Forks a second, each.")
@click.option("--size", type=click.Choice(list(SIZES)), help="Of the stores; else the profile's.")
@click.option("--profile", default="all", show_default=True, type=click.Choice(CHOICES))
@click.option("--json", "as_json", is_flag=True, help="The figures as one JSON object.")
@click.option("--keep/--no-keep", default=True, show_default=True, help="A store that is bad.")
def torture(
    seconds: float,
    seed: int | None,
    workers: int,
    kill_rate: float,
    stop_rate: float,
    forks: float,
    size: str | None,
    profile: str,
    as_json: bool,
    keep: bool,
) -> None:
    """The demo without mercy: tiny and full stores, storms of forks, every operation there is.

    It works in rounds of some seconds, each with a store of its own in $TRYGET_DIR, and stops at
    the first that is bad, with exit status 1. The seed decides what is done; when processes run
    is the machine's business, so a replay may need more time than the failure took."""
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    display = TortureDisplay(quiet=as_json or not sys.stdout.isatty())
    rounds = rounds_of(seed, profile, size, seconds, ROUND_SECONDS)
    try:
        with display:
            torture = Torture(rounds, workers, Rates(kill_rate, stop_rate, forks), display, seed)
            found = torture.run(keep)
    except Error as problem:
        raise click.ClickException(str(problem)) from problem
    if as_json:
        click.echo(json.dumps(found.figures()))
    else:
        display.verdict(found)
    if not found.is_good:
        options = f"--seed {seed} --profile {profile} --seconds {seconds:g} --workers {workers}"
        options += f" --kill-rate {kill_rate:g} --stop-rate {stop_rate:g} --forks {forks:g}"
        options += f" --size {size}" if size else ""
        display.failure(found.messages, f"tryget torture {options}", found.kept)
        sys.exit(1)
