#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every pair of operations on names meets in a scenario of the simulator.

Reads the casts in tests/model/names_*.c: which operation each actor makes, told apart by what
it finds (a set that replaces, inserts, brings parents along, or splits its bucket).

`matrix.py --check` fails when a pair has no scenario, and when docs/internals/pairs.md is not
what `matrix.py --write` would make of them.
"""

import re
import sys
from itertools import combinations_with_replacement
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/internals/pairs.md"
OPERATIONS = (
    "get",
    "contains",
    "list",
    "verify",
    "set",
    "insert",
    "insert with parents",
    "split",
    "add",
    "cas",
    "touch",
    "delete",
    "delete, parents go",
    "pop",
    "drop",
    "clear",
    "rename a leaf",
    "rename a directory",
    "rename over",
    "pin",
    "tidy",
)
READS = frozenset(OPERATIONS[:4])
SIMPLE = {
    "GET": "get",
    "CONTAINS": "contains",
    "LIST": "list",
    "VERIFY": "verify",
    "ADD": "add",
    "CAS": "cas",
    "TOUCH": "touch",
    "EXPIRE": "touch",
    "POP": "pop",
    "DROP": "drop",
    "CLEAR": "clear",
    "PIN": "pin",
    "TIDY": "tidy",
    "SETTLE": "tidy",
}
# Those that are killed at every point, with two preemptions where nobody is.
SCENARIO = re.compile(r"^NAMES_(?:PAIR|THREADS)\(", re.MULTILINE)
DEFINE = re.compile(r"^#define (\w+)(\(\.\.\.\))? (.*)$", re.MULTILINE)
STEP = re.compile(r"\b([A-Z]+)\(([^()]*)\)")


def _closing(text: str, start: int) -> int:
    """The position of the parenthesis that closes the one at `start`."""
    depth = 0
    quoted = False
    for at in range(start, len(text)):
        if text[at] == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            if depth == 0:
                return at
    raise ValueError(text[start : start + 80])


def _arguments(text: str) -> list[str]:
    parts, depth, quoted, last = [], 0, False, 0
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == "," and depth == 0:
                parts.append(text[last:at].strip())
                last = at + 1
    return [*parts, text[last:].strip()]


def _steps(text: str) -> list[tuple[str, list[str]]]:
    return [
        (name, [key.strip().strip('"') for key in keys.split(",")])
        for name, keys in STEP.findall(text)
        if name in SIMPLE or name in {"SET", "DELETE", "RENAME", "MOVE", "UNPIN"}
    ]


def _below(tree: set[str], key: str) -> set[str]:
    return {k for k in tree if k.startswith(key + "/")}


def _set(tree: set[str], key: str) -> str:
    parent = key.rpartition("/")[0]
    if key in tree or _below(tree, key):
        return "set"
    known = not parent or parent in tree or _below(tree, parent)
    return "insert" if known else "insert with parents"


def _delete(tree: set[str], key: str) -> str:
    parent = key.rpartition("/")[0]
    rest = tree - {key}
    stays = not parent or parent in rest or _below(rest, parent) or _below(rest, key)
    return "delete" if stays else "delete, parents go"


def _step(tree: set[str], name: str, keys: list[str]) -> str | None:
    """The operation, and what it does to the keys."""
    key = keys[0]
    found: str | None = SIMPLE.get(name)
    if name in {"SET", "ADD", "CAS"}:
        found = found or _set(tree, key)
        tree.add(key)
    elif name in {"DELETE", "POP"}:
        found = found or _delete(tree, key)
        tree.discard(key)
    elif name in {"DROP", "CLEAR"}:
        tree -= set(tree) if name == "CLEAR" else {key} | _below(tree, key)
    elif name in {"RENAME", "MOVE"}:
        moved = _below(tree, key)
        found = "rename a directory" if moved else "rename a leaf"
        found = "rename over" if name == "MOVE" else found
        tree |= {keys[1] + k[len(key) :] for k in moved | {key}}
        tree -= moved | {key}
    return found


def _cast(text: str) -> tuple[str, list[set[str]]]:
    """The name of a scenario, and the operations of each of its actors."""
    parts = _arguments(text)
    before: set[str] = set()
    for name, keys in _steps(parts[2]):
        _step(before, name, keys)
    full = ".buckets = 1" in parts[2]
    operations = []
    for actor in parts[3:5]:
        tree = set(before)
        found = {o for name, keys in _steps(actor) if (o := _step(tree, name, keys))}
        splits = full and any(o.startswith("insert") for o in found)
        operations.append(found | {"split"} if splits else found)
    return parts[0], operations


def _expanded(text: str) -> str:
    """Macros of the file are what they stand for; of one with arguments its steps are enough."""
    text = re.sub(r"\s*\\\n\s*", " ", text)
    for name, arguments, value in DEFINE.findall(text):
        steps = "".join(f"{step}, " for step in re.findall(r"\b[A-Z]+\([^()]*\)", value))
        old = rf"(?<!define )\b{name}" + (r"\(" if arguments else r"\b")
        new = f"{name}({steps}" if arguments else value
        text = new.join(re.split(old, text))
    return text


def casts() -> dict[str, list[set[str]]]:
    """All scenarios of several actors."""
    found = {}
    for path in sorted((ROOT / "tests/model").glob("names_*.c")):
        text = _expanded(path.read_text())
        for match in SCENARIO.finditer(text):
            end = _closing(text, match.end() - 1)
            name, operations = _cast(text[match.end() : end])
            found[name] = operations
    return found


def meetings() -> dict[tuple[str, str], list[str]]:
    """For each pair of operations, in the order of OPERATIONS, where they meet."""
    pairs: dict[tuple[str, str], list[str]] = {
        pair: [] for pair in combinations_with_replacement(OPERATIONS, 2)
    }
    for name, actors in casts().items():
        met = {
            tuple(sorted((one, other), key=OPERATIONS.index))
            for i, first in enumerate(actors)
            for second in actors[i + 1 :]
            for one in first
            for other in second
        }
        for one, other in met:
            pairs[one, other].append(name)
    return pairs


def missing(pairs: dict[tuple[str, str], list[str]]) -> list[tuple[str, str]]:
    return [pair for pair, names in pairs.items() if not names and not READS.issuperset(pair)]


def page(pairs: dict[tuple[str, str], list[str]]) -> str:
    lines = [
        "# Which operations meet where",
        "",
        "Generated by `make generate` from the casts in `tests/model/names_*.c`. Each pair of",
        "operations on names meets in the scenarios of its cell, by two processes or threads:",
        "explored with two preemptions, and with one and a kill at every point. Reads do not meet",
        "reads: neither changes what the other looks at. Below names, the pairs are those of",
        "[scenarios](scenarios.md): locks, counts, transactions, epochs, memory, pins, forks and",
        "recovery. Attaching, closing and real forks are the kernel's part, too:",
        "`tests/core/test_attach*.c` kills processes at each of their steps.",
        "",
        "| operation | meets | in |",
        "|---|---|---|",
    ]
    for (one, other), names in pairs.items():
        if READS.issuperset((one, other)):
            continue
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        shown = ", ".join(f"`{name}`" for name in names[:3])
        lines.append(f"| {one} | {other} | {shown}{more} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    pairs = meetings()
    for one, other in missing(pairs):
        print(f"tests/model: no scenario in which {one} meets {other} [pairs]")
    text = page(pairs)
    if arguments == ["--write"]:
        PAGE.write_text(text)
        return 0
    if arguments != ["--check"]:
        print(__doc__)
        return 2
    stale = not PAGE.exists() or PAGE.read_text() != text
    if stale:
        print(f"{PAGE.relative_to(ROOT)} is not up to date: make generate [pairs]")
    return 1 if stale or missing(pairs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
