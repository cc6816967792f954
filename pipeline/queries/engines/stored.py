"""Answers that were made before, as objects: the JSON of `GET /v1/queries/{name}`, gzipped.

`as_of` is when the engine was asked: what happened later is not in it.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from pyarrow import compute as pc

from pipeline.errors import QueryFailed
from pipeline.queries.engines import Progress, Statistics
from pipeline.queries.window import Window

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.queries.answer import Answer

WHOLE = ("tinyint", "smallint", "integer", "int", "bigint")
LEVEL = 6
# What opening an object raises that is not one of ours, or not whole.
DAMAGED = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, pa.ArrowInvalid)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that is there: a question that is done before it is asked."""

    table: pa.Table
    cost: Statistics

    def poll(self) -> Progress:
        """Done."""
        return Progress("SUCCEEDED", True, self.cost.bytes_scanned)

    def cancel(self) -> None:
        """There is nothing to break off."""

    def pages(self) -> Iterator[pa.Table]:
        """The rows."""
        yield self.table

    def frame(self) -> "pd.DataFrame":
        """The rows as a pandas frame."""
        found: pd.DataFrame = self.table.to_pandas()
        return found

    def statistics(self) -> Statistics:
        """What it cost whoever asked it."""
        return self.cost


def content_of(answer: "Answer", made: datetime) -> bytes:
    """An answer as an object; `made`: when it was asked. Raises QueryFailed as `rows` does."""
    told = answer.as_json() | {"as_of": f"{made.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    return gzip.compress(msgspec.json.encode(told), LEVEL, mtime=0)


def answer_of(content: bytes, where: str) -> Stored:
    """The answer that an object holds. Raises QueryFailed for one that is damaged."""
    try:
        told = msgspec.json.decode(gzip.decompress(content))
        columns, rows = told["columns"], told["rows"]
        table = pa.Table.from_arrays(
            [typed([row[at] for row in rows], each["type"]) for at, each in enumerate(columns)],
            [each["name"] for each in columns],
        )
        made = _time(told["as_of"])
        window = Window(_time(told["from"]), _time(told["to"]))
        cost = Statistics(told["bytes_scanned"], reused=True, as_of=made, made=made, window=window)
    except DAMAGED as error:
        what = f"an answer that is kept cannot be read: {error}"
        fix = "it is made anew on schedule; ask Athena until then"
        raise QueryFailed(what, where, fix) from error
    return Stored(table, cost)


def typed(values: Sequence[Any], kind: str) -> pa.Array:
    """Values of JSON as Arrow has them; `kind`: the type as Athena says it."""
    bare = kind.partition("(")[0]
    if bare in WHOLE:
        # Those beyond 2^53 are text.
        to = pa.int64() if bare == "bigint" else pa.int32()
        return pa.array([None if each is None else int(each) for each in values], to)
    if bare in ("double", "real", "float"):
        return pa.array([None if each is None else float(each) for each in values], pa.float64())
    if bare == "boolean":
        return pa.array(values, pa.bool_())
    texts = pa.array([_text(each) for each in values], pa.string())
    if bare == "timestamp" and not kind.endswith("zone"):
        return pc.cast(pc.utf8_rtrim(texts, characters="Z"), pa.timestamp("ms"))
    return pc.cast(texts, pa.date32()) if bare == "date" else texts


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
