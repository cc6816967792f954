"""Strict columns from delimited lines: what a lenient reader would take, convert or lose."""

import numpy as np
import pytest

from pipeline.decode import Lines
from pipeline.reading.delimited import Reading, read_spaced, screen
from pipeline.schema import Domain, Field, OneOf, Range, Type

ARRIVAL_MS = 1_795_615_200_250  # 2026-11-25T14:00:00.250Z
LATEST_MS = ARRIVAL_MS + 86_400_000
PORT = Field("port", Type.INT32, "Port.", domain=Range(0, 65_535))
COUNT = Field("count", Type.INT64, "Count.", domain=Range(0, 10**18 - 1))
NUMBER = Field("number", Type.INT64, "Any number.")
TEXT = Field("text", Type.VARCHAR, "Text.")
ADDRESS = Field("address", Type.VARCHAR, "Address.", domain=Domain.ADDRESS)
ACTION = Field("action", Type.VARCHAR, "Action.", domain=OneOf(("ACCEPT", "REJECT")))
TAG = Field("tag", Type.VARCHAR, "Tag.", domain=Domain.PERCENT)
TIME = Field("at", Type.TIMESTAMP, "Time.", domain=Domain.EPOCH)


def reading(lines: list[bytes], *fields: Field) -> Reading:
    return read_spaced(Lines.of_bytes(lines), fields, np.full(len(lines), LATEST_MS))


def values(found: Reading) -> list[tuple[object, ...]]:
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def faults(found: Reading) -> dict[int, tuple[int, str]]:
    return {line: (place, str(why)) for line, (place, why, _) in found.faults.by_line.items()}


@pytest.mark.parametrize(
    "text",
    [
        *("1_000", "+7", "7.0", "7.", "1e3", "1E3", "0x1f", "0X1F", "0xffffffffffffffff", "--7"),
        *(
            "\uff17",
            "\u0667",
            "7\u00a0",
            "\u00a07",
            "\u22127",
            "\u00b2",
            "nan",
            "NaN",
            "inf",
            "N/A",
        ),
        *(
            "null",
            "NULL",
            "None",
            "true",
            '"7"',
            "''",
            '""',
            "1,000",
            "#7",
            "7-",
            "-7-",
            "0b1",
            "0o7",
        ),
    ],
)
@pytest.mark.fault("F12")
def test_what_is_no_plain_number_is_refused_and_its_neighbours_are_kept(text: str) -> None:
    found = reading([b"1 22", f"2 {text}".encode(), b"3 23"], COUNT, PORT)
    assert faults(found) == {1: (1, "type")}
    assert values(found) == [(1, 22), (3, 23)]
    assert found.line.tolist() == [0, 2]


@pytest.mark.parametrize("text", [" 7 ", " 7", "7 ", "   7"])
def test_spaces_round_a_number_are_no_part_of_it(text: str) -> None:
    assert values(reading([text.encode()], PORT)) == [(7,)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("65535", 65_535),
        ("007", 7),
        ("-0", 0),
        ("-" + "0" * 30, 0),
        ("0" * 5000 + "7", 7),
        ("-", None),
    ],
)
def test_a_number_is_read_alike_with_and_without_a_bad_neighbour(
    text: str, value: int | None
) -> None:
    assert values(reading([text.encode()], PORT)) == [(value,)]
    assert values(reading([text.encode(), b"x"], PORT)) == [(value,)]
    assert values(reading([text.encode(), b"0x1f"], PORT)) == [(value,)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (PORT, "65536"),
        (PORT, "-1"),
        (PORT, "-007"),
        (PORT, "70000"),
        (PORT, "2147483648"),
        (PORT, "4294967296"),
        (COUNT, "1000000000000000000"),
        (COUNT, "9223372036854775807"),
        (COUNT, "9223372036854775808"),
        (COUNT, "-1"),
        (NUMBER, "1000000000000000000"),
        (NUMBER, "-1000000000000000000"),
        (PORT, "9" * 5000),
        (PORT, "-" + "9" * 5000),
        (TIME, "1000000000000000000"),
        (TIME, "-1"),
    ],
)
def test_a_number_outside_its_range_is_refused_alike_with_and_without_a_bad_neighbour(
    field: Field, text: str
) -> None:
    assert faults(reading([text.encode(), b"-"], field)) == {0: (0, "range")}
    assert faults(reading([text.encode(), b"x"], field)) == {0: (0, "range"), 1: (0, "type")}


