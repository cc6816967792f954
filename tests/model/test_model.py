"""The model itself against literals and against samples that were read by hand."""

import pytest

from tests.model.flow_line import (
    TGW_DEFAULT,
    TGW_FIELDS,
    VPC_DEFAULT,
    VPC_FIELDS,
    Drop,
    Outcome,
    Reject,
    Row,
    read,
    read_all,
)
from tests.model.samples import KNOWN, LINES, Sample, expected_rows, samples

ARRIVAL = 1_795_615_200_250  # 2026-11-25T14:00:00.250Z
END = ("srcport", "end")
NAT = ("instance-id", "srcaddr")


def read_one(field: str, text: str) -> Outcome:
    """Read a text in its column, beside a good `end`."""
    return read(f"1418530070 {text}".encode(), ("end", field), ARRIVAL)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("srcport", "0", 0),
        ("srcport", "65535", 65535),
        ("srcport", "007", 7),
        ("srcport", "-0", 0),
        ("srcport", "-" + "0" * 30, 0),
        ("srcport", "0" * 40 + "7", 7),
        pytest.param("srcport", "0" * 5000 + "7", 7, id="5000 zeros"),
        ("srcport", "-", None),
        ("protocol", "255", 255),
        ("tcp-flags", "19", 19),
        ("packets", "999999999999999999", 999_999_999_999_999_999),
        ("bytes", "4249", 4249),
        ("srcaddr", "172.31.16.139", "172.31.16.139"),
        ("srcaddr", "2001:DB8::1", "2001:DB8::1"),
        ("pkt-dstaddr", "::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("action", "REJECT", "REJECT"),
        ("log-status", "SKIPDATA", "SKIPDATA"),
        ("type", "EFA", "EFA"),
        ("flow-direction", "egress", "egress"),
        ("flow-direction", "-", None),
        ("account-id", "000000000000", "000000000000"),
        ("instance-id", "0x1f", "0x1f"),
        ("vpc-id", "''", "''"),
        ("region", "a\u00a0b\u2028c\u0085", "a\u00a0b\u2028c\u0085"),
        ("reject-reason", "%41", "%41"),
        ("instance-tag", "web%20server", "web server"),
        ("instance-tag-2", "caf%C3%A9", "caf\u00e9"),
        ("interface-tag", "100%25", "100%"),
        ("interface-tag", "a+b%zz%4", "a+b%zz%4"),
        ("interface-tag-2", "%FF", "%FF"),
        ("asg-tag", "%ED%A0%80", "%ED%A0%80"),
        ("asg-tag", "a%0Ab%20c", "a%0Ab%20c"),
        ("asg-tag-2", "%2D", "-"),
    ],
)
def test_a_good_text_becomes_its_value(field: str, text: str, value: int | str | None) -> None:
    column = field.replace("-", "_")
    row = Row({"end_time": 1_418_530_070_000, column: value}, 1_418_530_070_000)
    assert read_one(field, text) == row


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("srcport", "0x1f", "type"),
        ("srcport", "1_000", "type"),
        ("srcport", "+7", "type"),
        ("srcport", "7.0", "type"),
        ("srcport", "1e3", "type"),
        ("srcport", "--7", "type"),
        ("srcport", "\uff17", "type"),
        ("srcport", "\u0667", "type"),
        ("srcport", "7\u00a0", "type"),
        ("srcport", "65536", "range"),
        ("srcport", "-5", "range"),
        ("srcport", "-007", "range"),
        ("protocol", "256", "range"),
        ("version", "256", "range"),
        ("encryption-status", "256", "range"),
        ("packets", "1000000000000000000", "range"),
        ("bytes", "9223372036854775808", "range"),
        pytest.param("bytes", "9" * 5000, "range", id="5000 digits"),
        ("srcaddr", "010.1.2.3", "address"),
        ("srcaddr", "1.2.3", "address"),
        ("srcaddr", "::1%eth0", "address"),
        ("pkt-srcaddr", "''", "address"),
        ("dstaddr", "10.0.0.0/8", "address"),
        ("action", "accept", "value"),
        ("log-status", "ok", "value"),
        ("type", "IPV4", "value"),
        ("flow-direction", "Egress", "value"),
    ],
)
def test_a_bad_text_is_rejected_under_its_column(field: str, text: str, reason: str) -> None:
    assert read_one(field, text) == Reject(reason, field.replace("-", "_"))


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"", Drop("blank")),
        (b"   ", Drop("blank")),
        (b"\xef\xbb\xbf22 1418530070", Reject("byte_order_mark")),
        (b"\xef\xbb\xbf22\t1418530070", Reject("control_char")),
        (b"\xef\xbb\xbf\xff", Reject("byte_order_mark")),
        (b"22 1418530070\r", Reject("control_char")),
        (b"22\x7f 1418530070", Reject("control_char")),
        (b"\t", Reject("control_char")),
        (b"22 \xff", Reject("encoding")),
        (b"22 1418530070 \xed\xa0\x80", Reject("encoding")),
        (b"22 \xe2\x82", Reject("encoding")),
        (b"22", Reject("field_count")),
        (b"22 1418530070 -", Reject("field_count")),
        (b"22  ", Reject("field_count")),
        (b'"22 1418530070"', Reject("type", "srcport")),
        (b"0x1f 1e3", Reject("type", "srcport")),
        (b"22 1e3", Reject("type", "end_time")),
        (b"22 -1", Reject("range", "end_time")),
        (b"22 1000000000000000000", Reject("range", "end_time")),
        (b"22 -", Reject("no_time")),
        (
            b"  22   1418530070 ",
            Row({"srcport": 22, "end_time": 1_418_530_070_000}, 1_418_530_070_000),
        ),
        (
            b"- 1418530070123",
            Row({"srcport": None, "end_time": 1_418_530_070_123}, 1_418_530_070_123),
        ),
    ],
)
def test_a_line_comes_out_once(line: bytes, outcome: Outcome) -> None:
    assert read(line, END, ARRIVAL) == outcome


