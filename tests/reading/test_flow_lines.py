"""Formats of flow lines: declared, bound to an origin, set by headers, never guessed."""

import pytest

from pipeline.errors import UsageError
from pipeline.reading.parsed import Formats
from pipeline.sources.vpc_flow import DEFAULT_FORMAT, LOG
from tests.carriers import LINE, SENT_MS, envelope, log_events, wrapped
from tests.processed import Processed, context, processed, record

END_PORT = "1418530070 22"
PORT_END = "22 1418530070"


def ports(done: Processed) -> list[int | None]:
    return [row["srcport"] for row in done.rows]


def test_a_format_is_written_with_or_without_dollars() -> None:
    dollars = "${version} ${account-id} ${start} ${new-field}"
    assert [f.name for f in LOG.layout(dollars)] == ["version", "account_id", "start_time", ""]
    assert LOG.layout(dollars) == LOG.layout("version account-id start new-field")
    assert LOG.layout("${version}${start}") == LOG.layout("version start")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it names no field"),
        ("  ", "it names no field"),
        ("version Version", "'Version' is no field name"),
        ("version account_id", "'account_id' is no field name"),
        ("version, start", "'version,' is no field name"),
        ("version 7", "'7' is no field name"),
        ("start end start", "'start' is named twice"),
        ("new new", "'new' is named twice"),
        ("caf\u00e9", "is no field name"),
    ],
)
def test_a_wrong_format_is_a_usage_error(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LOG.check(text)


@pytest.mark.parametrize(
    ("formats", "timed"),
    [
        ((), True),
        (("srcport end",), True),
        (("start srcport",), True),
        (("srcport dstport",), False),
        (("srcport end", "srcport dstport"), False),
        ((DEFAULT_FORMAT,), True),
    ],
)
def test_a_format_without_start_and_end_has_no_time(formats: tuple[str, ...], timed: bool) -> None:
    assert LOG.has_time(formats) is timed


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (b"srcport end", "srcport end"),
        (b"  end   srcport ", "end srcport"),
        (b"srcport weather", ""),
        (b"srcport end weather wind", "srcport end weather wind"),
        (b"srcport x1 x2", ""),
        (b"srcport", ""),
        (b"srcport srcport", ""),
        (b"srcport End", ""),
        (b"srcport end_time", ""),
        (b"srcport -", ""),
        (b"srcport end 22", ""),
        (b"srcport\tend", ""),
        (b"srcport \xff end", ""),
        (b"srcport\xc2\xa0end", ""),
        (b"", ""),
    ],
)
def test_a_header_is_two_different_words_half_of_them_known(line: bytes, header: str) -> None:
    assert LOG.header(line) == header


def test_the_header_in_force_is_carried_to_the_next_slice() -> None:
    assert LOG.carry(b"22 1418530070\n", "srcport end") == "srcport end"
    assert LOG.carry(b"22 1\nend srcport\n1 22\nsrcport end\n", "") == "srcport end"
    assert LOG.carry(b"", "") == ""
    assert LOG.carry(b"\xef\xbb\xbfsrcport end\r\n22 1\r\n", "") == "srcport end"


@pytest.mark.parametrize("lines", [50, 5000])
def test_a_header_is_found_among_many_lines_that_begin_with_a_letter(lines: int) -> None:
    text = b"eni-1235b8ca123456789 443 10.0.0.1\n" * lines
    assert LOG.carry(text + b"srcport end\n" + text, "") == "srcport end"
    assert LOG.carry(text, "") == ""


def test_without_a_format_the_default_one_holds() -> None:
    assert ports(processed([record(LINE.encode())])) == [20641]


def test_a_format_of_the_record_wins_over_that_of_the_log_group() -> None:
    formats = Formats({"g": ("end srcport",)})
    line = record(PORT_END.encode(), formats=("srcport end",), log_group="g")
    assert ports(processed([line], within=context(formats=formats))) == [22]
    line = record(END_PORT.encode(), log_group="g")
    assert ports(processed([line], within=context(formats=formats))) == [22]


def test_a_format_is_bound_to_a_log_group_or_to_one_stream_of_it() -> None:
    formats = Formats(
        {"flow-logs": ("srcport end",), "flow-logs:eni-2": ("end srcport",)},
        otherwise=("srcport dstport end",),
    )
    records = [
        record(envelope(log_events([PORT_END]), logStream="eni-1"), "1"),
        record(envelope(log_events([END_PORT]), logStream="eni-2"), "2"),
        record(envelope(log_events(["7 8 1418530070"]), logGroup="other"), "3"),
        record(b"9 8 1418530070", "4"),
    ]
    done = processed(records, within=context(formats=formats))
    assert (ports(done), done.reasons) == ([22, 22, 7, 9], [])


def test_a_header_of_a_file_is_dropped_and_sets_the_format_behind_it() -> None:
    text = b"srcport end\n22 1418530070\nend dstport srcport\n1418530070 80 7\n\nsrcport end\n5 x\n"
    done = processed([record(text)])
    assert ports(done) == [22, 7]
    assert [row["dstport"] for row in done.rows] == [None, 80]
    assert done.reasons == ["type"]
    assert done.report.outcomes[0].dropped == {"blank": 1, "header": 3}


