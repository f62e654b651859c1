# SPDX-License-Identifier: Apache-2.0
"""The repository as the checks see it: its text files, and C without comments."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent


class Finding(NamedTuple):
    """One place that breaks one rule."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} [{self.rule}]"


class Function(NamedTuple):
    """A function of a C file: its name, first and last line (from 1), and its own text."""

    name: str
    first: int
    last: int


@dataclass
class Tree:
    """Paths (with `/`, from the root) and their texts."""

    texts: dict[str, str]
    _code: dict[str, str] = field(default_factory=dict)

    def select(self, *patterns: str) -> Iterator[str]:
        """The paths that match one of the patterns; `**` matches folders."""
        regexes = [re.compile(_to_regex(pattern)) for pattern in patterns]
        return (path for path in self.texts if any(regex.fullmatch(path) for regex in regexes))

    def lines(self, path: str) -> list[str]:
        """The lines of a file."""
        return self.texts[path].splitlines()

    def code(self, path: str) -> str:
        """A C file with comments and the insides of strings blanked, lines in place."""
        if path not in self._code:
            self._code[path] = without_comments(self.texts[path])
        return self._code[path]


def _to_regex(pattern: str) -> str:
    parts = re.split(r"(\*\*/|\*)", pattern)
    return "".join({"**/": "(?:.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)


def load(root: Path = REPOSITORY) -> Tree:
    """All text files git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    texts = {}
    for path in sorted({name for name in listing.split("\0") if name}):
        try:
            texts[path] = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return Tree(texts)


_C_TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def without_comments(text: str, keep_strings: bool = True) -> str:
    """C text with comments replaced by blanks; strings too unless they name an include."""

    def blank(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", token)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if keep_strings and text[line_start : match.start()].strip().startswith("#"):
            return token
        return token[0] + " " * (len(token) - 2) + token[-1]

    return _C_TOKEN.sub(blank, text)


_NAME_BEFORE = re.compile(r"(\w+)\s*\(")


def functions(code: str) -> Iterator[Function]:
    """The functions of comment-free C, found by braces; macro bodies are skipped."""
    depth = 0
    head: list[tuple[int, str]] = []  # lines since the last `;` or `}` at depth 0
    name, first = "", 0
    in_macro = False
    for number, line in enumerate(code.splitlines(), 1):
        is_macro = in_macro or line.lstrip().startswith("#")
        in_macro = is_macro and line.rstrip().endswith("\\")
        if is_macro:
            continue
        if depth == 0 and line.strip():
            head.append((number, line))
        for character in line:
            if character == "{":
                if depth == 0:
                    name, first = _head_of_function(head)
                depth += 1
            elif character == "}":
                depth -= 1
                if depth == 0:
                    if name:
                        yield Function(name, first, number)
                    name, head = "", []
            elif character == ";" and depth == 0:
                head = []


def _head_of_function(head: list[tuple[int, str]]) -> tuple[str, int]:
    """The name and first line of a function, or an empty name for a struct or an array."""
    text = " ".join(line for _, line in head).split("{")[0].strip()
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)\s*", "", text)
    if not text.endswith(")") or "=" in text:
        return "", 0
    match = _NAME_BEFORE.search(text)
    if match is None:
        return "", 0
    name = match[1]
    if name == "TEST":
        name = text[match.end() :].rstrip(") ")
    return name, head[0][0]


def include_target(path: str, quoted: str) -> str:
    """Where `#include "quoted"` in `path` leads, as a path from the root."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / quoted).parts:
        if part == "..":
            if parts:
                parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
