"""VPC flow logs: every sample field by field, and awkward lines against the model."""

import json
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.reading.parsed import Formats
from pipeline.sources.vpc_flow import DEFAULT_FORMAT, LOG, TABLE
from tests.carriers import envelope, log_event
from tests.model.awkward import ARRIVAL_MS, lines
from tests.model.flow_line import VPC_DEFAULT, VPC_FIELDS, Drop, Row, read, read_all
from tests.model.outcomes import only, outcomes
from tests.model.samples import LINES, Sample, expected_rows, samples
from tests.processed import context, processed, record

# decode takes the carriage return off a line of text and the text out of {"message": ...}.
TAKEN_BY_DECODE = (b"\r", b'{"message"')


def columns(fields: tuple[str, ...]) -> list[str]:
    names = {"start": "start_time", "end": "end_time"}
    return [names.get(field, field.replace("-", "_")) for field in fields if field in VPC_FIELDS]


def awkward(seed: int, count: int, fields: tuple[str, ...]) -> list[bytes]:
    return [
        line
        for line in lines(seed, count, fields)
        if not line.endswith(TAKEN_BY_DECODE[0]) and not line.startswith(TAKEN_BY_DECODE[1])
    ]


def random_format(seed: int) -> tuple[str, ...]:
    random = Random(seed)
    known = random.sample(sorted(VPC_FIELDS), random.randint(2, 54))
    strangers = random.sample(("new-field", "x9", "zone-id-3", "tgw-id"), random.randint(0, 2))
    return tuple(random.sample((*known, *strangers), len(known) + len(strangers)))


def check(seed: int, count: int, fields: tuple[str, ...]) -> None:
    text = awkward(seed, count, fields)
    # A slice of a file, not its first: nothing is opened, no byte order mark is taken off.
    slice_ = record(
        b"\n".join(text) + b"\n", formats=(" ".join(fields),), opened=True, first_ordinal=1
    )
    expected = read_all(text, fields, ARRIVAL_MS, need_time=False)
    found = outcomes([slice_], "vpc-flow", context())
    for line, ours, theirs in zip(text, found, expected, strict=True):
        mine = list(theirs.columns) if isinstance(theirs, Row) else []
        assert only(ours, mine) == theirs, line[:300]


@pytest.mark.parametrize("seed", range(20))
def test_awkward_lines_of_the_default_format_are_read_as_the_model_reads_them(seed: int) -> None:
    check(seed, 500, VPC_DEFAULT)


@pytest.mark.parametrize("seed", range(100, 124))
def test_awkward_lines_of_any_format_are_read_as_the_model_reads_them(seed: int) -> None:
    check(seed, 500, random_format(seed))


@pytest.mark.parametrize("seed", [5, 105])
def test_a_format_with_every_field_is_read_as_the_model_reads_it(seed: int) -> None:
    check(seed, 300, tuple(Random(seed).sample(sorted(VPC_FIELDS), 54)))


@pytest.mark.parametrize("seed", range(200, 206))
def test_awkward_messages_of_an_envelope_are_read_as_the_model_reads_them(seed: int) -> None:
    fields = VPC_DEFAULT if seed % 2 else random_format(seed)
    random = Random(seed)
    sent = [random.choice((ARRIVAL_MS, 86_400_000, 0, ARRIVAL_MS + 86_400_001)) for _ in range(300)]
    messages = lines(seed, 300, fields)
    texts = [message.decode("utf-8", "surrogateescape") for message in messages]
    events = [log_event(text, n, timestamp=sent[n]) for n, text in enumerate(texts)]
    # Bytes that are not UTF-8 stand raw in the JSON, as a careless log agent leaves them.
    payload = json.dumps(json.loads(envelope(events)), ensure_ascii=False)
    carrier = record(payload.encode("utf-8", "surrogateescape"))
    within = context(formats=Formats({"flow-logs": (" ".join(fields),)}))
    found = outcomes([carrier], "vpc-flow", within)
    for n, message in enumerate(messages):
        assert found[n] == read(message, fields, ARRIVAL_MS, sent[n]), message[:300]


@pytest.mark.parametrize(
    "sample", samples("vpc-flow"), ids=lambda sample: sample.line[:40].decode()
)
def test_each_sample_is_read_field_by_field(sample: Sample) -> None:
    carrier = record(sample.line, formats=(" ".join(sample.fields),))
    (row,) = outcomes([carrier], "vpc-flow", context())
    assert isinstance(row, Row)
    assert {**row.columns, "event_time": row.event_time, "extra": row.extra} == sample.expected


