"""Rows that fit no record: whole in the quarantine, cut and marked on their way."""

import gzip
import json
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.deliver.memory import MemoryQuarantine
from pipeline.deliver.ndjson import encoded
from pipeline.deliver.oversize import Fitting
from pipeline.deliver.packing import RECORD_BYTES
from pipeline.schema import REJECT, Field, Table, Type, declare
from pipeline.sources import find
from pipeline.triggers import Record

AT = datetime(2026, 11, 25, 23, 59, 59, 250_000)
ARRIVAL_MS = 1_795_651_199_250
RECORDS = [Record(b"", "41", ARRIVAL_MS - 1, "a"), Record(b"", "42", ARRIVAL_MS, "b")]
TALK = declare(
    "talk",
    "Texts.",
    Field("a", Type.VARCHAR, "A text."),
    Field("b", Type.VARCHAR, "Another."),
    Field("n", Type.INT64, "A number."),
)
LIMIT = 10_000


def rows_of(*rows: dict[str, Any], table: Table = TALK) -> pa.Table:
    whole = [{"event_time": AT, "ingest_time": AT, "record_id": -2} | row for row in rows]
    return pa.Table.from_pylist(whole, table.arrow_schema)


def sent(
    rows: pa.Table, table: Table = TALK, limit: int = LIMIT
) -> tuple[list[dict[str, Any]], MemoryQuarantine]:
    """Rows as they are sent, and the quarantine."""
    quarantine = MemoryQuarantine()
    pieces = list(Fitting(table, RECORDS, quarantine, limit).lines(rows))
    assert all(size <= limit for piece in pieces for size in piece.sizes)
    text = b"".join(piece.joined() for piece in pieces)
    assert text.endswith(b"\n") or not text
    return [json.loads(line) for line in text.split(b"\n")[:-1]], quarantine


def exactly(size: int) -> pa.Table:
    """One row whose line has so many bytes."""
    rest = len(encoded(rows_of({"a": ""})))
    return rows_of({"a": "x" * (size - rest)})


@pytest.mark.fault("F4", "F5")
@pytest.mark.parametrize("limit", [LIMIT, RECORD_BYTES])
def test_a_row_is_cut_only_above_the_limit(limit: int) -> None:
    for size in (limit - 1, limit):
        rows = exactly(size)
        assert len(encoded(rows)) == size
        found, quarantine = sent(rows, limit=limit)
        assert "extra" not in found[0]
        assert quarantine.objects == {}
    (cut,), quarantine = sent(exactly(limit + 1), limit=limit)
    assert cut["extra"] == {"truncated": "a"}
    assert len(quarantine.objects) == 1


@pytest.mark.fault("F5")
def test_a_long_row_is_kept_whole_and_its_neighbours_are_as_they_were() -> None:
    rows = rows_of(
        {"a": "before", "n": 1},
        {"a": "x" * 30_000, "b": "short", "n": 2, "extra": [("k", "v")]},
        {"a": "after", "n": 3},
    )
    (before, cut, after), quarantine = sent(rows)
    assert (before["a"], after["a"]) == ("before", "after")
    assert cut["extra"] == {"k": "v", "truncated": "a"}
    assert (cut["b"], cut["n"], cut["record_id"]) == ("short", 2, -2)
    assert set(cut["a"]) == {"x"}
    # It is cut to what fits, not to nothing.
    assert LIMIT - 5_000 < len(cut["a"]) < LIMIT
    ((key, content),) = quarantine.objects.items()
    whole = encoded(rows.slice(1, 1)).rstrip(b"\n")
    assert json.loads(whole)["a"] == "x" * 30_000
    assert gzip.decompress(content) == whole
    digest = sha256(whole).hexdigest()[:16]
    assert key == f"oversize/talk/dt=2026-11-25/fffffffffffffffe-{digest}.json.gz"


def test_the_same_row_gives_the_same_object_whatever_stands_beside_it() -> None:
    rows = rows_of({"a": "x" * 30_000, "b": "y", "n": 1})
    (first, kept), (second, again) = sent(rows), sent(rows)
    assert (first, kept.objects) == (second, again.objects)
    others = rows_of(*({"a": f"x{n}", "b": "yz"[n % 2], "n": n} for n in range(9)))
    coded = pa.concat_tables([others, rows]).to_pydict()
    coded = pa.table([pa.array(coded[f.name], f.type.arrow) for f in TALK], TALK.arrow_schema.names)
    coded = coded.set_column(1, "a", coded["a"].dictionary_encode())
    assert sent(coded)[1].objects == kept.objects
    ((_, content),) = kept.objects.items()
    assert content[4:8] == b"\0\0\0\0"


