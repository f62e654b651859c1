# SPDX-License-Identifier: Apache-2.0
"""Goal: a decorated function is called once for equal arguments, whoever calls it, and looks like
itself. Method: calls are counted. Failure means: a result that is made twice, mixed up or stale."""

import functools
import threading

import pytest

import tryget


@pytest.fixture
def calls():
    return []


def test_a_result_is_made_once(store, calls):
    @store.cached
    def double(x):
        calls.append(x)
        return x * 2

    assert [double(1), double(1), double(2), double(x=1)] == [2, 2, 4, 2]
    assert calls == [1, 2]


def test_it_looks_like_the_function(store):
    def plain(a: int, *, b: int = 2) -> int:
        """What it does."""
        return a + b

    cached = store.cached(plain, ttl=5)
    assert cached.__wrapped__ is plain
    assert (cached.__name__, cached.__doc__) == ("plain", "What it does.")
    assert cached.__module__ == plain.__module__
    assert cached.cache_parameters() == {
        "ttl": 5,
        "key": None,
        "node": cached.cache_key(1).rpartition("/")[0],
        "refresh_before": None,
        "absent_ttl": 60.0,
        "lease": None,
        "timeout": None,
    }


def test_info_counts_this_processes_calls_and_the_stores_results(store, calls):
    @store.cached()
    def square(x):
        calls.append(x)
        return x * x

    assert square.cache_info() == (0, 0, None, 0)
    for x in (1, 2, 1, 1):
        square(x)
    info = square.cache_info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (2, 2, None, 2)
    square.cache_clear()
    assert square.cache_info() == (0, 0, None, 0)
    assert square(1) == 1
    assert calls == [1, 2, 1]


def test_clear_forgets_one_function_only(store):
    @store.cached
    def one(x):
        return x

    @store.cached
    def other(x):
        return -x

    store["else"] = 1
    assert (one(1), other(1)) == (1, -1)
    one.cache_clear()
    assert (one.cache_info().currsize, other.cache_info().currsize) == (0, 1)
    assert store["else"] == 1


def test_a_key_of_ones_own_is_the_key(store, calls):
    @store.cached(key=lambda user, detail=None: f"users/{user}/profile")
    def profile(user, detail=None):
        calls.append(user)
        return {"user": user}

    assert profile(42) == profile(42, detail=object()) == {"user": 42}
    assert store["users/42/profile"] == {"user": 42}
    assert profile.cache_key(42) == "users/42/profile"
    assert calls == [42]
    del store["users/42/profile"]
    profile(42)
    assert calls == [42, 42]
    assert profile.cache_info().currsize is None
    with pytest.raises(TypeError, match="node="):
        profile.cache_clear()


def test_a_node_keeps_results_together(store):
    @store.cached(node="squares", key=str)
    def square(x):
        return x * x

    assert (square(3), square(4)) == (9, 16)
    assert sorted(store) == ["squares/3", "squares/4"]
    square.cache_clear()
    assert list(store) == []


def test_two_functions_on_one_node_share(store, calls):
    def name_of(number):
        calls.append(number)
        return f"number {number}"

    first = store.cached(name_of, node="names")
    second = store.cached(name_of, node="names")
    assert first(1) == second(1) == "number 1"
    assert calls == [1]


@pytest.mark.parametrize("argument", [[1], {"a": 1}, {1}, object()])
def test_an_argument_without_a_key_is_named(store, argument):
    @store.cached
    def take(first, second):
        return second

    with pytest.raises(TypeError, match=r"take\(\): the argument 'second' can't be part of a key"):
        take(1, argument)
    assert list(store) == []


def test_a_method_needs_to_say_what_it_is_known_by(store, calls):
    class Reader:
        def __init__(self, name):
            self.name = name

        @store.cached
        def refused(self, page):
            return page

        @store.cached(key=lambda self, page: f"pages/{self.name}/{page}")
        def read(self, page):
            calls.append((self.name, page))
            return f"{self.name}:{page}"

    with pytest.raises(TypeError, match=r"argument 'self' .* address"):
        Reader("a").refused(1)
    assert Reader("a").read(1) == Reader("a").read(1) == "a:1"
    assert Reader("b").read(1) == "b:1"
    assert calls == [("a", 1), ("b", 1)]


def test_what_cannot_be_cached_is_refused_at_once(store):
    def counts():
        yield 1

    async def streams():
        yield 1

    for wrong in (counts, streams):
        with pytest.raises(TypeError, match="yields"):
            store.cached(wrong)
    with pytest.raises(TypeError, match="below @staticmethod"):
        store.cached(staticmethod(len))
    with pytest.raises(TypeError, match="decorates a function, not int"):
        store.cached(3)
    with pytest.raises(TypeError, match="no name of its own"):
        store.cached(functools.partial(int, base=2))
    assert store.cached(functools.partial(int, base=2), node="binary")("101") == 5


def test_wrong_options_are_refused_at_once(store):
    with pytest.raises(TypeError, match="key is a function"):
        store.cached(key="users")
    with pytest.raises(TypeError, match="node is a key"):
        store.cached(node=3)
    with pytest.raises(ValueError, match="needs a ttl"):
        store.cached(refresh_before=1)
    for early in (0, -1, 5, 6):
        with pytest.raises(ValueError, match="between 0 and the ttl"):
            store.cached(ttl=5, refresh_before=early)
    for ttl in ("5", float("nan")):
        with pytest.raises((TypeError, ValueError), match="ttl"):
            store.cached(ttl=ttl)


def test_an_exception_is_the_callers_and_nothing_is_kept(store, calls):
    @store.cached
    def fails(x):
        calls.append(x)
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(ValueError, match="7"):
            fails(7)
    assert calls == [7, 7]
    assert fails.cache_info() == (0, 0, None, 0)


def test_none_is_a_result_and_absence_is_remembered(store, calls):
    @store.cached(absent_ttl=30)
    def find(x):
        calls.append(x)
        return None if x else tryget.ABSENT

    assert [find(1), find(1), find(0), find(0)] == [None, None, tryget.ABSENT, tryget.ABSENT]
    assert calls == [1, 0]
    assert find.cache_info()[:2] == (2, 2)
    assert find.cache_info().currsize == 1


def test_a_result_that_cannot_be_stored_is_an_error(store):
    @store.cached
    def opens():
        return object()

    with pytest.raises(TypeError, match="object"):
        opens()
    assert list(store) == []


def test_recursion_over_other_arguments_works(store, calls):
    @store.cached
    def fibonacci(n):
        calls.append(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(30) == 832040
    assert sorted(calls) == list(range(31))


def test_recursion_over_the_same_arguments_is_an_error(store):
    @store.cached
    def again(n):
        return again(n)

    with pytest.raises(RecursionError):
        again(1)
    assert list(store) == []


def test_threads_that_ask_at_once_get_one_result(store, calls):
    begin = threading.Barrier(16)
    results = []

    @store.cached
    def slow(x):
        calls.append(x)
        threading.Event().wait(0.05)
        return x

    def ask():
        begin.wait()
        results.append(slow(5))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, results) == ([5], [5] * 16)
    info = slow.cache_info()
    assert (info.hits, info.misses) == (15, 1)


def test_functions_of_one_name_with_other_closures_do_not_mix(store):
    def times(k):
        @store.cached
        def product(x):
            return x * k

        return product

    assert [times(2)(5), times(3)(5), times(2)(5)] == [10, 15, 10]


def test_a_closed_store_says_so(store):
    cached = store.cached(abs, node="abs")
    assert cached(-1) == 1
    store.close()
    with pytest.raises(tryget.StoreClosed):
        cached(-1)
