"""What is counted of rows, by what the rankings declare."""

import pyarrow as pa
import pytest

from pipeline.counters.counting import LONGEST_TITLE, counts_of, may_count, titles_of
from pipeline.counters.declared import all_rankings, find_ranking
from pipeline.errors import UsageError
from pipeline.lake.tables import all_tables
from pipeline.schema import Type

NOON_MS = 1_795_608_000_000
MINUTE = NOON_MS // 60_000


def rows(table: str, *made: dict[str, object]) -> pa.Table:
    usual = {"event_time": NOON_MS, "ingest_time": NOON_MS}
    return pa.Table.from_pylist([usual | each for each in made], all_tables()[table].arrow_schema)


def counted(name: str, table: str, *made: dict[str, object]) -> list[tuple[int, str, int, int]]:
    """Minute from noon, key, kind and count."""
    ranking = find_ranking(name)
    return [
        (of.minute - MINUTE, key, int(kind), int(count))
        for of in counts_of(ranking, ranking.parts[table], rows(table, *made))
        for key, kind, count in zip(of.keys, of.kinds, of.counts, strict=True)
    ]


def test_views_are_counted_by_page_and_kind() -> None:
    assert counted(
        "page",
        "page_view",
        {"page": "/b"},
        {"page": "/a"},
        {"page": "/a", "is_bot": True},
        {"page": "/a", "is_bot": True, "is_asset": True},
        {"page": "/a", "event_time": NOON_MS - 1},
        {"page": None},
        {"page": "/a", "is_bot": False},
    ) == [(-1, "/a", 0, 1), (0, "/b", 0, 1), (0, "/a", 0, 2), (0, "/a", 1, 1), (0, "/a", 3, 1)]


def test_a_view_counts_up_to_a_quarter_of_an_hour_late_and_a_flow_up_to_half_an_hour() -> None:
    late = {"page": "/late", "ingest_time": NOON_MS + 15 * 60_000}
    later = {"page": "/later", "ingest_time": NOON_MS + 15 * 60_000 + 1}
    assert counted("page", "page_view", late, later) == [(0, "/late", 0, 1)]
    flow = {"srcaddr": "a", "bytes": 7, "action": "ACCEPT"}
    late, later = (
        {**flow, "ingest_time": NOON_MS + 30 * 60_000 + more, "bytes": 1 + more} for more in (0, 1)
    )
    assert counted("talker", "vpc_flow", late, later) == [(0, "a", 0, 1)]


def test_a_view_that_is_ahead_counts_in_its_own_minute() -> None:
    ahead = {"page": "/", "event_time": NOON_MS + 5 * 60_000}
    assert counted("page", "page_view", ahead) == [(5, "/", 0, 1)]


def test_talkers_are_ranked_by_bytes_that_were_let_through_and_logged_once() -> None:
    flow = {"srcaddr": "10.0.0.1", "bytes": 2**40, "action": "ACCEPT"}
    assert counted(
        "talker",
        "vpc_flow",
        flow,
        {**flow, "bytes": 1, "second_sight": False},
        {**flow, "second_sight": True},
        {**flow, "action": "REJECT"},
        {**flow, "bytes": None},
        {**flow, "action": None},
    ) == [(0, "10.0.0.1", 0, 2**40 + 1)]


def test_rejected_ports_and_paths_that_fail_are_counted() -> None:
    ports = [{"dstport": port, "action": "REJECT"} for port in (22, 22, 3389)]
    ports += [{"dstport": 443, "action": "ACCEPT"}]
    assert counted("rejected_port", "vpc_flow", *ports) == [(0, "22", 0, 2), (0, "3389", 0, 1)]
    paths = [{"path": "/x", "status": status} for status in (200, 399, 400, 503, None)]
    assert counted("error_path", "http_access", *paths) == [(0, "/x", 0, 2)]


def test_nothing_is_counted_of_nothing() -> None:
    assert counted("page", "page_view") == []
    assert counted("page", "page_view", {"page": None}) == []


def test_every_ranking_names_columns_that_there_are() -> None:
    assert list(all_rankings()) == ["page", "talker", "rejected_port", "error_path"]
    for ranking in all_rankings().values():
        assert ranking.parts
        for name, part in ranking.parts.items():
            table = all_tables()[name]
            assert all(each in table for each in (part.key, *(part.kinds or ())))
            assert not part.measure or table[part.measure].type is Type.INT64
            assert counted(ranking.name, name) == []


def test_a_ranking_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="by page, talker, rejected_port, error_path"):
        find_ranking("pages")


def test_sums_beyond_all_numbers_stop_at_the_most_that_counts() -> None:
    flows = [{"srcaddr": "a", "bytes": 10**18 - 1, "action": "ACCEPT"}] * 19
    flows += [{"srcaddr": "b", "bytes": 2**52, "action": "ACCEPT"}] * 2
    flows += [{"srcaddr": "c", "bytes": each, "action": "ACCEPT"} for each in (2**53 - 3, 1)]
    assert counted("talker", "vpc_flow", *flows) == [
        (0, "a", 0, 2**53 - 1),
        (0, "b", 0, 2**53 - 1),
        (0, "c", 0, 2**53 - 2),
    ]


def test_rows_may_count_that_come_in_time_and_are_not_left_out() -> None:
    ranking = find_ranking("rejected_port")
    late = {"dstport": 1, "action": "REJECT", "ingest_time": NOON_MS + 30 * 60_000 + 1}
    some = rows(
        "vpc_flow",
        {"dstport": 1, "action": "REJECT"},
        {"dstport": 1, "action": "ACCEPT"},
        {"dstport": 1, "action": None},
        late,
    )
    mask = may_count(ranking, ranking.parts["vpc_flow"], some)
    assert mask.tolist() == [True, False, False, False]


def test_a_long_title_is_cut() -> None:
    part = find_ranking("page").parts["page_view"]
    some = rows("page_view", {"page": "/", "title": "\u00e9" * 60_000})
    assert titles_of(part, some) == {"/": "\u00e9" * LONGEST_TITLE}
