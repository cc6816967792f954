"""Page views from a request at API Gateway to rows, without a function on the way in."""

import base64
import json
import re
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from pipeline.beacon import FORM, JSON, PIXEL, TEXT
from pipeline.web.views import SCRIPT
from tests.e2e.cloud import Cloud, until
from tests.e2e.stages import Further

TITLES = [
    "'single' \"double\"",
    "Grüße \U0001f600",
    "$input.body ${q} #set($q = 1) #end",
    "\\' \n\t",
]


@pytest.fixture(scope="session")
def gateway(further: Further) -> Cloud:
    """A stage that takes page views, and counts none."""
    return keyed(further.stage("views", ViewsPerSecond="100", RankingsPerSecond="0", LogGroups=""))


def keyed(stage: Cloud) -> Cloud:
    """The same with a key of visitors: MiniStack makes it of all characters that there are."""
    stage.client("secretsmanager").put_secret_value(
        SecretId=f"tailrace-{stage.name}-visitors", SecretString="0123456789abcdef" * 4
    )
    return stage


def address(stage: Cloud, path: str) -> str:
    """Where the emulator has what the stack says of AWS."""
    url = urlsplit(stage.outputs["ViewsUrl"])
    api = (url.hostname or "").partition(".")[0]
    return f"{stage.running.endpoint}/_aws/execute-api/{api}{url.path}{path}"


def post(stage: Cloud, body: bytes, kind: str) -> httpx.Response:
    return httpx.post(address(stage, "/views"), content=body, headers={"content-type": kind})


def view(title: str, **more: Any) -> dict[str, Any]:
    return {"path": "/news", "title": title, "ts": round(time.time() * 1000)} | more


@pytest.mark.needs("views.gateway")
def test_what_a_page_sends_becomes_rows_that_say_it(target: Cloud, gateway: Cloud) -> None:
    sent = [view(title, event_id=str(uuid4())) for title in TITLES]
    for each in sent[:2]:
        assert post(gateway, json.dumps(each, ensure_ascii=False).encode(), JSON).status_code == 204
    taken = post(gateway, json.dumps(sent[2:]).encode(), TEXT)
    assert (taken.status_code, taken.content) == (204, b"")
    assert taken.headers["access-control-allow-origin"] == "*"
    assert post(gateway, json.dumps({"title": "without a path"}).encode(), TEXT).status_code == 204
    rows = until(
        lambda: found if len(found := gateway.landed("page_view")) >= 4 else None, "rows of views"
    )
    # A title of several lines is one.
    titles = [re.sub(r"[\n\t]", "\N{REPLACEMENT CHARACTER}", title) for title in TITLES]
    assert sorted(row["title"] for row in rows) == sorted(titles)
    assert {row["event_id"] for row in rows} == {each["event_id"] for each in sent}
    assert len({row["visitor"] for row in rows}) == 1
    until(lambda: gateway.landed("reject") or None, "what was refused")
    kept = [*gateway.objects("LakeBucket").values(), *gateway.objects("QuarantineBucket").values()]
    assert not [each for each in kept if b"127.0.0.1" in each]


def titled(stage: Cloud, *titles: str) -> bool | None:
    """Whether there are rows with these titles."""
    return True if set(titles) <= {row["title"] for row in stage.landed("page_view")} else None


@pytest.mark.needs("views.image")
def test_an_image_tells_of_a_view(target: Cloud, gateway: Cloud) -> None:
    image = httpx.get(
        address(gateway, "/pixel.gif"),
        params={"path": "/image", "title": "an image"},
        headers={"accept": "image/avif,image/webp,*/*"},
    )
    assert (image.status_code, image.content) == (200, PIXEL)
    until(lambda: titled(gateway, "an image"), "a row of the image")


@pytest.mark.needs("views.bodies")
def test_a_body_is_what_its_type_says_and_not_too_long(target: Cloud, gateway: Cloud) -> None:
    assert post(gateway, b"path=%2Fform&title=a+form", FORM).status_code == 204
    assert post(gateway, b"no view", TEXT).status_code == 204
    text = json.dumps(view("with a charset")).encode()
    assert post(gateway, text, f"{TEXT};charset=UTF-8").status_code == 204
    until(lambda: titled(gateway, "a form", "with a charset"), "rows of both")
    assert post(gateway, json.dumps(view("x" * 8_200)).encode(), TEXT).status_code == 400


