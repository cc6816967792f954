"""JSON lines made in columns say what the rows say, whatever the rows hold."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.deliver import fragments
from pipeline.deliver.ndjson import encoded, json_lines
from pipeline.schema import Type
from pipeline.sources import find
from tests.homes import flows
from tests.processed import processed, record

TEXT = Type.VARCHAR.arrow
AWKWARD = [
    'say "hi"',
    "back\\slash",
    '\\"',
    "\\u0041",
    "tab\tline\nreturn\rfeed\x0cbell\x07back\x08",
    "\x00",
    "\x1f\x7f",
    "\u2028\u2029\x85",
    "\U0001f600",
    "é漢",
    "",
    " ",
    "{,",
    "null",
    "-",
    "�",
]


def said(rows: pa.Table) -> list[dict[str, Any]]:
    """What the lines say; each is one line."""
    text = encoded(rows)
    lines = text.split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == len(rows)
    return [json.loads(line, object_pairs_hook=_once) for line in lines]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def owed(rows: pa.Table) -> list[dict[str, Any]]:
    """The same, row by row."""
    return [
        {name: _plain(value) for name, value in row.items() if _is_json(value)}
        for row in rows.to_pylist()
    ]


def _is_json(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
    return dict(value) if isinstance(value, list) else value


@pytest.mark.parametrize("coded", [False, True])
def test_awkward_text_is_escaped(coded: bool) -> None:
    column = pa.array([*AWKWARD, None], TEXT)
    rows = pa.table({"text": column.dictionary_encode() if coded else column})
    assert said(rows) == [{"text": text} for text in AWKWARD] + [{}]
    for place, text in enumerate(AWKWARD):
        assert said(rows.slice(place, 1)) == [{"text": text}]


def test_a_line_is_this() -> None:
    at = datetime(2026, 11, 25, 14, 0, 0, 123_000)
    rows = pa.table(
        {
            "event_time": pa.array([at, None], Type.TIMESTAMP.arrow),
            "port": pa.array([443, 0], pa.int32()),
            "bytes": pa.array([None, -(1 << 63)], pa.int64()),
            "took": pa.array([0.5, 1e300]),
            "ok": pa.array([True, False]),
            "extra": pa.array([[("k", "v"), ("none", None)], []], Type.MAP.arrow),
        }
    )
    lines = encoded(rows).splitlines()
    assert sorted(lines[0].decode().strip("{ }").split(",")) == [
        '"event_time":"2026-11-25T14:00:00.123Z"',
        '"extra":{"k":"v"',
        '"none":null}'.removesuffix("}"),
        '"ok":true',
        '"port":443',
        '"took":0.5',
    ]
    assert json.loads(lines[1]) == {
        "port": 0,
        "bytes": -9_223_372_036_854_775_808,
        "took": 1e300,
        "ok": False,
        "extra": {},
    }


def test_what_json_has_no_number_for_is_left_out() -> None:
    rows = pa.table({"a": [math.nan, math.inf, -math.inf, 1.5, None, -0.0, 5e-324]})
    assert said(rows) == [{}, {}, {}, {"a": 1.5}, {}, {"a": -0.0}, {"a": 5e-324}]


@pytest.mark.parametrize("name", ['q"uote', "back\\slash", "line\n", "é"])
def test_awkward_names_are_escaped(name: str) -> None:
    rows = pa.table({name: ["v", None], "extra": pa.array([[(name, name)], None], Type.MAP.arrow)})
    assert said(rows) == [{name: "v", "extra": {name: name}}, {}]


def test_maps_in_slices_and_chunks_keep_their_members() -> None:
    column = pa.array(
        [[("a", "1")], None, [("b", "2"), ("c", None)], [], [("d", "4")]], Type.MAP.arrow
    )
    wanted = [{"m": {"a": "1"}}, {}, {"m": {"b": "2", "c": None}}, {"m": {}}, {"m": {"d": "4"}}]
    rows = pa.table({"m": pa.chunked_array([column.slice(0, 3), column.slice(3)])})
    assert said(rows) == wanted
    for first in range(5):
        for count in range(5 - first + 1):
            assert said(rows.slice(first, count)) == wanted[first : first + count]


def test_no_rows_are_no_lines() -> None:
    assert encoded(find("vpc-flow").table.arrow_schema.empty_table()) == b""
    assert encoded(pa.table({"a": pa.chunked_array([], TEXT)})) == b""


@pytest.mark.parametrize("kind", [kind.arrow for kind in Type], ids=[kind.name for kind in Type])
def test_rows_of_nulls_alone_are_empty_objects(kind: pa.DataType) -> None:
    assert encoded(pa.table({"a": pa.nulls(3, kind)})) == b"{}\n{}\n{}\n"


def test_a_dictionary_may_hold_null_and_what_no_row_has() -> None:
    coded = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None, 1], pa.int32()), pa.array(["a", None, "unused"])
    )
    assert said(pa.table({"t": coded})) == [{}, {"t": "a"}, {}, {}]


def test_chunks_may_have_dictionaries_of_their_own() -> None:
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    assert said(pa.table({"t": pa.chunked_array(chunks)})) == [{"t": each} for each in "abca"]


def test_a_large_dictionary_behind_few_rows_is_not_written_out() -> None:
    coded = pa.array([f"v{n}" for n in range(5_000)]).dictionary_encode()
    assert said(pa.table({"t": coded.slice(4_321, 2)})) == [{"t": "v4321"}, {"t": "v4322"}]


def test_long_words_are_not_multiplied() -> None:
    long = "x" * 300_000
    words = {f"c{n}": pa.array([long + "a", long + "b"] * 2) for n in range(6)}
    rows = pa.table(words)
    held = pa.total_allocated_bytes()
    columns = fragments.columns_of(rows)
    assert len(columns) == 6
    assert pa.total_allocated_bytes() - held < 16 << 20
    assert said(rows) == owed(rows)


@pytest.mark.parametrize("values", [1, 2, 40, 255, 256, 257, 700, 3_000])
def test_lines_are_the_same_however_often_values_repeat(values: int) -> None:
    count = 3_000
    numbers = [n * 7919 % values for n in range(count)]
    text = pa.array([f"t{n}" if n else None for n in numbers])
    rows = pa.table(
        {
            "plain": text,
            "coded": text.dictionary_encode(),
            "number": pa.array([n if n % 3 else None for n in numbers]),
            "again": [f"x{n}" for n in numbers],
            "even": [n % 2 == 0 for n in numbers],
        }
    )
    assert said(rows) == owed(rows)


def test_rows_come_in_pieces_of_about_the_size_asked_for() -> None:
    rows = pa.table({"t": [f"{n:0200d}" for n in range(5_000)], "n": list(range(5_000))})
    made = list(json_lines(rows, 100_000))
    assert b"".join(lines.joined() for _, lines in made) == encoded(rows)
    assert sum(len(piece) for piece, _ in made) == 5_000
    assert all(len(lines.content) <= 250_000 for _, lines in made)
    assert 4 <= len(made) <= 20


def test_one_long_row_does_not_make_a_long_piece_of_all() -> None:
    rows = pa.table({"t": ["x"] * 500 + ["y" * 400_000] + ["z"] * 500})
    made = [len(lines.content) for _, lines in json_lines(rows, 100_000)]
    assert max(made) < 550_000
    assert len(made) < 100


def test_a_text_that_many_rows_share_counts_for_each() -> None:
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), ["w" * 50_000])
    made = [len(lines.content) for _, lines in json_lines(pa.table({"t": shared}), 1_000_000)]
    assert max(made) < 2_200_000
    assert sum(made) > 15_000_000


def test_the_rows_of_a_source_are_said_in_full() -> None:
    sink = processed([record(flows(*range(900)), "41")]).sink
    for table, rows, _ in sink.writes:
        assert said(rows) == owed(rows.cast(table.arrow_schema)), table.name


def test_fields_that_nobody_declared_are_said_too() -> None:
    line = b'{"level": "info", "message": "a \\"b\\"", "k\\n": null, "t": 1.5}\n'
    (table, rows, _), *_ = processed([record(line)], "app-log").sink.writes
    assert said(rows) == owed(rows.cast(table.arrow_schema))
    fields = {"level": "info", "message": 'a "b"', "t": "1.5"}
    assert said(rows)[0]["fields"] == fields


texts = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=5))
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
maps = st.lists(st.tuples(texts, st.none() | texts), max_size=3, unique_by=lambda pair: pair[0])
VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (TEXT, texts),
    "few": (TEXT, st.sampled_from(["ACCEPT", "REJECT"])),
    "at": (Type.TIMESTAMP.arrow, moments),
    "int32": (pa.int32(), st.integers(-(1 << 31), (1 << 31) - 1)),
    "int64": (pa.int64(), st.integers(-(1 << 63), (1 << 63) - 1)),
    "double": (pa.float64(), st.floats()),
    "bool": (pa.bool_(), st.booleans()),
    "map": (Type.MAP.arrow, maps),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Rows of all types, sliced, in chunks, text in codes or not."""
    count = draw(st.integers(0, 12))
    columns = {}
    for name in draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, unique=True)):
        kind, values = VALUES[name]
        nullable = st.none() | values if draw(st.booleans()) else values
        array = pa.array(draw(st.lists(nullable, min_size=count, max_size=count)), kind)
        if kind != Type.MAP.arrow and draw(st.booleans()):
            array = array.dictionary_encode()
        cut = draw(st.integers(0, count))
        columns[name] = pa.chunked_array([array.slice(0, cut), array.slice(cut)])
    rows = pa.table(columns)
    first = draw(st.integers(0, count))
    return rows.slice(first, draw(st.integers(0, count)))


@settings(max_examples=300)
@given(tables(), st.sampled_from([1, 100, 1 << 20]))
def test_lines_say_what_the_rows_say(rows: pa.Table, most_bytes: int) -> None:
    wanted = owed(rows.cast(pa.schema([(name, VALUES[name][0]) for name in rows.column_names])))
    text = b"".join(lines.joined() for _, lines in json_lines(rows, most_bytes))
    assert text == encoded(rows)
    found = [json.loads(line) for line in text.split(b"\n")[:-1]]
    assert found == wanted


@given(st.lists(moments, min_size=1, max_size=50))
def test_times_are_utc_with_milliseconds(times: list[datetime]) -> None:
    rows = pa.table({"at": pa.array(times, Type.TIMESTAMP.arrow)})
    read = [datetime.fromisoformat(row["at"]) for row in said(rows)]
    assert read == [each.replace(tzinfo=UTC) for each in times]
