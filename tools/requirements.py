#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what pyproject.toml asks for, one requirement a line.

`requirements.py build test` lists the build requirements, the package's own, and those of
the extras named: what a virtual environment needs before the package is built in it.
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: dict[str, object], wanted: list[str]) -> list[str]:
    """The requirements of `wanted` extras ("build" is the build system) and of the package."""
    project = pyproject["project"]
    build = pyproject["build-system"]
    assert isinstance(project, dict)
    assert isinstance(build, dict)
    lists = [project["dependencies"]]
    for name in wanted:
        lists.append(
            build["requires"] if name == "build" else project["optional-dependencies"][name]
        )
    return [one for some in lists for one in some]


if __name__ == "__main__":
    text = Path(__file__).parent.with_name("pyproject.toml").read_text()
    print(*requirements(tomllib.loads(text), sys.argv[1:]), sep="\n")
