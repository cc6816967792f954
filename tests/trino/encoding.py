"""Trino's rows in the encoding of tests/queries/truth.py, by the types that Trino says."""

import base64
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.queries.truth import Rows

Told = Callable[[Any], Any]
_FRACTION = re.compile(r"(\.\d*?)0+$")
_LENGTH = re.compile(r"(-?)(\d+) (\d+):(\d+):(\d+)\.(\d{3})")
_FLOATS = ("double", "real")


def of_trino(rows: Sequence[Sequence[Any]], types: Sequence[str]) -> Rows:
    """The rows of a result, of columns of these types."""
    told = [_told_by(each.lower()) for each in types]
    return [[by(value) for by, value in zip(told, row, strict=True)] for row in rows]


def _told_by(kind: str) -> Told:
    single = _single(kind)
    return lambda value: None if value is None else single(value)


def _single(kind: str) -> Told:
    word, _, inner = kind.partition("(")
    if word == "array":
        element = _told_by(inner[:-1])
        return lambda value: [element(each) for each in value]
    if word == "map":
        of_key, of_item = _parts(inner[:-1])
        key, item = _key(of_key), _told_by(of_item)
        return lambda value: {"map": [[key(k), item(v)] for k, v in value.items()]}
    if word == "row":
        fields = [_told_by(_type_of(part)) for part in _parts(inner[:-1])]
        return lambda value: [by(each) for by, each in zip(fields, value, strict=True)]
    return _PLAIN.get(word, _time if word.startswith(("time", "interval")) else lambda value: value)


def _key(kind: str) -> Told:
    """A key of a map: in JSON, which the answer comes in, each is text."""
    if kind in ("tinyint", "smallint", "integer", "bigint"):
        return int
    return (lambda text: text == "true") if kind == "boolean" else _told_by(kind)


def _parts(inner: str) -> list[str]:
    """What stands between the commas that are not inside of parentheses."""
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _type_of(field: str) -> str:
    """The type of a field of a row, which may have a name."""
    name, _, rest = field.partition(" ")
    named = rest and "(" not in name and name not in ("timestamp", "time", "interval")
    return rest if named else field


def _double(value: Any) -> Any:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _time(value: str) -> Any:
    """A time, or a length of one: of whatever precision, with or without zone."""
    if length := _LENGTH.fullmatch(value):
        sign, *parts = length.groups()
        days, hours, minutes, seconds, millis = map(int, parts)
        total = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis
        return {"interval_ms": -total if sign else total}
    parts = value.split(" ")
    if len(parts) == 3:
        whole, _, fraction = parts[1].partition(".")
        zone = UTC if parts[2] == "UTC" else _zone(parts[2])
        moment = datetime.fromisoformat(f"{parts[0]} {whole}").replace(tzinfo=zone)
        utc = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        return f"instant {_short(f'{utc}.{fraction}')}"
    return _short(value)


def _zone(name: str) -> Any:
    if name[0] in "+-":
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
    return ZoneInfo(name)


def _short(text: str) -> str:
    return _FRACTION.sub(r"\1", text).removesuffix(".") if "." in text else text


_PLAIN: dict[str, Told] = {
    **dict.fromkeys(_FLOATS, _double),
    "decimal": lambda value: {"dec": str(value)},
    "json": lambda value: {"json": value},
    "varbinary": lambda value: {"hex": base64.b64decode(value).hex()},
}
