#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every acquire, release and fence of the core names its partner.

A call that orders memory carries a comment `PAIR name: why` on its line, at most six lines above,
or before its function. A name needs two such ends, one that releases and one that acquires; a
word whose operations pair with themselves says "self-pairing" once.

`pairs.py --check` fails on a silent call or a widow, and when docs/internals/ordering.md is not
what `pairs.py --write` would make of the sources.
"""

import re
import sys
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from tree import REPOSITORY, Finding, Function, Tree, functions, load

PAGE = "docs/internals/ordering.md"
SEAM = "csrc/base/atomic.h"
REACH = 6
CALL = re.compile(
    r"\b(tg_(?:load|store|cas|xchg|add|or|and)_(?:acquire|release|acqrel|seqcst)(?:32|64)"
    r"|tg_fence_(?:acquire|release|full))\s*\("
)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
PAIR = re.compile(r"\bPAIR\s+([a-z][\w.-]*\w)\s*(?::|\b)\s*(.*?)(?=\bPAIR\b|$)", re.DOTALL)
RELEASES = re.compile(r"release|acqrel|seqcst|full")
ACQUIRES = re.compile(r"acquire|acqrel|seqcst|full")


class Comment(NamedTuple):
    """A comment with its first and last line and what it says of each pair."""

    first: int
    last: int
    pairs: dict[str, str]
    self_pairing: bool


class End(NamedTuple):
    """One call that is an end of a pair."""

    pair: str
    path: str
    line: int
    function: str
    call: str
    why: str
    self_pairing: bool
    comment: int


def _prose(comment: str) -> str:
    """The words of a comment, without its frame."""
    lines = re.sub(r"^/\*|\*/$|^//", "", comment).splitlines()
    return " ".join(re.sub(r"^\s*\*?\s*", "", line).strip() for line in lines).strip()


def comments(text: str) -> Iterator[Comment]:
    """The comments that name a pair."""
    starts = [match.start() for match in re.finditer(r"^", text, re.MULTILINE)]
    for match in COMMENT.finditer(text):
        prose = _prose(match[0])
        pairs = {name: why.strip() for name, why in PAIR.findall(prose)}
        if pairs:
            first = bisect_right(starts, match.start())
            last = bisect_right(starts, match.end() - 1)
            yield Comment(first, last, pairs, "self-pairing" in prose)


def _covering(found: list[Comment], line: int, function: Function | None) -> Comment | None:
    """The nearest comment within reach above a call, else the one before its function."""
    floor = function.first if function else 0
    near = [one for one in found if one.first <= line and one.last >= max(line - REACH, floor)]
    if near:
        return near[-1]
    if function is None:
        return None
    before = [one for one in found if one.last in (function.first - 1, function.first)]
    return before[-1] if before else None


def calls(tree: Tree) -> Iterator[tuple[str, int, str, Function | None, Comment | None]]:
    """Every ordering call of the core, with the comment that names its pair."""
    for path in tree.select("csrc/**/*.c", "csrc/**/*.h"):
        if path == SEAM:
            continue
        code = tree.code(path)
        bodies = list(functions(code))
        notes = list(comments(tree.texts[path]))
        for number, line in enumerate(code.splitlines(), 1):
            for match in CALL.finditer(line):
                inside = next((f for f in bodies if f.first <= number <= f.last), None)
                yield path, number, match[1], inside, _covering(notes, number, inside)


def read(tree: Tree) -> tuple[list[End], list[Finding]]:
    """The ends of all pairs, and the calls that name none."""
    ends, findings = [], []
    for path, line, call, function, comment in calls(tree):
        if comment is None:
            message = f"{call} names no partner: write `PAIR name: why` above it"
            findings.append(Finding(path, line, "pairs", message))
            continue
        name = function.name if function else "?"
        for pair, why in comment.pairs.items():
            ends.append(End(pair, path, line, name, call, why, comment.self_pairing, comment.first))
    return ends, findings


def widows(ends: list[End]) -> Iterator[Finding]:
    """Pairs with one end, or with no side that releases, or none that acquires."""
    for pair in sorted({end.pair for end in ends}):
        own = [end for end in ends if end.pair == pair]
        first = own[0]
        if any(end.self_pairing for end in own):
            continue
        message = ""
        if len({(end.path, end.comment) for end in own}) < 2:
            message = 'has one end; name the other, or say "self-pairing" and why'
        elif not any(RELEASES.search(end.call) for end in own):
            message = "only acquires: nothing releases to it"
        elif not any(ACQUIRES.search(end.call) for end in own):
            message = "only releases: nothing acquires from it"
        if message:
            yield Finding(first.path, first.line, "pairs", f"pair {pair} {message}")


def page(ends: list[End]) -> str:
    """The ordering page: a table per pair, without line numbers, so that it changes seldom."""
    lines = [
        "# Who orders what before whom",
        "",
        "Made from the `PAIR` comments of `csrc/` by `make generate`; do not edit.",
        "Each pair has its ends here: what one releases, another acquires.",
    ]
    for pair in sorted({end.pair for end in ends}):
        rows: dict[tuple[str, str, str], list[str]] = {}
        for end in ends:
            if end.pair == pair:
                calls_there = rows.setdefault((end.path, end.function, end.why), [])
                if end.call not in calls_there:
                    calls_there.append(end.call)
        lines += ["", f"## {pair}", "", "| where | operation | why |", "|---|---|---|"]
        for (path, function, why), names in sorted(rows.items()):
            done = ", ".join(f"`{name}`" for name in names)
            text = why.replace("|", "\\|")
            lines.append(f"| `{path}` {function} | {done} | {text} |")
    return "\n".join(lines) + "\n"


def check(tree: Tree) -> list[Finding]:
    """All that is wrong with the pairs and their page."""
    ends, findings = read(tree)
    findings += widows(ends)
    if tree.texts.get(PAGE, "") != page(ends):
        findings.append(Finding(PAGE, 1, "pairs", "is not up to date: make generate"))
    return findings


def main(arguments: list[str]) -> int:
    """`--check` or `--write`."""
    tree = load()
    ends, _ = read(tree)
    if arguments == ["--write"]:
        (REPOSITORY / PAGE).parent.mkdir(parents=True, exist_ok=True)
        (REPOSITORY / PAGE).write_text(page(ends), encoding="utf-8")
        return 0
    if arguments != ["--check"]:
        print(__doc__)
        return 2
    findings = check(tree)
    for finding in findings:
        print(finding)
    print(f"{len({end.pair for end in ends})} pairs, {len(ends)} ends, {len(findings)} findings")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
