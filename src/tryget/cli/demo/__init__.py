# SPDX-License-Identifier: Apache-2.0
"""`tryget demo`: a real folder in one store, read and written by processes that get killed."""

import json
import os
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tryget._path import default_directory
from tryget.cli.demo import ratio
from tryget.cli.demo.load import File, files_of, within
from tryget.cli.demo.show import DemoDisplay
from tryget.cli.demo.supervisor import Supervisor
from tryget.cli.demo.worker import CHURN_FOLDERS, Task
from tryget.cli.trial import board
from tryget.cli.trial.values import pack
from tryget.cli.trial.worker import Texts
from tryget.store import Store, open, unlink

_TICK_SECONDS = 0.01
_KILLS_A_SECOND = 7.0
_STOPS_A_SECOND = 1.5
_MIB = 1 << 20


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False))
@click.option(
    "--seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="How long the workers run.",
)
@click.option("--workers", default=4, show_default=True, type=click.IntRange(2, 64))
@click.option("--seed", default=None, type=int, help="Of all that is left to chance.")
@click.option("--json", "as_json", is_flag=True, help="The figures as one JSON object.")
def demo(folder: str | None, seconds: float, workers: int, seed: int | None, as_json: bool) -> None:
    """Loads every file of FOLDER (this Python's standard library) into a store. Processes then read
    and check, replace, rename and drop, while a supervisor kills and stops them at random."""
    source = Path(folder or sysconfig.get_paths()["stdlib"]).resolve()
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    display = DemoDisplay(quiet=as_json or not sys.stdout.isatty())
    with _own_store(source, display) as (store, chosen), display:
        supervisor = _run(store, source, chosen, seconds, workers, seed, display)
        figures = _figures(supervisor)
        ours, dicts = ratio.of_get(store)
    if as_json:
        click.echo(json.dumps(figures))
        for message in supervisor.tally.messages[:20]:
            click.echo(message, err=True)
    else:
        display.verdict(supervisor, figures, seconds, seed, ours, dicts)
    bad = ("wrong", "stuck", "leaked_bytes", "verify_violations")
    sys.exit(1 if any(figures[name] for name in bad) or not supervisor.tally.exact else 0)


@contextmanager
def _own_store(source: Path, display: DemoDisplay) -> Iterator[tuple[Store, list[File]]]:
    """A store for this run, with as much room as the machine has to spare."""
    name = f"demo-{os.getpid()}"
    found = list(files_of(source))
    if not found:
        raise click.ClickException(f"there is no file to load in {source}")
    total = sum(file.size for file in found)
    room = default_directory()
    status = os.statvfs(room if os.path.exists(room) else "/dev/shm")
    size = max(min(2 * total + 128 * _MIB, status.f_bavail * status.f_frsize * 3 // 4), 4 * _MIB)
    chosen = within(found, size * 2 // 5)
    store = open(name, size=size, create="exclusive")
    try:
        display.loading(source, found, chosen, size)
        for file in chosen:
            key = f"files/{file.path}"
            store[key] = pack(key, (source / file.path).read_bytes())
        yield store, chosen
    finally:
        store.close()
        unlink(name)


def _run(
    store: Store,
    source: Path,
    chosen: list[File],
    seconds: float,
    workers: int,
    seed: int,
    display: DemoDisplay,
) -> Supervisor:
    texts = Texts()
    small = [file.path for file in chosen if file.size < 100_000][:: max(len(chosen) // 300, 1)]
    churn = [(f"churn/{number % CHURN_FOLDERS}/{path}", path) for number, path in enumerate(small)]
    task = Task(
        store, source, [file.path for file in chosen], churn, board.Board(workers), texts.writer
    )
    supervisor = Supervisor(task, workers, seed)
    began = time.monotonic()
    try:
        supervisor.begin(_KILLS_A_SECOND, _STOPS_A_SECOND)
        while (elapsed := time.monotonic() - began) < seconds:
            supervisor.step()
            display.show(supervisor, elapsed, seconds)
            time.sleep(_TICK_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        supervisor.end()
    display.judging()
    supervisor.judge()
    for text in texts.collect():
        supervisor.tally.tell(text)
    texts.close()
    return supervisor


def _figures(supervisor: Supervisor) -> dict[str, int | float]:
    tally, rows = supervisor.tally, supervisor.task.board
    return {
        "reads": rows.total(board.READS),
        "writes": rows.total(board.WRITES),
        "kills": tally.kills,
        "stops": tally.stops,
        "read_ns_p50": rows.percentile(0.5),
        "read_ns_p99": rows.percentile(0.99),
        "recovery_ms_max": round(max(tally.recoveries_ms, default=0.0), 3),
        "wrong": tally.wrong + rows.total(board.WRONG),
        "stuck": tally.stuck + rows.total(board.STUCK),
        "leaked_bytes": tally.leaked_bytes,
        "verify_violations": tally.violations,
    }
