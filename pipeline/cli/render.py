"""Answers of queries in every form that `--output` knows."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipeline.cli import streams
from pipeline.cli.output import as_json, dated, visible, write_json_lines
from pipeline.errors import QueryFailed, UsageError
from pipeline.queries.values import listed

if TYPE_CHECKING:
    from pipeline.queries import Answer

FORMS = ("table", "csv", "json", "jsonl", "parquet")
# A spreadsheet runs a cell that begins so as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def check_form(form: str, option: str) -> None:
    """Raise UsageError for a form that is none, or that standard output cannot take."""
    if form not in FORMS:
        raise UsageError(f"there is no form {form!r}", option, f"one of {', '.join(FORMS)}")
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError(
            "Parquet is no text", "standard output is a terminal", "write it to a file: > FILE"
        )


def write(answer: "Answer", form: str) -> None:
    """Write an answer to stdout; Parquet as bytes."""
    if form == "parquet":
        _write_parquet(answer)
    elif form == "table":
        sys.stdout.writelines(_table_lines(answer))
    else:
        streams.as_data(sys.stdout)
        _write_data(answer, form)
    sys.stdout.flush()


def _write_parquet(answer: "Answer") -> None:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # Tried on no rows first: a refusal must leave nothing on standard output.
        parquet.write_table(answer.table.slice(0, 0), io.BytesIO())
    except pa.ArrowException as error:
        raise QueryFailed(
            "Parquet cannot hold a column of this answer",
            str(error).partition("\n")[0],
            "cast it: cast(... as varchar), or ask for another --output",
        ) from error
    parquet.write_table(answer.table, sys.stdout.buffer)


def _write_data(answer: "Answer", form: str) -> None:
    if form == "csv":
        sys.stdout.write(as_csv(answer, written_out=sys.stdout.isatty()))
    elif form == "jsonl":
        _check_names(answer.table.column_names)
        write_json_lines(answer.table, sys.stdout)
    else:
        import msgspec

        text = msgspec.json.encode(answer.as_json()).decode()
        sys.stdout.write(as_json(text + "\n", sys.stdout))


def _check_names(names: Sequence[str]) -> None:
    """Raise QueryFailed where an object would lose one of two columns."""
    for name in names:
        if names.count(name) > 1:
            what = f"two columns of the answer are called {name}"
            raise QueryFailed(what, "a JSON object has each name once", "give one of them AS ...")


def answer_table(answer: "Answer") -> str:
    """A table for people; on a terminal no wider than that."""
    return "".join(_table_lines(answer))


def _table_lines(answer: "Answer") -> Iterator[str]:
    from pipeline.cli.cells import cell, is_number
    from pipeline.cli.table import Column, lines

    if not len(answer.table):
        return
    columns = [
        Column(
            column.name,
            [cell(each, column) for each in listed(values, _as_it_is)],
            is_number(column),
        )
        for column, values in zip(answer.columns, answer.table.columns, strict=True)
    ]
    yield from lines(columns, streams.width())


def as_csv(answer: "Answer", written_out: bool = False) -> str:
    """CSV with a head; text that a spreadsheet would run gets a quote in front, numbers stay.

    `written_out`: with control characters as a terminal may show them.
    """
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    told = [listed(values, dated) for values in answer.table.columns]
    head = [_csv_cell(column.name) for column in answer.columns]
    rows = ([_csv_cell(value) for value in row] for row in zip(*told, strict=True))
    for line in chain([head], rows):
        writer.writerow([visible(str(each)) for each in line] if written_out else line)
    return to.getvalue()


def _as_it_is(value: Any) -> Any:
    return value


def _csv_cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value