def test_the_ends_of_a_range_belong_to_it() -> None:
    lines = [b"0 0 -999999999999999999", b"65535 999999999999999999 999999999999999999"]
    assert values(reading(lines, PORT, COUNT, NUMBER)) == [
        (0, 0, -(10**18) + 1),
        (65_535, 10**18 - 1, 10**18 - 1),
    ]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("86400", 86_400_000),
        ("1795701600", 1_795_701_600_000),
        ("1795701600250", LATEST_MS),
        ("100000000000", 100_000_000_000),
        ("-", None),
    ],
)
def test_a_time_is_seconds_or_milliseconds(text: str, ms: int | None) -> None:
    (column,) = reading([text.encode()], TIME).columns
    assert column.cast("int64").to_pylist() == [ms]


@pytest.mark.parametrize(
    "text", ["86399", "0", "1795701601", "1795701600251", "2147483648", "3851000000", "99999999999"]
)
def test_a_time_outside_the_allowed_span_is_refused(text: str) -> None:
    assert faults(reading([b"86400", text.encode(), b"-"], TIME)) == {1: (0, "time_range")}


def test_each_line_has_its_own_latest_time() -> None:
    lines = Lines.of_text(b"1795701600\n1795701600\n")
    found = read_spaced(lines, [TIME], np.array([LATEST_MS, LATEST_MS - 1000]))
    assert faults(found) == {1: (0, "time_range")}


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        (ADDRESS, "010.1.2.3", "address"),
        (ADDRESS, "::1%eth0", "address"),
        (ADDRESS, "10.0.0.0/8", "address"),
        (ADDRESS, "''", "address"),
        (ACTION, "accept", "value"),
        (ACTION, "ACCEPT\u00a0", "value"),
        (ACTION, '"ACCEPT"', "value"),
    ],
)
def test_a_text_outside_its_domain_is_refused(field: Field, text: str, reason: str) -> None:
    found = reading([b"- 1", f"{text} 2".encode(), b"- 3"], field, PORT)
    assert faults(found) == {1: (0, reason)}
    assert values(found) == [(None, 1), (None, 3)]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "NULL",
            "null",
            "NA",
            "N/A",
            "nan",
            "None",
            "''",
            '""',
            '"',
            '"a',
            "a'b",
            "\\",
            "\\N",
            "--",
        ),
        *(
            "#",
            "a,b",
            "a;b",
            "0x1f",
            "1e3",
            "true",
            "\u00a0",
            "a\u2028b",
            "\u0085",
            "\ufeffx",
            "caf\u00e9",
        ),
        *("\U0001f600", "%41", "=1+1", "v" * 300),
    ],
)
def test_text_is_kept_as_it_came(text: str) -> None:
    for neighbours in ([], [b"x y"], [b"x  1"]):
        found = reading([f"{text} 1".encode(), *neighbours], TEXT, PORT)
        assert values(found)[0] == (text, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("web%20server", "web server"),
        ("caf%C3%A9", "caf\u00e9"),
        ("caf%c3%a9", "caf\u00e9"),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ("%2D", "-"),
        ("a+b", "a+b"),
        ("%", "%"),
        ("a%4", "a%4"),
        ("%zz%20", "%zz "),
        ("%FF", "%FF"),
        ("caf%C3", "caf%C3"),
        ("%ED%A0%80", "%ED%A0%80"),
        ("a%0Ab%20", "a%0Ab%20"),
        ("a%00", "a%00"),
        ("%7F", "%7F"),
        ("\u00e9%C3%A9", "\u00e9\u00e9"),
        ("-", None),
    ],
)
def test_a_tag_is_decoded_where_that_gives_text(text: str, value: str | None) -> None:
    assert values(reading([f"x {text}".encode(), b"y plain"], TEXT, TAG)) == [
        ("x", value),
        ("y", "plain"),
    ]


def test_two_tags_that_decode_to_the_same_are_the_same() -> None:
    (column,) = reading([b"a%20b", b"a%20%62", b"-"], TAG).columns
    assert column.to_pylist() == ["a b", "a b", None]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"1", (-1, "field_count")),
        (b"1 2 3", (-1, "field_count")),
        (b"1 ", (-1, "field_count")),
        (b" 1", (-1, "field_count")),
        (b"1  ", (-1, "field_count")),
        (b"1 2 ", None),
        (b" 1 2", None),
        (b"1   2", None),
        (b"   1  2   ", None),
        (b"1  x", (1, "type")),
    ],
)
def test_fields_are_parted_by_runs_of_spaces(line: bytes, fault: tuple[int, str] | None) -> None:
    found = reading([b"5 6", line, b"7 8"], PORT, PORT)
    assert faults(found) == ({1: fault} if fault else {})
    assert values(found) == ([(5, 6), (7, 8)] if fault else [(5, 6), (1, 2), (7, 8)])


