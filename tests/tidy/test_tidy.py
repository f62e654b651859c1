# SPDX-License-Identifier: Apache-2.0
"""Goal: the rules of the house hold, and each of them is able to fail.

Method: every rule runs over a small tree that keeps it and over one that breaks it; then all run
over the repository. Failure means a rule that proves nothing, or a source that breaks one.
"""

from itertools import chain

import pytest

import tidy
from rules_text import RATCHET, SPDX, sizes
from tree import Finding, Tree, functions, load, without_comments

C = f"/* {SPDX} */\n"
PY = f"# {SPDX}\n"
C_LAYERS = {"csrc/LAYERS": "base\nos\nword\nstore\n"}
PY_LAYERS = {"src/tryget/LAYERS": "_errors\n_core\nstore\n__init__\ncli\n__main__\n"}
ESSAY = C + "/* A word.\n * What\n *   It.\n * Death: nothing.\n */\n" + "int x;\n" * 50
LONG_C = C + "int f(void) {\n" + "    f();\n" * 69 + "}\n"
LONG_PY = PY + "def f():\n" + "    f()\n" * 70
TABLE = C + "static const int table[] = {\n" + "    1,\n" * 99 + "};\n"

# (rule, a tree that keeps it, a tree that breaks it)
EXAMPLES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("licence_line", {"a.c": C, "b.py": "#!/x\n" + PY}, {"a.c": "int x;\n"}),
    ("licence_line", {"notes.md": ""}, {"b.py": "#!/x\nx = 1\n"}),
    ("licence_line", {}, {"csrc/meson.build": "x = 1\n"}),
    ("width", {"a.c": "x" * 100}, {"a.c": "x" * 101}),
    ("nothing_undone", {"a.c": "XXXXXX TODOS"}, {"a.c": "/* TO" + "DO: all */"}),
    ("nothing_undone", {}, {"a.md": "FIX" + "ME"}),
    ("banned_words", {"a.md": "a helper; a session; /var/work/x"}, {"a.md": "see /wo" + "rk/x"}),
    ("banned_words", {}, {"a.py": "# the hel" + "per agent did it"}),
    ("banned_words", {}, {"a.py": "# an LL" + "M wrote it"}),
    ("dead_references", {"a.md": "see docs/b.md", "docs/b.md": ""}, {"a.md": "see docs/b.md"}),
    ("dead_references", {"a.md": "https://x.org/y.md *.md"}, {"a.c": "/* b.md */"}),
    ("size", {"a.c": C + "x;\n" * 499, "b.c": TABLE}, {"a.c": C + "x;\n" * 500}),
    ("size", {"a.c": LONG_C.replace("    f();\n", "", 1)}, {"a.c": LONG_C}),
    ("size", {"a.py": LONG_PY.replace("    f()\n", "", 1)}, {"a.py": LONG_PY}),
    ("size", {"a.pyx": LONG_PY.replace("    f()\n", "", 1)}, {"a.pyx": LONG_PY}),
    (
        "size",
        {"a.c": LONG_C, RATCHET: '[functions]\n"a.c:f" = 71\n'},
        {"a.c": LONG_C, RATCHET: '[functions]\n"a.c:f" = 72\n'},  # it shrank and may not grow back
    ),
    ("size", {}, {"a.c": C, RATCHET: '[files]\n"a.c" = 600\n'}),
    (
        "one_seam_for_atomics",
        {"csrc/base/atomic.h": "__atomic_load_n(x)", "csrc/a/b.c": "/* volatile */ s = 'asm';"},
        {"csrc/a/b.c": "volatile int x;"},
    ),
    ("one_seam_for_atomics", {"sim/a.c": "volatile int x;"}, {"csrc/a.h": "__atomic_load_n(x)"}),
    ("one_seam_for_atomics", {}, {"csrc/a/b.c": "#include <stdatomic.h>\n"}),
    ("one_seam_for_atomics", {}, {"src/tryget/_core/a.pyx": "cimport libcpp.atomic"}),
    (
        "one_seam_for_the_system",
        {"csrc/os/linux_a.c": "#include <sys/mman.h>\n", "csrc/a/b.c": "#include <string.h>\n"},
        {"csrc/a/b.c": "#include <sys/mman.h>\n"},
    ),
    (
        "one_seam_for_the_system",
        {"csrc/base/check.c": "#include <stdio.h>\n"},
        {"csrc/a/b.h": "  # include <stdio.h>\n"},
    ),
    ("no_heap", {"csrc/os/linux.c": "free(x);", "csrc/a/b.c": "arena_free(x);"}, {}),
    ("no_heap", {"csrc/a/b.c": "pool->free(x);"}, {"csrc/a/b.c": "p = malloc (3);"}),
    (
        "c_layers",
        {**C_LAYERS, "csrc/word/a.c": '#include "../os/os.h"\n', "csrc/os/os.h": ""},
        {**C_LAYERS, "csrc/os/os.h": '#include "../word/a.h"\n', "csrc/word/a.h": ""},
    ),
    ("c_layers", C_LAYERS, {**C_LAYERS, "csrc/word/a.c": '#include "gone.h"\n'}),
    ("c_layers", C_LAYERS, {**C_LAYERS, "csrc/new/a.c": ""}),
    (
        "c_layers",
        {"csrc/os/a.c": '#include "../tryget.h"\n', "csrc/tryget.h": ""},
        {"csrc/base/a.c": '#include "../tryget.h"\n', "csrc/tryget.h": ""},
    ),
    (
        "c_layers",
        {"csrc/tryget.h": '#include "base/a.h"\n', "csrc/base/a.h": ""},
        {"csrc/tryget.h": '#include "os/a.h"\n', "csrc/os/a.h": ""},
    ),
    ("header_essays", {"csrc/word/a.h": ESSAY}, {"csrc/word/a.h": ESSAY.replace("Death", "Dead")}),
    ("header_essays", {"csrc/base/a.h": "\n" * 50}, {"csrc/word/a.h": "\n" * 50}),
    (
        "listed_files",
        {"csrc/a/b.c": "", "csrc/meson.build": "'a/b.c',"},
        {"csrc/a/b.c": "", "csrc/meson.build": "'a/bb.c',"},
    ),
    (
        "listed_files",
        {"tests/core/test_a.c": "", "tests/core/meson.build": "'a',"},
        {"tests/core/test_a.c": ""},
    ),
    ("listed_files", {}, {"src/tryget/a.py": "", "src/tryget/meson.build": ""}),
    (
        "dead_headers",
        {"csrc/tryget.h": "", "csrc/a/b.h": "", "csrc/a/b.c": '#include "b.h"\n'},
        {"csrc/a/b.h": "", "csrc/a/b.c": ""},
    ),
    (
        "python_layers",
        {**PY_LAYERS, "src/tryget/store.py": "from . import _errors\nfrom ._core import x\n"},
        {**PY_LAYERS, "src/tryget/_errors.py": "from .store import Store\n"},
    ),
    (
        "python_layers",
        {**PY_LAYERS, "src/tryget/cli/ls.py": "import tryget\nfrom .. import store\n"},
        {**PY_LAYERS, "src/tryget/store.py": "def f():\n    from tryget import cli\n"},
    ),
    ("python_layers", PY_LAYERS, {**PY_LAYERS, "src/tryget/new.py": ""}),
    ("python_layers", PY_LAYERS, {**PY_LAYERS, "src/tryget/store.py": "import tryget\n"}),
    (
        "python_layers",
        {**PY_LAYERS, "src/tryget/_core/a.pyx": "from .._errors import Error\n"},
        {**PY_LAYERS, "src/tryget/_core/a.pyx": "    from ..store import Store\n"},
    ),
    (
        "dead_modules",
        {"src/tryget/__init__.py": "from .a import x\n", "src/tryget/a.py": ""},
        {"src/tryget/__init__.py": "", "src/tryget/a.py": ""},
    ),
    ("dead_modules", {"src/tryget/a.py": "", "docs/a.md": "import tryget.a"}, {}),
    (
        "dead_cython",
        {
            "src/tryget/meson.build": "'_core/_core.pyx'",
            "src/tryget/_core/_core.pyx": 'include "a.pyx"\n',
            "src/tryget/_core/a.pyx": "",
        },
        {"src/tryget/_core/a.pyx": ""},
    ),
]


