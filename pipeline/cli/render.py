"""Answers of queries in every form that `--output` knows."""

import csv
import io
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.output import iso, json_lines, table

if TYPE_CHECKING:
    from pipeline.queries import Answer

FORMS = ("table", "csv", "json", "jsonl", "parquet")
NULL = "\u2013"
# A spreadsheet runs a cell that begins so as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def write(answer: "Answer", form: str) -> None:
    """Write an answer to stdout; Parquet as bytes."""
    if form == "table":
        sys.stdout.write(answer_table(answer))
    elif form == "csv":
        sys.stdout.write(as_csv(answer))
    elif form == "jsonl":
        sys.stdout.writelines(json_lines(answer.table))
    elif form == "json":
        import msgspec

        sys.stdout.write(msgspec.json.encode(answer.as_json()).decode() + "\n")
    else:
        from pyarrow import parquet

        sys.stdout.flush()
        parquet.write_table(answer.table, sys.stdout.buffer)


def answer_table(answer: "Answer") -> str:
    """A table for people: numbers grouped and to the right, bytes with three digits."""
    columns = answer.table.to_pydict()
    cells = [
        [_cell(value, column.unit) for value in values]
        for column, values in zip(answer.columns, columns.values(), strict=True)
    ]
    right = [column.type not in ("varchar", "timestamp(3)", "boolean") for column in answer.columns]
    rows = list(zip(*cells, strict=True))
    if not rows:
        return ""
    return table([column.name for column in answer.columns], rows, right)


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


def _cell(value: object, unit: str) -> str:
    if value is None:
        return NULL
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and unit == "bytes":
        return size(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float) and unit == "share":
        return f"{value:.2%}" if abs(value) < 0.01 else f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.2g}"
    if isinstance(value, list):
        return ", ".join(f"{key}={word}" for key, word in value)
    return str(value)


def size(count: float) -> str:
    """Bytes with three significant digits, in decimal units."""
    place = 0
    while abs(count) >= 999.5 and place < len(UNITS) - 1:
        count /= 1000
        place += 1
    return f"{count:.3g} {UNITS[place]}" if place else f"{count:.0f} B"


def footer(answer: "Answer") -> str:
    """What an answer cost, for stderr."""
    count = len(answer.table)
    return (
        f"{count:,} row{'' if count == 1 else 's'} · {answer.seconds:.2f} s · "
        f"{size(answer.bytes_scanned)} read · 0 USD · {answer.engine}, local\n"
    )


def demo_note(home: Path) -> str:
    """Said when an answer comes from the demo's home."""
    return f"note: the home is empty; this is the demo's data, in {home}\n"
