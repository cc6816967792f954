"""Page views from a request at API Gateway to rows, without a function on the way in."""

import json
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from pipeline.beacon import FORM, JSON, PIXEL, TEXT
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
    """A stage that takes page views."""
    return further.stage("views", ViewsPerSecond="100", LogGroups="")


def address(stage: Cloud, path: str) -> str:
    """Where the emulator has what the stack says of AWS."""
    url = urlsplit(stage.outputs["ViewsUrl"])
    api = (url.hostname or "").partition(".")[0]
    return f"{stage.running.endpoint}/_aws/execute-api/{api}{url.path}{path}"


def post(stage: Cloud, body: bytes, kind: str) -> httpx.Response:
    return httpx.post(address(stage, "/views"), content=body, headers={"content-type": kind})


def view(title: str, **more: Any) -> dict[str, Any]:
    return {"path": "/news", "title": title, "ts": round(time.time() * 1000), **more}


@pytest.mark.needs("views.gateway")
def test_what_a_page_sends_becomes_rows_that_say_it(target: Cloud, gateway: Cloud) -> None:
    sent = [view(title, event_id=str(uuid4())) for title in TITLES]
    for each in sent[:2]:
        assert post(gateway, json.dumps(each, ensure_ascii=False).encode(), JSON).status_code == 204
    taken = post(gateway, json.dumps(sent[2:]).encode(), f"{TEXT};charset=UTF-8")
    assert (taken.status_code, taken.content) == (204, b"")
    assert taken.headers["access-control-allow-origin"] == "*"
    assert post(gateway, b"path=%2Fform&title=a+form", FORM).status_code == 204
    image = httpx.get(
        address(gateway, "/pixel.gif"),
        params={"path": "/image", "title": "an image"},
        headers={"accept": "image/avif,image/webp,*/*"},
    )
    assert (image.status_code, image.content) == (200, PIXEL)
    assert post(gateway, b"no view", TEXT).status_code == 204
    rows = until(
        lambda: found if len(found := gateway.landed("page_view")) >= 6 else None, "rows of views"
    )
    assert sorted(row["title"] for row in rows) == sorted([*TITLES, "a form", "an image"])
    assert {row["event_id"] for row in rows} == {*(each["event_id"] for each in sent), None}
    assert len({row["visitor"] for row in rows}) == 1
    until(lambda: gateway.landed("reject") or None, "what was refused")
    kept = [*gateway.objects("LakeBucket").values(), *gateway.objects("QuarantineBucket").values()]
    assert not [each for each in kept if b"127.0.0.1" in each]


@pytest.mark.needs("views.gateway")
def test_what_is_none_is_refused_before_it_is_stored(target: Cloud, gateway: Cloud) -> None:
    assert post(gateway, b"x" * 8_200, TEXT).status_code == 400
    assert post(gateway, b"<view/>", "application/xml").status_code == 415


@pytest.mark.needs("views.gateway")
def test_a_page_of_another_site_is_told_that_it_may(target: Cloud, gateway: Cloud) -> None:
    asked = httpx.options(address(gateway, "/views"), headers={"origin": "https://heron.example"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-methods"] == "POST"
