"""What `tailrace top` draws: in the room there is, and no log text gets out of its place."""

import unicodedata
from datetime import UTC, datetime, timedelta
from io import BytesIO, TextIOWrapper

import pytest
from rich.cells import cell_len

from pipeline.cli import streams
from pipeline.cli.top import frame, marks, terminal
from pipeline.cli.top.answers import Place, Ranked, Span, Traffic
from pipeline.cli.top.frame import Scene, Size

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SPAN = Span(NOON - timedelta(minutes=9), NOON + timedelta(minutes=1))
HOSTILE = {
    "escape": "/\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "c1": "/\x9b2J\x9d0;title\x9c",
    "line": "/a\nfake  99\r/b\v\f\x85\u2028\u2029",
    "override": "/gpj.\u202eexe\u202c\u2066x\u2069",
    "markup": "/[red]x[/red][link=http://a]y[/link]",
    "wide": "/ニュース/今日の天気予報は晴れのち曇り/東京都千代田区永田町",
    "arabic": "/أخبار/عاجل",
    "emoji": "/🔥🚀👩‍👩‍👧",
    "invisible": "/a\u200b\u200c\u200d\ufeff\u00ad\U000e0041b",
    "long": "/" + "x" * 5_000,
    "empty": "",
}


def place(rank: int, key: str, count: int, before: int | None = 1) -> Place:
    return Place(rank, key, f"Title of {key}", count, count / 2_000, before, [*range(10)])


def scene(*places: Place, by: str = "page", traffic: Traffic | None = None) -> Scene:
    total = sum(each.count for each in places)
    ranked = Ranked(by, "views", SPAN, NOON, total, list(places))
    status = ("● Fresh, 1 s old", "")
    return Scene(by, status, "home ./x", ranked, traffic, 20, (("q", "quit"),))


