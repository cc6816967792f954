"""A batch all the way: rows in their schema, reject and batch rows, the same bytes again."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.batch import Ports, process
from pipeline.decode import Stream
from pipeline.decode.identity import of_events, of_ordinals
from pipeline.deliver.memory import MemoryQuarantine, MemorySink
from pipeline.enrich.networks import Network
from pipeline.errors import DeliveryError
from pipeline.reading.parsed import Formats
from pipeline.schema import BATCH, REJECT, Table
from pipeline.sources import find
from pipeline.triggers import Record
from tests.carriers import (
    FIRST_ID,
    LINE,
    control,
    envelope,
    gzipped,
    log_event,
    log_events,
)
from tests.processed import LANDED_MS, Processed, context, processed, record

GOOD = LINE.encode()
BAD = LINE.replace("20641", "65536").encode()
SHORT = b"2 123456789010 eni-1235b8ca123456789"
ARRIVAL = datetime(2026, 11, 25, 14, 0, 0, 250_000)
STREAM = Stream("123456789010", "flow-logs", "eni-1235b8ca123456789-all")


def lines(*texts: bytes) -> bytes:
    return b"".join(text + b"\n" for text in texts)


def counts(done: Processed) -> list[tuple[int, int, int, dict[str, int]]]:
    return [
        (each.events_in, each.rows, each.rejected, {str(k): v for k, v in each.dropped.items()})
        for each in done.report.outcomes
    ]


def test_a_reject_row_says_what_where_and_why() -> None:
    done = processed([record(lines(GOOD, BAD), "7", log_group="flow-logs", shard=3)])
    (reject,) = done.rejects
    (key,) = done.objects
    assert reject == {
        "event_time": ARRIVAL,
        "source": "vpc-flow",
        "reason": "range",
        "detail": "srcport: '65536' is not a whole number from 0 to 65535",
        "line": 1,
        "raw_head": BAD.decode(),
        "attempt": 0,
        "resolved": False,
        "object": key,
        "record_id": of_ordinals("stream/s/0/7", np.array([1]))[0],
        "ingest_time": ARRIVAL,
        "decoder_version": 1,
        "log_group": "flow-logs",
        "log_stream": None,
        "owner_account_id": None,
        "owner_region": None,
    }


def test_a_reject_of_a_whole_record_has_no_line() -> None:
    done = processed([record(b"PAR1\xff\x00PAR1", "7"), record(b"PAR1\xff\x00PAR1", "8")])
    first, second = done.rejects
    assert (first["line"], first["raw_head"]) == (None, "PAR1\\xff\x00PAR1")
    assert first["record_id"] != second["record_id"]


def test_what_is_shown_of_a_long_line_is_short() -> None:
    done = processed([record(b"\xff" * 5000 + b" x")])
    assert len(done.rejects[0]["raw_head"]) == 1024
    assert len(done.rejects[0]["detail"]) <= 500


def test_rejects_of_one_record_have_different_identities() -> None:
    events = [None, None, log_event("x"), log_event("y", 1), {"id": "a"}]
    done = processed([record(envelope(events)), record(lines(BAD, SHORT, BAD), "8")])
    assert len({reject["record_id"] for reject in done.rejects}) == 8


def test_a_batch_row_holds_the_sums_of_its_record() -> None:
    text = lines(b"", b"srcport end", b"22 1418530070", b"x 1418530070", b" ", b"23 1418530070")
    done = processed([record(text, "41", shard=2), record(control(), "42", shard=2)])
    assert done.batches[0] == {
        "event_time": ARRIVAL,
        "source": "vpc-flow",
        "shard": 2,
        "sequence": 41,
        "events_in": 6,
        "rows": 2,
        "rejected": 1,
        "dropped": 3,
        "dropped_blank": 2,
        "dropped_header": 1,
        "dropped_control": 0,
        "dropped_own_log": 0,
        "dropped_continued": 0,
        "bytes_in": len(text),
        "landed_at": datetime(2026, 11, 25, 14, 0, 5, 250_000),
        "attempt": 0,
        "record_id": done.batches[0]["record_id"],
        "ingest_time": ARRIVAL,
        "decoder_version": 1,
        **dict.fromkeys(("log_group", "log_stream", "owner_account_id", "owner_region")),
    }
    assert (done.batches[1]["events_in"], done.batches[1]["dropped_control"]) == (1, 1)
    assert done.batches[0]["record_id"] != done.batches[1]["record_id"]


@pytest.mark.parametrize(
    ("position", "sequence"),
    [
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("49590338271490256608559692538361571095921575989136588898", None),
        ("9" * 5000, None),
        ("record-1", None),
        ("\u0667", None),
        ("", None),
    ],
)
def test_only_a_position_that_fits_is_a_sequence(position: str, sequence: int | None) -> None:
    assert processed([record(GOOD, position)]).batches[0]["sequence"] == sequence


def test_every_declared_column_is_present_in_its_type() -> None:
    done = processed([record(lines(GOOD, BAD)), record(control(), "8")])
    for table in (find("vpc-flow").table, REJECT, BATCH):
        (piece,) = done.sink.pieces[table.name]
        assert piece.schema == table.arrow_schema


@pytest.mark.parametrize(
    "text",
    [
        b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA",
        GOOD,
        lines(b"end", b"1418530070")[4:],
    ],
)
@pytest.mark.fault("F16")
def test_the_parquet_schema_is_the_declaration_even_when_all_is_null(text: bytes) -> None:
    table = find("vpc-flow").table
    done = processed([record(text, formats=() if text.count(b" ") else ("end",))])
    written = pa.BufferOutputStream()
    pq.write_table(done.sink.rows(table), written)
    assert pq.read_schema(pa.BufferReader(written.getvalue())) == table.arrow_schema


def test_a_row_is_enriched_and_says_where_it_came_from() -> None:
    fields = {"@aws.region": "eu-west-1"}
    payload = gzipped(envelope([log_event(LINE, extractedFields=fields)]))
    networks = (Network("172.31.16.0/24", "lab", "euw1-az1"),)
    (row,) = processed([record(payload)], within=context(networks=networks)).rows
    wanted = {
        "event_time": datetime(2014, 12, 14, 4, 7, 50),
        "version": 2,
        "srcaddr": "172.31.16.139",
        "bytes": 4249,
        "src_class": "private",
        "src_network": "lab",
        "direction": "internal",
        "protocol_name": "TCP",
        "service": "ssh",
        "path_class": "same_az",
        "billable_bytes": 0,
        "second_sight": None,
        "record_id": 8_696_513_937_587_395_964,
        "ingest_time": ARRIVAL,
        "decoder_version": 1,
        "log_group": "flow-logs",
        "log_stream": "eni-1235b8ca123456789-all",
        "owner_account_id": "123456789010",
        "owner_region": "eu-west-1",
    }
    assert {name: row[name] for name in wanted} == wanted


def test_the_record_id_of_a_cloudwatch_event_never_changes() -> None:
    (row,) = processed([record(envelope([log_event(LINE)]))]).rows
    assert row["record_id"] == 8_696_513_937_587_395_964
    assert of_events([STREAM], [1], [str(FIRST_ID)]).tolist() == [8_696_513_937_587_395_964]


def test_the_record_id_of_a_line_of_a_file_never_changes() -> None:
    slice_ = record(lines(GOOD, GOOD), identity="content/0f1e", first_ordinal=7, opened=True)
    assert [row["record_id"] for row in processed([slice_]).rows] == [
        -2_458_806_226_465_609_437,
        -2_458_806_226_465_609_436,
    ]


def test_arrival_and_not_now_is_the_ingest_time() -> None:
    late = Record(GOOD, "7", 1_418_530_100_000, "s")
    (row,) = processed([late]).rows
    assert row["ingest_time"] == datetime(2014, 12, 14, 4, 8, 20)


MIXED = [
    gzipped(envelope([log_event(LINE), None, log_event("x", 2)])),
    lines(GOOD, BAD, b"", b"srcport end", b"22 1418530070", b"x 1"),
    b"\xff",
    control(),
    gzipped(GOOD)[:-3],
]


def bytes_of(done: Processed) -> list[bytes]:
    written = []
    for name in sorted(done.sink.pieces):
        for piece in done.sink.pieces[name]:
            out = pa.BufferOutputStream()
            pq.write_table(piece, out)
            written.append(out.getvalue().to_pybytes())
    return written + [key.encode() + each for key, each in sorted(done.quarantine.objects.items())]


def test_the_same_records_give_the_same_bytes() -> None:
    records = [record(payload, str(n)) for n, payload in enumerate(MIXED)]
    assert bytes_of(processed(records)) == bytes_of(processed(records))


def test_a_record_gives_the_same_object_in_any_batch() -> None:
    records = [record(payload, str(n)) for n, payload in enumerate(MIXED)]
    together = processed(records).quarantine.objects
    alone = {}
    for each in reversed(records):
        alone |= processed([each]).quarantine.objects
    assert alone == together
    assert len(alone) == 4


class Refusing:
    """A port that takes nothing."""

    def write(self, table: Table, rows: pa.Table, records: Any) -> None:
        raise DeliveryError("the sink is full")

    def keep(self, key: str, content: bytes, record: Record, rejects: int) -> None:
        raise DeliveryError("the quarantine is full")


@pytest.mark.fault("F2")
def test_a_failing_sink_or_quarantine_fails_the_batch() -> None:
    ports = Ports(Refusing(), MemoryQuarantine())
    with pytest.raises(DeliveryError, match="the sink is full"):
        process([record(GOOD)], find("vpc-flow"), ports, context(), LANDED_MS)
    ports = Ports(MemorySink(), Refusing())
    with pytest.raises(DeliveryError, match="the quarantine is full"):
        process([record(BAD)], find("vpc-flow"), ports, context(), LANDED_MS)


@pytest.mark.fault("F2")
def test_nothing_is_said_of_a_batch_whose_rejects_were_not_kept() -> None:
    sink = MemorySink()
    with pytest.raises(DeliveryError, match="the quarantine is full"):
        process([record(BAD)], find("vpc-flow"), Ports(sink, Refusing()), context(), LANDED_MS)
    assert "batch" not in sink.pieces


def test_no_records_write_nothing_but_an_empty_report() -> None:
    done = processed([])
    assert (done.rows, done.rejects, done.batches, done.report.outcomes) == ([], [], [], [])


@pytest.mark.parametrize("source", ["vpc-flow", "tgw-flow", "app-log"])
@pytest.mark.fault("F8")
def test_a_batch_of_ten_thousand_events_gives_ten_thousand_rows(source: str) -> None:
    message = LINE if source != "tgw-flow" else "1418530010 1418530070 10.0.0.1"
    payload = gzipped(envelope(log_events([message] * 10_000)))
    formats = Formats(otherwise=("start end srcaddr",)) if source == "tgw-flow" else Formats()
    done = processed([record(payload)], source, context(formats=formats))
    assert counts(done) == [(10_000, 10_000, 0, {})]
    assert len(set(done.identities)) == 10_000


def test_two_equal_lines_of_one_carrier_are_two_events() -> None:
    done = processed([record(lines(GOOD, GOOD)), record(envelope(log_events([LINE, LINE])), "8")])
    assert len(set(done.identities)) == 4
