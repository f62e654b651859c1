# SPDX-License-Identifier: Apache-2.0
"""Goal: keys form a tree, whose nodes move and vanish with all below them.

Method: small trees through every call on nodes. Failure means a lost subtree, a ghost, or a
listing that lies.
"""

import time

import pytest

import tryget

THREADS_HAVE_A_STORE_EACH = True

TREE = {
    "users": "all",
    "users/42": "Ada",
    "users/42/name": "Ada",
    "users/42/mail/home": "a@b",
    "users/7/name": "Bob",
    "jobs/1": "one",
    "top": "leaf",
}


@pytest.fixture
def tree(store: tryget.Store) -> tryget.Store:
    """A store with a few levels."""
    store.update(TREE)
    return store


def test_a_node_whose_values_have_expired_is_absent(tree: tryget.Store) -> None:
    for key in ("brief/a", "brief/b/c/d", "brief/b/e", "users/42/mail/brief/f", "leaf"):
        tree.set(key, 1, ttl=0.1)
    while tree.get_many(["brief/a", "brief/b/c/d", "brief/b/e", "users/42/mail/brief/f", "leaf"]):
        time.sleep(0.02)
    reader = tryget.open(tree.name, directory=tree.directory, readonly=True)
    for store in (tree, reader):
        assert sorted(store.children()) == ["jobs", "top", "users"]
        assert store.children("brief") == []
        assert store.children("users/42/mail") == ["home"]
        for node in ("brief", "brief/b", "users/42/mail/brief", "leaf"):
            with pytest.raises(KeyError):
                store.stat(node)
        assert store.stat("users/42/mail").has_value is False
    tree["brief/b/c/g"] = 2
    assert tree.children("brief") == ["b"]
    assert not tree.stat("brief/b").has_value


def test_children_are_names(tree: tryget.Store) -> None:
    assert sorted(tree.children()) == ["jobs", "top", "users"]
    assert sorted(tree.children(None)) == ["jobs", "top", "users"]
    assert sorted(tree.children("users")) == ["42", "7"]
    assert sorted(tree.children("users/42")) == ["mail", "name"]
    assert tree.children("top") == []
    assert tree.children("nothing") == []
    assert tree.children("users/42/nothing/at/all") == []


def test_walk_and_keys_include_the_node_itself(tree: tryget.Store) -> None:
    below = sorted(key for key in TREE if key.startswith("users"))
    assert sorted(tree.walk("users")) == below
    assert sorted(tree.keys("users")) == below
    assert len(tree.keys("users")) == len(below)
    assert sorted(tree.walk("jobs")) == ["jobs/1"]
    assert sorted(tree.walk()) == sorted(tree.keys()) == sorted(TREE)
    assert list(tree.walk("top")) == list(tree.keys("top")) == ["top"]
    assert list(tree.walk("nothing")) == list(tree.keys("nothing")) == []
    assert "users/7/name" in tree.keys("users")
    assert "jobs/1" not in tree.keys("users")
    assert "users" in tree.keys("users")


def test_a_prefix_is_a_node_not_a_text(tree: tryget.Store) -> None:
    tree["users2"] = 1
    assert "users2" not in set(tree.keys("users"))
    assert set(tree.keys("use")) == set()


def test_parents_appear_and_vanish(store: tryget.Store) -> None:
    store["a/b/c"] = 1
    assert store.children("a") == ["b"]
    assert not store.stat("a").has_value
    store["a/b/d"] = 2
    del store["a/b/c"]
    assert store.children("a/b") == ["d"]
    del store["a/b/d"]
    assert store.children() == []
    with pytest.raises(KeyError):
        store.stat("a")


def test_a_value_and_children_at_once(store: tryget.Store) -> None:
    store["a"] = 1
    store["a/b"] = 2
    assert store["a"] == 1
    assert store["a/b"] == 2
    del store["a"]
    assert "a" not in store
    assert store["a/b"] == 2
    store["a"] = 3
    del store["a/b"]
    assert store["a"] == 3
    assert store.children("a") == []


def test_drop_removes_all_below(tree: tryget.Store) -> None:
    assert tree.drop("users") is True
    assert tree.drop("users") is False
    assert sorted(tree) == ["jobs/1", "top"]
    assert sorted(tree.children()) == ["jobs", "top"]
    assert tree.get("users/42/name") is None
    tree["users/42"] = "new"
    assert list(tree.walk("users")) == ["users/42"]
    assert tree.drop("top")
    assert not tree.drop("nothing/here")


def test_drop_takes_empty_parents_along(store: tryget.Store) -> None:
    store["a/b/c/d"] = 1
    assert store.drop("a/b/c")
    assert store.children() == []


def test_drop_of_the_root_is_clear(tree: tryget.Store) -> None:
    tree.drop(None)
    assert len(tree) == 0
    tree.update(TREE)
    assert dict(tree) == TREE


def test_rename_moves_a_subtree(tree: tryget.Store) -> None:
    tree.rename("users", "people/all")
    moved = {
        key.replace("users", "people/all", 1) if key.startswith("users") else key: value
        for key, value in TREE.items()
    }
    assert dict(tree) == moved
    assert sorted(tree.children()) == ["jobs", "people", "top"]
    tree.rename("people/all", "users")
    assert dict(tree) == TREE
    assert sorted(tree.children()) == ["jobs", "top", "users"]


