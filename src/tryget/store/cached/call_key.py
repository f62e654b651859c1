# SPDX-License-Identifier: Apache-2.0
"""Keys of calls: equal calls of one function have one key, in every process.

    module.function/1,'red',None

The node is the function's name, so that its results can be listed, measured and dropped
together. The leaf is the arguments in the order of the signature, defaults filled in, each as
text that depends on nothing but its value; when that is too long for a name, its digest.

An argument that has no such text is refused: what can be changed (a list), and what would look
otherwise in another process (an object that is known by its address).
"""

import dataclasses
import datetime
import decimal
import enum
import fractions
import hashlib
import inspect
import pathlib
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Any

NAME_MAX = 255  # bytes of UTF-8 in one name of a key
ALWAYS_SHORT = NAME_MAX // 4  # characters

# Types whose repr tells equal values from others, and says it the same in every process.
_BY_REPR = frozenset(
    {
        bool,
        bytes,
        complex,
        float,
        int,
        range,
        str,
        type(None),
        type(...),
        decimal.Decimal,
        fractions.Fraction,
        uuid.UUID,
        datetime.date,
        datetime.timedelta,
        datetime.timezone,
        zoneinfo.ZoneInfo,
        type(pathlib.Path()),
        pathlib.PurePosixPath,
        pathlib.PureWindowsPath,
    }
)
_MOMENTS = (datetime.datetime, datetime.time)


class Unkeyable(TypeError):
    """An argument that no key can be made of."""


def text_of(value: Any) -> str:
    """Text that equal values of one type share, and no others. Unkeyable."""
    kind = type(value)
    if kind in _BY_REPR:
        return repr(value)
    if kind is tuple:
        return _sequence(value)
    if kind is frozenset:
        return "{" + ",".join(sorted(text_of(item) for item in value)) + "}"
    for is_kind, text in _KINDS:
        if is_kind(value):
            return text(value)
    raise Unkeyable(_why(value))


def _sequence(items: Iterable[Any]) -> str:
    return "(" + ",".join(text_of(item) for item in items) + ",)"


def _named(value: Any) -> str:
    """What a module defines is known by its name."""
    if "<" in value.__qualname__:
        raise Unkeyable(f"{value.__qualname__!r} is defined inside a function, without a name")
    return f"{value.__module__}.{value.__qualname__}"


def _member(value: enum.Enum) -> str:
    return f"{_named(type(value))}.{value.name or text_of(value.value)}"


def _is_moment(value: Any) -> bool:
    return type(value) in _MOMENTS and (value.tzinfo is None or type(value.tzinfo) in _BY_REPR)


def _is_definition(value: Any) -> bool:
    if isinstance(value, types.BuiltinFunctionType):
        return isinstance(value.__self__, types.ModuleType)
    return isinstance(value, type | types.FunctionType)


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_frozen_dataclass(value: Any) -> bool:
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _frozen_dataclass(value: Any) -> str:
    fields = dataclasses.fields(value)
    return _named(type(value)) + _sequence(getattr(value, field.name) for field in fields)


def _is_number_of_numpy(value: Any) -> bool:
    """A NumPy scalar, told without importing NumPy."""
    bases = type(value).__mro__
    return any(base.__module__ == "numpy" and base.__name__ == "generic" for base in bases)


def _number_of_numpy(value: Any) -> str:
    if value.dtype.hasobject:
        raise Unkeyable("a NumPy scalar with Python objects in it can be changed")
    return f"{value.dtype.str}:{value.tobytes().hex()}"


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], str]], ...] = (
    (lambda value: isinstance(value, enum.Enum), _member),
    (_is_moment, repr),
    (_is_definition, _named),
    (_is_named_tuple, lambda value: _named(type(value)) + _sequence(value)),
    (_is_frozen_dataclass, _frozen_dataclass),
    (_is_number_of_numpy, _number_of_numpy),
)


def _why(value: Any) -> str:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, list | dict | set | bytearray):
        return f"a {type(value).__name__} can be changed: pass a tuple, or a frozenset"
    if type(value).__hash__ is None:
        return f"{kind} is not hashable: it can be changed after the call"
    return f"{kind} is known by its address, which is another one in each process"


def _anything(*args: Any, **kwargs: Any) -> None:
    """Stands for a function of C that doesn't tell its parameters."""


def _signature_of(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:
        return inspect.signature(_anything)


class CallKey:
    """The keys of one function's calls."""

    def __init__(self, function: Callable[..., Any], node: str) -> None:
        self._prefix = f"{node}/"
        self._name = getattr(function, "__qualname__", repr(function))
        self._signature = _signature_of(function)
        self._rest = self._texts_of_defaults()

    def _texts_of_defaults(self) -> list[list[str] | None] | None:
        """For a call with n positions: the texts of what was left out, or None where that is not
        all known. None for functions that are not called by position alone."""
        texts: list[list[str] | None] = [[]]
        for parameter in reversed(list(self._signature.parameters.values())):
            if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                return None
            behind = texts[-1]
            if behind is None or type(parameter.default) not in _BY_REPR:
                texts.append(None)
            else:
                texts.append([repr(parameter.default), *behind])
        return texts[::-1]

    def of_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The key of a call: TypeError for an argument that can't be part of one."""
        rest = self._rest
        if not kwargs and rest is not None and len(args) < len(rest):
            behind = rest[len(args)]
            if behind is not None:
                texts = [repr(value) for value in args if type(value) in _BY_REPR]
                if len(texts) == len(args):
                    return self._prefix + _as_name(",".join(texts + behind))
        return self._prefix + _as_name(",".join(self._texts(args, kwargs)))

    def _texts(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        bound = self._signature.bind(*args, **kwargs)  # the TypeError that the call would raise
        bound.apply_defaults()
        texts = []
        for name, value in bound.arguments.items():
            if self._signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                value = tuple(sorted(value.items()))
            try:
                texts.append(text_of(value))
            except Unkeyable as problem:
                raise TypeError(
                    f"{self._name}(): the argument {name!r} can't be part of a key: {problem}. "
                    "Say by key= what the call is to be known by"
                ) from None
        return texts


def _as_name(text: str) -> str:
    """One name of a key."""
    name = text.replace("%", "%25").replace("/", "%2F") if "/" in text or "%" in text else text
    if len(name) <= ALWAYS_SHORT or len(name.encode("utf-8", "surrogatepass")) <= NAME_MAX:
        return name
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32)
    return "#" + digest.hexdigest()


def node_of(function: Callable[..., Any]) -> str:
    """The node of a function's results: its name. One that is defined inside another function
    has no name of its own, so what it does, and with what, is part of it."""
    module = getattr(function, "__module__", None) or "?"
    name = f"{module}.{getattr(function, '__qualname__', type(function).__qualname__)}"
    code = getattr(function, "__code__", None)
    if "<" in name and code is not None:
        name += f"#{_digest_of(function, code)}"
    return _as_name(name)


def _digest_of(function: Callable[..., Any], code: types.CodeType) -> str:
    parts = [code.co_filename, str(code.co_firstlineno), *_code_texts(code)]
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            parts.append(f"{variable}={text_of(cell.cell_contents)}")
        except (Unkeyable, ValueError):  # it can be changed, or is not there yet
            parts.append(variable)
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _code_texts(code: types.CodeType) -> list[str]:
    texts = [code.co_code.hex(), ",".join(code.co_names)]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            texts += _code_texts(constant)
        else:
            texts.append(_constant_text(constant))
    return texts


def _constant_text(constant: object) -> str:
    try:
        return text_of(constant)
    except Unkeyable:
        return type(constant).__name__
