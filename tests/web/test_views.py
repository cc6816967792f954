"""Pages say that they were viewed, and it is known at once what is hot."""

import gzip
import json
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.homes import ask, files_under
from tests.web.serving import Served, serving, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server over a home of its own."""
    with serving(tmp_path / "home") as running:
        yield running


def post(server: Served, body: object, **headers: str) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    with server.client() as client:
        return client.post("/v1/views", content=content, headers=named).status_code


def hot(server: Served, query: str = "") -> dict[str, int]:
    answer = server.get(f"/v1/ranking{query}")
    assert answer.status_code == 200, answer.text
    return {each["key"]: each["count"] for each in answer.json()["items"]}


def view(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "ts": int(time.time() * 1000), **more}


def test_views_are_ranked_at_once_and_become_rows(server: Served) -> None:
    assert post(server, view("/a", title="A"), content_type="application/json") == 204
    assert post(server, [view("/a"), view("/b"), view("no")], content_type="text/plain") == 204
    assert post(server, b"path=%2Fb", content_type="application/x-www-form-urlencoded") == 204
    assert server.get("/v1/pixel.gif?path=/b").headers["content-type"] == "image/gif"
    until(lambda: hot(server) == {"/b": 3, "/a": 2})
    first = server.get("/v1/ranking?k=1").json()
    assert (first["total"], first["items"][0]["rank"]) == (5, 1)
    assert server.get("/v1/ranking").json()["items"][1]["title"] == "A"
    server.landed()
    sql = "select page, count(*) from page_view group by page order by page"
    rows = ask(server.home, sql, "page_view")
    assert rows == [("/a", 2), ("/b", 3)]


def test_an_event_that_is_sent_again_counts_once(server: Served) -> None:
    sent = view("/a", event_id=str(uuid4()))
    for body in (sent, [sent, sent], {**sent, "ts": sent["ts"] - 1}):
        assert post(server, body) == 204
    assert post(server, view("/b")) == 204
    until(lambda: "/b" in hot(server))
    assert hot(server) == {"/a": 1, "/b": 1}


def test_a_view_that_looks_like_an_envelope_tells_nothing_of_the_server(server: Served) -> None:
    told = view("/forged", server={"at": int(time.time() * 1000), "visitor": "feed" * 4})
    events = [{"id": "1", "timestamp": told["ts"], "message": json.dumps(told)}]
    forged = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s"}
    assert post(server, {**forged, "logEvents": events}) == 204
    assert post(server, view("/b")) == 204
    until(lambda: "/b" in hot(server))
    assert hot(server) == {"/b": 1}


def test_no_address_is_kept_anywhere(server: Served) -> None:
    post(server, [view("/a"), view("refused")], user_agent="Example/1.0")
    until(lambda: hot(server) == {"/a": 1})
    server.landed()
    kept = [(server.home / path).read_bytes() for path in files_under(server.home)]
    kept += [gzip.decompress(each) for each in kept if each.startswith(b"\x1f\x8b")]
    assert not [each for each in kept if b"127.0.0.1" in each]
    assert stat.S_IMODE((server.home / "visitor.key").stat().st_mode) == 0o600


def test_pages_of_any_site_may_send_and_read_nothing_else(server: Served) -> None:
    origin = "https://news.example.com"
    with server.client() as client:
        sent = client.post("/v1/views", content=b'{"path": "/a"}', headers={"origin": origin})
        asked = client.options("/v1/views", headers={"origin": origin})
        logs = client.post("/v1/logs/app-log", content=b"x\n", headers={"origin": origin})
        ranking = client.get("/v1/ranking", headers={"origin": origin})
    assert (sent.status_code, asked.status_code, logs.status_code) == (204, 204, 403)
    assert sent.headers["access-control-allow-origin"] == "*"
    assert asked.headers["access-control-allow-headers"] == "content-type"
    assert "access-control-allow-origin" not in ranking.headers
    assert ranking.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"not json", {}, 400),
        (b"[" * 5_000, {}, 400),
        (b'{"path": "/a"}' + b" " * 8_192, {}, 413),
        (b'{"path": "/a"}', {"content_type": "multipart/form-data"}, 415),
        (b'{"path": "/a"}', {"content_encoding": "gzip"}, 415),
        (b"[" + b"{}," * 100 + b"{}]", {}, 400),
    ],
)
def test_what_holds_no_views_is_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert post(served, body, **headers) == status


@pytest.mark.parametrize(
    "query", ["?by=x", "?k=0", "?k=1&k=2", "?window=99m", "?x=1", "?prefix=%ff"]
)
def test_what_cannot_be_asked_of_a_ranking_is_refused(server: Served, query: str) -> None:
    assert server.get(f"/v1/ranking{query}").status_code == 400


def test_an_answer_that_the_caller_has_is_not_sent_again(server: Served) -> None:
    post(server, view("/a"))
    until(lambda: hot(server) == {"/a": 1})
    tag = server.get("/v1/ranking?window=60m").headers["etag"]
    with server.client() as client:
        again = client.get("/v1/ranking?window=60m", headers={"if-none-match": tag})
    # Unless a minute has begun in between.
    assert again.status_code == 304 or again.headers["etag"] != tag
    assert again.content == b"" or again.status_code == 200


def test_the_script_is_small_and_any_page_may_load_it(server: Served) -> None:
    answer = server.get("/v1/tailrace.js")
    assert len(gzip.compress(answer.content, 9)) <= 1024
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def delete(home: Path, name: str) -> None:
    for path in home.glob(f"{name}*"):
        path.unlink()


def test_counters_that_are_deleted_are_made_of_the_log_again(tmp_path: Path) -> None:
    sent = view("/a", event_id=str(uuid4()))
    with serving(tmp_path) as server:
        assert post(server, [sent, view("/b")]) == 204
        until(lambda: hot(server) == {"/a": 1, "/b": 1})
    delete(tmp_path, "ranking.db")
    with serving(tmp_path) as server:
        until(lambda: hot(server) == {"/a": 1, "/b": 1})
        assert post(server, [sent, view("/c")]) == 204
        until(lambda: hot(server) == {"/a": 1, "/b": 1, "/c": 1})
    assert "begin anew" not in server.said()


def test_counters_begin_anew_where_the_log_is_another_one(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        for _ in range(3):
            assert post(server, view("/a")) == 204
        until(lambda: hot(server) == {"/a": 3})
    for part in ("lake", "quarantine"):
        shutil.rmtree(tmp_path / part, ignore_errors=True)
    delete(tmp_path, "log.db")
    with serving(tmp_path) as server:
        assert hot(server) == {}
        assert post(server, view("/b")) == 204
        until(lambda: hot(server) == {"/b": 1})
    assert "rankings begin anew" in server.said()


@pytest.mark.parametrize("proxied", [True, False])
def test_who_views_is_whom_a_proxy_names_where_there_is_one(tmp_path: Path, proxied: bool) -> None:
    with serving(tmp_path / "home", *(["--behind-proxy"] if proxied else [])) as server:
        for named in ("192.0.2.1", "192.0.2.2", "192.0.2.9, 192.0.2.1"):
            assert post(server, view("/a"), x_forwarded_for=named) == 204
        server.landed()
        visitors = "select count(distinct visitor), count(*) from page_view"
        assert ask(server.home, visitors, "page_view") == [(2 if proxied else 1, 3)]
