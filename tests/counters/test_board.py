"""What is first in a window is what counting everything anew says, whatever came late."""

import time
from collections import Counter
from random import Random

import numpy as np
import pytest

from pipeline.counters.board import (
    ALL,
    ASSET,
    BOT,
    KINDS,
    MOST_COUNT,
    OTHER,
    TREND,
    Board,
    Counted,
    Item,
)

# By minute, key and kind.
Truth = Counter[tuple[int, str, int]]


def counted(minute: int, **counts: int) -> Counted:
    keys = list(counts)
    return Counted(minute, keys, np.zeros(len(keys), np.int64), np.array(list(counts.values())))


def ranks(board: Board, end: int, minutes: int, most: int = 20) -> list[tuple[int, str, int]]:
    return [(each.rank, each.key, each.count) for each in board.top(end, minutes, most).items]


def test_equal_counts_share_a_rank_and_stand_by_their_key() -> None:
    board = Board()
    board.add(counted(10, b=2, a=2, c=5, d=1))
    assert ranks(board, 11, 1) == [(1, "c", 5), (2, "a", 2), (2, "b", 2), (4, "d", 1)]
    assert ranks(board, 11, 1, 2) == [(1, "c", 5), (2, "a", 2)]


def test_an_item_says_its_share_its_rank_before_and_its_last_ten_minutes() -> None:
    board = Board()
    board.add(counted(1, a=1, b=2))
    board.add(counted(11, a=3))
    board.add(counted(11, c=1))
    top = board.top(12, 10, 10)
    assert (top.first, top.end, top.total) == (2, 12, 4)
    assert top.items == (
        Item(1, "a", 3, 0.75, 2, (0,) * 9 + (3,)),
        Item(2, "c", 1, 0.25, None, (0,) * 9 + (1,)),
    )


def test_a_window_of_nothing_has_no_items() -> None:
    assert Board().top(10, 10, 10).items == ()
    board = Board()
    board.add(counted(100, a=1))
    top = board.top(10, 10, 10)
    assert (top.total, top.items) == (0, ())


def test_kinds_and_prefixes_are_left_out() -> None:
    board = Board()
    kinds = np.array([0, BOT, ASSET, BOT | ASSET, 0])
    board.add(Counted(5, ["/a", "/a", "/b.css", "/b.css", "/c"], kinds, np.arange(1, 6)))
    people = [kind for kind in ALL if not kind & BOT]
    pages = [kind for kind in people if not kind & ASSET]
    assert [each.count for each in board.top(6, 1, 9).items] == [7, 5, 3]
    assert [each.key for each in board.top(6, 1, 9, people).items] == ["/c", "/b.css", "/a"]
    top = board.top(6, 1, 9, pages, "/a")
    assert (top.total, [each.key for each in top.items]) == (1, ["/a"])