def test_a_line_over_the_limit_is_too_long_whatever_it_holds() -> None:
    limit = 1 << 20
    assert read(b" " * limit, END, ARRIVAL) == Drop("blank")
    assert read(b" " * (limit + 1), END, ARRIVAL) == Reject("too_long")
    assert read(b"\t" * 13, END, ARRIVAL, max_line_bytes=12) == Reject("too_long")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("86400", 86_400_000),  # 1970-01-02T00:00:00Z
        ("1795701600", 1_795_701_600_000),
        ("1795701600250", 1_795_701_600_250),  # arrival and one day
        ("100000000000", 100_000_000_000),  # milliseconds of March 1973
        ("86399", None),
        ("0", None),
        ("1795701601", None),
        ("1795701600251", None),
        ("2147483648", None),  # seconds of January 2038
        ("99999999999", None),  # and of the year 5138
    ],
)
def test_times_end_at_both_limits(text: str, end: int | None) -> None:
    expected = Reject("time_range", "end_time") if end is None else Row({"end_time": end}, end)
    assert read(text.encode(), ("end",), ARRIVAL) == expected


def test_event_time_is_end_then_start_then_the_time_of_cloudwatch() -> None:
    fields, cloudwatch = ("start", "end"), 1_432_826_855_000
    lines = (b"1418530010 1418530070", b"1418530010 -", b"- -")
    rows = [read(line, fields, ARRIVAL, cloudwatch) for line in lines]
    times = [row.event_time for row in rows if isinstance(row, Row)]
    assert times == [1_418_530_070_000, 1_418_530_010_000, 1_432_826_855_000]


def test_an_impossible_time_of_cloudwatch_counts_only_when_it_is_needed() -> None:
    assert read(b"- -", END, ARRIVAL, 0) == Reject("time_range")
    assert isinstance(read(b"- 1418530070", END, ARRIVAL, 0), Row)


def test_a_line_without_time_is_a_row_where_no_time_is_needed() -> None:
    row = Row({"instance_id": None, "srcaddr": "10.0.1.5"}, None)
    assert read(b"- 10.0.1.5", NAT, ARRIVAL, need_time=False) == row


