# SPDX-License-Identifier: Apache-2.0
"""Reads of small values: the same key, random keys, absent keys, five components, five fields."""

from tryget.cli.bench.keys import ABSENT, HOT_DEEP, Pick
from tryget.cli.bench.run import Case, Run
from tryget.cli.bench.timing import FIELDS, VALUE
from tryget.cli.bench.worker import YARDSTICKS, Bench, Unsupported, read_each

NAME = "reads"
TEXT = "small values: one key, random keys, absent keys, deep keys, small dicts"

LOOP = "the loop alone"
_FIELDS_KEY = "fields"


def random_case(size: int) -> str:
    """The name of a case."""
    return f"get, random of 10^{len(str(size)) - 1}"


def first_case(size: int) -> str:
    """The name of a case."""
    return f"get, each of 10^{len(str(size)) - 1} once"


def put_small(bench: Bench, peer: str) -> None:
    """What the cases ask for, beside the numbered keys."""
    client = bench.client(peer)
    client.fill([(HOT_DEEP, VALUE)])
    if client.set_object is None:
        raise Unsupported(f"{peer} keeps no objects")
    client.set_object(_FIELDS_KEY, FIELDS)


def run(run: Run) -> None:
    """Hot ones while little is stored, then random ones of more and more."""
    small = run.need(run.plan.sizes[0])
    run.put(put_small)
    misses = run.names(lambda peer: peer.misses)
    indexed = run.names(lambda peer: peer.name.startswith("tryget") or peer.name == "dict")
    fields = Pick("given", key=_FIELDS_KEY)
    run.measure(
        NAME,
        [
            Case("get, one key", "get", Pick("hot"), small),
            Case("[], one key", "item", Pick("hot"), indexed),
            Case("get, 5 components", "get", Pick("given", key=HOT_DEEP), small),
            Case("[], 5 components", "item", Pick("given", key=HOT_DEEP), indexed),
            Case("get, absent", "get", Pick("given", key=ABSENT), misses),
            Case("get, dict of 5 fields", "object", fields, small),
            Case("msgspec decodes 5 fields", "decode", fields, (YARDSTICKS,)),
            Case(LOOP, "nothing", Pick("hot"), (YARDSTICKS,)),
        ],
    )
    for size in run.plan.sizes:
        peers = run.need(size)
        read_once(run, NAME, first_case(size), size)
        case = random_case(size)
        run.measure(NAME, [Case(case, "get", Pick("random", size), peers)])


def read_once(run: Run, workload: str, case: str, size: int, x: float | None = None) -> None:
    """The first read of each key by those who keep something of it: what follows are later ones.
    And by a dict, for comparison."""
    for peer in run.peers:
        if peer.keeps or peer.name == "dict":
            with run.attempt(case, peer.name):
                times = run.measurer.ask(read_each, peer.name, size, run.plan.rounds)
                run.add(workload, case, peer.name, "ns", times, x)