def brute(truth: Truth, end: int, minutes: int, kinds: list[int], prefix: str) -> list[Item]:
    """All keys of a window, by counting every minute of it."""

    def of(first: int, last: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for (minute, key, kind), count in truth.items():
            if first <= minute < last and kind in kinds and key.startswith(prefix):
                found[key] += count
        return found

    now, before = of(end - minutes, end), of(end - 2 * minutes, end - minutes)
    trends = [of(minute, minute + 1) for minute in range(end - TREND, end)]
    return [
        Item(
            1 + sum(other > count for other in now.values()),
            key,
            count,
            count / now.total(),
            1 + sum(other > before[key] for other in before.values()) if before[key] else None,
            tuple(of_minute[key] for of_minute in trends),
        )
        for key, count in sorted(now.items(), key=lambda each: (-each[1], each[0]))
    ]


@pytest.mark.parametrize("seed", range(12))
def test_every_window_is_what_counting_all_says(seed: int) -> None:
    random = Random(seed)
    board, truth, now = Board(), Truth(), 200
    names = [f"/{random.choice('abc')}/{number}" for number in range(60)] + ["/é", "/z" * 40]
    for _ in range(120):
        now += random.choice((0, 0, 0, 1, 1, 7))
        minute = now - random.choice((0, 0, 0, 1, 5, 15))
        some = {(random.choice(names), random.randrange(KINDS)): 0 for _ in range(8)}
        counts = {each: random.choice((1, 1, 1, 2, 50)) for each in some}
        keys, kinds = zip(*counts, strict=True)
        board.add(Counted(minute, keys, np.array(kinds), np.array(list(counts.values()))))
        for (key, kind), count in counts.items():
            truth[minute, key, kind] += count
        if random.random() < 0.2:
            board.forget(now - 100)
        minutes, most = random.choice((1, 2, 10, 10, 30)), random.choice((1, 3, 20))
        end = now + 1 - random.choice((0, 0, 0, 1, 4))
        chosen = random.choice((list(ALL), [0, ASSET], [0]))
        prefix = random.choice(("", "", "/a/"))
        expected = brute(truth, end, minutes, chosen, prefix)
        top = board.top(end, minutes, most, chosen, prefix)
        assert list(top.items) == expected[:most]
        assert top.total == sum(each.count for each in expected)


def test_a_sum_does_not_keep_what_is_forgotten() -> None:
    board = Board()
    for minute, counts in ((85, {"a": 5}), (150, {"a": 1, "b": 2}), (199, {"a": 1})):
        board.add(counted(minute, **counts))
    assert board.top(200, 60, 9).items[0].previous_rank == 1
    board.forget(90)
    board.add(counted(239, a=1))
    assert board.top(240, 60, 9).items[0].previous_rank == 2


def test_counts_stop_where_json_is_no_longer_exact_and_sums_never_wrap() -> None:
    board = Board()
    for minute in range(60):
        for _ in range(3):
            board.add(counted(minute, a=2**63 - 1, b=2**62))
    assert board.top(60, 60, 1).items[0].count == MOST_COUNT
    board.add(counted(59, a=2**63 - 1, c=5))
    top = board.top(60, 60, 9)
    assert [(each.key, each.count) for each in top.items] == [
        ("a", MOST_COUNT),
        ("b", MOST_COUNT),
        ("c", 5),
    ]
    assert (top.total, top.items[0].trend) == (MOST_COUNT, (MOST_COUNT,) * 10)
    assert board.top(119, 60, 9).total == MOST_COUNT
    board.add(counted(130, d=MOST_COUNT - 7))
    board.add(counted(130, e=4))
    assert board.top(131, 1, 9).total == MOST_COUNT - 3


def test_a_key_that_takes_the_place_of_one_that_is_forgotten_has_nothing_of_it() -> None:
    board = Board()
    board.add(Counted(1, ["/a/old", "/both"], np.array([BOT, 0]), np.array([5, 1])))
    board.add(counted(150, **{"/both": 1}))
    assert [each.key for each in board.top(2, 60, 9, prefix="/a/").items] == ["/a/old"]
    board.forget(100)
    board.add(counted(150, **{"/b/new": 2}))
    board.add(counted(151, **{"/a/new": 3}))
    for prefix, expected in (("/a/", ["/a/new"]), ("/b/", ["/b/new"]), ("", None)):
        found = [each.key for each in board.top(152, 60, 9, prefix=prefix).items]
        assert found == (expected or ["/a/new", "/b/new", "/both"])
    board.forget(1_000)
    assert board.top(152, 60, 9).items == ()


def test_where_there_is_no_room_new_keys_count_together() -> None:
    board = Board(most=3)
    for some in (counted(5, a=1, b=2), counted(5, b=1, c=4, d=8, e=16), counted(6, d=1, a=1)):
        for limited in board.limited([some]):
            board.add(limited)
    kinds = np.array([BOT, 0, BOT])
    for limited in board.limited([Counted(6, ["x", "y", "z"], kinds, np.array([1, 2, 4]))]):
        assert (limited.keys, limited.kinds.tolist()) == ([OTHER, OTHER], [0, BOT])
        assert limited.counts.tolist() == [2, 5]
        board.add(limited)
    top = board.top(7, 2, 9)
    counts = {each.key: each.count for each in top.items}
    assert counts == {"a": 2, "b": 3, "c": 4, OTHER: 24 + 1 + 7}
    assert top.total == 41
    board.forget(1_000)
    (again,) = board.limited([counted(2_000, z=1)])
    assert again.keys == ["z"]


def test_to_forget_a_minute_does_not_look_at_all_others() -> None:
    board, rng = Board(), np.random.default_rng(1)
    for minute in range(160):
        keys = [f"/page/{number}" for number in rng.choice(20_000, 2_000, replace=False)]
        board.add(Counted(minute, keys, np.zeros(2_000, np.int64), np.ones(2_000, np.int64)))
    begun = time.process_time()
    board.forget(1)
    # A look at all of them took 0.3 s.
    assert time.process_time() - begun < 0.1
