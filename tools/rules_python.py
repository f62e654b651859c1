# SPDX-License-Identifier: Apache-2.0
"""The rules for the Python package: the order of imports, and no dead module."""

import ast
import re
from collections.abc import Iterator

from tree import Finding, Tree

PACKAGE = "tryget"
SOURCE = "src/tryget/"


def _module(path: str) -> tuple[str, ...]:
    """("tryget", "cli", "ls") of src/tryget/cli/ls.py; a package's __init__ is the package."""
    parts = path.removeprefix("src/").rsplit(".", 1)[0].split("/")
    return tuple(parts[:-1] if parts[-1] == "__init__" else parts)


def _for_typing_only(tree: ast.AST) -> set[ast.AST]:
    """The nodes below `if TYPE_CHECKING`."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def _base_of_relative(path: str, level: int) -> tuple[str, ...]:
    package = tuple(path.removeprefix("src/").split("/")[:-1])
    return package[: len(package) - (level - 1)]


def imports(path: str, text: str) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """(line, module, names) of what a Python file imports from the package itself."""
    tree = ast.parse(text)
    skipped = _for_typing_only(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, tuple(alias.name.split(".")), ()
        elif isinstance(node, ast.ImportFrom):
            base = _base_of_relative(path, node.level) if node.level else ()
            module = base + tuple((node.module or "").split(".") if node.module else ())
            yield node.lineno, module, tuple(alias.name for alias in node.names)


_CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+c?import\s+(.+)|c?import\s+([\w.]+))")


def cython_imports(path: str, text: str) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """The same for a .pyx file, by pattern."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _CYTHON_IMPORT.match(line)
        if not match:
            continue
        source = match[1] or match[3]
        level = len(source) - len(source.lstrip("."))
        base = _base_of_relative(path, level) if level else ()
        names = tuple(re.findall(r"\w+", match[2].split("#")[0])) if match[2] else ()
        yield number, base + tuple(part for part in source.lstrip(".").split(".") if part), names


def _imports(tree: Tree, path: str) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    reader = cython_imports if path.endswith((".pyx", ".pxd")) else imports
    for line, module, names in reader(path, tree.texts[path]):
        if module[:1] == (PACKAGE,):
            yield line, module, names


def _layer(module: tuple[str, ...]) -> str:
    return module[1] if len(module) > 1 else "__init__"


def _targets(
    module: tuple[str, ...], names: tuple[str, ...], order: list[str]
) -> set[tuple[str, ...]]:
    """What `from module import names` needs: of the package itself, the layers named."""
    if len(module) > 1 or not names:
        return {module}
    return {(*module, name) if name in order else module for name in names}


def python_layers(tree: Tree) -> Iterator[Finding]:
    """A module imports its own layer, or one above it in src/tryget/LAYERS."""
    order = tree.texts[f"{SOURCE}LAYERS"].split()
    for path in tree.select(f"{SOURCE}**/*.py", f"{SOURCE}**/*.pyx"):
        own = path.removeprefix(SOURCE).split("/")[0].split(".")[0]
        if own not in order:
            yield Finding(path, 1, "layers", f"{own} is not in src/tryget/LAYERS")
            continue
        for line, module, names in _imports(tree, path):
            for target in sorted(_targets(module, names, order)):
                layer = _layer(target)
                if layer not in order or order.index(layer) > order.index(own):
                    yield Finding(
                        path, line, "layers", f"{own} may not import {layer}: see src/tryget/LAYERS"
                    )


def _mentioned(tree: Tree) -> str:
    """Where a module may be named that no other imports: entry points, and public pages."""
    pages = tree.select("pyproject.toml", "*.md", "docs/**/*.md")
    return "\n".join(tree.texts[path] for path in pages)


def dead_modules(tree: Tree) -> Iterator[Finding]:
    """A module is imported by another, an entry point, or documented for users to import."""
    used: set[tuple[str, ...]] = set()
    sources = list(tree.select(f"{SOURCE}**/*.py", f"{SOURCE}**/*.pyx"))
    for path in sources:
        for _, module, names in _imports(tree, path):
            used |= {module, *((*module, name) for name in names)}
    pages = _mentioned(tree)
    for path in sources:
        module = _module(path)
        name = ".".join(module)
        if module in used or path.endswith(("/__init__.py", "/__main__.py", ".pyx")):
            continue
        if not re.search(rf"\b{re.escape(name)}\b", pages):
            yield Finding(path, 1, "dead", f"nothing imports {name}, no page tells users to")


def dead_cython(tree: Tree) -> Iterator[Finding]:
    """A .pyx file is built by meson, or included by one that is."""
    included = set(re.findall(r"'([\w/]+\.pyx)'", tree.texts.get(f"{SOURCE}meson.build", "")))
    for path in tree.select(f"{SOURCE}**/*.pyx"):
        for name in re.findall(r'^include "([^"]+)"', tree.texts[path], re.MULTILINE):
            included |= {f"_core/{name}", name}
    for path in tree.select(f"{SOURCE}**/*.pyx"):
        if path.removeprefix(SOURCE) not in included:
            yield Finding(path, 1, "dead", "no .pyx file includes this one")


RULES = (python_layers, dead_modules, dead_cython)