def traffic(*accepted: int | None) -> Traffic:
    rejected = [None if each is None else each // 1_000 for each in accepted]
    return Traffic(NOON - timedelta(minutes=len(accepted) - 1), accepted, rejected)


def drawn(of: Scene, columns: int, lines: int | None = None, encoding: str = "utf-8") -> list[str]:
    return [each.plain for each in frame.lines(of, Size(columns, lines, encoding))]


PLACES = (place(1, "/", 1_000), place(2, "/pricing", 500, 4), place(3, "/new", 500, None))
TRAFFIC = traffic(*[600_000] * 28, None, 1_200_000, 60_000)


def test_a_frame_says_what_is_first_and_when() -> None:
    assert drawn(scene(*PLACES, traffic=TRAFFIC), 80) == [
        "  ● Fresh, 1 s old                                    window 11:51 \u2013 12:01 UTC",
        "  home ./x",
        "",
        "  Pages   2,000 views                              moves against 11:41 \u2013 11:51",
        "",
        "    #  move  page                                    views   share  trend",
        "  " + "─" * 76,
        "   1      \u2013  /                      ███████████████  1,000   50.0%  ▁▁▂▃▄▄▅▆▇█",
        "   2    ▲ 2  /pricing               ███████▌           500   25.0%  ▁▁▂▃▄▄▅▆▇█",
        "   3    new  /new                   ███████▌           500   25.0%  ▁▁▂▃▄▄▅▆▇█",
        "",
        "  Traffic   31 minutes, by the end of a flow; each on its own scale",
        "  accepted  ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ █░  20 kB/s at 11:59, highest 20 kB/s",
        "  rejected  ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄ █░  20 B/s at 11:59, highest 20 B/s",
        "",
        "  q quit",
    ]


@pytest.mark.parametrize(
    ("columns", "heads"),
    [
        (29, "# page views"),
        (40, "# move page views"),
        (55, "# move page views share"),
        (79, "# move page views share trend"),
        (96, "# move page views share trend"),
        (120, "# move page title views share trend"),
    ],
)
def test_what_has_no_room_goes_the_bar_first(columns: int, heads: str) -> None:
    found = drawn(scene(*PLACES), columns)
    (head,) = (each for each in found if "#" in each)
    assert " ".join(head.split()) == heads
    assert any("██" in each for each in found) == (columns >= 80)


@pytest.mark.parametrize("columns", [1, 5, 12, 40, 80, 96, 120, 200])
@pytest.mark.parametrize("lines", [None, 3, 8, 15, 24, 60])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_frame_is_wider_or_longer_than_its_room(
    columns: int, lines: int | None, encoding: str
) -> None:
    streams.prepare()
    places = [place(at, key, 2_000 - at) for at, key in enumerate(HOSTILE.values(), 1)]
    found = drawn(scene(*places, traffic=TRAFFIC), columns, lines, encoding)
    assert max(map(cell_len, found)) <= max(columns, 10)
    assert lines is None or len(found) <= lines


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_text_of_a_log_stays_text_in_its_row(name: str, columns: int) -> None:
    hostile = scene(place(1, HOSTILE[name], 10), place(2, "/after", 5))
    plain = scene(place(1, "/before", 10), place(2, "/after", 5))
    found = frame.lines(hostile, Size(columns))
    text = "".join(each.plain for each in found)
    kinds = {unicodedata.category(each) for each in text.replace(marks.LEFT_AGAIN, "")}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(found) == len(drawn(plain, columns))
    assert [each.plain for each in found][8:] == drawn(plain, columns)[8:]
    styles = {str(span.style) for each in found for span in each.spans}
    assert styles <= {"", "dim", "bold", "cyan", "yellow"}


def test_written_from_right_to_left_is_ended_before_the_numbers() -> None:
    (row,) = (each for each in drawn(scene(place(1, HOSTILE["arabic"], 7)), 80) if "عاجل" in each)
    assert row.index(marks.LEFT_AGAIN) < row.index("7")
    assert marks.fitted(marks.shown(HOSTILE["arabic"]), 5).endswith(f"…{marks.LEFT_AGAIN}")


def test_every_row_of_wide_text_ends_in_the_same_column() -> None:
    places = [place(at, HOSTILE["wide"][: 2 * at], 100) for at in range(1, 15)]
    rows = [each for each in drawn(scene(*places), 80) if "%" in each]
    assert len(rows) == 14
    assert len({cell_len(each) for each in rows}) == 1


def test_equal_counts_share_a_rank_and_say_so() -> None:
    places = (place(1, "/a", 9), place(2, "/b", 5), place(2, "/c", 5), place(4, "/d", 1))
    ranks = [each.split()[0] for each in drawn(scene(*places), 80) if "/" in each and "%" in each]
    assert ranks == ["1", "2=", "2=", "4"]


def test_what_is_rejected_is_hatched() -> None:
    found = "\n".join(drawn(scene(place(1, "22", 10), by="rejected_port"), 96))
    assert "░░░░" in found
    assert "█" not in found.replace("▁▁▂▃▄▄▅▆▇█", "")


@pytest.mark.parametrize("by", ["page", "talker", "rejected_port", "error_path"])
def test_an_empty_window_says_what_fills_it(by: str) -> None:
    found = drawn(scene(by=by), 96)
    assert "  Nothing in this window." in found
    assert f"  {frame.WAYS[by]}" in found


def test_minutes_without_a_flow_are_blank_and_none_is_no_plot() -> None:
    found = drawn(scene(*PLACES, traffic=traffic(None, 60, None, 0)), 80)
    assert "  accepted   █ ░  1 B/s at 11:58, highest 1 B/s at 11:58" in found
    found = drawn(scene(*PLACES, traffic=traffic(None, None, None)), 80)
    assert "  No flow logs of this time." in found


def test_with_few_lines_the_rows_go_first_then_the_traffic() -> None:
    places = [place(at, f"/{at}", 100 - at) for at in range(1, 21)]
    for lines, rows, with_traffic in (
        (40, 20, True),
        (24, 11, True),
        (17, 4, True),
        (16, 7, False),
    ):
        found = drawn(scene(*places, traffic=TRAFFIC), 80, lines)
        assert sum("%" in each for each in found) == rows
        assert any("Traffic" in each for each in found) == with_traffic
        assert found[-1] == "  q quit"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "● Fresh, 0 s old"), (14, "◆ Late, 14 s old"), (252, "■ Stale, 4 min 12 s old")],
)
def test_how_fresh_it_is_is_a_word_and_a_mark(seconds: int, said: str) -> None:
    assert frame.freshness(NOON - timedelta(seconds=seconds), NOON)[0] == said
    assert frame.freshness(None, NOON)[0] == "○ Nothing has landed yet"


@pytest.mark.parametrize(
    ("share", "said"),
    [(1, "100%"), (0.112, "11.2%"), (0.0976, "9.76%"), (0.0003, "0.030%"), (0, "0%")],
)
def test_shares_have_the_decimals_that_tell_something(share: float, said: str) -> None:
    assert marks.percent(share) == said


def test_where_a_stream_has_no_such_characters_the_columns_stay() -> None:
    streams.prepare()
    out = TextIOWrapper(BytesIO(), "ascii", streams.WRITTEN_OUT)
    places = (place(1, "/ニュース", 10), place(2, "/b", 5, 4))
    terminal.write(frame.lines(scene(*places), Size(80, None, "ascii")), out)
    out.flush()
    text = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    rows = [line for line in text.splitlines() if "%" in line]
    assert [len(row) for row in rows] == [len(rows[0])] * 2
    assert "/\\u30cb\\u30e5" in rows[0]
    assert " ^ 2 " in rows[1]
