"""Answers as `truth.jsonl` has them, and whether two of them are the same.

A line of the file is an expression that was measured on Trino 476: its `id`, `sql`, `trino_type`
and `trino_value` (rows) or `trino_error`; `expect` is what our bridge does with it: "same" (the
value on DuckDB), "refused" (with a way around) or "error" (both fail).

Values: decimals {"dec": "1.50"}, maps {"map": [[key, value], ..]}, bytes {"hex": "c3a9"}, lengths
of time {"interval_ms": 1}, JSON {"json": ".."}; rows and arrays are lists; times are text without
trailing zeros of the fraction, "instant .." in UTC where they have a zone; doubles that are no
number "NaN", "Infinity", "-Infinity".
"""

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlglot
from sqlglot.tokens import TokenType

PATH = Path(__file__).with_name("truth.jsonl")
NEAR = 1e-9
Rows = list[list[Any]]


def load() -> list[dict[str, Any]]:
    """Every measured expression."""
    return [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def of_arrow(table: pa.Table) -> Rows:
    """The rows of a table."""
    columns = [
        [_encoded(value, column.type) for value in column.to_pylist()] for column in table.columns
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def is_ordered(sql: str) -> bool:
    """Whether a statement says the order of its rows; else they come in any, as UNION ALL's do."""
    depth = 0
    for token in sqlglot.tokenize(sql, read="athena"):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type is TokenType.ORDER_BY and not depth:
            return True
    return False


def same(found: Rows, wanted: Rows, ordered: bool = True) -> str:
    """Nothing when they are equal, else what differs.

    Doubles are equal within 1e-9 of their size, decimals whatever their scale, maps in any order.
    """
    if len(found) != len(wanted):
        return f"{len(found)} rows, not {len(wanted)}"
    if not ordered:
        found, wanted = sorted(found, key=_place), sorted(wanted, key=_place)
    for number, (row, other) in enumerate(zip(found, wanted, strict=True), 1):
        if not _equal(row, other):
            return f"row {number}: {row}, not {other}"
    return ""


def _encoded(value: Any, of: pa.DataType) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(of, pa.BaseExtensionType):
        return _encoded(value, of.storage_type)
    if pa.types.is_map(of):
        pairs = [[_encoded(k, of.key_type), _encoded(v, of.item_type)] for k, v in value]
        return {"map": sorted(pairs, key=_place)}
    if pa.types.is_struct(of):
        return [_encoded(value[field.name], field.type) for field in of]
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return [_encoded(each, of.value_type) for each in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else _no_number(value)
    if isinstance(value, Decimal):
        return {"dec": str(value)}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, timedelta):
        return {"interval_ms": value // timedelta(milliseconds=1)}
    if isinstance(value, datetime) and value.tzinfo:
        return f"instant {_time(value.astimezone(UTC).replace(tzinfo=None))}"
    if isinstance(value, datetime | time):
        return _time(value)
    return value.isoformat() if isinstance(value, date) else value


def _no_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _time(value: datetime | time) -> str:
    text = value.replace(microsecond=0).isoformat().replace("T", " ")
    return f"{text}.{value.microsecond:06}".rstrip("0") if value.microsecond else text


def _place(value: Any) -> tuple[str, list[float]]:
    # Doubles last: near ones may be told apart only by their rounding.
    doubles: list[float] = []

    def told(each: Any) -> Any:
        if isinstance(each, float):
            doubles.append(each)
            return "double"
        if isinstance(each, dict):
            return {key: told(inner) for key, inner in each.items()}
        return [told(inner) for inner in each] if isinstance(each, list) else each

    return json.dumps(told(value)), doubles


def _equal(found: Any, wanted: Any) -> bool:
    if type(found) is not type(wanted):
        return False
    if isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=NEAR)
    if isinstance(found, list):
        return len(found) == len(wanted) and all(map(_equal, found, wanted))
    if isinstance(found, dict):
        return found.keys() == wanted.keys() and all(
            _equal_inside(key, found[key], wanted[key]) for key in found
        )
    return bool(found == wanted)


def _equal_inside(kind: str, found: Any, wanted: Any) -> bool:
    if kind == "dec":
        return Decimal(found) == Decimal(wanted)
    if kind == "json":
        return bool(json.loads(found) == json.loads(wanted))
    if kind == "map":
        return _equal(_by_key(found), _by_key(wanted))
    return bool(found == wanted)


def _by_key(pairs: Sequence[list[Any]]) -> list[list[Any]]:
    return sorted(pairs, key=_place)
