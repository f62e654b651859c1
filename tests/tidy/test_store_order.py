# SPDX-License-Identifier: Apache-2.0
"""Goal: `make order` would see a compiler that moved a store.

Method: listings with one defect, and a real object file whose line numbers are swapped, which is
what moved stores look like. Failure means that recovery could meet a log cleared before it was
applied, and no test would know.
"""

from pathlib import Path

import pytest

import store_order
from store_order import Step, is_store, misplaced, runs


@pytest.mark.parametrize(
    "instruction",
    [
        "mov %rax,0x8(%rdi)",
        "movq $0x0,(%rdi,%rax,8)",
        "lock cmpxchg %rdx,(%rsi)",
        "lock or %eax,(%rdi)",
        "xchg %rax,(%rdi)",
        "stlr x1, [x0]",
        "str w1, [x0, #8]",
    ],
)
def test_a_store_is_known(instruction: str) -> None:
    assert is_store(instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        "mov 0x8(%rdi),%rax",
        "lea (%rdi),%rax",
        "cmp %rax,(%rdi)",
        "call *0x8(%rax)",
        "ldar x0, [x1]",
    ],
)
def test_what_stores_nothing_is_none(instruction: str) -> None:
    assert not is_store(instruction)


def test_a_run_ends_at_a_jump_and_at_its_target() -> None:
    listing = [(0, "nop"), (1, "je 3 <f+0x3>"), (2, "nop"), (3, "nop"), (4, "ret")]
    assert [run for run, _, _ in runs(listing)] == [0, 0, 1, 2, 2]


def test_a_later_line_that_comes_first_is_seen() -> None:
    early = Step(0, 0, (("a.c", 10),))
    late = Step(8, 0, (("a.c", 20),))
    assert misplaced([early, late]) == []
    assert misplaced([late, early]) == [(late, early)]
    assert misplaced([late, early._replace(run=1)]) == []  # another way through the function


def test_inlined_stores_are_compared_where_their_calls_part() -> None:
    first = Step(0, 0, (("a.c", 10), ("b.h", 90)))
    second = Step(8, 0, (("a.c", 10), ("b.h", 91)))
    other = Step(16, 0, (("a.c", 11), ("b.h", 5)))
    assert misplaced([first, second, other]) == []
    assert len(misplaced([other, first])) == 1
    assert len(misplaced([second, first])) == 1


def test_the_rounds_of_an_unrolled_loop_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "csrc").mkdir()
    (tmp_path / "csrc/a.h").write_text("#pragma GCC unroll 4\nfor (;;) {\nx;\ny;\n}\nz;\n")
    loops = store_order.unrolled(tmp_path)
    last, first, behind = (Step(8 * i, 0, (("a.h", line),)) for i, line in enumerate((4, 3, 6)))
    assert misplaced([last, first]) == [(last, first)]
    assert misplaced([last, first, behind], loops) == []
    assert misplaced([behind, first], loops) == [(behind, first)]


def object_of(folder: Path, lines: tuple[int, int]) -> Path:
    """Two stores through a seam, said to be on `lines`."""
    (folder / "atomic.h").write_text("static inline void set(volatile int *p) {\n    *p = 1;\n}\n")
    text = '#include "atomic.h"\nvoid f(int *a, int *b) {\n'
    for line, name in zip(lines, "ab", strict=True):
        text += f'#line {line} "x.c"\nset({name});\n'
    (folder / "x.c").write_text(text + "}\n")
    store_order.compiled(folder / "x.c", folder / "x.o")
    return folder / "x.o"


def test_swapped_stores_of_a_real_object_are_seen(tmp_path: Path) -> None:
    for lines, count in (((10, 20), 0), ((20, 10), 1)):
        target = object_of(tmp_path, lines)
        steps = store_order.stores(target, "f", store_order.disassemble(target)["f"])
        assert len(steps) == 2
        assert len(misplaced(steps)) == count
