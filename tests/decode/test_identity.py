"""Record ids: pure functions of where an event came from, the same for ever."""

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import Stream
from pipeline.decode.identity import h64, of_events, of_ordinals

STREAM = Stream("123456789010", "flow-logs", "eni-1235b8ca123456789-all")
SOME_ID = "31953106606966983378809025079804211143289615424298221568"
proper_ids = st.integers(0, 10**56 - 1).map(lambda number: f"{number:056d}")


def signed(number: int) -> int:
    number %= 1 << 64
    return number - (1 << 64) if number >= 1 << 63 else number


def hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def test_the_hash_is_blake2b_and_never_changes() -> None:
    assert h64("") == 16_476_032_584_258_269_876
    assert h64("123456789010", "flow-logs", "eni") == hashed("123456789010\0flow-logs\0eni")
    assert h64("a", "b") != h64("ab")


def test_a_surrogate_in_an_identity_is_hashed_all_the_same() -> None:
    assert h64("a\udcff") != h64("a\udcfe")


def test_the_record_id_of_a_cloudwatch_event_never_changes() -> None:
    assert of_events([STREAM], [1], [SOME_ID]).tolist() == [8_696_513_937_587_395_964]


def test_the_record_id_of_a_line_never_changes() -> None:
    assert of_ordinals("content/0f1e", np.array([0, 1, 7])).tolist() == [
        -2_458_806_226_465_609_444,
        -2_458_806_226_465_609_443,
        -2_458_806_226_465_609_437,
    ]


@given(st.lists(st.lists(proper_ids, max_size=4), min_size=1, max_size=3))
def test_an_event_is_its_stream_plus_its_id_modulo_2_to_the_64(envelopes: list[list[str]]):
    streams = [Stream(str(number), "group", "stream") for number in range(len(envelopes))]
    ids = [event_id for envelope in envelopes for event_id in envelope]
    expected = [
        signed(hashed(f"{number}\0group\0stream") + int(event_id))
        for number, envelope in enumerate(envelopes)
        for event_id in envelope
    ]
    assert of_events(streams, [len(envelope) for envelope in envelopes], ids).tolist() == expected


@pytest.mark.parametrize(
    "other",
    ["", "eventId1", "7", SOME_ID[:-1], SOME_ID + "0", "\uff13" + SOME_ID[1:], "x" + SOME_ID[1:]],
)
def test_another_kind_of_id_is_hashed_and_changes_no_neighbour(other: str) -> None:
    own, strange = of_events([STREAM], [2], [SOME_ID, other]).tolist()
    assert own == of_events([STREAM], [1], [SOME_ID])[0]
    assert strange == signed(
        h64(*("123456789010", "flow-logs", "eni-1235b8ca123456789-all"), other)
    )


def test_lines_of_one_carrier_follow_one_another() -> None:
    first, second, third = of_ordinals("request/1", np.array([3, 4, 5])).tolist()
    assert (second, third) == (first + 1, first + 2)
    assert first == signed(hashed("request/1") + 3)


def test_no_events_have_no_ids() -> None:
    assert of_events([], [], []).tolist() == []
    assert of_events([STREAM], [0], []).tolist() == []
