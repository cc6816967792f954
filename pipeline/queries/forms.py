"""Answers as files: CSV, JSON lines, Parquet; the same from the command line and over HTTP."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.errors import QueryFailed
from pipeline.queries.values import listed

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.queries.answer import Answer

# A spreadsheet runs a cell that begins so as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def iso(moment: datetime) -> str:
    """UTC time as 2026-11-25T14:00:00Z, with milliseconds only where there are some."""
    text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.removesuffix(".000") + "Z"


def dated(value: Any) -> Any:
    """A single value, a time as text."""
    return iso(value) if isinstance(value, datetime) else value


def as_csv(answer: "Answer", shown: Callable[[str], str] | None = None) -> str:
    """CSV with a head; text that a spreadsheet would run gets a quote in front, numbers stay.

    `shown`: what every cell becomes, for instance for a terminal.
    """
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    told = [listed(values, dated) for values in answer.table.columns]
    head = [_csv_cell(column.name) for column in answer.columns]
    rows = ([_csv_cell(value) for value in row] for row in zip(*told, strict=True))
    for line in chain([head], rows):
        writer.writerow([shown(str(each)) for each in line] if shown else line)
    return to.getvalue()


def json_lines(rows: "pa.Table") -> Iterator[str]:
    """Each row as one JSON object: timestamps ISO-8601 with Z, maps as objects, nulls kept."""
    import msgspec

    columns = [listed(values, dated) for values in rows.columns]
    for row in zip(*columns, strict=True):
        values = dict(zip(rows.column_names, row, strict=True))
        yield msgspec.json.encode(values).decode() + "\n"


def write_parquet(answer: "Answer", to: BinaryIO) -> None:
    """Write the rows as Parquet.

    Raises QueryFailed where Parquet cannot hold a column, before anything is written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        parquet.write_table(answer.table.slice(0, 0), io.BytesIO())
    except pa.ArrowException as error:
        raise QueryFailed(
            "Parquet cannot hold a column of this answer",
            str(error).partition("\n")[0],
            "cast it: cast(... as varchar), or ask for another --output",
        ) from error
    parquet.write_table(answer.table, to)


def _csv_cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value
