"""Each saved query over fixed rows, its answer written by hand."""

from datetime import datetime

import pytest

from pipeline.queries import load, parse, run
from tests.queries.conftest import BAD_ADDRESS
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:05")
ALL = 4280  # accepted bytes of the hour, each flow once


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-25T{time}")


GOLDEN = {
    "top_talkers": [
        ("52.94.76.1", None, 1, 6, 2400, 2400 / ALL),
        ("10.0.1.5", "web", 2, 14, 1600, 1600 / ALL),
        ("10.0.1.7", "web", 1, 3, 180, 180 / ALL),
        ("10.0.1.6", "web", 1, 1, 100, 100 / ALL),
    ],
    "top_pairs": [
        ("52.94.76.1", "10.0.1.5", "https", "ingress", 1, 6, 2400, 2400 / ALL),
        ("10.0.1.5", "10.0.2.9", "postgresql", "internal", 1, 10, 1000, 1000 / ALL),
        ("10.0.1.5", "52.94.76.1", "https", "egress", 1, 4, 600, 600 / ALL),
        ("10.0.1.7", "10.0.2.8", "mysql", "internal", 1, 3, 180, 180 / ALL),
        ("10.0.1.6", "10.0.2.9", "dns", "internal", 1, 1, 100, 100 / ALL),
    ],
    "rejected_ports": [
        (22, "TCP", "ssh", 3, 4, 2, 2, at("14:11:00"), at("14:12:00")),
        (23, "TCP", "telnet", 1, 1, 1, 1, at("14:13:00"), at("14:13:00")),
        (3306, "TCP", "mysql", 1, 3, 1, 1, at("14:20:30"), at("14:20:30")),
    ],
    "traffic_over_time": [
        (at("14:00:00"), 1000, 0, 1, 0),
        (at("14:05:00"), 3000, 0, 2, 0),
        (at("14:10:00"), 0, 204, 0, 4),
        (at("14:20:00"), 280, 180, 2, 1),
    ],
    "traffic_by_action": [
        ("ACCEPT", 5, 24, 4280, 4, 4280 / 4664),
        ("REJECT", 5, 8, 384, 3, 384 / 4664),
    ],
    "protocol_mix": [
        ("TCP", "https", 2, 3000, 3000 / ALL),
        ("TCP", "postgresql", 1, 1000, 1000 / ALL),
        ("TCP", "mysql", 1, 180, 180 / ALL),
        ("UDP", "dns", 1, 100, 100 / ALL),
    ],
    "flow_health": [
        ("1", "eni-c", 0, 1, 1, at("14:22:00"), 2280),
        ("1", "eni-b", 2, 0, 0, at("14:20:00"), 2400),
        ("1", "eni-a", 8, 0, 0, at("14:20:30"), 2370),
        ("1", "eni-d", 1, 0, 0, at("14:20:30"), 2370),
    ],
    "rejects": [
        ("vpc-flow", "field_count", 2, "1 field where the format has 13", at("14:40:00"), "third"),
        ("vpc-flow", "address", 1, "srcaddr: '10.0.1.999'", at("14:40:00"), BAD_ADDRESS),
        (
            "vpc-flow",
            "field_count",
            1,
            "2 fields where the format has 13",
            at("14:30:00"),
            "second one",
        ),
    ],
}


def rows(answer):
    return list(zip(*(column.to_pylist() for column in answer.table.columns), strict=True))


def test_every_saved_query_has_a_golden_answer():
    assert set(GOLDEN) == set(load())


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "rejects"])
def test_golden_answer(name, home, hour):
    answer = run(name, home=home, window=hour, now=NOW)
    assert rows(answer) == GOLDEN[name]


def test_rejects_are_counted_by_what_is_wrong_with_the_newest_example(home, hour):
    found = rows(run("rejects", home=home, window=hour, now=NOW))
    assert [row[:-1] for row in found] == GOLDEN["rejects"]
    assert all((home / "quarantine" / row[-1]).is_file() for row in found)


def test_a_flow_that_only_its_target_rejects_counts_under_both_actions(home):
    window = parse(NOW, from_time="2026-11-25T14:20:30", to_time="2026-11-25T14:20:31")
    by_action = rows(run("traffic_by_action", home=home, window=window, now=NOW))
    assert [row[:4] for row in by_action] == [("ACCEPT", 1, 3, 180), ("REJECT", 1, 3, 180)]
    over_time = rows(run("traffic_over_time", home=home, window=window, now=NOW))
    assert over_time == [(at("14:20:00"), 180, 180, 1, 1)]


@pytest.mark.parametrize("name", GOLDEN)
def test_answer_has_the_declared_columns_and_types(name, home, hour):
    answer = run(name, home=home, window=hour, now=NOW)
    shown = [(column.name, column.type) for column in load()[name].columns]
    # As a text it has no declaration: these are the types that the engine itself gave.
    text = load()[name].sql.replace(":top", "5").replace(":bucket", "5")
    as_text = run(sql=text, home=home, window=hour, now=NOW)
    assert [(column.name, column.type) for column in answer.columns] == shown
    assert [(column.name, column.type) for column in as_text.columns] == shown


def test_bucket_of_an_hour_holds_the_whole_hour(home, hour):
    answer = run("traffic-over-time", params={"bucket": "60"}, home=home, window=hour, now=NOW)
    assert rows(answer) == [(at("14:00:00"), 4280, 384, 5, 5)]


def test_top_cuts_the_answer_but_not_the_shares(home, hour):
    answer = run("top_talkers", params={"top": 1}, home=home, window=hour, now=NOW)
    assert rows(answer) == GOLDEN["top_talkers"][:1]


def test_default_window_ends_now(home):
    answer = run("top_talkers", home=home, now=moment("2026-11-25T14:06:31"))
    assert [(row[0], row[4]) for row in rows(answer)] == [("10.0.1.5", 7777 + 1000 + 600)]
    assert answer.window.from_time == moment("2026-11-25T13:06:31")
