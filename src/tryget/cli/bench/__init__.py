# SPDX-License-Identifier: Apache-2.0
"""`tryget bench`: tryget and every peer that is installed, at the same work in the same run."""

import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.status import Status

from tryget.cli.bench import machine, peers, plan, targets, workloads
from tryget.cli.bench.crew import Crew
from tryget.cli.bench.data import Results
from tryget.cli.bench.peers.base import Peer
from tryget.cli.bench.report.page import page
from tryget.cli.bench.report.terminal import show
from tryget.cli.bench.run import MEMORY, Run, places, stores

_WORKERS = 2
_INTERRUPTED = 128 + signal.SIGINT


def _listed(text: str | None, known: tuple[str, ...], what: str) -> list[str]:
    wanted = [word.strip() for word in (text or "").split(",") if word.strip()]
    for word in wanted:
        if word not in known:
            raise click.BadParameter(f"there is no {what} {word!r}: {', '.join(known)}")
    return wanted


@click.command()
@click.option("--quick", is_flag=True, help="A minute: smaller sizes, fewer rounds.")
@click.option("--only", metavar="WORKLOAD,...", help="These workloads; growth runs only if named.")
@click.option("--peers", "some", metavar="PEER,...", help="These, beside dict and lru_cache.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write all figures.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False), help="Write a page of plots.")
@click.option("--list", "listing", is_flag=True, help="Names the workloads and peers, and ends.")
def bench(
    quick: bool,
    only: str | None,
    some: str | None,
    json_file: str | None,
    html_file: str | None,
    listing: bool,
) -> None:
    """Measures tryget and the caches that users pick today: the same work, in the same run.

    Peers that are not installed are named and left out (pip install 'tryget[bench]'; the programs
    redis-server and memcached). Servers run on Unix sockets and are stopped again. Ctrl-C ends the
    measuring; what was measured by then is reported."""
    wanted = _listed(only, tuple(one.name for one in workloads.WORKLOADS), "workload")
    names = _listed(some, tuple(kind.name for kind in peers.PEERS), "peer")
    found, missing = peers.choose(names)
    if listing:
        _list(found, missing)
        return
    results = _measure(plan.QUICK if quick else plan.FULL, found, missing, wanted)
    checks, losses = targets.check(results), targets.losses(results)
    show(
        Console(highlight=False, width=None if sys.stdout.isatty() else 140),
        results,
        checks,
        losses,
    )
    if json_file is not None:
        Path(json_file).write_text(results.as_json(checks, losses), encoding="utf-8")
    if html_file is not None:
        Path(html_file).write_text(page(results, checks, losses), encoding="utf-8")
    sys.exit(_INTERRUPTED if results.interrupted else 1 if results.failures else 0)


def _list(found: list[Peer], missing: list[peers.Missing]) -> None:
    for one in workloads.WORKLOADS:
        click.echo(f"workload  {one.name:17} {one.text}{'' if one.usual else ' (if named)'}")
    for peer in found:
        click.echo(f"peer      {peer.name:17} {peer.text}")
    for lacking in missing:
        click.echo(f"missing   {lacking.peer:17} {lacking.why}")


def _measure(
    chosen: plan.Plan, found: list[Peer], missing: list[peers.Missing], wanted: list[str]
) -> Results:
    results = Results(
        machine.describe(),
        chosen.as_json(),
        {peer.name: peer.text for peer in found},
        {lacking.peer: lacking.why for lacking in missing},
    )
    began = time.monotonic()
    with (
        _ended_by_sigterm(),
        _progress() as status,
        places(Path(MEMORY)) as place,
        stores(found, place),
        Crew(place.folder, _WORKERS) as crew,
    ):
        run = Run(chosen, found, place, crew, results, status)
        for workload in workloads.choose(wanted):
            status(workload.name)
            started = time.monotonic()
            try:
                workload.run(run)
            except KeyboardInterrupt:
                results.interrupted = True
                results.notes.append(f"Interrupted during {workload.name}: the rest is missing.")
                break
            results.seconds_of[workload.name] = time.monotonic() - started
    results.seconds = time.monotonic() - began
    return results


class _Progress:
    """A line on a terminal; nothing in a pipe."""

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def __call__(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)


@contextlib.contextmanager
def _progress() -> Iterator[_Progress]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Progress(None)
        return
    with console.status("") as status:
        yield _Progress(status)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: what it made is taken away."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