def test_lines_before_a_header_keep_the_format_declared_for_them() -> None:
    text = b"22 1418530070\nend srcport\n1418530070 7\n"
    assert ports(processed([record(text, formats=("srcport end",))])) == [22, 7]


def test_a_header_counts_in_its_own_record_only() -> None:
    records = [record(b"end srcport\n1418530070 7\n", "1"), record(LINE.encode(), "2")]
    assert ports(processed(records)) == [7, 20641]


def test_a_header_among_wrapped_lines_counts() -> None:
    assert ports(processed([record(wrapped(["end srcport", END_PORT]))])) == [22]


def test_a_header_in_an_envelope_is_dropped_and_sets_nothing() -> None:
    done = processed([record(envelope(log_events([LINE, "end srcport", LINE, END_PORT])))])
    assert (ports(done), done.reasons) == ([20641, 20641], ["field_count"])
    assert done.report.outcomes[0].dropped == {"header": 1}


def test_a_line_takes_the_only_candidate_that_fits() -> None:
    formats = ("srcaddr end", "end srcaddr", "srcaddr dstaddr end")
    text = b"10.0.0.1 1418530070\n1418530070 10.0.0.2\n10.0.0.3 10.0.0.4 1418530070\n"
    done = processed([record(text, formats=formats)])
    assert [row["srcaddr"] for row in done.rows] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [row["dstaddr"] for row in done.rows] == [None, None, "10.0.0.4"]
    assert done.reasons == []


def test_a_line_that_fits_two_candidates_is_ambiguous() -> None:
    formats = ("srcport dstport end", "dstport srcport end")
    text = b"22 80 1418530070\n22 - 1418530070\n22 x 1418530070\n"
    done = processed([record(text, formats=formats)])
    assert (done.rows, done.reasons) == ([], ["ambiguous", "ambiguous", "type"])
    assert done.rejects[0]["detail"] == "it fits more than one of the declared formats"


def test_a_line_that_fits_no_candidate_has_the_fault_of_the_nearest() -> None:
    formats = ("srcaddr end", "srcaddr dstaddr end")
    text = b"10.0.0.1 x\n10.0.0.1 y 1418530070\n10.0.0.1\n10.0.0.1 10.0.0.2 1418530070\n"
    done = processed([record(text, formats=formats)])
    assert [reject["detail"] for reject in done.rejects] == [
        "end: 'x' is not a time from 1970-01-02 to a day after arrival",
        "dstaddr: 'y' is not an IPv4 or IPv6 address",
        "1 field where the format has 2",
    ]
    assert len(done.rows) == 1


def test_candidates_with_an_unknown_field_put_it_into_extra() -> None:
    formats = ("srcaddr end", "srcaddr mood end")
    done = processed([record(b"10.0.0.1 1418530070\n10.0.0.2 fair 1418530070\n", formats=formats)])
    assert [row["extra"] for row in done.rows] == [None, {"mood": "fair"}]


def test_unknown_fields_keep_their_names_and_nulls_are_left_out() -> None:
    formats = ("new-a srcport new-b end",)
    text = b"a 1 b 1418530070\n- 2 b 1418530070\n- 3 - 1418530070\n%41 4 0x1f 1418530070\n"
    done = processed([record(text, formats=formats)])
    assert [row["extra"] for row in done.rows] == [
        {"new-a": "a", "new-b": "b"},
        {"new-b": "b"},
        None,
        {"new-a": "%41", "new-b": "0x1f"},
    ]


def test_lines_refused_for_their_number_of_fields_are_counted_by_it() -> None:
    text = "\n".join([LINE, LINE + " x", LINE + " x", "a b c", "a  b  c ", ""])
    done = processed([record(text.encode())])
    assert done.report.miscounts == {(14, 15): 2, (14, 3): 2}


def test_event_time_is_end_then_start_then_the_time_of_cloudwatch() -> None:
    lines = ["1418530010 1418530070", "1418530010 -", "- -", "- 1418530070123"]
    formats = Formats(otherwise=("start end",))
    done = processed([record(envelope(log_events(lines)))], within=context(formats=formats))
    assert [round(row["event_time"].timestamp() * 1000) for row in done.rows] == [
        *(1_418_530_070_000, 1_418_530_010_000, SENT_MS, 1_418_530_070_123),
    ]


def test_a_format_without_time_takes_the_time_of_cloudwatch() -> None:
    formats = Formats(otherwise=("srcport dstport",))
    done = processed([record(envelope(log_events(["22 80"])))], within=context(formats=formats))
    assert [round(row["event_time"].timestamp() * 1000) for row in done.rows] == [SENT_MS]


def test_a_line_that_nothing_dates_has_no_time() -> None:
    formats = ("srcport start end",)
    done = processed([record(b"22 - -\n22 - 1418530070\n", formats=formats)])
    assert (ports(done), done.reasons) == ([22], ["no_time"])