def test_a_second_try_puts_lines_back_in_their_order() -> None:
    lines = [b"a 1", b"b  2", b"c x", b" d 4", b"e", b"f 6", b"g  x"]
    found = reading(lines, TEXT, PORT)
    assert values(found) == [("a", 1), ("b", 2), ("d", 4), ("f", 6)]
    assert found.line.tolist() == [0, 1, 3, 5]
    assert faults(found) == {2: (1, "type"), 4: (-1, "field_count"), 6: (1, "type")}


def test_a_byte_order_mark_behind_spaces_is_part_of_the_value() -> None:
    assert values(reading([b"  \xef\xbb\xbfx 1"], TEXT, PORT)) == [("\ufeffx", 1)]


def test_the_first_bad_column_of_the_format_decides() -> None:
    found = reading([b"accept 1.2.3 x 1", b"- 1.2.3 x 1", b"- - x 1", b"- - - 1"], ACTION, ADDRESS,
                    PORT, TIME)  # fmt: skip
    assert faults(found) == {
        0: (0, "value"),
        1: (1, "address"),
        2: (2, "type"),
        3: (3, "time_range"),
    }


def test_a_line_of_many_fields_or_bytes_is_refused_like_any_other() -> None:
    found = reading([b"1", b"a " * 100_000, b"x" * (1 << 20), b"2"], PORT)
    assert faults(found) == {1: (-1, "field_count"), 2: (0, "type")}
    assert values(found) == [(1,), (2,)]


@pytest.mark.parametrize(
    ("line", "field", "detail"),
    [
        (b"x", PORT, "port: 'x' is not a whole number from 0 to 65535"),
        (b"x", NUMBER, "number: 'x' is not a whole number"),
        (b"x", ADDRESS, "address: 'x' is not an IPv4 or IPv6 address"),
        (b"x", ACTION, "action: 'x' is not one of ACCEPT, REJECT"),
        (b"1", TIME, "at: '1' is not a time from 1970-01-02 to a day after arrival"),
        (b"a b", PORT, "2 fields where the format has 1"),
        (b"9" * 300, PORT, f"port: '{'9' * 100}\u2026' is not a whole number from 0 to 65535"),
        (b"\x1b[31m", PORT, "port: '\\x1b[31m' is not a whole number from 0 to 65535"),
    ],
)
def test_the_detail_names_the_column_the_value_and_what_was_expected(
    line: bytes, field: Field, detail: str
) -> None:
    assert reading([line], field).faults.by_line[0][2] == detail


def test_no_lines_give_no_rows() -> None:
    found = reading([], PORT, TEXT, TIME)
    assert values(found) == []
    assert [str(column.type) for column in found.columns] == [
        "int32",
        "dictionary<values=string, indices=int32, ordered=0>",
        "timestamp[ms]",
    ]


def test_columns_have_the_declared_types_even_when_all_is_null_or_bad() -> None:
    for lines in ([b"- - -"], [b"x y z"], [b"- - -", b"0x1f - -"]):
        found = reading(lines, PORT, COUNT, TIME)
        assert [str(column.type) for column in found.columns] == ["int32", "int64", "timestamp[ms]"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"a\tb", "control_char"),
        (b"a\r", "control_char"),
        (b"a\nb", "control_char"),
        (b"\x00", "control_char"),
        (b"a\x7f", "control_char"),
        (b"\xef\xbb\xbfa", "byte_order_mark"),
        (b"\xef\xbb\xbf\xff", "byte_order_mark"),
        (b"\xef\xbb\xbf\t", "control_char"),
        (b"\xff\t", "control_char"),
        (b"\xff", "encoding"),
        (b"caf\xc3", "encoding"),
        (b"\xed\xa0\x80", "encoding"),
        (b"\xc0\xaf", "encoding"),
        (b"\xf4\x90\x80\x80", "encoding"),
        (b"caf\xc3\xa9", None),
        (b"a \xef\xbb\xbf", None),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_bytes_that_no_line_of_text_holds_are_found_in_their_line(
    line: bytes, reason: str | None, at: int
) -> None:
    lines = [b"first", b"last"]
    lines.insert(at, line)
    found, blank = screen(Lines.of_bytes(lines))
    assert {place: str(why) for place, (_, why, _) in found.by_line.items()} == (
        {at: reason} if reason else {}
    )
    assert blank.tolist() == []


def test_empty_lines_and_lines_of_spaces_are_blank() -> None:
    _, blank = screen(Lines.of_bytes([b"", b"a", b" ", b" a", b"   ", b"\t", b""]))
    assert blank.tolist() == [0, 2, 4, 6]
    faults, blank = screen(Lines.of_bytes([]))
    assert (faults.by_line, blank.tolist()) == ({}, [])
