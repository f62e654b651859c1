# SPDX-License-Identifier: Apache-2.0
"""`store.cached`: functions whose results all processes share.

A call looks its key up. On a miss one caller among all processes runs the function while the
others wait for its result (`get_or_create`). With `refresh_before` one caller runs it again while
the old result is still good, and the others go on with that: a result that is asked for all the
time never expires.
"""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar

from tryget._core import Tally
from tryget.store.cached.call_key import CallKey, node_of
from tryget.store.cached.later import create_later
from tryget.store.cached.refresh import Refresh
from tryget.store.views import MISSING

if TYPE_CHECKING:
    from tryget.store.store import Store


P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class CacheInfo(NamedTuple):
    """What `functools.lru_cache` tells, in its order."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int | None


class CachedFunction(Protocol[P, R_co]):
    """What `store.cached` makes of a function."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @property
    def __wrapped__(self) -> Callable[P, R_co]: ...

    def cache_info(self) -> CacheInfo: ...

    def cache_clear(self) -> None: ...

    def cache_parameters(self) -> dict[str, Any]: ...

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str: ...


class Options(NamedTuple):
    """What `store.cached` was told."""

    ttl: float | None
    key: Callable[..., str] | None
    node: str | None
    refresh_before: float | None
    absent_ttl: float
    lease: float | None
    timeout: float | None


def check_function(function: Any) -> None:
    """TypeError for what can't be cached."""
    if isinstance(function, classmethod | staticmethod | property):
        raise TypeError(f"put @cached below @{type(function).__name__}, next to the function")
    if not callable(function):
        raise TypeError(f"cached decorates a function, not {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__qualname__}() yields: return a list or a tuple instead")


def check_options(store: "Store", options: Options) -> None:
    """TypeError, ValueError for options that make no sense, alone or together."""
    store.raw_check_ttl("ttl", options.ttl)
    store.raw_check_ttl("absent_ttl", options.absent_ttl)
    if options.key is not None and not callable(options.key):
        raise TypeError("key is a function of the same arguments that returns a key")
    if options.node is not None and not isinstance(options.node, str):
        raise TypeError(f"node is a key, not {type(options.node).__name__}")
    early = options.refresh_before
    if early is None:
        return
    if options.ttl is None:
        raise ValueError("refresh_before needs a ttl: without one nothing expires")
    if not 0 < early < options.ttl:
        raise ValueError(f"refresh_before is between 0 and the ttl, not {early!r}")


class Calls:
    """One decorated function: its keys, its figures, what it was told."""

    def __init__(self, store: "Store", function: Callable[..., Any], options: Options) -> None:
        check_function(function)
        self.store = store
        self.function = function
        self.options = options
        self.tally = Tally()
        self.node = self._node()
        early = options.refresh_before
        self.refresh = None if early is None else Refresh(store, options.ttl, early)
        own = options.key is not None
        self.key = self._own_key if own else CallKey(function, self.node).of_call

    def _node(self) -> str:
        """What the results stand below; the empty text: nothing in common."""
        if self.options.node is not None:
            return self.options.node
        if self.options.key is not None:
            return ""
        if not hasattr(self.function, "__qualname__"):
            raise TypeError(
                f"{self.function!r} has no name of its own: say by node= where its results belong"
            )
        return node_of(self.function)

    def _own_key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        assert self.options.key is not None
        key = self.options.key(*args, **kwargs)
        return f"{self.node}/{key}" if self.node and isinstance(key, str) else key

    def info(self) -> CacheInfo:
        """Hits and misses are of this process, the size is the store's."""
        size = self.store.usage(self.node).entries if self.node else None
        return CacheInfo(self.tally.hits, self.tally.misses, None, size)

    def clear(self) -> None:
        """Forgets the results, for all processes."""
        if not self.node:
            raise TypeError(
                "the results have keys of your own choice, nothing tells them from others: "
                "decorate with node= to keep them together, or delete them by cache_key()"
            )
        self.store.drop(self.node)
        self.tally.clear()

    def parameters(self) -> dict[str, Any]:
        return {**self.options._asdict(), "node": self.node or None}


def _call_now(calls: Calls) -> Callable[..., Any]:
    """The function that a plain one becomes."""
    get, key_of, tally, options = calls.store.get, calls.key, calls.tally, calls.options
    refresh = calls.refresh

    def build(key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        ran = False

        def factory() -> Any:
            nonlocal ran
            ran = True
            return calls.function(*args, **kwargs)

        value = calls.store.get_or_create(
            key,
            factory,
            ttl=options.ttl,
            timeout=options.timeout,
            lease=options.lease,
            absent_ttl=options.absent_ttl,
        )
        (tally.miss if ran else tally.hit)()
        return value

    def call(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        value = get(key, MISSING)
        if value is MISSING:
            return build(key, args, kwargs)
        if refresh is not None and (turn := refresh.turn(key)) is not None:
            tally.miss()
            return turn.run(value, lambda: calls.function(*args, **kwargs))
        tally.hit()
        return value

    return call


def _call_later(calls: Calls) -> Callable[..., Any]:
    """The coroutine function that one becomes."""
    get, key_of, tally, options = calls.store.get, calls.key, calls.tally, calls.options
    refresh = calls.refresh

    async def call(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        value = get(key, MISSING)
        if value is MISSING:
            value, ran = await create_later(
                calls.store,
                key,
                lambda: calls.function(*args, **kwargs),
                options.ttl,
                options.timeout,
                options.lease,
                options.absent_ttl,
            )
            (tally.miss if ran else tally.hit)()
            return value
        if refresh is not None and (turn := refresh.turn(key)) is not None:
            tally.miss()
            return await turn.run_later(value, lambda: calls.function(*args, **kwargs))
        tally.hit()
        return value

    return call


def is_coroutine_function(function: Any) -> bool:
    """Also an object that is called like one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def decorate(store: "Store", function: Callable[..., Any], options: Options) -> Any:
    """The function that looks its results up in the store first."""
    calls = Calls(store, function, options)
    make = _call_later if is_coroutine_function(function) else _call_now
    call: Any = functools.update_wrapper(make(calls), function)
    call.cache_info = calls.info
    call.cache_clear = calls.clear
    call.cache_parameters = calls.parameters
    call.cache_key = lambda *args, **kwargs: calls.key(args, kwargs)
    return call