@pytest.mark.needs("views.gateway")
def test_what_is_none_is_refused_before_it_is_stored(target: Cloud, gateway: Cloud) -> None:
    assert post(gateway, b'"no view"', JSON).status_code == 400
    assert post(gateway, json.dumps(view("y")).encode(), "application/xml").status_code == 415


@pytest.mark.needs("views.gateway")
def test_a_page_of_another_site_is_told_that_it_may(target: Cloud, gateway: Cloud) -> None:
    asked = httpx.options(address(gateway, "/views"), headers={"origin": "https://heron.example"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "POST"


@pytest.mark.needs("views.gateway")
def test_a_page_loads_the_script_from_where_views_go(target: Cloud, gateway: Cloud) -> None:
    found = httpx.get(address(gateway, "/tailrace.js"), headers={"accept": "*/*"})
    assert (found.status_code, found.text.strip()) == (200, SCRIPT.read_text("utf-8").strip())
    assert found.headers["content-type"].startswith("text/javascript")


@pytest.fixture(scope="session")
def ranked(further: Further) -> Cloud:
    """A stage that counts page views."""
    return keyed(further.stage("ranked", ViewsPerSecond="100", LogGroups=""))


def put(stage: Cloud, *views: dict[str, Any]) -> None:
    """Put views into the stream as API Gateway does."""
    for each in views:
        body = base64.b64encode(json.dumps(each).encode()).decode()
        told = {"at": round(time.time() * 1000), "id": str(uuid4()), "ip": "192.0.2.7"}
        data = json.dumps({**told, "kind": TEXT, "body": body}).encode()
        stage.client("kinesis").put_record(
            StreamName=f"tailrace-{stage.name}-views", Data=data, PartitionKey=each["event_id"]
        )


def asked(stage: Cloud, **given: str) -> dict[str, Any]:
    """What the ranking's function answers to API Gateway."""
    event = {"headers": {}, "multiValueQueryStringParameters": {k: [v] for k, v in given.items()}}
    called = stage.client("lambda").invoke(
        FunctionName=f"tailrace-{stage.name}-ranking", Payload=json.dumps(event).encode()
    )
    answer = json.loads(called["Payload"].read())
    assert answer["statusCode"] == 200, answer
    found: dict[str, Any] = json.loads(answer["body"])
    return found


@pytest.mark.needs("views.ranking")
def test_views_are_counted_once_and_the_ranking_says_how_often(
    target: Cloud, ranked: Cloud
) -> None:
    seen = [view("one", event_id=str(uuid4())) for _ in range(3)]
    other = view("two", path="/other", event_id=str(uuid4()))
    put(ranked, *seen, other, seen[0])
    until(
        lambda: True if asked(ranked, window="60m")["total"] >= 4 else None, "views in the ranking"
    )
    rows = until(
        lambda: found if len(found := ranked.landed("page_view")) >= 5 else None, "rows of views"
    )
    assert {row["event_id"] for row in rows} == {each["event_id"] for each in (*seen, other)}
    told = asked(ranked, window="60m", k="10")["items"]
    assert [(each["key"], each["title"], each["count"]) for each in told] == [
        ("/news", "one", 3),
        ("/other", "two", 1),
    ]
    # What a schedule does in a minute: the answer stays as it is.
    ranked.client("lambda").invoke(FunctionName=f"tailrace-{ranked.name}-counters", Payload=b"{}")
    assert asked(ranked, window="60m", k="10")["items"] == told


@pytest.mark.needs("views.ranking")
def test_the_ranking_is_answered_behind_the_address_of_views(target: Cloud, ranked: Cloud) -> None:
    put(ranked, view("one", event_id=str(uuid4())))
    until(lambda: True if asked(ranked, window="60m")["total"] else None, "a view in the ranking")
    where, given = address(ranked, "/ranking"), {"window": "60m", "k": "1"}
    found = httpx.get(where, params=given)
    assert (found.status_code, found.headers["content-type"]) == (200, "application/json")
    assert found.json()["items"] == asked(ranked, **given)["items"]
    again = httpx.get(where, params=given, headers={"if-none-match": found.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(where, params={"by": "nothing"}).status_code == 400


@pytest.mark.needs("views.ranking")
def test_the_doctor_says_up_to_when_views_are_counted(target: Cloud, ranked: Cloud) -> None:
    put(ranked, view("one", event_id=str(uuid4())))
    until(lambda: True if asked(ranked, window="60m")["total"] else None, "a view in the ranking")
    said = ranked.tailrace("doctor", "--stage", ranked.name, "--silence-ok").out
    assert "✓ counters" in said
