# SPDX-License-Identifier: Apache-2.0
"""The rules for the core in C: two seams, the order of layers, headers that teach."""

import re
from collections.abc import Iterator

from tree import Finding, Tree, include_target

ATOMICS = re.compile(
    r"\b__atomic_\w+|\b__sync_\w+|\bstdatomic\b|\bvolatile\b|\b(?:__)?asm(?:__)?\b"
)
ATOMIC_SEAM = "csrc/base/atomic.h"
PLAIN_HEADERS = {"stddef.h", "stdint.h", "stdbool.h", "string.h"}
MORE_HEADERS = (
    (re.compile(r"csrc/base/check\.c"), {"stdio.h", "stdlib.h"}),
    (re.compile(r"csrc/store/attach\w*\.c"), {"stdlib.h"}),
)
SYSTEM_SEAM = re.compile(r"csrc/os/linux\w*\.[ch]")
HEAP = re.compile(
    r"(?<![.\w>])(?:malloc|calloc|realloc|reallocarray|aligned_alloc|strn?dup|free)\s*\("
)
HEAP_ALLOWED = re.compile(r"csrc/os/.*|csrc/store/attach\w*\.[ch]")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
TRIVIAL_HEADER_LINES = 40
INTERFACE = "csrc/tryget.h"


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _includes(tree: Tree, path: str) -> Iterator[tuple[int, str, str]]:
    """(line, bracket, name) of each include."""
    code = tree.code(path)
    for match in INCLUDE.finditer(code):
        yield _line(code, match.start(1)), match[1], match[2]


def one_seam_for_atomics(tree: Tree) -> Iterator[Finding]:
    """Only base/atomic.h names atomic builtins, `volatile` or assembler."""
    for path in tree.select("csrc/**/*.c", "csrc/**/*.h"):
        if path == ATOMIC_SEAM:
            continue
        for match in ATOMICS.finditer(tree.code(path)):
            line = _line(tree.code(path), match.start())
            yield Finding(
                path, line, "atomics", f"`{match[0]}` belongs in {ATOMIC_SEAM}; use its operations"
            )
    for path in tree.select("src/**/*.pyx", "src/**/*.pxd"):
        for number, text in enumerate(tree.lines(path), 1):
            if found := re.search(r"__atomic_|__sync_|stdatomic|libcpp\.atomic", text):
                yield Finding(path, number, "atomics", f"`{found[0]}`: call the core instead")


def one_seam_for_the_system(tree: Tree) -> Iterator[Finding]:
    """Only os/linux*.c sees the system's headers; the rest asks through os/os.h."""
    for path in tree.select("csrc/**/*.c", "csrc/**/*.h"):
        if SYSTEM_SEAM.fullmatch(path):
            continue
        allowed = set(PLAIN_HEADERS)
        for where, more in MORE_HEADERS:
            if where.fullmatch(path):
                allowed |= more
        for line, bracket, name in _includes(tree, path):
            if bracket == "<" and name not in allowed:
                yield Finding(
                    path, line, "system", f"<{name}> here; ask the system through csrc/os/os.h"
                )


def no_heap(tree: Tree) -> Iterator[Finding]:
    """No malloc once attached: private memory is made in os/ and store/attach."""
    for path in tree.select("csrc/**/*.c", "csrc/**/*.h"):
        if HEAP_ALLOWED.fullmatch(path):
            continue
        for match in HEAP.finditer(tree.code(path)):
            line = _line(tree.code(path), match.start())
            yield Finding(path, line, "heap", f"`{match[0]}...)`: no heap once attached")


def c_layers(tree: Tree) -> Iterator[Finding]:
    """A file includes its own layer, or one above it in csrc/LAYERS.

    csrc/tryget.h, the interface, has types of base/ only, so every layer may speak in its terms.
    """
    order = tree.texts["csrc/LAYERS"].split()
    for path in tree.select("csrc/**/*.c", "csrc/**/*.h"):
        own = path.split("/")[1] if path != INTERFACE else "base"
        if own not in order:
            yield Finding(path, 1, "layers", f"{own} is not in csrc/LAYERS")
            continue
        for line, bracket, name in _includes(tree, path):
            target = include_target(path, name)
            if bracket == "<" or (path, name) == ("csrc/base/check.h", "mutants.h"):
                continue
            if target == INTERFACE and own != "base":
                continue
            layer = target.split("/")[1] if target.count("/") > 1 else ""
            if target not in tree.texts:
                yield Finding(path, line, "layers", f'"{name}" is no file of csrc')
            elif layer not in order or order.index(layer) > order.index(own):
                message = f"layer {own} may not use {layer or name}: see csrc/LAYERS"
                yield Finding(path, line, "layers", message)


def header_essays(tree: Tree) -> Iterator[Finding]:
    """A header opens with an essay: what it is, and what a death leaves."""
    for path in tree.select("csrc/*/*.h"):
        if path.startswith("csrc/base/") or len(tree.lines(path)) < TRIVIAL_HEADER_LINES:
            continue
        text = tree.texts[path]
        comments = " ".join(re.findall(r"/\*.*?\*/", text.split("#define", 1)[0], re.DOTALL))
        for section in ("What", "Death"):
            if not re.search(rf"^[ \t]*\*?[ \t]*{section}\b", comments, re.MULTILINE):
                yield Finding(path, 1, "essay", f"the header's essay has no section `{section}`")


# Which meson.build must name which files.
LISTS = (
    ("csrc/**/*.c", "csrc/meson.build", "csrc/"),
    ("sim/*.c", "sim/meson.build", "sim/"),
    ("tests/model/*.c", "tests/model/meson.build", "tests/model/"),
    ("src/tryget/**/*.py", "src/tryget/meson.build", "src/tryget/"),
    ("src/tryget/**/*.pyi", "src/tryget/meson.build", "src/tryget/"),
)


def listed_files(tree: Tree) -> Iterator[Finding]:
    """Every source is in the list of its meson.build, so that it is built, run and installed."""
    for pattern, listing, prefix in LISTS:
        for path in tree.select(pattern):
            if f"'{path.removeprefix(prefix)}'" not in tree.texts.get(listing, ""):
                yield Finding(path, 1, "listed", f"add '{path.removeprefix(prefix)}' to {listing}")
    listing = "tests/core/meson.build"
    for path in tree.select("tests/core/*.c"):
        name = path.removeprefix("tests/core/test_").removesuffix(".c")
        if f"'{name}'" not in tree.texts.get(listing, ""):
            yield Finding(path, 1, "listed", f"add '{name}' to {listing}")


def dead_headers(tree: Tree) -> Iterator[Finding]:
    """A header nobody includes is dead."""
    used = {"csrc/tryget.h"}
    for path in tree.select("**/*.c", "**/*.h"):
        for _, _, name in _includes(tree, path):
            used |= {include_target(path, name), f"csrc/{name}", f"sim/{name}"}
    for path in tree.select("src/**/*.pyx", "src/**/*.pxd"):
        for name in re.findall(r'extern from "([^"]+)"', tree.texts[path]):
            used.add(f"csrc/{name}")
    for path in tree.select("csrc/**/*.h", "sim/**/*.h", "tests/**/*.h"):
        if path not in used:
            yield Finding(path, 1, "dead", "nothing includes this header")


RULES = (
    one_seam_for_atomics,
    one_seam_for_the_system,
    no_heap,
    c_layers,
    header_essays,
    listed_files,
    dead_headers,
)
