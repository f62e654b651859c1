# SPDX-License-Identifier: Apache-2.0
"""The rules for every text: licence line, width, size, nothing left undone, no dead reference."""

import ast
import re
import tomllib
from collections.abc import Iterator

from tree import Finding, Function, Tree, functions

SPDX = "SPDX-License-Identifier: Apache-2.0"
SOURCES = (
    *("**/*.c", "**/*.h", "**/*.py", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.sh", "**/*.js"),
    *("**/meson.build", "meson.options", "Makefile", ".ci/run", "tools/*"),
)
NOT_SOURCES = re.compile(r".*\.(toml|md)")
SIZED = ("**/*.c", "**/*.h", "**/*.py", "**/*.pyi", "**/*.pyx", "**/*.pxd", "**/*.js")
COLUMNS = 100
FILE_SOFT, FILE_HARD = 300, 500
FUNCTION_HARD = 70
RATCHET = "tools/ratchet.toml"


def licence_line(tree: Tree) -> Iterator[Finding]:
    """The first line (the second after `#!`) of a source is its licence."""
    for path in tree.select(*SOURCES):
        if NOT_SOURCES.fullmatch(path):
            continue
        lines = tree.lines(path)
        line = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
        if not line or SPDX not in line[0]:
            yield Finding(path, 1, "licence", f"the first line is not `{SPDX}`")


def width(tree: Tree) -> Iterator[Finding]:
    """No line of a source is longer than 100 columns."""
    for path in tree.select(*SOURCES):
        if NOT_SOURCES.fullmatch(path):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS:
                yield Finding(path, number, "width", f"{len(line)} columns, {COLUMNS} are allowed")


UNDONE = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b")


def nothing_undone(tree: Tree) -> Iterator[Finding]:
    """What is left to do is in the issue tracker, not in the source."""
    for path in tree.texts:
        for number, line in enumerate(tree.lines(path), 1):
            if match := UNDONE.search(line):
                yield Finding(path, number, "undone", f"`{match[0]}`: do it, or open an issue")


# The brackets keep this file from matching itself.
BANNED = (
    r"(?<![\w.])[/]work[/]",
    r"(?<![\w.])[/]root[/]",
    r"(?<![\w.])[/]home[/]\w+",
    r"\bthis [s]ession\b",
    r"\b[h]elper agent",
    r"\b[s]ub-?agent",
    r"\b[L]LMs?\b",
    r"\b[l]anguage model",
    r"\b[A]I[- ](?:assistant|generated|written)",
    r"\b[p]rompt(?:ed)? by\b",
    r"\bthe [l]ead(?:'s)? (?:may|will|writes|wrote|decides|edits)\b",
    r"\b[c]olleagues?\b",
    r"\bthe [b]rief\b",
)


def banned_words(tree: Tree) -> Iterator[Finding]:
    """The repository speaks of tryget, not of the machine or the people it was written on."""
    regex = re.compile("|".join(BANNED), re.IGNORECASE)
    for path in tree.texts:
        for number, line in enumerate(tree.lines(path), 1):
            if match := regex.search(line):
                yield Finding(path, number, "words", f"`{match[0]}` says nothing about tryget")


PAGE = re.compile(r"(?<![\w*/.-])(?:\.\.?/)*([\w-][\w./-]*\.md)\b(?!`?\s*=)")
URL = re.compile(r"https?://\S+")


def dead_references(tree: Tree) -> Iterator[Finding]:
    """A page that is named exists."""
    pages = [f"/{path}" for path in tree.select("**/*.md")]
    for path in tree.texts:
        if path.startswith("tests/tidy/"):
            continue  # examples of pages that do not exist
        for number, line in enumerate(tree.lines(path), 1):
            for match in PAGE.finditer(URL.sub("", line)):
                if not any(page.endswith(f"/{match[1]}") for page in pages):
                    yield Finding(path, number, "reference", f"there is no page {match[1]}")


def python_functions(text: str) -> Iterator[Function]:
    """The functions of a Python file; a docstring does not count."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            spared = docstring.count("\n") + 1 if docstring is not None else 0
            yield Function(node.name, node.lineno + spared, node.end_lineno or node.lineno)


_CYTHON_HEAD = re.compile(r"^(\s*)(?:async )?(?:def|cdef(?! class)|cpdef)\b.*?(\w+)\s*\(")


def cython_functions(text: str) -> Iterator[Function]:
    """The functions of a Cython file, by indentation."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        match = _CYTHON_HEAD.match(line)
        if not match:
            continue
        end = start
        open_brackets = 0
        for number in range(start, len(lines)):
            inner = lines[number]
            deeper = inner.strip() and len(inner) - len(inner.lstrip()) > len(match[1])
            if number > start and inner.strip() and not deeper and open_brackets <= 0:
                break
            open_brackets += inner.count("(") - inner.count(")")
            if inner.strip():
                end = number
        yield Function(match[2], start + 1, end + 1)


def sizes(tree: Tree) -> tuple[dict[str, int], dict[str, int]]:
    """Lines of each file, and of each `file:function` (the longest of a name)."""
    files: dict[str, int] = {}
    bodies: dict[str, int] = {}
    for path in tree.select(*SIZED):
        text = tree.texts[path]
        files[path] = text.count("\n")
        if path.endswith((".c", ".h")):
            found = functions(tree.code(path))
        elif path.endswith(".py"):
            found = python_functions(text)
        elif path.endswith(".pyx"):
            found = cython_functions(text)
        else:
            continue
        for one in found:
            key = f"{path}:{one.name}"
            bodies[key] = max(bodies.get(key, 0), one.last - one.first + 1)
    return files, bodies


def _over(
    kind: str, found: dict[str, int], limit: int, listed: dict[str, int]
) -> Iterator[Finding]:
    for name in sorted(found.keys() | listed.keys()):
        lines, path = found.get(name, 0), name.split(":")[0]
        allowed = listed.get(name, limit)
        if lines > allowed:
            message = f"{kind} {name} has {lines} lines; {allowed} are allowed"
            yield Finding(path, 1, "size", message)
        elif name in listed and lines <= limit:
            yield Finding(RATCHET, 1, "size", f"{name} is small now: remove it from the list")
        elif name in listed and lines < allowed:
            yield Finding(RATCHET, 1, "size", f"{name} shrank: its number is {lines} now")


def size(tree: Tree) -> Iterator[Finding]:
    """Files to 500 lines, functions to 70; the giants in the ratchet may only shrink."""
    ratchet = tomllib.loads(tree.texts.get(RATCHET, ""))
    files, bodies = sizes(tree)
    yield from _over("file", files, FILE_HARD, ratchet.get("files", {}))
    yield from _over("function", bodies, FUNCTION_HARD, ratchet.get("functions", {}))


def large_files(tree: Tree) -> list[str]:
    """Files over the soft limit, for the report."""
    return [f"{path} ({n})" for path, n in sizes(tree)[0].items() if n > FILE_SOFT]


RULES = (licence_line, width, nothing_undone, banned_words, dead_references, size)
