"""Lines in records, records in calls: at each limit, below it, above it."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deliver.ndjson import Lines
from pipeline.deliver.packing import CALL_BYTES, CALL_RECORDS, RECORD_BYTES, calls, packed


def lines(*sizes: int) -> Lines:
    """Lines of so many bytes, their newline among them; each of a letter of its own."""
    content = b"".join(b"%c" % (97 + n % 26) * (size - 1) + b"\n" for n, size in enumerate(sizes))
    return Lines(memoryview(content), np.cumsum([0, *sizes]))


def test_the_limits_are_those_of_firehose() -> None:
    assert (RECORD_BYTES, CALL_RECORDS) == (1_024_000, 500)
    # Also as it is sent: base64, and the marks around each record.
    sent = {"DeliveryStreamName": "x" * 64, "Records": [{"Data": "x" * 4}] * CALL_RECORDS}
    assert CALL_BYTES * 4 // 3 + len(json.dumps(sent)) <= 4_194_304


@pytest.mark.fault("F4")
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([10], [10]),
        ([4, 6], [10]),
        ([4, 5], [9]),
        ([4, 7], [4, 7]),
        ([10, 1], [10, 1]),
        ([1, 10], [1, 10]),
        ([9, 1, 1], [10, 1]),
        ([5, 5, 5, 5, 1], [10, 10, 1]),
        ([1] * 21, [10, 10, 1]),
        ([], []),
    ],
)
def test_a_record_ends_where_the_next_line_would_pass_the_limit(
    sizes: list[int], expected: list[int]
) -> None:
    content = lines(*sizes)
    assert [len(record) for record in packed([content], 10)] == expected
    # Wherever the pieces are cut that the lines come in.
    for place in range(len(sizes) + 1):
        parts = [content.part(0, place), content.part(place, len(sizes))]
        assert [len(record) for record in packed(parts, 10)] == expected


@pytest.mark.fault("F4")
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([RECORD_BYTES], [RECORD_BYTES]),
        ([RECORD_BYTES - 1, 1], [RECORD_BYTES]),
        ([RECORD_BYTES - 1, 2], [RECORD_BYTES - 1, 2]),
        ([RECORD_BYTES, 1], [RECORD_BYTES, 1]),
    ],
)
def test_a_record_has_at_most_1000_kib(sizes: list[int], expected: list[int]) -> None:
    assert [len(record) for record in packed([lines(*sizes)])] == expected


@pytest.mark.fault("F4")
def test_a_line_that_fits_no_record_is_a_fault_of_who_packs_it() -> None:
    with pytest.raises(ValueError, match="a line of 11 bytes fits no record"):
        list(packed([lines(3, 11)], 10))


@given(st.lists(st.lists(st.integers(1, 12), max_size=9), max_size=6))
def test_no_line_is_cut_lost_or_moved(pieces: list[list[int]]) -> None:
    contents = [lines(*sizes) for sizes in pieces]
    records = list(packed(contents, 12))
    assert b"".join(records) == b"".join(piece.joined() for piece in contents)
    assert all(record.endswith(b"\n") and len(record) <= 12 for record in records)
    # Each is as full as the next line allows.
    for record, following in pairwise(records):
        assert len(record) + following.index(b"\n") + 1 > 12


@pytest.mark.fault("F4")
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1] * 499, [499]),
        ([1] * 500, [500]),
        ([1] * 501, [500, 1]),
        ([1_000_000] * 3 + [71_999], [4]),
        ([1_000_000] * 3 + [72_000], [4]),
        ([1_000_000] * 3 + [72_001], [3, 1]),
        ([1_000_000] * 3 + [72_000, 1], [4, 1]),
        ([1_024_000] * 5, [3, 2]),
        ([], []),
    ],
)
def test_a_call_has_at_most_500_records_and_4_mib_as_sent(
    sizes: list[int], expected: list[int]
) -> None:
    records = [b"x" * size for size in sizes]
    made = list(calls(records))
    assert [len(call) for call in made] == expected
    assert [record for call in made for record in call] == records


@given(st.lists(st.integers(1, 20), max_size=60))
def test_calls_are_as_full_as_the_next_record_allows(sizes: list[int]) -> None:
    records = [b"x" * size for size in sizes]
    made = list(calls(records, 5, 20))
    assert [record for call in made for record in call] == records
    for call in made:
        assert 1 <= len(call) <= 5
        assert sum(map(len, call)) <= 20
    for call, following in pairwise(made):
        assert len(call) == 5 or sum(map(len, call)) + len(following[0]) > 20
