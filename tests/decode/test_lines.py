"""Lines as one run of bytes, held against a list of lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import Lines

line = st.binary(max_size=6)
lines_without_newline = st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"x")))


def listed(lines: Lines) -> list[bytes]:
    return [lines[index] for index in range(len(lines))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\n\nb", [b"a", b"", b"b"]),
        (b"a\r\n\n", [b"a\r", b""]),
    ],
)
def test_text_is_cut_at_newlines_only(text: bytes, expected: list[bytes]) -> None:
    assert listed(Lines.of_text(text)) == expected


@given(lines_without_newline)
def test_joined_lines_come_apart_again(lines: list[bytes]) -> None:
    assert listed(Lines.of_text(b"".join(line + b"\n" for line in lines))) == lines


@given(st.lists(line))
def test_a_line_may_hold_anything(lines: list[bytes]) -> None:
    found = Lines.of_bytes(lines)
    assert listed(found) == lines
    assert found.lengths.tolist() == [len(line) for line in lines]
    assert found.strings().to_pylist() == lines


@given(st.lists(st.text(max_size=4)))
def test_a_message_is_one_line_even_with_newlines_inside(messages: list[str]) -> None:
    assert listed(Lines.of_messages(messages)) == [message.encode() for message in messages]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("caf\u00e9", b"caf\xc3\xa9"),
        ("a\udcffb", b"a\xffb"),  # a byte that was not UTF-8 comes back
        ("\udced\udca0\udc80", b"\xed\xa0\x80"),
        ("a\ud800b", b"a\xed\xa0\x80b"),  # half of a pair, escaped in JSON
        ("\udcc3\udca9", b"\xed\xb3\x83\xed\xb2\xa9"),  # no bytes: those would be a good e-acute
    ],
)
def test_a_surrogate_becomes_bytes_that_are_no_text(message: str, expected: bytes) -> None:
    assert listed(Lines.of_messages(["before", message, "after"])) == [
        b"before",
        expected,
        b"after",
    ]


@given(st.lists(st.tuples(line, st.booleans())))
def test_select_keeps_the_lines_of_the_mask(marked: list[tuple[bytes, bool]]) -> None:
    lines = Lines.of_bytes([line for line, _ in marked])
    kept = lines.select(np.array([keep for _, keep in marked], bool))
    assert listed(kept) == [line for line, keep in marked if keep]


@given(st.lists(st.lists(line), min_size=1))
def test_concat_puts_parts_one_behind_the_other(parts: list[list[bytes]]) -> None:
    joined = Lines.concat([Lines.of_bytes(part) for part in parts])
    assert listed(joined) == [line for part in parts for line in part]


def test_the_first_byte_of_an_empty_line_is_its_newline() -> None:
    assert Lines.of_text(b"ab\n\nc").first_bytes.tobytes() == b"a\nc"
