# SPDX-License-Identifier: Apache-2.0
"""Goal: the public annotations say what the calls return. mypy reads this file, nothing runs it.

Each use of the interface is followed by `assert_type`; what must be refused carries a
`# type: ignore[code]`, which mypy reports when it is not needed.
"""

from types import ModuleType
from typing import assert_type

import tryget

assert_type(tryget, ModuleType)