def test_the_first_bad_column_of_the_format_decides() -> None:
    fields = ("action", "srcaddr", "srcport", "end")
    assert read(b"accept 1.2.3 x 1", fields, ARRIVAL) == Reject("value", "action")
    assert read(b"ACCEPT 1.2.3 x 1", fields, ARRIVAL) == Reject("address", "srcaddr")
    assert read(b"ACCEPT - x 1", fields, ARRIVAL) == Reject("type", "srcport")
    assert read(b"ACCEPT - - 1", fields, ARRIVAL) == Reject("time_range", "end_time")


def test_unknown_fields_go_to_extra_as_they_came() -> None:
    fields = ("new-field", "end", "tgw-id", "x9")
    row = Row(
        {"end_time": 1_418_530_070_000}, 1_418_530_070_000, {"new-field": "%41", "x9": "0x1f"}
    )
    assert read(b"%41 1418530070 - 0x1f", fields, ARRIVAL) == row
    assert read(b"- 1418530070 - -", fields, ARRIVAL) == Row(row.columns, row.event_time, None)


def test_the_sources_know_their_own_fields() -> None:
    line, fields = b"1418530070 accept 7.0", ("end", "action", "packets-lost-blackhole")
    assert read(line, fields, ARRIVAL) == Reject("value", "action")
    rejected = Reject("type", "packets_lost_blackhole")
    assert read(line, fields, ARRIVAL, known=TGW_FIELDS) == rejected
    assert (len(VPC_FIELDS), len(TGW_FIELDS - VPC_FIELDS), len(TGW_DEFAULT)) == (54, 18, 36)


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"srcport end", Drop("header")),
        (b"  end   srcport ", Drop("header")),
        (b"srcport weather", Reject("type", "srcport")),
        (b"srcport end weather wind", Drop("header")),
        (b"version account-id srcaddr x1 x2", Drop("header")),
        (b"srcport x1 x2", Reject("field_count")),
        (b"srcport srcport", Reject("type", "srcport")),
        (b"srcport End", Reject("type", "srcport")),
        (b"srcport end_time", Reject("type", "srcport")),
        (b"srcport -", Reject("type", "srcport")),
        (b"srcport", Reject("field_count")),
    ],
)
def test_a_header_is_two_different_words_half_of_them_known(line: bytes, outcome: Outcome) -> None:
    assert read(line, END, ARRIVAL) == outcome


def test_a_header_sets_the_format_of_the_lines_after_it() -> None:
    lines = [
        b"22 1418530070",
        b"end srcport weather",
        b"1418530070 9 fair",
        b"srcport end",
        b"22 x",
    ]
    assert read_all(lines, END, ARRIVAL) == [
        Row({"srcport": 22, "end_time": 1_418_530_070_000}, 1_418_530_070_000),
        Drop("header"),
        Row({"end_time": 1_418_530_070_000, "srcport": 9}, 1_418_530_070_000, {"weather": "fair"}),
        Drop("header"),
        Reject("type", "end_time"),
    ]


@pytest.mark.parametrize("sample", [*samples("vpc-flow"), *samples("tgw-flow")])
def test_the_model_reads_the_samples_as_a_person_does(sample: Sample) -> None:
    known = KNOWN[sample.source]
    row = read(sample.line, sample.fields, ARRIVAL, known=known, need_time=False)
    assert isinstance(row, Row)
    assert {**row.columns, "event_time": row.event_time, "extra": row.extra} == sample.expected


def test_the_samples_show_every_documented_field_with_a_value() -> None:
    for source, known in KNOWN.items():
        shown = {name for sample in samples(source) for name in shown_fields(sample)}
        assert shown >= known


def shown_fields(sample: Sample) -> set[str]:
    texts = sample.line.decode().split()
    return {field for field, text in zip(sample.fields, texts, strict=True) if text != "-"}


def test_the_model_reads_a_real_file_with_its_header() -> None:
    path = LINES / "vpc-flow" / "vpcflow.log"
    header, *rows = read_all(path.read_bytes().splitlines(), VPC_DEFAULT, ARRIVAL)
    assert header == Drop("header")
    assert [
        {**row.columns, "event_time": row.event_time, "extra": row.extra}
        for row in rows
        if isinstance(row, Row)
    ] == expected_rows(path)
