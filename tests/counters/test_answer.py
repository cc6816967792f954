"""What a ranking answers, and what it refuses to be asked."""

import numpy as np
import pytest

from pipeline.counters.answer import MOST_TEXT_BYTES, answer, asked, etag
from pipeline.counters.board import BOT, Board, Counted
from pipeline.errors import UsageError
from pipeline.web.answers import as_json

NOON_MS = 1_795_608_000_000
NOON = NOON_MS // 60_000


def board(*counts: tuple[int, str, int, int]) -> Board:
    """Minute from noon, key, kind, count."""
    made = Board()
    for minute, key, kind, count in counts:
        made.add(Counted(NOON + minute, [key], np.array([kind]), np.array([count])))
    return made


def test_an_answer_says_what_is_ranked_and_when() -> None:
    counts = board((-1, "/a", 0, 3), (0, "/b", 0, 1), (0, "/bot", BOT, 9), (-11, "/b", 0, 2))
    told = answer(asked({"bots": "false"}), counts, {"/a": "A"}, NOON_MS + 30_500)
    assert told == {
        "by": "page",
        "unit": "views",
        "window": {"from": "2026-11-25T11:51:00Z", "to": "2026-11-25T12:01:00Z"},
        "as_of": "2026-11-25T12:00:30Z",
        "total": 4,
        "cut": False,
        "items": [
            {
                "rank": 1,
                "key": "/a",
                "title": "A",
                "count": 3,
                "share": 0.75,
                "previous_rank": None,
                "trend": [0] * 8 + [3, 0],
            },
            {
                "rank": 2,
                "key": "/b",
                "title": None,
                "count": 1,
                "share": 0.25,
                "previous_rank": 1,
                "trend": [0] * 9 + [1],
            },
        ],
    }


@pytest.mark.parametrize(("key", "title"), [("/x", ""), ("/<", ""), ("/\x01", ""), ("/", "<")])
def test_an_answer_is_cut_where_its_texts_are_too_long(key: str, title: str) -> None:
    keys = [f"{key}{key[-1] * 2_000}{number:04}" for number in range(1_000)]
    counts = board(*((0, each, 0, 2) for each in keys))
    titles = {each: title * 5_000 for each in keys}
    told = answer(asked({"k": "1000"}), counts, titles, NOON_MS)
    shown = told["items"]
    assert (told["cut"], told["total"]) == (True, 2_000)
    assert [each["key"] for each in shown] == keys[: len(shown)]
    written = [as_json([each["key"], each["title"] or ""]) for each in shown]
    assert MOST_TEXT_BYTES - 40_000 < sum(map(len, written)) - 3 * len(shown) <= MOST_TEXT_BYTES


@pytest.mark.parametrize(
    ("newest", "end"), [(0, "12:01"), (-7, "11:54"), (-200, "11:31"), (5, "11:31")]
)
def test_a_window_of_logs_that_come_late_ends_with_their_newest_minute(
    newest: int, end: str
) -> None:
    counts = board((newest, "10.0.0.1", 0, 3))
    told = answer(asked({"by": "talker", "window": "1m"}), counts, {}, NOON_MS)
    assert told["window"]["to"] == f"2026-11-25T{end}:00Z"
    assert told["total"] == (3 if -30 <= newest <= 0 else 0)


def test_a_tag_changes_with_what_is_counted_and_not_with_the_second() -> None:
    counts = board((0, "/a", 0, 1))
    first, later = (answer(asked({}), counts, {}, NOON_MS + ms) for ms in (0, 5_000))
    assert (first["as_of"] != later["as_of"], etag(first)) == (True, etag(later))
    counts.add(Counted(NOON, ["/a"], np.array([0]), np.array([1])))
    tags = {etag(answer(asked({}), counts, {}, NOON_MS + ms)) for ms in (0, 60_000)}
    assert len({etag(first), *tags}) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"by": "pages"},
        {"window": "10"},
        {"window": "0m"},
        {"window": "61m"},
        {"window": "\u0661m"},
        {"window": "-1m"},
        {"k": "0"},
        {"k": "1001"},
        {"k": "1e3"},
        {"bots": "no"},
        {"prefix": "/" * 513},
        {"top": "1"},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        asked(given)
