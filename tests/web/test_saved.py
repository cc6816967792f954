"""GET /v1/queries: the saved queries over HTTP."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import QueryFailed
from pipeline.queries import catalogue, run
from tests.homes import flow, written
from tests.web.serving import Served, serving


@pytest.fixture(scope="module")
def asked(served: Served) -> Served:
    served.post(flow(77, int(time.time()) - 30))
    served.landed()
    return served


def test_all_saved_queries_are_listed(served: Served) -> None:
    listed = served.get("/v1/queries").json()["queries"]
    assert [each["name"] for each in listed] == list(catalogue.load())
    talkers = next(each for each in listed if each["name"] == "top_talkers")
    assert talkers["since"] == "1h"
    assert talkers["parameters"][2:] == [
        {
            "name": "top",
            "type": "integer",
            "default": "20",
            "least": 1,
            "most": 10_000,
            "doc": "rows at most",
        }
    ]
    assert talkers["columns"][0]["name"] == "srcaddr"


def test_an_answer_has_the_form_of_the_command_line(asked: Served) -> None:
    answer = asked.get("/v1/queries/traffic_by_action?since=5m").json()
    assert list(answer) == [
        *("name", "columns", "rows", "from", "to", "as_of", "seconds", "bytes_scanned", "engine")
    ]
    assert answer["name"] == "traffic_by_action"
    # Others send flows to this server, too.
    action, flows = answer["rows"][0][:2]
    assert (action, flows > 0) == ("ACCEPT", True)
    assert {"name": "flows", "type": "bigint", "unit": "flows"} in answer["columns"]
    assert answer["engine"] == "duckdb"


@pytest.mark.parametrize("name", ["top_talkers", "top-talkers"])
def test_either_form_of_a_name_is_known(asked: Served, name: str) -> None:
    assert asked.get(f"/v1/queries/{name}").status_code == 200


def test_a_window_and_parameters_are_obeyed(asked: Served) -> None:
    path = "/v1/queries/top_talkers?from=2014-12-14&to=2014-12-15&top=1"
    answer = asked.get(path).json()
    assert (answer["from"], answer["to"]) == ("2014-12-14T00:00:00Z", "2014-12-15T00:00:00Z")


@pytest.mark.parametrize("name", list(catalogue.load()))
def test_every_saved_query_is_answered(asked: Served, name: str) -> None:
    assert asked.get(f"/v1/queries/{name}").status_code == 200


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("since=soon", "not a length of time: 'soon'"),
        ("since=1h&from=2026-11-25", "since and from/to were both given"),
        ("to=2026-11-25", "to was given without from"),
        ("from=yesterday", "not a time: 'yesterday'"),
        ("from=2026-11-25&to=2026-11-24", "the window ends before it begins"),
        ("top=0", "parameter top of top_talkers is not a whole number from 1 to 10000: '0'"),
        ("top=1;drop", "is not a whole number"),
        ("tpo=1", "top_talkers has no parameter tpo"),
        ("top=1&top=2", "top was given twice"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(served: Served, words: str, what: str) -> None:
    response = served.get(f"/v1/queries/top_talkers?{words}")
    assert response.status_code == 400
    assert what in response.json()["error"]["what"]
    assert "--" not in response.text


@pytest.mark.parametrize("value", ["' OR 1=1 --", "1) UNION SELECT 1", "$1", ":top", "%27"])
def test_a_value_is_never_part_of_the_statement(served: Served, value: str) -> None:
    """S8: values are bound."""
    with served.client() as client:
        response = client.get("/v1/queries/top_talkers", params={"top": value})
    assert response.status_code == 400
    assert "whole number" in response.json()["error"]["what"]


def test_an_unknown_name_is_answered_with_the_nearest(served: Served) -> None:
    response = served.get("/v1/queries/top_talker")
    assert response.status_code == 404
    assert response.json()["error"] == {
        "what": "there is no query called top_talker",
        "where": "nearest: top_talkers, top_pairs, top_pages",
        "fix": "all of them: GET /v1/queries",
    }


def test_prices_are_those_of_the_settings_in_force(tmp_path: Path) -> None:
    config = written(tmp_path / "t.toml", b"[prices]\nnat = 0.5\n")
    lines = (
        f"eni-nat 10.0.0.5 10.0.9.4 41000 443 6 2 4000000 {int(time.time()) - 30} ACCEPT ingress"
        " 203.0.113.7\n"
    )
    header = (
        "interface-id srcaddr dstaddr srcport dstport protocol packets bytes end action"
        " flow-direction pkt-dstaddr instance-id\n"
    )
    body = (header + lines.replace("7\n", "7 -\n")).encode()
    with serving(tmp_path / "home", "--config", config) as running:
        assert running.post(body).status_code == 202
        running.landed()
        answer = running.get("/v1/queries/nat_cost").json()
        dearer = running.get("/v1/queries/nat_cost?usd_per_gb=2").json()
        listed = running.get("/v1/queries").json()["queries"]
    assert [row[-1] for row in answer["rows"]] == [0.004 * 0.5]
    assert [row[-1] for row in dearer["rows"]] == [0.004 * 2]
    described = next(each for each in listed if each["name"] == "nat_cost")
    assert (described["subject"], described["parameters"][0]["default"]) == ("cost", "0.5")


def test_a_home_without_rows_gives_an_empty_answer(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as running:
        answer = running.get("/v1/queries/top_talkers").json()
    assert answer["rows"] == []
    assert answer["as_of"] is None
    assert next(column["name"] for column in answer["columns"]) == "srcaddr"


def test_a_query_is_broken_off_when_it_has_lasted_too_long(served: Served) -> None:
    sql = (
        "SELECT count(*) FROM unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 10000)) b(y),"
        " unnest(sequence(1, 10000)) c(z) WHERE x * y * z % 7 = 3"
    )
    begun, now = time.monotonic(), datetime.now(UTC)

    def enough() -> bool:
        return time.monotonic() - begun > 0.3

    with pytest.raises(QueryFailed, match="took too long"):
        run(sql=sql, home=served.home, now=now, enough=enough)
    assert time.monotonic() - begun < 5


def test_an_error_is_no_copy_of_what_was_asked(served: Served) -> None:
    answer = served.get("/v1/queries/" + "x" * 50_000)
    assert answer.status_code == 404
    assert len(answer.content) < 10_000
    assert "characters)" in answer.json()["error"]["what"]