def test_rename_of_a_leaf(tree: tryget.Store) -> None:
    tree.rename("users/42/name", "name")
    assert tree["name"] == "Ada"
    assert "users/42/name" not in tree
    assert tree["users/42/mail/home"] == "a@b"


def test_rename_refuses_what_is_there(tree: tryget.Store) -> None:
    for target in ("top", "jobs", "users/7/name"):
        with pytest.raises(tryget.KeyExists, match="replace=True") as caught:
            tree.rename("users/42", target)
        assert isinstance(caught.value, KeyError)
        assert target in str(caught.value)
    assert dict(tree) == TREE


def test_rename_with_replace_drops_the_target(tree: tryget.Store) -> None:
    tree.rename("users/42", "jobs", replace=True)
    assert tree["jobs"] == "Ada"
    assert tree["jobs/mail/home"] == "a@b"
    assert "jobs/1" not in tree
    tree.rename("top", "jobs/name", replace=True)
    assert tree["jobs/name"] == "leaf"


def test_rename_of_nothing_is_a_key_error(tree: tryget.Store) -> None:
    for source in ("nothing", "users/nothing", "top/nothing"):
        with pytest.raises(KeyError):
            tree.rename(source, "new")
        with pytest.raises(KeyError):
            tree.rename(source, source)
    assert dict(tree) == TREE


def test_rename_into_itself_is_a_value_error(tree: tryget.Store) -> None:
    for target in ("users/new", "users/42/mail/new", "users/new/deep"):
        for replace in (False, True):
            with pytest.raises(ValueError, match="users"):
                tree.rename("users", target, replace=replace)
    assert dict(tree) == TREE


def test_rename_onto_itself(tree: tryget.Store) -> None:
    with pytest.raises(tryget.KeyExists):
        tree.rename("users", "users")
    tree.rename("users", "users", replace=True)
    assert dict(tree) == TREE


def test_rename_onto_its_own_parent(tree: tryget.Store) -> None:
    try:
        tree.rename("users/42", "users", replace=True)
    except ValueError:
        assert dict(tree) == TREE
    else:
        assert tree["users/name"] == "Ada"
        assert "users/7/name" not in tree
    assert tree.verify().violations == ()


def test_stat(tree: tryget.Store) -> None:
    found = tree.stat("users")
    assert found.has_value
    assert found.children == 2
    assert found.kind == "str"
    assert found.nbytes == 3
    assert found.pins == 0
    assert found.expires is None
    assert found.version > 0
    empty = tree.stat("jobs")
    assert (empty.has_value, empty.children, empty.kind, empty.nbytes) == (False, 1, "directory", 0)
    with pytest.raises(KeyError):
        tree.stat("nothing")
    with pytest.raises(AttributeError):
        found.nbytes = 1  # type: ignore[misc]


def test_kinds(store: tryget.Store) -> None:
    np = pytest.importorskip("numpy")
    for value, kind in (
        (b"", "bytes"),
        ("", "str"),
        (1, "object"),
        ((1,), "object"),
        (np.zeros(3), "array"),
    ):
        store["a"] = value
        assert store.stat("a").kind == kind


def test_usage_counts_a_node_and_all_below(store: tryget.Store) -> None:
    store["a"] = bytes(10)
    store["a/b"] = bytes(100)
    store["a/c/d"] = bytes(1000)
    store["e"] = bytes(10_000)
    assert store.usage() == tryget.Usage(4, 11_110)
    assert store.usage("a") == tryget.Usage(3, 1110)
    assert store.usage("a/c") == tryget.Usage(1, 1000)
    assert store.usage("e") == tryget.Usage(1, 10_000)
    assert store.usage("nothing") == tryget.Usage(0, 0)


def test_statistics(store: tryget.Store) -> None:
    store["a"] = bytes(100_000)
    found = store.statistics()
    assert found.name == store.name
    assert found.path == store.path
    assert found.entries == 1
    assert found.bytes >= 100_000
    assert found.bytes <= found.committed <= found.limit
    assert found.processes == 1


def test_verify_of_a_quiet_store(tree: tryget.Store) -> None:
    tree.raw_tidy()
    for deep in (False, True):
        report = tree.verify(deep=deep)
        assert report.ok
        assert report.violations == ()
        assert report.leaked_bytes == 0
        assert report.exact
        assert report.records >= len(TREE)


def test_a_walk_ends_where_a_node_came_below_itself(store: tryget.Store) -> None:
    for i in range(300):
        store[f"a/b/{i}"] = i
    store["a/x"] = 1
    walk = store.walk()
    seen = [next(walk)]
    while not seen[-1].startswith("a/b/"):
        seen.append(next(walk))
    store.rename("a/b", "c")
    store.rename("a", "c/a")  # the walk is at c, on its way from a
    seen += walk
    assert {f"a/b/{i}" for i in range(300)} <= set(seen)
    assert len(seen) == len(set(seen)) <= 301
    assert store.usage("c").entries == 301


def test_wide_and_deep(store: tryget.Store) -> None:
    for number in range(3000):
        store[f"wide/{number}"] = number
    assert len(store.children("wide")) == 3000
    assert sorted(map(int, store.children("wide"))) == list(range(3000))
    deep = "/".join(["d"] * 1000)
    store[deep] = 1
    assert list(store.walk("d")) == [deep]
    store.rename("d", "e")
    assert store["e" + deep[1:]] == 1
    assert store.drop("e")
    assert len(store) == 3000
