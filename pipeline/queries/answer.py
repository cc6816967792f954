"""The answer of a query: a table and what there is to know about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pipeline.errors import HomeError, NotConfigured
from pipeline.queries.engines import Question, Running, Statistics
from pipeline.queries.front_matter import Column
from pipeline.queries.values import listed
from pipeline.queries.window import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Beyond it JavaScript's numbers, and many JSON readers, lose digits.
EXACT = 2**53
IDENTITY = "record_id"


@dataclass(frozen=True)
class Answer:
    """Rows, columns as Athena types them, and where they came from.

    window   None: the query was not bounded
    seconds  from the question to the answer
    engine   its name
    cost     what it cost, and what was read
    """

    name: str
    declared: tuple[Column, ...]
    window: Window | None
    seconds: float
    engine: str
    cost: Statistics
    running: Running

    @classmethod
    def of(cls, question: Question, engine: str, running: Running, seconds: float) -> "Answer":
        """The answer to a question that is done."""
        query, cost = question.query, running.statistics()
        window = cost.window or question.window
        return cls(query.name, query.columns, window, seconds, engine, cost, running)

    @cached_property
    def table(self) -> "pa.Table":
        """All rows.

        Raises QueryFailed when the engine cannot give them (any more).
        """
        import pyarrow as pa

        return pa.concat_tables(self.running.pages())

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns; without a declaration those of the rows.

        Raises HomeError where the rows have others than the file of the query declares.
        """
        return columns_of(self.table, self.declared)

    @property
    def newest(self) -> datetime | None:
        """Newest event there is, where the answer is empty."""
        return None if self.table.num_rows else self.cost.as_of

    def df(self) -> "pd.DataFrame":
        """The rows as a pandas frame.

        Raises NotConfigured where pandas is not installed, QueryFailed as `table` does.
        """
        try:
            return self.running.frame()
        except ModuleNotFoundError as error:
            raise NotConfigured(
                f"a data frame needs {error.name}, which is not installed",
                "",
                "run make setup in the checkout",
            ) from error

    def rows(self) -> list[list[Any]]:
        """The rows as JSON can say them: record ids and whole numbers beyond 2^53 as text.

        Raises QueryFailed for what `values.listed` does not take.
        """
        columns = [
            listed(values, partial(_plain, column=column.name))
            for column, values in zip(self.columns, self.table.columns, strict=True)
        ]
        return [list(row) for row in zip(*columns, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """What `--output json` and the HTTP API say."""
        return {
            "name": self.name,
            "columns": [
                {"name": column.name, "type": column.type, "unit": column.unit}
                for column in self.columns
            ],
            "rows": self.rows(),
            "from": self.window and _plain(self.window.from_time),
            "to": self.window and _plain(self.window.to_time),
            "as_of": _plain(self.cost.as_of),
            "seconds": round(self.seconds, 3),
            "bytes_scanned": self.cost.bytes_scanned,
            "engine": self.engine,
        }


def columns_of(table: "pa.Table", declared: Sequence[Column]) -> tuple[Column, ...]:
    """The declared columns; without a declaration those of the table, with Athena's types.

    Raises HomeError where the table has others than are declared.
    """
    if not declared:
        return tuple(Column(field.name, _type(field.type)) for field in table.schema)
    names = [name.lower() for name in table.column_names]
    if names != [column.name.lower() for column in declared]:
        raise HomeError(
            "the columns that a saved query declares are not those of its answer",
            f"the answer has {', '.join(names)}",
            "correct the file",
        )
    return tuple(declared)


def _type(arrow: "pa.DataType") -> str:
    from pyarrow import types

    from pipeline.schema import Type

    if types.is_map(arrow):
        return f"map({_type(arrow.key_type)}, {_type(arrow.item_type)})"
    if types.is_list(arrow):
        return f"array({_type(arrow.value_type)})"
    if types.is_timestamp(arrow):
        return Type.TIMESTAMP.sql + (" with time zone" if arrow.tz else "")
    if types.is_decimal(arrow):
        return f"decimal({arrow.precision}, {arrow.scale})"
    others = {"date32[day]": "date", "int8": "tinyint", "int16": "smallint", "float": "real"}
    others |= {"month_day_nano_interval": "interval", "binary": "varbinary"}
    known = {str(each.arrow): each.sql for each in Type} | others
    return known.get(str(arrow), str(arrow))


def _plain(value: Any, column: str = "") -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return str(value) if column == IDENTITY or abs(value) > EXACT else value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        # Times without zone are UTC everywhere here.
        precision = "milliseconds" if value.microsecond else "seconds"
        return value.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
