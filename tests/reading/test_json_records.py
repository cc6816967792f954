"""JSON logs: lines read together mean what each of them means alone, however odd they are."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode import Lines
from pipeline.reading.delimited import Faults
from pipeline.reading.json_objects import FEW, LEFT_OUT, MOST_NAMES, read
from tests.processed import Processed, processed, record

QUERY = {
    "query_timestamp": "2026-11-25T14:00:00Z",
    "query_name": "db.heron.example.",
    "srcaddr": "10.0.1.5",
    "srcport": "5353",
    "answers": [{"Rdata": "10.0.2.9", "Type": "A", "Class": "IN"}],
    "srcids": {"instance": "i-0d15cd0d3example"},
}
ODD: list[Any] = [
    None, True, False, 0, 53, -1, 5.5, 1e300, "", "-", "5353", "x", "2026-11-25", "\x00", "é",
    [], {}, [None], [[]], [{}], [{"Rdata": 7}], [{"Rdata": None, "Type": "A"}], {"instance": 5},
    {"instance": {"deep": []}}, "10.0.0.1", "2026-11-25T14:00:00.5Z",
]  # fmt: skip
KEYS = [*QUERY, "firewall_rule_action", "beyond", "also beyond", ""]
FRACTION = b'{"beyond":1.5}'
WHOLE = b'{"query_timestamp":"2026-11-25T14:00:00Z"}'
TEXTS = [
    b"{}", b"{", b"}", b"[]", b"", b" ", b"null", b"7", b'"a"', b'{"a":1}{"a":2}', b'{"a":',
    b'1}', b'{"beyond":NaN}', b'{"beyond":1e999}', b'{"beyond":01}', b'{"srcport":1.0}',
    b'{"srcport":99999999999999999999}', b'{"query_name":"a","query_name":"b"}',
    b'{"query_name":"\\ud800"}', b'{"query_name":"\\u0000"}', b'{"a":1} x', b' {"beyond":2} ',
    b'{"beyond":{"a":1},"beyond":3}', b'\t{"beyond":true}', b'{"answers":[{"Rdata":"a"},5]}',
    WHOLE, WHOLE + WHOLE,
]  # fmt: skip


def told(lines: list[bytes]) -> Processed:
    return processed([record(b"".join(line + b"\n" for line in lines))], "resolver")


def rows_of(done: Processed) -> list[dict[str, Any]]:
    own = ("record_id", "event_id", "arrival_time")
    return [
        {name: value for name, value in row.items() if value is not None and name not in own}
        for row in done.rows
    ]


@st.composite
def line(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(TEXTS))
    made = dict(QUERY)
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(KEYS))
        if draw(st.booleans()):
            made[key] = draw(st.sampled_from(ODD))
        else:
            made.pop(key, None)
    return json.dumps(made, ensure_ascii=draw(st.booleans())).encode()


@settings(max_examples=150)
@given(lines=st.lists(line(), min_size=1, max_size=12))
def test_together_lines_mean_what_they_mean_alone(lines: list[bytes]) -> None:
    together = told(lines)
    alone = [told([each]) for each in lines]
    assert rows_of(together) == [row for done in alone for row in rows_of(done)]
    assert len(together.rejects) == sum(len(done.rejects) for done in alone)


@pytest.mark.parametrize("odd", [*TEXTS, json.dumps({**QUERY, "srcport": 53}).encode()])
def test_an_odd_line_among_many_changes_none_of_them(odd: bytes) -> None:
    usual = json.dumps(QUERY).encode()
    lines = [usual] * (4 * FEW)
    lines[FEW + 7] = odd
    found = rows_of(told(lines))
    one, other = rows_of(told([usual])), rows_of(told([odd]))
    before, after = one * (FEW + 7), one * (3 * FEW - 8)
    assert found == before + other + after


def test_most_lines_beside_an_odd_one_are_read_at_once() -> None:
    usual = json.dumps(QUERY).encode()
    lines = [usual] * (8 * FEW)
    lines[5 * FEW + 3] = b"{}}"
    declared = pa.struct([("query_name", pa.string())])
    faults = Faults()
    parts = list(read(Lines.of_bytes(lines), declared, faults))
    assert list(faults.by_line) == [5 * FEW + 3]
    # Those that were read at once have what nobody has declared, too.
    few = [part for part in parts if part.table.column_names == ["query_name"]]
    assert [len(part.line) for part in few] == [FEW - 1]
    assert sorted(at for part in parts for at in part.line) == [
        at for at in range(len(lines)) if at != 5 * FEW + 3
    ]


def nested(key: str, members: int) -> bytes:
    inside = {f"m{at}": at for at in range(members)}
    return json.dumps({**QUERY, key: inside, "behind": "it"}, ensure_ascii=False).encode()


def extra_of(done: Processed) -> list[dict[str, str]]:
    return [dict(row["extra"]) for row in done.rows]


def test_a_long_key_around_many_members_is_not_repeated_before_each() -> None:
    attack = nested("k" * 70_000, 7_000)
    (extra,) = extra_of(told([attack]))
    assert sum(map(len, extra)) <= MOST_NAMES * len(attack) + len(LEFT_OUT)
    # What there is no room for is counted, and what comes behind it has room.
    names = [name for name in extra if name.startswith("k")]
    assert names == [f"{'k' * 70_000}.m{at}" for at in range(len(names))]
    assert (len(names), extra[LEFT_OUT], extra["behind"]) == (9, "6991", "it")


def test_a_line_may_have_a_long_key_and_many_members() -> None:
    (long, many) = extra_of(told([nested("k" * 70_000, 3), nested("k", 7_000)]))
    assert (len(long), len(many)) == (4, 7_001)


@pytest.mark.parametrize("key", ["k" * 100, "é" * 50, "k" * 99], ids=["100", "é", "99"])
def test_names_are_cut_alike_together_and_alone(key: str) -> None:
    # From lines that have all of their members to lines that do not. A fraction beside a line has
    # it decoded by itself.
    lines = [nested(key, members) for members in range(19, 27)]
    alone = [extra for line in lines for extra in extra_of(told([line, FRACTION]))]
    assert extra_of(told([each for each in lines for _ in range(2 * FEW)])) == [
        each for each in alone for _ in range(2 * FEW)
    ]
    assert {LEFT_OUT in each for each in alone} == {True, False}