def test_a_real_file_is_read_line_by_line_with_its_header() -> None:
    path = LINES / "vpc-flow" / "vpcflow.log"
    header, *rows = outcomes([record(path.read_bytes())], "vpc-flow", context())
    assert header == Drop("header")
    for row, expected in zip(rows, expected_rows(path), strict=True):
        assert isinstance(row, Row)
        known = only(row, list(expected))
        assert isinstance(known, Row)
        assert {**known.columns, "event_time": row.event_time, "extra": row.extra} == expected


def test_the_fields_are_the_documented_ones_and_the_default_is_version_2() -> None:
    assert set(LOG.fields) == VPC_FIELDS
    assert DEFAULT_FORMAT.split() == list(VPC_DEFAULT)
    assert [field.name for field in TABLE if field.log_name] == columns(tuple(LOG.fields))


word = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda text: text != "-" and " " not in text and "%" not in text and text[0] != "\ufeff"
)
VALUES = {
    **dict.fromkeys(("srcport", "dstport"), st.integers(0, 65_535)),
    **dict.fromkeys(("version", "protocol", "tcp-flags"), st.integers(0, 255)),
    **dict.fromkeys(("traffic-path", "encryption-status"), st.integers(0, 255)),
    **dict.fromkeys(("packets", "bytes"), st.integers(0, 10**18 - 1)),
    **dict.fromkeys(("start", "end"), st.integers(86_400, ARRIVAL_MS // 1000)),
    **dict.fromkeys(("srcaddr", "pkt-srcaddr"), st.ip_addresses(v=4).map(str)),
    **dict.fromkeys(("dstaddr", "pkt-dstaddr"), st.ip_addresses(v=6).map(str)),
    "action": st.sampled_from(["ACCEPT", "REJECT"]),
    "log-status": st.sampled_from(["OK", "NODATA", "SKIPDATA"]),
    "type": st.sampled_from(["IPv4", "IPv6", "EFA"]),
    "flow-direction": st.sampled_from(["ingress", "egress"]),
}
formats = st.lists(st.sampled_from(sorted(VPC_FIELDS)), min_size=2, max_size=12, unique=True)


@given(formats, st.data())
@pytest.mark.fault("F15")
def test_what_is_written_in_any_order_of_fields_is_read_again(
    fields: list[str], data: st.DataObject
) -> None:
    rows = [
        {field: data.draw(st.none() | VALUES.get(field, word), field) for field in fields}
        for _ in range(data.draw(st.integers(1, 3), "rows"))
    ]
    text = [" ".join("-" if v is None else str(v) for v in row.values()) for row in rows]
    # A row of words may look like a header, which is dropped.
    assume(not any(LOG.header(line.encode()) for line in text))
    carrier = record("\n".join(text).encode(), formats=(" ".join(fields),), opened=True)
    found = outcomes([carrier], "vpc-flow", context())
    for row, outcome in zip(rows, found, strict=True):
        assert isinstance(outcome, Row), outcome
        expected = [
            value * 1000 if field in ("start", "end") and value is not None else value
            for field, value in row.items()
        ]
        assert [outcome.columns[name] for name in columns(tuple(fields))] == expected


@given(st.lists(st.binary(max_size=60), max_size=5), formats)
def test_any_bytes_are_rows_rejects_or_drops(payloads: list[bytes], fields: list[str]) -> None:
    records = [
        record(payload, str(n), formats=(" ".join(fields),), opened=True, first_ordinal=1)
        for n, payload in enumerate(payloads)
        if payload
    ]
    told = outcomes(records, "vpc-flow", context())
    assert len(told) == sum(len(r.payload.removesuffix(b"\n").split(b"\n")) for r in records)


@pytest.mark.fault("F15")
def test_nodata_and_skipdata_are_rows_with_nulls() -> None:
    text = (
        b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA\n"
        b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA\n"
    )
    first, second = processed([record(text)]).rows
    assert (first["log_status"], second["log_status"]) == ("NODATA", "SKIPDATA")
    for row in (first, second):
        assert [row[name] for name in ("srcaddr", "bytes", "action", "direction")] == [None] * 4
        assert [row[name] for name in ("service", "path_class", "billable_bytes")] == [None] * 3
        assert row["event_time"] == row["end_time"]


@pytest.mark.fault("F16")
def test_a_new_field_is_kept_a_missing_one_is_null_a_changed_one_is_refused() -> None:
    formats_ = ("srcport new-field end",)
    text = b"22 fresh 1418530070\nssh fresh 1418530070\n"
    done = processed([record(text, formats=formats_)])
    (row,) = done.rows
    assert (row["srcport"], row["dstport"], row["extra"]) == (22, None, {"new-field": "fresh"})
    assert done.reasons == ["type"]
