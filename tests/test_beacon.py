"""What a page sends becomes lines of a log, and says no more than the page and the server know."""

import json

import pytest

from pipeline.batch import read
from pipeline.batch.context import context_of
from pipeline.beacon import (
    FORM,
    JSON,
    MOST_BYTES,
    MOST_DEPTH,
    TEXT,
    Seen,
    lines_of,
    salt_of,
    views_of,
    visitor,
)
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.sources import find
from pipeline.triggers import http_body

NOON_MS = 1_795_608_000_000
SEEN = Seen(NOON_MS, "203.0.113.9", "curl/8.5.0", "CH")
KEY = bytes(range(32))
VIEW = b'{"path": "/news", "ts": 1795608000}'


@pytest.mark.parametrize(
    ("body", "kind", "paths"),
    [
        (VIEW, JSON, ["/news"]),
        (VIEW, TEXT, ["/news"]),
        (VIEW, FORM, ["/news"]),
        (b"[" + VIEW + b"," + VIEW + b"]", TEXT, ["/news", "/news"]),
        (b"path=%2Fa%20b&title=", FORM, ["/a b"]),
        (b'{"path": "/sch\\u00f6n\\n"}', JSON, ["/schön\n"]),
        (b"[]", JSON, []),
    ],
)
def test_a_body_holds_views(body: bytes, kind: str, paths: list[str]) -> None:
    assert [view["path"] for view in views_of(body, kind)] == paths


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"path=/news", TEXT),
        (b"{" + b" " * MOST_BYTES + b"}", JSON),
        (b"[" * 8_000, JSON),
        (b'{"path": "\xff"}', JSON),
        (b"path=%FF\xff", FORM),
        (b"a=1&" * 40, FORM),
        (b"[" + b"1," * 100 + b"1]", JSON),
    ],
)
def test_what_holds_none_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(UsageError):
        views_of(body, kind)


@pytest.mark.parametrize(("begin", "end"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_what_is_too_deep_is_refused_before_it_is_written(begin: bytes, end: bytes) -> None:
    for depth in (MOST_DEPTH + 1, *range(300, 1_100)):
        with pytest.raises(UsageError):
            views_of(begin * depth + b"1" + end * depth, JSON)
    views = views_of(begin * MOST_DEPTH + b"1" + end * MOST_DEPTH, JSON)
    assert len(lines_of(views, SEEN, KEY)) == 1


def test_a_line_says_what_the_server_knows_and_not_what_a_client_says_of_it() -> None:
    lied = {"path": "/", "server": {"at": 1, "visitor": "me"}, "visitor": "me"}
    (line,) = lines_of([lied], SEEN, KEY)
    assert b"\n" not in line
    assert json.loads(line) == {
        "path": "/",
        "visitor": "me",
        "server": {
            "at": NOON_MS,
            "visitor": visitor(SEEN, KEY),
            "user_agent": "curl/8.5.0",
            "country": "CH",
        },
    }
    assert b"203.0.113.9" not in line


def test_salts_of_a_key_are_the_same_for_a_day() -> None:
    day_ms = 86_400_000
    noon = salt_of(KEY, NOON_MS)
    assert noon == salt_of(KEY, NOON_MS + 3_600_000)
    assert len({noon, salt_of(KEY, NOON_MS + day_ms), salt_of(KEY[::-1], NOON_MS), KEY}) == 4


def test_a_visitor_is_the_same_under_a_salt_and_nobody_without_it_knows_whom() -> None:
    assert len(visitor(SEEN, KEY)) == 16
    assert visitor(SEEN, KEY) == visitor(Seen(NOON_MS + 3_600_000, *_who()), KEY)
    others = [
        visitor(Seen(NOON_MS, "203.0.113.10", "curl/8.5.0"), KEY),
        visitor(Seen(NOON_MS, "203.0.113.9", "curl/8.5.1"), KEY),
        visitor(SEEN, KEY[1:]),
    ]
    assert len({visitor(SEEN, KEY), *others}) == 4


def _who() -> tuple[str, str]:
    return SEEN.address, SEEN.agent


def test_every_view_of_a_body_is_a_row_or_a_reject() -> None:
    body = b'[{"path": "/a", "ts": 1795608000}, 7, {"path": "b"}, {"path": "/c"}, null]'
    lines = b"\n".join(lines_of(views_of(body, JSON), SEEN, KEY))
    reading = read([http_body(lines, "1", NOON_MS)], find("page-view"), context_of(Settings()))
    assert reading.parsed.rows["page"].to_pylist() == ["/a", "/c"]
    assert reading.parsed.rows["visitor"].to_pylist() == [visitor(SEEN, KEY)] * 2
    assert [(refusal.line, str(refusal.reason)) for refusal in reading.refusals] == [
        (1, "json"),
        (2, "value"),
        (4, "json"),
    ]


def test_ids_that_are_made_to_look_alike_are_events_of_their_own() -> None:
    ids = ["00000000-0000-4000-8000-000000000000", "00000000-0000-4001-8000-000000000001"]
    views = [{"path": "/a", "event_id": each} for each in [*ids, ids[0].upper(), "none"]]
    lines = b"\n".join(lines_of(views, SEEN, KEY))
    reading = read([http_body(lines, "1", NOON_MS)], find("page-view"), context_of(Settings()))
    first, second, again, other = reading.parsed.record_id.tolist()
    assert (first == again, len({first, second, other})) == (True, 3)
