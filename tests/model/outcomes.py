"""What the product made of lines, said in the words of the model, so that both can be compared."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipeline.batch import Context, read
from pipeline.batch.quarantine import Refusal
from pipeline.sources import find
from pipeline.triggers import Record
from tests.model.flow_line import Drop, Outcome, Reject, Row, words
from tests.model.samples import KNOWN

OF_A_COLUMN = ("type", "range", "address", "value", "time_range")
EPOCH = datetime(1970, 1, 1)  # Arrow gives UTC without zone


def outcomes(records: Sequence[Record], source: str, within: Context) -> list[Outcome]:
    """The outcome of every line of the records, in order; each has exactly one."""
    batch, parsed, refusals = read(records, find(source), within)
    found: dict[int, Outcome] = {}
    rows = parsed.rows.to_pylist(maps_as_pydicts="strict")
    told = [(int(line), row_of(row)) for line, row in zip(parsed.line, rows, strict=True)]
    told += [(each.line, reject_of(each, source)) for each in refusals if each.line is not None]
    for drop, lines in parsed.dropped.items():
        told += [(int(line), Drop(str(drop))) for line in lines]
    for line, outcome in told:
        assert line not in found, "a line came out twice"
        found[line] = outcome
    return [found[line] for line in range(len(batch))]


def row_of(row: dict[str, Any]) -> Row:
    values = {name: milliseconds(value) for name, value in row.items()}
    return Row(values, values.pop("event_time"), values.pop("extra"))


def only(row: Outcome, columns: Sequence[str]) -> Outcome:
    """The row without the columns of other formats in the same batch."""
    if not isinstance(row, Row):
        return row
    assert all(value is None for name, value in row.columns.items() if name not in columns)
    kept = {name: row.columns[name] for name in columns if name in row.columns}
    return Row(kept, row.event_time, row.extra)


def reject_of(refusal: Refusal, source: str) -> Reject:
    log_name, _, _ = refusal.detail.partition(": ")
    if refusal.reason not in OF_A_COLUMN or log_name not in KNOWN.get(source, ()):
        return Reject(str(refusal.reason))
    (column,) = words({"start": "start_time", "end": "end_time"}.get(log_name, log_name))
    return Reject(str(refusal.reason), column.replace("-", "_"))


def milliseconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return round((value - EPOCH).total_seconds() * 1000)
    return value