@pytest.mark.fault("F5")
def test_the_whole_row_is_kept_before_the_cut_one_goes_on() -> None:
    quarantine = MemoryQuarantine()
    rows = rows_of({"a": "first"}, {"a": "x" * 30_000})
    seen = [
        (len(piece), len(quarantine.objects))
        for piece in Fitting(TALK, RECORDS, quarantine, LIMIT).lines(rows)
    ]
    assert seen == [(1, 0), (1, 1), (0, 1)]


def test_the_longest_columns_are_cut_and_named() -> None:
    (cut,), _ = sent(rows_of({"a": "x" * 20_000, "b": "y" * 40_000, "log_group": "z" * 900}))
    assert cut["extra"] == {"truncated": "b,a"}
    assert cut["b"] == "y" * 1_024
    assert len(cut["a"]) > 1_024
    assert cut["log_group"] == "z" * 900


@pytest.mark.parametrize("char", ["\U0001f600", "\x00", '"', "\\", "é"])
def test_a_text_is_cut_between_characters(char: str) -> None:
    (cut,), _ = sent(rows_of({"a": "x" + char * 20_000}))
    assert cut["a"] == "x" + char * (len(cut["a"]) - 1)
    assert len(cut["a"]) > 500


def test_long_values_of_a_map_are_cut_first_and_then_the_last_members() -> None:
    members = [("long", "x" * 50_000), *((f"k{n}", "v") for n in range(3))]
    (cut,), _ = sent(rows_of({"extra": members}))
    assert cut["extra"].keys() == {"long", "k0", "k1", "k2", "truncated"}
    assert cut["extra"]["truncated"] == "extra"
    (cut,), _ = sent(rows_of({"extra": [(f"k{n}", f"v{n}") for n in range(5_000)]}))
    kept = list(cut["extra"])
    assert kept[:-1] == [f"k{n}" for n in range(len(kept) - 1)]
    assert len(kept) > 100


def test_a_mark_of_the_log_itself_gives_way() -> None:
    (cut,), _ = sent(rows_of({"a": "x" * 30_000, "extra": [("truncated", "no"), ("k", None)]}))
    assert cut["extra"] == {"k": None, "truncated": "a"}


def test_a_table_without_extra_is_marked_where_it_keeps_fields() -> None:
    table = find("app-log").table
    rows = rows_of({"message": "x" * 30_000, "fields": [("k", "v")]}, table=table)
    (cut,), _ = sent(rows, table)
    assert cut["fields"] == {"k": "v", "truncated": "message"}


def test_in_a_table_without_a_map_a_cut_text_ends_with_an_ellipsis() -> None:
    rows = rows_of({"detail": "x" * 30_000, "reason": "json"}, table=REJECT)
    (cut,), quarantine = sent(rows, REJECT)
    assert cut["detail"].strip("x") == "…"
    assert cut["reason"] == "json"
    assert len(quarantine.objects) == 1


long_texts = st.one_of(
    st.none(),
    st.builds(
        lambda char, count: char * count, st.characters(codec="utf-8"), st.integers(0, 9_000)
    ),
)


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "a": long_texts,
                "b": long_texts,
                "extra": st.lists(
                    st.tuples(st.text(max_size=3), long_texts), max_size=3, unique_by=lambda m: m[0]
                ),
            }
        ),
        max_size=4,
    )
)
def test_every_row_fits_and_whoever_fits_is_as_it_was(rows: list[dict[str, Any]]) -> None:
    made = rows_of(*[row | {"n": place} for place, row in enumerate(rows)])
    found, quarantine = sent(made)
    assert [row["n"] for row in found] == list(range(len(rows)))
    cut = [place for place in range(len(rows)) if len(encoded(made.slice(place, 1))) > LIMIT]
    for place, row in enumerate(found):
        if place not in cut:
            assert row == json.loads(encoded(made.slice(place, 1)))
    contents = {gzip.decompress(each) + b"\n" for each in quarantine.objects.values()}
    assert contents == {encoded(made.slice(place, 1)) for place in cut}