def findings(rule: str, texts: dict[str, str]) -> list[Finding]:
    return list(tidy.RULES[rule](Tree(texts)))


@pytest.mark.parametrize(("rule", "good", "bad"), EXAMPLES)
def test_a_rule_passes_what_keeps_it_and_fails_what_breaks_it(
    rule: str, good: dict[str, str], bad: dict[str, str]
) -> None:
    with_layers = {**C_LAYERS, **PY_LAYERS}
    assert findings(rule, {**with_layers, **good}) == []
    assert not bad or findings(rule, {**with_layers, **bad})


def test_each_rule_has_an_example_that_breaks_it() -> None:
    assert {rule for rule, _, bad in EXAMPLES if bad} == tidy.RULES.keys()


@pytest.mark.parametrize("rule", sorted(tidy.RULES))
def test_the_repository_keeps(rule: str) -> None:
    assert [str(finding) for finding in tidy.RULES[rule](load())] == []


def test_functions_are_found_with_their_lines() -> None:
    source = (
        "struct s {\n    int x;\n};\n"
        "static int\nfirst(int a,\n      int b) {\n    if (a) { b++; }\n    return b;\n}\n"
        "#define MACRO(x) do { \\\n    x; } while (0)\n"
        "int second(void) { return 1; }\n"
        "TEST(third) {\n}\n"
    )
    found = [tuple(one) for one in functions(without_comments(source))]
    assert found == [("first", 4, 9), ("second", 12, 12), ("third", 13, 14)]


def test_comments_and_strings_are_no_code() -> None:
    source = 'a /* b */ c // d\n"e /* f" g; \'"\' h\n#include "i.h"\n'
    code = without_comments(source)
    assert code.count("\n") == source.count("\n")
    assert not set("bdef") & set(code.replace("include", ""))
    assert '"i.h"' in code


def test_docstrings_do_not_count_as_function() -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert sizes(Tree({"a.py": text}))[1] == {"a.py:f": 2}


def test_the_walk_sees_this_file() -> None:
    paths = list(chain(load().select("tests/**/*.py"), load().select("csrc/**/*.c")))
    assert "tests/tidy/test_tidy.py" in paths
    assert "csrc/base/check.c" in paths
