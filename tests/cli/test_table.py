"""Tables: whole where there is room, shorter where there is less, one value a line at last."""

from datetime import UTC, datetime

import pytest

from pipeline.cli.cells import cell, is_number
from pipeline.cli.table import Column, lines, listing, table
from pipeline.queries import Column as Declared

TODAY = datetime.now(UTC).replace(hour=7, minute=5, second=3, microsecond=0, tzinfo=None)
OLD = datetime(2014, 12, 14, 4, 7, 50)
OTHER_DAY = OLD.replace(year=TODAY.year, month=TODAY.month % 12 + 1)
ADDRESS = "2001:0db8:85a3:0000:0000:8a2e:0370:7334"
COLUMNS = (
    Column("srcaddr", ["10.0.0.1", ADDRESS]),
    Column("protocol_name", ["TCP", None]),
    Column("bytes", ["12 kB", "1.5 GB"], number=True),
    Column("last_seen", [TODAY, TODAY]),
)


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_without_a_limit_everything_is_whole() -> None:
    head, rule, first, second = table(COLUMNS).splitlines()
    assert head.split() == ["srcaddr", "protocol_name", "bytes", "last_seen"]
    assert rule == "─" * len(second)
    assert first.split()[:2] == ["10.0.0.1", "TCP"]
    assert second.startswith(ADDRESS + "  \u2013")
    assert second.endswith(f"{TODAY:%Y-%m-%dT%H:%M:%SZ}")


@pytest.mark.parametrize("width", range(47, 100))
def test_a_table_is_never_wider_than_it_may_be_and_keeps_its_numbers(width: int) -> None:
    text = table(COLUMNS, width)
    assert widest(text) <= width
    assert "bytes" in text.splitlines()[0]
    assert "1.5 GB" in text
    assert "10.0.0.1 " in text


def test_times_get_shorter_before_text_is_cut() -> None:
    shorter = table(COLUMNS, widest(table(COLUMNS)) - 1)
    assert ADDRESS in shorter
    assert "07:05:03Z" in shorter
    assert "…" not in shorter


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (TODAY, "07:05:03Z"),
        (OLD, "2014-12-14 04:07Z"),
        (OTHER_DAY, f"{OTHER_DAY:%m-%d} 04:07Z"),
    ],
)
def test_a_short_time_says_the_day_when_that_is_not_today(moment: datetime, shown: str) -> None:
    assert shown in table((Column("note", ["x" * 40]), Column("at", [moment])), 60)


def test_what_is_too_wide_is_told_value_by_value() -> None:
    columns = [Column(f"n{n}", ["1234567890", "7"], number=True) for n in range(8)]
    text = table([*columns, Column("gone", [None, None])], 60)
    first, second, note = text.split("\n\n")
    assert first.splitlines()[0] == "n0: 1234567890"
    assert second.splitlines() == [f"n{n}: 7" for n in range(8)]
    assert note == "(1 column without any value left out)\n"


def test_a_column_without_a_head_has_its_name_where_values_are_told_one_by_one() -> None:
    columns = (*COLUMNS, Column("", ["✓", "✗"], name="balanced"))
    assert table(columns, 20).splitlines()[4] == "balanced:      ✓"
    assert "balanced" not in table(columns, 200)


def test_the_only_column_is_never_cut() -> None:
    assert "x" * 200 in table((Column("message", ["x" * 200]),), 80)


def test_what_a_cell_holds_cannot_drive_the_terminal() -> None:
    assert "\\x1b[2J" in table((Column("a", ["\x1b[2J"]), Column("b", ["\n"])), 80)


def test_the_last_column_is_not_padded_but_numbers_stand_to_the_right() -> None:
    a, note = Column("a", ["1", "2"]), Column("note", ["x", "y" * 9])
    assert table((a, note)) == "a  note\n────────────\n1  x\n2  yyyyyyyyy\n"
    assert table((a, Column("n", ["1", "100"], number=True))).splitlines()[2] == "1    1"


def test_rows_are_told_one_by_one() -> None:
    assert len(list(lines(COLUMNS))) == 4


def test_a_listing_is_wrapped_between_words() -> None:
    rows = [("srcaddr", "the address that sent, or the one behind it", ""), ("b", "short", "x y")]
    text = listing(("column", "meaning", "unit"), rows, 40)
    assert widest(text) <= 40
    assert (
        " ".join(" ".join(line.split()) for line in text.splitlines()[2:4])
        == " ".join(rows[0]).strip()
    )
    assert widest(listing(("column", "meaning", "unit"), rows)) > 40


@pytest.mark.parametrize(
    ("value", "kind", "unit", "shown"),
    [
        (3389, "integer", "", "3389"),
        (3389, "integer", "flows", "3,389"),
        (-2591907608553620, "bigint", "", "-2591907608553620"),
        (1_610_000_000, "bigint", "bytes", "1.61 GB"),
        (0.1234, "double", "share", "12.3%"),
        (0.9997, "double", "share", "99.97%"),
        (1.0, "double", "share", "100.0%"),
        (0.0005, "double", "share", "0.05%"),
        (36.28819815964049, "double", "", "36.28819815964049"),
        (True, "boolean", "", "true"),
        ({"a": "b"}, "map(varchar, varchar)", "", "a=b"),
        ([1, None], "array(integer)", "", "[1, \u2013]"),
        ([["a"], ["b", "c"]], "array(array(varchar))", "", "[[a], [b, c]]"),
        ("x" * 201, "varchar", "", "x" * 199 + "…"),
        ("x" * 200, "varchar", "", "x" * 200),
        (["\x1b" * 1000], "array(varchar)", "", "[" + ("\\x1b" * 50)[:198] + "…"),
        (None, "varchar", "", None),
    ],
)
def test_the_unit_says_how_a_value_is_written(
    value: object, kind: str, unit: str, shown: str | None
) -> None:
    assert cell(value, Declared("c", kind, unit)) == shown


@pytest.mark.parametrize("kind", ["integer", "bigint", "double", "decimal(38, 0)", "real"])
def test_numbers_stand_to_the_right(kind: str) -> None:
    assert is_number(Declared("c", kind))


@pytest.mark.parametrize(
    "kind", ["varchar", "timestamp(3) with time zone", "date", "map(varchar, varchar)", "boolean"]
)
def test_all_else_stands_to_the_left(kind: str) -> None:
    assert not is_number(Declared("c", kind))
