# SPDX-License-Identifier: Apache-2.0
"""The extensions of TAGGED values: one a type.

An encoder takes (value, writer) and returns (code, payload), or None for a value that MessagePack
holds as it is. A decoder takes (payload, buffers). Types of other packages are found when
a value of them comes along: nothing is imported before.
"""

import datetime
import decimal
import importlib
import struct
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tryget._core import FIXED, FIXED_IN_ZONE
from tryget._errors import CodecMissing

if TYPE_CHECKING:
    from tryget.codecs.safe import Writer

Encoder = Callable[[Any, "Writer"], tuple[int, bytes] | None]
Buffers = list[memoryview]
Decoder = Callable[[memoryview, Buffers], Any]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode

INT, COMPLEX, TEXT, BYTEARRAY, MEMORYVIEW = 10, 11, 12, 13, 14
DATE, TIME, DATETIME, TIMEDELTA, TIMEZONE = 15, 16, 17, 18, 19
DECIMAL, UUID = 20, 21
ARRAY, SCALAR = 30, 31
ARROW = 40


class Unstorable(TypeError):
    """A type that the codec has no form for."""

    names_no_key = True  # whoever knows the key puts it before the text


def has_utf8(text: str) -> bool:
    """Whether the text is free of lone surrogates."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def inside(reference: int | bytes, buffers: Buffers) -> memoryview:
    """The bytes that `Writer.outside` gave a reference to."""
    return memoryview(reference) if isinstance(reference, bytes) else buffers[reference]


# ---- numbers and text ------------------------------------------------------------------------


def _int(value: int, _: "Writer") -> tuple[int, bytes] | None:
    if -(1 << 63) <= value < 1 << 64:
        return None
    return INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _read_int(payload: memoryview, _: Buffers) -> int:
    return int.from_bytes(payload, "little", signed=True)


def _complex(value: complex, _: "Writer") -> tuple[int, bytes]:
    return COMPLEX, struct.pack("<dd", value.real, value.imag)


def _read_complex(payload: memoryview, _: Buffers) -> complex:
    return complex(*struct.unpack("<dd", payload))


def _text(value: str, _: "Writer") -> tuple[int, bytes] | None:
    return None if has_utf8(value) else (TEXT, value.encode("utf-8", "surrogatepass"))


def _read_text(payload: memoryview, _: Buffers) -> str:
    return str(payload, "utf-8", "surrogatepass")


def _decimal(value: decimal.Decimal, _: "Writer") -> tuple[int, bytes]:
    return DECIMAL, str(value).encode()


def _read_decimal(payload: memoryview, _: Buffers) -> decimal.Decimal:
    return decimal.Decimal(str(payload, "ascii"))


def _uuid(value: uuid.UUID, _: "Writer") -> tuple[int, bytes]:
    return UUID, value.bytes


def _read_uuid(payload: memoryview, _: Buffers) -> uuid.UUID:
    return uuid.UUID(bytes=bytes(payload))


# ---- buffers ---------------------------------------------------------------------------------


def _bytearray(value: bytearray, writer: "Writer") -> tuple[int, bytes]:
    return BYTEARRAY, _pack(writer.outside(value))


def _read_bytearray(payload: memoryview, buffers: Buffers) -> bytearray:
    return bytearray(inside(_unpack(payload), buffers))


def _memoryview(value: memoryview, writer: "Writer") -> tuple[int, bytes]:
    try:
        memoryview(bytes(value.itemsize)).cast(value.format)  # type: ignore[call-overload]
    except (ValueError, TypeError):
        raise Unstorable(
            f"codec 'safe' does not store a memoryview of format {value.format!r}: cast it to a "
            "native format, or store bytes or an array"
        ) from None
    if value.ndim > 1 and value.nbytes == 0:
        raise Unstorable(f"codec 'safe' does not store an empty memoryview of {value.ndim} axes")
    return MEMORYVIEW, _pack([value.format, value.shape, writer.outside(value)])


def _read_memoryview(payload: memoryview, buffers: Buffers) -> memoryview:
    form, shape, reference = _unpack(payload)
    view = inside(reference, buffers)
    return view.cast(form) if len(shape) == 1 else view.cast(form, shape)


# ---- dates and times -------------------------------------------------------------------------


def _zone(zone: datetime.tzinfo | None) -> Any:
    """A time zone as MessagePack: nothing, the key of a named one, or an offset and a name."""
    if zone is None:
        return None
    if type(zone) is datetime.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset.days, offset.seconds, offset.microseconds, *name]
    key = getattr(zone, "key", None) if _is_named(type(zone)) else None
    if key is not None:
        return key
    raise Unstorable(
        f"codec 'safe' does not store the time zone {zone!r}: use datetime.timezone or a "
        "ZoneInfo with a key"
    )


def _is_named(kind: type) -> bool:
    """Whether it is ZoneInfo, which most have no need to import."""
    return kind.__module__ == "zoneinfo" and kind is _named_zone()


def _named_zone() -> Any:
    kind: Any = importlib.import_module("zoneinfo").ZoneInfo
    FIXED.add(kind)
    return kind


def _read_zone(parts: Any) -> datetime.tzinfo | None:
    if parts is None:
        return None
    if isinstance(parts, str):
        zone: datetime.tzinfo = _named_zone()(parts)
        return zone
    days, seconds, microseconds, *name = parts
    return datetime.timezone(datetime.timedelta(days, seconds, microseconds), *name)


def _date(value: datetime.date, _: "Writer") -> tuple[int, bytes]:
    return DATE, _pack([value.year, value.month, value.day])


def _read_date(payload: memoryview, _: Buffers) -> datetime.date:
    return datetime.date(*_unpack(payload))


def _time(value: datetime.time, _: "Writer") -> tuple[int, bytes]:
    fields = [value.hour, value.minute, value.second, value.microsecond]
    return TIME, _pack([*fields, _zone(value.tzinfo), value.fold])


def _read_time(payload: memoryview, _: Buffers) -> datetime.time:
    *fields, zone, fold = _unpack(payload)
    return datetime.time(*fields).replace(tzinfo=_read_zone(zone), fold=fold)


def _datetime(value: datetime.datetime, _: "Writer") -> tuple[int, bytes]:
    fields = [*value.timetuple()[:6], value.microsecond]
    return DATETIME, _pack([*fields, _zone(value.tzinfo), value.fold])


def _read_datetime(payload: memoryview, _: Buffers) -> datetime.datetime:
    *fields, zone, fold = _unpack(payload)
    return datetime.datetime(*fields).replace(tzinfo=_read_zone(zone), fold=fold)


def _timedelta(value: datetime.timedelta, _: "Writer") -> tuple[int, bytes]:
    return TIMEDELTA, _pack([value.days, value.seconds, value.microseconds])


def _read_timedelta(payload: memoryview, _: Buffers) -> datetime.timedelta:
    return datetime.timedelta(*_unpack(payload))


def _timezone(value: datetime.tzinfo, _: "Writer") -> tuple[int, bytes]:
    return TIMEZONE, _pack(_zone(value))


def _read_timezone(payload: memoryview, _: Buffers) -> datetime.tzinfo | None:
    return _read_zone(_unpack(payload))


# ---- by type, by number ----------------------------------------------------------------------

ENCODERS: dict[type, Encoder] = {
    int: _int,
    complex: _complex,
    str: _text,
    decimal.Decimal: _decimal,
    uuid.UUID: _uuid,
    bytearray: _bytearray,
    memoryview: _memoryview,
    datetime.date: _date,
    datetime.time: _time,
    datetime.datetime: _datetime,
    datetime.timedelta: _timedelta,
    datetime.timezone: _timezone,
}

_DECODERS: dict[int, Decoder] = {
    INT: _read_int,
    COMPLEX: _read_complex,
    TEXT: _read_text,
    DECIMAL: _read_decimal,
    UUID: _read_uuid,
    BYTEARRAY: _read_bytearray,
    MEMORYVIEW: _read_memoryview,
    DATE: _read_date,
    TIME: _read_time,
    DATETIME: _read_datetime,
    TIMEDELTA: _read_timedelta,
    TIMEZONE: _read_timezone,
}


FIXED.update(
    (complex, decimal.Decimal, uuid.UUID, datetime.date, datetime.timedelta, datetime.timezone)
)
FIXED_IN_ZONE.update((datetime.time, datetime.datetime))


def find_encoder(value: Any) -> Encoder | None:
    """The encoder of a type that another package made, remembered for the next time."""
    encoder: Encoder | None
    package = type(value).__module__.partition(".")[0]
    if package == "zoneinfo":
        encoder = _timezone if _is_named(type(value)) else None
    elif package == "numpy":
        from tryget.codecs import arrays

        encoder = arrays.find_encoder(value)
    elif package == "pyarrow":
        from tryget.codecs import arrow

        encoder = arrow.find_encoder(value)
    else:
        return None
    if encoder is not None:
        ENCODERS[type(value)] = encoder
    return encoder


def decode(code: int, payload: memoryview, buffers: Buffers) -> Any:
    """The value of an extension."""
    decoder = _DECODERS.get(code)
    if decoder is None:
        decoder = _DECODERS[code] = _find_decoder(code)
    return decoder(payload, buffers)


def _find_decoder(code: int) -> Decoder:
    try:
        if code in (ARRAY, SCALAR):
            from tryget.codecs import arrays

            return arrays.read_array if code == ARRAY else arrays.read_scalar
        if code == ARROW:
            from tryget.codecs import arrow

            return arrow.read
    except ModuleNotFoundError as problem:
        raise CodecMissing(f"reading this value needs {problem.name}: install it") from problem
    raise CodecMissing(f"the value holds a type (number {code}) of a newer version of tryget")
