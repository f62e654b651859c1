#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of STYLE.md that a program can check. tests/tidy shows that each of them can fail.

`tidy.py` checks the repository; `tidy.py RULE...` only the rules whose names contain an argument.
"""

import sys
from collections.abc import Callable, Iterator

import rules_c
import rules_python
import rules_text
from tree import Finding, Tree, load

RULES: dict[str, Callable[[Tree], Iterator[Finding]]] = {
    rule.__name__: rule for rule in (*rules_text.RULES, *rules_c.RULES, *rules_python.RULES)
}


def main(wanted: list[str]) -> int:
    """Prints each finding; the exit status says whether there were any."""
    tree = load()
    rules = [name for name in RULES if not wanted or any(part in name for part in wanted)]
    findings = [finding for name in rules for finding in RULES[name](tree)]
    for finding in findings:
        print(finding)
    large = rules_text.large_files(tree)
    if large:
        print(f"over {rules_text.FILE_SOFT} lines, split when convenient: {', '.join(large)}")
    print(f"{len(rules)} rules, {len(tree.texts)} files, {len(findings)} findings")
    return bool(findings) or not rules


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
