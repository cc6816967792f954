"""GET /v1/ranking as API Gateway asks for it."""

import json
from typing import Any

import pytest

from pipeline.counters.proxy import answered
from pipeline.counters.warm import Warm
from tests.counters.account import Account, Refused
from tests.counters.test_counters import delta, of
from tests.counters.test_table import MINUTE, opened


def event(headers: dict[str, str] | None = None, **given: str | list[str]) -> dict[str, Any]:
    many = {name: [each] if isinstance(each, str) else each for name, each in given.items()}
    return {"headers": headers, "multiValueQueryStringParameters": many or None}


@pytest.fixture
def account() -> Account:
    made = Account()
    counts = of(MINUTE, **{"/a": 3, "/</script>": 1})
    opened(made).add(delta("", "1", counts, minute=MINUTE, titles={"/a": "A"}))
    return made


@pytest.fixture
def warm(account: Account) -> Warm:
    return Warm(opened(account), lambda: MINUTE * 60.0)


def test_a_ranking_is_answered_and_once_more_only_when_it_has_changed(
    account: Account, warm: Warm
) -> None:
    first = answered(event(k="1", by="page"), warm)
    assert (first["statusCode"], first["headers"]["cache-control"]) == (200, "public, max-age=1")
    told = json.loads(first["body"])
    assert [(each["key"], each["title"], each["count"]) for each in told["items"]] == [
        ("/a", "A", 3)
    ]
    tag = first["headers"]["etag"]
    again = answered(event({"If-None-Match": f"W/{tag}"}, k="1"), warm)
    assert (again["statusCode"], again["body"]) == (304, "")
    for each in (first, again):
        assert each["headers"]["access-control-allow-origin"] == "*"
    opened(account).add(delta("1", "2", of(MINUTE, **{"/a": 1}), minute=MINUTE))
    fresh = Warm(opened(account), warm.clock)
    assert answered(event({"if-none-match": tag}, k="1"), fresh)["statusCode"] == 200


def test_no_answer_holds_a_tag(warm: Warm) -> None:
    found = answered(event(), warm)
    assert "<" not in found["body"]
    assert json.loads(found["body"])["items"][1]["key"] == "/</script>"


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (event(by="pages"), "there is no ranking by 'pages'"),
        (event(by="talker"), "a deployed stack ranks pages alone"),
        (event(k=["1", "2"]), "a parameter was given twice"),
        (event(top="\n1"), "there is no parameter 'top'"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_json(
    warm: Warm, asked: dict[str, Any], what: str
) -> None:
    found = answered(asked, warm)
    assert (found["statusCode"], found["headers"]["content-type"]) == (400, "application/json")
    assert json.loads(found["body"])["error"]["what"] == what


def test_counters_that_cannot_be_read_are_told_and_read_later(account: Account, warm: Warm) -> None:
    def refuse(name: str) -> None:
        raise Refused("InternalServerError", "not now")

    account.before = refuse
    found = answered(event(), warm)
    assert (found["statusCode"], found["headers"]["retry-after"]) == (503, "5")
    error = json.loads(found["body"])["error"]
    assert error == {
        "what": "DynamoDB: not now",
        "where": "table counters",
        "fix": "run it again",
    }
    account.before = lambda name: None
    assert answered(event(), warm)["statusCode"] == 200
