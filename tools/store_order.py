#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The compiler kept the order of our stores: read from the machine code of a release build.

A killed process leaves a program-order prefix of its stores (docs/internals/failure-model.md),
so the stores of the core must leave the compiler in the order of the source. This compiles each
file of the core as a release does, finds the instructions that `csrc/base/atomic.h` made, asks the
debug information which line of which (inlined) function each came from, and reports a straight
run of instructions in which a later line comes first. Between such runs (at jumps) it sees
nothing; and a function in MUST_STORE that shows fewer stores than it says is an error, so that
the check can't go blind.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from tree import REPOSITORY

FLAGS = ["-std=c11", "-O3", "-g", "-fPIC", "-fno-strict-aliasing", "-ffunction-sections"]
SEAM = "atomic.h"
# The functions recovery relies on: file, function, stores seen at least.
MUST_STORE = (
    ("csrc/journal/journal.c", "tg_commit", 2),
    ("csrc/journal/journal.c", "tg_journal_replay", 1),
    ("csrc/names/set.c", "set_leaf", 26),
    ("csrc/owner/lock.c", "tg_unlock_inner", 2),
)

_FUNCTION = re.compile(r"^[0-9a-f]+ <([\w.]+)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
_JUMP = re.compile(r"^(?:j\w+|call\w*|ret\w*|b|b\.\w+|bl|br|blr|cbn?z|tbn?z)\b")
_TARGET = re.compile(r"\b([0-9a-f]+) <[\w.]+(?:\+0x[0-9a-f]+)?>")
_STORE = re.compile(
    r"^(?:(?:lock\s+)?\w+\s+(?:.*,)?[^,]*\([^()]*\)$"  # x86-64: the last operand is memory
    r"|(?:st[lx]?[lx]?r|stp|swp\w*|cas\w*|ld(?:add|set|clr)\w*)\b)"  # aarch64
)
_NO_STORE = re.compile(r"^(?:lea|cmp|test|prefetch|nop|bt|call|jmp|j)\w*\b")


class Step(NamedTuple):
    """One store: its address, the straight run it is in, and its lines, outermost first."""

    address: int
    run: int
    lines: tuple[tuple[str, int], ...]


def is_store(instruction: str) -> bool:
    """Whether an instruction writes memory."""
    text = instruction.split("#")[0].split("//")[0].strip()
    return bool(_STORE.match(text)) and not _NO_STORE.match(text)


def runs(listing: list[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """(run, address, instruction): a run ends at a jump and before a jump's target."""
    targets = set()
    for _, text in listing:
        if _JUMP.match(text) and (match := _TARGET.search(text)):
            targets.add(int(match[1], 16))
    run = 0
    for address, text in listing:
        if address in targets:
            run += 1
        yield run, address, text
        if _JUMP.match(text):
            run += 1


Loops = dict[str, list[range]]


def unrolled(root: Path) -> Loops:
    """file name -> the lines of each loop that is written to be unrolled: in the machine code its
    last line comes before its first one, of the next round."""
    found: Loops = {}
    for path in sorted((root / "csrc").rglob("*.[ch]")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for begin, line in enumerate(lines, 1):
            if line.strip().startswith("#pragma GCC unroll"):
                indent = lines[begin][: -len(lines[begin].lstrip())]
                end = next(at for at in range(begin, len(lines)) if lines[at] == indent + "}")
                found.setdefault(path.name, []).append(range(begin, end + 1))
    return found


def misplaced(steps: list[Step], loops: Loops | None = None) -> list[tuple[Step, Step]]:
    """Neighbours in one run whose lines are the other way round."""
    wrong = []
    for _, group in groupby(steps, key=lambda step: step.run):
        own = list(group)
        for first, second in pairwise(own):
            if _after(first.lines, second.lines, loops or {}):
                wrong.append((first, second))
    return wrong


def _after(
    first: tuple[tuple[str, int], ...], second: tuple[tuple[str, int], ...], loops: Loops
) -> bool:
    """Whether `first` is later in the source, at the level where their calls part."""
    for one, other in zip(first, second, strict=False):
        if one != other:
            rounds = any(one[1] in loop and other[1] in loop for loop in loops.get(one[0], ()))
            return one[0] == other[0] and one[1] > other[1] and not rounds
    return False


def disassemble(path: Path) -> dict[str, list[tuple[int, str]]]:
    """function -> (address in its section, instruction)."""
    command = ["objdump", "-d", "--no-show-raw-insn", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, list[tuple[int, str]]] = {}
    name = ""
    for line in text.splitlines():
        if match := _FUNCTION.match(line):
            name = match[1]
            found[name] = []
        elif name and (match := _INSTRUCTION.match(line)):
            found[name].append((int(match[1], 16), re.sub(r"\s+", " ", match[2]).strip()))
    return found


def origins(path: Path, function: str, addresses: list[int]) -> list[tuple[tuple[str, int], ...]]:
    """The lines each address came from, outermost call first."""
    command = ["addr2line", "-a", "-i", "-e", str(path), "-j", f".text.{function}"]
    asked = "\n".join(hex(address) for address in addresses)
    text = subprocess.run(command, input=asked, check=True, capture_output=True, text=True).stdout
    found: list[list[tuple[str, int]]] = []
    for line in text.splitlines():
        if line.startswith("0x"):
            found.append([])
            continue
        file, _, number = line.split(" ")[0].rpartition(":")
        found[-1].append((os.path.basename(file), int(number) if number.isdigit() else 0))
    return [tuple(reversed(lines)) for lines in found]


def stores(path: Path, function: str, listing: list[tuple[int, str]]) -> list[Step]:
    """The stores of a function that the seam made, in the order of the machine code."""
    written = [(run, address) for run, address, text in runs(listing) if is_store(text)]
    lines = origins(path, function, [address for _, address in written])
    return [
        Step(address, run, where[:-1])
        for (run, address), where in zip(written, lines, strict=True)
        if len(where) > 1 and where[-1][0] == SEAM
    ]


def compiled(source: Path, target: Path) -> None:
    """Compiles one file as a release does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, *FLAGS, "-c", str(source), "-o", str(target)], check=True)


def sources(root: Path) -> list[str]:
    """The files of the core that a release builds."""
    listing = (root / "csrc/meson.build").read_text(encoding="utf-8")
    return [f"csrc/{name}" for name in re.findall(r"'([\w/]+\.c)'", listing)]


def check(root: Path = REPOSITORY) -> tuple[int, list[str]]:
    """(stores seen, what is wrong) over the whole core."""
    seen: dict[tuple[str, str], int] = {}
    problems = []
    loops = unrolled(root)
    for path in sources(root):
        target = root / "build/order" / f"{path.replace('/', '_')}.o"
        compiled(root / path, target)
        for function, listing in disassemble(target).items():
            if function.endswith(".cold"):
                continue  # in another section, and never on the way of a store that matters
            steps = stores(target, function, listing)
            seen[path, function] = len(steps)
            for first, second in misplaced(steps, loops):
                where = " > ".join(f"{file}:{line}" for file, line in first.lines)
                after = " > ".join(f"{file}:{line}" for file, line in second.lines)
                problems.append(f"{path}: {function}: the store of {where} comes before {after}")
    for path, function, least in MUST_STORE:
        if seen.get((path, function), 0) < least:
            found = seen.get((path, function), 0)
            problems.append(f"{path}: {function} shows {found} stores, {least} are expected")
    return sum(seen.values()), problems


def main() -> int:
    """Prints what is wrong, then what was seen."""
    count, problems = check()
    for problem in problems:
        print(problem)
    print(f"{count} stores in machine code, {len(problems)} findings")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
