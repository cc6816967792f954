"""Answers as objects: what goes in comes out."""

import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from pipeline import queries
from pipeline.errors import QueryFailed
from pipeline.queries.answer import Answer
from pipeline.queries.engines import Statistics
from pipeline.queries.engines.stored import Stored, answer_of, content_of, typed

MADE = datetime(2026, 11, 25, 14, 30, 0, 500_000, tzinfo=UTC)
TABLE = pa.table(
    {
        "text": ["<a>", None],
        "small": pa.array([1, None], pa.int32()),
        "large": pa.array([2**60, -1], pa.int64()),
        "part": [0.25, float("nan")],
        "yes": [True, None],
        "at": pa.array([1_795_615_200_123, None], pa.timestamp("ms")),
        "day": pa.array([20_000, None], pa.date32()),
    }
)


def stored(table: pa.Table) -> Stored:
    """A table, as an object and back."""
    window = queries.parse(MADE, since="1h")
    cost = Statistics(25_000_000, 0.000125)
    answer = Answer("x", (), window, 1.5, "athena", cost, Stored(table, cost))
    return answer_of(content_of(answer, MADE), "s3://b/k")


def test_rows_and_their_types_come_back() -> None:
    found = stored(TABLE).table
    assert found.schema.equals(TABLE.schema)
    assert str(found.to_pylist()) == str(TABLE.to_pylist())


def test_it_tells_when_it_was_asked_and_of_what_time_it_is() -> None:
    cost = stored(TABLE).cost
    assert (cost.made, cost.as_of) == (MADE.replace(microsecond=0), MADE.replace(microsecond=0))
    assert cost.window is not None
    assert cost.window.bounds_ms == (1_795_613_400_500, 1_795_617_000_500)
    assert (cost.bytes_scanned, cost.usd, cost.reused) == (25_000_000, 0.0, True)


def test_an_answer_without_rows_keeps_its_columns() -> None:
    assert stored(TABLE.slice(0, 0)).table.schema.equals(TABLE.schema)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", gzip.compress(b"{}"), gzip.compress(b"[1]"), gzip.compress(b'{"a"'), b"\x1f\x8b"],
)
def test_a_damaged_object_is_told(content: bytes) -> None:
    with pytest.raises(QueryFailed, match="an answer that is kept cannot be read"):
        answer_of(content, "s3://b/k")


def test_values_that_hold_others_are_text() -> None:
    assert typed([["a"], {"b": 1}, None], "array(varchar)").to_pylist() == [
        '["a"]',
        '{"b":1}',
        None,
    ]
