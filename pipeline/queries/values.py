"""Values out of Arrow in the shape that JSON has: maps as objects, lengths of time in words.

Bytes are pairs of hex digits, as Athena's console shows them: 3d 31.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.errors import QueryFailed

if TYPE_CHECKING:
    import pyarrow as pa

Told = Callable[[Any], Any]


def listed(values: "pa.ChunkedArray", single: Told) -> list[Any]:
    """The values of a column, told by its type.

    Raises QueryFailed for a time that Python has no name for: it knows the years 1 to 9999.
    """
    try:
        return list(map(told_by(values.type, single), values.to_pylist()))
    except OverflowError as error:
        raise QueryFailed(
            "a time of the answer is not of the years 1 to 9999",
            "",
            "were milliseconds taken for seconds? from_unixtime(x / 1e3); or --output parquet",
        ) from error


def told_by(kind: "pa.DataType", single: Told) -> Told:
    """What makes values of a type plain; `single` does it for those that hold no others.

    By the type, not by the value: an empty map looks like an empty list, a length of time like a
    pair of a map.
    """
    from pyarrow import types

    if types.is_interval(kind):
        return _unless_null(in_words)
    if types.is_binary(kind) or types.is_large_binary(kind):
        return _unless_null(_hex)
    if types.is_map(kind):
        pair = told_by(kind.key_type, single), told_by(kind.item_type, single)
        return _unless_null(partial(_object, pair))
    if types.is_list(kind):
        return _unless_null(partial(_list, told_by(kind.value_type, single)))
    if types.is_struct(kind):
        fields = {field.name: told_by(field.type, single) for field in kind}
        return _unless_null(partial(_fields, fields))
    return single


def _hex(value: bytes) -> str:
    return value.hex(" ")


def _unless_null(told: Told) -> Told:
    return lambda value: None if value is None else told(value)


def _object(pair: tuple[Told, Told], value: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    key_of, value_of = pair
    return {str(key_of(key)): value_of(each) for key, each in value}


def _list(told: Told, value: Iterable[Any]) -> list[Any]:
    return [told(each) for each in value]


def _fields(fields: dict[str, Told], value: dict[str, Any]) -> dict[str, Any]:
    return {name: told(value[name]) for name, told in fields.items()}


def in_words(length: "pa.MonthDayNano") -> str:
    """A length of time as text: 1 month 2 days 3.5 s."""
    parts = [
        f"{count} {noun}{'' if abs(count) == 1 else 's'}"
        for count, noun in ((length.months, "month"), (length.days, "day"))
        if count
    ]
    if length.nanoseconds or not parts:
        parts.append(f"{length.nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".") + " s")
    return " ".join(parts)
