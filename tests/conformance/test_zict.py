# SPDX-License-Identifier: Apache-2.0
"""Goal: the checks by which zict judges mappings pass on a Store, also from threads.

Method: zict's own functions. Failure means that a Store can't be used where zict's mappings are.
"""

import pytest

import tryget

checks = pytest.importorskip("zict.tests.utils_test")


@pytest.mark.parametrize(
    "check",
    [
        "check_empty_mapping",
        "check_mapping",
        "check_different_keys_threadsafe",
        "check_same_key_threadsafe",
        "check_bad_value_types",
    ],
)
def test_zict(store: tryget.Store, check: str) -> None:
    getattr(checks, check)(store)
