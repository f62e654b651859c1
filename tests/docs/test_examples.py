# SPDX-License-Identifier: Apache-2.0
"""Goal: what the pages and docstrings show is what happens.

Method: each page's ```python blocks run in order, as one program in one namespace, with a folder
of stores of its own; blocks with prompts are doctests. A block is left out only under a line
`<!-- not run: reason -->`. Failure means that a reader who copies an example gets an error.
"""

import dataclasses
import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import tryget

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(
    r"(?P<skip><!-- not run: .+? -->\s*)?^```python[ \t]*\n(?P<code>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(autouse=True)
def _own_stores(tmp_path: Path) -> Iterator[None]:
    """Examples may name their stores as they like."""
    with pytest.MonkeyPatch.context() as patch:
        folder = Path("/dev/shm") / f"tryget-docs-{tmp_path.name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        patch.setenv("TRYGET_DIR", str(folder))
        patch.chdir(tmp_path)
        yield
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """(line, code) of each block that is to run."""
    for match in BLOCK.finditer(text):
        if not match["skip"]:
            yield text.count("\n", 0, match.start("code")), match["code"]


def run_page(path: str, text: str) -> int:
    """Runs the blocks of a page; the number of them."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    count = 0
    for line, code in blocks(text):
        count += 1
        if ">>> " in code:
            test = doctest.DocTestParser().get_doctest(code, namespace, path, path, line)
            test.globs = namespace
            report: list[str] = []
            if runner.run(test, out=report.append, clear_globs=False).failed:
                pytest.fail("".join(report))
        else:
            exec(compile("\n" * line + code, path, "exec"), namespace)
    return count


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in PAGES])
def test_the_examples_of_a_page_run(page: str) -> None:
    run_page(page, (ROOT / page).read_text(encoding="utf-8"))


def modules() -> Iterator[ModuleType]:
    """The package's modules that can be imported here."""
    yield tryget
    for info in pkgutil.walk_packages(tryget.__path__, "tryget."):
        if not info.name.startswith("tryget.integrations.") and "__main__" not in info.name:
            yield importlib.import_module(info.name)


def test_the_examples_of_docstrings_run() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    for module in modules():
        for test in finder.find(module):
            runner.run(test, out=report.append)
    if report:
        pytest.fail("".join(report))


def test_every_public_class_and_function_shows_an_example() -> None:
    bare = [
        name
        for name in getattr(tryget, "__all__", [])
        if callable(thing := getattr(tryget, name))
        and not dataclasses.is_dataclass(thing)
        and not (isinstance(thing, type) and issubclass(thing, BaseException))
        and ">>> " not in (thing.__doc__ or "")
    ]
    assert bare == []


def test_a_wrong_example_fails() -> None:
    assert run_page("a page", "```python\nx = 1\n```\n```python\n>>> x\n1\n```\n") == 2
    with pytest.raises(pytest.fail.Exception):
        run_page("a page", "```python\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(ZeroDivisionError):
        run_page("a page", "```python\n1 / 0\n```\n")
    assert run_page("a page", "<!-- not run: shows an error -->\n```python\n1 / 0\n```\n") == 0
