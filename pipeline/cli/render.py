"""Answers of queries in every form that `--output` knows."""

import csv
import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.cli import streams
from pipeline.cli.output import iso, json_lines
from pipeline.errors import UsageError

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
    if form == "table":
        sys.stdout.write(answer_table(answer))
    elif form == "parquet":
        from pyarrow import parquet

        parquet.write_table(answer.table, sys.stdout.buffer)
    else:
        streams.as_data(sys.stdout)
        _write_data(answer, form)
    sys.stdout.flush()


def _write_data(answer: "Answer", form: str) -> None:
    if form == "csv":
        sys.stdout.write(as_csv(answer))
    elif form == "jsonl":
        sys.stdout.writelines(json_lines(answer.table))
    else:
        import msgspec

        sys.stdout.write(msgspec.json.encode(answer.as_json()).decode() + "\n")


def answer_table(answer: "Answer") -> str:
    """A table for people; on a terminal no wider than that."""
    from pipeline.cli.cells import cell, is_number
    from pipeline.cli.table import Column, table

    if not len(answer.table):
        return ""
    columns = [
        Column(column.name, [cell(v, column) for v in values.to_pylist()], is_number(column))
        for column, values in zip(answer.columns, answer.table.columns, strict=True)
    ]
    return table(columns, streams.width())


def as_csv(answer: "Answer") -> str:
    """CSV with a head; text that a spreadsheet would run gets a quote in front, numbers stay."""
    to = io.StringIO()
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([column.name for column in answer.columns])
    for row in answer.table.to_pylist():
        writer.writerow([_csv_cell(value) for value in row.values()])
    return to.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value
