"""Each saved query over fixed rows, its answer written by hand."""

import shutil

import pytest

from pipeline.enrich.networks import Networks
from pipeline.queries import load, parse, run
from tests.lake.days import compacted
from tests.queries.golden import flows, wide, wide_flows
from tests.queries.golden.answers import Golden, at, rows
from tests.queries.golden.conftest import MADE
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:05")
GOLDEN: Golden = dict(flows.GOLDEN)
for golden, _ in MADE.values():
    GOLDEN |= golden
# Of its answer the last column is a name that only the home knows.
REJECTS = "rejects"


@pytest.fixture
def asked(home_of, hour):
    def ask(name, **params):
        given = wide.ASKED.get(name, {}) | params
        return run(name, params=given, home=home_of(name), window=hour, now=NOW)

    return ask


def test_every_saved_query_has_a_golden_answer():
    assert set(GOLDEN) == set(load())
    told = [*flows.GOLDEN, *(name for golden, _ in MADE.values() for name in golden)]
    assert len(told) == len(GOLDEN)


@pytest.mark.parametrize("name", sorted(set(GOLDEN) - {REJECTS}))
def test_golden_answer(name, asked):
    assert rows(asked(name)) == [_near(row) for row in GOLDEN[name]]


@pytest.mark.parametrize("name", wide_flows.GOLDEN)
def test_golden_answer_where_gateways_stand_between(name, home_of, hour):
    params = wide_flows.ASKED.get(name, {})
    answer = run(name, params=params, home=home_of("nat_cost"), window=hour, now=NOW)
    assert rows(answer) == [_near(row) for row in wide_flows.GOLDEN[name]]


def test_every_query_of_flows_is_asked_of_both_homes():
    assert set(wide_flows.GOLDEN) == set(flows.GOLDEN) - {REJECTS}


def _near(row):
    return tuple(pytest.approx(each) if isinstance(each, float) else each for each in row)


@pytest.mark.parametrize("made", MADE)
def test_golden_answers_stay_when_their_home_is_compacted(made, home_of, hour, tmp_path):
    golden, _ = MADE[made]
    home = tmp_path / "home"
    shutil.copytree(home_of(next(iter(golden))), home)
    compacted(home)
    found = {}
    for name in golden:
        params = wide.ASKED.get(name, {})
        found[name] = rows(run(name, params=params, home=home, window=hour, now=NOW))
    # It asks of landing alone, which is empty then.
    emptied = {"duplicates": []} if "duplicates" in golden else {}
    assert found == {name: list(map(_near, told)) for name, told in golden.items()} | emptied


def test_rejects_are_counted_by_what_is_wrong_with_the_newest_example(home, asked):
    found = rows(asked(REJECTS))
    assert [row[:-1] for row in found] == GOLDEN[REJECTS]
    assert all((home / "quarantine" / row[-1]).is_file() for row in found)


@pytest.mark.parametrize("name", GOLDEN)
def test_columns_have_the_types_that_are_declared(name, home_of, hour):
    """As a text a query has no declaration: the types are those that the engine itself gave."""
    query = load()[name]
    shown = [(column.name, column.type) for column in query.columns]
    text = query.sql
    for parameter in query.params:
        kind = f"CAST('{parameter.default}' AS {parameter.type})"
        text = text.replace(f":{parameter.name}", "5" if parameter.type == "integer" else kind)
    if query.lookback:
        text = text.replace(":lookback_day", ":first_day").replace(":lookback_time", ":from_time")
    as_text = run(sql=text, home=home_of(name), window=hour, now=NOW)
    assert [(column.name, column.type) for column in as_text.columns] == shown


@pytest.mark.parametrize("name", [name for name, query in load().items() if "usd" in query.sql])
def test_a_price_is_a_factor(name, asked):
    """Twice the prices, twice the money; what is not money stays."""
    prices = [each for each in load()[name].params if each.price]
    doubled = {each.name: 2 * float(each.default) for each in prices}
    place = [column.name for column in load()[name].columns].index("usd")
    before = {row[:place]: row[place] for row in rows(asked(name))}
    after = {row[:place]: row[place] for row in rows(asked(name, **doubled))}
    assert after == {row: pytest.approx(2 * usd) for row, usd in before.items()}
    assert any(before.values())


def test_a_flow_that_only_its_target_rejects_counts_under_both_actions(home):
    window = parse(NOW, from_time="2026-11-25T14:20:30", to_time="2026-11-25T14:20:31")
    by_action = rows(run("traffic_by_action", home=home, window=window, now=NOW))
    assert [row[:4] for row in by_action] == [("ACCEPT", 1, 3, 180), ("REJECT", 1, 3, 180)]
    over_time = rows(run("traffic_over_time", home=home, window=window, now=NOW))
    assert over_time == [(at("14:20:00"), 180, 180, 1, 1)]


def test_a_gateway_is_counted_once_without_named_networks_too(tmp_path, hour):
    wide.make(tmp_path, Networks.of())
    for name in ("nat_cost", "s3_through_nat", "egress_internet", "egress_services"):
        found = rows(run(name, home=tmp_path, window=hour, now=NOW))
        assert found == list(map(_near, GOLDEN[name])), name


def test_the_port_that_is_named_is_the_one_that_was_tried_most(home_of, hour):
    answer = run("rejected_sources", home=home_of("cross_az"), window=hour, now=NOW)
    found = {row[0]: row[2:6] for row in rows(answer)}
    assert found["192.0.2.66"] == (4, 3389, 2, 2)
    assert found["192.0.2.68"] == (2, 40, 1, 2)


def test_bucket_of_an_hour_holds_the_whole_hour(asked):
    answer = asked("traffic_over_time", bucket="3600")
    assert rows(answer) == [(at("14:00:00"), 4280, 384, 5, 5)]


def test_a_source_and_a_port_leave_only_their_flows(asked):
    assert rows(asked("top_talkers", source="10.0.1.5"))[0][:5] == ("10.0.1.5", "web", 2, 14, 1600)
    assert [row[:2] for row in rows(asked("top_pairs", port="3306"))] == [("10.0.1.7", "10.0.2.8")]
    assert [row[0] for row in rows(asked("rejected_ports", port="23"))] == [23]
    (source,) = {row[0] for row in rows(asked("rejected_sources", port="23"))}
    assert [row[:4] for row in rows(asked("rejected_ports", source=source))][-1][:2] == (23, "TCP")
    over_time = rows(asked("traffic_over_time", source="10.0.1.7", port="3306", bucket=3600))
    assert over_time == [(at("14:00:00"), 180, 180, 1, 1)]


def test_pairs_that_were_rejected_are_told_when_asked_for(asked):
    refused = rows(asked("top_pairs", action="REJECT"))
    assert sum(row[4] for row in refused) == 5
    assert sum(row[6] for row in refused) == 384


def test_top_cuts_the_answer_but_not_the_shares(asked):
    assert rows(asked("top_talkers", top=1)) == GOLDEN["top_talkers"][:1]


def test_what_lost_most_comes_first_though_another_was_seen_later(asked):
    assert rows(asked("tgw_lost", top=1)) == GOLDEN["tgw_lost"][:1]
    assert max(row[-1] for row in GOLDEN["tgw_lost"]) > GOLDEN["tgw_lost"][0][-1]


def test_default_window_ends_now(home):
    answer = run("top_talkers", home=home, now=moment("2026-11-25T14:06:31"))
    assert [(row[0], row[4]) for row in rows(answer)] == [("10.0.1.5", 7777 + 1000 + 600)]
    assert answer.window.from_time == moment("2026-11-25T13:06:31")
