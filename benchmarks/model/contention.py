#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Predicts how reads of one hot object scale with cores, by the mechanism that protects it.

  contention.py measure [--out FILE]      what a line's handover costs here (a C compiler, 2 cores)
  contention.py predict [--costs FILE]    operations a second, 1 to 128 cores
  contention.py check [--costs FILE]      against two cores here, and against published tables

The arithmetic is in mechanisms.py, the tables in published.py. README.md says where it is wrong.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import mechanisms
import published
from mechanisms import Machine

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "costs.json"
CORES = (1, 2, 4, 8, 16, 32, 64, 128)
Costs = dict[str, dict[str, float]]


def measure() -> Costs:
    """Compiles costs.c and runs it."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/costs"
        command = ["cc", "-std=c11", "-D_GNU_SOURCE=", "-O3", "-o", program, "costs.c", "-lpthread"]
        subprocess.run(command, cwd=HERE, check=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def machine_of(costs: Costs, group: int, far: float) -> Machine:
    """`far` in multiples of a near handover. A near one is what `ranges_64` shows: two cores and 64
    lines, so nobody waits, and half of all visits find the line with the other core."""
    own = costs["lockref_own"]["1"]
    near = (costs["ranges_64"]["2"] - own) / 0.5
    machine = Machine(own, near, near * far, group)
    return mechanisms.fitted(machine, costs["lockref"]["2"])


# ---- predict --------------------------------------------------------------------------------


def rows(costs: Costs, machine: Machine, private: float) -> dict[str, Callable[[int], float]]:
    """Operations a nanosecond by cores, of each mechanism."""
    sticky, ledger, epoch = (costs[name]["1"] for name in ("sticky", "ledger", "epoch"))
    return {
        "lockref, one object": lambda n: mechanisms.lockref(machine, n, private),
        "sticky pins": lambda n: mechanisms.apart(machine, n, private, sticky),
        "ledger pins": lambda n: mechanisms.apart(machine, n, private, ledger),
        "epochs": lambda n: mechanisms.apart(machine, n, private, epoch),
        "epochs, a scan per 10 us": lambda n: mechanisms.epoch_with_scans(
            machine, n, private, epoch, 1e-4
        ),
        "range locks, 1 range": lambda n: mechanisms.ranges(machine, n, private, 1),
        "range locks, 16 ranges": lambda n: mechanisms.ranges(machine, n, private, 16),
        "range locks, 256 ranges": lambda n: mechanisms.ranges(machine, n, private, 256),
        "one lock, held 50 ns": lambda n: mechanisms.lock(machine, n, private, 50.0),
    }


def predict(costs: Costs, machine: Machine, private: float) -> None:
    """A table, in millions a second."""
    print(
        f"M operations/s; {private:g} ns of private work each; own pair {machine.own:.1f} ns, "
        f"handover {machine.near:.0f} ns within {machine.group} cores, {machine.far:.0f} beyond"
    )
    print(f"{'':26}" + "".join(f"{cores:>9}" for cores in CORES))
    for name, rate in rows(costs, machine, private).items():
        print(f"{name:26}" + "".join(f"{rate(cores) * 1e3:9.1f}" for cores in CORES))


# ---- check ----------------------------------------------------------------------------------


def two_cores(costs: Costs, machine: Machine) -> list[tuple[str, float, float]]:
    """(what, predicted, measured): nanoseconds an operation of each of two cores. The loops that
    the machine was fitted to are not among them."""
    found = []

    def add(name: str, rate: float) -> None:
        found.append((name, 2 / rate, costs[name]["2"]))

    for steps in (100, 400):
        private = costs[f"walk_{steps}"]["1"]
        add(f"lockref_{steps}", mechanisms.lockref(machine, 2, private))
    add("ranges_16", mechanisms.ranges(machine, 2, 0.0, 16))
    for name in ("lockref_own", "sticky", "ledger", "epoch"):
        add(name, mechanisms.apart(machine, 2, 0.0, costs[name]["1"]))
    return found


def check(costs: Costs, machine: Machine) -> None:
    """Prints predictions beside what was measured."""
    print("two cores here, ns an operation of each: predicted, measured, error")
    for name, predicted, measured in two_cores(costs, machine):
        print(f"  {name:14} {predicted:8.1f} {measured:8.1f} {predicted / measured - 1:+7.0%}")
    print(
        f"  a handover is {machine.near:.0f} ns by the lines at random that it is fitted to, "
        f"{costs['handover']['2']:.0f} where two cores take turns at one"
    )
    print("\npublished curves: first and last point fitted, the others predicted")
    for curve in published.FAULTS:
        private, serial = published.fit(curve)
        print(f"  {curve.name}: {private:.0f} ns private, {serial:.0f} ns serial an operation")
        errors = [f"{one.cores}: {one.error:+.0%}" for one in published.between(curve)]
        print(f"    error by threads  {', '.join(errors)}")
    print("\npublished pairs: the serial time they imply, beside the model's visit")
    for pair in published.PAIRS:
        visit = machine.visit(pair.cores, 1.0)
        print(f"  {pair.name}, {pair.cores} cores: {pair.remark}")
        print(
            f"    before {published.implied(pair.before, pair.visits):.0f} ns a visit, "
            f"after {published.implied(pair.after, pair.visits):.0f}; a visit here {visit:.0f}; "
            f"private work after, were nothing shared: {pair.cores * 1e9 / pair.after:.0f} ns"
        )


# ---- the command ----------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = found.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure", help="costs of a line's handover, as JSON")
    measuring.add_argument("--out", type=Path, help="a file for them; else they are printed")
    for name, text in (("predict", "operations a second"), ("check", "against what is known")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--costs", type=Path, default=REFERENCE, help="what `measure` wrote")
        command.add_argument("--group", type=int, default=16, help="cores that share a cache (16)")
        command.add_argument(
            "--far", type=float, default=3.0, help="a far handover, in near ones (3)"
        )
        command.add_argument("--private", type=float, default=30.0, help="ns between visits (30)")
    return found


def main(arguments: list[str]) -> None:
    """The program."""
    chosen = parser().parse_args(arguments)
    if chosen.command == "measure":
        text = json.dumps(measure(), indent=1) + "\n"
        if chosen.out is None:
            print(text, end="")
        else:
            chosen.out.write_text(text)
        return
    costs: Costs = json.loads(chosen.costs.read_text())
    machine = machine_of(costs, chosen.group, chosen.far)
    if chosen.command == "predict":
        predict(costs, machine, chosen.private)
    else:
        check(costs, machine)


if __name__ == "__main__":
    main(sys.argv[1:])
