"""Whatever comes in: the sums hold, and a batch is the sum of its records."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from tests.carriers import (
    LINE,
    control,
    envelope,
    gzipped,
    log_events,
)
from tests.processed import processed, record

GOOD = LINE.encode()
BAD = LINE.replace("20641", "65536").encode()
SHORT = b"2 123456789010 eni-1235b8ca123456789"


piece = st.sampled_from(
    [
        *(
            GOOD + b"\n",
            BAD + b"\n",
            SHORT + b"\n",
            b"\n",
            b" \n",
            b"srcport end\n",
            b"22 1418530070\n",
        ),
        *(
            b"\xff",
            b"\x00",
            b"\r\n",
            b"{",
            b"- ",
            b"PAR1",
            b"H4sI",
            b"\xef\xbb\xbf",
            b"0x1f ",
            b"  ",
        ),
        *(
            envelope(log_events([LINE, "x"])) + b"\n",
            control() + b"\n",
            envelope([None, 7]) + b"\n",
        ),
        *(b'{"message": "a b"}\n', gzipped(GOOD), gzipped(b"")[:-1]),
    ]
)
payloads = st.one_of(
    st.binary(max_size=40),
    st.lists(piece, max_size=6).map(b"".join),
    st.lists(piece, max_size=6).map(lambda pieces: gzipped(b"".join(pieces))),
    st.lists(piece, max_size=6).map(lambda pieces: base64.b64encode(gzipped(b"".join(pieces)))),
)
sources = st.sampled_from(["vpc-flow", "tgw-flow", "app-log"])


@given(st.lists(payloads, max_size=4), sources, st.booleans())
def test_whatever_comes_in_the_sums_hold(
    given_payloads: list[bytes], source: str, as_base64: bool
) -> None:
    records = [record(each, str(n), base64=as_base64) for n, each in enumerate(given_payloads)]
    done = processed(records, source)
    for outcome, row in zip(done.report.outcomes, done.batches, strict=True):
        dropped = sum(outcome.dropped.values())
        assert outcome.events_in == outcome.rows + outcome.rejected + dropped
        assert outcome.rejected == sum(outcome.reasons.values())
        assert (outcome.object is None) == (outcome.rejected == 0)
        assert row["events_in"] == row["rows"] + row["rejected"] + row["dropped"]
        assert row["dropped"] == dropped
        assert dropped == sum(row[f"dropped_{name}"] for name in
                              ("blank", "header", "control", "own_log"))  # fmt: skip
    assert sum(outcome.rows for outcome in done.report.outcomes) == len(done.rows)
    assert sum(outcome.rejected for outcome in done.report.outcomes) == len(done.rejects)
    assert {reject["object"] for reject in done.rejects} == set(done.objects)
    kept = [len(held.get("lines", ())) or 1 for held in done.objects.values()]
    assert sum(kept) <= len(done.rejects)


@given(st.lists(payloads, max_size=3))
def test_a_delivery_that_comes_twice_brings_the_same_identities(
    given_payloads: list[bytes],
) -> None:
    records = [record(each, str(n)) for n, each in enumerate(given_payloads)]
    once, twice = processed(records), processed([*records, *records])
    assert sorted(twice.identities) == sorted(once.identities * 2)
    assert twice.quarantine.objects == once.quarantine.objects
    again = [reject["record_id"] for reject in twice.rejects]
    assert sorted(again) == sorted([reject["record_id"] for reject in once.rejects] * 2)


@given(st.lists(payloads, min_size=2, max_size=4))
def test_a_record_gives_the_same_rows_alone_and_among_others(given_payloads: list[bytes]) -> None:
    records = [record(each, str(n)) for n, each in enumerate(given_payloads)]
    alone = [processed([each]) for each in records]
    together = processed(records)
    assert together.rows == [row for done in alone for row in done.rows]
    assert together.rejects == [reject for done in alone for reject in done.rejects]
    assert together.batches == [row for done in alone for row in done.batches]
