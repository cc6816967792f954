"""Answers of queries in every form that `--output` knows."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.cli import streams
from pipeline.cli.output import as_json, visible, write_json_lines
from pipeline.errors import QueryFailed, UsageError
from pipeline.queries.forms import as_csv, write_parquet
from pipeline.queries.values import listed

if TYPE_CHECKING:
    from pipeline.queries import Answer

FORMS = ("table", "csv", "json", "jsonl", "parquet")


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
        write_parquet(answer, sys.stdout.buffer)
    elif form == "table":
        sys.stdout.writelines(_table_lines(answer))
    else:
        streams.as_data(sys.stdout)
        _write_data(answer, form)
    sys.stdout.flush()


def _write_data(answer: "Answer", form: str) -> None:
    if form == "csv":
        sys.stdout.write(as_csv(answer, visible if sys.stdout.isatty() else None))
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


def _as_it_is(value: Any) -> Any:
    return value
