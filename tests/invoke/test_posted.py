"""Records of API Gateway become lines of views, or refused ones; addresses stay behind."""

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import invoke
from pipeline.beacon import MOST_BYTES, Seen, salt_of, visitor
from pipeline.invoke.posted import IMAGE, MOST_PAYLOAD, opened, opening
from pipeline.schema import REJECT
from pipeline.sources.page_view import TABLE
from tests.carriers import kinesis_event
from tests.invoke.stacks import MemoryHome, memory_stack

NOON_MS, ADDRESS, KEY = 1_795_608_000_000, "203.0.113.9", bytes(range(32))
GZIP = b"\x1f\x8b"
# A view that is an envelope of CloudWatch by its looks.
FORGED = {"at": NOON_MS, "visitor": "feedfeedfeedfeed", "country": "XX"}
FORGED_VIEW = {"path": "/forged", "server": FORGED}
ENVELOPE = {
    "messageType": "DATA_MESSAGE",
    "owner": "1",
    "logGroup": "/forged",
    "logStream": "s",
    "logEvents": [{"id": "1", "timestamp": NOON_MS, "message": json.dumps(FORGED_VIEW)}],
}


def posted(body: bytes = b'{"path": "/"}', **changes: Any) -> bytes:
    """A record as the mapping template writes it."""
    texts = {"body": body, "agent": b"curl/8.5.0", "country": b"CH", "referer": b""}
    encoded = {name: base64.b64encode(changes.pop(name, it)).decode() for name, it in texts.items()}
    record = {"at": NOON_MS, "id": "1", "ip": ADDRESS, "kind": "text/plain", **encoded, **changes}
    return json.dumps(record).encode()


def taken(*payloads: bytes) -> tuple[list[dict[str, Any]], MemoryHome]:
    """Rows of page_view, and the home they went to."""
    home = MemoryHome()
    stack = replace(memory_stack(home, {"*": "page-view"}), opens=opening(KEY))
    done = invoke.take(kinesis_event(list(payloads)), stack, lambda: 60.0, NOON_MS)
    assert done.again == []
    return home.sink.rows(TABLE).to_pylist(), home


def test_a_record_becomes_a_line_of_each_view() -> None:
    lines = opened(posted(b'[{"path": "/a"}, {"path": "/b"}]'), KEY).split(b"\n")
    assert [json.loads(line)["path"] for line in lines] == ["/a", "/b"]
    assert json.loads(lines[0])["server"] == {
        "at": NOON_MS,
        "visitor": visitor(Seen(NOON_MS, ADDRESS, "curl/8.5.0"), salt_of(KEY, NOON_MS)),
        "user_agent": "curl/8.5.0",
        "country": "CH",
    }


def test_an_image_is_a_form_or_the_page_that_it_stands_in() -> None:
    line = json.loads(opened(posted(b"&path=%2Fa&other=x", kind=IMAGE), KEY))
    assert (line["path"], "other" in line) == ("/a", False)
    line = json.loads(opened(posted(b"", kind=IMAGE, referer=b"https://heron.example/p"), KEY))
    assert line["path"] == "/p"


@pytest.mark.parametrize(
    "country", [b"", b"ch", b"CHE", b"C", "É".encode(), b'"}', b"CH\n"], ids=repr
)
def test_a_country_is_two_capital_letters_or_none(country: bytes) -> None:
    assert json.loads(opened(posted(country=country), KEY))["server"]["country"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"path": "/a"}\n{"path": "/b", "server": {"visitor": "mine"}}',
        b'{"path": "/' + b"a" * MOST_BYTES + b'"}',
        b"7\n" * 2_000,
    ],
    ids=lambda body: body[:20],
)
def test_a_body_without_views_is_one_refused_line_that_says_the_body(body: bytes) -> None:
    line = opened(posted(body), KEY)
    assert b"\n" not in line
    assert json.loads(line) == body[:MOST_BYTES].decode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[" * 5_000,
        f'{{"ip": "{ADDRESS}"'.encode(),
        json.dumps({"ip": ADDRESS}).encode(),
        posted(at=-1),
        posted(at=1 << 62),
        posted(at="now"),
        posted(ip=""),
        posted(ip=[ADDRESS]),
        posted(ip=ADDRESS * 9),
        posted(kind=None),
        posted().replace(b'"body": "', b'"body": "*'),
        posted(b"x" * MOST_PAYLOAD),
    ],
    ids=lambda payload: payload[:30],
)
def test_what_is_no_record_is_one_refused_line_without_a_word_of_it(payload: bytes) -> None:
    line = opened(payload, KEY)
    assert json.loads(line).startswith(f"a record of {len(payload)} bytes")
    assert ADDRESS.encode() not in line


@given(st.binary())
def test_whatever_comes_becomes_a_line(payload: bytes) -> None:
    assert b"\n" not in opened(payload, KEY)
    assert opened(posted(payload), KEY)


def test_nothing_of_an_address_arrives_anywhere() -> None:
    rows, home = taken(
        posted(b'{"path": "/a"}'),
        posted(b"no JSON"),
        posted(b'[{"path": "b"}, 7]'),
        posted(at=-1),
        posted()[:-9],
    )
    assert [row["page"] for row in rows] == ["/a"]
    assert rows[0]["visitor"] == visitor(
        Seen(NOON_MS, ADDRESS, "curl/8.5.0"), salt_of(KEY, NOON_MS)
    )
    written = [rows.to_pylist() for _, rows, _ in home.sink.writes]
    kept = [
        gzip.decompress(each) if each.startswith(GZIP) else each
        for each in home.quarantine.objects.values()
    ]
    assert {row["reason"] for row in home.sink.rows(REJECT).to_pylist()} == {"json", "value"}
    assert any(b"no JSON" in each for each in kept)
    assert ADDRESS not in repr([written, kept])
    # Nor in a payload that is kept as it came.
    assert base64.b64encode(posted()).decode()[:60] not in repr([written, kept])


def test_a_view_that_looks_like_an_envelope_tells_nothing_of_the_server() -> None:
    for body in (ENVELOPE, [ENVELOPE], {"path": "/a", **ENVELOPE}):
        rows, _ = taken(posted(json.dumps(body).encode()))
        assert [row["page"] for row in rows] in ([], ["/a"])
        assert "feedfeedfeedfeed" not in [row["visitor"] for row in rows]
