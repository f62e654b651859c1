# SPDX-License-Identifier: Apache-2.0
"""Goal: what Python says of a public call is what the reference says of it.

Method: signatures and docstrings as `inspect` and `help` find them, of calls in C too.
Failure means an editor, `help` or a wrapper that knows nothing of a call, or something wrong.
"""

import inspect
from typing import Any

import pytest

import tryget
from tryget.store.readonly import ReadOnlyStore

THREADS_SHARE_THE_STORE = True  # none is used

CALLS = {
    "get": "(key, default=None)",
    "set": "(key, value, *, ttl=None)",
    "add": "(key, value, *, ttl=None)",
    "delete": "(key, /)",
    "drop": "(key, /)",
    "touch": "(key, ttl)",
    "compare_and_set": "(key, version, value, *, ttl=None)",
    "get_or_create": "(key, factory, *, ttl=None, timeout=None, lease=None, absent_ttl=60.0)",
    "children": "(key=None)",
    "walk": "(key=None)",
    "keys": "(prefix=None)",
    "usage": "(key=None)",
    "stat": "(key)",
    "pin": "(key)",
    "try_get": "(key)",
    "increment": "(key, delta=1, *, initial=None)",
    "rename": "(old, new, *, replace=False)",
    "set_many": "(mapping, *, ttl=None)",
    "get_many": "(keys)",
    "delete_many": "(keys)",
    "setdefault": "(key, default=None)",
    "verify": "(deep=False)",
}


def shown(function: Any) -> str:
    """A signature without `self` and annotations."""
    signature = inspect.signature(function)
    return str(
        signature.replace(
            parameters=[
                one.replace(annotation=one.empty)
                for one in signature.parameters.values()
                if one.name != "self"
            ],
            return_annotation=signature.empty,
        )
    )


@pytest.mark.parametrize("kind", [tryget.Store, ReadOnlyStore])
@pytest.mark.parametrize("name", CALLS)
def test_of_a_store(kind: type[tryget.Store], name: str) -> None:
    assert shown(getattr(kind, name)) == CALLS[name]


def test_of_the_parts() -> None:
    assert shown(tryget.LockRef) == "(buffer=None, offset=0, *, store=None)"
    assert shown(tryget.LockRef.lock) == "(timeout=None)"
    assert shown(tryget.Epoch) == "(store=None)"
    assert shown(tryget.Epoch.elapsed) == "(cookie)"


@pytest.mark.parametrize("kind", [tryget.Store, tryget.Pin, tryget.LockRef, tryget.Epoch])
def test_each_public_call_has_a_docstring(kind: type) -> None:
    for name in dir(kind):
        call = getattr(kind, name)
        if callable(call) and name[0] != "_" and not name.startswith("raw_"):
            assert call.__doc__, name
